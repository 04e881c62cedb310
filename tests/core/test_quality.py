"""Data quality, computed from what is known."""

from __future__ import annotations

from typing import Any

from leadd.api import Contact, Signal
from leadd.core.quality import data_quality
from leadd.store.rows import CompanyRef


def signal(**fields: Any) -> Signal:
    return Signal(**({"id": 1, "source": "s", "text": "t", "title": "", "content_hash": "h", "found_at_ms": 0} | fields))


FULL = CompanyRef(name="Acme", name_key="acme", domain="acme.de", website="https://acme.de", location="Berlin")


def test_nothing_known_is_nothing() -> None:
    assert data_quality(None, (), signal()) == (0, ())


def test_all_known_is_ten() -> None:
    contacts = (Contact("email", "jobs@acme.de"), Contact("phone", "+4930901820"))
    points, reasons = data_quality(FULL, contacts, signal(url="https://x.io/1", posted_at_ms=1))
    assert points == 10
    assert reasons[0] == "company named (2)"
    assert "e-mail address at the company (2)" in reasons


def test_an_address_elsewhere_is_worth_less_where_the_domain_is_known() -> None:
    elsewhere = data_quality(FULL, (Contact("email", "me@gmail.com"),), signal()).points
    at_company = data_quality(FULL, (Contact("email", "me@mail.acme.de"),), signal()).points
    assert at_company == elsewhere + 1
    assert data_quality(None, (Contact("email", "me@gmail.com"),), signal()).points == 2


def test_each_fact_counts_once() -> None:
    many = tuple(Contact("email", f"a{i}@acme.de") for i in range(9))
    assert data_quality(FULL, many, signal()).points == data_quality(FULL, many[:1], signal()).points


def test_links_and_locations() -> None:
    assert data_quality(None, (Contact("link", "https://x.io"),), signal()).points == 0
    assert data_quality(None, (), signal(location="Berlin", url="https://x.io")).points == 2
