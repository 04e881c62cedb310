"""Texts to vectors through the queue of the embedding model, and through its role's candidates where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from leadd.api import Clock, ModelFailure, Role, Usage
from leadd.inference.answers.text_faults import TextFault
from leadd.inference.cache.tiers import Tiers
from leadd.inference.calls import Caller, Spare
from leadd.inference.figures import Figures
from leadd.inference.flights import copy_of
from leadd.inference.lanes.slots import Sample, Turn
from leadd.inference.questions import InferenceSettings
from leadd.inference.requests import place_of
from leadd.inference.retries import is_outage
from leadd.inference.servers.seats import Seat, Seating

if TYPE_CHECKING:
    from leadd.inference.answers.vectors import Vectors


class Embedder:
    """Checked vectors of many texts."""

    def __init__(
        self, settings: InferenceSettings, *, caller: Caller, seating: Seating, figures: Figures, tiers: Tiers, clock: Clock
    ) -> None:
        self._settings = settings
        self._caller = caller
        self._seating = seating
        self._figures = figures
        self._tiers = tiers
        self._clock = clock

    async def embed(self, seat: Seat, texts: Sequence[str]) -> Vectors:
        """Vectors from `seat`; where its server is at fault, from the next candidate. Raises ModelFailure, TextFault."""
        failed: dict[Seat, ModelFailure] = {}
        while True:
            try:
                return await self._kept_or_new(seat, texts, partial(self._seating.has_spare, seat, failed))
            except ModelFailure as failure:
                failed[seat] = failure
                following = self._seating.choose(Role.EMBED, failed) if is_outage(failure) else None
                if following is None:
                    raise
                seat = following
                self._figures.of(seat.method, seat.role).failovers += 1

    async def _kept_or_new(self, seat: Seat, texts: Sequence[str], spare: Spare) -> Vectors:
        """What the cache has of one model's vectors, and the rest asked of it in one go."""
        import numpy as np  # noqa: PLC0415 - only vectors need it

        from leadd.inference.cache import kept_vectors  # noqa: PLC0415

        tally = self._figures.of(seat.method, seat.role)
        place, digest = place_of(seat), seat.state.digest
        keys = [kept_vectors.vector_key(place, seat.state.num_ctx, text) for text in texts] if digest else []
        known = await kept_vectors.look_up(self._tiers, keys, digest)
        if texts and len(known) == len(texts):
            tally.hits += 1
            return np.stack([known[number] for number in range(len(texts))])
        tally.misses += 1
        lacking = [number for number in range(len(texts)) if number not in known]
        try:
            fresh = await self._by(seat, [texts[number] for number in lacking], spare)
        except TextFault as fault:
            fault.place = lacking[fault.place]
            raise
        if keys and seat.state.digest == digest:
            now_ms = self._clock.now_ms()
            await kept_vectors.keep(self._tiers, [keys[number] for number in lacking], digest, fresh, now_ms)
        if not known:
            return fresh
        whole = dict(zip(lacking, fresh, strict=True)) | known
        if len({vector.shape for vector in whole.values()}) > 1:
            return await self._by(seat, texts, spare)  # the model is another one under the same digest: trust nothing kept
        return np.stack([whole[number] for number in range(len(texts))])

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
