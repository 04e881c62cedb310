"""Opening the two listeners: the Unix socket, private from the moment it exists, and the TCP port."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from leadd.config.paths import NotPrivate, make_private_folder

MAX_PATH_BYTES = 103
"""What fits into sun_path on every system (macOS: 104 with the zero at the end)."""

ANSWER_S = 1.0


class ListenError(Exception):
    """A listener that cannot be opened; the message names it, the hint says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class SocketTaken(ListenError):
    """Another process answers on the socket. It is never replaced."""


def bind_socket(path: Path, *, own_folder: bool = True) -> socket.socket:
    """A listening Unix socket: folder 0700, socket 0600 whatever the umask is.

    `own_folder`: the folder is leadd's alone, so its mode is set; any other must be private already.

    A socket file that nobody answers on is replaced. Raises SocketTaken where one answers, ListenError where the folder is
    not ours or not private, the path is too long, or something that is no socket lies there.
    """
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise ListenError(
            f"the path of the control socket is too long: {path}",
            f"at most {MAX_PATH_BYTES} bytes; set control.socket or a shorter LEADD_HOME",
        )
    try:
        _make_private(path.parent, own_folder)
        _clear_way(path)
        return _bind(path)
    except OSError as error:
        raise ListenError(f"the control socket {path} cannot be opened: {error.strerror or error}") from error


def _make_private(folder: Path, own: bool) -> None:
    try:
        if own or not folder.exists():
            make_private_folder(folder)
        state = folder.stat()
    except NotPrivate as error:
        raise ListenError(f"the control socket cannot be opened: {error}", "set control.socket") from error
    if state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise ListenError(
            f"other users of this machine can look into {folder}, where the control socket should be",
            "set control.socket to a path in a folder of its own (mode 0700)",
        )


def _clear_way(path: Path) -> None:
    """Remove what a killed daemon left behind, never a socket that answers, never a file that is no socket."""
    try:
        state = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(state.st_mode):
        raise ListenError(f"{path} exists and is no socket", "move it away, or set control.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            with suppress(FileNotFoundError):
                path.unlink()
            return
        except TimeoutError:
            # Its queue is full: somebody holds it open, however busy.
            pass
        except BlockingIOError:
            pass
    raise SocketTaken(f"another process answers on {path}", "leadd status shows which; leadd stop ends it")


def _bind(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # On Linux the file takes the mode of the descriptor, so there is no moment in which the umask decides; elsewhere
        # the folder, which is 0700, covers that moment. Nobody can connect before listen() in any case.
        with suppress(OSError):
            os.fchmod(sock.fileno(), 0o600)
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(128)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def bind_port(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises ListenError; where the port is taken it names the owner as far as /proc tells."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
    except (socket.gaierror, OSError) as error:
        raise ListenError(f"control.http.host '{host}' is no address of this machine: {error}") from error
    sock = socket.socket(family, kind, proto)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(128)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if error.errno != errno.EADDRINUSE:
            raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        owner = port_owner(port)
        by = f" by {owner}" if owner else ""
        raise ListenError(
            f"port {port} is taken{by}", "end that program or set control.http.port; the Unix socket works meanwhile"
        ) from error
    return sock


def port_owner(port: int, proc: Path = Path("/proc")) -> str | None:
    """Who listens on a TCP port, as 'name (pid 123)', or None where it cannot be known. Reads /proc, so Linux only."""
    inodes = _listening_inodes(port, proc)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in proc.iterdir():
        if folder.name.isdigit() and _holds(folder / "fd", wanted):
            with suppress(OSError):
                return f"{(folder / 'comm').read_text().strip()} (pid {folder.name})"
            return f"pid {folder.name}"
    return None


def _listening_inodes(port: int, proc: Path) -> set[str]:
    inodes: set[str] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes


def _holds(descriptors: Path, wanted: set[str]) -> bool:
    with suppress(OSError):
        for link in descriptors.iterdir():
            with suppress(OSError):
                if os.readlink(link) in wanted:
                    return True
    return False
