"""The cheap judgement: rules, then a score."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.api import Icp, Signal
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.core.prefilter import CompanyKnown, CompiledIcp, Drop, Keep, Verdict, judge

DATA = Path(os.environ.get("LEADD_EVAL_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
LONG = " We build things for people who like things that are built well."


def compiled(**fields: Any) -> CompiledIcp:
    base: dict[str, Any] = {
        "name": "bakers",
        "description": "Bakeries that need a baker",
        "hiring_keywords": {"values": ["baker"]},
    }
    return CompiledIcp.of(Icp.model_validate(base | fields))


def signal(text: str, title: str = "", **fields: Any) -> Signal:
    return Signal(**({"id": 1, "source": "feed", "text": text, "title": title, "content_hash": "h", "found_at_ms": 0} | fields))


def verdict(s: Signal, icp: CompiledIcp, threshold: float = 20, min_chars: int = 40) -> Verdict:
    return judge(s, icp, threshold=threshold, min_chars=min_chars)


def rule_of(s: Signal, icp: CompiledIcp, **values: Any) -> str:
    found = verdict(s, icp, **values)
    return found.rule if isinstance(found, Drop) else "keep"


def test_a_wanted_title_is_kept_with_its_reason() -> None:
    found = verdict(signal("Come to us." + LONG, "Baker (m/w/d)"), compiled())
    assert isinstance(found, Keep)
    assert found.score >= 20 == found.threshold
    assert found.reasons == ("Words wanted: “Baker”.",)


def test_what_holds_nothing_is_dropped_with_score_and_threshold() -> None:
    found = verdict(signal("Engineer wanted." + LONG, "Engineer"), compiled())
    assert found == Drop("score", "Score 0 is under 20. Nothing in title or text matches the ICP's words.", 0.0, 20.0)


def test_short_texts_of_sources_are_dropped_and_those_of_people_never() -> None:
    assert rule_of(signal("baker"), compiled()) == "too_short"
    assert rule_of(signal("baker", asked_by_person=True), compiled()) == "keep"
    assert rule_of(signal("baker"), compiled(), min_chars=0) == "keep"


def test_rules_hold_for_what_people_ask_too() -> None:
    icp = compiled(exclude_keywords={"values": ["casino"], "use": "exclude"})
    assert rule_of(signal("A baker for our casino", asked_by_person=True), icp) == "exclude_keywords"


def test_an_empty_text_is_dropped() -> None:
    assert rule_of(signal(" \n", asked_by_person=True), compiled()) == "empty"


def test_excluded_words_count_only_where_they_are_not_denied() -> None:
    icp = compiled(exclude_keywords={"values": ["agencies"], "use": "exclude"})
    assert rule_of(signal("We want a baker. Agencies welcome." + LONG, "Baker"), icp) == "exclude_keywords"
    assert rule_of(signal("We want a baker. No agencies." + LONG, "Baker"), icp) == "keep"


def test_a_phrase_can_be_excluded_that_is_itself_a_denial() -> None:
    icp = compiled(exclude_keywords={"values": ["no agencies"], "use": "exclude"})
    assert rule_of(signal("We want a baker. No agencies!" + LONG, "Baker"), icp) == "exclude_keywords"


@pytest.mark.parametrize(
    ("text", "location", "rule"),
    [
        ("We are a team of 8 people.", None, "keep"),
        ("We are a company of 800 people.", None, "sizes"),
        ("We do not say how many we are.", None, "keep"),
        ("We are a team of 8 people.", "Berlin", "keep"),
        ("We are a team of 8 people.", "Austin, TX", "locations"),
        ("We are based in Tokyo.", None, "locations"),
        ("We are somewhere.", "Headquarters", "keep"),
        ("We are everywhere.", "Remote", "keep"),
        ("We are everywhere.", "Remote - Europe", "keep"),
        ("We sell to Tokyo.", None, "keep"),
    ],
)
def test_filters_drop_only_what_is_clear(text: str, location: str | None, rule: str) -> None:
    icp = compiled(sizes={"values": ["1-20"], "use": "filter"}, locations={"values": ["DACH", "Hamburg"], "use": "filter"})
    assert rule_of(signal(text + LONG, "Baker", location=location), icp) == rule


def test_fields_can_exclude() -> None:
    icp = compiled(locations={"values": ["US"], "use": "exclude"}, channels={"values": ["spamboard"], "use": "exclude"})
    assert rule_of(signal("x" + LONG, "Baker", location="Austin, TX"), icp) == "locations"
    assert rule_of(signal("x" + LONG, "Baker", source="spamboard"), icp) == "channels"
    assert rule_of(signal("x" + LONG, "Baker", location="Berlin"), icp) == "keep"


def test_channels_filter_by_where_it_was_found() -> None:
    icp = compiled(channels={"values": ["feed"], "use": "filter"})
    assert rule_of(signal("x" + LONG, "Baker", source="feed"), icp) == "keep"
    assert rule_of(signal("x" + LONG, "Baker", source="mail"), icp) == "channels"


def test_keywords_can_filter_and_exclude() -> None:
    needs = compiled(pain_keywords={"values": ["urgent"], "use": "filter"})
    assert rule_of(signal("It is urgent." + LONG, "Baker"), needs) == "keep"
    assert rule_of(signal("It can wait." + LONG, "Baker"), needs) == "pain_keywords"
    hates = compiled(hiring_keywords={"values": ["unpaid"], "use": "exclude"})
    assert rule_of(signal("It is unpaid." + LONG, "Baker"), hates) == "hiring_keywords"


def test_industries_filter_nothing_while_unknown() -> None:
    icp = compiled(industries={"values": ["bread"], "use": "filter"})
    assert rule_of(signal("We make things." + LONG, "Baker"), icp) == "keep"


def test_fields_used_as_score_add_to_it() -> None:
    plain = verdict(signal("We are a team of 8 people." + LONG, "Baker", location="Berlin"), compiled())
    richer = compiled(sizes={"values": ["1-20"]}, locations={"values": ["Germany"]}, industries={"values": ["things"]})
    better = verdict(signal("We are a team of 8 people." + LONG, "Baker", location="Berlin"), richer)
    assert isinstance(plain, Keep)
    assert isinstance(better, Keep)
    assert better.score > plain.score
    assert "Sizes fit: “8 people”." in better.reasons
    assert "Locations fit: “Berlin”." in better.reasons


def test_the_icps_own_threshold_wins() -> None:
    assert rule_of(signal("x" + LONG, "Baker"), compiled(score_threshold=99), threshold=5) == "score"
    assert rule_of(signal("Nothing" + LONG), compiled(score_threshold=0), threshold=50) == "keep"


def test_a_denied_need_is_no_need() -> None:
    assert rule_of(signal("We are not hiring a baker at the moment." + LONG), compiled()) == "score"


def test_an_icp_without_keywords_is_read_by_its_description() -> None:
    icp = CompiledIcp.of(Icp(name="x", description="Bakeries that need sourdough specialists"))
    assert rule_of(signal("We look for sourdough lovers." + LONG, "Sourdough specialist"), icp) == "keep"
    assert rule_of(signal("We look for engineers." + LONG, "Engineer"), icp) == "score"


@pytest.mark.parametrize(
    "text",
    ["Looking for marketing manager", "We need a marketer", "Wir suchen eine Marketingmanagerin (m/w/d)",
        "no time for marketing, help",
     "Our agency burned 20k and we have no leads.", "Acme | Berlin | Growth Marketing Lead | Remote"],
)  # fmt: skip
def test_the_shipped_icp_keeps_plain_needs(text: str) -> None:
    assert rule_of(signal(text, asked_by_person=True), CompiledIcp.of(TEMPLATES[DEFAULT_TEMPLATE])) == "keep"


@pytest.mark.parametrize(
    "text", ["Backend engineer wanted, Go and Postgres", "My cat is nice and I like it", "Looking for a plumber in Leeds"]
)
def test_the_shipped_icp_drops_what_is_no_need(text: str) -> None:
    assert rule_of(signal(text, asked_by_person=True), CompiledIcp.of(TEMPLATES[DEFAULT_TEMPLATE])) == "score"


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=30))
def test_any_signal_is_judged(text: str, title: str, location: str) -> None:
    found = verdict(signal(text, title, location=location), compiled(sizes={"values": ["1-20"], "use": "filter"}))
    if found.score is not None:
        assert 0 <= found.score <= 100


def test_recall_on_real_ads() -> None:
    """A sample of the measurement in benchmarks/prefilter_recall.py,
    so that a change of a keyword that costs recall is seen."""
    file = DATA / "signals-dev.jsonl.gz"
    if not file.exists():
        pytest.skip("no evaluation data (LEADD_EVAL_DATA)")
    icp = CompiledIcp.of(TEMPLATES[DEFAULT_TEMPLATE])
    kept = {True: [0, 0], False: [0, 0]}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            label = row["labels"].get("marketing_role")
            if label is None or (label is False and number % 8):
                continue
            found = verdict(signal(row["text"], row["title"] or ""), icp)
            kept[label][0] += isinstance(found, Keep)
            kept[label][1] += 1
    assert kept[True][0] / kept[True][1] >= 0.95
    assert kept[False][0] / kept[False][1] <= 0.30


def test_what_is_known_of_the_company_counts_where_the_signal_says_nothing() -> None:
    icp = compiled(
        sizes={"values": ["1-10"], "use": "score"}, locations={"values": ["Germany"], "use": "score"}, score_threshold=0
    )
    plain = signal("We look for a baker." + LONG, "Baker")

    def score(company: CompanyKnown, s: Signal = plain) -> tuple[float, str]:
        found = judge(s, icp, threshold=0, min_chars=0, company=company)
        assert isinstance(found, Keep)
        return found.score, " ".join(found.reasons)

    nothing = score(CompanyKnown())[0]
    points, said = score(CompanyKnown("Köln, Germany", "6-10"))
    assert points > nothing
    assert "“6-10 (known of the company)”" in said
    assert "Locations fit" in said
    assert score(CompanyKnown("Lyon", "200+"))[0] == nothing
    told = signal("We are a team of 40 people based in Paris, France and look for a baker." + LONG, "Baker")
    assert score(CompanyKnown("Köln", "6-10"), told)[0] == score(CompanyKnown(), told)[0], "the signal's own word counts first"


def test_what_is_known_of_the_company_alone_never_drops_a_signal() -> None:
    fields = {"sizes": {"values": ["1-10"], "use": "filter"}, "locations": {"values": ["Germany"], "use": "filter"}}
    plain = signal("We look for a baker." + LONG, "Baker")
    found = judge(plain, compiled(**fields), threshold=0, min_chars=0, company=CompanyKnown("Lyon, France", "200+"))
    assert isinstance(found, Keep)
    beside = signal("We look for a baker." + LONG, "Baker", extra={"company_size": "201-500 employees"})
    dropped = judge(beside, compiled(**fields), threshold=0, min_chars=0)
    assert isinstance(dropped, Drop)
    assert dropped.rule == "sizes"
    assert rule_of(signal("We look for a baker." + LONG, "Baker", extra={"employees": "8"}), compiled(**fields)) == "keep"
    assert rule_of(signal("We look for a baker." + LONG, "Baker", extra={"employees": "some"}), compiled(**fields)) == "keep"
