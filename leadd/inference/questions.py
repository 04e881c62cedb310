"""What is asked of a model and what comes back: questions, answers, and where an answer is from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from leadd.api import Message, Method, Role, Subject, Usage

Check = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes the parsed answer, gives it back (cleaned where it must be), raises ValueError where it cannot be an answer."""

Enough = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]
"""Takes the fields that a streamed answer has completed so far. Where they suffice it gives back the whole answer, and the
rest is not waited for; else None. Pure and cheap: it runs after every field."""

Progress = Callable[[str, Any], None]
"""Told of each field of an answer as it is complete: (key, value). ('', None) says that the answer begins again from nothing,
after a broken stream or on another model. Must not raise and must not wait."""

WithoutModel = Literal["wait", "evidence"]
"""What happens while no language model can be asked: wait for one, or read the evidence in the text itself."""

CacheClass = Literal["miss", "hit", "shared"]
"""How an answer came: paid for now, kept from before, or paid for by another asker of the same moment."""


class Implausible(ValueError):
    """Raised by a question's check for an answer of the right shape whose content cannot be true of the text."""


def accept(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The check that asks for nothing beyond the schema."""
    return data


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one text, for whichever model plays `role`.

    `messages`, `schema`, `options`, `max_tokens`, `prompt_hash` and `prompt_label` come from a rendered prompt; the schema
    object must not be changed afterwards (its hash is kept by identity). `options` win over the role's own temperature.
    `icp_hash`, `text_hash` and `normaliser_version` say what the text is and how it was made; they are part of the cache key.
    `subject` is what a reader of evidence looks at. `check` gets the parsed answer, fitting the schema, and returns what is
    kept; ValueError makes it a failure `schema`, Implausible a failure `implausible`. It runs again on a cached answer, so it
    has to accept what it returned. A higher `priority` is served first: a person who waits 1000, a red-hot lead's dossier 500,
    everything else by how promising it is, 0 to 200; whoever has waited for long is served whatever its priority.

    `labels` make it a question for one word: the answer's data is `{"label": …, "probability": p}`, p being the probability of
    the first label, read from the log-probabilities where the server gives them; else `schema` bounds the answer and there is
    no `probability`. Readers of evidence answer such a question as they answer any other, with an object of their own.

    `enough` may end an answer early; `stop_rule` names its rule, as part of the cache key. `again` says that this asker was
    told before that the text got no answer: it wants to try, and takes no refusal out of the cache.
    """

    role: Role
    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None
    options: Mapping[str, float | int | str]
    max_tokens: int
    prompt_hash: str
    prompt_label: str
    icp_hash: str
    text_hash: str
    subject: Subject | None = None
    check: Check = accept
    priority: int = 0
    normaliser_version: int | str = 0
    labels: tuple[str, ...] = ()
    enough: Enough | None = None
    stop_rule: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an answer is from.

    `usage` is what was paid for it now: all zeros for a hit and for a shared answer. `attempts` counts the calls that the
    answer took when it was made, `answered_at_ms` when that was (UTC). `wait_ms` is the time in leadd's own queue (the server's
    is `usage.queue_ms`). `done_reason` is `stop`, or `early` where the question's `enough` ended it. `instead_of` names the
    first choice (`server/model`) where another one answered because it could not.
    """

    method: Method
    model: str
    digest: str
    server_version: str
    key: str
    cache: CacheClass
    prompt_label: str
    prompt_hash: str
    done_reason: str
    usage: Usage
    attempts: int
    answered_at_ms: int
    wait_ms: float = 0.0
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that passed every rule, and where it is from. `data` belongs to the asker alone."""

    data: dict[str, Any]
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class RolePlan:
    """Who plays a role: `use` is a name in Inference's models, `model` the name that this server knows.

    `max_tokens` caps what a prompt may ask for; None leaves it to the prompt. Roles that share a model share the largest
    `num_ctx` of theirs, because every change of it makes a server load the model again. `quantization` is part of the cache
    key for servers whose digest does not tell it. `when` says what a candidate after the first stands by for: any failure, or
    only for want of memory (a smaller model gives smaller answers, so nobody but a full memory may choose it). `optional` ones
    that a server does not have are passed over without a word. `example_tokens` is what a tuned model reads of its own before
    every prompt: it comes off the budget.
    """

    use: str
    model: str
    num_ctx: int
    temperature: float = 0.0
    max_tokens: int | None = None
    quantization: str = ""
    when: Literal["any", "memory"] = "any"
    optional: bool = False
    example_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a role can be asked now, by whom, and why not (or why only by evidence)."""

    ok: bool
    method: Method | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InferenceSettings:
    """The numbers that Inference works by. Seconds unless the name says otherwise.

    `slots` bounds the calls in flight per server and model; with `adapt_slots` leadd finds how many of them pay. Where the
    models of a server do not fit into its memory together they take turns: `min_batch` questions are worth a turn, and nobody
    waits for one much longer than `max_wait_s`. `idle_s` and `total_s` go into every request; `load_s` bounds a model's load.
    `max_attempts` bounds the calls for one question to one model, whatever the table of retries allows. `without_model` says
    what happens at first while no language model can be asked (`Inference.set_without_model` changes it).
    """

    slots: int = 8
    adapt_slots: bool = True
    min_batch: int = 8
    max_wait_s: float = 60.0
    evidence_slots: int = 4
    idle_s: float = 120.0
    total_s: float = 300.0
    load_s: float = 600.0
    health_every_s: float = 300.0
    health_timeout_s: float = 10.0
    max_attempts: int = 3
    streaming: bool = False
    without_model: WithoutModel = "wait"
    cache_enabled: bool = True
    cache_ttl_s: float | None = 2_592_000.0
    cache_refusal_ttl_s: float = 600.0
    cache_vector_ttl_s: float = 604_800.0
    cache_role_ttl_s: Mapping[str, float] = field(default_factory=dict)
    cache_lease_s: float = 15.0
    cache_timeout_s: float = 0.25
    warm_s: float = 240.0
    embed_batch: int = 32


@dataclass(frozen=True, slots=True)
class RoleStats:
    """Figures of one role since the start, for one method.

    `asked` = hits + shared + misses. `calls` counts requests to a model, so it exceeds the misses by the retries and by what
    other candidates were asked (`failovers`). `early` answers were ended because what had come was enough. `wait_ms` is the
    time in leadd's own queue, `queue_ms` the time in the server's.
    """

    asked: int = 0
    hits: int = 0
    shared: int = 0
    misses: int = 0
    calls: int = 0
    answers: int = 0
    retries: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    output_tokens: int = 0
    load_ms: float = 0.0
    prompt_ms: float = 0.0
    output_ms: float = 0.0
    queue_ms: float = 0.0
    call_ms: float = 0.0
    wait_ms: float = 0.0
    early: int = 0
    failovers: int = 0


@dataclass(frozen=True, slots=True)
class InferenceStats:
    """All figures since the start. `roles` counts language models only; `evidence` stands apart and never adds to it.

    `cache_waited` counts askers that waited for another process's answer, `cache_taken_over` those that took the work over
    from a process that did not come to its end.
    """

    roles: Mapping[Role, RoleStats]
    evidence: Mapping[Role, RoleStats]
    in_flight: int = 0
    waiting: int = 0
    flights: int = 0
    preloads: int = 0
    preload_failures: int = 0
    cache_dropped: int = 0
    cache_faults: int = 0
    cache_waited: int = 0
    cache_taken_over: int = 0
    probes: int = 0
