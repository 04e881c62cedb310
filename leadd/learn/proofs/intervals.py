"""Intervals for a share that was counted once: Wilson's and Clopper and Pearson's, and the beta distribution behind them.

They hold for one look at a number of trials that was fixed beforehand. A count that is looked at again and again needs bounds
that hold at all times: see `rare_errors`, `certifying` and `experiments`.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_TINY = 1e-300
_STEPS = 10_000
_HALVINGS = 80


def wilson(hits: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927): about right on average, also for few trials. (0, 1) for no trials.

    `hits` and `trials` may be sums of weights: give the number of trials that they are worth. Raises ValueError for counts
    that cannot be.
    """
    _checked(hits, trials, confidence)
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, spread = hits / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread * spread / 4) / (1 + spread)
    return (0.0 if hits == 0 else max(0.0, middle - half)), (1.0 if hits == trials else min(1.0, middle + half))


def clopper_pearson(hits: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson 1934): never too short. (0, 1) for no trials.

    Raises ValueError for counts that cannot be.
    """
    _checked(hits, trials, confidence)
    outside = (1 - confidence) / 2
    low = 0.0 if hits == 0 else beta_quantile(outside, hits, trials - hits + 1)
    high = 1.0 if hits == trials else beta_quantile(1 - outside, hits + 1, trials - hits)
    return low, high


def log_beta(a: float, b: float) -> float:
    """The logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def log_beta_cdf(x: float, a: float, b: float) -> float:
    """The logarithm of the share of a beta distribution that lies at or below `x`, exact also where that share is tiny.

    By the continued fraction (Lentz's way), on the side where it converges fast. Minus infinity at 0.
    """
    if x <= 0:
        return -math.inf
    if x >= 1:
        return 0.0
    front = a * math.log(x) + b * math.log1p(-x) - log_beta(a, b)
    if x < (a + 1) / (a + b + 2):
        return min(0.0, front - math.log(a) + math.log(_fraction(x, a, b)))
    above = math.exp(min(0.0, front - math.log(b) + math.log(_fraction(1 - x, b, a))))
    return math.log1p(-above) if above < 1 else -math.inf


def beta_cdf(x: float, a: float, b: float) -> float:
    """The share of a beta distribution that lies at or below `x`."""
    return math.exp(log_beta_cdf(x, a, b))


def beta_quantile(share: float, a: float, b: float) -> float:
    """The value below which `share` of a beta distribution lies, by halving."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function."""
    c, d = 1.0, _away(1 - (a + b) * x / (a + 1))
    d = 1 / d
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            value *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _checked(hits: float, trials: float, confidence: float) -> None:
    if not 0 <= hits <= trials or not math.isfinite(trials):
        raise ValueError(f"{hits} of {trials} is no share: give hits between 0 and the trials")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1, for example 0.95")
