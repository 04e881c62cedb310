"""When a reply is an answer. Each rule that is broken has its own name; nothing half right passes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.api import Failure, Method, ModelFailure, ModelRequest, Reply
from leadd.inference.answers import labels
from leadd.inference.answers.shapes import misfit
from leadd.inference.questions import Implausible, Question

CHARS_PER_TOKEN_MOST = 12
"""No tokenizer of a language packs more characters into a token over a whole prompt; fewer tokens mean that it was cut."""

CHARS_PER_TOKEN_ANSWER = 64
"""An answer longer than this for each allowed token did not come from the tokens that were allowed."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The answer's data after the question's own check, and the same as JSON text for the cache and for other askers."""

    data: dict[str, Any]
    text: str


class UnreadLabels(Exception):
    """The log-probabilities of a reply show none of the labels: it says nothing, and is nobody's fault."""


def verify(
    reply: Reply, request: ModelRequest, question: Question, method: Method, early: Mapping[str, Any] | None = None
) -> Verified:
    """The answer in a reply, or `early` where the question's own rule made one of its beginning.

    Raises ModelFailure by the name of the first rule that it breaks; UnreadLabels where only the labels cannot be read.
    """
    if early is not None:
        return _written(_check(early, question, reply), reply)
    _ended_by_itself(reply, request)
    if reply.method is not method:
        raise _failure(Failure.IMPLAUSIBLE, f"the answer is stamped {reply.method}, a {method} was asked", reply)
    data = _data(reply, request, question, method)
    if not isinstance(data, dict):
        raise _failure(Failure.SCHEMA, "the answer is no JSON object", reply)
    kept = _check(data, question, reply)
    if method is Method.MODEL:
        _saw_the_whole_prompt(reply, request)
    return _written(kept, reply)


def _data(reply: Reply, request: ModelRequest, question: Question, method: Method) -> Any:
    if request.labels:
        found = labels.answer(reply.logprobs, request.labels)
        if found is None:
            raise UnreadLabels
        return found
    data = parse(reply.text, reply)
    if request.schema is not None:
        wrong = misfit(data, request.schema)
        if wrong:
            raise _failure(Failure.SCHEMA, wrong, reply)
    if question.labels and method is Method.MODEL:
        data = labels.of_value(data, question.labels)
        if data is None:
            raise _failure(Failure.SCHEMA, "the answer is none of the labels", reply)
    return data


def _written(kept: dict[str, Any], reply: Reply) -> Verified:
    try:
        text = to_text(kept)
        text.encode()
    except (TypeError, ValueError) as error:
        raise _failure(Failure.NOT_JSON, f"the answer cannot be written as JSON: {error}", reply) from None
    return Verified(kept, text)


def to_text(data: Mapping[str, Any]) -> str:
    """An answer's data as JSON, as short as it gets."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def parse(text: str, reply: Reply | None = None) -> Any:
    """The JSON value in a text. Strict: no NaN, no key twice, nothing around it. Raises ModelFailure NOT_JSON."""
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:120]
        raise _failure(Failure.NOT_JSON, f"no JSON: {reason}", reply) from None


def _ended_by_itself(reply: Reply, request: ModelRequest) -> None:
    reason = reply.done_reason
    if request.labels and reason in {"stop", "length"}:
        return  # one word is wanted, whatever would have come after it
    if reason == "length":
        raise _failure(Failure.LENGTH, f"the answer was cut at {request.max_tokens} tokens", reply)
    if reason in {"load", "unload"}:
        raise _failure(Failure.EMPTY, f"the server took the question for a {reason} request", reply)
    if reason != "stop":
        raise _failure(Failure.NOT_DONE, f"the answer ended without a stop (reason {reason[:40]!r})", reply)
    if not reply.text.strip():
        raise _failure(Failure.EMPTY, "the answer is empty", reply)
    if len(reply.text) > CHARS_PER_TOKEN_ANSWER * request.max_tokens + 1024:
        raise _failure(Failure.IMPLAUSIBLE, f"{len(reply.text)} characters out of {request.max_tokens} tokens", reply)


def _check(data: Mapping[str, Any], question: Question, reply: Reply) -> dict[str, Any]:
    try:
        return dict(question.check(data))
    except Implausible as error:
        raise _failure(Failure.IMPLAUSIBLE, str(error)[:300], reply) from None
    except ValueError as error:
        raise _failure(Failure.SCHEMA, str(error)[:300], reply) from None


def _saw_the_whole_prompt(reply: Reply, request: ModelRequest) -> None:
    usage = reply.usage
    if not usage.prompt_tokens and not usage.output_tokens:
        return  # a server that counts nothing; Ollama always counts
    chars = sum(len(message.content) for message in request.messages)
    floor = chars // CHARS_PER_TOKEN_MOST
    if usage.prompt_tokens < floor:
        message = f"the model saw {usage.prompt_tokens} tokens of a prompt of {chars} characters (at least {floor} expected)"
        raise _failure(Failure.TRUNCATED_PROMPT, message, reply)


def _failure(kind: Failure, message: str, reply: Reply | None) -> ModelFailure:
    if reply is None:
        return ModelFailure(kind, message)
    return ModelFailure(kind, message, raw=reply.text, model=reply.model)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return data
