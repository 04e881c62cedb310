"""A model that answers at once, in this process: what is left to measure is leadd itself."""

from __future__ import annotations

import json
import logging
import zlib
from pathlib import Path
from typing import Any

from leadd.api import (
    Capabilities,
    ComponentConfig,
    Context,
    Health,
    Http,
    LoadedModel,
    Model,
    ModelRequest,
    NeedsAttention,
    Reply,
    Role,
    SecretRef,
    SystemClock,
    Usage,
)

MODEL = "instant:1b"
DIGEST = "0" * 64
LEAD_EVERY = 5
"""Triage says yes to one text in so many."""


class NoHttp:
    """No network for components that need none."""

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        raise NeedsAttention("there is no network in a benchmark")


def make_context(name: str, folder: Path) -> Context:
    """What a component gets from the daemon."""

    def secret(ref: SecretRef) -> str:
        raise NeedsAttention(f"{ref} is not set")

    http: Http = NoHttp()  # type: ignore[assignment]
    return Context(name, folder, http, SystemClock(), logging.getLogger(f"bench.{name}"), secret)


class InstantModel(Model):
    """Answers triage and classification at once. Both say yes to every `lead_every`th text, by its title."""

    name = "instant"

    def __init__(self, folder: Path, *, lead_every: int = LEAD_EVERY) -> None:
        super().__init__(ComponentConfig(), make_context("instant", folder))
        self._lead_every = lead_every
        self.calls = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset({Role.TRIAGE, Role.CLASSIFY}))

    async def health(self) -> Health:
        return Health(True, version="0", models={MODEL: DIGEST}, loaded=(LoadedModel(MODEL),))

    async def digest(self, model: str) -> str:
        return DIGEST

    async def complete(self, request: ModelRequest) -> Reply:
        if request.subject is None:  # a tiny question to see whether it still answers
            return Reply('{"ok": "yes"}', MODEL, digest=DIGEST, server_version="0", usage=Usage(8, 8, total_ms=1))
        signal = request.subject.signal
        prompt_chars = sum(len(message.content) for message in request.messages)
        return self.reply(request.role, signal.title, signal.text, prompt_chars)

    def reply(self, role: Role, title: str, text: str, prompt_chars: int) -> Reply:
        """The answer for a text, with counted tokens."""
        self.calls += 1
        worth = zlib.crc32(title.encode()) % self._lead_every == 0
        answer = ("yes" if worth else "no") if role is Role.TRIAGE else classification(match=worth)
        said = json.dumps(answer)
        usage = Usage(prompt_tokens=prompt_chars // 4, output_tokens=len(said) // 4, total_ms=1)
        return Reply(said, MODEL, digest=DIGEST, server_version="0", usage=usage)


def classification(*, match: bool = True) -> dict[str, Any]:
    """A whole classification that fits the benchmarks' ICP, or one that does not, with a quote."""
    return {
        "quotes": [1], "size": "6-10", "region": "europe", "role": "first_marketer", "pains": ["overloaded_founder"],
        "match": match, "fit": 45, "pain": 20, "why": "They hire their first marketer.", "key": "",
        "situation": "A small team.", "problem": "", "implication": "", "payoff": "", "chaos": [], "buyer": "founder",
    }  # fmt: skip
