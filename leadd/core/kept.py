"""What the cache has for a signal, as the questions about it would be put now: for `leadd cache why`."""

from __future__ import annotations

from typing import Any

from leadd.core.profiles import Profiles
from leadd.core.reading import Reader
from leadd.inference import Inference
from leadd.store import Store

DAY_MS = 86_400_000


class KeptAnswers:
    """Looks for the kept answers of a signal, and counts what was saved by them."""

    def __init__(self, store: Store, reader: Reader, profiles: Profiles, inference: Inference) -> None:
        self._store = store
        self._reader = reader
        self._profiles = profiles
        self._inference = inference

    async def why(self, signal_id: int) -> list[dict[str, Any]] | None:
        """For each ICP and stage: the key, whether it is kept, else the nearest entry and what differs. None: no such signal.

        The questions are those of the signal's turn in the queue; one that a person waits for may be put a little differently.
        """
        signal = await self._store.signals.get(signal_id)
        if signal is None:
            return None
        rows = []
        for profile in self._profiles.current:
            for stage, question in self._reader.questions(signal, profile).items():
                found = await self._inference.cache_why(question)
                rows.append({"icp": profile.icp.name, "stage": stage, **found.row()})
        return rows

    async def saved(self, now_ms: int) -> dict[str, Any]:
        """How the answers of language models came in the last 24 hours, and the share of them that cost no call."""
        counts = await self._store.judgements.answers_by_cache(now_ms - DAY_MS)
        total, paid = sum(counts.values()), counts.get("miss", 0)
        share = round(100 * (total - paid) / total, 1) if total else None
        return {"hours": 24, "answers": total, "calls_saved": total - paid, "share_percent": share, "by_class": counts}
