"""Everything about models that is no question to one: lists, descriptions, pulls, deletions."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

from leadd.testing.ollama.catalog import ModelInfo, details, key_of, rfc3339, show_reply, tags_entry
from leadd.testing.ollama.early import missing_model
from leadd.testing.ollama.errors import ApiError, encode
from leadd.testing.ollama.faults import PULLING
from leadd.testing.ollama.runner import Runner
from leadd.testing.ollama.state import State
from leadd.testing.ollama.wire import Exchange

FAR_AWAY_MS = 11_017_000_000_000.0
"""What `expires_at` says for a model that stays for ever: some day in the 24th century."""
PULL_STEPS = 4


class Status:
    """Answers the endpoints that need no runner."""

    def __init__(self, state: State) -> None:
        self._state = state

    def tags(self, exchange: Exchange) -> None:
        """/api/tags: what is installed, the newest first."""
        models = sorted(self._state.catalog.installed.values(), key=lambda info: -info.modified_ms)
        exchange.whole(200, encode({"models": [tags_entry(info, self._state.profile) for info in models]}))

    def openai_models(self, exchange: Exchange) -> None:
        """/v1/models."""
        models = [
            {"id": info.name, "object": "model", "created": info.modified_ms // 1000, "owned_by": "library"}
            for info in self._state.catalog.installed.values()
        ]
        exchange.whole(200, encode({"object": "list", "data": models}), "application/json")

    def ps(self, exchange: Exchange) -> None:
        """/api/ps: what is loaded."""
        exchange.whole(200, encode({"models": [self._running(r) for r in self._state.scheduler.loaded.values()]}))

    def version(self, exchange: Exchange) -> None:
        """/api/version."""
        exchange.whole(200, encode({"version": self._state.profile.version}))

    def show(self, body: Mapping[str, Any], exchange: Exchange) -> None:
        """/api/show. Raises ApiError."""
        name = body.get("model") or body.get("name") or ""
        if not name:
            raise ApiError(400, "model is required")
        if key_of(name) is None:
            raise ApiError(500, "invalid model path")
        exchange.whole(200, encode(show_reply(self._find(name), self._state.profile)))

    def delete(self, body: Mapping[str, Any], exchange: Exchange) -> None:
        """/api/delete. Raises ApiError."""
        name = body.get("model") or body.get("name") or ""
        if key_of(name) is None:
            raise ApiError(400, f'name "{name}" is invalid')
        info = self._find(name)
        runner = self._state.scheduler.loaded.get(info.blob)
        if runner is not None:
            self._state.scheduler.expire(runner)
        self._state.catalog.remove(info.name)
        exchange.whole(200, b"", "")

    def copy(self, body: Mapping[str, Any], exchange: Exchange) -> None:
        """/api/copy. Raises ApiError."""
        source, destination = body.get("source") or "", body.get("destination") or ""
        for what, name in (("source", source), ("destination", destination)):
            if key_of(name) is None:
                raise ApiError(400, f'{what} "{name}" is invalid')
        if not self._state.catalog.copy(source, destination):
            raise ApiError(404, f'model "{source}" not found')
        exchange.whole(200, b"", "")

    async def pull(self, body: Mapping[str, Any], exchange: Exchange) -> None:
        """/api/pull: progress as it goes; an unknown model is an error line after the first event. Raises ApiError."""
        name = body.get("model") or body.get("name") or ""
        if key_of(name) is None:
            raise ApiError(400, "invalid model name")
        streaming = body.get("stream") is not False
        try:
            async for event in self._pull(name):
                if streaming:
                    await exchange.send(encode(event) + b"\n")
        except ApiError as error:
            if not streaming:
                exchange.whole(500, error.body(), "application/json")
                return
            await exchange.send(error.body() + b"\n")
        if streaming:
            await exchange.end()
        else:
            exchange.whole(200, encode({"status": "success"}))

    async def _pull(self, name: str) -> Any:
        state = self._state
        yield {"status": "pulling manifest"}
        fault = state.faults.take(PULLING, "pull", key_of(name) or "")
        if fault is not None:
            state.stats.faults[fault.kind] += 1
        before = state.catalog.find(name)
        known = state.catalog.known(name)
        if known is None:
            raise ApiError(500, "pull model manifest: file does not exist")
        for event in self._layers(known):
            yield event
            await asyncio.sleep(0)
            if fault is not None:
                if fault.kind == "pull_stall":
                    await asyncio.Event().wait()
                raise ApiError(500, fault.message or "max retries exceeded: unexpected EOF")
        state.catalog.pull(name)
        yield {"status": "verifying sha256 digest"}
        yield {"status": "writing manifest"}
        if before is not None:
            yield {"status": "removing unused layers"}
        yield {"status": "success"}

    def _layers(self, info: ModelInfo) -> list[dict[str, Any]]:
        layers = [("sha256:" + info.blob, info.size), ("sha256:" + info.digest, 487)]
        events: list[dict[str, Any]] = []
        for digest, total in layers:
            shape = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": total}
            events.append(shape)
            events += [shape | {"completed": total * step // PULL_STEPS} for step in range(1, PULL_STEPS + 1)]
        return events

    def _find(self, name: str) -> ModelInfo:
        info = self._state.catalog.find(name)
        if info is None:
            raise missing_model(self._state.profile, "show", name)
        return info

    def _running(self, runner: Runner) -> dict[str, Any]:
        state, info = self._state, runner.info
        entry: dict[str, Any] = {
            "name": info.name, "model": info.name, "size": runner.size, "digest": info.digest,
            "details": details(info, state.profile), "expires_at": self._expiry(runner),
            "size_vram": 0 if state.scheduler.limits.memory_gb is None else runner.size,
        }  # fmt: skip
        if state.profile.ps_context_length:
            entry["context_length"] = runner.num_ctx
        return entry

    def _expiry(self, runner: Runner) -> str:
        now_ms = float(self._state.clock.now_ms())
        due = runner.expires_at_s
        if due is None or runner.refs > 0:
            due = self._state.clock.monotonic_s() + runner.keep_s
        if due == math.inf:
            return rfc3339(FAR_AWAY_MS)
        return rfc3339(now_ms + (due - self._state.clock.monotonic_s()) * 1000)
