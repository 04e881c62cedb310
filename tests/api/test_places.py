"""Places as location fields and texts name them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.api.places import countries_of, read_location, read_places


@pytest.mark.parametrize(
    ("location", "countries"),
    [
        ("Berlin, Germany", {"DE"}),
        ("US, TX, Austin", {"US"}),
        ("GB, LND, London", {"GB"}),
        ("San Francisco, CA", {"US"}),
        ("Toronto, ON", {"CA"}),
        ("Berlin, DE", {"DE"}),
        ("Wilmington, DE", {"US"}),
        ("München (Remote)", {"DE"}),
        ("Remote U.S.", {"US"}),
        ("New York Office (or Remote)", {"US"}),
        ("Mexico City Headquarters", {"MX"}),
        ("Headquarters", set()),
        ("", set()),
        ("Join us", set()),
    ],
)
def test_location_fields(location: str, countries: set[str]) -> None:
    assert read_location(location).countries == countries


def test_remote_alone_is_anywhere_and_held_against_nobody() -> None:
    assert read_location("Remote").anywhere
    assert not read_location("Remote").known
    assert not read_location("Worldwide").known
    assert read_location("Remote - Berlin").known


def test_groups_of_countries() -> None:
    assert countries_of("DACH") == {"DE", "AT", "CH"}
    assert countries_of("north_america") == {"US", "CA"}
    assert {"FR", "GB"} <= countries_of("Europe")
    assert "GB" not in countries_of("EU")
    assert countries_of("DE") == {"DE"}
    assert countries_of("de") == frozenset()
    assert countries_of("Guadalajara") == {"MX"}
    assert countries_of("unknown") == frozenset()


def test_a_text_places_itself_only_where_it_says_so() -> None:
    assert read_places("We are a company based in Lyon. Our customers sit in Tokyo.").countries == {"FR"}
    assert read_places("Standort: Wien. Wir lieben Berlin.").countries == {"AT"}
    assert read_places("Acme | Berlin | ONSITE | Engineer\nWe moved here from Paris").countries == {"DE"}
    assert read_places("I love London").countries == frozenset()


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    read_location(text)
    read_places(text)


@pytest.mark.parametrize("hostile", ["based in " * 5_000, "| " * 20_000, ", CA" * 5_000, "remote (" * 5_000])
def test_hostile_places_end(hostile: str) -> None:
    read_location(hostile)
    assert len(read_places(hostile).countries) < 10
