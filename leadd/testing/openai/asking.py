"""Reading questions as each server reads them: the same checks, the same words for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.testing.ollama.requests import Call, read_chat
from leadd.testing.ollama.stats import role_of
from leadd.testing.openai.house import House
from leadd.testing.openai.refusals import Refused

MOST_LOGPROBS = 20
SCHEMA_TYPES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))


@dataclass(slots=True)
class Asked:
    """One question. `schema` None: any text; {}: any JSON. `call` is the same question as the fake Ollama's judge takes it."""

    model: str
    call: Call
    schema: Mapping[str, Any] | None
    max_tokens: int
    stream: bool
    with_usage: bool
    stop: tuple[str, ...]

    @property
    def role(self) -> str:
        """What it is about; a question for one token only loads the model."""
        if self.max_tokens == 1:
            return "preload"
        return "triage" if self.call.asks_label else role_of(self.schema)


def read_body(house: House, body: bytes) -> dict[str, Any]:
    """The request's JSON object. Raises Refused 400."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise house.refused(400, f"[json.exception.parse_error.101] parse error: {error}") from None
    if not isinstance(value, dict):
        raise house.refused(400, "the request is no JSON object")
    return value


def read_question(house: House, body: Mapping[str, Any]) -> Asked:
    """The question of a chat completion. Raises Refused."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(item, dict) and "role" in item for item in messages):
        raise _wrong_messages(house, messages)
    if house.has("no_stream_options") and "stream_options" in body:
        raise house.refused(400, "Unrecognized request argument supplied: stream_options")
    logprobs, top = _logprobs(house, body)
    schema = _schema(house, body.get("response_format"))
    format_ = "json" if schema == {} else schema
    call = read_chat({"messages": messages, "logprobs": logprobs, "top_logprobs": top, "format": format_})
    stop = body.get("stop") or ()
    options = body.get("stream_options")
    asked = body.get("max_completion_tokens", body.get("max_tokens"))
    return Asked(
        model=str(body.get("model") or ""),
        call=call,
        schema=schema,
        max_tokens=asked if isinstance(asked, int) and asked > 0 else house.num_ctx,
        stream=body.get("stream") is True,
        with_usage=isinstance(options, dict) and options.get("include_usage") is True,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
    )


def _wrong_messages(house: House, messages: object) -> Refused:
    if house.flavour == "llamacpp":
        return house.refused(400, "'messages' is required" if messages is None else "Expected 'messages' to be an array")
    if house.flavour == "vllm":
        return house.refused(400, "[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}]")
    return house.refused(400, "'messages' field is required")


def _logprobs(house: House, body: Mapping[str, Any]) -> tuple[bool, int]:
    wanted, top = body.get("logprobs") is True, body.get("top_logprobs")
    if wanted and house.has("refuses_logprobs"):
        raise house.refused(400, "logprobs are not supported by this server", param="logprobs")
    if house.flavour == "lmstudio" or house.has("no_logprobs"):
        return False, 0  # taken and forgotten
    if top is not None and not wanted:
        if house.flavour == "llamacpp":
            raise house.refused(400, "top_logprobs requires logprobs to be set to true")
        raise house.refused(400, "when using `top_logprobs`, `logprobs` must be set to true.", param="top_logprobs")
    if house.flavour == "vllm" and isinstance(top, int) and top > MOST_LOGPROBS:
        message = f"Requested sample logprobs of {top}, which is greater than max allowed: {MOST_LOGPROBS}"
        raise house.refused(400, message, param="logprobs")
    if not wanted:
        return False, 0
    return True, top if isinstance(top, int) else (MOST_LOGPROBS if house.flavour == "llamacpp" else 0)


def _schema(house: House, given: object) -> Mapping[str, Any] | None:
    """The schema in a response_format, None where any text will do."""
    if not isinstance(given, dict) or given.get("type") == "text":
        return None
    kind = given.get("type")
    if house.has("no_response_format") or (kind == "json_schema" and house.has("no_json_schema")):
        raise house.refused(400, f"response_format of type '{kind}' is not supported", param="response_format")
    if kind == "json_schema":
        wrapped = given.get("json_schema")
        schema = wrapped.get("schema") if isinstance(wrapped, dict) else None
    elif kind == "json_object" and house.flavour != "lmstudio":
        schema = given.get("schema", {}) if house.flavour == "llamacpp" else {}
    else:
        raise _wrong_format(house, kind)
    if not isinstance(schema, dict) or not _fits(schema):
        raise house.refused(400, 'failed to parse grammar: "json_schema" is not one', param="response_format")
    return schema


def _wrong_format(house: House, kind: object) -> Refused:
    if house.flavour == "lmstudio":
        return house.refused(400, "'response_format.type' must be 'json_schema' or 'text'")
    if house.flavour == "vllm":
        return house.refused(400, f"[{{'loc': ('body', 'response_format', 'type'), 'input': '{kind}'}}]")
    return house.refused(400, f'response_format type must be one of "text" or "json_object", but got: {kind}')


def _fits(schema: object) -> bool:
    """False for a schema with a type that does not exist."""
    if not isinstance(schema, dict):
        return True
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind] if kind is not None else []
    parts = [*schema.get("properties", {}).values(), schema.get("items")]
    return all(item in SCHEMA_TYPES for item in kinds) and all(_fits(part) for part in parts)
