"""From a question to what is sent to the one who is asked, and to the key that its answer is kept under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadd.api import Method, ModelRequest
from leadd.inference.answers import labels
from leadd.inference.cache.keys import KeyMaker, Place
from leadd.inference.questions import InferenceSettings, Question
from leadd.inference.servers.seats import Seat

LABEL_TOKENS = 3
"""Enough for a quote or a blank, and a label in two tokens; most models need one."""


class Requests:
    """Makes requests and keys: the same for the same question, seat and weights."""

    def __init__(self, settings: InferenceSettings) -> None:
        self._settings = settings
        self._keys = KeyMaker()

    def make(self, seat: Seat, question: Question) -> ModelRequest:
        """What is sent to `seat`. A question for a word goes by its log-probabilities where this server gives them."""
        is_model = seat.method is Method.MODEL
        by_probability = bool(question.labels) and is_model and seat.capabilities.logprobs and seat.state.reads_labels
        cap, asked = seat.plan.max_tokens, LABEL_TOKENS if by_probability else question.max_tokens
        return ModelRequest(
            role=question.role,
            model=seat.state.name,
            messages=question.messages,
            max_tokens=asked if cap is None else min(cap, asked),
            num_ctx=seat.state.num_ctx,
            schema=None if by_probability or not is_model else bound(question),
            options={"temperature": float(seat.plan.temperature), **question.options},
            subject=question.subject,
            idle_s=self._settings.idle_s,
            total_s=self._settings.total_s,
            labels=question.labels if by_probability else (),
        )

    def key(self, seat: Seat, request: ModelRequest, question: Question) -> str:
        """What the answer is kept under (see leadd.inference.cache.keys)."""
        return self._keys.key(place_of(seat), request, question)

    def parts(self, seat: Seat, request: ModelRequest, question: Question) -> dict[str, str]:
        """What the key is made of, by name."""
        return self._keys.parts(place_of(seat), request, question)


def place_of(seat: Seat) -> Place:
    """Who is asked, as far as a key must know it."""
    return Place(seat.method, seat.endpoint.model.name, seat.state.digest, seat.plan.quantization)


def bound(question: Question) -> Mapping[str, Any] | None:
    """The schema that a model's answer has to fit. A reader of evidence has none: it knows the shape of answers by itself, and
    would only lose what the prompt does not ask for (its probability, its reasons) or have it cut."""
    if question.schema is None and question.labels:
        return labels.schema_of(question.labels)
    return question.schema
