"""Thresholds that keep a promise: what raises them, what they rest on, what takes them back, what survives a restart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from leadd.learn.proofs.auditing import draw
from leadd.learn.proofs.certifying import Certifier, Kind
from leadd.learn.proofs.drift import Drift


def signals(rng: Any, count: int, apart: float = 3.3) -> tuple[np.ndarray, np.ndarray]:
    wanted = rng.random(count) < 0.12
    return 1 / (1 + np.exp(-(rng.normal(size=count) + apart * wanted - 1.65))), wanted


def feed(certifier: Certifier, rows: int, *, seed: int = 1, apart: float = 3.3, kind: Kind = "model", batch: int = 50) -> int:
    """Signals that arrive, are drawn by the policy in force and labelled; returns how many were asked."""
    rng, asked = np.random.default_rng(seed), 0
    for start in range(0, rows, batch):
        scores, wanted = signals(rng, batch, apart)
        policy = certifier.policy()
        certifier.arrived(scores)
        drawn = np.array([policy.asks(score, f"{seed} {start + place}") for place, score in enumerate(scores)])
        asked += int(drawn.sum())
        certifier.observe(scores[drawn], wanted[drawn], policy, kind)
    return asked


def test_before_there_is_evidence_everything_passes() -> None:
    fresh = Certifier()
    assert fresh.threshold == 0.0
    said = fresh.certificate()
    assert said.rests_on is None
    assert said.share_passed is None
    assert (said.recall, said.recall_low) == (1.0, 1.0)
    assert "Everything passes" in said.explanation
    feed(fresh, 200)
    assert fresh.threshold == 0.0, "24 wanted signals prove nothing"
    assert fresh.certificate().share_passed == 1.0


def test_evidence_raises_the_threshold_and_the_certificate_says_on_what_it_rests() -> None:
    certifier = Certifier()
    asked = feed(certifier, 4000)
    said = certifier.certificate()
    assert 0.2 < certifier.threshold == said.threshold < 0.5
    assert asked < 2400
    assert said.rests_on == "model"
    assert said.labelled == {"user": 0, "model": asked}
    assert 0.95 <= said.recall_low <= said.recall_high <= 1.0
    assert said.recall is not None
    assert said.recall_low <= said.recall <= said.recall_high
    assert said.share_passed is not None
    assert 0.1 < said.share_passed < 0.45
    assert said.audits["model"] > 0
    assert "model's answers" in said.explanation
    assert said.version != Certifier().certificate().version


def test_the_users_verdicts_are_a_kind_of_their_own() -> None:
    certifier = Certifier()
    feed(certifier, 500, kind="user")
    feed(certifier, 500, seed=2, kind="model")
    assert certifier.threshold == 0.0, "neither kind proves it alone, and they are not added up"
    feed(certifier, 600, seed=3, kind="user")
    said = certifier.certificate()
    assert certifier.threshold > 0
    assert said.rests_on == "user"
    assert "your verdicts" in said.explanation


def test_a_score_that_tells_nothing_raises_nothing() -> None:
    rng, certifier = np.random.default_rng(5), Certifier()
    for _ in range(40):
        policy = certifier.policy()
        certifier.observe(rng.random(100), rng.random(100) < 0.12, policy)
    assert certifier.threshold <= 0.05


def test_scores_of_which_all_are_equal_never_drop_the_wanted() -> None:
    certifier = Certifier()
    certifier.observe(np.full(500, 0.3), np.ones(500, dtype=bool), certifier.policy())
    assert certifier.threshold == 0.3, "nothing wanted is below; nothing wanted would be left above 0.31"


def test_a_drift_takes_it_back_and_the_evidence_begins_anew() -> None:
    certifier = Certifier()
    feed(certifier, 3000)
    assert certifier.threshold > 0.2
    feed(certifier, 600, seed=4, apart=1.8)
    said = certifier.certificate()
    assert said.alarms == 1
    assert certifier.threshold == 0.0
    assert "drift" in said.last_alarm
    assert "began anew" in said.explanation
    feed(certifier, 12_000, seed=5, apart=1.8)
    assert certifier.threshold > 0.0, "what holds now is proved anew"
    assert certifier.certificate().alarms == 1


def test_replay_and_restart_come_to_the_same_state() -> None:
    one, other = Certifier(), Certifier()
    feed(one, 1500)
    feed(other, 1500)
    assert one.to_state() == other.to_state()
    back = Certifier.from_state(json.loads(json.dumps(one.to_state())))
    assert back.certificate() == one.certificate()
    assert back.policy() == one.policy()
    feed(one, 1500, seed=8)
    feed(back, 1500, seed=8)
    assert back.to_state() == one.to_state()
    assert back.certificate() == one.certificate()
    assert len(json.dumps(one.to_state())) < 60_000


@pytest.mark.parametrize("spoil", ["target", "evidence", "arrivals", "audit", "grid"])
def test_a_damaged_state_is_refused(spoil: str) -> None:
    state = Certifier().to_state()
    del state[spoil]
    with pytest.raises(ValueError, match="begin anew"):
        Certifier.from_state(state)


def test_what_cannot_be_is_refused_and_nothing_is_taken_in() -> None:
    certifier = Certifier()
    before = certifier.to_state()
    for scores, labels, kind in (
        ([50.0], [True], "model"),
        ([0.5, 0.6], [True], "model"),
        ([0.5], [True], "x"),
        ([np.nan], [True], "user"),
    ):
        with pytest.raises(ValueError, match=r"score|kind"):
            certifier.observe(scores, labels, certifier.policy(), kind)  # type: ignore[arg-type]
    assert certifier.to_state() == before
    for wrong in (
        {"target": 1.0},
        {"target": 0.2},
        {"delta": 0.0},
        {"grid": [0.1, 0.2]},
        {"grid": [0.0, 0.5, 0.4]},
        {"grid": [0, 1.0]},
    ):
        with pytest.raises(ValueError, match="must"):
            Certifier(**wrong)  # type: ignore[arg-type]


def test_the_watch_is_quiet_while_all_is_well_and_loud_when_scores_fall() -> None:
    rng, watch = np.random.default_rng(7), Drift()
    usual = np.clip(rng.normal(0.8, 0.1, 3000), 0.5, 1)
    assert not any(watch.observe(float(score), 1.0, 0.5) for score in usual)
    turns = [watch.observe(float(score), 1.0, 0.5) for score in np.clip(rng.normal(0.65, 0.1, 60), 0.5, 1)]
    assert any(turns)
    assert "lower scores" in watch.reason


def test_the_watch_hears_misses_that_audits_find() -> None:
    rng, watch = np.random.default_rng(8), Drift()
    turns = [watch.observe(0.3 if rng.random() < 0.05 else 0.8 + rng.random() / 10, 0.2, 0.5) for _ in range(600)]
    assert any(turns), "a fifth of all misses is found, so a fifth is missed"
    assert "misses" in watch.reason
    kept = Drift.from_state(json.loads(json.dumps(watch.to_state())))
    assert kept.to_state() == watch.to_state()
    assert kept.observe(0.9, 1.0, 0.5) == watch.observe(0.9, 1.0, 0.5)
    with pytest.raises(ValueError, match="begin a new one"):
        Drift.from_state({})
    with pytest.raises(ValueError, match="probability"):
        watch.observe(0.5, 0.0, 0.5)


def test_copies_are_drawn_together() -> None:
    assert draw("the same content") == draw("the same content")
