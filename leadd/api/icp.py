"""The ideal customer profile: whom the user serves, in plain words and in fields."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Use = Literal["filter", "score", "exclude"]


class IcpField(BaseModel):
    """One field of an ICP and what it does.

    filter: a signal that clearly has none of the values is dropped (unknown is never 'clearly'). score: a match raises the
    prefilter score. exclude: a match drops the signal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    values: tuple[Word, ...] = ()
    use: Use = "score"


def _field(use: Use) -> IcpField:
    return IcpField(use=use)


class Icp(BaseModel):
    """An ideal customer profile.

    The enumerations (`size_buckets`, `regions`, `role_types`, `all_pain_tags`) are what a classification may answer; they
    belong to the ICP, so leadd is not only for people who sell marketing. Keywords match whole words in any language,
    whatever their case and accents; `word*` matches words that begin so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=4000)]
    enabled: bool = True
    sizes: IcpField = Field(default_factory=IcpField)
    industries: IcpField = Field(default_factory=IcpField)
    locations: IcpField = Field(default_factory=IcpField)
    hiring_keywords: IcpField = Field(default_factory=IcpField)
    pain_keywords: IcpField = Field(default_factory=IcpField)
    channels: IcpField = Field(default_factory=IcpField)
    exclude_keywords: IcpField = Field(default_factory=lambda: _field("exclude"))
    size_buckets: tuple[Word, ...] = ("1", "2-5", "6-10", "11-20", "unknown")
    regions: tuple[Word, ...] = ("europe", "north_america", "other", "unknown")
    role_types: tuple[Word, ...] = ("first_marketer", "agency_replacement", "extra_headcount", "unclear")
    pain_tags: tuple[Word, ...] = (
        "no_leads",
        "no_strategy",
        "overloaded_founder",
        "agency_trouble",
        "unclear_results",
        "growth_pressure",
    )
    score_threshold: Annotated[int, Field(ge=0, le=100)] | None = None
    """Prefilter score below which a signal is dropped; None takes the setting `prefilter.score_threshold`."""

    def content_hash(self) -> str:
        """SHA-256 hex of everything that can change an answer; part of every cache key."""
        return hashlib.sha256(self.model_dump_json(exclude={"enabled"}).encode()).hexdigest()
