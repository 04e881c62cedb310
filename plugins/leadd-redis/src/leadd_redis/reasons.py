"""What went wrong with a server, in one sentence. Nothing here repeats a user name or a password."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from redis import exceptions

from leadd_redis.address import Address, Kind


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble. `is_away` where every other call would fare the same, so that none needs to try."""

    sort: str
    text: str
    is_away: bool = True


def trouble_of(error: BaseException, address: Address, limit_s: float) -> Trouble:
    """What an error of the client means. `limit_s` is how long an answer was waited for."""
    chain = list(_chain(error))
    for look in (_of_system, _of_server, _of_client):
        for each in chain:
            found = look(each, address)
            if found is not None:
                return found
    if any(isinstance(each, TimeoutError | exceptions.TimeoutError) for each in chain):
        perhaps = " (is it a server without TLS?)" if address.tls else ""
        return Trouble("silent", f"it does not answer within {limit_s:g} s{perhaps}")
    if any(isinstance(each, exceptions.ConnectionError | OSError) for each in chain):
        return Trouble("lost", "the connection was lost")
    return Trouble("other", f"it failed with {type(error).__name__}{_code(error)}", is_away=False)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 10:
        yield error
        error = error.__cause__ or error.__context__
        seen += 1


def _of_system(error: BaseException, address: Address) -> Trouble | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", "") or "it cannot be checked"
        return Trouble("certificate", f"its certificate is not trusted ({why}): see tls_cafile")
    if isinstance(error, ssl.SSLError):
        return Trouble("tls", "no TLS connection comes about: is it a server without TLS, or does it want tls_certfile?")
    if isinstance(error, socket.gaierror):
        return Trouble("unknown_host", "its name leads nowhere: is the host right?")
    if isinstance(error, ConnectionRefusedError):
        return Trouble("refused", "nothing listens there (connection refused): is Redis running?")
    if address.kind is Kind.UNIX and isinstance(error, FileNotFoundError):
        return Trouble("refused", "there is no such socket: is Redis running?")
    if address.kind is Kind.UNIX and isinstance(error, PermissionError):
        return Trouble("permission", "this user may not open the socket")
    if address.tls and isinstance(error, FileNotFoundError | PermissionError):
        return Trouble("tls_file", "a file of tls_cafile, tls_certfile or tls_keyfile cannot be read")
    return None


_BY_CODE: dict[str, Trouble] = {
    "NOAUTH": Trouble("no_login", "it wants a password: write it into the url, or name it in `password`"),
    "WRONGPASS": Trouble("wrong_login", "it refuses the user name or the password"),
    "NOPERM": Trouble("no_permission", "its user may not do what a cache does: see the plugin's README for the rights", False),
    "READONLY": Trouble("replica", "it is a read-only replica: answers are read and none is kept; name the primary", False),
    "OOM": Trouble("memory", "its memory is full: raise maxmemory, or set maxmemory-policy to allkeys-lru", False),
    "MISCONF": Trouble("disk", "it refuses writes since it cannot save to its disk (MISCONF)", False),
    "WRONGTYPE": Trouble("foreign", "another program keeps something else under leadd's keys: change `namespace`", False),
    "LOADING": Trouble("loading", "it is still loading its data"),
    "BUSY": Trouble("busy", "a script holds it up"),
    "MOVED": Trouble("cluster", "it is part of a cluster: write redis+cluster:// for redis://"),
    "ASK": Trouble("cluster", "it is part of a cluster: write redis+cluster:// for redis://"),
    "CLUSTERDOWN": Trouble("cluster_down", "the cluster is down: some of its keys have no server"),
    "MASTERDOWN": Trouble("replica", "it is a replica that has lost its primary"),
    "NOREPLICAS": Trouble("replicas", "it refuses writes since it has too few replicas", False),
}
_BY_WORDS: tuple[tuple[str, Trouble], ...] = (
    ("invalid username-password", _BY_CODE["WRONGPASS"]),
    ("invalid password", _BY_CODE["WRONGPASS"]),
    ("without any password configured", Trouble("wrong_login", "it has no password, and one is given: take it away")),
    ("authentication required", _BY_CODE["NOAUTH"]),
    ("db index is out of range", Trouble("no_db", "it has no database of this number")),
    ("invalid database", Trouble("no_db", "it has no database of this number")),
    ("select is not allowed in cluster", _BY_CODE["MOVED"]),
    ("cluster mode is not enabled", Trouble("no_cluster", "it is no cluster: write redis:// for redis+cluster://")),
    ("cluster support disabled", Trouble("no_cluster", "it is no cluster: write redis:// for redis+cluster://")),
    ("unknown command 'sentinel", Trouble("no_sentinel", "it is no sentinel: write redis:// for redis+sentinel://")),
    ("max number of clients", Trouble("crowded", "it has as many clients as it takes")),
    ("protocol error", Trouble("no_redis", "what answers there is no Redis")),
    ("-denied", Trouble("denied", "it is in protected mode and takes no client from another machine")),
)


def _of_server(error: BaseException, address: Address) -> Trouble | None:
    """By the server's own words."""
    if not isinstance(error, exceptions.RedisError | exceptions.RedisClusterException):
        return None
    typed: tuple[tuple[type[BaseException], str], ...] = (
        (exceptions.NoPermissionError, "NOPERM"),
        (exceptions.ReadOnlyError, "READONLY"),
        (exceptions.OutOfMemoryError, "OOM"),
        (exceptions.BusyLoadingError, "LOADING"),
        (exceptions.ClusterDownError, "CLUSTERDOWN"),
        (exceptions.AskError, "MOVED"),
    )
    for kind, code in typed:
        if isinstance(error, kind):
            return _BY_CODE[code]
    said = str(error)
    found = _BY_CODE.get(said.split(" ", 1)[0].rstrip(":"))
    if found is not None:
        return found
    folded = said.lower()
    return next((trouble for words, trouble in _BY_WORDS if words in folded), None)


def _of_client(error: BaseException, address: Address) -> Trouble | None:
    """By the client's kind of error, where the server said nothing."""
    kinds: tuple[tuple[Callable[[], bool], Trouble], ...] = (
        (lambda: isinstance(error, exceptions.AuthenticationError), _BY_CODE["WRONGPASS"]),
        (lambda: isinstance(error, exceptions.InvalidResponse), Trouble("no_redis", "what answers there is no Redis")),
        (
            lambda: type(error).__name__ == "MasterNotFoundError",
            Trouble("no_master", f"no sentinel that answers knows a primary of '{address.service}'"),
        ),
        (
            lambda: isinstance(error, exceptions.RedisClusterException) and not error.__cause__,
            Trouble("cluster_down", "no server of the cluster answers"),
        ),
    )
    return next((trouble for fits, trouble in kinds if fits()), None)


def _code(error: BaseException) -> str:
    """The server's short name of an error, such as ` (ERR)`."""
    word = str(error).split(" ", 1)[0].rstrip(":")
    return f" ({word})" if word.isascii() and word.isupper() and word.isalpha() and len(word) <= 20 else ""
