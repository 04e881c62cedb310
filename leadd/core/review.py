"""What to ask the user next, and what his last verdicts have changed. `queue` is the one place that chooses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from leadd.api import Clock
from leadd.api.lexical import sentences
from leadd.core.scales import GOOD
from leadd.learn.proofs.intervals import wilson
from leadd.learn.scoring.asking import mixed
from leadd.store import Store
from leadd.store.review import ReviewRow
from leadd.store.verdicts import VerdictKept

AUDITED, HOT, UNSURE = "audited", "hot", "unsure"
EXCERPT_CHARS = 600
MISSED = frozenset({"miss", "match", "yes"})
TOP = 20
WINDOW = 40
"""The effect is that of so many last verdicts, on the precision of so many best leads."""


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
    """The share of good leads among the `top` best-scored ones that were judged, now and before the last `window` verdicts.

    `low` and `high` bound the change with 95% confidence. All None until there are enough verdicts: then `verdicts` of `needed`
    are there.
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
    """Up to `limit` things to judge, the most useful first: hot leads, uncertain signals and sampled drops by their shares.

    Each text comes once, and once for its near duplicates and for its lead; a company comes only as often as others do. A
    sampled drop that the model calls a lead stands among the hot ones. The order is by what is stored; nothing is asked.
    """
    hot = await store.review.undecided_leads(icp, "warm", limit * 2, clock.now_ms())
    unsure = await store.review.near_thresholds(icp, limit * 3)
    audited = await store.review.audited(icp, limit)
    rows = [*hot, *unsure, *audited]
    kinds = [HOT] * len(hot) + [UNSURE] * len(unsure) + [AUDITED] * len(audited)
    samples = range(len(hot) + len(unsure), len(rows))
    missed = [place for place in samples if rows[place].decision in MISSED]
    pairs = zip_longest(missed, range(len(hot)))
    known = await store.review.groups(rows)
    chosen = mixed(
        {
            "uncertain": range(len(hot), len(hot) + len(unsure)),
            "hot": [place for pair in pairs for place in pair if place is not None],
            "audited": samples,
        },
        count=limit,
        companies=[(row.company or "").strip().lower() or None for row in rows],
        groups=_groups(rows, [root for root, _ in known]),
        judged=[place for place, (_, is_judged) in enumerate(known) if is_judged],
        asked_before=await store.review.companies_judged(icp),
    )
    return [_item(kinds[one.place], rows[one.place]) for one in chosen]


def _groups(rows: Sequence[ReviewRow], roots: Sequence[int | None]) -> list[int]:
    """A number for each row, the same for those of one ICP that share text, lead, or the signal that they repeat."""
    group = list(range(len(rows)))
    first: dict[tuple[str, str, object], int] = {}
    for place, (row, root) in enumerate(zip(rows, roots, strict=True)):
        marks = [("text", row.content_hash), ("signal", row.signal_id), ("signal", root), ("lead", row.lead_id)]
        for kind, value in marks:
            if value is None:
                continue
            other = group[first.setdefault((row.icp, kind, value), place)]
            mine = group[place]
            if other != mine:
                group = [min(mine, other) if one in (mine, other) else one for one in group]
    return group


def effect(verdicts: Sequence[VerdictKept], present: Mapping[int, int] | None = None, *, window: int = WINDOW) -> Effect:
    """The precision of the `TOP` leads with the best present scores among all that were judged (oldest verdict first), and
    the same without the last `window` verdicts. `present` are scores by lead; a lead that is missing keeps that of its verdict.

    The tops share leads, so only those that came in and went out can differ: the interval is Newcombe's for these two shares
    (Statistics in Medicine 17, 1998, method 10), scaled to the whole top. It takes the verdicts as drawn independently.
    """
    told = [v for v in verdicts if v.lead_id is not None and v.score is not None]
    needed = TOP + window
    if len(told) < needed:
        return Effect(len(told), needed)
    before, now = _top(told[:-window], present or {}), _top(told, present or {})
    good = {v.id: v.verdict in GOOD for v in told}
    gone, come = [good[v] for v in before - now], [good[v] for v in now - before]
    low, high = change_interval(sum(gone), sum(come), len(come)) if come else (0.0, 0.0)
    part = len(come) / TOP
    was, is_now = (sum(good[v] for v in top) / TOP for top in (before, now))
    return Effect(len(told), needed, window, TOP, was, is_now, low * part, high * part)


def _top(verdicts: Sequence[VerdictKept], present: Mapping[int, int]) -> set[int]:
    """The verdicts on the leads with the best scores, the older of equal ones."""
    order = sorted(verdicts, key=lambda v: (-present.get(v.lead_id or 0, v.score or 0), v.id))
    return {v.id for v in order[:TOP]}


def change_interval(before: int, now: int, of: int) -> tuple[float, float]:
    """95% bounds of now/of − before/of, two shares counted independently of each other."""
    p, q = before / of, now / of
    (low_p, high_p), (low_q, high_q) = wilson(before, of), wilson(now, of)
    return (q - p) - math.hypot(q - low_q, high_p - p), (q - p) + math.hypot(high_q - q, p - low_p)


def _item(kind: str, row: ReviewRow) -> Item:
    return Item(
        kind, _why(kind, row), row.signal_id, row.lead_id, row.icp, row.title, row.company, row.location, row.url,
        _excerpt(row.text), row.score, row.threshold,
    )  # fmt: skip


def _why(kind: str, row: ReviewRow) -> str:
    if kind == HOT:
        return f"A {row.decision.replace('_', ' ')} lead with {row.score:g} of 100 that you have not judged yet."
    if kind == AUDITED:
        found = "the model says that it is one" if row.decision in MISSED else "the model agrees"
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
