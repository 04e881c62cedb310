"""Context windows: the next smaller one where memory runs out, and whether a prompt still fits into it."""

from __future__ import annotations

from dataclasses import replace

from leadd.api import Failure, ModelFailure, ModelRequest
from leadd.inference.budget import latin_chars
from leadd.inference.servers.states import ModelState

WINDOWS = (65_536, 32_768, 16_384, 8192, 4096, 2048)
"""Windows that a model steps down to where memory runs out, one after the other."""
ANSWER_TOKENS = 64
"""What an answer needs at least."""


def smaller(window: int) -> int | None:
    """The next smaller window, None below 2048: nothing worth asking fits in there."""
    return next((step for step in WINDOWS if step < window), None)


def fitted(state: ModelState, request: ModelRequest) -> ModelRequest:
    """The request with the window that the model has now. Raises ModelFailure OUT_OF_MEMORY where it does not fit in."""
    if request.num_ctx == state.num_ctx:
        return request
    tokens = sum(latin_chars(message.content) for message in request.messages) / state.chars.value
    if state.num_ctx < request.num_ctx and tokens + min(request.max_tokens, ANSWER_TOKENS) > state.num_ctx:
        message = f"the prompt does not fit into the window of {state.num_ctx} that there is memory for"
        raise ModelFailure(Failure.OUT_OF_MEMORY, message, model=state.name)
    return replace(request, num_ctx=state.num_ctx)
