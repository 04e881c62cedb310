"""What is kept under a key, and what of it is believed when it is read again.

A value is JSON: `{"v": 2, "class": "answer", "key": …, "parts": {…}, "from": {…}, "cost": {…}, "data": {…}}`, or with
`"class": "refusal"` and `"refusal": {"kind", "message"}` in the place of the data. A value of another version, of another key
or method, or whose data no longer passes the question's own check is none: the model is asked instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from leadd.api import Failure, Method, ModelFailure, Usage
from leadd.inference.answers.success import parse
from leadd.inference.cache.keys import key_of_parts
from leadd.inference.questions import Check, Provenance

FORMAT_VERSION = 2
EntryClass = Literal["answer", "refusal"]
REFUSALS = frozenset(
    {
        Failure.TOO_LONG, Failure.LENGTH, Failure.NOT_JSON, Failure.SCHEMA, Failure.IMPLAUSIBLE, Failure.REPEATED_TOKENS,
        Failure.NOT_DONE, Failure.TRUNCATED_PROMPT,
    }
)  # fmt: skip
"""Ends that the text itself brought about: whoever asks the same soon after gets the same, and need not pay for it."""
COSTS = ("prompt_tokens", "output_tokens", "total_ms")

_FROM = tuple(f.name for f in fields(Provenance) if f.name not in {"usage", "cache", "key", "wait_ms"})


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer out of the cache. `raw` is the value as kept, `tier` the index of the tier that had it, `cost` what the answer
    had cost when it was made (tokens, milliseconds)."""

    data: dict[str, Any]
    origin: Mapping[str, Any]
    raw: bytes
    tier: int
    cost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal out of the cache: why the same question had no answer a short while ago."""

    kind: Failure
    message: str
    model: str
    at_ms: int
    raw: bytes
    tier: int

    def failure(self) -> ModelFailure:
        """The refusal as it is raised."""
        return ModelFailure(self.kind, f"{self.message} (asked a short while ago)", model=self.model)


def encode_answer(key: str, parts: Mapping[str, str], data_text: str, provenance: Provenance) -> bytes:
    """The value to keep for an answer whose data is `data_text` (JSON)."""
    origin = {name: getattr(provenance, name) for name in _FROM}
    cost = {name: getattr(provenance.usage, name) for name in COSTS}
    return _encode("answer", key, parts, {"from": origin, "cost": cost}, f'"data":{data_text}')


def encode_refusal(key: str, parts: Mapping[str, str], failure: ModelFailure, at_ms: int) -> bytes:
    """The value to keep for a question that the text itself left without an answer."""
    told = {"kind": failure.kind.value, "message": failure.message[:500], "model": failure.model, "at_ms": at_ms}
    return _encode("refusal", key, parts, {}, f'"refusal":{_dumped(told)}')


def decode(raw: bytes, key: str, method: Method, check: Check, tier: int) -> Kept | Refused | None:
    """What the value says, None where it is not to be believed. Never raises, whatever a stranger has put there."""
    try:
        value = parse(bytes(raw).decode())
        if value["v"] != FORMAT_VERSION or value["key"] != key:
            return None
        if value["class"] == "refusal":
            told = value["refusal"]
            kind, at_ms = Failure(told["kind"]), told["at_ms"]
            if kind not in REFUSALS or not isinstance(at_ms, int):
                return None
            return Refused(kind, str(told["message"]), str(told["model"]), at_ms, raw, tier)
        if value["class"] != "answer" or value["from"]["method"] != method or not isinstance(value["data"], dict):
            return None
        origin = {name: value["from"][name] for name in _FROM}
        if not isinstance(origin["answered_at_ms"], int):
            return None
        cost = {name: float(value["cost"][name]) for name in COSTS}
        return Kept(dict(check(value["data"])), origin, raw, tier, cost)
    except Exception:  # whatever a stranger's value does to the check, it is no answer; the model is asked instead
        return None


@dataclass(frozen=True, slots=True)
class Outline:
    """What a value is about, without the question that it belongs to."""

    key: str
    kind: EntryClass
    parts: Mapping[str, str]
    at_ms: int


def outline(raw: bytes) -> Outline:
    """What a value is about. Raises ValueError, which says why it is none that leadd made."""
    try:
        value = parse(bytes(raw).decode())
    except (ValueError, UnicodeError, ModelFailure):
        raise ValueError("it is no JSON object") from None
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    if value.get("v") != FORMAT_VERSION:
        raise ValueError(f"its format is {value.get('v')!r}, this leadd reads {FORMAT_VERSION}")
    parts: Any = value.get("parts")
    kind: Any = value.get("class")
    if not isinstance(parts, dict):
        raise ValueError("it does not say what its key is made of")
    if key_of_parts(parts) != value.get("key"):
        raise ValueError("its key is not the key of its parts")
    body = value.get("from") if kind == "answer" else value.get("refusal") if kind == "refusal" else None
    if not isinstance(body, dict) or (kind == "answer" and not isinstance(value.get("data"), dict)):
        raise ValueError("it is neither an answer nor a refusal")
    at_ms = body.get("answered_at_ms" if kind == "answer" else "at_ms")
    if not isinstance(at_ms, int):
        raise ValueError("it does not say when it was made")
    return Outline(value["key"], kind, parts, at_ms)


def kept_provenance(kept: Kept, key: str, label: str) -> Provenance:
    """The provenance of a hit: as it was when the answer was made, under the label of who asks now, at no cost."""
    origin = dict(kept.origin)
    origin["method"] = Method(origin["method"])
    origin["prompt_label"] = label
    return Provenance(key=key, cache="hit", usage=Usage(), **origin)


def _encode(kind: EntryClass, key: str, parts: Mapping[str, str], more: Mapping[str, Any], body: str) -> bytes:
    head = _dumped({"v": FORMAT_VERSION, "class": kind, "key": key, "parts": parts, **more})
    return f"{head[:-1]},{body}}}".encode("utf-8", "surrogatepass")


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
