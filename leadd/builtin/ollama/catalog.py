"""What a server says about its models: the list of them, those in memory, and the details of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadd.api import Failure, LoadedModel, ModelFailure
from leadd.builtin.ollama.naming import full_name


@dataclass(frozen=True, slots=True)
class Catalog:
    """The models of a server: name as listed to digest, and the full names of those that run elsewhere."""

    models: Mapping[str, str]
    remote: frozenset[str]
    read_at_s: float

    def digest(self, model: str) -> str | None:
        """The digest of a model, however its name is spelt; None where the server does not have it."""
        wanted = full_name(model)
        return next((digest for name, digest in self.models.items() if full_name(name) == wanted), None)


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """What a server knows of one model. `trained_ctx` is 0 where it does not say."""

    capabilities: frozenset[str]
    trained_ctx: int
    quantization: str
    family: str
    parameter_size: str


def read_catalog(answer: Mapping[str, Any], read_at_s: float) -> Catalog:
    """The answer of /api/tags. Raises ModelFailure(WRONG_SERVER) where it has another shape."""
    models: dict[str, str] = {}
    remote: set[str] = set()
    for row in _rows(answer):
        name = _text(row, "name") or _text(row, "model")
        if not name:
            continue
        models[name] = _text(row, "digest")
        if _text(row, "remote_host") or _text(row, "remote_model"):
            remote.add(full_name(name))
    return Catalog(models, frozenset(remote), read_at_s)


def read_loaded(answer: Mapping[str, Any]) -> tuple[LoadedModel, ...]:
    """The answer of /api/ps. Raises ModelFailure(WRONG_SERVER) where it has another shape."""
    return tuple(
        LoadedModel(
            name=_text(row, "name") or _text(row, "model"),
            digest=_text(row, "digest"),
            size_bytes=_number(row, "size"),
            on_gpu=_number(row, "size_vram") / max(1, _number(row, "size")),
            num_ctx=_number(row, "context_length"),
            expires_at=_text(row, "expires_at"),
        )
        for row in _rows(answer)
    )


def read_details(answer: Mapping[str, Any]) -> ModelDetails:
    """The answer of /api/show. What is missing there is empty here: old servers say less."""
    details = _mapping(answer, "details")
    info = _mapping(answer, "model_info")
    said = answer.get("capabilities")
    return ModelDetails(
        capabilities=frozenset(c for c in said if isinstance(c, str)) if isinstance(said, list) else frozenset(),
        trained_ctx=_number(info, f"{_text(info, 'general.architecture')}.context_length"),
        quantization=_text(details, "quantization_level"),
        family=_text(details, "family"),
        parameter_size=_text(details, "parameter_size"),
    )


def read_version(answer: Mapping[str, Any]) -> str:
    """The answer of /api/version. Raises ModelFailure(WRONG_SERVER) where it names none."""
    version = _text(answer, "version")
    if not version:
        raise ModelFailure(Failure.WRONG_SERVER, "the server names no version: this is no Ollama", raw=str(answer)[:400])
    return version


def _rows(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    rows = answer.get("models")
    if rows is None and "models" in answer:
        return iter(())  # Go writes an empty list as null
    if not isinstance(rows, list):
        raise ModelFailure(Failure.WRONG_SERVER, "the answer holds no list of models", raw=str(answer)[:400])
    return (row for row in rows if isinstance(row, Mapping))


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _number(value: Mapping[str, Any], key: str) -> int:
    found = value.get(key)
    return int(found) if isinstance(found, int) and not isinstance(found, bool) else 0
