"""How a request ends early, in the words and shapes of each server."""

from __future__ import annotations

import json
from typing import Any

LLAMACPP_CODES = {
    "invalid_request_error": 400, "authentication_error": 401, "not_found_error": 404, "server_error": 500,
    "not_supported_error": 501, "unavailable_error": 503, "exceed_context_size_error": 400,
}  # fmt: skip


class Refused(Exception):
    """An answer with a status and a body; in a stream that has begun, an event with the same body."""

    def __init__(self, status: int, body: Any, headers: str = "") -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.headers = headers

    def encoded(self) -> bytes:
        return encode(self.body)


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def refusal(flavour: str, status: int, message: str, *, kind: str = "", param: str | None = None, **more: Any) -> Refused:
    """An error as this server writes it. `kind` is its type, guessed from the status where it is not named."""
    if flavour == "llamacpp":
        kind = kind or next((name for name, code in LLAMACPP_CODES.items() if code == status), "server_error")
        return Refused(status, {"error": {"code": status, "message": message, "type": kind, **more}})
    if flavour == "vllm":
        guessed = {404: "NotFoundError", 400: "BadRequestError", 501: "NotImplementedError"}.get(status, "InternalServerError")
        return Refused(status, {"error": {"message": message, "type": kind or guessed, "param": param, "code": status}})
    if kind:
        return Refused(status, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": kind}})
    return Refused(status, {"error": message})


def unauthorized(flavour: str) -> Refused:
    """The answer to a wrong key."""
    if flavour == "llamacpp":
        return refusal(flavour, 401, "Invalid API Key")
    if flavour == "vllm":
        return Refused(401, {"error": "Unauthorized"})
    return refusal(flavour, 401, "Malformed LM Studio API token provided.", kind="invalid_api_key")


def unknown_path(flavour: str, method: str, path: str) -> Refused:
    """The answer to a path that the server does not have; LM Studio's comes with status 200."""
    if flavour == "llamacpp":
        return refusal(flavour, 404, "File Not Found")
    if flavour == "vllm":
        return Refused(404, {"detail": "Not Found"})
    return Refused(200, {"error": f"Unexpected endpoint or method. ({method} {path})"})
