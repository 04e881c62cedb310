"""How often something rare goes wrong, at most: a bound that holds however often it is looked at.

Some of what leadd spares itself (an answer taken over from a near duplicate, say) is checked at random against the full work.
The checks are 0 or 1. For a rate `p` the bet is the likelihood ratio of all lower rates `p·u`, `u` spread with density
`u^(-1/2)/2`, against `p`: it gains in expectation only if the true rate is below `p`, so by Ville's inequality it reaches
1/(1 - confidence) at any time with a probability of at most 1 - confidence if the rate is `p` or more (Robbins' method of
mixtures; Waudby-Smith and Ramdas, 'Estimating means of bounded random variables by betting', 2023). The bound is the least
rate that has not been beaten so. It is exact: no normal approximation, no number of checks fixed beforehand.

If the rate moves, the certificate speaks of the mean of the rates at the checks so far.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from leadd.learn.proofs.intervals import log_beta, log_beta_cdf

SHAPE = 0.5
"""How the bet is spread: the less, the more is put on rates close to 0. 380 checks without an error prove 1% (a single look
at a fixed number would need 299)."""

_HALVINGS = 60


class ErrorBound:
    """A time-uniform upper bound on the rate of errors among checks, and whether it is within `limit`.

    The checks must be drawn at random from what is to be judged, whatever the result. Raises ValueError where `limit` or
    `confidence` does not lie between 0 and 1.
    """

    def __init__(self, limit: float = 0.01, confidence: float = 0.95) -> None:
        for name, share in (("limit", limit), ("confidence", confidence)):
            if not 0 < share < 1:
                raise ValueError(f"{name} {share} must lie between 0 and 1, for example {0.01 if name == 'limit' else 0.95}")
        self.limit, self.confidence = float(limit), float(confidence)
        self.checked = 0
        self.wrong = 0

    def observe(self, wrong: bool) -> None:
        """Take in one check."""
        self.checked += 1
        self.wrong += bool(wrong)

    @property
    def log_evidence(self) -> float:
        """The logarithm of the evidence (an e-value) against 'the rate is `limit` or more'."""
        return _log_evidence(self.limit, self.checked, self.wrong)

    @property
    def is_certified(self) -> bool:
        """Whether the rate is below `limit`, with the confidence asked for. A certificate may be lost again."""
        return self.log_evidence >= -math.log(1 - self.confidence)

    @property
    def upper(self) -> float:
        """The highest rate that the checks leave open; 1.0 where there are none."""
        needed = -math.log(1 - self.confidence)
        low, high = (self.wrong / self.checked if self.checked else 1.0), 1.0
        if low >= 1:
            return 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if _log_evidence(middle, self.checked, self.wrong) < needed:
                low = middle
            else:
                high = middle
        return high

    @property
    def estimate(self) -> float | None:
        """The share of errors among the checks; None where there are none."""
        return self.wrong / self.checked if self.checked else None

    @property
    def checks_missing(self) -> int:
        """How many further checks, all without an error, would earn the certificate (0 where it is there)."""
        needed = -math.log(1 - self.confidence)
        low, high = -1, 1
        if self.is_certified:
            return 0
        while _log_evidence(self.limit, self.checked + high, self.wrong) < needed:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if _log_evidence(self.limit, self.checked + middle, self.wrong) < needed:
                low = middle
            else:
                high = middle
        return high

    @property
    def explanation(self) -> str:
        """One sentence for the user."""
        seen = f"{self.wrong} of {self.checked} checks went wrong"
        if self.is_certified:
            return f"{seen}: fewer than {self.upper:.2%} are wrong (limit {self.limit:.2%}, confidence {self.confidence:.0%})"
        return (
            f"{seen}: up to {self.upper:.2%} may be wrong, the limit is {self.limit:.2%}; "
            f"{self.checks_missing} more checks without an error would prove it"
        )

    def to_state(self) -> dict[str, Any]:
        """All that is known, as plain JSON values."""
        return {"limit": self.limit, "confidence": self.confidence, "checked": self.checked, "wrong": self.wrong}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ErrorBound:
        """The bound as it was. Raises ValueError where the state is damaged."""
        try:
            bound = cls(float(state["limit"]), float(state["confidence"]))
            bound.checked, bound.wrong = int(state["checked"]), int(state["wrong"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the kept state of an error bound is damaged ({error!r}): begin a new one") from None
        if not 0 <= bound.wrong <= bound.checked:
            raise ValueError(f"the kept state says {bound.wrong} errors in {bound.checked} checks: begin a new one")
        return bound


def _log_evidence(rate: float, checked: int, wrong: int) -> float:
    """The mixture over lower rates against `rate`, as a logarithm. It grows with `rate`: what is not beaten has one end."""
    if checked == 0:
        return 0.0
    right = checked - wrong
    lower = log_beta(wrong + SHAPE, right + 1) + log_beta_cdf(rate, wrong + SHAPE, right + 1)
    prior = SHAPE * math.log(rate) - math.log(SHAPE)
    return lower - prior - wrong * math.log(rate) - right * math.log1p(-rate)
