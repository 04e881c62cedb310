"""Entries of the settings that name a component: `use:` picks the class, keys unknown here belong to the component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from leadd.api import Bucket

EntryName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""What a source or sink may be called: it names a folder, a table row and a part of an environment variable."""


class ComponentEntry(BaseModel):
    """One component. Keys that are not listed here are kept in `options` and checked by the component's own Config."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    takes_options: ClassVar[bool] = True

    use: str = Field(min_length=1, description="name of the component, as `leadd plugins list` shows it")
    options: dict[str, Any] = Field(default_factory=dict, description="the component's own keys; they may stand beside `use`")

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        own = set(cls.model_fields)
        gathered = {key: value for key, value in data.items() if key not in own}
        nested = data.get("options")
        if nested is not None and not isinstance(nested, Mapping):
            return data  # pydantic names the wrong type
        kept = {key: value for key, value in data.items() if key in own and key != "options"}
        return {**kept, "options": {**(nested or {}), **gathered}}


class SourceEntry(ComponentEntry):
    """One source: where signals come from."""

    enabled: bool = Field(default=True, description="false keeps the entry and never opens it")
    interval_s: float | None = Field(
        default=None, ge=1, le=31_536_000, description="seconds between two polls; empty takes the component's own interval"
    )


class SinkEntry(ComponentEntry):
    """One sink: where leads go."""

    enabled: bool = Field(default=True, description="false keeps the entry and never delivers to it")
    min_bucket: Bucket = Field(default=Bucket.NURTURE, description="the lowest bucket that is delivered")
    icps: list[str] | None = Field(default=None, description="deliver leads of these ICPs only; empty takes all")
    max_attempts: int = Field(default=10, ge=1, le=100, description="tries before a delivery is dead and shown to you")


class CandidateModel(BaseModel):
    """A model that stands by for a role: it is asked while those before it cannot answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1, description="name of the model on its server")
    use: str = Field(default="ollama", min_length=1, description="server of models.servers, or component, that holds the model")
    num_ctx: int | None = Field(
        default=None, ge=256, le=1_048_576, description="context window in tokens; empty takes that of the role"
    )


class RoleModel(BaseModel):
    """Which model answers one kind of question, and how it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1, description="name of the model on its server")
    use: str = Field(default="ollama", min_length=1, description="server of models.servers, or component, that holds the model")
    num_ctx: int = Field(
        default=4096, ge=256, le=1_048_576, description="context window in tokens, the same for every call to one model"
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 answers the same each time")
    max_tokens: int = Field(default=1024, ge=1, le=65_536, description="longest answer in tokens")
    enabled: bool = Field(default=True, description="false never asks this model")
    candidates: list[CandidateModel] = Field(
        default_factory=list, description="models that stand by, in order: asked while those before cannot answer"
    )
