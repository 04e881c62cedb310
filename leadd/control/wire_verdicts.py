"""The shapes of verdicts, of what to judge next, and of leads that are found by what they say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from leadd.control.wire import Answer, Asked, LeadOut, Text

Verdict = Literal["accept", "reject", "snooze", "won", "lost"]
By = Literal["user", "api"]


class VerdictIn(Asked):
    """The user's word. `days` is for snooze alone: how long the lead stays out of the list, 7 unless said otherwise."""

    verdict: Verdict
    note: Annotated[str, StringConstraints(max_length=20_000)] = ""
    days: Annotated[float, Field(gt=0, le=3650)] | None = None
    by: By = Field(default="api", description="user where a person said it here and now, api where a program did")

    @model_validator(mode="after")
    def _days_are_for_snooze(self) -> VerdictIn:
        if self.days is not None and self.verdict != "snooze":
            raise ValueError("days go with the verdict snooze only")
        return self


class Undone(Answer):
    """The verdict that was taken back; the timeline keeps both."""

    undone: str
    lead: LeadOut


class SignalVerdictIn(Asked):
    """The user's word on a signal that made no lead. accept: it should have been one; reject: it was rightly dropped."""

    verdict: Literal["accept", "reject"]
    note: Annotated[str, StringConstraints(max_length=20_000)] = ""
    icp: str | None = Field(default=None, description="for which ICP; null: the one that it came nearest to")
    by: By = "api"


class SignalVerdictOut(Answer):
    """A verdict on a signal, with what leadd thought of it at that time."""

    id: int
    signal_id: int
    icp_id: int | None
    verdict: str
    note: str
    by: str
    prefilter_score: float | None
    prefilter_threshold: float | None
    dropped_by: str = Field(
        description="what had dropped it: prefilter with the rule, triage, classify; empty where nothing had"
    )
    created_at_ms: int
    undone_at_ms: int | None


class TrainingIn(Asked):
    """Which examples: of one ICP or of all; `contacts` leaves e-mail addresses, phone numbers, links and names in the texts."""

    icp: str | None = None
    contacts: bool = False


class TrainingLine(Answer):
    """One example: a question as it would be put today, and as the last message the answer that the verdict says is right."""

    messages: list[dict[str, str]]
    meta: dict[str, Any] = Field(
        description="signal_id, lead_id, icp, role, verdict, by, weak, split (train or held), prompt_hash, at_ms …; "
        "on the last line, which has no messages, only `end`"
    )


class TuneIn(Asked):
    """What to tune: `adapter` is the path of a LoRA adapter (GGUF) on the daemon's machine, in place of examples."""

    role: Literal["triage", "classify"] = "triage"
    name: Annotated[str, StringConstraints(max_length=200, pattern=r"^[\w./:-]*$")] = ""
    examples: Annotated[int, Field(ge=2, le=64)] = 8
    adapter: Annotated[str, StringConstraints(max_length=4000)] | None = None


class UntuneIn(Asked):
    role: Literal["triage", "classify"] = "triage"


class ComparedOut(Answer):
    """How often each model was right on the companies held back, the gain, and its 95% interval."""

    count: int
    before: float
    after: float
    gain: float
    low: float
    high: float
    only_before: int
    only_after: int


class TuneStep(Answer):
    """A line of what tuning does. Kinds: examples, making, comparing, result (the last), error (`code` and `text` say what)."""

    kind: str
    text: str
    done: int = 0
    total: int = 0
    model: str = ""
    switched: bool = False
    compared: ComparedOut | None = None
    code: str = ""
    hint: str = ""


class ReviewQuery(Asked):
    icp: str | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 20


class ReviewItem(Answer):
    """Something to judge: by its lead where `lead_id` is set, else by its signal. Kinds: hot, unsure, audited."""

    kind: str
    why: str
    signal_id: int
    lead_id: int | None
    icp: str
    title: str
    company: str | None
    location: str | None
    url: str | None
    excerpt: str
    score: float | None
    threshold: float | None


class EffectOut(Answer):
    """The precision of the `top` best-scored leads that you have judged, now and before your last `window` verdicts.

    `low` and `high` bound the change with 95% confidence. All are null until `needed` verdicts on leads are there.
    """

    verdicts: int
    needed: int
    window: int
    top: int
    before: float | None
    now: float | None
    low: float | None
    high: float | None


class ReviewOut(Answer):
    items: list[ReviewItem]
    effect: EffectOut


class SimilarQuery(Asked):
    limit: Annotated[int, Field(ge=1, le=500)] = 20


class SearchQuery(SimilarQuery):
    q: Text
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class FoundLead(LeadOut):
    """A lead with its cosine to what was looked for, seen from the centre of all signals; null where only words tell."""

    similarity: float | None = None


class FoundLeads(Answer):
    """Leads, the nearest first. `by` says how they were found: vectors (with words), or words alone; then `reason` why."""

    items: list[FoundLead]
    by: str = Field(description="vectors or words")
    model: str = Field(default="", description="whose vectors")
    compared: int = Field(default=0, description="how many signals' vectors were compared")
    reason: str = ""
