"""How much a model does not read again, by the time that it takes, and the alarm where that ends."""

from __future__ import annotations

import random

import pytest

from leadd.api import Usage
from leadd.inference.servers.reuse import RECENT, ReuseWatch

TOKEN_MS = 1.1


def usage(tokens: int, read: int, slow: float = 1.0) -> Usage:
    """A call whose prompt has `tokens`, `read` of which were really read."""
    return Usage(tokens, 1, 0.0, read * TOKEN_MS * slow, 20.0, read * TOKEN_MS * slow + 20)


def test_nothing_is_known_before_there_is_something_to_compare():
    watch = ReuseWatch()
    assert (watch.ratio, watch.ns_per_token, watch.lost, watch.text()) == (None, 0.0, False, "")
    watch.note(usage(400, 400), "a")
    assert watch.ratio is None
    assert watch.ns_per_token == pytest.approx(1.1e6)


def test_the_share_that_was_not_read_again():
    rng = random.Random(1)
    watch = ReuseWatch()
    watch.note(usage(400, 400), "a")
    for _ in range(30):
        tokens = rng.randrange(350, 450)
        watch.note(usage(tokens, tokens - 250), "a")
    assert watch.ratio == pytest.approx(0.62, abs=0.04)
    assert (watch.samples, watch.lost, watch.text()) == (31, False, "")


def test_what_is_lost_is_seen_and_what_comes_back_as_well():
    watch = ReuseWatch()
    watch.note(usage(400, 400), "a")
    for _ in range(RECENT):
        watch.note(usage(400, 150), "a")
    for call in range(RECENT):
        assert not watch.lost or call > RECENT // 2
        watch.note(usage(400, 400), "a")
    assert watch.lost
    assert "read their whole prompt again" in watch.text()
    for _ in range(RECENT):
        watch.note(usage(400, 150), "a")
    assert not watch.lost


def test_changes_of_the_group_are_no_loss():
    watch = ReuseWatch()
    for group in "abab":
        watch.note(usage(400, 400), group)
        for _ in range(RECENT):
            watch.note(usage(400, 150), group)
    for number in range(60):
        watch.note(usage(400, 400), "ab"[number % 2])
    assert not watch.lost


def test_every_slot_reads_a_new_beginning_once():
    watch = ReuseWatch()
    for _ in range(4):
        watch.note(usage(400, 400), "a", 4)
    for _ in range(RECENT):
        watch.note(usage(400, 100), "a", 4)
    watch.emptied()
    for _ in range(4):
        watch.note(usage(400, 400), "a", 4)
    assert watch.ratio == pytest.approx(0.75)
    assert not watch.lost


def test_calls_beside_it_are_not_taken_for_a_loss():
    watch = ReuseWatch()
    watch.note(usage(400, 400), "a")
    for _ in range(RECENT):
        watch.note(usage(400, 150), "a")
    for _ in range(RECENT):
        watch.note(usage(400, 150, slow=4.0), "a", 4, 4.0)
    assert watch.ratio == pytest.approx(0.625)
    assert not watch.lost


def test_a_model_that_never_kept_anything_is_said_to():
    watch = ReuseWatch()
    for _ in range(3 * RECENT):
        watch.note(usage(2000, 2000), "a")
    assert watch.ratio == pytest.approx(0.0)
    assert not watch.lost
    assert "no reuse" in watch.text()


def test_answers_without_durations_and_tiny_prompts_say_nothing():
    watch = ReuseWatch()
    watch.note(Usage(400, 1), "a")
    watch.note(usage(8, 8), "a")
    assert watch.samples == 0
