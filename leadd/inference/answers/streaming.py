"""One streamed answer from its first piece to its end: fields told as they come, ended early, or cut as a runaway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from leadd.api import Chunk, Failure, Method, Model, ModelFailure, ModelRequest, Reply, Usage
from leadd.inference.answers.fields import FieldStream, NotJson
from leadd.inference.answers.runaway import Runaway
from leadd.inference.answers.success import to_text
from leadd.inference.questions import Enough, Progress

EARLY = "early"
"""The `done_reason` of an answer that was ended because what had come was enough."""


async def stream_reply(
    model: Model, request: ModelRequest, *, enough: Enough | None = None, progress: Progress | None = None
) -> tuple[Reply, Mapping[str, Any] | None]:
    """The reply to a request, read as it is written; and, where `enough` ended it early, the whole answer that it gave.

    Where the second is None, the reply is whole and to be judged like any other. An early reply holds the text so far, with
    `done_reason` `early` and what is known of its cost: pieces for output tokens, no prompt tokens, no times, no digest, since
    the server was told to stop before it said. `progress` has been told of every field that is complete, before a failure too.

    Raises ModelFailure: what the model raises, by the names of `runaway` where the answer is beyond help, NOT_DONE where the
    stream ends without its reply. However it ends, the model's stream is closed, which ends the server's work.
    """
    chunks = model.stream(request)
    reading = _Reading(request, progress)
    try:
        async for chunk in chunks:
            if chunk.reply is not None:
                reading.finish(chunk.text)
                return chunk.reply, None
            reading.take(chunk.text)
            answer = reading.enough(enough)
            if answer is not None:
                return reading.early_reply(model), answer
    except ModelFailure as failure:
        failure.raw = failure.raw or reading.text
        failure.model = failure.model or request.model
        raise
    finally:
        await _close(chunks)
    raise ModelFailure(Failure.NOT_DONE, "the stream ended without a whole answer", raw=reading.text, model=request.model)


class _Reading:
    """What has come so far of one answer."""

    def __init__(self, request: ModelRequest, progress: Progress | None) -> None:
        self._request = request
        self._progress = progress
        self._parts: list[str] = []
        self._fields = FieldStream()
        self._guard = Runaway(request)
        self._has_news = False
        self._members = len((request.schema or {}).get("properties") or ())

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def take(self, piece: str) -> None:
        """A piece that is not the last. Raises ModelFailure where no whole answer can follow."""
        self._parts.append(piece)
        if self._request.labels:
            return  # a word, no document
        try:
            done = self._fields.feed(piece)
        except NotJson as error:
            raise ModelFailure(Failure.NOT_JSON, f"no JSON: {error}") from None
        self._guard.look(piece, self._fields, done)
        self._tell(done)

    def finish(self, piece: str) -> None:
        """The last piece: the answer is over, and whether it is one is for the success rule to say."""
        self._parts.append(piece)
        if self._request.labels:
            return
        try:
            self._tell(self._fields.feed(piece))
        except NotJson:
            return

    def enough(self, enough: Enough | None) -> Mapping[str, Any] | None:
        """The answer where the fields so far suffice and others are still to come."""
        if enough is None or not self._has_news:
            return None
        self._has_news = False
        fields = self._fields.fields
        if self._fields.complete or (self._members and len(fields) >= self._members):
            return None  # its end is one token away, and says what it cost
        return enough(fields)

    def early_reply(self, model: Model) -> Reply:
        is_model = model.capabilities.is_language_model
        return Reply(
            text=self.text,
            model=self._request.model,
            method=Method.MODEL if is_model else Method.EVIDENCE,
            done_reason=EARLY,
            usage=Usage(output_tokens=len(self._parts)),
        )

    def _tell(self, done: list[tuple[str, Any]]) -> None:
        self._has_news = self._has_news or bool(done)
        if self._progress is None:
            return
        for key, value in done:
            if key and _can_be_written(key, value):  # '' is how a listener is told that all begins again
                self._progress(key, value)


def _can_be_written(key: str, value: Any) -> bool:
    """False for halves of characters and infinite numbers: JSON allows them to be read, and nobody could be sent them."""
    try:
        to_text({key: value}).encode()
    except ValueError:
        return False
    return True


async def _close(chunks: AsyncIterator[Chunk]) -> None:
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()
