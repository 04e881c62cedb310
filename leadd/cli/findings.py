"""What the doctor found, one line each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, note (worth knowing) or problem (worth mending), and the way out."""

    what: str
    level: str
    text: str
    way_out: str = ""
