"""Questions as /v1/chat/completions takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadd.api import Failure, ModelFailure, ModelRequest
from leadd_openai.manners import Flavour, Form, Manners

CHAT = "/v1/chat/completions"

COMMON = frozenset({"temperature", "top_p", "seed", "stop", "presence_penalty", "frequency_penalty"})
"""Options that every such server knows. Strict servers refuse a question with others."""
LLAMACPP = COMMON | {"top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n"}
VLLM = COMMON | {"top_k", "min_p", "repeat_penalty"}
OPTIONS: Mapping[Flavour, frozenset[str]] = {
    Flavour.LLAMACPP: LLAMACPP,
    Flavour.LMSTUDIO: COMMON | {"top_k", "min_p", "repeat_penalty"},
    Flavour.VLLM: VLLM,
    Flavour.OTHER: COMMON,
}
LOGPROBS = frozenset({"logprobs", "top_logprobs"})
MOST_LOGPROBS = 20
"""What vLLM and OpenAI's own servers give at most; llama.cpp's default."""


def wants_logprobs(request: ModelRequest) -> bool:
    """True where the reply must carry log-probabilities."""
    return bool(request.labels or request.options.get("logprobs"))


def chat_payload(request: ModelRequest, flavour: Flavour, manners: Manners, *, stream: bool) -> dict[str, Any]:
    """The body for /v1/chat/completions. Raises ModelFailure(EMPTY) for a question without text.

    `num_ctx` is not in it: these servers fix the window when they load a model.
    """
    if not any(message.content.strip() for message in request.messages if message.role != "system"):
        raise ModelFailure(Failure.EMPTY, "the question holds no text", model=request.model)
    payload: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": max(1, request.max_tokens),
        "stream": stream,
    }
    payload |= _options(request.options, flavour)
    if stream:
        payload["stream_options"] = {"include_usage": True}
    if flavour in (Flavour.LLAMACPP, Flavour.VLLM):
        # a thinking model would spend the cap before its answer begins
        payload["chat_template_kwargs"] = {"enable_thinking": False}
    if wants_logprobs(request):
        asked = request.options.get("top_logprobs") or MOST_LOGPROBS
        payload |= {"logprobs": True, "top_logprobs": min(MOST_LOGPROBS, int(asked))}
    elif request.schema is not None:
        _add_form(payload, manners.form(request.schema), request.schema)
    if "max_tokens" in manners.refused:
        payload["max_completion_tokens"] = payload["max_tokens"]
    return {name: value for name, value in payload.items() if name not in manners.refused}


def left_out(request: ModelRequest, flavour: Flavour, manners: Manners) -> list[str]:
    """Options of a request that this server does not get."""
    known = OPTIONS[flavour] | LOGPROBS
    return [name for name in request.options if name not in known or name in manners.refused]


def first_question(model: str) -> dict[str, Any]:
    """The body that has a model loaded and answers with one token, with its log-probabilities where the server gives them."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": "Say yes."}],
        "max_tokens": 1,
        "stream": False,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 2,
    }


def _options(options: Mapping[str, float | int | str], flavour: Flavour) -> dict[str, Any]:
    found: dict[str, Any] = {name: value for name, value in options.items() if name in OPTIONS[flavour]}
    if flavour is Flavour.VLLM and "repeat_penalty" in found:
        found["repetition_penalty"] = found.pop("repeat_penalty")
    if isinstance(found.get("stop"), str):
        found["stop"] = [found["stop"]]
    return found


def _add_form(payload: dict[str, Any], form: Form, schema: Mapping[str, Any]) -> None:
    if form is Form.SCHEMA:
        wrapped = {"name": "answer", "strict": True, "schema": dict(schema)}
        payload["response_format"] = {"type": "json_schema", "json_schema": wrapped}
    elif form is Form.OBJECT_SCHEMA:
        payload["response_format"] = {"type": "json_object", "schema": dict(schema)}
    elif form is Form.OBJECT:
        payload["response_format"] = {"type": "json_object"}
