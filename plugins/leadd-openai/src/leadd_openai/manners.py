"""What one server was found to take and to give, beyond what its flavour promises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from leadd.api import Failure
from leadd_openai.failures import Refusal

_KEPT_SCHEMAS = 256


class Flavour(StrEnum):
    """The servers that are told apart; `other` speaks the common language and nothing more."""

    LLAMACPP = "llamacpp"
    LMSTUDIO = "lmstudio"
    VLLM = "vllm"
    OTHER = "other"


class Form(StrEnum):
    """Ways to ask for an answer that fits a schema, the strictest first. NONE leaves it to the prompt's words."""

    SCHEMA = "json_schema"
    OBJECT_SCHEMA = "json_object with schema"
    OBJECT = "json_object"
    NONE = "none"


_LADDER = tuple(Form)
_FORM_WORDS = ("response_format", "json_schema", "json_object", "schema", "grammar", "structured", "guided")
_EXTRAS = ("stream_options", "chat_template_kwargs", "timings_per_token", "top_k", "min_p", "typical_p", "repeat_penalty",
           "repetition_penalty", "repeat_last_n", "seed", "presence_penalty", "frequency_penalty", "temperature",
           "top_p")  # fmt: skip
_REFUSALS = frozenset({Failure.BAD_REQUEST, Failure.MISSING_CAPABILITY})


@dataclass(slots=True)
class Manners:
    """What one server takes. Learnt from its refusals: what it names in one and was sent is not sent again.

    `logprobs` is None until an answer has shown whether it gives them.
    """

    logprobs: bool | None = None
    refused: set[str] = field(default_factory=set)
    forms: dict[str, Form] = field(default_factory=dict)

    def form(self, schema: Mapping[str, Any]) -> Form:
        """How to ask for this schema."""
        return self.forms.get(_name_of(schema), Form.SCHEMA)

    def gives_logprobs(self, flavour: Flavour) -> bool:
        """What an answer has shown, else what the flavour promises."""
        return flavour in (Flavour.LLAMACPP, Flavour.VLLM) if self.logprobs is None else self.logprobs

    def learn(self, refusal: Refusal, payload: Mapping[str, Any], schema: Mapping[str, Any] | None) -> str | None:
        """What will be done differently in the next try; None where the refusal names nothing of the payload.

        '' where another question has taught the same already: several are under way at a time.
        """
        if refusal.kind not in _REFUSALS:
            return None
        if "logprobs" in payload and "logprobs" in refusal.words:
            self.logprobs = False
            return None  # without them there is no answer to what was asked
        if "max_tokens" in payload and "max_completion_tokens" in refusal.words:
            return self._refuse("max_tokens", "max_tokens (now max_completion_tokens)")
        for name in _EXTRAS:
            if name in payload and name in refusal.words:
                return self._refuse(name, name)
        if schema is None or not any(word in refusal.words for word in _FORM_WORDS):
            return None
        return self._step_down(payload, schema)

    def _refuse(self, name: str, shown: str) -> str:
        if name in self.refused:
            return ""
        self.refused.add(name)
        return shown

    def _step_down(self, payload: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
        sent = _form_of(payload.get("response_format"))
        if sent is Form.NONE:
            return None
        lower = _LADDER[_LADDER.index(sent) + 1]
        if _LADDER.index(self.form(schema)) >= _LADDER.index(lower):
            return ""
        if len(self.forms) >= _KEPT_SCHEMAS:
            self.forms.clear()
        self.forms[_name_of(schema)] = lower
        return f"response_format {sent.value} (now {lower.value})"

    def forget(self) -> None:
        """Nothing is known any more: another server may stand there."""
        self.logprobs = None
        self.refused.clear()
        self.forms.clear()


def _form_of(sent: Any) -> Form:
    if not isinstance(sent, Mapping):
        return Form.NONE
    if sent.get("type") == "json_schema":
        return Form.SCHEMA
    return Form.OBJECT_SCHEMA if "schema" in sent else Form.OBJECT


def _name_of(schema: Mapping[str, Any]) -> str:
    return sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()
