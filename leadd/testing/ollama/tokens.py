"""Counting and cutting: a stand-in for a tokenizer, four bytes to a token in prompts, words and signs in answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

BYTES_PER_TOKEN = 4
MESSAGE_TOKENS = 4
"""What a chat template adds for each message."""
KEPT_IN_FRONT = 5
"""num_keep and the start token."""

_PIECE = re.compile(r"\w{1,8}|[^\w\s]{1,3}\s?|\s+", re.UNICODE)


def count(text: str) -> int:
    """Tokens of a text; 0 for none."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size // BYTES_PER_TOKEN)


def pieces(text: str) -> list[str]:
    """The tokens of an answer; joined they are the answer."""
    return _PIECE.findall(text)


def render(messages: Sequence[Mapping[str, Any]]) -> str:
    """The prompt that a chat template makes of messages."""
    return "".join(f"<{message.get('role')}>\n{message.get('content') or ''}\n" for message in messages)


def count_messages(messages: Sequence[Mapping[str, Any]]) -> int:
    """Tokens of a whole conversation, the template's own included."""
    return sum(count(str(message.get("content") or "")) + MESSAGE_TOKENS for message in messages)


def drop_oldest(messages: Sequence[Mapping[str, Any]], limit: int) -> list[Mapping[str, Any]]:
    """The messages that fit: system messages and the last one stay whatever their length, the oldest others go first."""
    kept = list(messages)
    while count_messages(kept) > limit:
        index = next((i for i, message in enumerate(kept[:-1]) if message.get("role") != "system"), None)
        if index is None:
            break
        del kept[index]
    return kept


def cut_middle(text: str, limit: int) -> str:
    """The first few tokens and the end of a text, `limit` tokens in all."""
    front = KEPT_IN_FRONT * BYTES_PER_TOKEN
    back = max(0, limit - KEPT_IN_FRONT) * BYTES_PER_TOKEN
    return text[:front] + (text[-back:] if back else "")


def common_prefix(a: str, b: str) -> int:
    """How many characters two texts share at the start."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
