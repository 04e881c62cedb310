"""Which path does what, and how errors leave the server."""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Callable, Mapping

from leadd.testing.ollama.admin import PREFIX, Admin, Controls
from leadd.testing.ollama.early import strike_early
from leadd.testing.ollama.embedding import Embedding
from leadd.testing.ollama.errors import ApiError
from leadd.testing.ollama.guard import allowed
from leadd.testing.ollama.making import BLOBS, Making
from leadd.testing.ollama.requests import Call, decode, read_chat, read_generate
from leadd.testing.ollama.state import State
from leadd.testing.ollama.status import Status
from leadd.testing.ollama.talk import Talk, error_line
from leadd.testing.ollama.wire import Exchange, Request

PREFLIGHT = (
    "Access-Control-Allow-Headers: Authorization,Content-Type,User-Agent,Accept,X-Requested-With\r\n"
    "Access-Control-Allow-Methods: GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS\r\nAccess-Control-Max-Age: 43200\r\n"
)
GREETING = "Ollama is running"
METHODS: Mapping[str, tuple[str, ...]] = {
    "/": ("HEAD", "GET"),
    "/api/version": ("HEAD", "GET"),
    "/api/tags": ("HEAD", "GET"),
    "/api/ps": ("GET",),
    "/v1/models": ("GET",),
    "/api/chat": ("POST",),
    "/api/generate": ("POST",),
    "/api/embed": ("POST",),
    "/api/embeddings": ("POST",),
    "/api/show": ("POST",),
    "/api/pull": ("POST",),
    "/api/copy": ("POST",),
    "/api/delete": ("DELETE",),
    "/api/create": ("POST",),
}


class Router:
    """Hands requests to who answers them."""

    def __init__(self, state: State, controls: Controls) -> None:
        self._state = state
        self._unknown_fields = state.profile.unknown_fields
        self._admin = Admin(state, controls)
        self._talk = Talk(state)
        self._embedding = Embedding(state)
        self._status = Status(state)
        self._making = Making(state)
        self._posts: dict[str, Callable[[Request, Exchange], Awaitable[None]]] = {
            "/api/chat": self._chat,
            "/api/generate": self._generate,
            "/api/embed": self._embed,
            "/api/embeddings": self._embeddings,
        }

    async def answer(self, request: Request, exchange: Exchange) -> None:
        """Answer one request. Raises HangUp where the connection is to be dropped."""
        state, path = self._state, request.path
        if state.guarded and not allowed(request, exchange):
            exchange.whole(403, b"", "")
            return
        if path.startswith(PREFIX):
            await self._admin_answer(request, exchange)
            return
        state.stats.calls[path] += 1
        try:
            await self._route(request, exchange)
        finally:
            state.stats.statuses[exchange.status] += 1

    async def _route(self, request: Request, exchange: Exchange) -> None:
        path = request.path
        post = self._posts.get(path)
        if post is not None and request.method == "POST":
            await post(request, exchange)
            return
        methods = METHODS.get(path)
        if path.startswith(BLOBS):
            await self._plain(request, exchange)
        elif methods is None:
            self._unknown(path, exchange)
        elif request.method == "OPTIONS" and exchange.cross_origin:
            exchange.whole(204, b"", "", f"Allow: {', '.join(methods)}\r\n{PREFLIGHT}")
        elif request.method not in methods:
            exchange.text(405, "405 method not allowed", f"Allow: {', '.join(methods)}\r\n")
        else:
            await self._plain(request, exchange)

    def _unknown(self, path: str, exchange: Exchange) -> None:
        clean = posixpath.normpath("/" + path.lstrip("/"))
        if clean != path and clean in METHODS:
            body = f'<a href="{clean}">Moved Permanently</a>.\n\n'.encode()
            exchange.whole(301, body, "text/html; charset=utf-8", f"Location: {clean}\r\n")
        else:
            exchange.text(404, "404 page not found")

    async def _plain(self, request: Request, exchange: Exchange) -> None:
        try:
            if await strike_early(self._state, request.path.rpartition("/")[2], "", "", exchange):
                return
            if request.path.startswith(BLOBS):
                self._making.blob(request, exchange)
            elif request.path == "/api/create":
                await self._making.create(request, exchange)
            else:
                await self._about_models(request, exchange)
        except ApiError as error:
            exchange.whole(error.status, error.body())

    async def _about_models(self, request: Request, exchange: Exchange) -> None:
        status, path = self._status, request.path
        if path == "/":
            exchange.whole(200, GREETING.encode(), "text/plain; charset=utf-8")
        elif path == "/api/version":
            status.version(exchange)
        elif path == "/api/tags":
            status.tags(exchange)
        elif path == "/api/ps":
            status.ps(exchange)
        elif path == "/v1/models":
            status.openai_models(exchange)
        elif path == "/api/show":
            status.show(decode(request.body, "ShowRequest"), exchange)
        elif path == "/api/copy":
            status.copy(decode(request.body, "CopyRequest"), exchange)
        elif path == "/api/delete":
            status.delete(decode(request.body, "DeleteRequest"), exchange)
        else:
            await status.pull(decode(request.body, "PullRequest"), exchange)

    async def _admin_answer(self, request: Request, exchange: Exchange) -> None:
        try:
            await self._admin.answer(request, exchange)
        except ApiError as error:
            exchange.whole(error.status, error.body())

    async def _chat(self, request: Request, exchange: Exchange) -> None:
        await self._ask(request, exchange, "ChatRequest", read_chat)

    async def _generate(self, request: Request, exchange: Exchange) -> None:
        await self._ask(request, exchange, "GenerateRequest", read_generate)

    async def _ask(self, request: Request, exchange: Exchange, kind: str, read: Callable[[Mapping[str, object]], Call]) -> None:
        streaming = False
        try:
            body = decode(request.body, kind, self._unknown_fields)
            call = read(body)
            streaming = call.stream
            await self._talk.answer(call, body, exchange)
        except ApiError as error:
            if exchange.started:
                await exchange.send(error_line(error))
                await exchange.end()
            elif streaming and error.generating and not self._state.profile.early_error_status:
                await exchange.send(error.body() + b"\n")
                await exchange.end()
            else:
                exchange.whole(error.status, error.body())

    async def _embed(self, request: Request, exchange: Exchange) -> None:
        try:
            await self._embedding.embed(decode(request.body, "EmbedRequest", self._unknown_fields), exchange)
        except ApiError as error:
            exchange.whole(error.status, error.body())

    async def _embeddings(self, request: Request, exchange: Exchange) -> None:
        try:
            await self._embedding.embeddings(decode(request.body, "EmbeddingRequest"), exchange)
        except ApiError as error:
            exchange.whole(error.status, error.body())
