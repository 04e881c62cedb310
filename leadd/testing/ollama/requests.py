"""Reading requests as Ollama reads them: the same checks, the same words for what is wrong."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadd.testing.ollama.errors import ApiError
from leadd.testing.ollama.tokens import common_prefix

STRING, BOOL, LIST, MAP, NUMBER = "string", "bool", "list", "map[string]interface {}", "int"
COMMON = {"model": STRING, "options": MAP}
TALK = COMMON | {"stream": BOOL, "truncate": BOOL, "shift": BOOL, "logprobs": BOOL, "top_logprobs": NUMBER}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "ChatRequest": TALK | {"messages": "[]api.Message", "tools": "api.Tools"},
    "GenerateRequest": TALK | {"prompt": STRING, "suffix": STRING, "system": STRING, "template": STRING, "raw": BOOL},
    "EmbedRequest": COMMON | {"truncate": BOOL, "dimensions": NUMBER},
    "EmbeddingRequest": COMMON | {"prompt": STRING},
    "ShowRequest": {"model": STRING, "name": STRING, "verbose": BOOL},
    "PullRequest": {"model": STRING, "name": STRING, "stream": BOOL, "insecure": BOOL},
    "DeleteRequest": {"model": STRING, "name": STRING},
    "CopyRequest": {"source": STRING, "destination": STRING},
    "CreateRequest": {
        "model": STRING,
        "name": STRING,
        "stream": BOOL,
        "from": STRING,
        "system": STRING,
        "modelfile": STRING,
        "parameters": MAP,
        "adapters": MAP,
        "messages": "[]api.Message",
    },
}
PYTHON: Mapping[str, tuple[type, ...]] = {
    STRING: (str,), BOOL: (bool,), MAP: (dict,), NUMBER: (int,), "[]api.Message": (list,), "api.Tools": (list,),
}  # fmt: skip
INTEGERS = frozenset({
    "num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch", "num_gpu", "main_gpu",
    "num_thread", "draft_num_predict",
})  # fmt: skip
FLOATS = frozenset({
    "top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty",
})  # fmt: skip
RUNNER_OPTIONS = ("num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict")
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
SCHEMA_TYPES = frozenset(("object", "array", "string", "number", "integer", "boolean", "null"))
LITERALS = ("null", "true", "false")
FOREVER = math.inf

_DECODER = json.JSONDecoder()
_EXPECTED = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting value": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
}


def decode(body: bytes, kind: str, unknown: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The request's object with its known fields checked. Raises ApiError 400; unknown fields are kept and ignored."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    if not text:
        raise ApiError(400, "missing request body")
    try:
        value, _ = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise ApiError(400, _syntax(text, error, body)) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(400, f"json: cannot unmarshal {_json_type(value)} into Go value of type api.{kind}")
    for name, go_type in FIELDS[kind].items():
        given = value.get(name)
        if given is None or name in unknown:
            continue
        if not isinstance(given, PYTHON[go_type]) or (go_type == NUMBER and isinstance(given, bool)):
            raise _wrong_type(given, f"{kind}.{name}", go_type)
    if kind == "ChatRequest":
        _check_messages(value.get("messages") or ())
    return value


def _check_messages(messages: Sequence[Any]) -> None:
    for message in messages:
        if not isinstance(message, dict):
            raise _wrong_type(message, "ChatRequest.messages", "api.Alias")
        for name in ("role", "content"):
            if not isinstance(message.get(name) or "", str):
                raise _wrong_type(message[name], f"ChatRequest.messages.{name}", STRING)


def _wrong_type(given: object, where: str, go_type: str) -> ApiError:
    return ApiError(400, f"json: cannot unmarshal {_json_type(given)} into Go struct field {where} of type {go_type}")


def _syntax(text: str, error: json.JSONDecodeError, body: bytes) -> str:
    left = text[error.pos :]
    if not left or error.msg.startswith("Unterminated") or any(word.startswith(left) for word in LITERALS):
        return "unexpected EOF"
    literal = next((word for word in LITERALS if left[0] == word[0]), None)
    if literal is not None and error.msg.startswith("Expecting value"):
        at = common_prefix(left, literal)
        return f"invalid character '{left[at]}' in literal {literal} (expecting '{literal[at]}')"
    if left[0] == "\ufffd":
        left = next(chr(byte) for byte in body if byte > 127)
    if error.msg.startswith("Invalid control character"):
        return f"invalid character '\\x{ord(left[0]):02x}' in string literal"
    if error.msg.startswith("Expecting ','") and text.rfind("[", 0, error.pos) > text.rfind("{", 0, error.pos):
        return f"invalid character '{left[0]}' after array element"
    where = next((go for python, go in _EXPECTED.items() if error.msg.startswith(python)), "looking for beginning of value")
    return f"invalid character '{left[0]}' {where}"


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def keep_alive_s(value: object) -> float | None:
    """Seconds, FOREVER for anything negative, None where nothing was said. Raises ApiError 400 for what Go cannot read."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        kind = {bool: "bool", list: "[]interface {}"}.get(type(value), "map[string]interface {}")
        raise ApiError(400, f"Unsupported type: '{kind}'")
    seconds = _duration(value) if isinstance(value, str) else float(value)
    return FOREVER if seconds < 0 else seconds


def _duration(text: str) -> float:
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0.0
    if not rest or not re.match(r"[\d.]", rest):
        raise ApiError(400, f'time: invalid duration "{text}"')
    total = 0.0
    while rest:
        match = re.match(r"(\d+\.?\d*|\.\d+)([^\d.]*)", rest)
        if match is None:
            raise ApiError(400, f'time: invalid duration "{text}"')
        number, unit = match.groups()
        if not unit:
            raise ApiError(400, f'time: missing unit in duration "{text}"')
        if unit not in UNITS:
            raise ApiError(400, f'time: unknown unit "{unit}" in duration "{text}"')
        total += float(number) * UNITS[unit]
        rest = rest[match.end() :]
    return sign * total


@dataclass(frozen=True, slots=True)
class Options:
    """The options that the fake acts on. `runner` holds those that would reload the model."""

    num_ctx: int | None = None
    num_predict: int = -1
    temperature: float = 0.8
    stop: tuple[str, ...] = ()
    runner: tuple[tuple[str, object], ...] = ()


NO_OPTIONS = Options()


def read_options(raw: Mapping[str, Any] | None) -> Options:
    """Checked options. Raises ApiError 500 for a wrong type; unknown names and nulls are ignored."""
    if not raw:
        return NO_OPTIONS
    good: dict[str, Any] = {}
    for name, value in raw.items():
        if value is None:
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in INTEGERS:
            _need(number, name, "integer")
            good[name] = int(value)
        elif name in FLOATS:
            _need(number, name, "float32")
            good[name] = float(value)
        elif name == "use_mmap":
            _need(isinstance(value, bool), name, "boolean")
            good[name] = value
        elif name == "stop":
            _need(isinstance(value, list), name, "array")
            if not all(isinstance(item, str) for item in value):
                raise ApiError(500, 'option "stop" must be of an array of strings')
            good[name] = tuple(value)
    return Options(
        num_ctx=good.get("num_ctx"),
        num_predict=good.get("num_predict", -1),
        temperature=good.get("temperature", 0.8),
        stop=good.get("stop", ()),
        runner=tuple((name, good[name]) for name in RUNNER_OPTIONS if name in good),
    )


def _need(fits: bool, name: str, kind: str) -> None:
    if not fits:
        raise ApiError(500, f'option "{name}" must be of type {kind}')


def read_format(value: object, *, native: bool) -> Mapping[str, Any] | None:
    """None for no format, an empty mapping for plain JSON, else the schema. Raises ApiError (generating) for bad ones."""
    if value is None or value == "":
        return None
    if value == "json":
        return {}
    if not isinstance(value, dict):
        quoted = json.dumps(json.dumps(value))
        message = f'invalid format: {quoted}; expected "json" or a valid JSON Schema object'
        raise ApiError(500, message, generating=True)
    if not _schema_fits(value):
        if native:
            raise ApiError(400, "failed to parse grammar", generating=True)
        raise ApiError(500, "invalid JSON schema in format", generating=True)
    return value


def _schema_fits(schema: object) -> bool:
    """False for what the grammar converter refuses: an unknown type, a pattern without both anchors."""
    if not isinstance(schema, dict):
        return True
    kind, pattern = schema.get("type"), schema.get("pattern")
    kinds = kind if isinstance(kind, list) else [kind] if kind is not None else []
    if any(item not in SCHEMA_TYPES for item in kinds):
        return False
    if isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$")):
        return False
    parts = [*schema.get("properties", {}).values(), schema.get("items"), *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return all(_schema_fits(part) for part in parts)


@dataclass(slots=True)
class Call:
    """One question to a model, from either endpoint. `options` are read once the model is known to be there."""

    endpoint: str
    model: str
    messages: tuple[Mapping[str, Any], ...]
    options: Options
    raw_format: object = None
    stream: bool = True
    keep_alive: float | None = None
    truncate: bool = True
    shift: bool = True
    logprobs: bool = False
    top_logprobs: int = 0
    empty: bool = False
    context: bool = False
    needs: tuple[str, ...] = field(default=())

    @property
    def asks_label(self) -> bool:
        """True for a question for one word, whose probability is to be read from the alternatives of its tokens."""
        return self.logprobs and self.top_logprobs > 0 and not self.raw_format

    @property
    def user_text(self) -> str:
        """What the last message of the user says."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return str(message.get("content") or "")
        return str(self.messages[-1].get("content") or "") if self.messages else ""


def read_chat(body: Mapping[str, Any]) -> Call:
    """The question of a chat request. Raises ApiError."""
    messages = tuple(item for item in body.get("messages") or () if isinstance(item, dict))
    needs = ("tools",) if body.get("tools") else ()
    return _call("chat", body, messages, empty=not messages, context=False, needs=needs)


def read_generate(body: Mapping[str, Any]) -> Call:
    """The question of a generate request. Raises ApiError."""
    system, prompt = body.get("system"), body.get("prompt") or ""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": prompt})
    needs = ("insert",) if body.get("suffix") else ()
    return _call("generate", body, tuple(messages), empty=not prompt, context=not body.get("raw"), needs=needs)


def _call(
    endpoint: str, body: Mapping[str, Any], messages: tuple[Mapping[str, Any], ...], *, empty: bool, context: bool,
    needs: tuple[str, ...],
) -> Call:  # fmt: skip
    return Call(
        endpoint=endpoint,
        model=body.get("model") or "",
        messages=messages,
        options=NO_OPTIONS,
        raw_format=body.get("format"),
        stream=body.get("stream") is not False,
        keep_alive=keep_alive_s(body.get("keep_alive")),
        truncate=body.get("truncate") is not False,
        shift=body.get("shift") is not False,
        logprobs=bool(body.get("logprobs")),
        top_logprobs=body.get("top_logprobs") or 0,
        empty=empty,
        context=context,
        needs=(*needs, "thinking") if body.get("think") else needs,
    )
