"""What to ask the user next, and what his last verdicts have changed. `queue` is the one place that chooses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from leadd.api import Clock
from leadd.api.lexical import sentences
from leadd.core.scales import GOOD
from leadd.learn.proofs.intervals import wilson
from leadd.store import Store
from leadd.store.review import ReviewRow
from leadd.store.verdicts import VerdictKept

AUDITED, HOT, UNSURE = "audited", "hot", "unsure"
EXCERPT_CHARS = 600
WINDOW = 40
"""Verdicts after which a precision is worth comparing with the one before."""
LEAST_WINDOW = 10


@dataclass(frozen=True, slots=True)
class Item:
    """Something to judge. `kind` is hot (a good lead without a verdict), unsure (near a threshold) or audited (a sample of what
    is dropped); `why` says in one sentence why it is shown. A verdict on it goes to the lead where `lead_id` is set, else to
    the signal."""

    kind: str
    why: str
    signal_id: int
    lead_id: int | None
    icp: str
    title: str
    company: str | None
    location: str | None
    url: str | None
    excerpt: str
    score: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Effect:
    """The share of good leads among the best-scored of the last `window` verdicts, beside that of the `window` before.

    `top` is how many of each window were counted: those with the highest score at the time of the verdict. `low` and `high`
    bound the change with 95% confidence. All None until there are enough verdicts: then `verdicts` of `needed` are there.
    """

    verdicts: int
    needed: int
    window: int = 0
    top: int = 0
    before: float | None = None
    now: float | None = None
    low: float | None = None
    high: float | None = None


async def queue(store: Store, clock: Clock, *, icp: str | None = None, limit: int = 20) -> list[Item]:
    """Up to `limit` things to judge, the most useful first: in turn a sampled drop, a hot lead, an uncertain signal.

    Each text comes once. Whoever scores better may take this function's place; the command line and the API know no other.
    """
    hot = await store.review.undecided_leads(icp, "warm", limit, clock.now_ms())
    unsure = await store.review.near_thresholds(icp, limit * 3)
    audited = await store.review.audited(icp, limit)
    turns = zip_longest(
        [_item(AUDITED, row) for row in audited], [_item(HOT, row) for row in hot], [_item(UNSURE, row) for row in unsure]
    )
    found: list[Item] = []
    hashes = {row.signal_id: row.content_hash for row in (*hot, *unsure, *audited)}
    seen: set[tuple[str, object]] = set()
    for item in (item for turn in turns for item in turn if item is not None):
        marks = {(item.icp, hashes[item.signal_id])} | ({(item.icp, item.lead_id)} if item.lead_id is not None else set())
        if not marks & seen:
            seen |= marks
            found.append(item)
    return found[:limit]


def effect(verdicts: Sequence[VerdictKept], *, window: int = WINDOW) -> Effect:
    """What the last verdicts on leads (oldest first) say of the list's top: its precision then and now.

    With fewer than two windows of verdicts the windows are halves, from 10 each. The interval of the change is Newcombe's, of
    two Wilson intervals (Statistics in Medicine 17, 1998, method 10); it takes the verdicts as drawn independently.
    """
    told = [v for v in verdicts if v.lead_id is not None and v.score is not None]
    size = min(window, len(told) // 2)
    if size < LEAST_WINDOW:
        return Effect(len(told), 2 * LEAST_WINDOW)
    top = max(1, size // 2)
    before = _good_in_top(told[-2 * size : -size], top)
    now = _good_in_top(told[-size:], top)
    low, high = change_interval(before, now, top)
    return Effect(len(told), 2 * LEAST_WINDOW, size, top, before / top, now / top, low, high)


def change_interval(before: int, now: int, of: int) -> tuple[float, float]:
    """95% bounds of now/of − before/of, two shares counted independently of each other."""
    p, q = before / of, now / of
    (low_p, high_p), (low_q, high_q) = wilson(before, of), wilson(now, of)
    return (q - p) - math.hypot(q - low_q, high_p - p), (q - p) + math.hypot(high_q - q, p - low_p)


def _good_in_top(verdicts: Sequence[VerdictKept], top: int) -> int:
    best = sorted(verdicts, key=lambda v: (-(v.score or 0), v.id))[:top]
    return sum(v.verdict in GOOD for v in best)


def _item(kind: str, row: ReviewRow) -> Item:
    return Item(
        kind, _why(kind, row), row.signal_id, row.lead_id, row.icp, row.title, row.company, row.location, row.url,
        _excerpt(row.text), row.score, row.threshold,
    )  # fmt: skip


def _why(kind: str, row: ReviewRow) -> str:
    if kind == HOT:
        return f"A {row.decision.replace('_', ' ')} lead with {row.score:g} of 100 that you have not judged yet."
    if kind == AUDITED:
        found = "the model says that it is one" if row.decision in {"miss", "match", "yes"} else "the model agrees"
        return f"It was dropped, and looked at as a sample of what is dropped: {found}."
    if row.stage == "triage":
        return f"Triage was unsure: {row.score:g}% for a closer look, which {row.threshold:g}% would have been enough for."
    return f"The filter was unsure: {row.score:g} points, with {row.threshold:g} it would have passed."


def _excerpt(text: str) -> str:
    """The opening in whole sentences, as far as they fit."""
    end = 0
    for _, stop in sentences(text, limit=40):
        if stop > EXCERPT_CHARS:
            break
        end = stop
    return text[: end or EXCERPT_CHARS].strip()
