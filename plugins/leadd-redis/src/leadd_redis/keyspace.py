"""Keys as they stand in Redis, and the scripts that work on them.

    <namespace>:1:v:<key>    a value
    <namespace>:1:c:<key>    a claim; its value is the owner

A claim and the value it is for are never touched by one command, so they may lie on different servers of a cluster, and keys
need no hash tag. A key that happens to hold braces only lies on another server.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1

FORMAT = 1
"""Raised when the same key would mean something else; what older versions kept then ends with its time."""
LONGEST_MS = 2**53
_GLOB = b"\\*?[]^-"


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, and the name under which a server knows it once it has run."""

    text: str

    @property
    def sha(self) -> str:
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()


CLAIM = Script(
    "local held = redis.call('GET', KEYS[1]) "
    "if held == false then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1 end "
    "if held == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1 end "
    "return 0"
)
"""1 where the owner holds the key from now on for ARGV[2] milliseconds, 0 where another does."""
RELEASE = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")


def raw(text: str) -> bytes:
    """Any text as bytes, half characters too: two texts never give the same bytes."""
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Keyspace:
    """The keys of one namespace."""

    namespace: str

    @property
    def values(self) -> bytes:
        """How the keys of all values begin."""
        return f"{self.namespace}:{FORMAT}:v:".encode()

    def value(self, key: str) -> bytes:
        return self.values + raw(key)

    def claim(self, key: str) -> bytes:
        return f"{self.namespace}:{FORMAT}:c:".encode() + raw(key)

    @property
    def probe(self) -> bytes:
        """A key to try things out with."""
        return f"{self.namespace}:{FORMAT}:p:check".encode()

    def pattern(self, prefix: str = "") -> bytes:
        """What SCAN's MATCH wants for all values whose key begins with `prefix`."""
        plain = b"".join(b"\\" + bytes((byte,)) if byte in _GLOB else bytes((byte,)) for byte in raw(prefix))
        return self.values + plain + b"*"

    def key_of(self, found: bytes) -> str | None:
        """The key of a value as it was given to us; None where another program wrote one that is no text."""
        try:
            return found.removeprefix(self.values).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return None


def ms_of(seconds: float) -> int:
    """Whole milliseconds, at least 1: Redis refuses none and fewer, and numbers that no time has."""
    return max(1, int(min(seconds * 1000.0, LONGEST_MS)))
