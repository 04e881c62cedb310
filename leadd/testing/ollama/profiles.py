"""What differs between the versions of Ollama in the field, as flags of one profile."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMES = {"legacy": "0.9.3", "0.30": "0.30.11", "0.31": "0.31.1", "0.32": "0.32.15", "0.30-0.32": "0.32.15", "0.33+": "0.33.1"}
"""Names of profiles and the exact version that each stands for."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One version's behaviour. `native` engines answer through llama-server (0.30 and later)."""

    version: str
    native: bool
    warm_skips_queue: bool
    ps_context_length: bool
    embed_dimensions: bool
    truncate_flag: bool
    logprobs: bool
    half_window: bool
    counts_cached: bool
    repeat_limit: int
    repeat_is_error: bool
    early_error_status: bool
    late_cancel: bool
    shift_reloads: bool

    @property
    def unknown_fields(self) -> frozenset[str]:
        """Fields of chat and embed requests that this version ignores, whatever their type."""
        unknown = set() if self.embed_dimensions else {"dimensions"}
        unknown |= set() if self.logprobs else {"logprobs", "top_logprobs"}
        return frozenset(unknown)

    @property
    def runner_name(self) -> str:
        """What error texts call the process that runs the model."""
        return "llama-server" if self.native else "llama runner"


def profile(name: str = "0.33+") -> Profile:
    """The profile of a name in NAMES or of an exact version such as `0.12.6`. Raises ValueError for anything else."""
    version = NAMES.get(name, name)
    match = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?(?:-?rc\d+)?", version)
    if match is None:
        raise ValueError(f"no profile '{name}': use one of {', '.join(NAMES)} or a version such as 0.12.6")
    at = (int(match[1]), int(match[2]), int(match[3] or 0))
    native = at >= (0, 30, 0)
    newest = at >= (0, 33, 0) and "rc" not in version
    return Profile(
        version=version,
        native=native,
        warm_skips_queue=at >= (0, 11, 5),
        ps_context_length=at >= (0, 10, 0),
        embed_dimensions=at >= (0, 11, 11),
        truncate_flag=at >= (0, 12, 6),
        logprobs=at >= (0, 12, 11),
        half_window=at >= (0, 30, 11),
        counts_cached=at >= (0, 30, 1) or not native,
        repeat_limit=100 if newest else 30,
        repeat_is_error=newest,
        early_error_status=native,
        late_cancel=not native,
        shift_reloads=native,
    )
