"""The cache key: everything that can change an answer, and nothing else.

| part | why it is there |
|---|---|
| key version | the recipe itself may change |
| method | an answer read from evidence is never taken for a model's |
| role, server kind | one prompt text may serve two roles; two kinds of server answer differently from the same weights |
| digest, quantization | the weights; a tag moves, a digest does not |
| num_ctx, options, max_tokens | what the server does with the prompt, and how it picks tokens |
| prompt hash | all of the prompt file, also what the server never sees |
| schema hash | the grammar that the answer was forced into |
| labels, stop rule (where there are some) | how a word is read, and when an answer is ended early |
| messages before the last | the constant part as it was really rendered (ICP, variables) |
| ICP hash | also what the prompt does not show of it |
| normaliser version, text hash | the text, and the rules by which it was cleaned |
| last message | the signal as it was really sent, with company and place |
| subject | for readers of evidence only: the fields of the signal that stand outside the text hash |

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

KEY_VERSION = 1
_KEPT = 256
_NOTHING = Message("", "")


@dataclass(frozen=True, slots=True)
class Place:
    """Who is asked, as far as the key must know it."""

    method: Method
    server: str
    digest: str
    quantization: str


class KeyMaker:
    """Makes keys. The constant part (all but the text) is hashed once for each ICP and prompt, then reused."""

    def __init__(self) -> None:
        self._constant: dict[tuple[Any, ...], str] = {}
        self._schemas: dict[int, tuple[Mapping[str, Any], str]] = {}

    def key(self, place: Place, request: ModelRequest, question: Question) -> str:
        """The key, as `<method>.<role>.<64 hex digits>`."""
        last = request.messages[-1] if request.messages else _NOTHING
        hasher = sha256(self._constant_of(place, request, question).encode())
        for part in (question.text_hash, last.role, last.content, _subject(question) if _reads(place) else ""):
            raw = part.encode("utf-8", "surrogatepass")
            # Each part is framed by its length, so that no two lists of parts ever give the same bytes.
            hasher.update(b"%d:" % len(raw))
            hasher.update(raw)
        return f"{place.method}.{question.role}.{hasher.hexdigest()}"

    def _constant_of(self, place: Place, request: ModelRequest, question: Question) -> str:
        options = tuple(sorted(request.options.items()))
        parts: tuple[Any, ...] = (
            KEY_VERSION, place.method, place.server, place.digest, place.quantization, question.role, request.num_ctx,
            options, tuple(type(value) for _, value in options), request.max_tokens, question.prompt_hash,
            self.schema_hash(request.schema), request.messages[:-1], question.icp_hash, question.normaliser_version,
            type(question.normaliser_version),
        )  # fmt: skip
        if question.labels or question.stop_rule:  # not for others: what is kept of them stays valid
            parts = (*parts, question.labels, bool(request.labels), question.stop_rule)
        known = self._constant.get(parts)
        if known is None:
            known = self._constant[parts] = _constant_hash(parts)
            if len(self._constant) > _KEPT:
                self._constant = {parts: known}
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


def _constant_hash(parts: tuple[Any, ...]) -> str:
    plain = json.dumps([_plain(part) for part in parts], ensure_ascii=True)
    return sha256(plain.encode()).hexdigest()


def _plain(part: Any) -> Any:
    if isinstance(part, Message):
        return [part.role, part.content]
    if isinstance(part, tuple):
        return [_plain(item) for item in part]
    if isinstance(part, type):
        return part.__name__
    return part


def _reads(place: Place) -> bool:
    return place.method is Method.EVIDENCE


def _subject(question: Question) -> str:
    if question.subject is None:
        return ""
    signal = question.subject.signal
    shown = [
        signal.content_hash, signal.company, signal.company_website, signal.location, signal.author, signal.source_type,
        sorted(signal.extra.items()),
    ]  # fmt: skip
    return json.dumps(shown)
