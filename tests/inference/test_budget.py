"""What a call may take, and what a model's own counts teach about it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadd.inference.budget import (
    HYSTERESIS,
    OBSERVATIONS,
    STEP,
    USUAL_CHARS_PER_TOKEN,
    WINDOW,
    CharsPerToken,
    latin_chars,
    reuse_limit,
    text_budget_chars,
)


def feed(watch: CharsPerToken, ratio: float, times: int, tokens: int = 500) -> None:
    for _ in range(times):
        watch.note(["x" * round(ratio * tokens)], tokens)


def test_a_model_is_learnt_after_a_few_calls() -> None:
    watch = CharsPerToken()
    feed(watch, 4.6, OBSERVATIONS - 1)
    assert watch.value == USUAL_CHARS_PER_TOKEN
    feed(watch, 4.6, 1)
    assert (watch.value, watch.observations) == (4.5, OBSERVATIONS)


def test_it_does_not_wander_among_texts_of_all_kinds() -> None:
    rng, watch, seen = random.Random(7), CharsPerToken(), []
    for _ in range(2000):
        feed(watch, rng.gauss(4.1, 0.5), 1)
        seen.append(watch.value)
    assert len(set(seen[OBSERVATIONS + 1 :])) == 1


def test_a_lasting_change_is_followed_late() -> None:
    watch = CharsPerToken()
    feed(watch, 4.4, WINDOW)
    feed(watch, 3.0, WINDOW // 2 - 2)
    assert watch.value == 4.25
    feed(watch, 3.0, WINDOW)
    assert watch.value == 3.0


@pytest.mark.parametrize(("chars", "tokens"), [(4000, 0), (4000, 39), (100_000, 400), (100, 400)])
def test_counts_that_cannot_be_true_are_passed_over(chars: int, tokens: int) -> None:
    watch = CharsPerToken()
    for _ in range(3 * WINDOW):
        watch.note(["x" * chars], tokens)
    assert (watch.value, watch.observations) == (USUAL_CHARS_PER_TOKEN, 0)


def test_what_was_learnt_is_taken_up_again() -> None:
    watch = CharsPerToken()
    watch.restore(4.75)
    feed(watch, 4.4, OBSERVATIONS + 3)
    assert watch.value == 4.75
    for nonsense in (0.0, -1.0, 99.0, float("nan")):
        watch.restore(nonsense)
    assert watch.value == 4.75


@given(st.lists(st.floats(1.0, 8.0), max_size=150))
def test_it_is_always_a_step_within_bounds(ratios: list[float]) -> None:
    watch = CharsPerToken()
    for ratio in ratios:
        before = watch.value
        feed(watch, ratio, 1)
        assert 1.0 <= watch.value <= 8.0
        assert watch.value % STEP == 0
        assert watch.value == before or abs(watch.value - before) > (HYSTERESIS * before) - STEP


def test_other_scripts_count_for_more() -> None:
    assert latin_chars("marketing") == 9
    assert latin_chars("für") == 3
    assert latin_chars("ищем") == 8
    assert latin_chars("市场经理") == 12


@pytest.mark.parametrize(
    ("model", "num_ctx", "limit"),
    [
        ("gemma3:1b", 2048, 900),
        ("gemma3:1b-it-qat", 4096, 900),
        ("gemma3:270m", 2048, 900),
        ("hf.co/unsloth/gemma-3-1b-it-GGUF:Q4_K_M", 8192, 900),
        ("gemma3:4b", 4096, 1400),
        ("Gemma3", 4096, 1400),
        ("gemma3:12b-it-qat", 8192, 1400),
        ("gemma-3-4b-it", 8192, 1400),
        ("gemma3n:e4b", 4096, 900),
        ("gemma3:1b", 1024, 768),
        ("gemma2:2b", 4096, 3072),
        ("gemma30:1b", 4096, 3072),
        ("llama3.2:1b", 2048, 1536),
        ("qwen3:8b", 8192, 6144),
    ],
)
def test_the_total_of_a_call_by_model(model: str, num_ctx: int, limit: int) -> None:
    assert reuse_limit(model, num_ctx) == limit


def test_the_longest_answer_has_its_room() -> None:
    assert reuse_limit("llama3.2:1b", 2048, answer_cap=900) == 1148
    assert reuse_limit("gemma3:1b", 2048, answer_cap=900) == 900
    assert reuse_limit("x", 512, answer_cap=900) == 1


def test_a_text_gets_what_is_left() -> None:
    assert text_budget_chars(1800, 150, 4.0, 0, 2400) == 2400
    assert text_budget_chars(1800, 150, 4.0, 1400, 2400) == 2400
    assert text_budget_chars(1800, 150, 4.0, 900, 2400) == 1104
    assert text_budget_chars(1800, 150, 3.0, 900, 2400) == 378
    assert text_budget_chars(9000, 150, 3.0, 900, 2400) == 240
    assert text_budget_chars(9000, 150, 3.0, 900, 100) == 100
