"""The shapes of ingest, sources, sinks, deliveries, plugins and the daemon itself. Times are UTC ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from leadd.control.wire import Answer, Asked, DeliveryState, PageQuery, SourceName

DRAFT_FIELDS = (
    "text",
    "title",
    "external_id",
    "url",
    "company",
    "company_website",
    "location",
    "author",
    "posted_at",
    "source_type",
)
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*([/:][A-Za-z0-9._-]+)*$"
COLUMNS = r"^[a-z_]+:[^,:]+(,[a-z_]+:[^,:]+)*$"

# -- ingest --


class IngestQuery(Asked):
    """`columns` maps fields to the names in the data: text:description,company:employer,external_id:id."""

    source: SourceName = "inbox"
    columns: Annotated[str, StringConstraints(pattern=COLUMNS, max_length=2000)] | None = None


class CsvQuery(IngestQuery):
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=3)] | None = Field(
        default=None, description="the character between two cells, or 'tab'; None looks at the first line"
    )


class FileIn(Asked):
    """A file of this machine, read by the daemon. The format follows the name's ending where it is not given."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    format: Literal["jsonl", "csv", "text"] | None = None
    source: SourceName = "inbox"
    columns: Mapping[str, str] = Field(default_factory=dict)
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=3)] | None = None


class DraftIn(Answer):
    """One line of POST /api/ingest/signals, where `columns` names no other keys. Only `text` is needed."""

    text: str
    title: str | None = None
    external_id: str | None = None
    url: str | None = None
    company: str | None = None
    company_website: str | None = None
    location: str | None = None
    author: str | None = None
    posted_at: str | int | None = Field(default=None, description="ISO 8601, or UTC milliseconds")
    source_type: str | None = None


class RowProblem(Answer):
    """A row that was not taken: where it stands and why."""

    place: str
    reason: str
    hint: str = ""


class IngestOut(Answer):
    """What became of the rows. Sent after the commit: `accepted` rows are never lost from here on.

    `problems` has the first 200 of `problem_count` rows that were not taken.
    """

    source: str
    rows: int
    accepted: int
    repeats: int
    problem_count: int
    problems: list[RowProblem]


# -- sources, sinks, deliveries --


class SourceOut(Answer):
    """A source and how it is: ready, retrying, paused, suspended, failed_config or disabled; `reason` says why."""

    name: str
    use: str
    state: str
    reason: str = ""
    hint: str = ""
    last_poll_ms: int | None = None
    next_poll_ms: int | None = None
    accepted: int = 0
    repeats: int = 0
    problems: int = 0


class ProblemOut(Answer):
    """An item that a source could not read; equal ones are counted."""

    place: str
    reason: str
    hint: str
    count: int
    first_at_ms: int
    last_at_ms: int


class SourceDetail(SourceOut):
    recent_problems: list[ProblemOut] = Field(default_factory=list)


class SourceList(Answer):
    items: list[SourceOut]


class SinkOut(Answer):
    """A sink and how it is; `deliveries` counts by state."""

    name: str
    use: str
    state: str
    reason: str = ""
    hint: str = ""
    guarantee: str = ""
    min_bucket: str = ""
    deliveries: Mapping[str, int] = Field(default_factory=dict)


class SinkList(Answer):
    items: list[SinkOut]


class SinkTested(Answer):
    """The other side was reached."""

    status: Literal["ok"] = "ok"
    reference: str = ""
    detail: str = ""


class DeliveryQuery(PageQuery):
    state: DeliveryState | None = None
    sink: str | None = None


class DeliveryOut(Answer):
    """One lead on its way to one sink; `key` never changes over its tries."""

    id: int
    key: str
    sink: str
    lead_id: int | None
    event: str
    revision: int
    state: str
    attempts: int
    due_ms: int
    error: str
    receipt: Mapping[str, Any] | None
    created_at_ms: int
    updated_at_ms: int


class DeliveryList(Answer):
    items: list[DeliveryOut]
    next: str | None = None


# -- plugins, the daemon --


class PluginOut(Answer):
    """A plugin and what became of it: loaded, disabled, failed_import, failed_contract or failed_config."""

    name: str
    origin: str
    version: str
    state: str
    reason: str = ""
    provides: Mapping[str, list[str]] = Field(default_factory=dict)


class InstanceOut(Answer):
    """One component that runs: one entry of the settings."""

    name: str
    kind: str
    use: str
    state: str
    reason: str = ""
    since_ms: int = 0
    errors: int = 0
    last_error: str = ""


class PluginList(Answer):
    items: list[PluginOut]
    instances: list[InstanceOut]


class CheckItem(Answer):
    """A component that has a problem: source, sink, cache or model, its name in the settings, and one sentence."""

    kind: str
    name: str
    problem: str


class CheckOut(Answer):
    """What the components say of themselves; an empty list means that all is well."""

    items: list[CheckItem]


class PullIn(Asked):
    """A model by the name that its server knows it by, such as gemma3:4b."""

    model: Annotated[str, StringConstraints(pattern=MODEL_NAME, max_length=255)]


class PullStep(Answer):
    """One line of a download: what is done now, bytes so far and in all. The last has the status `ok` or `error`."""

    status: str
    done: int = 0
    total: int = 0
    error: str | None = None
    code: str | None = Field(default=None, description="which error it is, by name")


class SettingOut(Answer):
    key: str
    value: str
    origin: str


class ConfigOut(Answer):
    """The settings in force and where each comes from. Secrets are shown as the places where they are kept."""

    file: str | None
    items: list[SettingOut]
    warnings: list[str]


class Health(Answer):
    """How leadd is. `status` is ok or degraded; `api` and `database` are ok or say what is wrong."""

    status: str
    version: str
    api: str
    database: str
    ollama: dict[str, Any]
    cache: dict[str, Any]
    prompts: dict[str, Any]
    features: dict[str, bool]
    reasons: list[str] = Field(default_factory=list)


class Live(Answer):
    status: Literal["ok"] = "ok"


class Index(Answer):
    """What answers here, and where to look next."""

    name: str
    version: str
    links: dict[str, str]
