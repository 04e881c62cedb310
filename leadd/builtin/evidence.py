"""The builtin model `evidence`: answers triage and classification from what the text itself shows. No language model.

Every answer is stamped `method: evidence`. Fields that need a model stay empty.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from leadd.api.answers import Method, Role
from leadd.api.components import ComponentConfig, Context, Model
from leadd.api.icp import Icp
from leadd.api.models import Capabilities, Failure, Health, ModelFailure, ModelRequest, Reply, Subject, Usage
from leadd.builtin.evidence_reading import Evidence, IcpReader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadd.builtin.evidence_vectors import Vectors

RULES_VERSION = "1"
"""Raised whenever the rules give another answer for the same text."""

_KEPT_ICPS = 32
_VECTOR_CHARS = 8_000


class EvidenceConfig(ComponentConfig):
    """`vectors: auto` lets word vectors join the score where the extra leadd[embedded] is installed; `off` never does."""

    vectors: Literal["auto", "off"] = "auto"


class EvidenceModel(Model):
    """Reads the signal, not the prompt: lexical match to the ICP, sizes and places by patterns, phrases as literal quotes."""

    name = "evidence"
    Config = EvidenceConfig

    def __init__(self, config: EvidenceConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._readers: dict[str, IcpReader] = {}
        self._wanted_vectors: dict[str, NDArray[np.float32]] = {}
        self._vectors: Vectors | None = None
        self._why_no_vectors = "switched off" if config.vectors == "off" else ""
        self._looked = config.vectors == "off"
        self._looking = asyncio.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """Triage and classification, read from the text; not a language model."""
        return Capabilities(roles=frozenset({Role.TRIAGE, Role.CLASSIFY}), is_language_model=False)

    async def complete(self, request: ModelRequest) -> Reply:
        """The answer as JSON in the shape of the request's schema. Raises ModelFailure for other roles or without a subject."""
        if request.role not in self.capabilities.roles:
            raise ModelFailure(
                Failure.MISSING_CAPABILITY, f"evidence cannot answer {request.role.value}: that needs a language model"
            )
        if request.subject is None:
            raise ModelFailure(Failure.BAD_REQUEST, "evidence needs the signal and the ICP, not a prompt alone")
        await self._look_for_vectors()
        begin = self.ctx.clock.monotonic_s()
        evidence = await asyncio.to_thread(self._read, request.subject)
        values = evidence.triage() if request.role is Role.TRIAGE else evidence.classification()
        text = json.dumps(shape_to(request.schema, values), ensure_ascii=False)
        spent_ms = (self.ctx.clock.monotonic_s() - begin) * 1000
        return Reply(
            text=text,
            model=self.name,
            method=Method.EVIDENCE,
            digest=self._digest(),
            server_version=RULES_VERSION,
            usage=Usage(output_ms=spent_ms, total_ms=spent_ms),
        )

    async def health(self) -> Health:
        """Always there. `reason` says that it is no language model, and whether vectors take part."""
        await self._look_for_vectors()
        vectors = "with word vectors" if self._vectors else f"without word vectors: {self._why_no_vectors}"
        return Health(
            True,
            f"no language model: reads the evidence in the text ({vectors})",
            RULES_VERSION,
            0.0,
            {self.name: self._digest()},
        )

    async def digest(self, model: str) -> str:
        """What identifies the rules, and whether vectors take part."""
        await self._look_for_vectors()
        return self._digest()

    def _digest(self) -> str:
        vectors = self._vectors.identity if self._vectors else "none"
        return hashlib.sha256(f"leadd evidence {RULES_VERSION} vectors {vectors}".encode()).hexdigest()

    async def _look_for_vectors(self) -> None:
        """Loads them once, at the first need: a daemon with a language model never pays for them."""
        if self._looked:
            return
        async with self._looking:
            if not self._looked:
                self._vectors, self._why_no_vectors = await asyncio.to_thread(_load_vectors)
                self._looked = True

    def _read(self, subject: Subject) -> Evidence:
        reader = self._reader(subject.icp)
        title, text = subject.signal.title, subject.signal.text
        if self._vectors is None:
            return reader.read(subject.signal, None)
        wanted = self._wanted(subject.icp, reader, self._vectors)
        seen = self._vectors.embed([title or text[:200], text[:_VECTOR_CHARS]])
        near_title = float((wanted[1:] @ seen[0]).max(initial=0.0))
        return reader.read(subject.signal, (near_title, float(wanted[0] @ seen[1])))

    def _reader(self, icp: Icp) -> IcpReader:
        key = icp.content_hash()
        reader = self._readers.get(key)
        if reader is None:
            reader = IcpReader(icp)
            if len(self._readers) >= _KEPT_ICPS:
                self._readers.clear()
                self._wanted_vectors.clear()
            self._readers[key] = reader
        return reader

    def _wanted(self, icp: Icp, reader: IcpReader, vectors: Vectors) -> NDArray[np.float32]:
        """Row 0: all wanted words as one text; then one row for each of them."""
        key = icp.content_hash()
        if key not in self._wanted_vectors:
            words = [keyword.rstrip("*") for keyword in reader.terms.hiring.keywords[:200]] or [icp.description]
            self._wanted_vectors[key] = vectors.embed([", ".join(words), *words])
        return self._wanted_vectors[key]


def _load_vectors() -> tuple[Vectors | None, str]:
    """The vectors, or why there are none. Blocking."""
    if importlib.util.find_spec("wordllama") is None:
        return None, "the extra leadd[embedded] is not installed"
    from leadd.builtin.evidence_vectors import Vectors, VectorsMissing  # noqa: PLC0415 - brings numpy, 20 MB of memory

    try:
        return Vectors.load(), ""
    except VectorsMissing as missing:
        return None, str(missing)


def shape_to(schema: Mapping[str, Any] | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values in the shape of a flat JSON schema: only its properties, each of a type that it allows.

    Where a field is unknown: null if the schema allows it, else the type's empty value. A schema may ask for yes and no where
    the value is true or false.
    """
    properties = (schema or {}).get("properties")
    if not isinstance(properties, Mapping):
        return dict(values)
    return {name: _fitting(values.get(name), rule if isinstance(rule, Mapping) else {}) for name, rule in properties.items()}


def _fitting(value: Any, rule: Mapping[str, Any]) -> Any:
    allowed = rule.get("enum")
    if isinstance(allowed, list):
        return _of_enum(value, allowed)
    types = _types(rule)
    if value is None:
        return (
            None
            if not types or "null" in types
            else {"array": [], "boolean": False, "integer": 0, "number": 0.0}.get(types[0], "")
        )
    if isinstance(value, str) and isinstance(rule.get("maxLength"), int):
        return value[: rule["maxLength"]]
    if isinstance(value, (list, tuple)):
        return _list_fitting(list(value), rule)
    if isinstance(value, int) and not isinstance(value, bool) and types:
        return max(rule.get("minimum", value), min(rule.get("maximum", value), value))
    if isinstance(value, bool) and "string" in types and "boolean" not in types:
        return "yes" if value else "no"
    return value


def _types(rule: Mapping[str, Any]) -> list[str]:
    """The types that a rule allows, also where it writes 'or null' as anyOf."""
    types = rule.get("type")
    if types is None:
        branches = rule.get("anyOf") or rule.get("oneOf") or []
        return [kind for branch in branches if isinstance(branch, Mapping) for kind in _types(branch)]
    return list(types) if isinstance(types, list) else [types]


def _of_enum(value: Any, allowed: list[Any]) -> Any:
    if isinstance(value, bool) and value not in [a for a in allowed if isinstance(a, bool)]:
        value = "yes" if value else "no"
    if value in allowed:
        return value
    return next(
        (option for option in ("unknown", "unclear", None, "other") if option in allowed), allowed[-1] if allowed else None
    )


def _list_fitting(value: list[Any], rule: Mapping[str, Any]) -> list[Any]:
    items = rule.get("items")
    items = items if isinstance(items, Mapping) else {}
    if isinstance(items.get("enum"), list):
        value = [item for item in value if item in items["enum"]]
    longest = items.get("maxLength")
    if isinstance(longest, int):
        # A quote cut in its middle would still stand in the text, but a word cut in two reads as a mistake.
        value = [item if len(item) <= longest else item[:longest].rsplit(" ", 1)[0] for item in value]
    most = rule.get("maxItems")
    return value[:most] if isinstance(most, int) else value
