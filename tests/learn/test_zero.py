"""The fit before any verdict: titles, rivals, zones of the text, what the stream teaches, and vectors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up import ads

from leadd.learn.figures.measures import area, labelled
from leadd.learn.words.expansion import expand
from leadd.learn.words.nearness import ENOUGH, GroupNearness, prototypes
from leadd.learn.words.statistics import Statistics
from leadd.learn.words.tokens import read_text, read_title, role_part, split_words
from leadd.learn.words.zero import ZeroLabel

MARKETER = "I sell to small companies hiring their first marketer"


def odds_of(matcher: ZeroLabel, *signals: tuple[str, str]) -> list[float]:
    return [float(o) for o in matcher.fits([matcher.read(title, text) for title, text in signals]).odds]


def test_the_first_signal_already_gets_a_sensible_score() -> None:
    matcher = ZeroLabel(expand(MARKETER))
    wanted, other = odds_of(
        matcher,
        ("Head of Marketing", "You will run our campaigns and our newsletter."),
        ("Backend Engineer", "You will write services in Python and review code."),
    )
    assert wanted > 0 > other


def test_a_title_of_another_function_outweighs_the_word() -> None:
    matcher = ZeroLabel(expand(MARKETER))
    text = "You will work on the marketing platform."
    marketer, engineer, nobody = odds_of(
        matcher,
        ("Marketing Manager", text),
        ("Software Engineer, Marketing Platform", text),
        ("Plants, Marketing Platform", text),
    )
    assert marketer >= nobody > engineer + 1


@pytest.mark.parametrize(
    "title",
    [
        "Marketingmanager (m/w/d)",
        "Leiter Online-Marketing",
        "Responsable marketing digital",
        "Gerente de mercadotecnia",
        "SEO Lead",
    ],
)
def test_titles_in_other_languages_are_known(title: str) -> None:
    matcher = ZeroLabel(expand(MARKETER))
    wanted, other = odds_of(matcher, (title, "Text."), ("Softwareentwickler (m/w/d)", "Text."))
    assert wanted > other + 2


def test_the_part_on_the_role_counts_more_than_the_part_on_the_employer() -> None:
    matcher = ZeroLabel(expand(MARKETER))
    role = "About us\nWe make pumps.\nThe role\nYou run campaigns, SEO and the newsletter."
    aside = "About us\nWe are a company for campaigns, SEO and the newsletter.\nThe role\nYou make pumps."
    assert odds_of(matcher, ("Somebody", role))[0] > odds_of(matcher, ("Somebody", aside))[0]
    words = read_text("The role\nYou report to the head of marketing, and you like tea and cakes and long walks home.")
    assert words.counts[words.words.index("marketing")] > words.counts[words.words.index("walks")]
    assert role_part(aside) == "The role\nYou make pumps."


def test_without_a_title_the_first_line_stands_in() -> None:
    matcher = ZeroLabel(expand(MARKETER))
    first, later = odds_of(matcher, ("", "Acme | Marketing Manager | Berlin\nJoin."), ("", "Acme | Berlin\nJoin us."))
    assert first > later + 2


def test_made_up_ads_are_told_apart() -> None:
    made = ads(240)
    for name in ("marketing", "sales", "people"):
        matcher = ZeroLabel(expand(f"companies hiring for {'recruiting' if name == 'people' else name}"))
        signs = [matcher.read(ad.title, ad.text) for ad in made]
        for one in signs:
            matcher.note(one)
        assert area(labelled(matcher.fits(signs).odds, [ad.function == name for ad in made])) > 0.99


def test_texts_without_any_word_of_it_are_no_ties() -> None:
    matcher = ZeroLabel(expand("Vineyards that want to export"))
    texts = [("Note", " ".join(f"nothing{k} here{k}" for k in range(n))) for n in range(1, 30)]
    odds = odds_of(matcher, *texts)
    assert len(set(odds)) == len(odds)


def test_the_stream_teaches_which_words_are_common() -> None:
    matcher = ZeroLabel(expand(MARKETER))
    before = odds_of(matcher, ("Somebody", "seo " * 3 + "tea " * 50))[0]
    for number in range(300):
        matcher.note(matcher.read("Cook", f"seo and tea, {number} times"))
    after = odds_of(matcher, ("Somebody", "seo " * 3 + "tea " * 50))[0]
    assert after < before
    assert matcher.statistics.share("seo", 1) > 0.5


def test_statistics_survive_as_plain_data_and_fade() -> None:
    known = Statistics()
    for number in range(20_050):
        known.note(100, ["old"] if number < 10_000 else ["new"], {"marketing": 1.0})
    assert known.documents < 11_000
    assert known.share("new", 1) > known.share("old", 1) > 0
    again = Statistics.from_data(json.loads(json.dumps(known.to_data())))
    assert again == known
    with pytest.raises((KeyError, ValueError)):
        Statistics.from_data({"documents": 1})


def test_why_names_the_words_for_and_against() -> None:
    matcher = ZeroLabel(expand(MARKETER))
    found = matcher.why(matcher.read("Software Engineer, Marketing Platform", "You write TypeScript and some ad copy."))
    points = {(f.words, f.where): f.points for f in found}
    assert points[("marketing", "title")] > 0 > points[("software engineer", "title")]
    assert points[("ad copy", "text")] > 0 > points[("typescript", "text")]


def test_unwanted_words_take_off() -> None:
    matcher = ZeroLabel(expand("Companies hiring a marketer, no internships"))
    job, internship = odds_of(matcher, ("Marketing Manager", "Campaigns."), ("Marketing Intern", "Campaigns."))
    assert job > internship + 0.5


def test_titles_have_parts_and_scripts_without_spaces_have_pairs() -> None:
    assert read_title("Engineer, Marketing Platform (Berlin) - Remote").parts == (
        ("engineer",), ("marketing", "platform"), ("berlin",), ("remote",),
    )  # fmt: skip
    assert split_words("市場担当者 seo") == ["市場", "場担", "担当", "当者", "seo"]
    assert split_words("don't stop") == ["don't", "stop"]
    assert read_title("").parts == ()
    assert read_text("").words == []


def test_vectors_are_read_from_the_centre_and_by_where_they_stand() -> None:
    rng = np.random.default_rng(3)
    expansion = expand(MARKETER)
    wanted = prototypes(expansion)
    assert "marketing" in wanted[0]
    assert len(wanted) == 1 + len(expansion.rivals)
    functions = rng.normal(size=(len(wanted), 16)).astype(np.float32)
    nearness = GroupNearness([np.repeat(row[None], 2, axis=0) for row in functions])
    cone = 5 * np.ones(16, dtype=np.float32)
    of = rng.integers(0, len(wanted), 400)
    vectors = (functions[of] + cone + rng.normal(0, 0.3, (400, 16))).astype(np.float32)
    assert nearness.standings(vectors, vectors) is None
    nearness.note(vectors[: ENOUGH - 1], vectors[: ENOUGH - 1])
    assert nearness.standings(vectors, vectors) is None
    nearness.note(vectors, vectors)
    found = nearness.standings(vectors, vectors)
    assert found is not None
    assert (found[0].argmax(axis=1) == of).mean() > 0.9
    matcher = ZeroLabel(expansion)
    blank = [matcher.read("", "Nothing is said.")] * 400
    odds = matcher.fits(blank, found).odds
    assert area(labelled(odds, of == 0)) > 0.9
