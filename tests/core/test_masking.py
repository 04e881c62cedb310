"""Contact data goes out of texts; what only looks like it stays."""

from __future__ import annotations

import pytest

from leadd.api import Contact
from leadd.core.training.masking import Mask


def masked(text: str, **more: object) -> str:
    return Mask([text], **more).apply(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Write to jane.doe@acme.example today.", ["jane", "doe", "acme.example"]),
        ("Write to jobs (at) acme [dot] de today.", ["jobs", "acme"]),
        ("Mail: hr at acme dot com, thanks.", ["hr at", "acme"]),
        ("Call +49 (0)221 123 45-67 or 0221/9876543.", ["221", "9876543"]),
        ("Call us: (555) 123-4567.", ["555", "4567"]),
        ("More on https://acme.example/jobs/17?ref=x and www.acme.example.", ["acme.example"]),
        ("Ansprechpartnerin: Frau Dr. Jana Müller-Weiß, Köln.", ["Jana", "Müller"]),
        ("Best regards, John O'Neill", ["John", "Neill"]),
        ("Jane Doe leads the team. Mail jane.doe@acme.example.", ["Jane", "Doe"]),
    ],
)
def test_contacts_are_masked(text: str, gone: list[str]) -> None:
    said = masked(text)
    assert not [part for part in gone if part.lower() in said.lower()], said


@pytest.mark.parametrize(
    "text",
    [
        "We are 25 people and made 1.200.000 € in 2023, 100,000 - 120,000 a year are paid.",
        "From 2021-2024 we grew by 300% to 45 customers; start on 01.09.2025.",
        "We look at marketing, and Frau is a German word. Contact us soon.",
        "Version 3.14.159 of the tool, 12 months, 40 hours, 5-10 people.",
    ],
)
def test_other_numbers_and_words_stay(text: str) -> None:
    assert masked(text) == text


def test_names_that_are_known_go_out_of_every_text() -> None:
    mask = Mask(["We hire."], names=["Erika Mustermann"], contacts=[Contact("email", "max.muster@acme.example")])
    assert mask.apply("erika mustermann and Max Muster hire; Maxime does not.") == "[name] and [name] hire; Maxime does not."
