"""Points, buckets and reasons."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadd.api import Bucket, Classification
from leadd.config.settings import Settings
from leadd.core.scoring import Thresholds, score

THRESHOLDS = Thresholds()


def classification(**fields: Any) -> Classification:
    return Classification.model_validate({"icp_match": True, "score_fit": 40, "score_pain": 30} | fields)


def test_the_total_is_the_sum_of_its_parts() -> None:
    result = score(classification(), 7, THRESHOLDS)
    assert result.total == 77 == sum(result.parts.values())
    assert result.bucket is Bucket.WARM
    assert result.parts == {"fit": 40, "pain": 30, "data_quality": 7}


@pytest.mark.parametrize(
    ("fit", "pain", "quality", "bucket"),
    [
        (50, 30, 0, "red_hot"),
        (50, 29, 0, "warm"),
        (50, 10, 0, "warm"),
        (49, 10, 0, "nurture"),
        (30, 10, 0, "nurture"),
        (30, 9, 0, "parked"),
    ],
)
def test_buckets(fit: int, pain: int, quality: int, bucket: str) -> None:
    assert score(classification(score_fit=fit, score_pain=pain), quality, THRESHOLDS).bucket == bucket


def test_no_match_never_reaches_nurture_and_says_why() -> None:
    result = score(classification(icp_match=False), 10, THRESHOLDS)
    assert result.total == 39
    assert result.bucket is Bucket.PARKED
    assert result.parts["cap"] == -41
    assert sum(result.parts.values()) == 39
    assert "held at 39" in result.reasons[-1]


def test_no_match_with_few_points_needs_no_cap() -> None:
    result = score(classification(icp_match=False, score_fit=5, score_pain=0), 2, THRESHOLDS)
    assert result.total == 7
    assert "cap" not in result.parts


def test_reasons_are_sentences_with_points_and_quotes() -> None:
    result = score(
        classification(
            size_bucket="2-5",
            region="europe",
            pain_tags=("no_leads",),
            reason_short="They hire their first marketer",
            silver_bullet_phrases=("we have no leads",),
        ),
        3,
        THRESHOLDS,
    )
    assert result.reasons == (
        "Fit 40 of 50 (size 2-5, region europe). They hire their first marketer.",
        "Pain 30 of 40 (no_leads): “we have no leads”.",
        "Data quality 3 of 10.",
    )


def test_unknown_fields_are_not_told() -> None:
    assert score(classification(), 0, THRESHOLDS).reasons[0] == "Fit 40 of 50."


def test_thresholds_come_from_the_settings() -> None:
    assert Thresholds.of(Settings()) == Thresholds(80, 60, 40)


@given(st.booleans(), st.integers(0, 50), st.integers(0, 40), st.integers(-5, 15))
def test_totals_stay_in_range(match: bool, fit: int, pain: int, quality: int) -> None:
    result = score(classification(icp_match=match, score_fit=fit, score_pain=pain), quality, THRESHOLDS)
    assert 0 <= result.total <= 100
    assert result.total == sum(result.parts.values())
    assert match or result.bucket is Bucket.PARKED
