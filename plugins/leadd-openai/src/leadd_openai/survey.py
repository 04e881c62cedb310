"""Looking at a server: which one it is, which models it has and in which windows; kept for a few seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from leadd.api import Clock, Failure, ModelFailure
from leadd_openai.catalog import (
    Catalog,
    Entry,
    dated,
    flavour_of,
    read_llamacpp,
    read_lmstudio,
    read_other,
    read_vllm,
    rows_of,
)
from leadd_openai.manners import Flavour, Manners
from leadd_openai.wire import Deadline, Wire

CATALOG_AGE_S = 10.0
_NOT_THERE = frozenset(
    {Failure.WRONG_SERVER, Failure.MISSING_CAPABILITY, Failure.FORBIDDEN, Failure.BAD_REQUEST, Failure.MISSING_MODEL}
)
"""What a server says that does not have a path. Anything else is a fault of the moment: to go on without what the path tells
would change the digest of a model that has not changed."""


class Survey:
    """What is known of one server. It is looked at again after a failure that another server in its place would explain."""

    def __init__(self, wire: Wire, flavour: str, clock: Clock, log: logging.Logger) -> None:
        self._wire = wire
        self._wanted = None if flavour == "auto" else Flavour(flavour)
        self._clock = clock
        self._log = log
        self._lock = asyncio.Lock()
        self._told = ""
        self.manners = Manners()
        self.catalog: Catalog | None = None
        self.latency_ms = 0.0

    @property
    def flavour(self) -> Flavour:
        """Which server it is; OTHER until it was looked at."""
        if self._wanted is not None:
            return self._wanted
        return self.catalog.flavour if self.catalog is not None else Flavour.OTHER

    async def look(self, deadline: Deadline) -> Catalog:
        """Ask the server anew. Raises ModelFailure."""
        began_s = self._clock.monotonic_s()
        rows = rows_of(await self._wire.get("/v1/models", deadline))
        self.latency_ms = (self._clock.monotonic_s() - began_s) * 1000.0
        flavour = self._wanted or flavour_of(rows)
        if self.catalog is not None and self.catalog.flavour is not flavour:
            self.manners.forget()
        found = await self._details(flavour, rows, deadline)
        self.catalog = dated(found, self._clock.monotonic_s())
        self._tell(self.catalog)
        return self.catalog

    async def known(self, deadline: Deadline) -> Catalog:
        """What is known, asked only where nothing is."""
        return self.catalog if self.catalog is not None else await self._look_once(deadline, float("inf"))

    async def find(self, model: str, deadline: Deadline, *, age_s: float = float("inf")) -> Entry:
        """The entry of a model, from a look at most `age_s` old. Raises ModelFailure(MISSING_MODEL) where there is none.

        These servers do not say that themselves: llama.cpp and LM Studio answer with whatever they have loaded.
        """
        catalog = await self._look_once(deadline, age_s)
        found = catalog.find(model)
        if found is None and self._age_s(catalog) > CATALOG_AGE_S:
            found = (await self._look_once(deadline, CATALOG_AGE_S)).find(model)
        if found is None:
            raise ModelFailure(Failure.MISSING_MODEL, f"model '{model}' is not there ({self._others()})", model=model)
        return found

    def note(self, failure: ModelFailure) -> None:
        """A server that was away may come back as another one with other models: look again before trusting."""
        if failure.kind in (Failure.UNREACHABLE, Failure.WRONG_SERVER, Failure.MISSING_MODEL, Failure.CRASHED):
            self.catalog = None

    async def _look_once(self, deadline: Deadline, age_s: float) -> Catalog:
        async with self._lock:
            catalog = self.catalog
            if catalog is not None and self._age_s(catalog) <= age_s:
                return catalog
            return await self.look(deadline)

    def _age_s(self, catalog: Catalog) -> float:
        return self._clock.monotonic_s() - catalog.read_at_s

    async def _details(self, flavour: Flavour, rows: list[Mapping[str, Any]], deadline: Deadline) -> Catalog:
        if flavour is Flavour.LLAMACPP:
            return read_llamacpp(rows, await self._maybe("/props", deadline))
        if flavour is Flavour.LMSTUDIO:
            return read_lmstudio(rows, await self._maybe("/api/v0/models", deadline))
        if flavour is Flavour.VLLM:
            return read_vllm(rows, await self._maybe("/version", deadline))
        return read_other(rows, self._clock.now_ms())

    async def _maybe(self, path: str, deadline: Deadline) -> Mapping[str, Any] | None:
        """The answer at a path that not every server has; None where it has none."""
        deadline.heard()
        try:
            return await self._wire.get(path, deadline)
        except ModelFailure as failure:
            if failure.kind in _NOT_THERE:
                return None
            raise

    def _others(self) -> str:
        entries = self.catalog.entries if self.catalog is not None else ()
        names = ", ".join(entry.id for entry in entries[:5])
        return f"the server has {names}{', …' if len(entries) > 5 else ''}" if names else "the server has none"

    def _tell(self, catalog: Catalog) -> None:
        parts = [catalog.flavour.value, catalog.version, f"{len(catalog.entries)} models"]
        if catalog.slots:
            parts.append(f"{catalog.slots} questions at a time")
        parts += [f"'{entry.id}' with a window of {entry.window}" for entry in catalog.entries[:3] if entry.window]
        told = ", ".join(part for part in parts if part)
        if told != self._told:
            self._told = told
            self._log.info("the server is %s", told)
