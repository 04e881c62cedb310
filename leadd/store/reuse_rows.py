"""The rows of near-duplicate reuse: sketches, what was taken over, what was checked, and what all of it comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NewSketch:
    """What finds near duplicates of a signal: its signature and one 63-bit number for each band."""

    signature: bytes
    bands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SketchRow:
    """A signal that shares at least one band with what was looked for."""

    signal_id: int
    signature: bytes
    shared_bands: int


@dataclass(frozen=True, slots=True)
class NewReuse:
    """For one ICP: what was taken over from an earlier signal (`kind` twin or near), or checked against the model (check).

    `scope` names the ICP's content, the prompts and the weights that it speaks of. `predicted` and `found` are the decisions
    of a check, `wrong` whether they differ, `certified` whether reuse was certified then. `calls` and `tokens` are what the
    earlier answers had cost: saved by a reuse, spent by a check.
    """

    icp_id: int
    of_signal_id: int
    kind: str
    scope: str
    similarity: float = 1.0
    predicted: str = ""
    found: str = ""
    wrong: bool = False
    certified: bool = False
    calls: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """What the end of a signal leaves for later near duplicates; written in the transaction of that end."""

    sketch: NewSketch | None = None
    reuses: tuple[NewReuse, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The earlier signals whose reuse was checked for one ICP in one scope, and those of them that would have been wrong;
    `was_certified` where reuse was certified at any of the checks."""

    checked: int = 0
    wrong: int = 0
    was_certified: bool = False


@dataclass(frozen=True, slots=True)
class ReuseCounts:
    """What reuse did for one ICP over all time: signals by kind, and model calls and tokens saved by the first two kinds."""

    twins: int = 0
    near: int = 0
    checks: int = 0
    twin_calls: int = 0
    twin_tokens: int = 0
    near_calls: int = 0
    near_tokens: int = 0
