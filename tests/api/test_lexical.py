"""Keywords, words and sentences in any language."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.api.lexical import (
    Folded,
    KeywordSet,
    fold,
    relevance,
    sentences,
    significant_words,
    telling_words,
    weigh,
    words,
)

TEXTS = st.text(st.one_of(st.characters(), st.sampled_from("aeß ﬁé\u0301½x-/_'’マ हि한")), max_size=80)


def found(keywords: list[str], text: str) -> list[tuple[str, str]]:
    return [(m.keyword, m.quote) for m in KeywordSet(keywords).find(text)]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Café-STRASSE", "cafe-strasse"),
        ("Straße", "strasse"),
        ("ﬁn", "fin"),
        ("ＡＢＣ", "abc"),
        ("snake_case", "snake case"),
        ("e\u0301te\u0301", "ete"),
        ("“it’s” – ok", "“it's” - ok"),
        ("𝐌𝐚𝐫𝐤", "mark"),
        ("ΆΛΦΑ", "αλφα"),
        ("हिन्दी", "हिन्दी"),
        ("マーケ", "マーケ"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@settings(deadline=None)
@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("keyword", "text", "quote"),
    [
        ("marketing manager", "We need a Marketing  Manager!", "Marketing  Manager"),
        ("marketing manager", "Marketing-Manager", "Marketing-Manager"),
        ("marketing manager", "marketing/manager", "marketing/manager"),
        ("marketing manager", "Marketingmanager gesucht", "Marketingmanager"),
        ("marketing manager", "Marketingmanager:in (m/w/d)", "Marketingmanager:in"),
        ("marketing manager", "Marketing Manager*innen", "Marketing Manager*innen"),
        ("marketing manager", "Marketing-Managerin", "Marketing-Managerin"),
        ("manager marketing", "Manager (m/w/d) Marketing", "Manager (m/w/d) Marketing"),
        ("manager marketing", "Manager/in Marketing", "Manager/in Marketing"),
        ("e-mail marketing", "Email-Marketing", "Email-Marketing"),
        ("Öffentlichkeitsarbeit", "ÖFFENTLICHKEITSARBEIT", "ÖFFENTLICHKEITSARBEIT"),
        ("öffentlich", "O\u0308ffentlich", "O\u0308ffentlich"),
        ("cafe", "das Café dort", "Café"),
        ("market*", "the marketeers", "marketeers"),
        ("c++", "a C++ developer", "C++"),
        ("マーケティング", "募集マーケティング担当", "マーケティング"),
        ("seo", "募集SEO担当", "SEO"),
        ("การตลาด", "ผู้จัดการการตลาดออนไลน์", "การตลาด"),
        ("마케터", "마케터를 찾습니다", "마케터"),
        ("маркетолог", "Ищем МАРКЕТОЛОГА и маркетолог", "маркетолог"),
        ("first hire", "Straße: the ﬁrst hire ½", "ﬁrst hire"),
        ("don't know", "I don’t know", "don’t know"),
        ("marketing manager", "𝐌𝐚𝐫𝐤𝐞𝐭𝐢𝐧𝐠 𝐌𝐚𝐧𝐚𝐠𝐞𝐫", "𝐌𝐚𝐫𝐤𝐞𝐭𝐢𝐧𝐠 𝐌𝐚𝐧𝐚𝐠𝐞𝐫"),
    ],
)
def test_a_keyword_is_found(keyword: str, text: str, quote: str) -> None:
    assert found([keyword], text) == [(keyword, quote)]


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("seo", "Seoul is a city"),
        ("market", "marketing"),
        ("art", "we start"),
        ("हिन्द", "हिन्दी"),
        ("marketing manager", "marketing. Manager of sales"),
        ("manager", "management"),
        ("ad", "add a dad"),
        ("go to market", "gotomarket"),
    ],
)
def test_a_part_of_a_word_is_not_a_keyword(keyword: str, text: str) -> None:
    assert found([keyword], text) == []


def test_the_longest_keyword_wins_and_matches_do_not_overlap() -> None:
    keywords = ["marketing", "head of marketing", "marketing manager"]
    assert found(keywords, "Head of Marketing, marketing manager, marketing") == [
        ("head of marketing", "Head of Marketing"),
        ("marketing manager", "marketing manager"),
        ("marketing", "marketing"),
    ]


def test_the_keyword_comes_back_as_it_was_given() -> None:
    assert [k for k, _ in found(["SEO-Manager", "Vertriebsleiter"], "seo manager und Vertriebsleiterinnen")] == [
        "SEO-Manager",
        "Vertriebsleiter",
    ]


def test_the_number_of_matches_is_bounded() -> None:
    assert len(KeywordSet(["ad"]).find("ad " * 500, limit=7)) == 7


def test_keywords_without_letters_are_dropped() -> None:
    empty = KeywordSet(["", "  ", "*", "-"])
    assert not empty
    assert len(empty) == 0
    assert empty.find("anything - at all *") == []
    assert not empty.found("anything")


def test_one_folded_text_serves_several_sets() -> None:
    folded = Folded("Große Köche")
    assert [m.quote for m in KeywordSet(["grosse"]).find(folded)] == ["Große"]
    assert [(m.start, m.end) for m in KeywordSet(["koche"]).find(folded)] == [(6, 11)]


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["fi", "ss", "e", "x-a", "マ", "한", "1", "हि"]))
def test_offsets_point_at_what_was_found(text: str, keyword: str) -> None:
    for match in KeywordSet([keyword]).find(text):
        assert text[match.start : match.end] == match.quote
        assert match.start < match.end
        assert fold(keyword).replace("-", "")[0] in fold(match.quote)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_any_keywords_can_be_compiled_and_any_text_read(keywords: list[str], text: str) -> None:
    KeywordSet(keywords).find(text)


@settings(deadline=None)
@given(st.text(st.characters(categories=["Lu", "Ll", "Lo"]), min_size=1, max_size=12))
def test_a_word_finds_itself_between_blanks(word: str) -> None:
    word = unicodedata.normalize("NFC", word)
    if len(words(word)) == 1 and words(word)[0] == fold(word):
        assert KeywordSet([word]).found(f". {word} .")


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 100_000,
        "marketing " * 20_000,
        "marketing" + " " * 100_000 + "manager",
        "(m/w/d)" * 20_000,
        "manager(m/w" * 10_000,
        "हि" * 50_000,
        "." * 100_000,
        "e.g. " * 20_000,
        "マ" * 50_000,
        "-/" * 50_000,
        "'" * 100_000,
    ],
)
def test_hostile_texts_end(hostile: str) -> None:
    keywords = KeywordSet(["marketing manager", "manager marketing", "e-mail", "market*", "マーケ"])
    assert len(keywords.find(hostile)) <= 1000
    assert len(sentences(hostile)) <= 2000
    assert isinstance(words(hostile), list)


def test_words_keep_marks_and_apostrophes() -> None:
    assert words("Don't stop हिन्दी, C'est l’été") == ["don't", "stop", "हिन्दी", "c'est", "l'ete"]


def test_significant_words_leave_out_stop_words_and_numbers() -> None:
    assert significant_words("Wir suchen für unsere Firma 3 Leute and the marketing") == [
        "suchen",
        "firma",
        "leute",
        "marketing",
    ]


def test_telling_words_leave_out_what_every_description_holds() -> None:
    assert telling_words("Small companies hiring their first marketing person, SEO") == ("marketing*", "person*", "seo")


def test_a_description_of_vague_words_only_keeps_them() -> None:
    assert telling_words("small companies") == ("small", "companies*")


def test_sentences() -> None:
    text = "We hire, e.g. a Manager. Acme Inc. is big! No agencies.\n• one thing\n- two。三つ。 Dr. Who?"
    assert [text[a:b] for a, b in sentences(text)] == [
        "We hire, e.g. a Manager.",
        "Acme Inc. is big!",
        "No agencies.",
        "one thing",
        "two。",
        "三つ。",
        "Dr. Who?",
    ]


@settings(deadline=None)
@given(TEXTS)
def test_sentences_are_in_order_and_hold_text(text: str) -> None:
    end = 0
    for start, stop in sentences(text):
        assert end <= start < stop <= len(text)
        assert text[start:stop].strip()
        end = stop


def test_a_title_says_more_than_a_text() -> None:
    terms = ["marketing manager"]
    long_text = "something else " * 200
    in_title = relevance("Marketing Manager", long_text, terms)
    in_text = relevance("Engineer", long_text + "marketing manager", terms)
    assert in_title.title > 0.5 > in_text.text > 0
    assert in_title.total > in_text.total > relevance("Engineer", long_text, terms).total == 0.0
    assert in_title.in_title == 1
    assert in_text.in_title == 0


def test_relevance_grows_with_different_terms_and_shrinks_with_length() -> None:
    terms = KeywordSet(["seo", "ads", "newsletter"])
    few, many = relevance("", "seo seo seo", terms).text, relevance("", "seo ads newsletter", terms).text
    assert many > few
    assert relevance("", "seo " + "x " * 3000, terms).text < relevance("", "seo " + "x " * 30, terms).text


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_relevance_stays_between_zero_and_one(title: str, text: str) -> None:
    found_there = relevance(title, text, ["a", "e", "x"])
    assert 0 <= found_there.title < 1
    assert 0 <= found_there.text < 1
    assert 0 <= found_there.total < 1


def test_weighing_nothing_is_nothing() -> None:
    assert weigh([], [], title_chars=0, text_chars=0).total == 0.0
