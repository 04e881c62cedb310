"""The settings tree: every key, its default, its limits and one line about it. Documents and templates are made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from leadd.config.entries import ComponentEntry, EntryName, RoleModel, SinkEntry, SourceEntry

ProfileName = Literal["default", "performance", "constrained", "production"]
LATER: dict[str, JsonValue] = {"later": True}
"""Marks a key that is accepted and has no effect in this version; the loader says so where it is set."""


class Section(BaseModel):
    """What every part of the tree is: frozen, and closed to keys that do not exist."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LogSettings(Section):
    """What is logged, and how much of it is kept."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="least level that is logged")
    file_mb: float = Field(default=10, gt=0, le=10_000, description="size in MiB at which a log file is turned over")
    files: int = Field(default=3, ge=1, le=100, description="log files that are kept")

    @field_validator("level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value


class PathSettings(Section):
    """Folders other than the usual ones. Relative paths count from the folder of this file."""

    data: Path | None = Field(default=None, description="folder of the database, the caches and the token")
    prompts: Path | None = Field(default=None, description="folder of your own prompts; the same as prompts.folder")
    plugins: Path | None = Field(default=None, description="folder of your own plugins")


class HttpSettings(Section):
    """The TCP listener for the browser and for scripts."""

    enabled: bool = Field(default=True, description="false leaves only the Unix socket")
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65_535, description="port to listen on; 0 lets the system choose one")
    auth: Literal["token", "none"] = Field(default="token", description="none lets every program of this machine in")
    allow_public: bool = Field(
        default=False, description="true permits a host that other machines can reach; needs auth: token"
    )
    allowed_hosts: list[str] = Field(default_factory=list, description="further Host values that are answered")
    body_mb: float = Field(default=1, gt=0, le=1024, description="largest request body in MiB")
    ingest_body_mb: float = Field(default=64, gt=0, le=4096, description="largest body in MiB of the ingest and batch routes")
    max_connections: int = Field(default=64, ge=1, le=10_000, description="connections at one time")


class ControlSettings(Section):
    """How the daemon is reached."""

    socket: Path | None = Field(default=None, description="path of the Unix socket; empty takes the usual place")
    http: HttpSettings = Field(default_factory=HttpSettings)


class StoreSettings(Section):
    """The database."""

    database: Path | None = Field(default=None, description="file of the database; empty takes leadd.db in the data folder")
    readers: int = Field(default=3, ge=1, le=16, description="connections that read at one time")


class PrefilterSettings(Section):
    """The cheap stages before any model."""

    enabled: bool = Field(default=True, description="false asks a model about every signal")
    mode: Literal["certified", "fixed"] = Field(
        default="certified",
        description="certified: a threshold that is proven to keep its promise; fixed: score_threshold, without a promise",
    )
    recall: float = Field(
        default=0.95, ge=0.5, lt=1, description="share of your leads that mode certified promises to let through"
    )
    confidence: float = Field(default=0.95, gt=0.5, lt=1, description="confidence of that promise, at any time")
    audit_share: float = Field(
        default=0.1, gt=0, le=1, description="most of all signals that may be read below the threshold, to prove the promise"
    )
    score_threshold: int = Field(
        default=20, ge=0, le=100, description="mode fixed: signals that score below this are filtered; to set it chooses fixed"
    )
    min_chars: int = Field(
        default=40, ge=0, le=100_000, description="shorter texts from sources are filtered; asked texts never"
    )
    similarity_threshold: float = Field(
        default=0.7, ge=0, le=1, description="cosine from which two texts count as alike", json_schema_extra=LATER
    )

    @model_validator(mode="before")
    @classmethod
    def _fixed_by_threshold(cls, data: Any) -> Any:
        """Whoever sets a threshold of points, and no mode, wants to go by it."""
        if isinstance(data, dict) and "score_threshold" in data and "mode" not in data:
            return data | {"mode": "fixed"}
        return data


class ScoringSettings(Section):
    """Where a score from 0 to 100 falls."""

    dossier_threshold: int = Field(default=70, ge=0, le=100, description="leads from this score on get a dossier")
    red_hot: int = Field(default=80, ge=0, le=100, description="least score of the bucket red_hot")
    warm: int = Field(default=60, ge=0, le=100, description="least score of the bucket warm")
    nurture: int = Field(default=40, ge=0, le=100, description="least score of the bucket nurture; below is parked")


def _default_tiers() -> list[ComponentEntry]:
    return [ComponentEntry(use="memory"), ComponentEntry(use="sqlite")]


class NearSettings(Section):
    """Answers of near duplicates: a signal that is nearly the same as an earlier one takes its answers, once that is proven."""

    enabled: bool = Field(default=True, description="true lets near duplicates be used once certified; false asks each time")
    max_wrong: float = Field(default=0.01, gt=0, lt=0.5, description="share of wrong reuse that the evidence must rule out")
    confidence: float = Field(default=0.95, ge=0.5, lt=1, description="confidence of that proof, one-sided, at any time")
    check_share: float = Field(
        default=0.05, gt=0, le=1, description="share of near duplicates that the model is asked about all the same, as evidence"
    )
    min_similarity: float = Field(
        default=0.7, ge=0.3, le=1, description="least similarity of two texts (0 to 1) at which they are compared closely"
    )


class CacheSettings(Section):
    """Answers that are kept, so that no question is paid for twice."""

    enabled: bool = Field(default=True, description="false asks the model each time")
    tiers: list[ComponentEntry] = Field(default_factory=_default_tiers, description="caches that are asked in this order")
    ttl_s: float = Field(default=2_592_000, gt=0, description="seconds after which an answer is forgotten")
    max_entries: int = Field(default=1000, ge=1, le=10_000_000, description="answers that the tier in memory keeps")
    redis_url: str = Field(
        default="redis://localhost:6379/0",
        repr=False,  # a password may stand in it
        description="server of the tier redis (plugin leadd-redis), where one is used",
    )
    embedding_ttl_s: float = Field(default=604_800, gt=0, description="seconds after which a vector is forgotten")
    refusal_ttl_s: float = Field(
        default=600, ge=0, le=86_400, description="seconds in which a text that got no answer is not asked about again"
    )
    role_ttl_s: dict[Literal["triage", "classify", "dossier"], float] = Field(
        default_factory=dict, description="seconds after which answers of one role are forgotten, instead of ttl_s"
    )
    lease_s: float = Field(
        default=15, ge=1, le=600, description="seconds that others wait for a process which died while it asked for all of them"
    )
    near: NearSettings = Field(default_factory=NearSettings)


def _role(model: str, num_ctx: int, max_tokens: int, *, temperature: float = 0.0, enabled: bool = True) -> RoleModel:
    return RoleModel(model=model, num_ctx=num_ctx, max_tokens=max_tokens, temperature=temperature, enabled=enabled)


class ModelSettings(Section):
    """Which models answer, and where they are."""

    endpoint: str = Field(default="http://localhost:11434", pattern=r"^https?://[^\s/]", description="address of Ollama")
    triage: RoleModel = Field(default_factory=lambda: _role("gemma3:1b", 2048, 64))
    classify: RoleModel = Field(default_factory=lambda: _role("gemma3:4b", 4096, 900))
    dossier: RoleModel = Field(default_factory=lambda: _role("gemma3:4b", 4096, 1500, temperature=0.3))
    embed: RoleModel = Field(default_factory=lambda: _role("nomic-embed-text", 2048, 1, enabled=False))
    without_model: Literal["auto", "wait", "evidence"] = Field(
        default="auto",
        description="with no language model: wait for one, judge by the text's own evidence, or (auto) wait only where one "
        "was set or seen before",
    )
    servers: dict[EntryName, ComponentEntry] = Field(
        default_factory=dict, description="further model servers by name; `use` of a role or a candidate names one"
    )
    extra: list[ComponentEntry] = Field(default_factory=list, description="further model components to open")
    quantized: bool = Field(
        default=False,
        description="true takes the two names below first, where the server has them, before the models of the roles",
    )
    quantized_triage: str = Field(default="gemma3:1b-it-qat", min_length=1, description="4-bit model for triage")
    quantized_classify: str = Field(
        default="gemma3:4b-it-qat", min_length=1, description="4-bit model for classify and dossier"
    )
    alternatives: bool = Field(
        default=False, description="true lets the two names below stand by, after the candidates of their roles"
    )
    fallback_triage: str = Field(default="mistral:7b", min_length=1, description="stands by for triage")
    fallback_classify: str = Field(default="llama3:8b", min_length=1, description="stands by for classify and dossier")

    @field_validator("endpoint")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")


class InferenceSettings(Section):
    """How models are asked: how many at once, how long, how often again."""

    slots: int = Field(
        default=8, ge=1, le=64, description="most questions that are with a model at one time; leadd finds how many pay"
    )
    adapt_slots: bool = Field(default=True, description="false always sends as many questions at one time as `slots` says")
    min_batch: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="questions worth a change of model, where the models do not fit in memory together",
    )
    max_wait_s: float = Field(
        default=60, gt=0, le=86_400, description="seconds after which a waiting question goes first, whatever its priority"
    )
    worth_from: float = Field(
        default=0.5, ge=0, le=1, description="least probability, of all the evidence together, for a closer look after triage"
    )
    details_from: int = Field(
        default=60,
        ge=0,
        le=101,
        description="score from which a classification holds prose too (0 always, 101 never); below it the answer ends early",
    )
    idle_s: float = Field(default=120, gt=0, le=86_400, description="longest silence in seconds within one answer")
    total_s: float = Field(default=300, gt=0, le=86_400, description="longest time in seconds for one answer")
    load_s: float = Field(default=600, gt=0, le=86_400, description="longest time in seconds for loading a model")
    max_attempts: int = Field(default=3, ge=1, le=20, description="tries of one question before its signal waits or is held")
    streaming: bool = Field(default=False, description="true reads dossiers piece by piece even where nobody watches")
    health_enabled: bool = Field(default=True, description="false never asks a model server how it is unless work needs it")
    health_every_s: float = Field(
        default=300, ge=1, le=86_400, description="seconds between two looks at a server that is well"
    )
    health_timeout_s: float = Field(default=10, gt=0, le=300, description="longest time in seconds for one such look")


class PipelineSettings(Section):
    """How signals are worked through."""

    batch: int = Field(default=64, ge=1, le=10_000, description="signals that are taken up in one turn")
    in_flight: int = Field(default=16, ge=1, le=1000, description="signals that are judged at one time")
    lease_s: float = Field(
        default=1200,
        gt=0,
        le=604_800,
        description="seconds a signal is taken for; must exceed inference.total_s + inference.load_s",
    )
    max_attempts: int = Field(default=8, ge=1, le=100, description="tries of one signal before it is held and shown to you")


class PluginSettings(Section):
    """Which plugins are loaded."""

    enabled: list[str] | None = Field(default=None, description="load only these; empty loads all, [] loads none")
    disabled: list[str] = Field(default_factory=list, description="never load these")
    import_limit_s: float = Field(default=30, gt=0, le=600, description="longest time in seconds for importing one plugin")


class NetworkSettings(Section):
    """What sources and sinks may reach."""

    allow_private: list[str] = Field(
        default_factory=list, description="hosts that may be reached although they are private or on this machine"
    )
    timeout_s: float = Field(default=30, gt=0, le=3600, description="longest time in seconds for one HTTP exchange")


class PromptSettings(Section):
    """The words that models are asked with."""

    folder: Path | None = Field(default=None, description="folder of your own prompts; the same as paths.prompts")
    custom: bool = Field(default=True, description="false takes the shipped prompts only")
    watch: bool = Field(default=True, description="take up a changed prompt file as soon as it is saved")


class DaemonSettings(Section):
    """Start and stop."""

    grace_s: float = Field(default=10, ge=0, le=3600, description="seconds that running work has to end when leadd stops")
    ready_timeout_s: float = Field(
        default=30, gt=0, le=3600, description="seconds `leadd start` waits until the daemon is ready"
    )


class Settings(Section):
    """All of leadd's settings. Every value here is final: flags, environment, file and profile are already in it."""

    profile: ProfileName = Field(
        default="default", description="set of defaults: default, performance, constrained or production"
    )
    debug: bool = Field(default=False, description="true logs at level debug, whatever log.level says")
    log: LogSettings = Field(default_factory=LogSettings)
    paths: PathSettings = Field(default_factory=PathSettings)
    control: ControlSettings = Field(default_factory=ControlSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    prefilter: PrefilterSettings = Field(default_factory=PrefilterSettings)
    scoring: ScoringSettings = Field(default_factory=ScoringSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    models: ModelSettings = Field(default_factory=ModelSettings)
    inference: InferenceSettings = Field(default_factory=InferenceSettings)
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings)
    sources: dict[EntryName, SourceEntry] = Field(default_factory=dict, description="where signals come from, by name")
    sinks: dict[EntryName, SinkEntry] = Field(default_factory=dict, description="where leads go, by name")
    plugins: PluginSettings = Field(default_factory=PluginSettings)
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    prompts: PromptSettings = Field(default_factory=PromptSettings)
    daemon: DaemonSettings = Field(default_factory=DaemonSettings)

    def all_sources(self) -> dict[str, SourceEntry]:
        """The sources by name, always with `inbox`, which takes what people and programs send in."""
        return {"inbox": SourceEntry(use="inbox"), **self.sources}


def settings_schema() -> dict[str, Any]:
    """The JSON schema of the settings file, for editors and for `leadd config schema`."""
    schema = Settings.model_json_schema()
    for name in ("ComponentEntry", "SourceEntry", "SinkEntry"):
        schema["$defs"][name]["additionalProperties"] = True  # the component's own keys stand beside `use`
    for model in (schema, *schema["$defs"].values()):
        for key, value in model.get("properties", {}).items():
            if "$ref" in value or value.get("type") == "object":  # a section of nothing but comments is empty
                model["properties"][key] = {"anyOf": [value, {"type": "null"}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "leadd settings", **schema}
