"""The earlier system on a fake Ollama of its own: what it asks, what its cache saves, how it makes the server load again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from leadd.bench.baseline import AT_ONCE, CTX_LONG, LONG_FROM_CHARS, Earlier, EarlierRun
from leadd.bench.judge import Judge, Truth
from leadd.bench.signals import BenchSignal, make_signals, repeated
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.testing.ollama import LAPTOP, FakeOllama, LeapClock, Limits

SMALL = "gemma3:1b"


async def run(signals: Sequence[BenchSignal], fault: str = "") -> tuple[EarlierRun, FakeOllama]:
    clock = LeapClock()
    judge = Judge(map(Truth.of, signals))
    async with FakeOllama(speeds=LAPTOP, limits=Limits(slots=2), clock=clock, oracle=judge) as fake:
        if fault:
            fake.fail_next(fault)
        found = await Earlier(fake.url, SMALL, TEMPLATES[DEFAULT_TEMPLATE], clock).run(signals)
    assert judge.unknown == 0
    return found, fake


async def test_every_signal_costs_a_whole_answer() -> None:
    signals = make_signals(24)
    found, fake = await run(signals)
    assert found.calls == 24
    assert found.output_tokens == fake.stats.tokens_decoded[SMALL] > 24 * 130
    assert found.prompt_tokens == fake.stats.tokens_shown[SMALL]
    # Only the first lines of prompts are alike: next to nothing is ever read out of a cache.
    assert fake.stats.tokens_prefilled[SMALL] > 0.9 * found.prompt_tokens
    assert fake.stats.in_flight_max == AT_ONCE
    assert found.failures == 0
    assert found.seconds > 24 * 130 / LAPTOP.decode_tps


async def test_texts_of_two_sizes_make_the_server_load_again() -> None:
    signals = make_signals(24)
    assert 0 < sum(len(s.text) < LONG_FROM_CHARS for s in signals) < 24
    found, fake = await run(signals)
    assert fake.stats.reloads >= 1
    assert found.slow_loads >= 1
    long = [s for s in signals if len(s.text) >= LONG_FROM_CHARS]
    found, fake = await run(long)
    assert fake.stats.reloads == found.slow_loads == 0
    assert fake.loaded in ({}, {SMALL: CTX_LONG})


async def test_its_cache_saves_repeats_that_are_not_asked_at_the_same_moment() -> None:
    stream = repeated(make_signals(50), 0.78)
    found, _ = await run(stream)
    assert 11 <= found.calls <= 11 + AT_ONCE * 4
    assert found.calls < 30


async def test_an_answer_that_cannot_be_read_counts_as_none() -> None:
    found, _ = await run(make_signals(4), "not_json")
    assert found.failures == 1


@pytest.mark.parametrize("leads", [0.0, 1.0])
async def test_leads_are_what_the_answers_call_so(leads: float) -> None:
    signals = make_signals(12, leads=leads)
    found, _ = await run(signals)
    assert found.leads <= {s.key for s in signals}
    assert found.dossiers <= len(found.leads)
    assert (len(found.leads) > 6) == (leads == 1.0)
