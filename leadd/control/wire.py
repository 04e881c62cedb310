"""The shapes of requests and answers. `/openapi.json` and the reference page are made from them. Times are UTC ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints

from leadd.api import Bucket, Icp, Method

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
LeadStatus = Literal["new", "contacted", "qualified", "pitched", "trial", "won", "lost", "parked"]
SignalState = Literal["new", "leased", "done", "held"]
Outcome = Literal["filtered", "parked", "nurture", "warm", "red_hot", "held"]
DeliveryState = Literal["pending", "leased", "delivered", "dead", "dropped"]


class Answer(BaseModel):
    """What every answer is: read from rows by the names of its fields."""

    model_config = ConfigDict(from_attributes=True, defer_build=True)


class Asked(BaseModel):
    """What every request is: a key that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class ErrorDetail(Answer):
    code: str = Field(description="a word that never changes, for programs")
    message: str = Field(description="what is wrong, for people")
    hint: str = Field(default="", description="what to do about it; may be empty")


class ErrorAnswer(Answer):
    """Every answer with a status of 400 or more."""

    error: ErrorDetail


class Done(Answer):
    """It was done. `message` says what, `count` how many where that means something."""

    status: Literal["ok"] = "ok"
    message: str = ""
    count: int | None = None


# -- classification --


class ClassifyIn(BaseModel):
    """A text to classify. Keys that are not listed are ignored, as the earlier service did."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    signal_text: Annotated[str, StringConstraints(min_length=1, max_length=200_000)]
    source_type: Annotated[str, StringConstraints(max_length=200)] | None = None
    source_url: Annotated[str, StringConstraints(max_length=2000)] | None = None
    company_name: Annotated[str, StringConstraints(max_length=2000)] | None = None
    company_website: Annotated[str, StringConstraints(max_length=2000)] | None = None
    title: Annotated[str, StringConstraints(max_length=2000)] | None = None
    location: Annotated[str, StringConstraints(max_length=2000)] | None = None


class ClassifyOut(Answer):
    """What a text came to. held: stored, and answered later; then scores mean nothing yet and `reasons` say why."""

    status: Literal["ok", "filtered", "held"]
    icp_match: bool
    total_score: int
    score_bucket: str
    classification: Mapping[str, Any] | None
    company_id: int | None
    lead_id: int | None
    cached: bool
    method: str = Field(description="model, evidence, or rule where no model was asked")
    signal_id: int | None
    icp: str = ""
    reasons: tuple[str, ...] = ()


class BatchItem(Answer):
    """The outcome of one text of a batch; `index` is its place in the input, from 0. `error` only where status is error."""

    index: int
    status: Literal["ok", "filtered", "held", "error"]
    icp_match: bool = False
    total_score: int = 0
    score_bucket: str = Bucket.FILTERED.value
    classification: Mapping[str, Any] | None = None
    company_id: int | None = None
    lead_id: int | None = None
    cached: bool = False
    method: str = ""
    signal_id: int | None = None
    icp: str = ""
    reasons: tuple[str, ...] = ()
    error: str | None = None


class BatchOut(Answer):
    """The outcomes of a batch, in input order. `count` is the number of texts."""

    count: int
    created_leads: int
    filtered: int
    held: int
    errors: int
    results: list[BatchItem]


class TemplatesReloaded(Answer):
    """All prompts were swapped at once. `templates` names the versions now in force, `version` all of them in one word, another
    one whenever any prompt is another; `changes` is what is new."""

    status: Literal["ok"] = "ok"
    message: str
    templates: dict[str, str]
    version: str = ""
    changes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


# -- ICPs --


class IcpOut(Answer):
    """An ICP as stored. `stand_in` is True for the shipped template that counts while there is no ICP of your own."""

    id: int
    icp: Icp
    stand_in: bool = False
    created_at_ms: int
    updated_at_ms: int


class IcpList(Answer):
    items: list[IcpOut]
    templates: list[str] = Field(description="names for POST /api/icp/templates/{name}")


# -- leads --


class PageQuery(Asked):
    """A stretch of a list: `cursor` is the `next` of the stretch before."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, StringConstraints(max_length=200)] | None = None


class LeadQuery(PageQuery):
    icp: str | None = None
    bucket: Bucket | None = Field(default=None, description="this bucket and better ones")
    status: LeadStatus | None = None
    q: Annotated[str, StringConstraints(max_length=500)] | None = None
    order: Literal["score", "updated", "new"] = "score"
    snoozed: Literal["hide", "show", "only"] = Field(default="hide", description="leads that you put off for some days")


class IcpChoice(Asked):
    icp: str | None = None


class LeadOut(Answer):
    """A lead as lists show it. `method` is evidence where no language model judged it."""

    id: int
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
    signal_id: int | None
    signal_count: int
    company_id: int | None
    company: str | None
    domain: str | None
    website: str | None
    location: str | None
    verdict: str | None
    snoozed_until_ms: int | None = None


class LeadList(Answer):
    items: list[LeadOut]
    next: str | None = None


class ContactOut(Answer):
    kind: str
    value: str


class LeadSignalOut(Answer):
    signal_id: int
    title: str
    source: str
    url: str | None
    score: int
    found_at_ms: int
    posted_at_ms: int | None = None


class ActivityOut(Answer):
    """One entry of a timeline; `by` is leadd or person."""

    id: int
    at_ms: int
    kind: str
    by: str
    text: str
    data: Mapping[str, Any]


class LeadDetail(LeadOut):
    """A lead with all that is known of it."""

    contacts: tuple[ContactOut, ...] = ()
    signals: tuple[LeadSignalOut, ...] = ()
    dossier: Mapping[str, Any] | None = None
    timeline: list[ActivityOut] = Field(default_factory=list)


class StatusIn(Asked):
    status: LeadStatus


class NoteIn(Asked):
    """A note for the timeline; `notes` and `note` are taken for `text`."""

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)] = Field(
        validation_alias=AliasChoices("text", "notes", "note")
    )


class BucketCounts(Answer):
    """How many leads stand in each bucket."""

    counts: dict[str, int]
    total: int


class DossierQuery(Asked):
    stream: bool = Field(default=False, description="true has it written where there is none, and answers with events")


class DossierOut(Answer):
    """The dossier of a lead. States: wanted, leased (being written), done, held (see `failure`)."""

    lead_id: int
    state: str
    answer: Mapping[str, Any] | None = None
    failure: str = ""
    attempts: int = 0
    updated_at_ms: int = 0


class DossierNews(Answer):
    """What an event of a dossier's stream says.

    `field`: `key` and `value` of a part that is complete. `restart`: all parts before it are void. `waits`: `reason` why it is
    not being written now. `done`: the whole `dossier`. `failed`: `reason` why there is none; it is not tried again by itself.
    """

    lead_id: int
    key: str | None = None
    value: str | list[str] | None = None
    reason: str | None = None
    dossier: DossierOut | None = None


# -- signals --


class SignalQuery(PageQuery):
    outcome: Outcome | None = None
    state: SignalState | None = None
    source: str | None = None


class SignalOut(Answer):
    """A stored signal and where it stands; `outcome` is None until it is done or held."""

    id: int
    source: str
    title: str
    text: str
    state: str
    outcome: str | None
    hold_reason: str | None
    waiting_for: str | None
    method: str | None
    url: str | None
    company: str | None
    location: str | None
    source_type: str
    found_at_ms: int
    posted_at_ms: int | None
    attempts: int
    company_id: int | None


class SignalList(Answer):
    items: list[SignalOut]
    next: str | None = None


class SignalWhy(Answer):
    """Why a signal is what it is: every judgement about it, oldest first, with rule, score, threshold and provenance."""

    signal: SignalOut
    judgements: list[dict[str, Any]]


class RetryIn(Asked):
    """Which held signals to try again; None means all."""

    ids: Annotated[tuple[Annotated[int, Field(ge=1, lt=2**62)], ...], Field(max_length=10_000)] | None = None


class RejudgeIn(Asked):
    """Which signals to judge again: those judged by `method`."""

    method: Method = Method.EVIDENCE
