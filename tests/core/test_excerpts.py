"""Texts cut to a budget, with and without numbers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.core.excerpts import GAP, Excerpt, fit_text, weights_of

TEXT = "We are “Acme”, a team of 8.\nWe have  no leads – and no plan. See https://acme.io/jobs for more. Write to jane@acme.io."


def cut(text: str, wanted: str, budget_chars: int, *, numbered: bool = False) -> Excerpt:
    return fit_text(text, weights_of(wanted, ()), budget_chars, numbered=numbered)


def test_a_text_that_fits_is_not_touched() -> None:
    excerpt = cut(TEXT, "anything", 1000)
    assert (excerpt.text, excerpt.is_cut, excerpt.gaps) == (TEXT, False, 0)


def test_a_long_text_keeps_its_opening_and_what_speaks_of_the_icp() -> None:
    filler = [f"Sentence number {i} speaks of gardens and of trees." for i in range(80)]
    filler[50] = "We need a marketing manager who runs our campaigns."
    excerpt = cut(" ".join(filler), "marketing manager campaigns", 800)
    assert excerpt.text.startswith("Sentence number 0")
    assert filler[50] in excerpt.text
    assert excerpt.is_cut
    assert excerpt.gaps >= 1
    assert GAP in excerpt.text
    assert len(excerpt.text) <= 900
    assert excerpt.total_chars == len(" ".join(filler))


def test_scripts_that_take_more_tokens_get_fewer_characters() -> None:
    latin, han = cut("word here. " * 500, "x", 600), cut("我们公司需要市场经理。" * 300, "x", 600)
    assert len(han.text) < 0.6 * len(latin.text)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=400), st.integers(60, 200))
def test_excerpts_of_any_text(text: str, budget: int) -> None:
    excerpt = cut(text, "marketing", budget)
    assert excerpt.kept_chars <= excerpt.total_chars == len(text)
    if excerpt.is_cut:
        assert len(excerpt.text) < 3 * budget + 40


@pytest.mark.parametrize("hostile", ["x" * 200_000, "a. " * 60_000, "\n" * 100_000 + "x" * 9000, "マ" * 50_000])
def test_hostile_texts_are_cut_in_bounds(hostile: str) -> None:
    assert len(cut(hostile, "marketing", 1600).text) < 3000


def test_sentences_get_numbers_in_their_order() -> None:
    excerpt = cut(
        "First of all we bake bread.\n\n• The second one has ‘[7] marks’ in it.\nThe third one comes last\nof all.",
        "x",
        900,
        numbered=True,
    )
    assert (
        excerpt.text
        == "[1] First of all we bake bread. [2] The second one has ‘(7) marks’ in it. [3] The third one comes last of all."
    )
    assert (excerpt.is_cut, excerpt.gaps, len(excerpt.sentences)) == (False, 0, 3)


def test_numbers_go_on_over_gaps() -> None:
    filler = [f"Sentence number {i} speaks of gardens and of trees." for i in range(80)]
    filler[50] = "We need a marketing manager who runs our campaigns."
    text = " ".join(filler)
    excerpt = cut(text, "marketing manager campaigns", 800, numbered=True)
    shown = [int(number) for number in re.findall(r"\[(\d+)\]", excerpt.text)]
    assert shown == list(range(1, len(excerpt.sentences) + 1))
    assert filler[50] in [text[start:end] for start, end in excerpt.sentences]
    assert GAP in excerpt.text
    assert len(excerpt.text) <= 900
    assert excerpt.total_chars == len(text) > excerpt.kept_chars


@settings(deadline=None, max_examples=80)
@given(st.text(st.sampled_from("ab .!?\n•[]12我ж"), max_size=500), st.integers(80, 400))
def test_every_number_has_its_place(text: str, budget: int) -> None:
    excerpt = cut(text, "marketing", budget, numbered=True)
    shown = re.findall(r"\[(\d+)\] ", excerpt.text)
    assert shown == [str(number) for number in range(1, len(excerpt.sentences) + 1)]
    ends = [0, *(end for _, end in excerpt.sentences)]
    assert all(before <= start < end for before, (start, end) in zip(ends, excerpt.sentences, strict=False))
    assert excerpt.kept_chars <= excerpt.total_chars == len(text)


def test_words_weigh_by_how_much_they_tell() -> None:
    weights = weights_of("Small companies that need campaigns", ["SEO", "marketing manager", "head of campaigns", "startup"])
    assert weights == {
        "small": 0.25, "companies": 0.25, "need": 0.25, "campaigns": 1.0, "seo": 2.0, "marketing": 0.5, "manager": 0.5,
        "head": 0.5, "startup": 0.25,
    }  # fmt: skip


def test_what_is_rare_in_a_text_comes_before_what_it_always_says() -> None:
    often = "Our marketing is good and everybody in the house knows it well."
    text = "We are us. " + " ".join([often] * 30) + " Nobody does the newsletter. " + " ".join([often] * 30)
    assert "newsletter" in cut(text, "marketing newsletter", 300).text


def test_the_size_of_a_company_is_shown() -> None:
    filler = " ".join(f"Sentence number {i} speaks of gardens and of trees." for i in range(60))
    assert "team of 12 people" in cut(f"{filler} We are a team of 12 people. {filler}", "marketing", 900).text


def test_what_says_nothing_fills_half_of_the_budget_at_most() -> None:
    filler = " ".join(f"Sentence number {i} speaks of gardens and of trees." for i in range(80))
    assert 350 < len(cut(filler, "marketing", 1000).text) < 560
    assert len(cut(filler, "gardens trees", 1000).text) > 850


def test_a_sentence_without_an_end_is_cut_between_words() -> None:
    excerpt = cut("word " * 400, "x", 900, numbered=True)
    assert {piece.split("]")[1].replace("word", "").strip(" …[") for piece in excerpt.text.split(" [")} == {""}
    assert max(end - start for start, end in excerpt.sentences) <= 200
