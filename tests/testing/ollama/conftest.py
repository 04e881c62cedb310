"""A client for the fake's own tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest_asyncio

from leadd.testing.ollama import FakeOllama

AD = {
    "title": "First Marketing Hire (m/f/d)",
    "company": "Muster GmbH",
    "location": "Wien",
    "text": "We are eight people. Nobody owns content or SEO yet. You build our brand. Wir suchen „Verstärkung“ für Wien.",
}
TRIAGE = {
    "type": "object",
    "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["worth"],
    "additionalProperties": False,
}


def question(model: str = "gemma3:1b", text: str | None = None, **more: Any) -> dict[str, Any]:
    """A triage question about AD, or about another text."""
    signal = AD if text is None else {"title": "", "company": "", "location": "", "text": text}
    messages = [
        {"role": "system", "content": "You judge."},
        {"role": "user", "content": json.dumps(signal, ensure_ascii=False)},
    ]
    options = {"num_ctx": 2048, "num_predict": 200, "temperature": 0} | more.pop("options", {})
    return {"model": model, "messages": messages, "stream": False, "format": TRIAGE, "options": options} | more


class Asker:
    """Asks a fake over HTTP from the test's own loop."""

    ad = AD
    question = staticmethod(question)

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def post(self, fake: FakeOllama, path: str, body: Any) -> tuple[int, Any]:
        async with self.session.post(fake.url + path, json=body) as reply:
            data = await reply.read()
        return reply.status, json.loads(data) if data.startswith((b"{", b"[")) and data.count(b"\n") < 2 else data

    async def get(self, fake: FakeOllama, path: str) -> Any:
        async with self.session.get(fake.url + path) as reply:
            return await reply.json()

    async def chat(self, fake: FakeOllama, **more: Any) -> tuple[int, Any]:
        return await self.post(fake, "/api/chat", question(**more))

    async def lines(self, fake: FakeOllama, path: str = "/api/chat", **more: Any) -> list[Any]:
        async with self.session.post(fake.url + path, json=question(stream=True, **more)) as reply:
            data = await reply.read()
        return [json.loads(line) for line in data.splitlines()]

    def start(self, fake: FakeOllama, **more: Any) -> asyncio.Task[tuple[int, Any]]:
        """A chat question that goes on while the test does something else."""
        return asyncio.get_running_loop().create_task(self.chat(fake, **more))

    async def until(self, fake: FakeOllama, **counts: int) -> None:
        """Wait for counts to be reached; the test's time limit is the deadline."""
        while any(getattr(fake.stats, name) < count for name, count in counts.items()):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def asker() -> AsyncIterator[Asker]:
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield Asker(session)
