"""Making a prompt fit into a window the way each version does it: mostly by cutting in silence."""

from __future__ import annotations

import json
from dataclasses import dataclass

from leadd.testing.ollama.catalog import ModelInfo
from leadd.testing.ollama.errors import ApiError
from leadd.testing.ollama.profiles import Profile
from leadd.testing.ollama.requests import Call
from leadd.testing.ollama.tokens import MESSAGE_TOKENS, count, count_messages, cut_middle, drop_oldest, render


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model gets to read. `user_text` is what is left of the user's last message."""

    text: str
    tokens: int
    user_text: str
    cut: bool = False


def fit(call: Call, info: ModelInfo, profile: Profile, num_ctx: int) -> Prompt:
    """The prompt within the window. Raises ApiError 400 where the caller or the model allows no cutting."""
    tokens = count_messages(call.messages)
    if tokens <= num_ctx:
        return Prompt(render(call.messages), tokens, call.user_text)
    may_cut = call.truncate or not profile.truncate_flag
    if not may_cut and not profile.native:
        raise ApiError(400, "the input length exceeds the context length")
    messages = drop_oldest(call.messages, num_ctx) if may_cut else list(call.messages)
    left = count_messages(messages)
    if left <= num_ctx:
        return Prompt(render(messages), left, call.user_text, cut=True)
    if info.own_template and profile.native:
        raise ApiError(400, _nested(left, num_ctx))
    if not may_cut:
        raise ApiError(400, _too_long(left, num_ctx))
    limit = num_ctx // 2 + 2 if profile.half_window else num_ctx
    text = cut_middle(render(messages), limit)
    return Prompt(text, limit, text[-count(call.user_text) * 4 - MESSAGE_TOKENS * 4 :], cut=True)


def _too_long(tokens: int, num_ctx: int) -> str:
    return f"request ({tokens} tokens) exceeds the available context size ({num_ctx} tokens), try increasing it"


def _nested(tokens: int, num_ctx: int) -> str:
    inner = {
        "code": 400, "message": _too_long(tokens, num_ctx), "type": "exceed_context_size_error",
        "n_prompt_tokens": tokens, "n_ctx": num_ctx,
    }  # fmt: skip
    return json.dumps({"error": inner}, separators=(",", ":"))
