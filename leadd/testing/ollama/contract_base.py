"""The running server that the contract asks, and the questions it asks it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import ollama
import pytest

from leadd.testing.ollama.profiles import Profile, profile
from leadd.testing.ollama.raw import RawReply, ask

SHORT = {"num_predict": 4, "temperature": 0, "num_ctx": 512}
HI = [{"role": "user", "content": "Hi"}]
SCHEMA = {
    "type": "object",
    "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["worth"],
}
NOWHERE = "no-such-model-anywhere"


@dataclass(frozen=True, slots=True)
class Served:
    """A running server and a small model on it that can chat."""

    url: str
    model: str

    @property
    def profile(self) -> Profile:
        return profile(str(self.get("/api/version").json()["version"]))

    def get(self, path: str, **headers: str) -> RawReply:
        return ask(self.url, "GET", path, headers=headers)

    def post(self, path: str, body: object) -> RawReply:
        return ask(self.url, "POST", path, body)

    def chat(self, **more: Any) -> RawReply:
        return self.post("/api/chat", {"model": self.model, "messages": HI, "stream": False, "options": SHORT} | more)

    def loaded(self) -> list[str]:
        return [entry["name"] for entry in self.get("/api/ps").json()["models"]]

    def unload(self) -> None:
        """Unload the model and wait until it is gone."""
        self.post("/api/generate", {"model": self.model, "keep_alive": 0})
        end = time.monotonic() + 20
        while self.loaded() and time.monotonic() < end:
            time.sleep(0.02)


class ContractBase:
    """The official client, for the server that a test module serves in its module-scoped fixture `server`."""

    @pytest.fixture
    def client(self, server: Served) -> Any:
        # Plain HTTP: without certificates to load, a client for each test costs nothing.
        client = ollama.Client(host=server.url, timeout=120, verify=False, trust_env=False)
        yield client
        client._client.close()
