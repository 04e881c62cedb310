"""What models are asked about a signal, and the checks that an answer has to pass before it is one.

A model is taken to be fooled by the text it reads: enumerations come from the ICP, quotes and links have to stand in the
signal, and what does not is taken out and noted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from leadd.api import Icp, Method, Role, Signal, Subject, TriageAnswer
from leadd.core.answer_checks import check_classification, check_dossier, check_triage
from leadd.core.excerpts import Excerpt, fit_text
from leadd.core.text import NORMALISER_VERSION
from leadd.inference import Question
from leadd.prompting import Rendered

TRIAGE_CHARS = 1600
CLASSIFY_CHARS = 6000


def variables_of(icp: Icp) -> dict[str, Any]:
    """The variables that every prompt is rendered with; byte-identical for one ICP, so that its prefix can be reused."""
    return {
        "icp_name": icp.name,
        "icp_description": icp.description,
        "icp_fields": _fields_text(icp),
        "size_buckets": list(icp.size_buckets),
        "regions": list(icp.regions),
        "role_types": list(icp.role_types),
        "pain_tags": list(icp.pain_tags),
    }


def signal_fields(signal: Signal, icp: Icp, budget_chars: int = TRIAGE_CHARS) -> dict[str, str | None]:
    """What a prompt shows of a signal: title, company, location and the text cut to a budget (see `excerpt`)."""
    return {
        "title": signal.title[:300] or None,
        "company": (signal.company or "")[:200] or None,
        "location": (signal.location or "")[:200] or None,
        "text": excerpt(signal, icp, budget_chars).text,
    }


def excerpt(signal: Signal, icp: Icp, budget_chars: int = TRIAGE_CHARS) -> Excerpt:
    """The text of a signal cut to a budget, and how much was left out."""
    keywords = (*icp.hiring_keywords.values, *icp.pain_keywords.values)
    return fit_text(signal.text, f"{icp.description} {' '.join(keywords)}", budget_chars)


def triage(icp: Icp, signal: Signal, rendered: Rendered, *, priority: int = 0) -> Question:
    """Worth a closer look? The answer is a TriageAnswer as plain values."""
    return _question(Role.TRIAGE, icp, signal, rendered, priority, lambda data: check_triage(data, signal))


def classify(icp: Icp, signal: Signal, rendered: Rendered, *, priority: int = 0) -> Question:
    """The full structure. The answer is a Classification as plain values, quotes verified against the signal."""
    return _question(Role.CLASSIFY, icp, signal, rendered, priority, lambda data: check_classification(data, icp, signal))


def dossier(icp: Icp, signal: Signal, rendered: Rendered, *, priority: int = 0) -> Question:
    """The deeper text about a lead. The answer is a DossierAnswer as plain values."""
    return _question(Role.DOSSIER, icp, signal, rendered, priority, lambda data: check_dossier(data, signal))


def is_worth(data: Mapping[str, Any]) -> bool:
    """Whether a checked triage answer says yes."""
    return data.get("worth") is True


def triage_reason(data: Mapping[str, Any], method: str) -> str:
    """One sentence on a triage answer, for the user."""
    answer = TriageAnswer.model_validate(data)
    who = "The evidence in the text" if method == Method.EVIDENCE else "Triage by the model"
    said = "says yes" if answer.worth else "says no"
    share = f" ({answer.probability:.0%} yes)" if answer.probability is not None else ""
    return f"{who} {said}{share}{': ' + answer.reason if answer.reason else '.'}"


def lead_summary(
    name: str, score: int, bucket: str, reasons: Sequence[str], classification: Mapping[str, Any] | None = None
) -> str:
    """The lead in a few lines, for the variable `lead` of the dossier's prompt."""
    lines = [f"Lead: {name}", f"Score: {score} of 100 ({bucket})", *(f"- {reason}" for reason in reasons[:8])]
    for key in ("role_type", "key_pain", "situation", "problem", "economic_buyer_guess"):
        value = (classification or {}).get(key)
        if value and value not in ("unknown", "unclear"):
            lines.append(f"{key.replace('_', ' ')}: {value}")
    return "\n".join(lines)[:2000]


def _question(role: Role, icp: Icp, signal: Signal, rendered: Rendered, priority: int, check: Any) -> Question:
    return Question(
        role=role,
        messages=rendered.messages,
        schema=rendered.schema,
        options=rendered.options,
        max_tokens=rendered.max_tokens,
        prompt_hash=rendered.content_hash,
        prompt_label=f"{rendered.name}@{rendered.version}",
        icp_hash=icp.content_hash(),
        text_hash=_shown_hash(signal, rendered),
        subject=Subject(icp, signal),
        check=check,
        priority=priority,
        normaliser_version=NORMALISER_VERSION,
    )


def _shown_hash(signal: Signal, rendered: Rendered) -> str:
    """Over all that the answer can depend on: the whole signal (a reader of evidence sees all of it), and what was shown.

    Two signals with one text but other companies or places are two questions: the answer names size and region.
    """
    shown = rendered.messages[-1].content if rendered.messages else ""
    hasher = hashlib.sha256()
    for part in (signal.content_hash, signal.title, signal.text, signal.company, signal.location, shown):
        raw = b"" if part is None else part.encode("utf-8", "surrogatepass")
        # Each part is framed by its length, so that no two lists of parts ever give the same bytes; nothing is not ''.
        hasher.update(b"-" if part is None else b"%d:" % len(raw))
        hasher.update(raw)
    return hasher.hexdigest()


def _fields_text(icp: Icp) -> str:
    """The ICP's fields as lines, the first values of each: a prompt is no place for a hundred keywords."""
    lines = []
    for label, field in (
        ("Company sizes", icp.sizes),
        ("Industries", icp.industries),
        ("Locations", icp.locations),
        ("Looks for", icp.hiring_keywords),
        ("Signs of need", icp.pain_keywords),
        ("Not wanted", icp.exclude_keywords),
    ):
        if field.values:
            word = "not: " if field.use == "exclude" and label != "Not wanted" else ""
            lines.append(f"{label}: {word}{', '.join(field.values[:15])}")
    return "\n".join(lines) or "No further fields."
