"""Who may ask: the token, the Host list, and the refusal of other sites. Peer credentials are checked in connections.py."""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from leadd.control.errors import ApiError

TOKEN_BYTES = 32
TOKEN_CHARS = 43
"""Length of 32 random bytes in URL-safe base64."""

OWN_FETCHES = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site that a browser sends for our own pages and for an address that the user typed."""


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The rules of one listener. `hosts` is None on the Unix socket: no browser reaches it, so there is no Host to trust."""

    hosts: frozenset[str] | None
    token: str
    token_needed: bool
    peer_proves: bool = False

    def check(self, request: web.BaseRequest) -> bool:
        """True where the caller proved to be the owner (socket, or the right token); False where `auth: none` lets it in.

        Raises ApiError 421 for a wrong Host, 403 for another site, 401 for a missing or wrong token. Looks at headers only,
        so nothing of a refused request's body is ever read.
        """
        self._check_host(request)
        self._check_site(request)
        if self.peer_proves:
            return True
        if self._has_token(request):
            return True
        if self.token_needed:
            raise ApiError(
                401,
                "token_needed",
                "this needs the token in the header Authorization: Bearer …",
                "the token stands in the file 'token' of leadd's data folder; on the Unix socket none is needed",
                headers={"WWW-Authenticate": 'Bearer realm="leadd"'},
            )
        return False

    def _check_host(self, request: web.BaseRequest) -> None:
        if self.hosts is None:
            return
        named = request.headers.getall("Host", [])
        if len(named) != 1 or named[0] not in self.hosts or not request.raw_path.startswith("/"):
            # A page that rebinds its own name to 127.0.0.1 arrives with its own name here.
            raise ApiError(
                421,
                "wrong_host",
                "this address is not one that leadd answers to",
                "use http://127.0.0.1 with the port, or add the name to control.http.allowed_hosts",
                close=True,
            )

    def _check_site(self, request: web.BaseRequest) -> None:
        origins = request.headers.getall("Origin", [])
        sites = request.headers.getall("Sec-Fetch-Site", [])
        own = not origins or (len(origins) == 1 and self._is_own_origin(origins[0]))
        asked_here = not sites or (len(sites) == 1 and sites[0] in OWN_FETCHES)
        if not own or not asked_here:
            raise ApiError(403, "foreign_site", "a page of another site asked for this; leadd answers only its own", close=True)

    def _is_own_origin(self, origin: str) -> bool:
        return self.hosts is not None and origin.startswith("http://") and origin[7:] in self.hosts

    def _has_token(self, request: web.BaseRequest) -> bool:
        given = request.headers.getall("Authorization", [])
        if len(given) != 1:
            return False
        scheme, _, value = given[0].partition(" ")
        # Both sides as bytes: compare_digest raises on text that is not ASCII, and a header may hold any bytes.
        right = hmac.compare_digest(value.strip().encode("utf-8", "surrogateescape"), self.token.encode())
        return right and scheme.lower() == "bearer"


def allowed_hosts(host: str, port: int, extra: Iterable[str]) -> frozenset[str]:
    """The exact values of the Host header that are answered: this machine's names for itself with the port, and the user's.

    A name of the user's without a port counts with and without this port.
    """
    names = {"127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host} - {"0.0.0.0", "[::]"}
    found = {f"{name}:{port}" for name in names}
    if port == 80:
        found |= names
    for name in extra:
        found.add(name)
        if not _has_port(name):
            found.add(f"{name}:{port}")
    return frozenset(found)


def _has_port(name: str) -> bool:
    return name.rpartition("]")[2].rpartition(":")[2].isdigit() and ":" in name.rpartition("]")[2]


def is_loopback(host: str) -> bool:
    """True where only this machine can reach a listener on `host`."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    return False


def load_token(path: Path) -> tuple[str, str | None]:
    """The token of this home, made on first use: a file 0600 from the moment it exists.

    Returns it with a sentence for the user where an older file was replaced: one that others could read, or with too little
    in it. Raises OSError where the file can be neither read nor made.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return _make_token(path), None
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(file.fileno())
        text = file.read(4096).decode("ascii", "replace").strip()
    wrong = _problem(state, text)
    if wrong is None:
        return text, None
    path.unlink()
    return _make_token(path), f"the token file {wrong}; a new token was made"


def _problem(state: os.stat_result, text: str) -> str | None:
    if not stat.S_ISREG(state.st_mode):
        return "was no ordinary file"
    # Windows has neither owners nor modes that mean this; there the folder of the user's profile keeps others out.
    if sys.platform != "win32" and state.st_uid != os.geteuid():
        return "belonged to another user"
    if sys.platform != "win32" and state.st_mode & 0o077:
        return "could be read by other users of this machine"
    if len(text) < TOKEN_CHARS or not text.replace("-", "").replace("_", "").isalnum():
        return "did not hold a token"
    return None


def _make_token(path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        # A umask like 0777 takes bits away that the owner needs; open() alone never adds any for others.
        if sys.platform != "win32":
            os.fchmod(descriptor, 0o600)
        os.write(descriptor, token.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return token
