"""Making the components that the settings name. One that cannot be made is a state with a reason; the others go on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leadd.api import CacheBackend, Clock, Component, ComponentConfig, Context, Http, Model, SecretRef, Sink, Source
from leadd.config.loading import Loaded
from leadd.config.paths import Paths, make_private_folder
from leadd.config.secrets import resolve_secret
from leadd.core.traffic import SinkSlot, SourceSlot
from leadd.registry import ComponentError, Registry, declared_secrets

OLLAMA = "ollama"
EVIDENCE = "evidence"


class Components:
    """Builds caches, models, sources and sinks out of the settings, each with a context of its own."""

    def __init__(self, loaded: Loaded, paths: Paths, registry: Registry, http: Http, clock: Clock, log: logging.Logger) -> None:
        self._loaded = loaded
        self._paths = paths
        self._registry = registry
        self._http = http
        self._clock = clock
        self._log = log
        self.made: dict[str, Component] = {}
        """Every component that could be made, by 'kind:name'."""

    @property
    def servers(self) -> frozenset[str]:
        """Names of the model servers that could be made."""
        return frozenset(key.removeprefix("model:") for key in self.made if key.startswith("model:"))

    def caches(self) -> list[CacheBackend]:
        """The tiers in the order in which they are asked."""
        settings = self._loaded.settings.cache
        if not settings.enabled:
            return []
        found: list[CacheBackend] = []
        for entry in settings.tiers:
            options = dict(entry.options)
            known = self._keys_of("cache", entry.use)
            if "ttl_s" in known:
                options.setdefault("ttl_s", settings.ttl_s)
            if entry.use == "memory" and "max_entries" in known:
                options.setdefault("max_entries", settings.max_entries)
            if "url" in known and entry.use == "redis":
                options.setdefault("url", settings.redis_url)
            made = self._make("cache", f"cache-{entry.use}", entry.use, options, folder=self._paths.data_folder)
            if isinstance(made, CacheBackend):
                found.append(made)
        return found

    def models(self) -> dict[str, Model]:
        """The model components that roles may use, by name."""
        models = self._loaded.settings.models
        wanted: dict[str, tuple[str, dict[str, Any]]] = {}
        for role in (models.triage, models.classify, models.dossier, models.embed):
            for use in (role.use, *(candidate.use for candidate in role.candidates)):
                wanted.setdefault(use, (use, {"endpoint": models.endpoint} if use == OLLAMA else {}))
        for entry in models.extra:
            wanted[entry.use] = (entry.use, dict(entry.options))
        for name, server in models.servers.items():
            wanted[name] = (server.use, dict(server.options))
        found: dict[str, Model] = {}
        for name, (use, options) in wanted.items():
            made = self._make("model", name, use, options)
            if isinstance(made, Model):
                found[name] = made
        return found

    def evidence(self) -> Model | None:
        """The builtin reader of a text's own evidence."""
        made = self._make("model", EVIDENCE, EVIDENCE, {})
        return made if isinstance(made, Model) else None

    def sources(self, *, missing_only: bool = False) -> list[SourceSlot]:
        """Every source that is switched on; with `missing_only` those that could not be made before."""
        slots = []
        for name, entry in self._loaded.settings.all_sources().items():
            if not entry.enabled or (missing_only and f"source:{name}" in self.made):
                continue
            made, reason = self._try("source", name, entry.use, entry.options)
            source = made if isinstance(made, Source) else None
            interval_s = entry.interval_s or (source.interval_s if source else 900.0)
            slots.append(SourceSlot(name, entry.use, source, interval_s, reason))
        return slots

    def sinks(self, *, missing_only: bool = False) -> list[SinkSlot]:
        """Every sink that is switched on; with `missing_only` those that could not be made before."""
        slots = []
        for name, entry in self._loaded.settings.sinks.items():
            if not entry.enabled or (missing_only and f"sink:{name}" in self.made):
                continue
            made, reason = self._try("sink", name, entry.use, entry.options)
            sink = made if isinstance(made, Sink) else None
            icps = tuple(entry.icps) if entry.icps is not None else None
            slots.append(SinkSlot(name, entry.use, sink, entry.min_bucket.value, icps, entry.max_attempts, reason))
        return slots

    def _keys_of(self, kind: str, use: str) -> set[str]:
        found = self._registry.classes(kind).get(use)
        return set(found.Config.model_fields) if found else set()

    def _make(self, kind: str, name: str, use: str, options: Mapping[str, Any], *, folder: Path | None = None) -> object | None:
        return self._try(kind, name, use, options, folder=folder)[0]

    def _try(
        self, kind: str, name: str, use: str, options: Mapping[str, Any], *, folder: Path | None = None
    ) -> tuple[object | None, str]:
        try:
            made = self._registry.create(kind, use, options, self._context_for(name, folder), name=name)
            self.made[f"{kind}:{name}"] = made
            return made, ""
        except ComponentError as error:
            self._log.error("%s '%s' is out of service: %s", kind, name, error)
            return None, str(error)

    def _context_for(self, name: str, folder: Path | None) -> Any:
        def make(config: ComponentConfig) -> Context:
            own = folder or self._paths.data_folder / "components" / name
            make_private_folder(own)
            declared = declared_secrets(config)

            def secret(ref: SecretRef) -> str:
                if ref not in declared:
                    raise KeyError(f"{ref} is not a secret of '{name}'")
                return resolve_secret(ref)

            log = logging.getLogger(f"leadd.{name}")
            return Context(name, own, self._http, self._clock, log, secret)

        return make
