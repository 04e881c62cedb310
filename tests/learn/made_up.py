"""Ads that nobody wrote: titles and texts put together from a few words by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

WORK = {
    "marketing": ("Marketing Manager", "campaigns, the newsletter, paid ads and our brand voice", "the head of marketing"),
    "sales": ("Account Executive", "prospecting, cold calls, demos and closing deals against a quota", "the head of sales"),
    "engineering": ("Backend Engineer", "services in Python, code reviews, Kubernetes and the database", "the CTO"),
    "people": ("Technical Recruiter", "sourcing candidates, interview scheduling and the employer brand", "the head of people"),
    "finance": ("Accountant", "the month-end close, invoices, the general ledger and audits", "the CFO"),
    "trades": ("Electrician", "wiring on construction sites, repairs and maintenance", "the foreman"),
}
_PLACES = ("Berlin", "Lyon", "Madrid", "Leeds", "Remote", "Austin", "Oslo")
_THINGS = ("bicycles", "payroll software", "coffee", "maps", "pumps", "insurance", "games", "solar roofs", "shoes")
_ADVERBS = ("quickly", "with care", "every week", "together", "from day one", "for all our regions")


@dataclass(frozen=True)
class Ad:
    """A made-up ad and the function that it is for."""

    title: str
    text: str
    function: str
    company: str


def ad(seed: int, function: str | None = None) -> Ad:
    """The ad of a seed."""
    draw = random.Random(seed)
    name = function or draw.choice(sorted(WORK))
    title, work, boss = WORK[name]
    company = f"Firm {draw.randrange(40)}"
    lines = [
        "About us",
        f"{company} makes {draw.choice(_THINGS)}. Our marketing, sales and engineering teams work {draw.choice(_ADVERBS)}.",
        "The role",
        f"You will look after {work}, {draw.choice(_ADVERBS)}. You report to {boss}.",
        f"You bring {draw.randrange(1, 9)} years of experience and like {draw.choice(_THINGS)}.",
        "Benefits",
        f"{draw.randrange(20, 40)} days off and {draw.choice(_THINGS)}.",
    ]
    return Ad(f"{draw.choice(('', 'Senior ', 'Junior '))}{title}, {draw.choice(_PLACES)}", "\n".join(lines), name, company)


def ads(count: int, *, seed: int = 0) -> list[Ad]:
    """Ads of all functions, as many of each."""
    names = sorted(WORK)
    return [ad(seed * 100_000 + number, names[number % len(names)]) for number in range(count)]
