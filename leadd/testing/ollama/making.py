"""/api/create and /api/blobs: models made of others, with examples, parameters and adapters of their own.

How good a made model is decides the test's own oracle (`FakeOllama.set_oracle`): it sees the model's name, and the messages of
the Modelfile before those of the request, as the real server puts them there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from leadd.testing.ollama.catalog import ModelInfo, key_of
from leadd.testing.ollama.errors import ApiError, encode
from leadd.testing.ollama.requests import decode
from leadd.testing.ollama.state import State
from leadd.testing.ollama.wire import Exchange, Request

BLOBS = "/api/blobs/"
STRUCTURED_SINCE = (0, 5, 5)
"""From here on the parts of a Modelfile are fields of the request; before, the whole text was sent as `modelfile`."""
ROLES = frozenset(("system", "user", "assistant"))
_DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}")
_COMMAND = re.compile(
    r'^(FROM|ADAPTER|SYSTEM|(?:PARAMETER|MESSAGE)[ \t]+\w+)[ \t]+(?:"""(.*?)"""|([^\n]*))$',
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)


class Making:
    """Makes models, and keeps the blobs that they are made of."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._blobs: dict[str, int] = {}

    def blob(self, request: Request, exchange: Exchange) -> None:
        """HEAD: is it there? POST: 201, or 200 where it was there already. Raises ApiError 400 for another content."""
        digest = request.path.removeprefix(BLOBS).replace("-", ":", 1)
        if not _DIGEST.fullmatch(digest):
            raise ApiError(400, "invalid digest format")
        if request.method == "HEAD":
            exchange.whole(200 if digest in self._blobs else 404, b"", "")
        elif request.method != "POST":
            exchange.text(405, "405 method not allowed", "Allow: HEAD, POST\r\n")
        elif digest in self._blobs:
            exchange.whole(200, b"", "")
        else:
            found = "sha256:" + hashlib.sha256(request.body).hexdigest()
            if found != digest:
                raise ApiError(400, f'digest mismatch, expected "{digest}", got "{found}"')
            self._blobs[digest] = len(request.body)
            exchange.whole(201, b"", "")

    async def create(self, request: Request, exchange: Exchange) -> None:
        """/api/create: status lines as they come, or one at the end; what is wrong after the first line is an error line."""
        body = decode(request.body, "CreateRequest")
        name = key_of(body.get("model") or body.get("name") or "")
        if name is None:
            raise ApiError(400, "invalid model name")
        if self._version() < STRUCTURED_SINCE:
            if not body.get("modelfile"):
                raise ApiError(400, "path or Modelfile are required")
            body = {**body, **read_modelfile(body["modelfile"])}
        elif not body.get("from") and not body.get("files"):
            raise ApiError(400, "neither 'from' or 'files' was specified")
        streaming = body.get("stream") is not False
        try:
            async for event in self._steps(name, body):
                if streaming:
                    await exchange.send(encode(event) + b"\n")
        except ApiError as error:
            if not streaming:
                exchange.whole(error.status, error.body())
                return
            await exchange.send(error.body() + b"\n")
        if streaming:
            await exchange.end()
        else:
            exchange.whole(200, encode({"status": "success"}))

    async def _steps(self, name: str, body: Mapping[str, Any]) -> AsyncIterator[dict[str, str]]:
        state = self._state
        base = state.catalog.find(str(body.get("from") or ""))
        if base is None:
            yield {"status": "pulling manifest"}
            raise ApiError(500, "pull model manifest: file does not exist")
        adapters = body.get("adapters") or {}
        for digest in adapters.values():
            if digest not in self._blobs:
                raise ApiError(400, "invalid file path or digest")  # the blob was never sent
        for message in body.get("messages") or ():
            if message.get("role") not in ROLES:
                raise ApiError(400, f'invalid role "{message.get("role")}"')
        yield {"status": f"using existing layer sha256:{base.blob}"}
        for digest in adapters.values():
            yield {"status": f"creating new layer {digest}"}
        made = self._made(name, base, body, "".join(sorted(adapters.values())))
        yield {"status": f"creating new layer sha256:{made.digest}"}
        yield {"status": "writing manifest"}
        state.catalog.add(made)
        yield {"status": "success"}

    def _made(self, name: str, base: ModelInfo, body: Mapping[str, Any], adapter: str) -> ModelInfo:
        lines = [f"{key:<30} {value}" for key, value in (body.get("parameters") or {}).items()]
        return replace(
            base,
            name=name,
            adapter=adapter or base.adapter,
            messages=tuple((str(m["role"]), str(m.get("content", ""))) for m in body.get("messages") or ()) or base.messages,
            parameters="\n".join([base.parameters, *lines]).strip(),
            modified_ms=self._state.clock.now_ms(),
        )

    def _version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", self._state.profile.version)[:3])


def read_modelfile(text: str) -> dict[str, Any]:
    """The parts of a Modelfile as the fields of a structured request. Raises ApiError 400 where it names no base."""
    found: dict[str, Any] = {"messages": [], "parameters": {}, "adapters": {}}
    for command, long, short in _COMMAND.findall(text):
        kind, _, word = command.partition(" ")
        value = (long or short).strip()
        if kind.upper() == "MESSAGE":
            found["messages"].append({"role": word, "content": value})
        elif kind.upper() == "PARAMETER":
            found["parameters"][word] = value
        elif kind.upper() == "ADAPTER":
            found["adapters"]["adapter"] = value.removeprefix("@")
        else:
            found[kind.lower()] = value
    if not found.get("from"):
        raise ApiError(400, "no FROM line")
    return found
