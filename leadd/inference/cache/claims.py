"""One call for many askers that cannot see each other: other processes on one cache file, other machines on one server.

Whoever asks first claims the key in the tier that all share, and renews the claim while it works. The others look into that
tier until the answer is there. Where the claim ends without one (its owner died), exactly one of them takes it over. A leader
that fails leaves a note for those who wait, so that they do not all try again at once.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from leadd.api import Clock, Failure, Method, ModelFailure
from leadd.inference.cache.entries import Kept, Refused
from leadd.inference.cache.tiers import Tiers
from leadd.inference.questions import Check

LEASE_S = 15.0
"""How long a claim outlives its owner."""
RENEWALS = 3.0
"""Claims are renewed so many times in a lease: two renewals may fail before it ends."""
CLAIM_LIMIT_S = 2.0
"""How long a claim may take: it is worth waiting for a file that other processes write to."""
FIRST_LOOK_S, LONGEST_LOOK_S = 0.02, 0.25
NOTE_S = 30.0
"""How long a leader's failure is told to those who wait; who comes later asks anew."""

Own = Callable[[Coroutine[Any, Any, None], str], "asyncio.Task[None]"]


class Claims:
    """Who computes what, among all that share a cache tier. Without such a tier everybody computes for himself."""

    def __init__(self, tiers: Tiers, *, clock: Clock, own: Own, lease_s: float = LEASE_S) -> None:
        self.owner = uuid.uuid4().hex
        self.waited = 0
        """Askers that waited for another process's answer."""
        self.taken_over = 0
        """Claims that were taken over from an owner that did not come to its end."""
        self._tiers = tiers
        self._clock = clock
        self._own = own
        self._lease_s = lease_s
        self._held: set[str] = set()
        self._keeper: asyncio.Task[None] | None = None

    async def turn(
        self, key: str, method: Method, check: Check, *, patience_s: Callable[[], float | None] = lambda: None
    ) -> Kept | Refused | ModelFailure | None:
        """None: it is ours to find out, and `end` must follow. Else what another process found out meanwhile.

        Where `patience_s` gives seconds, for a person who waits, the other one is waited for no longer than that. It is asked
        at every look: a person may join what nobody was in a hurry for.
        """
        if method is not Method.MODEL or self._tiers.common is None:
            return None
        if await self._claim(key):
            # Whoever had it may have come to its end between our look for the answer and our claim.
            found = await self._tiers.get_common(key, method, check) if key in self._held else None
            if found is not None:
                await self.end(key)
            return found
        self.waited += 1
        began_s = self._clock.monotonic_s()
        old_note = await self._note(key)
        look_s = FIRST_LOOK_S
        while (most_s := patience_s()) is None or self._clock.monotonic_s() - began_s < most_s:
            found = await self._tiers.get_common(key, method, check)
            if found is not None:
                return found
            note = await self._note(key)
            if note is not None and note != old_note:
                return _failure_of(note)
            if await self._claim(key):
                # the owner may have come to its end between our look and our claim
                found = await self._tiers.get_common(key, method, check)
                if found is None:
                    self.taken_over += 1
                    return None
                await self.end(key)
                return found
            await self._clock.sleep(look_s)
            look_s = min(LONGEST_LOOK_S, look_s * 1.5)
        return None

    async def end(self, key: str, failure: ModelFailure | None = None) -> None:
        """Give a claim back; a failure is told to those who wait."""
        if key not in self._held:
            return
        self._held.discard(key)
        tier = self._tiers.common
        if tier is None:
            return
        if failure is not None:
            await tier.run("put", partial(tier.backend.put, _note_key(key), _note_of(failure), ttl_s=NOTE_S))
        await tier.run("release", partial(tier.backend.release, key, self.owner))

    async def _claim(self, key: str) -> bool:
        tier = self._tiers.common
        if tier is None:
            return True
        # A tier that cannot tell keeps nobody from computing.
        won = await tier.run("claim", partial(tier.backend.claim, key, self.owner, self._lease_s), CLAIM_LIMIT_S)
        if won is False:
            return False
        if won:
            self._held.add(key)
            if self._keeper is None or self._keeper.done():
                self._keeper = self._own(self._keep(), "renew claims")
        return True

    async def _keep(self) -> None:
        """Renew what is held, as long as something is held."""
        while self._held:
            await self._clock.sleep(self._lease_s / RENEWALS)
            tier = self._tiers.common
            for key in list(self._held) if tier is not None else ():
                if tier is not None and key in self._held:
                    await tier.run("claim", partial(tier.backend.claim, key, self.owner, self._lease_s))

    async def _note(self, key: str) -> bytes | None:
        tier = self._tiers.common
        return None if tier is None else await tier.run("get", partial(tier.backend.get, _note_key(key)))


def _note_key(key: str) -> str:
    return f"note.{key}"


def _note_of(failure: ModelFailure) -> bytes:
    told = {"kind": failure.kind.value, "message": failure.message[:500], "model": failure.model, "id": uuid.uuid4().hex}
    return json.dumps(told | ({} if failure.after_s is None else {"after_s": failure.after_s})).encode()


def _failure_of(note: bytes) -> ModelFailure:
    try:
        told = json.loads(note)
        after_s = told.get("after_s")
        return ModelFailure(
            Failure(told["kind"]), str(told["message"]), model=str(told["model"]),
            after_s=float(after_s) if after_s is not None else None,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        return ModelFailure(Failure.BUSY, "another leadd could not find out and did not say why")
