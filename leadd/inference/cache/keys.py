"""The cache key: everything that can change an answer, and nothing else.

| part | why it is there |
|---|---|
| `recipe` | this table itself may change |
| `method` | an answer read from evidence is never taken for a model's |
| `role`, `server` | one prompt text may serve two roles; two kinds of server answer differently from the same weights |
| `digest`, `quantization` | the weights; a tag moves, a digest does not |
| `window`, `options`, `max_tokens` | what the server does with the prompt, and how it picks tokens |
| `prompt` | all of the prompt file, also what the server never sees |
| `schema` | the grammar that the answer was forced into |
| `labels`, `stop_rule` | how a word is read, and when an answer is ended early |
| `constant` | the messages before the last as they were really rendered (ICP, variables) |
| `icp` | also what the prompt does not show of it |
| `normaliser`, `text` | the rules by which the text was cleaned, and the text |
| `message` | the signal as it was really sent, with company and place |
| `subject` | for readers of evidence only: the fields of the signal that stand outside the text |

The key is the hash of these parts, and they are kept beside each answer: so `leadd cache why` can say which part differs.
Not there on purpose: the server's version, the prompt's label, priority, deadlines. They are kept in the provenance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from leadd.api import Message, Method, ModelRequest
from leadd.inference.questions import Question

RECIPE = "2"
PARTS = (
    "recipe", "method", "role", "server", "digest", "quantization", "window", "options", "max_tokens", "prompt", "schema",
    "labels", "stop_rule", "constant", "icp", "normaliser", "text", "message", "subject",
)  # fmt: skip
"""The names of all parts, in the order in which they are hashed."""
OF_THE_TEXT = ("text", "message", "subject")
"""Parts that differ from signal to signal; all others are the same for one prompt, ICP and model."""
SHORT = 16
"""Hex digits that stand for a part which is itself a hash, where it is only kept to be compared."""
_KEPT = 256
_NOTHING = Message("", "")


@dataclass(frozen=True, slots=True)
class Place:
    """Who is asked, as far as the key must know it."""

    method: Method
    server: str
    digest: str
    quantization: str


@dataclass(frozen=True, slots=True)
class _Constant:
    """The parts that are the same for one prompt, ICP and model, and a hash over them."""

    parts: Mapping[str, str]
    digest: bytes


class KeyMaker:
    """Makes keys. The constant part (all but the text) is hashed once for each ICP and prompt, then reused."""

    def __init__(self) -> None:
        self._constant: dict[tuple[Any, ...], _Constant] = {}
        self._schemas: dict[int, tuple[Mapping[str, Any], str]] = {}

    def key(self, place: Place, request: ModelRequest, question: Question) -> str:
        """The key, as `<method>.<role>.<64 hex digits>`."""
        hasher = sha256(self._constant_of(place, request, question).digest)
        for value in _of_the_text(place, request, question):
            frame(hasher, value)
        return f"{place.method}.{question.role}.{hasher.hexdigest()}"

    def parts(self, place: Place, request: ModelRequest, question: Question) -> dict[str, str]:
        """Every part of the key by its name. Long ones are shown by a hash; equal parts have equal values."""
        constant = self._constant_of(place, request, question).parts
        return {**constant, **dict(zip(OF_THE_TEXT, _of_the_text(place, request, question), strict=True))}

    def _constant_of(self, place: Place, request: ModelRequest, question: Question) -> _Constant:
        options = tuple(sorted(request.options.items()))
        kinds = tuple(type(value) for _, value in options)
        seen: tuple[Any, ...] = (
            place, question.role, request.num_ctx, options, kinds, request.max_tokens, question.prompt_hash,
            self.schema_hash(request.schema), request.messages[:-1], question.icp_hash, question.normaliser_version,
            type(question.normaliser_version), question.labels, bool(request.labels), question.stop_rule,
        )  # fmt: skip
        known = self._constant.get(seen)
        if known is None:
            parts = {
                "recipe": RECIPE,
                "method": str(place.method),
                "role": str(question.role),
                "server": place.server,
                "digest": place.digest,
                "quantization": place.quantization,
                "window": str(request.num_ctx),
                "options": json.dumps(dict(options), sort_keys=True),
                "max_tokens": str(request.max_tokens),
                "prompt": question.prompt_hash,
                "schema": self.schema_hash(request.schema),
                "labels": _labels(request, question),
                "stop_rule": question.stop_rule,
                "constant": _hash_of([[message.role, message.content] for message in request.messages[:-1]]),
                "icp": question.icp_hash,
                "normaliser": json.dumps(question.normaliser_version),
            }
            if len(self._constant) >= _KEPT:
                self._constant.clear()
            known = self._constant[seen] = _Constant(parts, _digest_of(parts))
        return known

    def schema_hash(self, schema: Mapping[str, Any] | None) -> str:
        """SHA-256 over a schema, with the order of its keys: a model answers in it. Kept by identity: warm calls are cheap."""
        if schema is None:
            return ""
        known = self._schemas.get(id(schema))
        if known is not None and known[0] is schema:
            return known[1]
        digest = sha256(json.dumps(schema).encode()).hexdigest()
        if len(self._schemas) > _KEPT:
            self._schemas.clear()
        # The schema itself is kept beside its hash: while it lives, no other object can have its id.
        self._schemas[id(schema)] = (schema, digest)
        return digest


def key_of_parts(parts: Mapping[str, str]) -> str:
    """The key that these parts make; entries from elsewhere are taken only where it is the key that they claim.

    Raises ValueError where a part is missing or is no text.
    """
    wrong = [name for name in PARTS if not isinstance(parts.get(name), str)]
    if wrong or len(parts) != len(PARTS):
        raise ValueError(f"not the parts of a key: {', '.join(wrong) or 'too many'}")
    hasher = sha256(_digest_of({name: parts[name] for name in PARTS if name not in OF_THE_TEXT}))
    for name in OF_THE_TEXT:
        frame(hasher, parts[name])
    return f"{parts['method']}.{parts['role']}.{hasher.hexdigest()}"


def shortened(value: str) -> str:
    """A part as it is shown to people: hashes by their first digits."""
    is_hash = len(value) == 64 and not set(value) - set("0123456789abcdef")
    return value[:SHORT] if is_hash else value


def _digest_of(parts: Mapping[str, str]) -> bytes:
    hasher = sha256()
    for name, value in parts.items():
        frame(hasher, name)
        frame(hasher, value)
    return hasher.digest()


def frame(hasher: Any, value: str) -> None:
    """Each part is framed by its length, so that no two lists of parts ever give the same bytes."""
    raw = value.encode("utf-8", "surrogatepass")
    hasher.update(b"%d:" % len(raw))
    hasher.update(raw)


def _of_the_text(place: Place, request: ModelRequest, question: Question) -> tuple[str, str, str]:
    last = request.messages[-1] if request.messages else _NOTHING
    message = sha256(f"{len(last.role)}:{last.role}{last.content}".encode("utf-8", "surrogatepass")).hexdigest()
    return question.text_hash, message, _subject(question) if place.method is Method.EVIDENCE else ""


def _labels(request: ModelRequest, question: Question) -> str:
    if not question.labels:
        return ""
    return json.dumps([*question.labels, "by probability" if request.labels else "by schema"])


def _hash_of(value: Any) -> str:
    return sha256(json.dumps(value).encode()).hexdigest()


def _subject(question: Question) -> str:
    if question.subject is None:
        return ""
    signal = question.subject.signal
    shown = [
        signal.content_hash, signal.company, signal.company_website, signal.location, signal.author, signal.source_type,
        sorted(signal.extra.items()),
    ]  # fmt: skip
    return _hash_of(shown)
