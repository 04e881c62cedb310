"""Finding leads by what they say: over the vectors of signals where there are any, else by words.

With an embedding model set (`models.embed`), its vectors are searched. Without one, those of the extra leadd[embedded] are,
which need no server: the signals of leads get them when a search first asks for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from leadd.api import Clock, ModelFailure
from leadd.api.lexical import fold, significant_words
from leadd.core.embedding_texts import MOST_CHARS, RECIPE, signal_text
from leadd.store import NotFound, Store
from leadd.store.embeddings import Space
from leadd.store.rows import LeadRow

if TYPE_CHECKING:
    from leadd.builtin.evidence_vectors import Vectors as StaticVectors
    from leadd.learn.nearest import Nearest, Vector

STRETCH = 5_000
"""Vectors read at a time while the matrix is filled."""
FILL_BATCH = 256
FILL_LIMIT_S = 1.5
"""How long one search may spend on vectors that are missing; the next one goes on."""
FIRST_TAKEN = 400
MOST_WORDS = 16
RANK_OFFSET = 60
"""Reciprocal rank fusion (Cormack, Clarke, Büttcher: SIGIR 2009)."""
STATIC = "wordllama"


@dataclass(frozen=True, slots=True)
class Found:
    """Leads, the nearest first, each with its cosine where vectors tell one. `by` is vectors (joined with words) or words;
    `reason` says why it was words alone. `compared` is how many vectors were compared, `model` whose they are."""

    leads: tuple[tuple[LeadRow, float | None], ...]
    by: str
    model: str = ""
    compared: int = 0
    reason: str = ""


class Asking(Protocol):
    """Who embeds what is looked for, with the model whose vectors are kept."""

    async def query(self, text: str) -> tuple[Space, Vector]:
        """The space in force, and the text's vector in it. Raises ModelFailure."""
        ...


class _NoVectors(Exception):
    """There is nothing to compare with; the message says why."""


class Finder:
    """Searches over leads. The matrix is filled when it is first needed, and kept up with the store at each search."""

    def __init__(self, store: Store, asking: Asking, clock: Clock, log: logging.Logger, *, has_embedder: bool) -> None:
        self._store = store
        self._asking = asking
        self._clock = clock
        self._log = log
        self._has_embedder = has_embedder
        self._lock = asyncio.Lock()
        self._space: Space | None = None
        self._matrix: Nearest | None = None
        self._mark = (0, 0)
        self._static: StaticVectors | None = None
        self._no_static = ""
        self._wordless: set[int] = set()

    async def search(self, text: str, limit: int = 50) -> Found:
        """Leads that are about `text`, or hold its words. Never raises for want of a model."""
        by_words = await self._store.leads.search(text, limit)
        if not by_words:
            by_words = await self._rows(await self._store.finding.sharing_words(_words_of([text]), limit))
        try:
            async with self._lock:
                space, wanted = await self._query(text)
                matrix = await self._filled(space)
                near = await self._leads_near(matrix, wanted, limit)
        except (_NoVectors, ModelFailure) as missing:
            return Found(tuple((row, None) for row in by_words), "words", reason=str(missing))
        fused: dict[int, float] = {}
        for ranking in ([lead_id for lead_id, _ in near], [row.id for row in by_words]):
            for rank, lead_id in enumerate(ranking):
                fused[lead_id] = fused.get(lead_id, 0.0) + 1.0 / (RANK_OFFSET + rank)
        order = sorted(fused, key=lambda lead_id: -fused[lead_id])[:limit]
        cosines = dict(near)
        rows = await self._rows(order)
        return Found(tuple((row, cosines.get(row.id)) for row in rows), "vectors", space.model, len(matrix))

    async def similar(self, lead_id: int, limit: int = 20) -> Found:
        """Leads whose signals say the same kind of thing as this one's. Asks no model. Raises NotFound."""
        lead = await self._store.leads.get(lead_id)
        if lead is None:
            raise NotFound(f"there is no lead {lead_id}")
        signals, titles = await self._store.finding.signals_of(lead.id)
        try:
            async with self._lock:
                space = await self._kept_space()
                matrix = await self._filled(space)
                own = [vector for signal_id in signals if (vector := matrix.vector(signal_id)) is not None]
                if not own:
                    raise _NoVectors("no signal of this lead has a vector yet")
                near = await self._leads_near(matrix, _mean(own), limit + 1)
        except _NoVectors as missing:
            words = _words_of([*titles, lead.location or ""])
            rows = await self._rows(await self._store.finding.sharing_words(words, limit + 1))
            return Found(tuple((row, None) for row in rows if row.id != lead.id)[:limit], "words", reason=str(missing))
        cosines = {found_id: cosine for found_id, cosine in near if found_id != lead.id}
        rows = await self._rows(list(cosines)[:limit])
        return Found(tuple((row, cosines[row.id]) for row in rows), "vectors", space.model, len(matrix))

    async def _query(self, text: str) -> tuple[Space, Vector]:
        """What is looked for as a vector, and the space to look in. Raises ModelFailure, _NoVectors."""
        if self._has_embedder:
            return await self._asking.query(text)
        static, space = await self._static_space()
        vector = (await asyncio.to_thread(static.embed, [text]))[0]
        if not vector.any():
            raise _NoVectors("no word of it is known to the word vectors")
        return space, vector

    async def _kept_space(self) -> Space:
        """The space in which leads are compared: that of the embedding model's newest vectors, else the word vectors'."""
        if not self._has_embedder:
            return (await self._static_space())[1]
        spaces = [space for space, _, _ in await self._store.finding.spaces() if space.model != STATIC]
        if not spaces:
            raise _NoVectors("no signal has a vector yet")
        return spaces[0]

    async def _static_space(self) -> tuple[StaticVectors, Space]:
        if self._static is None and not self._no_static:
            self._static, self._no_static = await asyncio.to_thread(_load_static)
        if self._static is None:
            raise _NoVectors(f"no embedding model is set (models.embed), and there are no word vectors: {self._no_static}")
        return self._static, Space(STATIC, f"{self._static.identity}/{RECIPE}")

    async def _filled(self, space: Space) -> Nearest:
        """The matrix of a space, with all that the store holds of it now. Raises _NoVectors where that is nothing."""
        if space.model == STATIC:
            await self._embed_missing(space)
        if self._space != space:
            self._space, self._matrix, self._mark = space, None, (0, 0)
        if self._matrix is None:
            width = await self._store.finding.width(space)
            if width is None:
                raise _NoVectors("no signal has a vector of this model yet")
            self._matrix = await asyncio.to_thread(_empty, width)
        matrix = self._matrix
        await self._read_on(space, matrix)
        if await self._store.finding.count(space) != len(matrix):
            # Vectors were taken out, came in late, or are damaged: what is held is set right by id.
            kept = await self._store.finding.ids(space)
            matrix.drop(set(matrix.ids) - kept)
            late = await self._store.embeddings.get_many("signal", space, sorted(kept - set(matrix.ids)))
            for signal_id, vector in late.items():
                if len(vector) == matrix.width:
                    matrix.put([signal_id], vector[None, :])
        if not len(matrix):
            raise _NoVectors("no signal has a vector of this model yet")
        return matrix

    async def _read_on(self, space: Space, matrix: Nearest) -> None:
        """Take in what was made since the last search; the first time, all."""
        more = True
        while more:
            made = await self._store.finding.made_after(space, self._mark, matrix.width, STRETCH)
            await asyncio.to_thread(matrix.put, made.ids, made.vectors)
            self._mark, more = made.mark, made.more

    async def _embed_missing(self, space: Space) -> None:
        """Word vectors for signals of leads that have none, as many as fit into the time of one search."""
        static, until_s, below = self._static, self._clock.monotonic_s() + FILL_LIMIT_S, 2**62
        while static is not None and self._clock.monotonic_s() < until_s:
            rows = await self._store.finding.of_leads_without(space, below, FILL_BATCH)
            if not rows:
                return
            below = rows[-1].id
            rows = [row for row in rows if row.id not in self._wordless]
            if not rows:
                continue
            vectors = await asyncio.to_thread(static.embed, [signal_text(row, MOST_CHARS) for row in rows])
            told = [place for place, vector in enumerate(vectors) if vector.any()]
            ids = [rows[place].id for place in told]
            self._wordless |= {row.id for row in rows} - set(ids)
            await self._store.embeddings.put_many("signal", space, ids, vectors[told])

    async def _leads_near(self, matrix: Nearest, wanted: Vector, limit: int) -> list[tuple[int, float]]:
        """The nearest leads with the cosine of their nearest signal; more signals are looked at until there are enough."""
        take = max(FIRST_TAKEN, 4 * limit)
        while True:
            near = await asyncio.to_thread(matrix.top, wanted, take)
            behind = await self._store.finding.leads_behind([signal_id for signal_id, _ in near])
            found: dict[int, float] = {}
            for signal_id, cosine in near:
                for lead_id in behind.get(signal_id, ()):
                    if cosine > 0:  # what lies on the other side of the centre is not like it
                        found.setdefault(lead_id, cosine)
            if len(found) >= limit or take >= len(matrix) or (near and near[-1][1] <= 0):
                return list(found.items())[:limit]
            take *= 8

    async def _rows(self, ids: Sequence[int]) -> list[LeadRow]:
        """The leads of these ids, in this order; those that are gone meanwhile are left out."""
        found = await self._store.leads.get_many(ids)
        return [found[lead_id] for lead_id in ids if lead_id in found]


def _words_of(texts: Sequence[str]) -> list[str]:
    """The telling words of some texts as leads' words are kept, the first 16."""
    return list(dict.fromkeys(fold(word) for text in texts for word in significant_words(text)))[:MOST_WORDS]


def _empty(width: int) -> Nearest:
    from leadd.learn.nearest import Nearest  # noqa: PLC0415 - brings numpy, which only vectors need

    return Nearest(width)


def _mean(vectors: list[Vector]) -> Vector:
    from leadd.core.cosines import direction, stack  # noqa: PLC0415 - brings numpy, which only vectors need

    return direction(stack(vectors))


def _load_static() -> tuple[StaticVectors | None, str]:
    """The word vectors, or why there are none. Blocking."""
    try:
        from leadd.builtin.evidence_vectors import (  # noqa: PLC0415 - brings numpy, and 20 MB of memory
            Vectors,
            VectorsMissing,
        )
    except ImportError as error:
        return None, str(error)
    try:
        return Vectors.load(), ""
    except VectorsMissing as missing:
        return None, str(missing)
