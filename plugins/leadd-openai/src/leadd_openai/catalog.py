"""What a server says of itself: which one it is, its models, what identifies their weights, and their windows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

from leadd.api import Failure, LoadedModel, ModelFailure
from leadd_openai.manners import Flavour

SETTLED_S = 86_400.0
"""Many servers give the time of the question, or of their own start, as `created`. What is older than this is a fact."""
_META = ("n_params", "size", "n_vocab", "n_embd", "n_ctx_train")
_PLACES = ("-m", "--model", "-hf", "-hfr", "--hf-repo", "-hff", "--hf-file", "-mu", "--model-url")


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of a server. `window` is 0 where the server does not tell it, `loaded` None likewise."""

    id: str
    digest: str
    names: tuple[str, ...] = ()
    window: int = 0
    size_bytes: int = 0
    loaded: bool | None = None
    embeds_only: bool = False


@dataclass(frozen=True, slots=True)
class Catalog:
    """A server as it was at `read_at_s`. `slots` is 0 where it does not tell how many questions it answers at a time."""

    flavour: Flavour
    entries: tuple[Entry, ...]
    read_at_s: float = 0.0
    version: str = ""
    slots: int = 0
    is_router: bool = False

    def find(self, model: str) -> Entry | None:
        """The entry of a model by its id or another name of it, whatever the case; None where the server does not have it."""
        exact = next((entry for entry in self.entries if model in (entry.id, *entry.names)), None)
        if exact is not None:
            return exact
        wanted = _folded(model)
        return next((e for e in self.entries if wanted in map(_folded, (e.id, *e.names))), None)

    @property
    def digests(self) -> dict[str, str]:
        """Every name of every model to its digest."""
        return {name: entry.digest for entry in self.entries for name in (entry.id, *entry.names)}

    @property
    def loaded(self) -> tuple[LoadedModel, ...] | None:
        """The models in memory, under each of their names; None where the server does not tell."""
        if all(entry.loaded is None for entry in self.entries):
            return None
        return tuple(
            # its size counts once, however many names it has
            LoadedModel(name, entry.digest, entry.size_bytes if name == entry.id else 0, num_ctx=entry.window)
            for entry in self.entries
            if entry.loaded
            for name in (entry.id, *entry.names)
        )


def rows_of(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of /v1/models. Raises ModelFailure(WRONG_SERVER) where it has another shape."""
    rows = answer.get("data")
    if not isinstance(rows, list):
        raise ModelFailure(Failure.WRONG_SERVER, "the answer holds no list of models", raw=str(answer)[:400])
    return [row for row in rows if isinstance(row, Mapping) and text_of(row, "id")]


def flavour_of(rows: Sequence[Mapping[str, Any]]) -> Flavour:
    """Which server lists its models so; OTHER where nothing tells."""
    owners = {text_of(row, "owned_by") for row in rows}
    if owners == {"llamacpp"}:
        return Flavour.LLAMACPP
    if owners == {"vllm"}:
        return Flavour.VLLM
    return Flavour.LMSTUDIO if owners == {"organization_owner"} else Flavour.OTHER


def read_llamacpp(rows: Sequence[Mapping[str, Any]], props: Mapping[str, Any] | None) -> Catalog:
    """A llama-server's models: the one that it was started with, or many where it is a router (then rows have a status)."""
    said = props or {}
    version = text_of(said, "build_info")
    if any("status" in row for row in rows):
        return Catalog(Flavour.LLAMACPP, tuple(_routed(row) for row in rows), version=version, is_router=True)
    settings = _mapping(said, "default_generation_settings")
    path, template = text_of(said, "model_path"), text_of(said, "chat_template")
    asleep = said.get("is_sleeping") is True
    entries = []
    for row in rows:
        meta = _mapping(row, "meta")
        entries.append(
            Entry(
                text_of(row, "id"),
                # the template counts too: other words around the same question give other answers
                _hash(path or text_of(row, "id"), [number_of(meta, key) for key in _META], template),
                _names(row),
                number_of(settings, "n_ctx") or number_of(meta, "n_ctx"),
                number_of(meta, "size"),
                not asleep,
            )
        )
    return Catalog(Flavour.LLAMACPP, tuple(entries), version=version, slots=number_of(said, "total_slots"))


def read_lmstudio(rows: Sequence[Mapping[str, Any]], details: Mapping[str, Any] | None) -> Catalog:
    """LM Studio's models, with what its own list (/api/v0/models) says of them where it has one."""
    listed = details.get("data") if details is not None else None
    known = {text_of(row, "id"): row for row in listed if isinstance(row, Mapping)} if isinstance(listed, list) else {}
    entries = []
    for row in rows:
        name = text_of(row, "id")
        more = known.get(name, {})
        facts = [text_of(more, key) for key in ("publisher", "arch", "quantization", "compatibility_type")]
        state = text_of(more, "state")
        entries.append(
            Entry(
                name,
                _hash(name, facts),
                window=number_of(more, "loaded_context_length"),
                loaded=state == "loaded" if state else None,
                embeds_only=text_of(more, "type") == "embeddings" or name.startswith("text-embedding-"),
            )
        )
    return Catalog(Flavour.LMSTUDIO, tuple(entries))


def read_vllm(rows: Sequence[Mapping[str, Any]], version: Mapping[str, Any] | None) -> Catalog:
    """vLLM's model and its adapters: all in memory as long as the server runs."""
    entries = tuple(
        Entry(
            text_of(row, "id"),
            _hash(text_of(row, "id"), text_of(row, "root"), text_of(row, "parent")),
            window=number_of(row, "max_model_len"),
            loaded=True,
        )
        for row in rows
    )
    return Catalog(Flavour.VLLM, entries, version=text_of(version or {}, "version"))


def read_other(rows: Sequence[Mapping[str, Any]], now_ms: int) -> Catalog:
    """The models of a server that is not known closer."""
    entries = []
    for row in rows:
        created = number_of(row, "created")
        is_fact = 0 < created < now_ms / 1000.0 - SETTLED_S
        digest = _hash(text_of(row, "id"), text_of(row, "owned_by"), text_of(row, "root"), created if is_fact else 0)
        window = number_of(row, "max_model_len") or number_of(row, "context_length") or number_of(row, "context_window")
        entries.append(Entry(text_of(row, "id"), digest, _names(row), window))
    return Catalog(Flavour.OTHER, tuple(entries))


def dated(catalog: Catalog, read_at_s: float) -> Catalog:
    """The same catalog with the time at which it was read."""
    return replace(catalog, read_at_s=read_at_s)


def text_of(value: Mapping[str, Any], key: str) -> str:
    """The text at `key`, '' where there is none."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def number_of(value: Mapping[str, Any], key: str) -> int:
    """The number at `key`, 0 where there is none that makes sense."""
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0


def _folded(name: str) -> str:
    """A name as two spellings of it are equal: some servers write a tag where a person leaves it out."""
    return name.casefold().removesuffix(":latest")


def _routed(row: Mapping[str, Any]) -> Entry:
    status = _mapping(row, "status")
    args = status.get("args")
    places = sorted(_places(args)) if isinstance(args, list) else []
    meta = _mapping(row, "meta")
    is_up = text_of(status, "value") in ("loaded", "sleeping")
    name = text_of(row, "id")
    return Entry(name, _hash(name, places), _names(row), number_of(meta, "n_ctx"), number_of(meta, "size"), is_up)


def _places(args: Sequence[Any]) -> Iterator[str]:
    """Where a router's child takes its weights from: its other arguments (port, alias) change from start to start."""
    for name, value in pairwise(args):
        if name in _PLACES and isinstance(value, str):
            yield value


def _names(row: Mapping[str, Any]) -> tuple[str, ...]:
    aliases = row.get("aliases")
    own = text_of(row, "id")
    return tuple(a for a in aliases if isinstance(a, str) and a and a != own) if isinstance(aliases, list) else ()


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _hash(*parts: object) -> str:
    return sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()
