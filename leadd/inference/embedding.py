"""Texts to vectors through the queue of the embedding model, and through its role's candidates where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from leadd.api import Clock, ModelFailure, Role, Usage
from leadd.inference.calls import Caller, Spare
from leadd.inference.figures import Figures
from leadd.inference.flights import copy_of
from leadd.inference.lanes.slots import Sample, Turn
from leadd.inference.questions import InferenceSettings
from leadd.inference.retries import is_outage
from leadd.inference.servers.seats import Seat, Seating

if TYPE_CHECKING:
    from leadd.inference.answers.vectors import Vectors


class Embedder:
    """Checked vectors of many texts."""

    def __init__(
        self, settings: InferenceSettings, *, caller: Caller, seating: Seating, figures: Figures, clock: Clock
    ) -> None:
        self._settings = settings
        self._caller = caller
        self._seating = seating
        self._figures = figures
        self._clock = clock

    async def embed(self, seat: Seat, texts: Sequence[str]) -> Vectors:
        """Vectors from `seat`; where its server is at fault, from the next candidate. Raises ModelFailure, TextFault."""
        self._figures.of(seat.method, seat.role).misses += 1
        failed: dict[Seat, ModelFailure] = {}
        while True:
            try:
                return await self._by(seat, texts, partial(self._seating.has_spare, seat, failed))
            except ModelFailure as failure:
                failed[seat] = failure
                following = self._seating.choose(Role.EMBED, failed) if is_outage(failure) else None
                if following is None:
                    raise
                seat = following
                self._figures.of(seat.method, seat.role).failovers += 1

    async def _by(self, seat: Seat, texts: Sequence[str], spare: Spare) -> Vectors:
        from leadd.inference.answers.vectors import embed_all  # noqa: PLC0415 - brings numpy, which only vectors need

        endpoint, state, tally = seat.endpoint, seat.state, self._figures.of(seat.method, seat.role)
        state.asked_at_s = self._clock.monotonic_s()
        turn = state.lane.enter(0)
        try:
            state.queued.add(turn)
            await state.lane.wait(turn)
            problem = seat.problem
            if problem is not None:
                raise copy_of(problem)
            began_s = self._clock.monotonic_s()
            await endpoint.warm(state)
            try:
                vectors = await embed_all(texts, partial(self._part, seat, turn), batch=self._settings.embed_batch)
            except ModelFailure as failure:
                tally.failed(failure.kind)
                raise endpoint.note_failure(state, failure, spare=spare(), began_s=began_s) from None
        finally:
            state.queued.discard(turn)
            state.lane.leave(turn)
        endpoint.note_vectors(state)
        tally.answers += 1
        return vectors

    async def _part(self, seat: Seat, turn: Turn, texts: Sequence[str]) -> Vectors:
        state, started_s = seat.state, self._clock.monotonic_s()
        async with self._caller.passing(seat, self._settings.total_s):
            vectors = await seat.endpoint.model.embed(state.name, texts, num_ctx=state.num_ctx)
        state.lane.note(Sample(Usage(), (self._clock.monotonic_s() - started_s) * 1000), turn)
        return vectors
