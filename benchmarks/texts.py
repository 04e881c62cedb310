"""Job ads made up by rule, about 1,000 characters each, no two alike: what every benchmark here reads."""

from __future__ import annotations

import random
from collections.abc import Sequence

from leadd.api import Icp, IcpField, SignalDraft

CHARS = 1000

ICP = Icp(
    name="marketing",
    description="Small companies that look for their first marketing person or are let down by an agency.",
    hiring_keywords=IcpField(
        values=("marketing manager", "marketer", "head of marketing", "growth lead", "content marketing", "seo", "paid ads")
    ),
    pain_keywords=IcpField(values=("overloaded", "no leads", "no strategy", "agency", "no time for marketing", "inconsistent")),
)

_WANTED = ("Marketing manager", "First marketer", "Head of marketing", "Growth lead", "Content marketing lead")
_OTHER = ("Warehouse worker", "Night nurse", "Forklift driver", "Electrician", "Line cook", "Tax clerk", "Bus driver")
_PLACES = ("Berlin, Germany", "Lyon, France", "Austin, TX", "Leeds, UK", "Wien, Österreich", "Remote - Europe", "")
_FIRST = ("Blue", "North", "Quick", "Silver", "Open", "Little", "Clear", "Green", "Bright", "Stone", "River", "Old")
_SECOND = ("Harbour", "Field", "Bakery", "Works", "Robotics", "Foods", "Garden", "Signal", "Bridge", "Studio", "Mill", "Tools")
_PAINS = (
    "Our founder is overloaded and writes every post at night.",
    "The agency we paid for a year brought no leads at all.",
    "There is no strategy yet and nobody has time for marketing.",
    "What we publish is inconsistent, and we know it.",
)
_DUTIES = (
    "You plan the week, keep the list of open points and tell us early when something slips.",
    "You work with two colleagues in the office and one who joins from home on most days.",
    "We give you a laptop, a budget of your own and the freedom to say no.",
    "Every quarter we look back together at what worked and drop what did not.",
    "Our customers are craftspeople in {number} towns who order by phone and by mail.",
    "We have grown from {number} to {other} orders a week without anybody noticing in time.",
    "Please send two pages about what you did last, in your own words, no cover letter.",
    "The pay is fair, the holidays are thirty days, and nobody asks you to work at weekends.",
    "You report to the founder, who answers in the same hour and forgets half of it.",
    "The office has a garden, a dog named {first} and a coffee machine that works.",
    "In your first month you meet all {number} people and write down what puzzles you.",
)
_WAREHOUSE = (
    "You pick and pack {number} orders in a shift and drive the small forklift.",
    "A licence of class {other} is needed, shoes and clothes are ours.",
    "Shifts change every second week, the plan hangs out a month ahead.",
)


def make_drafts(count: int, *, wanted: float = 1.0, seed: int = 1) -> list[SignalDraft]:
    """`count` different ads of about 1,000 characters; a share `wanted` of them is about marketing, evenly spread."""
    rng = random.Random(seed)
    drafts = []
    due = 0.0
    for number in range(count):
        due += wanted
        is_wanted = due >= 1.0 - 1e-9
        due -= is_wanted
        drafts.append(_draft(rng, number, seed, is_wanted))
    return drafts


def _draft(rng: random.Random, number: int, seed: int, wanted: bool) -> SignalDraft:
    company = f"{rng.choice(_FIRST)} {rng.choice(_SECOND)} {number % 997}"
    title = rng.choice(_WANTED if wanted else _OTHER)
    sentences = [f"{company} has {rng.randint(3, 90)} people and looks for a {title.lower()}."]
    sentences += rng.sample(_PAINS, 2) if wanted else rng.sample(_WAREHOUSE, 2)
    duties: Sequence[str] = rng.sample(_DUTIES, len(_DUTIES))
    for duty in duties:
        if sum(map(len, sentences)) > CHARS - 170:
            break
        sentences.append(duty.format(number=rng.randint(11, 99), other=rng.randint(100, 999), first=rng.choice(_FIRST).lower()))
    domain = company.lower().replace(" ", "")
    sentences.append(f"Write to jobs@{domain}.example or see https://{domain}.example/jobs/{number}.")
    return SignalDraft(
        text=" ".join(sentences), title=f"{title} ({number})", company=company, location=rng.choice(_PLACES),
        external_id=f"{seed}-{number}", url=f"https://ads.example/{seed}/{number}", source_type="job_ad",
    )  # fmt: skip
