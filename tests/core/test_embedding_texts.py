"""The pure parts of comparing by vectors: what is embedded of a text, and how near two vectors are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from leadd.api import Icp, IcpField, Signal
from leadd.core.cosines import ENOUGH, MOST, Nearness, direction
from leadd.core.embedding_texts import (
    LEAST_CHARS,
    MOST_CHARS,
    budget_chars,
    icp_sentences,
    prefixes_of,
    signal_text,
)

ICP = Icp(
    name="marketing",
    description="Small companies that look for their first marketing manager.",
    hiring_keywords=IcpField(values=("marketing manager", "market*")),
    pain_keywords=IcpField(values=("no leads", "no marketing strategy")),
)


def a_signal(text: str, title: str = "") -> Signal:
    return Signal(id=1, source="ads", text=text, title=title, content_hash="c", found_at_ms=1)


def test_texts_fit_their_budget_and_keep_title_and_opening() -> None:
    long = a_signal(
        "The opening stands here. " + "Nothing is said in this sentence. " * 300 + "Our bakery needs a marketer.", "Marketer"
    )
    text = signal_text(long, 600)
    assert text.startswith("Marketer\nThe opening stands here.")
    assert "needs a marketer" in text, "the sentence that takes up the title"
    assert len(text) <= 640
    assert signal_text(a_signal("short", "T"), 600) == "T\nshort"
    assert signal_text(a_signal(" "), 600), "there is always something to embed"


def test_budgets_and_prefixes() -> None:
    assert budget_chars(2048) == MOST_CHARS
    assert LEAST_CHARS <= budget_chars(256) < 512
    assert budget_chars(1) == LEAST_CHARS
    assert prefixes_of("nomic-embed-text:v1.5") == ("search_document: ", "search_query: ")
    assert prefixes_of("all-minilm") == ("", "")


def test_an_icp_as_sentences() -> None:
    said = icp_sentences(ICP)
    assert said[0] == ICP.description
    assert "market*" not in said[1]
    assert len(said) == 3
    bare = Icp(name="bare", description="whoever needs help", hiring_keywords=IcpField(values=("x",), use="exclude"))
    assert icp_sentences(bare) == ["whoever needs help"]


def rows(count: int, width: int = 8, seed: int = 1, shift: float = 3.0) -> Any:
    found = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32) + shift
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_the_centre_moves_only_when_the_vectors_have_doubled() -> None:
    near = Nearness()
    wanted = {1: direction(rows(3))}
    asked: Callable[[], Any] = lambda: near.cosines({7: rows(1, seed=9)[0]}, wanted)  # noqa: E731
    near.add(rows(ENOUGH - 1))
    assert asked() == {}
    near.add(rows(1, seed=2))
    first = asked()
    assert set(first) == {7}
    assert set(first[7]) == {1}
    near.add(rows(ENOUGH - 1, seed=3))
    assert asked() == first
    near.add(rows(1, seed=4))
    assert asked() != first
    near.add(rows(MOST, seed=5))
    last = asked()
    near.add(rows(MOST * 3, seed=6))
    assert asked() == last


def test_the_centre_takes_out_what_all_texts_share() -> None:
    near = Nearness()
    near.add(rows(400))
    found = near.cosines(dict(enumerate(rows(200, seed=8))), {1: rows(1, seed=9)[0]})
    cosines = [by_icp[1] for by_icp in found.values()]
    assert abs(float(np.mean(cosines))) < 0.1
    assert float((rows(200, seed=8) @ rows(1, seed=9)[0]).mean()) > 0.7, "the raw ones all lie high"


def test_vectors_of_another_length_are_no_part_of_it() -> None:
    near = Nearness()
    near.add(rows(ENOUGH))
    near.add(rows(50, width=4))
    assert near.count == ENOUGH
    assert near.cosines({1: rows(1, width=4)[0]}, {1: rows(1)[0]}) == {}
    assert near.cosines({1: rows(1)[0]}, {1: rows(1, width=4)[0]}) == {}
    near.add(np.zeros((0, 0), dtype=np.float32))
