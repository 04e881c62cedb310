"""Vectors in the cache: a line of JSON that says whose they are, then the numbers as little-endian float32."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from leadd.inference.cache.keys import Place, frame
from leadd.inference.cache.tiers import Tiers

FORMAT_VERSION = 1
UNIT_TOLERANCE = 0.01

Vector = NDArray[np.float32]


def vector_key(place: Place, num_ctx: int, text: str) -> str:
    """The key of one text's vector: the weights, the window that a longer text is cut to, and the text."""
    parts = [str(FORMAT_VERSION), place.server, place.digest, place.quantization, str(num_ctx), text]
    hasher = sha256()
    for part in parts:
        frame(hasher, part)
    return f"{place.method}.embed.{hasher.hexdigest()}"


def encode(key: str, digest: str, vector: Vector, at_ms: int) -> bytes:
    """The value to keep for one vector that was made at `at_ms`."""
    head = {"v": FORMAT_VERSION, "class": "vector", "key": key, "digest": digest, "dimensions": int(vector.shape[0])}
    head["at_ms"] = at_ms
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + np.asarray(vector, dtype="<f4").tobytes()


def decode(raw: bytes, key: str, digest: str) -> Vector | None:
    """The vector, None where the value is not to be believed: another key or weights, a wrong length, no unit vector."""
    try:
        head, _, body = bytes(raw).partition(b"\n")
        told = json.loads(head)
        if (told["v"], told["class"], told["key"], told["digest"]) != (FORMAT_VERSION, "vector", key, digest):
            return None
        vector = np.frombuffer(body, dtype="<f4").astype(np.float32)
        if vector.shape != (told["dimensions"],) or not abs(float(np.linalg.norm(vector)) - 1.0) <= UNIT_TOLERANCE:
            return None
        return vector
    except (ValueError, KeyError, TypeError):
        return None


def made_ms(raw: bytes) -> int | None:
    """When a vector was made, None where its value does not say: those of before do not."""
    try:
        at_ms = json.loads(bytes(raw).partition(b"\n")[0])["at_ms"]
    except (ValueError, KeyError, TypeError):
        return None
    return at_ms if isinstance(at_ms, int) and not isinstance(at_ms, bool) else None


async def look_up(tiers: Tiers, keys: Sequence[str], digest: str) -> dict[int, Vector]:
    """The vectors that are kept, by their place in `keys`."""
    found: dict[int, Vector] = {}
    for place, key in enumerate(keys):
        raw = await tiers.get_raw(key, made_ms)
        vector = None if raw is None else decode(raw, key, digest)
        if vector is not None:
            found[place] = vector
    return found


async def keep(tiers: Tiers, keys: Sequence[str], digest: str, vectors: NDArray[np.float32], at_ms: int) -> None:
    """Keep one vector under each key; all of them were made at `at_ms`."""
    for key, vector in zip(keys, vectors, strict=True):
        await tiers.put_raw(key, encode(key, digest, vector, at_ms))
