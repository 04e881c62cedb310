from __future__ import annotations

import random
from dataclasses import replace

import pytest

from leadd.api import Signal
from leadd.core.reuse.differences import MOST_CHANGED, difference
from leadd.core.text import content_hash, normalise
from leadd.testing.altered_ads import KINDS, Ad, alter, make_ad, repost

TEXT = (
    "We are a small team in Lyon that makes garden tools. Our founder is overloaded and would like to hand things over.\n\n"
    "What you do\n- write letters to our customers\n- plan the fair in March\n\n"
    "You get 28 days of holiday. The work is remote. We believe that good ideas come from calm and curious minds.\n\n"
    "Please write to jobs@larkfield.example or see https://larkfield.example/jobs/17?utm_a=1 for more. "
    "We are glad of every letter.\n\n"
    "Whoever you are and wherever you come from, we want to hear from you and we answer every letter that we get. It is a "
    "pleasure to read what moves people, and we take our time with it."
)  # fmt: skip


def signal(
    text: str = TEXT, title: str = "Marketing manager", company: str | None = "Larkfield", location: str = "Lyon"
) -> Signal:
    title, text = normalise(title), normalise(text)
    return Signal(1, "ads", text, title, content_hash(title, text), 0, company=company, location=location)


def of_ad(ad: Ad) -> Signal:
    return signal(ad.text, ad.title, ad.company, ad.location)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n\n", "\n"),
        (". ", ".   "),
        ("- write", "• write"),
        ("What you do", "WHAT YOU DO"),
        ("We are a small", "We are a  small"),
        ("letters to our customers", "letters to our customers;"),
        ("/jobs/17?utm_a=1", "/jobs/17?utm_a=2&src=board"),
        ("We are glad of every letter.", "We are glad of every letter. We are glad of every letter."),
        ("and curious minds.", "and curious minds. We like tea and rain."),
        ("take our time", "really take our time"),
        ("for more.", "for more.\n\n#LI-AB1"),
        ("write letters to", "also write the letters to"),
    ],
)
def test_what_is_harmless_is_no_difference(old: str, new: str) -> None:
    assert difference(signal(), signal(TEXT.replace(old, new))) is None
    assert difference(signal(TEXT.replace(old, new)), signal()) is None


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("28 days", "82 days", "number"),
        ("28 days", "twenty days", "number"),
        ("in March", "in April", "time"),
        ("is remote", "is onsite", "terms"),
        ("is remote", "is not remote", "negation"),
        ("to our customers", "to your customers", "words"),
        ("for more.", "for more.\n\n#LI-UK", "words"),
        ("We are glad of every letter.", "We are glad of every stone. We are glad of every stone.", "words"),
        ("is remote.", "is remote. You cannot do it from elsewhere.", "negation"),
        ("in Lyon", "in Madrid", "place"),
        ("plan the fair", "skip the fair", "words"),
        ("jobs@larkfield.example", "jobs@palegate.example", "address"),
        ("https://larkfield.example", "https://palegate.example", "address"),
        ("/jobs/17", "/jobs/18", "address"),
        ("makes garden tools", "makes Quillpath tools", "words"),
        ("- plan the fair in March\n", "", "time"),
        ("- write letters to our customers\n", "", "role"),
        ("What you do\n", "", "words"),
        ("and curious minds.", "and curious minds. Oakline is a friend.", "name"),
        ("and curious minds.", "and curious minds. The opening is filled now.", "role"),
        ("customers\n- plan the fair in March", "customers\nNice to have\n- plan the fair in March", "terms"),
    ],
)
def test_what_matters_is_named(old: str, new: str, kind: str) -> None:
    found = difference(signal(), signal(TEXT.replace(old, new)))
    assert found is not None
    assert (found.kind, bool(found.detail)) == (kind, True)
    back = difference(signal(TEXT.replace(old, new)), signal())
    assert back is not None


def test_items_that_change_their_heading_are_another_text_and_prose_that_moves_is_not() -> None:
    lists = "Must\n- knows print\n- likes rain\nMay\n- sings well\n- reads maps"
    moved = "Must\n- knows print\n- sings well\nMay\n- likes rain\n- reads maps"
    assert difference(signal(lists), signal(moved)) is not None
    first, *rest = TEXT.split("\n\n")
    moved_prose = "\n\n".join([rest[-1], first, *rest[:-1]])
    assert difference(signal(), signal(moved_prose)) is not None  # 'It is …' leans on what stands before
    whole = "We want to hear from you, wherever you come from, and we answer all letters. Every letter is read with care by us."
    assert difference(signal(f"{TEXT}\n\n{whole}"), signal(f"{whole}\n\n{TEXT}")) is None


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"title": "Sales manager"}, "title"),
        ({"title": "Senior marketing manager"}, "title"),
        ({"company": "Oakline"}, "company"),
        ({"company": None}, "company"),
        ({"company": "Larkfield (France)"}, "company"),
        ({"location": "Paris"}, "location"),
        ({"location": ""}, "location"),
        ({"author": "somebody"}, "author"),
    ],
)
def test_fields_must_agree(change: dict[str, str | None], kind: str) -> None:
    found = difference(signal(), replace(signal(), **change))  # type: ignore[arg-type]
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    "title", ["Marketing Manager (m/w/d)", "MARKETING MANAGER", "Marketing manager - Job ID: 48213", "Marketing manager #48213"]
)
def test_a_title_may_carry_marks(title: str) -> None:
    assert difference(signal(), signal(title=title)) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("C developer", "C++ developer"),
        ("Nurse level 2", "Nurse level 3"),
        ("Summer job 2024", "Summer job 2025"),
        ("R&D lead", "RD lead"),
    ],
)
def test_signs_and_numbers_of_a_title_count(one: str, other: str) -> None:
    assert difference(signal(title=one), signal(title=other)) is not None


def test_legal_forms_are_the_same_company() -> None:
    assert difference(signal(company="Larkfield GmbH"), signal(company="LARKFIELD")) is None


def test_too_much_left_out_is_another_text() -> None:
    few = "We like tea and rain."
    many = " ".join(f"We like tea and {what}." for what in ("rain", "snow", "wind", "clouds", "fog"))
    assert difference(signal(), signal(TEXT.replace("curious minds.", f"curious minds. {few}"))) is None
    found = difference(signal(), signal(TEXT.replace("curious minds.", f"curious minds. {many}")))
    assert found is not None
    assert found.kind == "size"
    lines = "\n".join(f"- item {n} of the list" for n in range(MOST_CHANGED + 1))
    far = difference(signal(), signal(lines))
    assert far is not None
    assert far.kind == "size"


def test_long_texts_of_equal_lines_end_soon() -> None:
    text = "same line\n" * 20_000
    assert difference(signal(text), signal(f"other start\n{text}other end")) is not None


def test_reposts_are_the_same_and_altered_ads_are_not() -> None:
    rng = random.Random(7)
    served = 0
    for number in range(600):
        ad = make_ad(rng)
        again = repost(ad, rng)
        assert again.text != ad.text
        served += difference(of_ad(ad), of_ad(again)) is None
        altered = alter(ad, KINDS[number % len(KINDS)], rng)
        if altered is not None:
            assert difference(of_ad(ad), of_ad(altered)) is not None, altered
            assert difference(of_ad(ad), of_ad(repost(altered, rng))) is not None, altered
    assert served >= 540
