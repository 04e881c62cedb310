"""How the earlier system asked, in our own words: a whole answer for every signal, its text in the middle of the prompt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leadd.api import Icp
from leadd.core.questions import variables_of
from leadd.testing.ollama import Reading

OPENS = "=== BEGINNING OF THE TEXT ==="
ENDS = "=== END OF THE TEXT ==="

FIELDS = """{
  "icp_match": true or false,
  "size_bucket": one of 1, 2-5, 6-10, 11-20, unknown,
  "region": where the company is,
  "role_type": first_marketer, agency_replacement, extra_headcount or unclear,
  "pain_tags": a list of short tags,
  "score_fit": a whole number from 0 to 50,
  "score_pain": a whole number from 0 to 40,
  "score_data_quality": a whole number from 0 to 10,
  "reason_short": one sentence,
  "situation": one sentence, "problem": one sentence, "implication": one sentence, "need_payoff": one sentence,
  "economic_buyer_guess": a role, "key_pain": a few words,
  "chaos_flags": a list, "silver_bullet_phrases": a list of quotes
}"""


def prompt_of(icp: Icp, title: str, company: str, location: str, text: str) -> str:
    """The whole prompt: who asks, the text, then what to answer. No two prompts share more than their first lines."""
    known = variables_of(icp)
    return f"""You are an experienced analyst who qualifies leads for a seller.

{OPENS}
Title: {title}
Company: {company}
Location: {location}

{text}
{ENDS}

The seller serves: {known["icp_description"]}
{known["icp_fields"]}

Judge how well the author of the text above fits the seller. score_fit: 0 is another kind of company, 40 and more one of
which nearly all fits. score_pain: 0 is no need, 30 and more an urgent need in their own words. score_data_quality: how much is
known of the company and of a person there. silver_bullet_phrases are words of the text that a seller could quote, chaos_flags
are signs of haste. Do not guess what the text does not say. An agency that offers such services, a person who looks for a job,
and news or advice are no match.

Answer with one JSON object of this shape only:
{FIELDS}
"""


def signal_in(prompt: str) -> Mapping[str, str]:
    """The signal that stands in such a prompt."""
    inner = prompt.partition(OPENS)[2].partition(ENDS)[0].strip("\n")
    head, _, text = inner.partition("\n\n")
    lines = dict(line.partition(": ")[::2] for line in head.split("\n") if ": " in line)
    return {"title": lines.get("Title", ""), "company": lines.get("Company", ""), "text": text}


def full_answer(reading: Reading) -> str:
    """A whole answer of about 150 tokens for how a text reads, as JSON on one line."""
    yes, named = reading.match, ", ".join(reading.hits[:2]) or "nothing of it"
    answer: dict[str, Any] = {
        "icp_match": yes,
        "size_bucket": "2-5" if yes else "unknown",
        "region": "europe",
        "role_type": "first_marketer" if yes else "unclear",
        "pain_tags": ["no_strategy", "overloaded_founder"] if yes else [],
        "score_fit": round(50 * reading.strength),
        "score_pain": round(40 * reading.strength),
        "score_data_quality": 5,
        "reason_short": f"The text names {named}.",
        "situation": "A company that looks for people.",
        "problem": "Nobody has time." if yes else "None is named.",
        "implication": "Customers stay away.",
        "need_payoff": "More of them come.",
        "economic_buyer_guess": "founder",
        "key_pain": "no time" if yes else "",
        "chaos_flags": ["in a hurry"] if yes else [],
        "silver_bullet_phrases": [hit for hit in reading.hits[:1]],
    }
    return json.dumps(answer, ensure_ascii=False)
