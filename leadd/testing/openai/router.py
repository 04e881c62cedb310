"""Which path does what, and how errors leave the server."""

from __future__ import annotations

import asyncio

from leadd.testing.ollama.early import HTML
from leadd.testing.ollama.errors import HangUp
from leadd.testing.ollama.faults import EARLY, Fault
from leadd.testing.ollama.wire import Exchange, Request
from leadd.testing.openai.asking import read_body, read_question
from leadd.testing.openai.embedding import Embedding
from leadd.testing.openai.house import House
from leadd.testing.openai.refusals import Refused, encode, refusal, unauthorized, unknown_path
from leadd.testing.openai.status import Status
from leadd.testing.openai.talk import Talk

CHAT = frozenset({"/v1/chat/completions", "/chat/completions"})
EMBEDDINGS = frozenset({"/v1/embeddings"})
UNLOAD = "/api/v1/models/unload"
PUBLIC = frozenset({"/health", "/v1/health"})
"""llama.cpp's paths that want no key."""
ENDPOINTS = {"/v1/models": "models", "/props": "props", "/api/v0/models": "details", "/version": "version", "/health": "health"}


class Router:
    """Hands requests to who answers them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._talk = Talk(house)
        self._embedding = Embedding(house)
        self._status = Status(house)
        self._gets = self._status.paths()

    async def answer(self, request: Request, exchange: Exchange) -> None:
        """Answer one request. Raises HangUp where the connection is to be dropped."""
        stats = self._house.stats
        stats.calls[request.path] += 1
        try:
            await self._route(request, exchange)
        except Refused as refused:
            if exchange.started:
                raise HangUp from None
            exchange.whole(refused.status, refused.encoded(), headers=refused.headers)
        except asyncio.CancelledError:
            stats.cancelled += 1
            raise
        finally:
            stats.statuses[exchange.status] += 1

    async def _route(self, request: Request, exchange: Exchange) -> None:
        house, path = self._house, request.path
        if house.loading:
            raise refusal("llamacpp", 503, "Loading model", kind="unavailable_error")
        self._check_key(request)
        if request.method == "POST" and path in CHAT:
            await self._chat(request, exchange)
        elif request.method == "POST" and path in EMBEDDINGS:
            await self._embed(request, exchange)
        elif request.method == "POST" and path == UNLOAD and house.flavour == "lmstudio":
            self._unload(request, exchange)
        elif request.method == "GET" and path in self._gets:
            if not await self._strike(ENDPOINTS.get(path, path), "", "", exchange):
                self._gets[path](exchange)
        else:
            raise unknown_path(house.flavour, request.method, path)

    async def _chat(self, request: Request, exchange: Exchange) -> None:
        house = self._house
        asked = read_question(house, read_body(house, request.body))
        name = found.id if (found := house.find(asked.model)) is not None else asked.model
        endpoint = "preload" if asked.role == "preload" else "chat"
        house.stats.arrive(name, asked.role)
        try:
            if not await self._strike(endpoint, name, asked.role, exchange):
                await self._talk.answer(asked, exchange)
        finally:
            house.stats.leave(name)

    async def _embed(self, request: Request, exchange: Exchange) -> None:
        house = self._house
        body = read_body(house, request.body)
        name = str(body.get("model") or "")
        house.stats.arrive(name, "embed")
        try:
            if not await self._strike("embed", name, "embed", exchange):
                await self._embedding.answer(body, exchange)
        finally:
            house.stats.leave(name)

    def _unload(self, request: Request, exchange: Exchange) -> None:
        name = str(read_body(self._house, request.body).get("instance_id") or "")
        if not self._status.unload(name):
            raise self._house.refused(404, f"No loaded model '{name}'", kind="model_not_found", param="instance_id")
        exchange.whole(200, encode({"instance_id": name}))

    def _check_key(self, request: Request) -> None:
        house = self._house
        if not house.api_key or (house.flavour == "llamacpp" and request.path in PUBLIC):
            return
        if request.headers.get("authorization", "") != f"Bearer {house.api_key}":
            raise unauthorized(house.flavour)

    async def _strike(self, endpoint: str, model: str, role: str, exchange: Exchange) -> bool:
        """Let a failure strike that comes before the model sees the question. True where it has answered."""
        fault = self._house.take_fault(EARLY, endpoint, model, role)
        if fault is None:
            return False
        kind = fault.kind
        if kind in ("error", "busy"):
            raise self._refused(fault)
        if kind in ("close", "reset"):
            raise HangUp(reset=kind == "reset")
        if kind == "headers_only":
            exchange.start("text/event-stream")
        if kind in ("hang", "headers_only"):
            await asyncio.Event().wait()
        if kind == "slow":
            await self._house.clock.sleep(fault.delay_s)
            return False
        if kind == "forbidden":
            raise unauthorized(self._house.flavour)
        exchange.whole(502, HTML, "text/html")
        return True

    def _refused(self, fault: Fault) -> Refused:
        """An error as asked for; a busy server says how long to wait where the fault has a delay."""
        if fault.kind == "error":
            return self._house.refused(fault.status, fault.message or "something broke")
        self._house.stats.busy += 1
        found = self._house.refused(fault.status if fault.status in (429, 503) else 503, fault.message or "Too many requests")
        found.headers = f"Retry-After: {fault.delay_s:g}\r\n" if fault.delay_s else ""
        return found
