"""What leadd does after each failure: which are outages, which are asked again, how often, after how long, with what change.

A table and not a decorator, because the right answer differs for each: asking again for a model that is not there never
helps, asking again at temperature 0 gives the same broken answer, and asking again when memory ran out makes it worse.
docs/failures.md says the same in words for users.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from leadd.api import Failure, ModelFailure, ModelRequest

OUTAGES = frozenset(
    {
        Failure.UNREACHABLE, Failure.BUSY, Failure.FORBIDDEN, Failure.WRONG_SERVER, Failure.MISSING_MODEL,
        Failure.MISSING_CAPABILITY, Failure.OUT_OF_MEMORY, Failure.LOAD_STALLED, Failure.LOADING_FAILED,
        Failure.SERVER_ERROR,
    }
)  # fmt: skip
"""Failures of the server or of the settings. No text is at fault, so no signal is charged."""

SERVER_WIDE = frozenset({Failure.UNREACHABLE, Failure.WRONG_SERVER})
"""Outages that concern every model of a server. Not `forbidden`: one model may be refused while others are not."""

BROKEN = frozenset({Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL, Failure.CRASHED, Failure.BROKEN_STREAM})
"""Ends of a call that may be the text's fault or the server's: where another model can be asked, it is for a while."""

BAD_ANSWERS = frozenset({Failure.NOT_JSON, Failure.SCHEMA, Failure.NOT_DONE, Failure.REPEATED_TOKENS, Failure.EMPTY})
"""Answers that arrive and are none. One may be the text's fault, many are the model's."""

WARMER_BY = 0.4
MAX_TEMPERATURE = 1.0


class Change(StrEnum):
    """What is different in the next try."""

    NOTHING = "nothing"
    WARMER = "warmer"
    LONGER = "longer"


@dataclass(frozen=True, slots=True)
class Rule:
    """How often one question is asked again after a failure, after how many seconds (doubled each time), with what change."""

    times: int = 0
    wait_s: float = 0.0
    change: Change = Change.NOTHING


_NEVER = Rule()
_ONCE_WARMER = Rule(1, 0.0, Change.WARMER)

RULES: Mapping[Failure, Rule] = {
    Failure.UNREACHABLE: _NEVER,  # the health monitor asks after the server; a hundred questions need not
    Failure.BUSY: Rule(2, 1.0),
    Failure.FORBIDDEN: _NEVER,
    Failure.WRONG_SERVER: _NEVER,
    Failure.MISSING_MODEL: _NEVER,
    Failure.MISSING_CAPABILITY: _NEVER,
    Failure.BAD_REQUEST: _NEVER,
    Failure.TOO_LONG: _NEVER,
    Failure.OUT_OF_MEMORY: _NEVER,  # a blind second try unloads the other models as well
    Failure.LOAD_STALLED: _NEVER,
    Failure.LOADING_FAILED: _NEVER,
    Failure.CRASHED: Rule(1, 1.0),
    Failure.BROKEN_STREAM: Rule(1, 0.5),
    Failure.NOT_DONE: _ONCE_WARMER,  # up to Ollama 0.33 this is how an abort for repeated tokens looks
    Failure.REPEATED_TOKENS: _ONCE_WARMER,
    Failure.TIMEOUT_IDLE: _NEVER,  # a second wait of minutes belongs to the pipeline, with its back-off
    Failure.TIMEOUT_TOTAL: _NEVER,
    Failure.LENGTH: Rule(1, 0.0, Change.LONGER),
    Failure.EMPTY: _NEVER,  # the server saw an empty question: a bug, not bad luck
    Failure.NOT_JSON: _ONCE_WARMER,
    Failure.SCHEMA: _ONCE_WARMER,
    Failure.IMPLAUSIBLE: _ONCE_WARMER,
    Failure.TRUNCATED_PROMPT: _NEVER,
    Failure.BAD_VECTOR: Rule(1, 0.0),
    Failure.SERVER_ERROR: Rule(1, 1.0),
}


def is_outage(failure: Failure | ModelFailure) -> bool:
    """True where the server is at fault: the signal waits and nothing is charged to it. Else the signal is charged."""
    return (failure.kind if isinstance(failure, ModelFailure) else failure) in OUTAGES


def next_request(request: ModelRequest, change: Change) -> ModelRequest | None:
    """The request of the next try; None where the change cannot be made, so that another try would be the same again."""
    if change is Change.WARMER:
        now = float(request.options.get("temperature", 0.0))
        warmer = min(MAX_TEMPERATURE, now + WARMER_BY)
        return replace(request, options={**request.options, "temperature": warmer}) if warmer > now else None
    if change is Change.LONGER:
        longer = min(request.max_tokens * 2, request.num_ctx // 2)
        return replace(request, max_tokens=longer) if longer > request.max_tokens else None
    return request


def wait_before(rule: Rule, failure: ModelFailure, times_before: int, rng: random.Random) -> float:
    """Seconds before the next try: what the server asked for, else doubled each time, with jitter of a half."""
    if failure.after_s is not None:
        return failure.after_s
    wait_s = rule.wait_s * 2.0**times_before
    return wait_s * rng.uniform(0.5, 1.0)
