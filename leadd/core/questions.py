"""What models are asked about a signal, and the checks that an answer has to pass before it is one.

A model is taken to be fooled by the text it reads: enumerations come from the ICP, quotes and links have to stand in the
signal, and what does not is taken out and noted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from leadd.api import Icp, Role, Signal, Subject
from leadd.api.lexical import significant_words
from leadd.core.answer_checks import check_classification, check_dossier
from leadd.core.early import enough_below, stop_rule
from leadd.core.excerpts import Excerpt, fit_text, weights_of
from leadd.core.forms import asks_for_numbers
from leadd.core.text import NORMALISER_VERSION
from leadd.inference import Check, Question
from leadd.inference.budget import USUAL_CHARS_PER_TOKEN, latin_chars, text_budget_chars
from leadd.prompting import PromptBook, Rendered, Template

TRIAGE_CHARS = 900
CLASSIFY_CHARS = 1800
DOSSIER_CHARS = 1600
"""What is worth reading of a text at most, for each kind of question, in Latin characters."""

PERSON_PRIORITY = 1000
"""Questions from this priority on have a person waiting for them, who wants to see all that there is about a match."""

_EXPECTED_OF_CAP = 0.25
"""What an answer usually takes of its prompt's `max_tokens`, which holds the longest one and a margin. Most end early."""


class Shown(NamedTuple):
    """A rendered prompt, and what of the signal's text it shows."""

    rendered: Rendered
    excerpt: Excerpt


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


def signal_fields(signal: Signal, icp: Icp, budget_chars: int = DOSSIER_CHARS) -> dict[str, str | None]:
    """What a prompt shows of a signal: title, company, location and the text cut to a budget (see `excerpt`)."""
    return _fields(signal, excerpt(signal, icp, budget_chars).text)


def excerpt(signal: Signal, icp: Icp, budget_chars: int = DOSSIER_CHARS, *, numbered: bool = False) -> Excerpt:
    """The text of a signal cut to a budget, how much was left out, and its sentences where they are `numbered`."""
    wanted = weights_of(icp.description, (*icp.hiring_keywords.values, *icp.pain_keywords.values))
    return fit_text(signal.text, wanted, budget_chars, numbered=numbered)


def show(
    prompts: PromptBook,
    name: str,
    icp: Icp,
    signal: Signal,
    *,
    ceiling_chars: int,
    chars_per_token: float = USUAL_CHARS_PER_TOKEN,
    limit_tokens: int = 0,
    variables: Mapping[str, Any] | None = None,
    version: str | int | None = None,
) -> Shown:
    """A prompt for a signal, with as much of its text as fits both `ceiling_chars` and the soft total of the call.

    `limit_tokens` (0: none) and `chars_per_token` are those of the model that is asked (`Inference.token_budget` and
    `.chars_per_token`). Only the text is ever cut, never the instructions. A prompt that asks for the numbers of sentences
    gets a text with numbers. `variables` come on top of those of the ICP. `version` asks for another one than that in force
    (see `PromptBook.pick`). Raises PromptError.
    """
    return show_template(
        prompts.pick(name, version), icp, signal, ceiling_chars=ceiling_chars, chars_per_token=chars_per_token,
        limit_tokens=limit_tokens, variables=variables,
    )  # fmt: skip


def show_template(
    template: Template,
    icp: Icp,
    signal: Signal,
    *,
    ceiling_chars: int,
    chars_per_token: float = USUAL_CHARS_PER_TOKEN,
    limit_tokens: int = 0,
    variables: Mapping[str, Any] | None = None,
) -> Shown:
    """The same for one version of a prompt: all that is shown is of this one, whatever is swapped meanwhile."""
    given = variables_of(icp) | dict(variables or {})
    bare = template.render(given, _fields(signal, ""))
    around = sum(latin_chars(message.content) for message in bare.messages)
    expected = int(bare.max_tokens * _EXPECTED_OF_CAP)
    budget = text_budget_chars(around, expected, chars_per_token, limit_tokens, ceiling_chars)
    shown = excerpt(signal, icp, budget, numbered=asks_for_numbers(bare.schema))
    return Shown(template.render(given, _fields(signal, shown.text)), shown)


def classify(
    icp: Icp,
    signal: Signal,
    rendered: Rendered,
    *,
    priority: int = 0,
    details_from: int = 60,
    excerpt: Excerpt | None = None,
) -> Question:
    """The full structure. The answer is a Classification as plain values, quotes verified against the signal.

    Below `details_from` points (0 to 101), and where there is no match, the answer ends with its verdict and without prose;
    0 waits for all of every answer. Where a person waits (`PERSON_PRIORITY`) every match has its prose. `excerpt` is what
    `show` gave beside `rendered`: it tells which sentence a number means, so without it no number becomes a quote.
    """
    sentences = excerpt.sentences if excerpt is not None else ()
    question = question_of(
        Role.CLASSIFY, icp, signal, rendered, priority, lambda data: check_classification(data, icp, signal, sentences)
    )
    if details_from <= 0:
        return question
    match_only = priority >= PERSON_PRIORITY
    return replace(
        question,
        enough=enough_below(details_from, rendered.schema, match_only=match_only),
        stop_rule=stop_rule(details_from, match_only=match_only),
    )


def dossier(icp: Icp, signal: Signal, rendered: Rendered, *, priority: int = 0) -> Question:
    """The deeper text about a lead. The answer is a DossierAnswer as plain values."""
    return question_of(Role.DOSSIER, icp, signal, rendered, priority, lambda data: check_dossier(data, signal))


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


def question_of(role: Role, icp: Icp, signal: Signal, rendered: Rendered, priority: int, check: Check) -> Question:
    """The question that a rendered prompt puts about a signal; `check` makes plain values of the answer's data."""
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
        labels=rendered.labels,
    )


def _fields(signal: Signal, text: str) -> dict[str, str | None]:
    return {
        "title": signal.title[:300] or None,
        "company": (signal.company or "")[:200] or None,
        "location": (signal.location or "")[:200] or None,
        "text": text,
    }


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
    """The ICP's fields as lines. Keywords are many and alike: those come in that say something which neither the description
    nor an earlier one has said, up to a length. A prompt is no place for a hundred keywords, every one is read at every call.
    """
    lines = []
    for label, field, most_chars, said in (
        ("Company sizes", icp.sizes, 60, ""),
        ("Industries", icp.industries, 80, icp.description),
        ("Locations", icp.locations, 120, ""),
        ("Looks for", icp.hiring_keywords, 100, icp.description),
        ("Signs of need", icp.pain_keywords, 100, icp.description),
        ("Not wanted", icp.exclude_keywords, 160, ""),
    ):
        told = _telling(field.values, said if field.use != "exclude" else "", most_chars)
        if told:
            word = "not: " if field.use == "exclude" and label != "Not wanted" else ""
            lines.append(f"{label}: {word}{', '.join(told)}")
    return "\n".join(lines) or "No further fields."


def _telling(values: Sequence[str], said: str, most_chars: int) -> list[str]:
    """The first values that bring a word not yet said, within a length; the first one always where nothing was said."""
    known = set(significant_words(said))
    told: list[str] = []
    left = most_chars
    for value in values:
        new = set(significant_words(value))
        if new and new <= known:
            continue
        left -= len(value) + 2
        if told and left < 0:
            break
        told.append(value.rstrip("*"))
        known |= new
    return told
