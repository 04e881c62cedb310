"""How much is known of a company and of the ways to reach it: 0 to 10 points, computed, never asked of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from leadd.api import Contact, Signal
from leadd.core.companies import domain_of
from leadd.store.rows import CompanyRef


class Quality(NamedTuple):
    """`points` 0 to 10, and what they were given for, each as a few words with its points."""

    points: int
    reasons: tuple[str, ...]


def data_quality(company: CompanyRef | None, contacts: Sequence[Contact], signal: Signal) -> Quality:
    """Points for: company name 2, its domain 2, an e-mail address 2, a phone number 1, location 1, address of the signal 1,
    date 1.

    An address at a free mailer counts 1 where the company's own domain is known, since it may be anybody's.
    """
    kinds = {contact.kind for contact in contacts}
    domain = company.domain if company else None
    facts = [
        (2, "company named", bool(company and company.name)),
        (2, "company domain known", bool(domain)),
        _mail(contacts, domain),
        (1, "phone number", "phone" in kinds),
        (1, "location known", bool((company and company.location) or signal.location)),
        (1, "link to the signal", bool(signal.url)),
        (1, "date known", signal.posted_at_ms is not None),
    ]
    held = [(points, words) for points, words, holds in facts if holds]
    return Quality(min(10, sum(points for points, _ in held)), tuple(f"{words} ({points})" for points, words in held))


def _mail(contacts: Sequence[Contact], domain: str | None) -> tuple[int, str, bool]:
    addresses = [contact.value for contact in contacts if contact.kind == "email"]
    if domain and any(domain_of(address) == domain for address in addresses):
        return 2, "e-mail address at the company", True
    if domain:
        return 1, "e-mail address elsewhere", bool(addresses)
    return 2, "e-mail address", bool(addresses)
