"""The compact form of a classification: short keys, since a model pays for every token that it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONG_NAMES: Mapping[str, str] = {
    "quotes": "silver_bullet_phrases",
    "size": "size_bucket",
    "region": "region",
    "role": "role_type",
    "pains": "pain_tags",
    "match": "icp_match",
    "fit": "score_fit",
    "pain": "score_pain",
    "why": "reason_short",
    "key": "key_pain",
    "situation": "situation",
    "problem": "problem",
    "implication": "implication",
    "payoff": "need_payoff",
    "chaos": "chaos_flags",
    "buyer": "economic_buyer_guess",
}
"""The key that a compact answer uses, and the field of `leadd.api.Classification` that it means."""


def long_names(data: Mapping[str, Any]) -> dict[str, Any]:
    """An answer with its compact keys spelt out. Prompts may ask in either spelling; where both stand, the long one counts."""
    known = {}
    for key, value in data.items():
        name = LONG_NAMES.get(key, key)
        if name == key or name not in data:
            known[name] = value
    return known


def asks_for_numbers(schema: Mapping[str, Any] | None) -> bool:
    """Whether a prompt wants the numbers of sentences as quotes, and so a text whose sentences are numbered."""
    properties = (schema or {}).get("properties")
    if not isinstance(properties, Mapping):
        return False
    for name in ("quotes", LONG_NAMES["quotes"]):
        items = properties[name].get("items") if isinstance(properties.get(name), Mapping) else None
        if isinstance(items, Mapping) and items.get("type") == "integer":
            return True
    return False
