"""What reuse of earlier answers takes and risks on real streams: `python -m benchmarks.replay_reuse [--quick]`.

Reads LEADD_EVAL_DATA and says so where it is missing. Four parts:

1. near-dup-pairs through the candidates (bands, estimated similarity) and the gate: true reposts served, wrong reuse with its
   one-sided 95% Clopper-Pearson bound.
2. 5,000 ads of signals-dev with one thing altered (negation, number, date, company, role, place, seniority, terms), half of
   them set in another typography as well, and 5,000 altered ads that never were: hits must be 0.
3. techmap-stream, snapshot by snapshot, and 4. signals-dev by date, through a whole core (real store, pipeline, evidence) with
   an oracle in place of the model: the label where there is one (marketing_role), else whether title or text holds a word of
   marketing. A hit is wrong where the oracle says another thing of the signal than of the one whose answer it took.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.instant import MODEL, InstantModel
from benchmarks.rig import open_core, settled
from leadd.api import ModelRequest, Reply, Role, Signal, SignalDraft
from leadd.config.settings import Settings
from leadd.core.reuse.differences import difference
from leadd.core.reuse.nearby import block_of
from leadd.core.reuse.passages import key_of_title
from leadd.core.reuse.sketches import similarity, sketch
from leadd.core.text import content_hash, normalise
from leadd.learn.proofs.intervals import clopper_pearson
from leadd.testing.altered_ads import KINDS, Ad, alter, make_ad, repost

MIN_SIMILARITY = 0.7
ALTERED = 5000
_MARKETING = re.compile(r"\b(?:marketing|marketer|seo|brand|campaigns?|advertising|social media)\b", re.IGNORECASE)
Row = dict[str, Any]


def main() -> int:
    """Print the tables; 0 also where there is no data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first 30 snapshots and 1,500 signals only")
    quick = parser.parse_args().quick
    folder = Path(os.environ.get("LEADD_EVAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "near-dup-pairs.jsonl.gz").exists():
        print(f"skipped: {folder} has no near-dup-pairs.jsonl.gz (set LEADD_EVAL_DATA)")
        return 0
    signals, short = read(folder / "signals-dev.jsonl.gz"), read(folder / "techmap-dev.jsonl.gz")
    rows = {row["id"]: row for row in (*signals, *short)}
    speed(signals)
    pairs(read(folder / "near-dup-pairs.jsonl.gz"), rows)
    altered(signals)
    snapshots, ids = read(folder / "techmap-stream.jsonl.gz"), lines(folder / "techmap-ids.txt.gz")
    stream(snapshots[: 30 if quick else None], ids, rows)
    dated = sorted(signals, key=lambda row: (row["posted_at"] or "", row["id"]))
    asyncio.run(
        replay("signals-dev by date", [dated[start : start + 50] for start in range(0, 1500 if quick else len(dated), 50)])
    )
    return 0


def read(file: Path) -> list[Row]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in lines(file)]


def lines(file: Path) -> list[str]:
    """The lines of a packed file."""
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        return [line for line in opened.read().split("\n") if line]


def as_signal(ad: Ad) -> Signal:
    """An ad as it is stored."""
    title, text = normalise(ad.title), normalise(ad.text)
    return Signal(
        1, "bench", text, title, content_hash(title, text), 0, company=ad.company or None, location=ad.location or None
    )


def ad_of(row: Row) -> Ad:
    """A row as an ad."""
    return Ad(row["title"] or "", row["text"] or "", row["company"] or "", row["location"] or "")


def speed(rows: Sequence[Row]) -> None:
    """Sketches and comparisons a second."""
    made = [as_signal(ad_of(row)) for row in rows[:2000]]
    began = time.perf_counter()
    for signal in made:
        sketch(signal.title, signal.text)
    mean = sum(len(s.text) for s in made) / len(made)
    print(f"sketches: {len(made) / (time.perf_counter() - began):,.0f} a second at {mean:,.0f} characters on average")


def similar(one: Signal, other: Signal) -> float:
    """The estimated similarity of two signals that share a band, else 0."""
    first, second = (sketch(block_of(s), s.text) for s in (one, other))
    if first is None or second is None or not set(first.bands) & set(second.bands):
        return 0.0
    return similarity(first.signature, second.signature)


def pairs(found: Sequence[Row], rows: dict[str, Row]) -> None:
    """Part 1."""
    print("\nnear-dup-pairs: served by candidates and gate")
    served: Counter[tuple[str, Any]] = Counter()
    all_of: Counter[tuple[str, Any]] = Counter()
    why: Counter[tuple[str, str]] = Counter()
    exact = same_text_other_title = 0
    for pair in found:
        if pair["a"] not in rows or pair["b"] not in rows:
            continue
        one, other = as_signal(ad_of(rows[pair["a"]])), as_signal(ad_of(rows[pair["b"]]))
        key = (pair["kind"], pair["label"])
        all_of[key] += 1
        gap = difference(one, other)
        hit = gap is None and similar(one, other) >= MIN_SIMILARITY
        served[key] += hit
        exact += hit and one.content_hash == other.content_hash
        same_text_other_title += hit and one.title != other.title and key_of_title(one.title) != key_of_title(other.title)
        if gap is not None:
            why[(pair["kind"], gap.kind)] += 1
    for key, count in sorted(all_of.items(), key=str):
        reasons = ", ".join(f"{kind} {n}" for (of, kind), n in why.most_common() if of == key[0])
        share = served[key] / count
        print(f"  {key[0]:42} label {key[1]!s:5} {served[key]:5} of {count:5} ({share:6.1%}); refused: {reasons or '-'}")
    true = [sum(c[k] for k in all_of if k[1] == 1) for c in (served, all_of)]
    false = [sum(c[k] for k in all_of if k[1] == 0) for c in (served, all_of)]
    print(f"  true reposts served: {true[0]} of {true[1]} = {true[0] / true[1]:.1%} (of all served, {exact} are equal texts)")
    upper = clopper_pearson(false[0], false[1], 0.90)[1]
    print(f"  wrong reuse: {false[0]} of {false[1]}, under {upper:.2%} (one-sided 95%)")
    print(f"  equal text under another title: {same_text_other_title} served")
    blind = [p for p in found if p["label"] == 0 and p["a"] in rows and p["b"] in rows]
    passed = sum(
        difference(*(as_signal(replace(ad_of(rows[p[x]]), title="", location="")) for x in "ab")) is None for p in blind
    )
    print(f"  by the texts alone, title and place withheld, {passed} of {len(blind)} pairs of label 0 would pass the gate")


def altered(rows: Sequence[Row]) -> None:
    """Part 2."""
    for name, drawn in (("real ads", real_pairs(rows)), ("made ads", made_pairs())):
        began = time.perf_counter()
        hits: Counter[str] = Counter()
        proposed = 0
        for kind, one, other in drawn:
            first, second = as_signal(one), as_signal(other)
            proposed += similar(first, second) >= MIN_SIMILARITY
            hits[kind] += difference(first, second) is None
        took = time.perf_counter() - began
        print(f"\n{ALTERED} altered pairs of {name}: {sum(hits.values())} pass the gate; the sketches had proposed {proposed}")
        print(f"  by kind {dict(sorted(hits.items()))}; {took:.0f} s")
    rng = random.Random(3)
    ads = [make_ad(rng) for _ in range(1000)]
    again = sum(difference(as_signal(ad), as_signal(repost(ad, rng))) is None for ad in ads)
    print(f"1000 made reposts in another typography: {again} pass the gate")


def real_pairs(rows: Sequence[Row]) -> Iterator[tuple[str, Ad, Ad]]:
    """Ads with one thing altered, the kinds in turn."""
    rng = random.Random(5)
    number = 0
    while number < ALTERED:
        ad = ad_of(rng.choice(rows))
        ad = Ad(ad.title, normalise(ad.text), ad.company, ad.location)
        other = alter(ad, KINDS[number % len(KINDS)], rng)
        if other is not None:
            yield KINDS[number % len(KINDS)], ad, repost(other, rng) if rng.random() < 0.5 else other
            number += 1


def made_pairs() -> Iterator[tuple[str, Ad, Ad]]:
    """The same for ads that never were."""
    rng = random.Random(6)
    number = 0
    while number < ALTERED:
        ad = make_ad(rng)
        other = alter(ad, KINDS[number % len(KINDS)], rng)
        if other is not None:
            yield KINDS[number % len(KINDS)], ad, repost(other, rng) if rng.random() < 0.5 else other
            number += 1


def oracle(row: Row) -> bool:
    """The label where there is one, else a word of marketing in title or text."""
    label = row["labels"].get("marketing_role")
    return bool(label) if label is not None else _MARKETING.search(f"{row['title']}\n{row['text']}") is not None


class Oracle(InstantModel):
    """Answers as `oracle` does, and counts the tokens that a model would have read and written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rows: dict[str, Row] = {}
        self.tokens = 0

    async def complete(self, request: ModelRequest) -> Reply:
        """The row's answer."""
        if request.subject is None:
            return await super().complete(request)
        signal = request.subject.signal
        row = self.rows.get(signal.external_id or "")
        worth = row is not None and oracle(row)
        self._lead_every = 1 if worth else sys.maxsize
        reply = self.reply(request.role, signal.title or "-", signal.text, sum(len(m.content) for m in request.messages))
        if request.role is not Role.DOSSIER and row is not None:
            self.tokens += reply.usage.prompt_tokens + reply.usage.output_tokens
        return reply


def stream(snapshots: Sequence[Row], ids: Sequence[str], rows: dict[str, Row]) -> None:
    """Part 3: what a poller of the board would have seen; links seen before fall to the unique key."""
    present: set[str] = set()
    known: set[str] = set()
    batches, presented = [], 0
    for snapshot in snapshots:
        present -= {ids[n] for n in snapshot["removed"]}
        added = [ids[n] for n in snapshot["added"] if ids[n] in rows]
        present |= set(added)
        presented += len(present)
        batches.append([rows[i] for i in dict.fromkeys(added) if i not in known])
        known |= set(added)
    share = 1 - len(known) / presented
    print(f"\ntechmap-stream: {len(snapshots)} snapshots show {presented:,} rows of the dev part")
    print(f"  {presented - len(known):,} are links seen before ({share:.1%}), {len(known):,} are new")
    asyncio.run(replay("techmap-stream, new links", batches))


async def replay(name: str, batches: Sequence[Sequence[Row]]) -> None:
    """Take in batch by batch, each after the end of the one before, and print what was taken over and what was asked."""
    settings = Settings.model_validate({"pipeline": {"in_flight": 64, "batch": 256}, "prefilter": {"enabled": False}})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = Oracle(folder)
        began, done = time.perf_counter(), 0
        async with open_core(folder, model, MODEL, settings) as core:
            certified_at: int | None = None
            for batch in batches:
                drafts = [draft_of(row) for row in batch]
                model.rows.update({row["id"]: row for row in batch})
                if drafts:
                    done += (await core.ingest(drafts, source="board")).new
                    await settled(core, done)
                (now,) = await core.reuse_figures()
                if certified_at is None and now.state == "certified":
                    certified_at = done
            seconds = time.perf_counter() - began
        print(f"\n{name}: {done:,} signals in {seconds:.0f} s ({done / seconds:,.0f} a second, all read, no prefilter)")
        saved = now.saved
        print(f"  exact twins {saved.twins:,} ({saved.twins / done:.1%}), near taken {saved.near:,} ({saved.near / done:.1%}), "
              f"near checked {now.checked:,} with {now.wrong} wrong")  # fmt: skip
        print(f"  state {now.state}, certified after {certified_at} signals; {now.explanation}")
        calls, tokens = saved.twin_calls + saved.near_calls, saved.twin_tokens + saved.near_tokens
        print(f"  calls made {model.calls:,}, saved {calls:,} ({calls / (calls + model.calls):.1%}); tokens read and written "
              f"{model.tokens:,}, saved {tokens:,} ({tokens / (tokens + model.tokens):.1%})")  # fmt: skip
        wrong_hits(folder / "leadd.db", model.rows)


def draft_of(row: Row) -> SignalDraft:
    """A row as a source would bring it."""
    return SignalDraft(text=row["text"] or row["title"] or "-", title=row["title"] or "", external_id=row["id"],
                       company=row["company"] or None, location=row["location"] or None)  # fmt: skip


def wrong_hits(file: Path, rows: dict[str, Row]) -> None:
    """Hits whose signal and origin the oracle judges differently, by class."""
    with sqlite3.connect(file) as conn:
        taken = conn.execute(
            "SELECT reuse.kind, own.external_id, origin.external_id FROM reuse JOIN signal AS own ON own.id = reuse.signal_id "
            "JOIN signal AS origin ON origin.id = reuse.of_signal_id"
        ).fetchall()
    conn.close()
    for kind in ("twin", "near", "check"):
        hits = [(own, origin) for of, own, origin in taken if of == kind]
        wrong = sum(oracle(rows[own]) != oracle(rows[origin]) for own, origin in hits)
        bound = f", under {clopper_pearson(wrong, len(hits), 0.90)[1]:.2%} (one-sided 95%)" if hits else ""
        print(f"  {kind}: {wrong} of {len(hits):,} differ for the oracle{bound}")


if __name__ == "__main__":
    sys.exit(main())
