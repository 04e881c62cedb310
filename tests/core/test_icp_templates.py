"""The ICPs that ship."""

from __future__ import annotations

import pytest

from leadd.api import Signal
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.core.prefilter import CompiledIcp, Keep, judge
from leadd.learn.words.expansion import expand_icp

NEEDS = {
    "marketing_first_hire": ("We are looking for our first marketing hire.", "Wir suchen eine Leitung Marketing."),
    "solo_founder": (
        "I'm a solo founder, overwhelmed, looking for a freelancer.",
        "Ich mache alles selbst und habe keine Zeit, suche Freelancer.",
    ),
    "small_d2c": (
        "Our Shopify store has rising CAC, we need a media buyer.",
        "Onlineshop sucht Verstärkung für Werbekosten und Retouren.",
    ),
    "software_agency": (
        "We need someone to build an app to replace our spreadsheets.",
        "Wir suchen Entwickler: App entwickeln, Altsystem ablösen.",
    ),
    "recruiter": (
        "We hire our first Talent Acquisition Manager, rapid growth.",
        "Wir suchen Personalreferent:in, keine Bewerber seit Monaten.",
    ),
    "bookkeeper": ("Looking for a bookkeeper, our books are behind.", "Buchhalter:in gesucht, das Finanzamt wartet."),
}


def test_the_template_in_force_is_one_of_them() -> None:
    assert DEFAULT_TEMPLATE == "marketing_first_hire"
    assert set(NEEDS) == set(TEMPLATES)
    assert all(icp.name == name for name, icp in TEMPLATES.items())


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_template_keeps_needs_of_its_trade_in_two_languages(name: str) -> None:
    icp = CompiledIcp.of(TEMPLATES[name])
    for number, text in enumerate(NEEDS[name]):
        signal = Signal(number, "s", text, "", "h", 0, asked_by_person=True)
        assert isinstance(judge(signal, icp, threshold=20, min_chars=40), Keep), text


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_a_template_can_be_answered(name: str) -> None:
    icp = TEMPLATES[name]
    assert "unknown" in icp.size_buckets
    assert "unknown" in icp.regions
    assert "unclear" in icp.role_types
    assert len(icp.pain_tags) >= 4
    assert len({k.casefold() for k in icp.hiring_keywords.values}) == len(icp.hiring_keywords.values)


WORK = {
    "marketing_first_hire": "marketing",
    "solo_founder": "marketing",
    "small_d2c": "marketing",
    "software_agency": "engineering",
    "recruiter": "people",
    "bookkeeper": "finance",
}


@pytest.mark.parametrize("name", sorted(WORK))
def test_a_templates_words_stand_for_the_work_that_it_is_about(name: str) -> None:
    found = expand_icp(TEMPLATES[name])
    assert WORK[name] in found.functions
    named = [
        word for word in TEMPLATES[name].hiring_keywords.values if any(t.words == word for t in found.terms if t.weight < 0)
    ]
    assert named == [], "nothing that it looks for speaks against"
    assert not [t for t in found.terms if t.weight < 0 and t.where != "anywhere"], "it says of nobody what he must not be"


def test_templates_cannot_be_changed_in_place() -> None:
    with pytest.raises(TypeError):
        TEMPLATES["x"] = TEMPLATES[DEFAULT_TEMPLATE]  # type: ignore[index]


def test_trades_do_not_keep_each_others_needs() -> None:
    baker = Signal(1, "s", "We need a baker for the night shift in our bakery.", "", "h", 0, asked_by_person=True)
    for icp in TEMPLATES.values():
        assert not isinstance(judge(baker, CompiledIcp.of(icp), threshold=20, min_chars=40), Keep)
