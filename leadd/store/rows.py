"""Rows as the repositories take and give them: frozen values without behaviour. Times are UTC milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from leadd.api.icp import Icp
from leadd.api.signals import Contact, Signal
from leadd.store.choice_rows import NewChoice
from leadd.store.reuse_rows import Trace

T = TypeVar("T")

SIGNAL_STATES = ("new", "leased", "done", "held")
BUCKETS = ("filtered", "parked", "nurture", "warm", "red_hot")
"""Worst first; a lead is upgraded when it moves to the right."""
OUTCOMES = (*BUCKETS, "held")
LEAD_STATUSES = ("new", "contacted", "qualified", "pitched", "trial", "won", "lost", "parked")
VERDICTS = ("accept", "reject", "snooze", "won", "lost")
SIGNAL_VERDICTS = ("accept", "reject")
"""What is said of a signal that made no lead: that it should have been one, or that it was rightly dropped."""
OUTBOX_STATES = ("pending", "leased", "delivered", "dead", "dropped")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A stretch of a list. `next` is what to hand in as `after` for the following stretch; None at the end."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class NewSignal:
    """A signal to be stored; `dedupe_key` names it within its source, `content_hash` names its text anywhere."""

    source: str
    text: str
    title: str
    content_hash: str
    dedupe_key: str
    external_id: str | None = None
    url: str | None = None
    company: str | None = None
    company_website: str | None = None
    location: str | None = None
    author: str | None = None
    posted_at_ms: int | None = None
    source_type: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    asked_by_person: bool = False
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of a batch, place by place: `ids` has the new id, or None for a repeat; `existing` the other way round."""

    ids: tuple[int | None, ...] = ()
    repeats: int = 0
    existing: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class SignalRow(Signal):
    """A stored signal with where it stands. `outcome` is None until it is done or held."""

    dedupe_key: str = ""
    contacts: tuple[Contact, ...] = ()
    state: str = "new"
    outcome: str | None = None
    hold_reason: str | None = None
    waiting_for: str | None = None
    crashes: int = 0
    company_id: int | None = None
    method: str | None = None
    due_ms: int = 0


@dataclass(frozen=True, slots=True)
class NewJudgement:
    """One answer of one stage about one signal, with all that is needed to say why it was so and to replay it.

    `wait_ms` is the time in leadd's own queue, `queue_ms` that in the server's. `shown` says how much of the text the model
    saw: `chars` in all, `kept`, and `gaps`; None where it saw the whole. `instead_of` names the first choice (server/model)
    where another one answered in its place.
    """

    signal_id: int
    icp_id: int | None
    stage: str
    decision: str
    score: float | None = None
    method: str = "rule"
    answer: Mapping[str, Any] | None = None
    reasons: tuple[str, ...] = ()
    key: str = ""
    prompt: str = ""
    prompt_hash: str = ""
    model: str = ""
    digest: str = ""
    server_version: str = ""
    cache: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0
    load_ms: float = 0.0
    prompt_ms: float = 0.0
    output_ms: float = 0.0
    queue_ms: float = 0.0
    total_ms: float = 0.0
    done_reason: str = ""
    failure: str = ""
    raw: str = ""
    threshold: float | None = None
    rule: str = ""
    wait_ms: float = 0.0
    shown: Mapping[str, int] | None = None
    instead_of: str = ""
    created_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class JudgementRow(NewJudgement):
    """A journaled judgement; `superseded` ones were true once and no longer count."""

    id: int = 0
    superseded: bool = False
    lead_id: int | None = None


@dataclass(frozen=True, slots=True)
class StageFigures:
    """What one stage did in a span of time. `model_calls` are answers that were really paid for (cache 'miss')."""

    count: int = 0
    by_decision: Mapping[str, int] = field(default_factory=dict)
    by_method: Mapping[str, int] = field(default_factory=dict)
    by_cache: Mapping[str, int] = field(default_factory=dict)
    failures: int = 0
    model_calls: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a signal that makes no lead: its outcome, who said so; judgements, trace and choices to keep with it."""

    signal_id: int
    outcome: str = "filtered"
    judgements: tuple[NewJudgement, ...] = ()
    method: str = "rule"
    trace: Trace | None = None
    choices: tuple[NewChoice, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many signals stand where."""

    by_state: Mapping[str, int]
    by_outcome: Mapping[str, int]
    by_source: Mapping[str, int]
    waiting_for_model: int = 0
    oldest_due_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """An item that a source could not read; equal ones are counted in one row."""

    id: int
    source: str
    place: str
    reason: str
    hint: str
    count: int
    first_at_ms: int
    last_at_ms: int


@dataclass(frozen=True, slots=True)
class IcpRow:
    """A stored ICP."""

    id: int
    icp: Icp
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class CompanyRow:
    """A company as far as it is known."""

    id: int
    name: str | None
    name_key: str | None
    domain: str | None
    website: str | None
    location: str | None
    created_at_ms: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True)
class CompanyRef:
    """What a signal says about its company; `name_key` is the folded name, `domain` a registrable domain of its own."""

    name: str | None = None
    name_key: str | None = None
    domain: str | None = None
    website: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class IcpOutcome:
    """What came out for one ICP. Where `makes_lead` is False no lead is made; one that this signal made earlier sinks."""

    icp_id: int
    icp_name: str
    makes_lead: bool
    total: int
    bucket: str
    reasons: tuple[str, ...] = ()
    classification: Mapping[str, Any] = field(default_factory=dict)
    judgements: tuple[NewJudgement, ...] = ()


@dataclass(frozen=True, slots=True)
class SinkRef:
    """A sink that wants leads of at least `min_bucket`, of the named ICPs only, or of all (None)."""

    name: str
    min_bucket: str = "nurture"
    icps: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LeadRecord:
    """All that is recorded about a classified signal, in one transaction."""

    signal_id: int
    outcome: str
    method: str
    per_icp: tuple[IcpOutcome, ...] = ()
    company: CompanyRef | None = None
    person_key: str | None = None
    display_name: str = ""
    contacts: tuple[Contact, ...] = ()
    sinks: tuple[SinkRef, ...] = ()
    dossier_threshold: int = 70
    trace: Trace | None = None
    choices: tuple[NewChoice, ...] = ()


class LeadChange(NamedTuple):
    """What `record` did to one lead."""

    lead_id: int
    created: bool
    upgraded: bool
    score: int
    bucket: str


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The leads that a signal touched, in the order of `per_icp`, and the company it belongs to."""

    leads: tuple[LeadChange, ...] = ()
    company_id: int | None = None


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead as lists show it; `signal_id` is the signal that gives the score, `icp` the ICP's name."""

    id: int
    icp_id: int
    icp: str
    name: str
    score: int
    bucket: str
    status: str
    method: str
    revision: int
    reasons: tuple[str, ...]
    classification: Mapping[str, Any]
    created_at_ms: int
    updated_at_ms: int
    signal_id: int | None = None
    signal_count: int = 0
    company_id: int | None = None
    person_key: str | None = None
    company: str | None = None
    domain: str | None = None
    website: str | None = None
    location: str | None = None
    verdict: str | None = None
    snoozed_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One entry of a lead's timeline. `by` is leadd or a person."""

    id: int
    lead_id: int
    at_ms: int
    kind: str
    by: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DossierRow:
    """A dossier wanted or written. States: wanted, leased, done, held. `signal_id` and `icp_id` are those of the lead.

    `priority` is 0 where the lead's score asked for it, above where a person did.
    """

    lead_id: int
    icp_id: int
    signal_id: int | None
    state: str
    answer: Mapping[str, Any] | None = None
    failure: str = ""
    attempts: int = 0
    due_ms: int = 0
    judgement_id: int | None = None
    updated_at_ms: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One delivery. `key` never changes; `payload` is None until the first try has frozen it."""

    id: int
    key: str
    sink: str
    lead_id: int | None
    event: str
    payload: str | None
    attempts: int
    revision: int = 1
    state: str = "pending"
    due_ms: int = 0
    error: str = ""
    receipt: Mapping[str, Any] | None = None
    created_at_ms: int = 0
    updated_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A prompt text that was in force once."""

    name: str
    version: int
    content_hash: str
    text: str
    first_at_ms: int
    last_at_ms: int
