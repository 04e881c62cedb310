"""The shapes of the prefilter's routes."""

from __future__ import annotations

from leadd.control.wire import Answer, Asked


class ReliabilityPart(Answer):
    """Signals with a calibrated score from `low` to `high`: what was said in the mean, and the share that was wanted."""

    low: float
    high: float
    said: float
    found: float
    count: float


class PromiseOut(Answer):
    """The promise for one ICP: certified, fixed, evidence, off or waiting. Scores and thresholds are 0 to 100.

    Counts in `evidence` and `wanted` are by kind (user, model). `misses` are wanted signals that audits found below the
    threshold; `drift` is an alarm at 1.
    """

    icp_id: int
    icp: str
    mode: str
    sentence: str
    is_certified: bool
    recall: float
    confidence: float
    threshold: float
    rests_on: str
    evidence: dict[str, int]
    wanted: dict[str, int]
    passed: int
    dropped: int
    audits: int
    misses: int
    drift: float
    alarms: int
    last_alarm: str
    epoch: int
    epochs_left: int
    deciding: str
    ranking: str
    certificate: str
    calibration_error: float | None
    reliability: list[ReliabilityPart]


class PromiseList(Answer):
    """The promises of all ICPs in force."""

    items: list[PromiseOut]


class ScorerOut(Answer):
    """A scorer: from how many verdicts and labels of the model it learnt, how many of these it left out, and its use now."""

    version: str
    verdicts: int = 0
    labels: int = 0
    dropped: int = 0
    made_at_ms: int | None = None
    decides: bool = False
    ranks: bool = False


class ScorerList(Answer):
    """The scorers of an ICP, newest first."""

    icp: str
    items: list[ScorerOut]


class ScorerRollbackIn(Asked):
    """Which scorer to go by; without one, that before the present one. `untaught` is the fit without verdicts."""

    version: str | None = None
