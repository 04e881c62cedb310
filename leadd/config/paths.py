"""Where leadd keeps its files. Cheap to import: the command line needs these paths before it needs anything else.

This module imports nothing but what the interpreter has loaded anyway; pathlib alone costs about 10 ms, platformdirs as
much again, so both are fetched by the calls that need them.
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False  # typing itself costs 10 ms; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

_FIELDS = (
    "config_file",
    "data_folder",
    "state_folder",
    "runtime_folder",
    "plugins_folder",
    "prompts_folder",
    "inbox_folder",
    "database_file",
    "socket_file",
)
_SOCKET_PATH_BYTES = 100
"""A Unix socket's path is cut at 108 bytes on Linux and 104 on macOS; a longer one cannot be bound."""


class Paths:
    """The files and folders of one leadd. Nothing is created here; `make_private_folder` does that for those who write."""

    __slots__ = _FIELDS

    config_file: Path
    data_folder: Path
    state_folder: Path
    runtime_folder: Path
    plugins_folder: Path
    prompts_folder: Path
    inbox_folder: Path
    database_file: Path
    socket_file: Path

    def __init__(
        self,
        *,
        config_file: Path,
        data_folder: Path,
        state_folder: Path,
        runtime_folder: Path,
        plugins_folder: Path,
        prompts_folder: Path,
        inbox_folder: Path,
        database_file: Path | None = None,
        socket_file: Path | None = None,
    ) -> None:
        self.config_file = config_file
        self.data_folder = data_folder
        self.state_folder = state_folder
        self.runtime_folder = runtime_folder
        self.plugins_folder = plugins_folder
        self.prompts_folder = prompts_folder
        self.inbox_folder = inbox_folder
        self.database_file = database_file or data_folder / "leadd.db"
        self.socket_file = socket_file or runtime_folder / "leadd.sock"

    @property
    def cache_file(self) -> Path:
        """The sqlite cache; may be deleted at any time."""
        return self.data_folder / "cache.db"

    @property
    def token_file(self) -> Path:
        """The token of the TCP listener, mode 0600."""
        return self.data_folder / "token"

    @property
    def lock_file(self) -> Path:
        """Held locked while a daemon runs; names its pid, version and start time. Never unlinked."""
        return self.state_folder / "leadd.lock"

    @property
    def logs_folder(self) -> Path:
        """The log files."""
        return self.state_folder / "logs"

    @classmethod
    def under(cls, home: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None) -> Self:
        """All paths below one folder, as LEADD_HOME asks for."""
        base = _path(os.path.abspath(os.path.expanduser(home)))
        return cls(
            config_file=base / "leadd.yaml",
            data_folder=base / "data",
            state_folder=base / "state",
            runtime_folder=_short_enough(base / "run"),
            plugins_folder=base / "plugins",
            prompts_folder=base / "prompts",
            inbox_folder=base / "inbox",
        )._adjusted(environ or {})

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The paths in force: all below LEADD_HOME where it is set, else the usual folders of the system.

        LEADD_CONFIG names another settings file, LEADD__CONTROL__SOCKET another socket.
        """
        environ = os.environ if environ is None else environ
        home = environ.get("LEADD_HOME")
        if home:
            return cls.under(home, environ=environ)
        config, data, state = _system_folders()
        return cls(
            config_file=config / "leadd.yaml",
            data_folder=data,
            state_folder=state,
            # Not the session's runtime folder: that is removed at logout, and the daemon outlives the session.
            runtime_folder=_short_enough(state / "run"),
            plugins_folder=config / "plugins",
            prompts_folder=config / "prompts",
            inbox_folder=data / "inbox",
        )._adjusted(environ)

    def replace(self, **changes: Path) -> Self:
        """The same paths with some of them changed; database and cache follow `data_folder`, the socket `runtime_folder`."""
        values = {name: getattr(self, name) for name in _FIELDS}
        if "data_folder" in changes and self.database_file == self.data_folder / "leadd.db":
            del values["database_file"]
        if "runtime_folder" in changes and self.socket_file == self.runtime_folder / "leadd.sock":
            del values["socket_file"]
        return type(self)(**{**values, **changes})

    def as_dict(self) -> dict[str, str]:
        """Name to path, as text, for `leadd config path` and `status --json`."""
        return {name: str(getattr(self, name)) for name in _FIELDS}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Paths) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.as_dict().values()))

    def __repr__(self) -> str:
        return f"Paths({', '.join(f'{name}={text!r}' for name, text in self.as_dict().items())})"

    def _adjusted(self, environ: Mapping[str, str]) -> Self:
        changes = {}
        if environ.get("LEADD_CONFIG"):
            changes["config_file"] = _path(os.path.abspath(os.path.expanduser(environ["LEADD_CONFIG"])))
        if environ.get("LEADD__CONTROL__SOCKET"):
            changes["socket_file"] = _path(os.path.abspath(os.path.expanduser(environ["LEADD__CONTROL__SOCKET"])))
        return self.replace(**changes) if changes else self


class NotPrivate(Exception):
    """A folder that leadd must have to itself belongs to someone else, or is not a folder."""


def make_private_folder(folder: Path) -> None:
    """Make sure that `folder` exists, is ours and has mode 0700 from the moment it exists.

    Raises NotPrivate where another user owns it or a link stands in its place (someone was there first, as can happen in a
    shared folder for temporary files), OSError where it cannot be made.
    """
    if not os.path.isdir(folder.parent):
        make_private_folder(folder.parent)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not os.path.lexists(folder):
            raise
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        raise NotPrivate(f"{folder} is not a folder")
    if sys.platform == "win32":
        return
    if found.st_uid != os.getuid():
        raise NotPrivate(f"{folder} belongs to another user")
    if found.st_mode & stat.S_IWOTH:
        raise NotPrivate(f"{folder} is shared: every user may write in it")
    if stat.S_IMODE(found.st_mode) != 0o700:
        os.chmod(folder, 0o700)


def _path(text: str) -> Path:
    from pathlib import Path  # noqa: PLC0415 - see the head of this module

    return Path(text)


def _system_folders() -> tuple[Path, Path, Path]:
    import platformdirs  # noqa: PLC0415 - see the head of this module

    found = platformdirs.PlatformDirs("leadd", appauthor=False)
    return found.user_config_path, found.user_data_path, found.user_state_path


def _short_enough(folder: Path) -> Path:
    """`folder`, or one of a short name made from it where a socket in it could not be bound."""
    if sys.platform == "win32" or len(os.fsencode(folder / "leadd.sock")) <= _SOCKET_PATH_BYTES:
        return folder
    return _path(f"/tmp/leadd-{os.getuid()}-{_checksum(os.fsencode(folder)):08x}")


def _checksum(data: bytes) -> int:
    """32-bit FNV-1a; hashlib and zlib are libraries of their own to load."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
