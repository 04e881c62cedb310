"""When a classification may end early: its verdict stands, and the prose that would follow is of no use to anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadd.core.forms import LONG_NAMES, long_names
from leadd.inference.questions import Enough

MOST_QUALITY = 10
"""Data quality is counted from what is known of the company, not from the answer: it may always be this much."""

NO_MATCH = "the model sees no match and was not asked for more"
"""Stands as the reason of an answer that ended at its 'no match'."""

_OPEN = ("unknown", "unclear")
_VERDICT = ("icp_match", "score_fit", "score_pain", "reason_short")


def enough_below(threshold: int, schema: Mapping[str, Any] | None, *, match_only: bool = False) -> Enough:
    """The rule as `Question.enough`: 'no match' ends the answer where it stands, since nothing that follows makes it a lead; a
    match ends once fit, pain and why are complete and the total cannot reach `threshold` with the best of data quality. With
    `match_only`, for a person who waits for the answer, both have their points and reason, and a match always its prose.

    What is missing then is filled with what `schema` takes for nothing: '' and []; where there is no match also no points, and
    `unknown` or `unclear` out of an enumeration. Where the schema has a place for none of these, the answer is waited for.
    Compact and long keys are both understood.
    """
    properties = (schema or {}).get("properties")
    wanted: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}

    def enough(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
        known = long_names(fields)
        if known.get("icp_match") is False and not match_only:
            return _completed(fields, wanted, denied=True)
        if not _settled(known, threshold, match_only=match_only):
            return None
        return _completed(fields, wanted)

    return enough


def stop_rule(threshold: int, *, match_only: bool = False) -> str:
    """The rule's name, for the cache key: an answer that ended early is another answer."""
    return "no_match" if match_only else f"below:{threshold}"


def _settled(known: Mapping[str, Any], threshold: int, *, match_only: bool) -> bool:
    if any(name not in known for name in _VERDICT):
        return False
    match, fit, pain = (known[name] for name in _VERDICT[:3])
    if match is False:
        return True
    if match is not True or match_only:
        return False
    if not all(isinstance(points, int) and not isinstance(points, bool) for points in (fit, pain)):
        return False
    return bool(fit + pain + MOST_QUALITY < threshold)


def _completed(fields: Mapping[str, Any], wanted: Mapping[str, Any], *, denied: bool = False) -> dict[str, Any] | None:
    """The fields in the order of the schema with nothing in the missing ones; None where nothing is missing or cannot be."""
    missing = [name for name in wanted if name not in fields]
    if not missing:
        return None
    whole = dict(fields)
    for name in missing:
        nothing: str | int | list[Any] | None = _nothing(wanted[name])
        if nothing is None and denied:
            nothing = _nothing_of_a_stranger(wanted[name])
        if nothing is None:
            return None
        whole[name] = nothing
    if denied:
        for name in missing:
            if LONG_NAMES.get(name, name) == "reason_short" and whole[name] == "":
                whole[name] = NO_MATCH[: wanted[name].get("maxLength", len(NO_MATCH))]
    return {name: whole[name] for name in (*wanted, *(name for name in fields if name not in wanted))}


def _nothing(rule: Any) -> str | list[Any] | None:
    if not isinstance(rule, Mapping) or "enum" in rule or "const" in rule:
        return None
    if rule.get("type") == "string" and not rule.get("minLength"):
        return ""
    if rule.get("type") == "array" and not rule.get("minItems"):
        return []
    return None


def _nothing_of_a_stranger(rule: Any) -> str | int | None:
    if not isinstance(rule, Mapping):
        return None
    if "enum" in rule:
        return next((word for word in _OPEN if word in rule["enum"]), None)
    return 0 if rule.get("type") == "integer" and rule.get("minimum", 0) <= 0 <= rule.get("maximum", 0) else None
