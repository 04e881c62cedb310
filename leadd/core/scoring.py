"""From a classification to points, a bucket and reasons. Pure, so that it can be replayed over the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from leadd.api import Bucket, Classification
from leadd.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Lowest total of each bucket, 0 to 100, falling from red hot to nurture."""

    red_hot: int = 80
    warm: int = 60
    nurture: int = 40

    @classmethod
    def of(cls, settings: Settings) -> Thresholds:
        """The thresholds that the settings name."""
        return cls(settings.scoring.red_hot, settings.scoring.warm, settings.scoring.nurture)

    def bucket_of(self, total: int) -> Bucket:
        """The bucket in which a total falls."""
        if total >= self.red_hot:
            return Bucket.RED_HOT
        if total >= self.warm:
            return Bucket.WARM
        return Bucket.NURTURE if total >= self.nurture else Bucket.PARKED


@dataclass(frozen=True, slots=True)
class Score:
    """`total` 0 to 100 is the sum of `parts` (fit 0-50, pain 0-40, data_quality 0-10, and cap <= 0 where one applied)."""

    total: int
    bucket: Bucket
    reasons: tuple[str, ...]
    parts: Mapping[str, int]


def score(classification: Classification, quality: int, thresholds: Thresholds) -> Score:
    """Points for one classified signal; `quality` is 0 to 10, from `data_quality`.

    A signal that is no match for the ICP never reaches the bucket 'nurture', however many points its parts have.
    """
    parts = {
        "fit": classification.score_fit,
        "pain": classification.score_pain,
        "data_quality": max(0, min(10, quality)),
    }
    total = sum(parts.values())
    reasons = [_fit_reason(classification), _pain_reason(classification), f"Data quality {parts['data_quality']} of 10."]
    if not classification.icp_match and total >= thresholds.nurture:
        parts["cap"] = thresholds.nurture - 1 - total
        total = thresholds.nurture - 1
        reasons.append(f"Judged not to be a match for the ICP, so the total is held at {total} ({parts['cap']} points).")
    return Score(total, thresholds.bucket_of(total), tuple(reasons), parts)


def _fit_reason(classification: Classification) -> str:
    points = f"Fit {classification.score_fit} of 50"
    known = [
        f"size {classification.size_bucket}" if classification.size_bucket not in ("", "unknown") else "",
        f"region {classification.region}" if classification.region not in ("", "unknown") else "",
        f"role {classification.role_type}" if classification.role_type not in ("", "unclear", "unknown") else "",
    ]
    details = ", ".join(part for part in known if part)
    said = classification.reason_short.strip()
    if said and said[-1] not in ".!?":
        said += "."
    return " ".join(part for part in (f"{points} ({details})." if details else f"{points}.", said) if part)


def _pain_reason(classification: Classification) -> str:
    points = f"Pain {classification.score_pain} of 40"
    if classification.pain_tags:
        points += f" ({', '.join(classification.pain_tags)})"
    quotes = [f"“{quote}”" for quote in classification.silver_bullet_phrases[:2]]
    return f"{points}: {' and '.join(quotes)}." if quotes else f"{points}."
