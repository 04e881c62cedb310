"""What is promised to the user for each ICP, and what it rests on and costs, in figures and in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leadd.core.profiles import Profile
from leadd.core.promises.choosing import MOST_EPOCHS, UNTAUGHT, Chooser
from leadd.core.promises.promise import WARM_UP, Promise
from leadd.core.promises.teaching import asked
from leadd.learn.figures.calibration import calibrate, calibration_error, reliability
from leadd.learn.proofs.certifying import Certificate
from leadd.store import Store
from leadd.store.choice_rows import ChoiceCounts, ChoiceRow

BINS = 5
ENOUGH_TO_CALIBRATE = 20
"""Wanted signals in each half, from which on scores are compared with what was found."""


@dataclass(frozen=True, slots=True)
class Part:
    """Signals with a calibrated score from `low` to `high`: what was said in the mean, and the share that was wanted."""

    low: float
    high: float
    said: float
    found: float
    count: float


@dataclass(frozen=True, slots=True)
class PromiseFigures:
    """The promise for one ICP. `mode`: certified, fixed (points, no promise), evidence (no language model: points, no promise),
    off, or waiting (no promise yet, because no model has answered). Scores and thresholds are 0 to 100, shares 0 to 1.

    `evidence` and `wanted` count by kind: the user's verdicts, the model's answers. `passed` and `dropped` are signals of this
    epoch, `audits` those of the dropped that were read, `misses` the wanted ones among them. `drift` is how strongly the last
    wanted signals speak for a drift (an alarm at 1).
    """

    icp_id: int
    icp: str
    mode: str
    sentence: str
    is_certified: bool = False
    recall: float = 0.0
    confidence: float = 0.0
    threshold: float = 0.0
    rests_on: str = ""
    evidence: Mapping[str, int] = field(default_factory=dict)
    wanted: Mapping[str, int] = field(default_factory=dict)
    passed: int = 0
    dropped: int = 0
    audits: int = 0
    misses: int = 0
    drift: float = 0.0
    alarms: int = 0
    last_alarm: str = ""
    epoch: int = 0
    epochs_left: int = 0
    deciding: str = UNTAUGHT
    ranking: str = UNTAUGHT
    certificate: str = ""
    calibration_error: float | None = None
    reliability: tuple[Part, ...] = ()


WITHOUT = {
    "off": "The prefilter is switched off: everything passes (prefilter.enabled).",
    "fixed": "No promise: the points of the rules decide, because a threshold of points was set (prefilter.mode: certified).",
    "evidence": "No promise: no language model answers, so the points of the rules decide.",
    "waiting": "No promise yet: no language model has answered since the start.",
}


async def figures(
    store: Store, chooser: Chooser, profiles: Sequence[Profile], *, enabled: bool, closely: bool
) -> list[PromiseFigures]:
    """The figures of these ICPs, in their order. `closely` looks at the last 2,000 signals that were read for each."""
    found = []
    for profile in profiles:
        promise = chooser.held(profile)
        mode = chooser.mode(profile, enabled=enabled)
        if mode != "certified" or promise is None:
            mode = "waiting" if mode == "certified" else mode
            found.append(PromiseFigures(profile.id, profile.icp.name, mode, WITHOUT[mode]))
            continue
        counts = await store.choosing.arrivals(promise.row.id)
        found.append(_of(promise, counts, await store.choosing.latest(promise.row.id) if closely else ()))
    return found


def _of(promise: Promise, counts: ChoiceCounts, rows: Sequence[ChoiceRow]) -> PromiseFigures:
    row, profile = promise.row, promise.profile
    certificate = promise.certificate()
    error, parts = _calibration(rows)
    passed, dropped = sum(counts.passed.values()), sum(counts.dropped.values())
    found = PromiseFigures(
        profile.id, profile.icp.name, "certified", _sentence(promise, certificate, passed, dropped), passed=passed,
        dropped=dropped, audits=counts.audits, misses=counts.misses, epoch=row.epoch,
        epochs_left=max(0, MOST_EPOCHS - row.epoch), deciding=row.deciding or UNTAUGHT, ranking=row.ranking or UNTAUGHT,
        calibration_error=error, reliability=parts,
    )  # fmt: skip
    if certificate is None or promise.certifier is None:
        return found
    values = {
        "is_certified": certificate.rests_on is not None, "recall": certificate.target, "confidence": certificate.confidence,
        "threshold": 100 * certificate.threshold, "rests_on": certificate.rests_on or "",
        "evidence": certificate.labelled, "wanted": certificate.positives, "drift": promise.certifier.drift,
        "alarms": certificate.alarms, "last_alarm": certificate.last_alarm, "certificate": certificate.version,
    }  # fmt: skip
    return _replaced(found, values)


def _replaced(found: PromiseFigures, values: Mapping[str, object]) -> PromiseFigures:
    known = {name: getattr(found, name) for name in PromiseFigures.__dataclass_fields__}
    return PromiseFigures(**{**known, **values})


def _sentence(promise: Promise, certificate: Certificate | None, passed: int, dropped: int) -> str:
    """The promise as the user is told it, or what is missing for one."""
    if certificate is None:
        more = max(1, math.ceil(WARM_UP - promise.scorer.documents))
        return f"No promise yet: everything passes while leadd gets to know your stream; about {more} more signals."
    alarm = f" {certificate.last_alarm[:1].upper()}{certificate.last_alarm[1:]} was noticed: the evidence began anew."
    alarm = alarm if certificate.last_alarm else ""
    if certificate.rests_on is None:
        found = max(certificate.positives.values())
        more = max(5, needed(certificate.target, certificate.confidence) - found)
        return f"No promise yet: everything passes; about {more} more leads are needed to prove one.{alarm}"
    by = "your verdicts" if certificate.rests_on == "user" else "the model's answers"
    share = f", and {passed / (passed + dropped):.0%} of all signals pass" if passed + dropped else ""
    return (
        f"Of 100 leads in your stream at least {100 * certificate.target:g} reach you, with {certificate.confidence:.0%} "
        f"confidence, by {by}{share}.{alarm}"
    )


def needed(target: float, confidence: float) -> int:
    """About how many wanted signals, all of them high, it takes to prove a first threshold."""
    return math.ceil(math.log(1 / (1 - confidence)) / -math.log(target))


def _calibration(rows: Sequence[ChoiceRow]) -> tuple[float | None, tuple[Part, ...]]:
    """How far scores are from what was found, where they are calibrated on every other signal and looked at on the rest. Each
    counts by how unlikely it was to be read: what audits drew stands for what was dropped."""
    halves = [rows[0::2], rows[1::2]]
    if any(sum(row.matched for row in half) < ENOUGH_TO_CALIBRATE for half in halves):
        return None, ()
    (known, known_weights), (rest, weights) = ((half, [1 / _asked(row) for row in half]) for half in halves)
    fitted = calibrate([row.score for row in known], [row.matched for row in known], known_weights)
    said = fitted([row.score for row in rest])
    truth = [row.matched for row in rest]
    parts = tuple(Part(b.low, b.high, b.said, b.found, b.weight) for b in reliability(said, truth, weights, BINS))
    return calibration_error(said, truth, weights, BINS), parts


def _asked(row: ChoiceRow) -> float:
    return asked(row.score, row.policy)
