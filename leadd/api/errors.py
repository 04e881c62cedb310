"""Errors a plugin may raise. Each is an instruction to the loop that called it, not a report of an event."""

from __future__ import annotations


class LeaddError(Exception):
    """Root of every error that leadd raises on purpose."""


class Retry(LeaddError):
    """Try the same work again later.

    `after_s` is the shortest wait in seconds that the other side asked for; None leaves it to leadd's back-off.
    """

    def __init__(self, message: str = "", *, after_s: float | None = None) -> None:
        super().__init__(message or "try again later")
        self.after_s = after_s


class Reject(LeaddError):
    """Never try this one item again; the others go on.

    `status` is the HTTP status that said so, where it was one: 410 means something else to a feed than 404.
    """

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message or "refused for good")
        self.status = status


class NeedsAttention(LeaddError):
    """A person has to act. The loop pauses, and `leadd status` shows the message and the hint."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
