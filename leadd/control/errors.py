"""Every error that the control socket answers, in one shape: {"error": {"code", "message", "hint"}}."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import to_json

from leadd.api import ModelFailure, NeedsAttention, Reject, Retry
from leadd.prompting import PromptError
from leadd.store.errors import DuplicateName, NotFound, StoreError, StoreUnavailable

JSON = "application/json"

FIXED_HEADERS = {
    "Server": "leadd",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Headers of every answer. There is no Access-Control header among them, and none anywhere: no other site may read."""


class ApiError(Exception):
    """An answer that is an error, meant for the caller. `headers` go out with it; `close` ends the connection after it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        hint: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = dict(headers or {})
        self.close = close


def error_bytes(code: str, message: str, hint: str = "") -> bytes:
    """The JSON of an error."""
    return to_json({"error": {"code": code, "message": message, "hint": hint}})


def error_answer(error: ApiError) -> web.Response:
    """The HTTP answer of an error."""
    answer = web.Response(
        status=error.status,
        body=error_bytes(error.code, error.message, error.hint),
        headers={**FIXED_HEADERS, **error.headers},
        content_type=JSON,
    )
    if error.close:
        answer.force_close()
    return answer


def raw_error(status: int, code: str, message: str, hint: str = "") -> bytes:
    """A whole HTTP/1.1 answer as bytes, for a connection that is refused before any request was read."""
    body = error_bytes(code, message, hint)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {JSON}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def invalid(error: ValidationError, what: str) -> ApiError:
    """What pydantic found, as one sentence: the first three problems, each with its place. Values are not repeated."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    shown = "; ".join(f"{'.'.join(str(part) for part in p['loc']) or what}: {p['msg']}" for p in problems[:3])
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    if any(p["type"] == "json_invalid" for p in problems):
        return ApiError(400, "not_json", f"the {what} is not JSON: {shown}")
    return ApiError(422, "invalid", f"the {what} does not fit: {shown}{more}", "GET /openapi.json lists every field")


def as_api_error(error: BaseException) -> ApiError | None:
    """The answer for an error that leadd raises on purpose, or None where it is a bug."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ValidationError):
        return invalid(error, "request")
    if isinstance(error, (NotFound, DuplicateName, StoreError)):
        return _of_store(error)
    if isinstance(error, PromptError):
        return ApiError(422, "prompt_problem", str(error), "leadd prompts list NAME shows every version")
    if isinstance(error, NeedsAttention):
        return ApiError(409, "needs_attention", str(error), error.hint)
    if isinstance(error, Retry):
        wait_s = max(1, round(error.after_s or 5))
        return ApiError(503, "try_later", str(error), headers={"Retry-After": str(wait_s)})
    if isinstance(error, Reject):
        return ApiError(422, "rejected", str(error))
    if isinstance(error, ModelFailure):
        return ApiError(503, error.kind.value, error.message, "leadd status says how the model server is")
    return None


def _of_store(error: Exception) -> ApiError:
    if isinstance(error, NotFound):
        return ApiError(404, "not_found", str(error) or "there is no such thing")
    if isinstance(error, DuplicateName):
        return ApiError(409, "duplicate", str(error) or "that name is taken")
    if isinstance(error, StoreUnavailable):
        return ApiError(
            503,
            "store_unavailable",
            str(error) or "the database cannot be written now",
            "nothing of this request was accepted; look for a full disk, then send it again",
            headers={"Retry-After": "5"},
        )
    return ApiError(500, "store_failed", str(error) or "the database could not do that", "leadd logs tells more")
