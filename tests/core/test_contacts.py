"""Contacts as they stand in texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.core.contacts import find_contacts


def values(text: str, kind: str, region: str | None = None) -> list[str]:
    return [c.value for c in find_contacts(text, region=region) if c.kind == kind]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Mail Jane.Doe@Acme.co.uk, please.", "jane.doe@acme.co.uk"),
        ("<jobs+x@acme.de>", "jobs+x@acme.de"),
        ("jane [at] acme [dot] org", "jane@acme.org"),
        ("jane(at)acme.org", "jane@acme.org"),
        ("jane {AT} acme {DOT} co {DOT} uk", "jane@acme.co.uk"),
        ("jane (ät) acme (punkt) de", "jane@acme.de"),
        ("write to jane at acme dot com now", "jane@acme.com"),
        ("mailto:jane@acme.com.", "jane@acme.com"),
    ],
)
def test_addresses(text: str, address: str) -> None:
    assert values(text, "email") == [address]


@pytest.mark.parametrize(
    "text",
    [
        "icon@2x.png",
        "no-reply@acme.com",
        "a@b",
        "we meet at noon dot",
        "@handle",
        "git@",
        "a..b@acme.com",
        "user@acme..com",
        "x at y",
    ],
)
def test_no_addresses(text: str) -> None:
    assert values(text, "email") == []


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("Call +49 30 901820", None, "+4930901820"),
        ("Tel: +1 (415) 555-2671!", None, "+14155552671"),
        ("030/901820", "DE", "+4930901820"),
        ("0044 20 7946 0958", "DE", "+442079460958"),
        ("(020) 7946 0958", "GB", "+442079460958"),
        ("415-555-2671", "US", "+14155552671"),
    ],
)
def test_numbers(text: str, region: str | None, number: str) -> None:
    assert values(text, "phone", region) == [number]


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("030/901820", None),
        ("2019-2024 and 01.02.2024", "DE"),
        ("1,000,000 users since 2020", "US"),
        ("+12", None),
        ("order 12345678901234567890", "US"),
        ("+999 123 456 789", None),
        ("https://x.example/2155552671", "US"),
    ],
)
def test_no_numbers(text: str, region: str | None) -> None:
    assert values(text, "phone", region) == []


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("see https://Acme.com/Jobs?id=1.", "https://acme.com/Jobs?id=1"),
        ("(https://en.example.org/wiki/X_(y))", "https://en.example.org/wiki/X_(y)"),
        ("www.acme.de/karriere, bitte", "https://www.acme.de/karriere"),
        ("<a href='http://acme.io'>", "http://acme.io"),
        ("https://münchen.example/ä", "https://münchen.example/ä"),
    ],
)
def test_links(text: str, link: str) -> None:
    assert values(text, "link") == [link]


@pytest.mark.parametrize(
    "text",
    ["http://", "https://user:pw@acme.com/", "http://localhost/x", "ftp://acme.com", "http://[::1", "www.", "foowww.acme.com"],
)
def test_no_links(text: str) -> None:
    assert values(text, "link") == []


def test_each_contact_once_in_order_of_appearance() -> None:
    text = "b@x.com A@x.com a@x.com https://x.com https://x.com +4930901820 +49 30 901820"
    assert [(c.kind, c.value) for c in find_contacts(text)] == [
        ("email", "b@x.com"),
        ("email", "a@x.com"),
        ("phone", "+4930901820"),
        ("link", "https://x.com"),
    ]


def test_numbers_of_contacts_are_bounded() -> None:
    text = " ".join(f"a{i}@x.com https://x{i}.com +49 30 9018{i:03}" for i in range(100))
    kinds = [c.kind for c in find_contacts(text)]
    assert kinds.count("email") == 20
    assert kinds.count("link") == 30
    assert kinds.count("phone") <= 10


@settings(deadline=None)
@given(st.text(st.one_of(st.characters(), st.sampled_from("@.+0123456789 [at](dot)/:wht")), max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    for contact in find_contacts(text, region="DE"):
        assert contact.kind in ("email", "phone", "link")
        assert contact.value


@pytest.mark.parametrize(
    "hostile",
    ["@" * 50_000, "a" * 90_000 + "@", "a@" * 40_000, "+1 " * 30_000, "0 1 2 3 4 5 6 7 " * 5_000, "http://" * 10_000,
        "[at]" * 10_000,
     "a [at] b [dot] " * 4_000, "a at b dot " * 8_000, "http://a.de" + ")" * 50_000, "+4930901820 " * 5_000],
)  # fmt: skip
def test_hostile_texts_end(hostile: str) -> None:
    assert len(find_contacts(hostile, region="DE")) <= 60
