"""How much a text is about what an ICP looks for."""

from __future__ import annotations

from leadd.api import Icp, IcpField
from leadd.api.lexical import Folded
from leadd.api.matching import IcpTerms, join, title_or_first_line


def icp(**fields: object) -> Icp:
    return Icp.model_validate({"name": "test", "description": "Bakeries that need a new oven or a baker"} | fields)


def test_parts_saturate() -> None:
    assert join([]) == 0.0
    assert join([0.5, 0.5]) == 0.75
    assert join([1.0, 0.2]) == 1.0


def test_keywords_and_pain_both_count() -> None:
    terms = IcpTerms(icp(hiring_keywords=IcpField(values=("baker",)), pain_keywords=IcpField(values=("broken oven",))))
    wanted = terms.read(Folded("Baker"), Folded("We want one."))
    pain = terms.read(Folded("Help"), Folded("We have a broken oven."))
    both = terms.read(Folded("Baker"), Folded("We have a broken oven."))
    assert both.strength > wanted.strength > 0
    assert both.strength > pain.strength > 0
    assert not terms.derived


def test_a_denied_word_does_not_count() -> None:
    terms = IcpTerms(icp(hiring_keywords=IcpField(values=("baker",))))
    assert terms.read(Folded("News"), Folded("We are not hiring a baker.")).hiring.text == 0.0


def test_without_keywords_the_description_stands_in() -> None:
    terms = IcpTerms(icp())
    assert terms.derived
    assert terms.read(Folded("Baker wanted"), Folded("A new oven, too")).strength > 0.3


def test_words_that_exclude_do_not_count() -> None:
    terms = IcpTerms(icp(hiring_keywords=IcpField(values=("baker",), use="exclude"), description="Something else entirely"))
    assert terms.read(Folded("Baker"), Folded("baker")).strength == 0.0


def test_the_first_line_stands_in_for_a_title() -> None:
    assert title_or_first_line("Title", "text") == "Title"
    assert title_or_first_line("", "\nAcme | Berlin\nmore") == "Acme | Berlin"
    assert len(title_or_first_line("", "x" * 900)) == 200
