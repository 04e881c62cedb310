"""How near signals are to ICPs by the vectors of an embedding model: one more piece of evidence, where such a model is set.

Nothing here is ever needed: without vectors a signal is judged by its words and by the models. So whatever goes wrong means
'not known', and what goes wrong twice is left alone for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from leadd.api import Clock, Failure, ModelFailure, Role, Signal
from leadd.core.embedding_texts import (
    LEAST_CHARS,
    RECIPE,
    budget_chars,
    icp_sentences,
    prefixes_of,
    signal_text,
)
from leadd.core.profiles import Profile
from leadd.inference import Inference
from leadd.inference.answers.text_faults import TextFault
from leadd.store import StoreError
from leadd.store.embeddings import EmbeddingRepo, Space

if TYPE_CHECKING:
    from leadd.core.cosines import Nearness, Vector, Vectors

MOST_BATCH, LEAST_BATCH = 64, 16
FIRST_BATCH = 32
BATCH_LIMIT_S = 15.0
"""How long a batch may hold up the signals in it; a slower machine gets smaller batches, a quick one larger ones."""
QUICK_S = 2.0
REST_FIRST_S, REST_MOST_S = 30.0, 600.0
PRUNE_EVERY_S = 86_400.0
BAD_TEXTS = 3
"""Texts that may be taken out of a batch before it is given up as a whole."""
REMEMBERED = 512

Similarities = Mapping[int, Mapping[int, float]]
"""Signal id → ICP id → cosine. What is not known is not there."""


class SignalVectors:
    """Embeds signals and ICPs, keeps the vectors, and tells how near they are to each other."""

    def __init__(
        self,
        kept: EmbeddingRepo,
        inference: Inference,
        clock: Clock,
        log: logging.Logger,
        *,
        model: str,
        window_tokens: int,
        keep_s: float,
    ) -> None:
        self._kept = kept
        self._inference = inference
        self._clock = clock
        self._log = log
        self._model = model
        self._keep_s = keep_s
        self._budget = budget_chars(window_tokens)
        self._space: Space | None = None
        self._near: Nearness | None = None
        self._wanted: dict[str, Vector] = {}
        self._rest_s = 0.0
        self._rests_until_s = float("-inf")
        self._prune_at_s = float("-inf")
        self.batch = FIRST_BATCH
        """How many signals `similarities` should be given at a time, 16 to 64."""

    async def similarities(self, signals: Sequence[Signal], profiles: Sequence[Profile]) -> Similarities:
        """The cosine of each signal with each ICP, seen from the centre of all signals; {} where that is not known.

        Never raises, and never takes longer than one batch may take. Cosines lie around 0 for what an ICP does not care about.
        They are given only once there are vectors enough to know the centre: raw ones mean another thing with each model.
        """
        await self._prune()
        if not signals or not profiles or not self._can_ask():
            return {}
        began_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(BATCH_LIMIT_S):
                found = await self._similarities(signals, profiles)
        except TimeoutError:
            self.batch = max(LEAST_BATCH, self.batch // 2)
            self._rest(f"{len(signals)} texts took longer than {BATCH_LIMIT_S:g} s")
        except ModelFailure as failure:
            self._rest(str(failure))
        except StoreError as error:
            self._rest(f"the kept vectors cannot be read: {error}")
        except Exception:
            self._log.exception("signals could not be compared with the ICPs by vectors")
            self._rest("leadd failed on them; the log has the error")
        else:
            self._rest_s = 0.0
            if len(signals) == self.batch and self._clock.monotonic_s() - began_s < QUICK_S:
                self.batch = min(MOST_BATCH, self.batch * 2)
            return found
        return {}

    async def query(self, text: str) -> tuple[Space, Vector]:
        """What is looked for as a vector, and the space of the signals' vectors that it is like. Raises ModelFailure."""
        if not self._inference.availability(Role.EMBED).ok:
            raise ModelFailure(Failure.UNREACHABLE, self._inference.availability(Role.EMBED).reason)
        try:
            async with asyncio.timeout(BATCH_LIMIT_S):
                space, _ = await self._present()
                (vector,) = await self._embed(space, [prefixes_of(space.model)[1] + text[: self._budget]])
        except TimeoutError:
            raise ModelFailure(Failure.TIMEOUT_TOTAL, f"the embedding model took longer than {BATCH_LIMIT_S:g} s") from None
        return space, vector

    def _can_ask(self) -> bool:
        return self._clock.monotonic_s() >= self._rests_until_s and self._inference.availability(Role.EMBED).ok

    def _rest(self, reason: str) -> None:
        self._rest_s = min(REST_MOST_S, max(REST_FIRST_S, self._rest_s * 2))
        self._rests_until_s = self._clock.monotonic_s() + self._rest_s
        self._log.info("signals are judged without vectors for %.0f s: %s", self._rest_s, reason)

    async def _similarities(self, signals: Sequence[Signal], profiles: Sequence[Profile]) -> Similarities:
        space, near = await self._present()
        wanted = {profile.id: await self._wanted_of(space, profile) for profile in profiles}
        found = await self._kept.of_equal_texts(space, [signal.id for signal in signals])
        new = {s.content_hash: s for s in reversed(signals) if s.id not in found}
        if new:
            asked, vectors = await self._embed_signals(space, list(new.values()))
            near.add(vectors)
            await self._keep("signal", space, [signal.id for signal in asked], vectors)
            of_text = {signal.content_hash: vector for signal, vector in zip(asked, vectors, strict=True)}
            found |= {s.id: of_text[s.content_hash] for s in signals if s.content_hash in of_text}
        return near.cosines(found, wanted)

    async def _present(self) -> tuple[Space, Nearness]:
        """The space of the model that would answer now; what was gathered in another one is let go. Raises ModelFailure."""
        digest = f"{await self._inference.digest_of(Role.EMBED)}/{RECIPE}"
        if self._space is None or self._near is None or self._space.digest != digest:
            space, near = Space(self._name_of(digest.removesuffix(f"/{RECIPE}")), digest), await asyncio.to_thread(_nearness)
            near.add(await self._kept.latest("signal", space, REMEMBERED))
            self._space, self._near, self._wanted = space, near, {}
        return self._space, self._near

    def _name_of(self, digest: str) -> str:
        """The model's name: of several candidates the one that has this digest."""
        models = [model for server in self._inference.health() for model in server.get("models", ())]
        return next((str(m["model"]) for m in models if m.get("digest") == digest and "embed" in m["roles"]), self._model)

    async def _wanted_of(self, space: Space, profile: Profile) -> Vector:
        """What an ICP looks for, as one direction: out of memory, out of the store, or embedded now."""
        known = self._wanted.get(profile.content_hash)
        if known is None:
            own = Space(space.model, f"{space.digest}/{profile.content_hash[:16]}")  # a changed ICP is another text
            known = (await self._kept.get_many("icp", own, [profile.id])).get(profile.id)
            if known is None:
                prefix = prefixes_of(space.model)[1]
                known = _direction(await self._embed(space, [prefix + said for said in icp_sentences(profile.icp)]))
                await self._keep("icp", own, [profile.id], known[None, :])
            self._wanted[profile.content_hash] = known
        return known

    async def _embed_signals(self, space: Space, signals: list[Signal]) -> tuple[list[Signal], Vectors]:
        """The signals whose texts could be embedded, and their vectors. Raises ModelFailure.

        One text that no model can read must not cost the others theirs: it is taken out, and one that is too long means that
        this model's window is smaller than was set, so all are cut shorter.
        """
        for tries_left in reversed(range(BAD_TEXTS + 1)):
            texts = await asyncio.to_thread(_texts, signals, self._budget, prefixes_of(space.model)[0])
            try:
                return signals, await self._embed(space, texts)
            except TextFault as fault:
                if not tries_left:
                    raise
                if fault.kind is Failure.TOO_LONG and self._budget > LEAST_CHARS:
                    self._budget = max(LEAST_CHARS, self._budget // 2)
                else:
                    self._log.info("signal %d cannot be embedded: %s", signals[fault.place].id, fault.message)
                    signals = [signal for place, signal in enumerate(signals) if place != fault.place]
        raise AssertionError("the last try returns or raises")

    async def _embed(self, space: Space, texts: Sequence[str]) -> Vectors:
        vectors = await self._inference.embed(texts)
        if (await self._present())[0] != space:
            raise ModelFailure(Failure.BAD_VECTOR, "another model answered than was asked: its vectors are of another space")
        return vectors

    async def _keep(self, subject: Literal["signal", "icp"], space: Space, ids: Sequence[int], vectors: Vectors) -> None:
        """Kept where that is possible; a disk that is full costs the next start an embedding, no more."""
        if not ids:
            return
        try:
            await self._kept.put_many(subject, space, ids, vectors)
        except StoreError as error:
            self._log.debug("%d vectors were not kept: %s", len(ids), error)

    async def _prune(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._prune_at_s:
            return
        self._prune_at_s = now_s + PRUNE_EVERY_S
        try:
            await self._kept.prune(self._clock.now_ms() - int(self._keep_s * 1000))
        except StoreError as error:
            self._log.debug("old vectors were not taken out: %s", error)
        except Exception:
            self._log.exception("old vectors could not be taken out")


def _texts(signals: Sequence[Signal], chars: int, prefix: str) -> list[str]:
    return [prefix + signal_text(signal, chars) for signal in signals]


def _nearness() -> Nearness:
    """Meant for a thread: importing numpy takes a tenth of a second, which nobody pays for who has no embedding model."""
    from leadd.core.cosines import Nearness  # noqa: PLC0415 - brings numpy, which only vectors need

    return Nearness()


def _direction(sentences: Vectors) -> Vector:
    from leadd.core.cosines import direction  # noqa: PLC0415 - brings numpy, which only vectors need

    return direction(sentences)
