"""ICP sentences spelt out: what is wanted, what is not, and what a user may change."""

from __future__ import annotations

import json

import pytest

from leadd.learn.words.expansion import (
    FUNCTIONS,
    Expansion,
    ExpansionInvalid,
    Term,
    expand,
    function_terms,
    parse_terms,
    split_negation,
)
from leadd.learn.words.zero import ZeroLabel


@pytest.mark.parametrize(
    ("sentence", "functions"),
    [
        ("I sell to small companies hiring their first marketer", ("marketing",)),
        ("Start-ups that look for account executives or SDRs", ("sales",)),
        ("Firms that need a recruiter or an HR manager", ("people",)),
        ("Small shops without a bookkeeper who need an accountant", ("finance",)),
        ("Wir verkaufen an Firmen, die Vertriebler suchen", ("sales",)),
        ("Des PME qui cherchent un comptable", ("finance",)),
        ("Empresas que buscan desarrolladores", ("engineering",)),
        ("Companies hiring in marketing or in sales", ("marketing", "sales")),
        ("Clinics that are short of nurses", ("health",)),
        ("Law firms that need a paralegal", ("legal",)),
        ("Vineyards that want to export to Japan", ()),
    ],
)
def test_a_sentence_names_functions_in_several_languages(sentence: str, functions: tuple[str, ...]) -> None:
    assert expand(sentence).functions == functions


def test_every_function_is_known_in_titles_texts_and_other_languages() -> None:
    assert len(FUNCTIONS) >= 14
    for name, table in FUNCTIONS.items():
        assert set(table) == {"named", "titles", "texts", "other"}
        terms = function_terms(name)
        assert sum(t.where == "title" for t in terms) >= 15, name
        assert sum(t.where == "text" for t in terms) >= 15, name
        assert all(0 <= t.weight <= 2.5 for t in terms), name
        assert len(parse_terms(table["other"])) >= 5, name


def test_the_other_functions_are_rivals() -> None:
    found = expand("hiring a marketer")
    assert "engineering" in found.rivals
    assert "marketing" not in found.rivals
    assert len(found.rivals) == len(FUNCTIONS) - 1


def test_what_is_not_wanted_speaks_against() -> None:
    found = expand("Companies hiring a marketer, not agencies and no internships")
    unwanted = {t.words for t in found.terms if t.weight < 0}
    assert unwanted == {"agenc*", "intern*"}
    assert found.functions == ("marketing",)
    assert expand("Companies hiring engineers, not recruiters").functions == ("engineering",)
    kept, negated = split_negation("no agencies; but companies with a sales team")
    assert "agencies" in negated
    assert "sales team" in kept


@pytest.mark.parametrize(
    "sentence",
    [
        "Growing companies that have no marketing team of their own",
        "Shops with no marketer",
        "Firms that do not have a marketer",
        "Start-ups that have not yet hired a marketer",
        "Betriebe, die keine Marketingabteilung haben, aber einen Marketer suchen",
        "Des PME qui n'ont pas de marketing",
        "Empresas que no tienen marketing",
    ],
)
def test_who_lacks_something_is_wanted(sentence: str) -> None:
    found = expand(sentence)
    assert found.functions == ("marketing",)
    assert [t.words for t in found.terms if t.weight < 0] == []


@pytest.mark.parametrize(
    ("sentence", "unwanted"),
    [
        ("Firmen, die Marketer suchen, keine Agenturen", "agenturen*"),
        ("Companies with no marketer: no agencies", "agenc*"),
        ("PME qui cherchent un responsable marketing, pas de stages", "stage*"),
    ],
)
def test_what_is_ruled_out_still_is(sentence: str, unwanted: str) -> None:
    assert unwanted in {t.words for t in expand(sentence).terms if t.weight < 0}


def test_a_sentence_without_a_function_is_taken_by_its_own_words() -> None:
    found = expand("Vineyards that want to export to Japan")
    assert {"vineyards*", "export*", "japan"} <= {t.words for t in found.terms}
    assert found.rivals == ()
    matcher = ZeroLabel(found)
    near, far = (
        matcher.read("Export manager wanted", "Our vineyards sell to Japan."),
        matcher.read("Driver", "We drive trucks all day."),
    )
    odds = matcher.fits([near, far]).odds
    assert odds[0] > odds[1] + 0.5


def test_the_expansion_is_plain_data_that_can_be_edited() -> None:
    found = expand("I serve companies hiring a marketer, no agencies", more=[Term("growth loops", 0.5, "text")])
    data = json.loads(json.dumps(found.to_data()))
    again = Expansion.from_data(data)
    assert again.to_data() == found.to_data()
    assert Term("growth loops", 0.5, "text") in again.terms
    data["functions"]["marketing"] = ["barker", {"words": "town crier", "weight": 2, "where": "title"}]
    edited = Expansion.from_data(data)
    assert edited.terms_of("marketing") == (Term("barker"), Term("town crier", 2.0, "title"))
    matcher = ZeroLabel(edited)
    odds = matcher.fits([matcher.read("Town Crier", "Loud."), matcher.read("Marketing Manager", "Loud.")]).odds
    assert odds[0] > odds[1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "an expansion is a mapping"),
        ({"function": {}}, "function: unknown"),
        ({"functions": ["marketing"]}, "functions: a mapping"),
        ({"rivals": ["alchemy"]}, "there is no function 'alchemy'"),
        ({"rivals": "sales"}, "rivals: a list"),
        ({"terms": [{"words": ""}]}, r"terms\[0\].words"),
        ({"terms": [{"words": "a", "weight": "x"}]}, r"terms\[0\].weight"),
        ({"terms": [{"words": "a", "weight": 9}]}, r"terms\[0\].weight"),
        ({"terms": [{"words": "a", "where": "url"}]}, r"terms\[0\].where"),
        ({"terms": [3]}, r"terms\[0\]: a word"),
        ({"functions": {"marketing": "seo"}}, "functions.marketing: a list"),
    ],
)
def test_wrong_data_is_named(data: object, said: str) -> None:
    with pytest.raises(ExpansionInvalid, match=said):
        Expansion.from_data(data)


def test_a_weight_that_is_no_number_is_named() -> None:
    with pytest.raises(ExpansionInvalid, match="'seo=much'"):
        parse_terms("marketing, seo=much")
