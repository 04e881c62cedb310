"""What a model answers: triage, classification and dossier, as plain checked shapes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Role(StrEnum):
    """The four things leadd asks a model for."""

    TRIAGE = "triage"
    CLASSIFY = "classify"
    DOSSIER = "dossier"
    EMBED = "embed"


class Method(StrEnum):
    """Who judged: a language model, or the builtin reading of the text's own evidence."""

    MODEL = "model"
    EVIDENCE = "evidence"


class Bucket(StrEnum):
    """Where a score falls. `filtered` means that no model was asked, or that triage said no."""

    RED_HOT = "red_hot"
    WARM = "warm"
    NURTURE = "nurture"
    PARKED = "parked"
    FILTERED = "filtered"


Short = Annotated[str, StringConstraints(max_length=600)]


class TriageAnswer(BaseModel):
    """Worth a closer look? `probability` is the share of yes where the model shows it, else None."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    worth: bool
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    reason: Short = ""


class Classification(BaseModel):
    """The structured answer for a signal that passed triage.

    A field that nobody could answer is None or empty, never invented. `silver_bullet_phrases` are literal quotes from the
    signal. `score_data_quality` is not here: code computes it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    icp_match: bool
    size_bucket: Short = "unknown"
    region: Short = "unknown"
    role_type: Short = "unclear"
    pain_tags: tuple[Short, ...] = ()
    score_fit: Annotated[int, Field(ge=0, le=50)]
    score_pain: Annotated[int, Field(ge=0, le=40)]
    reason_short: Short = ""
    situation: Short | None = None
    problem: Short | None = None
    implication: Short | None = None
    need_payoff: Short | None = None
    economic_buyer_guess: Short | None = None
    key_pain: Short | None = None
    chaos_flags: tuple[Short, ...] = ()
    silver_bullet_phrases: tuple[Short, ...] = ()


class DossierAnswer(BaseModel):
    """The deeper text about a hot lead, written by the larger model."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    snapshot: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    why_pain_bullets: Annotated[tuple[Short, ...], Field(min_length=1, max_length=3)]
    uncomfortable_truth: Short
    reframe_suggestion: Short
    best_angle_bullets: Annotated[tuple[Short, ...], Field(min_length=1, max_length=3)]
    challenger_insight: Short
