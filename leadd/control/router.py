"""The table of routes: what each takes, what it answers, and which one a path means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel

from leadd.control.errors import JSON, ApiError

if TYPE_CHECKING:
    from leadd.control.call import Call

Size = Literal["body", "ingest"]
"""How large a body may be: control.http.body_mb or control.http.ingest_body_mb."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    `run` gets the call and returns a value of the shape `answer`, or a response of its own where `answer` is None.
    `path` holds `{id}` for a whole number and any other name in braces for one piece of text; with and without a slash at
    the end is the same. `proven_only` routes answer on the socket or with a token, never with `auth: none`. `raw` routes
    read the body themselves; with `body_optional` a request without a body has the body None. `line` is the shape of one
    line or event of an answer that streams.
    """

    method: str
    path: str
    area: str
    summary: str
    run: Callable[[Call], Awaitable[Any]]
    answer: Any = None
    query: type[BaseModel] | None = None
    body: Any = None
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = (JSON,)
    size: Size = "body"
    status: int = 200
    proven_only: bool = False
    raw: bool = False
    body_optional: bool = False
    line: Any = None

    @property
    def streams(self) -> bool:
        """True where the answer may go on for as long as the caller listens."""
        return "text/event-stream" in self.gives

    @property
    def has_head(self) -> bool:
        """True where HEAD can be answered: there is an answer that ends."""
        return self.gives != ("text/event-stream",)


@dataclass(frozen=True, slots=True)
class Found:
    """A route and the values of the braces in its path."""

    route: Route
    params: Mapping[str, str]


class Router:
    """Finds the route of a method and a path. Fixed pieces win over braces: /api/leads/search is never lead 'search'."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_size: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        for route in self.routes:
            self._add(route)
        for shapes in self._by_size.values():
            shapes.sort(key=lambda shape: sum(piece.startswith("{") for piece in shape[0]))

    def _add(self, route: Route) -> None:
        pieces = _pieces(route.path)
        shapes = self._by_size.setdefault(len(pieces), [])
        for shape, methods in shapes:
            if shape == pieces:
                if route.method in methods:
                    raise ValueError(f"two routes for {route.method} {route.path}")
                methods[route.method] = route
                return
        shapes.append((pieces, {route.method: route}))

    def find(self, method: str, raw_path: str) -> Found:
        """The route, with its parameters decoded. Raises ApiError 404 or 405 (with Allow). HEAD finds the GET route."""
        asked = tuple(unquote(piece) for piece in _pieces(raw_path))
        for pieces, methods in self._by_size.get(len(asked), ()):
            params = _match(pieces, asked)
            if params is None:
                continue
            route = methods.get(method)
            if route is None and method == "HEAD":
                route = methods.get("GET")
                route = None if route is None or not route.has_head else route
            if route is None:
                allowed = ", ".join(sorted(methods))
                raise ApiError(405, "method_not_allowed", f"this path answers {allowed}", headers={"Allow": allowed})
            return Found(route, params)
        raise ApiError(404, "not_found", "there is no such path", "GET /openapi.json lists all of them")


def _pieces(path: str) -> tuple[str, ...]:
    body = path[1:] if path.startswith("/") else path
    return tuple((body[:-1] if body.endswith("/") else body).split("/"))


def _match(pieces: tuple[str, ...], asked: tuple[str, ...]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for piece, value in zip(pieces, asked, strict=True):
        if not piece.startswith("{"):
            if piece != value:
                return None
        elif (piece == "{id}" and not (value.isascii() and value.isdigit() and len(value) <= 18)) or not value:
            return None
        else:
            params[piece[1:-1]] = value
    return params
