"""How a request to the fake ends early."""

from __future__ import annotations

import json


class ApiError(Exception):
    """An answer with a status and Ollama's error shape. `status_in_stream` False: old servers say 200 and an error line."""

    def __init__(self, status: int, message: str, *, generating: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.generating = generating

    def body(self) -> bytes:
        """The JSON body, without a line end."""
        return encode({"error": self.message})


class HangUp(Exception):
    """The server drops the connection; `reset` sends RST instead of FIN."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("hang up")
        self.reset = reset


def encode(value: object) -> bytes:
    """Compact JSON as Go writes it: UTF-8, with the three HTML characters escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if "<" in text or ">" in text or "&" in text:
        text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text.encode("utf-8", "replace")
