"""A lead as sinks receive it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from leadd.api.signals import Contact


@dataclass(frozen=True, slots=True)
class LeadSignal:
    """One signal of a lead, for the reader of a lead: where it stands and what it says."""

    signal_id: int
    title: str
    source: str
    url: str | None
    score: int
    found_at_ms: int
    posted_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """A company (or a person, where no company is known) that shows a need, for one ICP.

    `event` is `lead.created`, or `lead.upgraded` where a later signal lifted it into a better bucket. `revision` counts the
    buckets it rose through. `method` is `evidence` where no language model judged it; fields that need one are empty then.
    """

    id: int
    revision: int
    event: str
    icp: str
    name: str
    score: int
    bucket: str
    status: str
    method: str
    reasons: tuple[str, ...]
    created_at_ms: int
    updated_at_ms: int
    company: str | None = None
    domain: str | None = None
    website: str | None = None
    location: str | None = None
    contacts: tuple[Contact, ...] = ()
    signals: tuple[LeadSignal, ...] = ()
    classification: Mapping[str, Any] = field(default_factory=dict)
    dossier: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The lead as plain JSON values, keys in the order of the fields."""
        # Not asdict, which copies every value within: this is asked several times for each delivery.
        values = {name: getattr(self, name) for name in _LEAD_FIELDS}
        values["contacts"] = tuple({"kind": c.kind, "value": c.value} for c in self.contacts)
        values["signals"] = tuple(asdict(signal) for signal in self.signals)
        return values

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Lead:
        """The lead that `as_dict` wrote. Raises TypeError where a key is missing or unknown."""
        values = dict(data)
        values["reasons"] = tuple(values.get("reasons", ()))
        values["contacts"] = tuple(Contact(**c) for c in values.get("contacts", ()))
        values["signals"] = tuple(LeadSignal(**s) for s in values.get("signals", ()))
        return cls(**values)


_LEAD_FIELDS = tuple(f.name for f in fields(Lead))


@dataclass(frozen=True, slots=True)
class Receipt:
    """A sink's answer: `reference` is what the other side calls the delivery, `detail` one line for the user."""

    reference: str = ""
    detail: str = ""
