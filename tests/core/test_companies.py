"""Company names, domains, and whose signal it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.api import Contact, Signal
from leadd.core.companies import company_of, display_name, domain_of, fold_name, guess_name, is_shared_domain, person_key


def signal(text: str = "some text", **fields: Any) -> Signal:
    return Signal(**({"id": 7, "source": "feed", "text": text, "title": "", "content_hash": "h", "found_at_ms": 0} | fields))


@pytest.mark.parametrize(
    "name",
    ["Acme", "ACME", "Acme GmbH", "Acme GmbH & Co. KG", "Acme, Inc.", "Acme S.A.", "Acme Ltd", "Acme B.V.",
        "株式会社Acme", "Acme Sp. z o.o.",
     "Acme Pty Ltd", "Acmé", "Acme UG (haftungsbeschränkt)", "acme  a/s", "ООО Acme", "Acme, LLC (YC S21)",
        "Acme Oy", "Acme S.r.l.",
     "Acme AG & Co. KGaA", "Acme Pvt. Ltd."],
)  # fmt: skip
def test_spellings_of_one_company(name: str) -> None:
    assert fold_name(name) == "acme"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("AG", "ag"),
        ("Limited", "limited"),
        ("Müller & Söhne OHG", "muller and sohne"),
        ("Müller und Söhne", "muller and sohne"),
        ("Booking.com", "booking com"),
        ("O'Reilly", "oreilly"),
        ("3M", "3m"),
        ("...", ""),
        ("", ""),
        ("(hidden)", "hidden"),
        ("腾讯控股有限公司", "腾讯控股"),
    ],
)
def test_names_that_keep_something(name: str, key: str) -> None:
    assert fold_name(name) == key


def test_different_companies_stay_different() -> None:
    assert len({fold_name(n) for n in ("Acme Germany GmbH", "Acme GmbH", "Acme Labs Inc.", "Acme Software AG")}) == 4


@settings(deadline=None)
@given(st.text(max_size=80))
def test_folding_a_key_again_keeps_it_short_and_clean(name: str) -> None:
    key = fold_name(name)
    assert key == " ".join(key.split())
    assert len(key) <= 120


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("https://jobs.acme.co.uk/x?y", "acme.co.uk"),
        ("www.acme.de", "acme.de"),
        ("jane@mail.acme.com", "acme.com"),
        ("acme.github.io", "acme.github.io"),
        ("https://acme.com.br:8080/", "acme.com.br"),
        ("HTTPS://ACME.IO.", "acme.io"),
        ("www.münchen.de", "xn--mnchen-3ya.de"),
        ("acme.co", "acme.co"),
    ],
)
def test_domains(address: str, domain: str) -> None:
    assert domain_of(address) == domain


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost",
        "http://127.0.0.1/",
        "http://[::1]/",
        "co.uk",
        "not a host",
        "http://",
        "x" * 300,
        "a..b",
        "http://[",
        "1.2",
    ],
)
def test_no_domains(address: str) -> None:
    assert domain_of(address) is None


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_address_can_be_read(address: str) -> None:
    domain = domain_of(address)
    assert domain is None or "." in domain


@pytest.mark.parametrize(
    "domain", ["gmail.com", "linkedin.com", "greenhouse.io", "ashbyhq.com", "indeed.de", "bit.ly", "github.io"]
)
def test_shared_domains(domain: str) -> None:
    assert is_shared_domain(domain)
    assert not is_shared_domain(f"my{domain}")


def test_a_company_by_the_sources_fields() -> None:
    company = company_of(signal(company="Acme GmbH", company_website="acme.de", location="Berlin"), [])
    assert company is not None
    assert (company.name, company.name_key, company.domain, company.website, company.location) == (
        "Acme GmbH",
        "acme",
        "acme.de",
        "https://acme.de",
        "Berlin",
    )


def test_a_domain_from_an_address_of_its_own() -> None:
    contacts = [Contact("email", "me@gmail.com"), Contact("email", "jobs@acme.de")]
    company = company_of(signal(), contacts)
    assert company is not None
    assert (company.name, company.domain) == (None, "acme.de")


def test_a_link_counts_only_where_it_carries_the_name() -> None:
    links = [Contact("link", "https://partner.example.net/x"), Contact("link", "https://www.acme.io/jobs")]
    company = company_of(signal(company="Acme Inc."), links)
    assert company is not None
    assert company.domain == "acme.io"
    other = company_of(signal(company="Beta"), links)
    assert other is not None
    assert other.domain is None


def test_no_company_is_made_up() -> None:
    assert (
        company_of(signal("We are hiring people."), [Contact("email", "me@gmail.com"), Contact("link", "https://x.io")]) is None
    )
    assert company_of(signal(company="---", company_website="https://www.linkedin.com/company/acme"), []) is None


def test_a_bad_website_is_no_website() -> None:
    company = company_of(signal(company="Acme", company_website="javascript:alert(1)"), [])
    assert company is not None
    assert company.website is None


@pytest.mark.parametrize(
    ("title", "text", "name"),
    [
        ("", "Acme Labs (YC S21) | Berlin | Marketing lead | full-time\nWe do things", "Acme Labs"),
        ("", "Acme (https://acme.io) | Remote | ONSITE", "Acme"),
        ("Acme is hiring a marketer", "", "Acme"),
        ("", "Hello. Acme Foods is looking for a marketer", "Acme Foods"),
        ("", "Die Firma wächst.\nAcme GmbH sucht Verstärkung", "Acme GmbH"),
        ("Marketing Manager at Acme", "", "Acme"),
        ("Marketing Manager bei Acme Brot", "", "Acme Brot"),
        ("", "Join Acme as our first marketer", "Acme"),
    ],
)
def test_a_name_where_employers_stand(title: str, text: str, name: str) -> None:
    assert guess_name(title, text) == name


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Marketing Manager", "We are hiring."),
        ("", "Remote | Anywhere | Full-time"),
        ("", "She is looking for a job"),
        ("", "My company is hiring"),
        ("Work at home", "Join us as a marketer"),
        ("", "a | b"),
        ("", "I am looking for work. Somebody is hiring?"),
        ("", "This is a very long first field with far too many words in it to be a name | b | c"),
    ],
)
def test_no_name_where_it_is_not_clear(title: str, text: str) -> None:
    assert guess_name(title, text) is None


@pytest.mark.parametrize(
    "hostile", ["A " * 20_000, "Aa" * 20_000, "| " * 20_000, "Acme is " * 5_000, "at A" * 5_000, "(" * 20_000]
)
def test_hostile_texts_end(hostile: str) -> None:
    guess_name(hostile, hostile)
    fold_name(hostile)
    domain_of(hostile)


def test_people_where_no_company_is_known() -> None:
    assert person_key(signal(author="Jane"), [Contact("email", "Jane@Gmail.com")]) == "mail:jane@gmail.com"
    assert person_key(signal(author="Jane  Doé"), []) == "author:feed:jane doe"
    assert person_key(signal(), []) != person_key(signal(content_hash="other"), [])


def test_what_a_lead_is_called() -> None:
    known = company_of(signal(company="Acme GmbH"), [])
    assert display_name(signal(), known) == "Acme GmbH"
    assert display_name(signal(), company_of(signal(), [Contact("email", "a@acme.de")])) == "acme.de"
    assert display_name(signal(author="Jane"), None) == "Jane"
    assert display_name(signal("First line\nsecond"), None) == "First line"
    assert len(display_name(signal("x" * 500), None)) == 80
    assert display_name(signal(""), None) == "signal 7"
