"""Where a Redis is, read out of its URL. No message and no text form repeats a password."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PORT = 6379
SENTINEL_PORT = 26379
EXAMPLES = (
    "redis://host:6379/0, rediss://host:6379/0, unix:///path/to/redis.sock, "
    "redis+sentinel://host1,host2/service/0 or redis+cluster://host1,host2"
)
_TAKEN = frozenset(
    {
        "db", "username", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname",
    }
)  # fmt: skip
_LEFT_OUT = frozenset(
    {
        "client_name", "decode_responses", "encoding", "encoding_errors", "health_check_interval", "max_connections",
        "protocol", "retry_on_timeout", "socket_connect_timeout", "socket_keepalive", "socket_timeout", "timeout",
    }
)  # fmt: skip
"""What other programs write into the same URL, and what leadd decides for itself."""


class Kind(StrEnum):
    """How many servers there are, and who knows which one to ask."""

    ONE = "one"
    UNIX = "unix"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_SCHEMES: Mapping[str, tuple[Kind, bool]] = {
    "redis": (Kind.ONE, False),
    "rediss": (Kind.ONE, True),
    "unix": (Kind.UNIX, False),
    "redis+sentinel": (Kind.SENTINEL, False),
    "rediss+sentinel": (Kind.SENTINEL, True),
    "redis+cluster": (Kind.CLUSTER, False),
    "rediss+cluster": (Kind.CLUSTER, True),
}


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in parts. Its text form has no user, no password and no options."""

    kind: Kind = Kind.ONE
    hosts: tuple[tuple[str, int], ...] = (("localhost", PORT),)
    tls: bool = False
    db: int = 0
    path: str = ""
    """The socket of `unix://`."""
    service: str = ""
    """The name under which the sentinels know the servers."""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""
    verify: bool | None = None
    """False takes any certificate; None where the URL does not say."""
    check_hostname: bool | None = None

    def __str__(self) -> str:
        scheme = next(name for name, known in _SCHEMES.items() if known == (self.kind, self.tls))
        if self.kind is Kind.UNIX:
            return f"unix://{self.path}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        tail = {Kind.ONE: f"/{self.db}", Kind.SENTINEL: f"/{self.service}/{self.db}"}.get(self.kind, "")
        return f"{scheme}://{hosts}{tail}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address in a URL. Raises ValueError, which never repeats what stood there: a password may be in it."""
        try:
            parts = urlsplit(text.strip())
        except ValueError:
            raise ValueError(f"it cannot be read as an address; allowed: {EXAMPLES}") from None
        known = _SCHEMES.get(parts.scheme.lower())
        if known is None or "://" not in text:
            raise ValueError(f"it does not begin like the address of a Redis; allowed: {EXAMPLES}")
        if parts.fragment or "#" in text:
            raise ValueError("it holds a '#': in a user name or a password write %23 for it")
        kind, tls = known
        login, _, places = parts.netloc.rpartition("@")
        options = _options(parts.query)
        user, _, password = login.partition(":")
        made: dict[str, Any] = {
            "username": unquote(user) or options.get("username", ""),
            "password": unquote(password) or options.get("password", ""),
            "cafile": options.get("ssl_ca_certs", ""),
            "certfile": options.get("ssl_certfile", ""),
            "keyfile": options.get("ssl_keyfile", ""),
            "verify": _flag(options.get("ssl_cert_reqs"), no=("none", "cert_none", "optional", "cert_optional", "false")),
            "check_hostname": _flag(options.get("ssl_check_hostname"), no=("false", "no", "0")),
        }
        return cls(kind=kind, tls=tls, **made, **_PLACES[kind](parts, places, options))


def _options(query: str) -> dict[str, str]:
    found = dict(parse_qsl(query, keep_blank_values=True))
    if set(found) - _TAKEN - _LEFT_OUT:
        # the name is not repeated: with a '?' in a password it would be half of it
        raise ValueError(f"after the '?' stands what is no option; allowed: {', '.join(sorted(_TAKEN))}")
    return {name: value for name, value in found.items() if name in _TAKEN}


def _flag(text: str | None, *, no: tuple[str, ...]) -> bool | None:
    return None if text is None else text.strip().lower() not in no


def _hosts(places: str, port: int) -> tuple[tuple[str, int], ...]:
    return tuple(_host(place.strip(), port) for place in places.split(",") if place.strip()) or (("localhost", port),)


def _host(place: str, port: int) -> tuple[str, int]:
    host, _, after = place.partition("]") if place.startswith("[") else (place.partition(":")[0], "", place)
    said = after.rpartition(":")[2] if ":" in after else ""
    if not place.startswith("[") and place.count(":") > 1:
        raise ValueError("an address of many colons stands in brackets, like redis://[::1]:6379/0")
    if not said:
        return host.strip("[") or "localhost", port
    if not said.isdecimal() or not said.isascii() or not 0 < int(said) < 65_536:
        raise ValueError("the port is no number from 1 to 65535 (in a password write %2F for '/', %3A for ':', %40 for '@')")
    return host.strip("[") or "localhost", int(said)


def _db(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or not text.isascii() or len(text) > 6:
        raise ValueError("the number of the database, after the '/', is no number (in a password write %2F for '/')")
    return int(text)


def _one(parts: SplitResult, places: str, options: Mapping[str, str]) -> dict[str, Any]:
    hosts = _hosts(places, PORT)
    if len(hosts) > 1:
        raise ValueError("it names several hosts; allowed: one, or redis+sentinel:// or redis+cluster://")
    return {"hosts": hosts, "db": _db(options.get("db") or parts.path.strip("/"))}


def _unix(parts: SplitResult, places: str, options: Mapping[str, str]) -> dict[str, Any]:
    if not parts.path.startswith("/") or places:
        raise ValueError("the path of the socket begins with '/', like unix:///run/redis/redis.sock?db=0")
    return {"hosts": (), "path": unquote(parts.path), "db": _db(options.get("db", ""))}


def _sentinel(parts: SplitResult, places: str, options: Mapping[str, str]) -> dict[str, Any]:
    service, _, db = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("the name of the service is missing, like redis+sentinel://host1:26379,host2:26379/service/0")
    return {"hosts": _hosts(places, SENTINEL_PORT), "service": unquote(service), "db": _db(options.get("db") or db)}


def _cluster(parts: SplitResult, places: str, options: Mapping[str, str]) -> dict[str, Any]:
    if _db(options.get("db") or parts.path.strip("/")):
        raise ValueError("a cluster has the database 0 only")
    return {"hosts": _hosts(places, PORT)}


_PLACES: Mapping[Kind, Callable[[SplitResult, str, Mapping[str, str]], dict[str, Any]]] = {
    Kind.ONE: _one,
    Kind.UNIX: _unix,
    Kind.SENTINEL: _sentinel,
    Kind.CLUSTER: _cluster,
}
