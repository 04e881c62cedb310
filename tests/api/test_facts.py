"""Sizes and denials as texts state them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.api.facts import bucket_for, is_denied, overlap, range_of, read_sizes


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("We are a team of 8 people in Berlin", 8, 8),
        ("Acme: 11-50 employees", 11, 50),
        ("Company size: 11-50", 11, 50),
        ("a small team of five", 5, 5),
        ("we're a 12-person startup", 12, 12),
        ("Wir sind 15 Mitarbeiter:innen", 15, 15),
        ("mehr als 300 Mitarbeitende", 300, None),
        ("over 200 employees worldwide", 200, None),
        ("1,000+ employees", 1000, None),
        ("our team of 20+", 20, None),
        ("half a dozen people", 6, 6),
        ("I'm a solo founder", 1, 1),
        ("Ich bin Einzelunternehmer", 1, 1),
        ("founded by two co-founders", 2, 2),
        ("10 to 20 people", 10, 20),
        ("we have 40 employees across 3 offices", 40, 40),
    ],
)
def test_a_stated_size_is_read(text: str, low: int, high: int | None) -> None:
    fact = read_sizes(text)[0]
    assert (fact.low, fact.high) == (low, high)
    assert fact.quote in text


@pytest.mark.parametrize(
    "text",
    [
        "You will lead a team of 5",
        "We help 2,000 employees stay fit",
        "5 people report to you",
        "trusted by 500 companies",
        "a team of 10% growth",
        "in 2019 we were happy people",
        "reach 5 million people",
        "$5 people",
        "version 2.5 of the staff tool",
        "Sie leiten ein Team von 6 Mitarbeitern",
    ],
)
def test_other_numbers_are_no_size(text: str) -> None:
    assert read_sizes(text) == []


@settings(deadline=None)
@given(st.text(max_size=200))
def test_sizes_are_read_from_any_text(text: str) -> None:
    for fact in read_sizes(text):
        assert fact.low >= 1
        assert fact.high is None or fact.high >= fact.low


@pytest.mark.parametrize("hostile", ["1" * 20_000, "1 " * 20_000, "1-" * 20_000, "a team of " * 9_000, "one two " * 9_000])
def test_hostile_numbers_end(hostile: str) -> None:
    assert len(read_sizes(hostile)) <= 5


@pytest.mark.parametrize(
    ("label", "span"),
    [
        ("2-5", (2, 5)),
        ("11", (11, 11)),
        ("50+", (50, None)),
        ("up to 20", (1, 20)),
        ("bis 10", (1, 10)),
        ("> 1,000", (1000, None)),
        ("solo", (1, 1)),
        ("unknown", None),
    ],
)
def test_size_labels(label: str, span: tuple[int, int | None] | None) -> None:
    assert range_of(label) == span


def test_ranges_overlap() -> None:
    assert overlap((8, 8), (2, 10))
    assert overlap((200, None), (50, None))
    assert overlap((5, 20), (20, 30))
    assert not overlap((5, 19), (20, 30))
    assert not overlap((200, None), (1, 20))


def test_a_size_falls_into_its_bucket() -> None:
    labels = ("1", "2-5", "6-10", "11-20", "unknown")
    bucket = bucket_for(read_sizes("We are a team of 8 people"), labels)
    assert bucket is not None
    assert bucket[0] == "6-10"
    assert bucket_for(read_sizes("We have 500 employees"), labels) is None
    assert bucket_for([], labels) is None


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("We are not hiring a marketing manager", "marketing manager"),
        ("No agencies please", "agencies"),
        ("Keine Agenturen", "Agenturen"),
        ("Agencies need not apply", "Agencies"),
        ("We do not work with recruiters or agencies", "agencies"),
        ("The marketing manager role has been filled.", "marketing manager"),
        ("Wir suchen keine Freelancer", "Freelancer"),
        ("pas de recruteurs", "recruteurs"),
        ("we aren't looking for freelancers", "freelancers"),
    ],
)
def test_a_denied_phrase_is_seen(text: str, phrase: str) -> None:
    start = text.index(phrase)
    assert is_denied(text, start, start + len(phrase))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("We hire a marketing manager, not a unicorn", "marketing manager"),
        ("not only a marketing manager but a friend", "marketing manager"),
        ("Why not? A marketing manager is needed", "marketing manager"),
        ("We don't have a marketing team", "marketing team"),
        ("Looking for agencies", "agencies"),
        ("No nonsense. Agencies welcome", "Agencies"),
    ],
)
def test_what_is_not_denied(text: str, phrase: str) -> None:
    start = text.index(phrase)
    assert not is_denied(text, start, start + len(phrase))
