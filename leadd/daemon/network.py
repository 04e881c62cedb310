"""The lent HTTP session: capped, timed, and kept away from private addresses."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp

from leadd import __version__
from leadd.api import HttpReply, NeedsAttention, Reject, Retry

USER_AGENT = f"leadd/{__version__}"
MAX_HOPS = 5
REDIRECTS = {301, 302, 303, 307, 308}
RETRYABLE = {408, 409, 425, 429}

_DISGUISED = tuple(
    ipaddress.ip_network(n)
    # Networks that carry another address inside: is_global passes some of them, and a router may unwrap them.
    for n in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "192.88.99.0/24")
)


class PrivateAddress(OSError):
    """A name led to an address that is not public; nothing was sent."""


def is_public(address: str) -> bool:
    """True for an address of the open internet, however it is written down."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    if mapped is not None:
        ip = mapped
    if ip.is_multicast or any(ip in net for net in _DISGUISED if net.version == ip.version):
        return False
    return ip.is_global


def _guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    # Here and not in a resolver: aiohttp never asks a resolver about an address that is written as numbers.
    family, kind, proto, _, address = info
    if not is_public(str(address[0])):
        raise PrivateAddress(f"{address[0]} is not a public address")
    return socket.socket(family=family, type=kind, proto=proto)


class LentHttp:
    """What sources and sinks reach the network with; one for the whole daemon.

    Every hop of a redirect is checked again. `allow_private` names hosts that may be reached although they are private.
    """

    def __init__(self, *, allow_private: Sequence[str] = (), timeout_s: float = 30.0) -> None:
        self._allowed = {h.lower() for h in allow_private}
        self._timeout_s = timeout_s
        self._guarded: aiohttp.ClientSession | None = None
        self._free: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the sessions; nothing is connected yet."""
        common: dict[str, Any] = {
            "headers": {"User-Agent": USER_AGENT},
            "cookie_jar": aiohttp.DummyCookieJar(),
            "trust_env": False,
        }
        guard = aiohttp.TCPConnector(limit=16, limit_per_host=4, socket_factory=_guarded_socket)
        self._guarded = aiohttp.ClientSession(connector=guard, **common)
        self._free = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16, limit_per_host=4), **common)

    async def close(self) -> None:
        """Close all connections."""
        for session in (self._guarded, self._free):
            if session is not None:
                await session.close()
        self._guarded = self._free = None

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, max_bytes: int = 8_388_608, timeout_s: float = 30.0
    ) -> HttpReply:
        """Fetch, following at most five redirects."""
        hops: list[tuple[int, str]] = []
        for _ in range(MAX_HOPS + 1):
            reply, target = await self._once("GET", url, headers, None, max_bytes, timeout_s)
            if target is None:
                return replace(reply, redirects=tuple(hops))
            hops.append((reply.status, target))
            if urlsplit(target).netloc != urlsplit(url).netloc:
                headers = _without_credentials(headers)
            url = target
        raise Reject(f"{url}: more than {MAX_HOPS} redirects")

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 1_048_576,
        timeout_s: float = 30.0,
    ) -> HttpReply:
        """Send; a redirect is refused, because the body was meant for this address."""
        reply, target = await self._once("POST", url, headers, body, max_bytes, timeout_s)
        if target is not None:
            raise Reject(f"{url} redirects to {target}; use that address if you trust it")
        return reply

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | None, max_bytes: int, timeout_s: float
    ) -> tuple[HttpReply, str | None]:
        session = self._session_for(url)
        limit = aiohttp.ClientTimeout(total=min(timeout_s, self._timeout_s), sock_connect=10)
        try:
            async with session.request(method, url, headers=headers, data=body, timeout=limit, allow_redirects=False) as answer:
                if answer.status in REDIRECTS and "Location" in answer.headers:
                    return _reply(answer, b""), urljoin(url, answer.headers["Location"])
                _raise_for(answer.status, url, answer.headers.get("Retry-After"))
                return _reply(answer, await _read(answer, max_bytes)), None
        except PrivateAddress as error:
            raise _private(url, error) from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, PrivateAddress):
                raise _private(url, error.os_error) from None
            raise Retry(f"{url}: {error}") from None
        except (aiohttp.InvalidURL, ValueError) as error:
            raise Reject(f"{url} is no address that can be fetched ({error})") from None
        except TimeoutError:
            raise Retry(f"{url}: no answer within {limit.total:.0f} s") from None
        except aiohttp.ClientError as error:
            raise Retry(f"{url}: {error or type(error).__name__}") from None

    def _session_for(self, url: str) -> aiohttp.ClientSession:
        if self._guarded is None or self._free is None:
            raise RuntimeError("the HTTP session is used before open() or after close()")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"}:
            raise Reject(f"{url}: only http and https are fetched")
        host = (parts.hostname or "").lower()
        named = {host, f"{host}:{parts.port}"} if parts.port else {host}
        return self._free if named & self._allowed else self._guarded


def _private(url: str, error: OSError) -> NeedsAttention:
    host = urlsplit(url).hostname
    return NeedsAttention(
        f"{url} leads into this machine or a private network ({error})", hint=f"network.allow_private: [{host}] permits it"
    )


def _without_credentials(headers: Mapping[str, str] | None) -> dict[str, str] | None:
    if headers is None:
        return None
    return {k: v for k, v in headers.items() if k.lower() not in {"authorization", "cookie", "proxy-authorization"}}


def _reply(answer: aiohttp.ClientResponse, body: bytes) -> HttpReply:
    return HttpReply(answer.status, str(answer.url), dict(answer.headers), body, answer.charset)


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_chunked(65_536):
        size += len(part)
        if size > max_bytes:
            raise Reject(f"{answer.url}: more than {max_bytes:,} bytes")
        parts.append(part)
    return b"".join(parts)


def _raise_for(status: int, url: str, retry_after: str | None) -> None:
    if status < 400:
        return
    if status >= 500 or status in RETRYABLE:
        raise Retry(f"{url} answered {status}", after_s=_seconds(retry_after))
    if status in {401, 403}:
        raise NeedsAttention(f"{url} answered {status}: it wants a permission", hint="check the address and its credentials")
    raise Reject(f"{url} answered {status}", status=status)


def _seconds(value: str | None) -> float | None:
    if not value:
        return None
    if value.strip().isdigit():
        return min(float(value), 86_400.0)
    try:
        return min(86_400.0, max(0.0, parsedate_to_datetime(value).timestamp() - time.time()))
    except (TypeError, ValueError):
        return None
