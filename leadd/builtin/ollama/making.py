"""Making a model out of another one: examples as messages, parameters, a LoRA adapter; and taking it away again."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from leadd.api import Failure, Message, ModelFailure
from leadd.builtin.ollama.naming import STRUCTURED_CREATE_SINCE, ServerVersion
from leadd.builtin.ollama.wire import Deadline, Wire

IDLE_S = 900.0
"""Making is silent while layers of gigabytes are copied or checked."""
_PIECE = 1 << 20


async def create(
    wire: Wire, version: str, name: str, base: str, messages: Sequence[Message], parameters: Mapping[str, Any],
    adapter: Path | None = None,
) -> AsyncGenerator[str, None]:  # fmt: skip
    """Make model `name` of `base`; the server's status lines as they come. Raises ModelFailure; OSError for the adapter's file.

    A server before 0.5.5 is sent the text of a Modelfile, a newer one the same as fields.
    """
    deadline = Deadline(IDLE_S, float("inf"), name)
    digest = ""
    if adapter is not None:
        yield "sending the adapter"
        digest = await _send_blob(wire, adapter, name)
    known = ServerVersion.parse(version)
    if known is not None and known < STRUCTURED_CREATE_SINCE:
        payload: dict[str, Any] = {"name": name, "modelfile": modelfile(base, messages, parameters, digest)}
    else:
        payload = {"model": name, "from": base, "messages": [{"role": m.role, "content": m.content} for m in messages]}
        payload |= {"parameters": dict(parameters)} if parameters else {}
        payload |= {"adapters": {adapter.name: digest}} if adapter is not None else {}
    status = ""
    async with aclosing(wire.lines("/api/create", payload | {"stream": True}, deadline)) as events:
        async for event in events:
            status = str(event.get("status", ""))
            yield status
    if status != "success":
        raise ModelFailure(Failure.BROKEN_STREAM, f"making the model ended at '{status}'", model=name)


def modelfile(base: str, messages: Sequence[Message], parameters: Mapping[str, Any], adapter: str = "") -> str:
    """The same as the text of a Modelfile. Three quotes within a message would end it, so they are written as two."""
    lines = [f"FROM {base}"]
    lines += [f"ADAPTER @{adapter}"] if adapter else []
    lines += [f"PARAMETER {key} {value}" for key, value in parameters.items()]
    lines += [f'MESSAGE {m.role} """{m.content.replace(_QUOTES, _QUOTES[:2])}"""' for m in messages]
    return "\n".join(lines) + "\n"


_QUOTES = '"""'


async def delete(wire: Wire, name: str, deadline: Deadline) -> None:
    """Take a model away. Raises ModelFailure; one that is not there is gone already."""
    await wire.remove("/api/delete", {"model": name, "name": name}, deadline)


async def _send_blob(wire: Wire, file: Path, model: str) -> str:
    """Put a file on the server, unless it is there already; its digest as Ollama writes it."""
    digest = "sha256:" + await asyncio.to_thread(_sha256, file)
    path = f"/api/blobs/{digest}"
    deadline = Deadline(IDLE_S, float("inf"), model)
    if await wire.status("HEAD", path, None, deadline) != 200:
        await wire.status("POST", path, _pieces(file), deadline)
    return digest


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    opened = await asyncio.to_thread(file.open, "rb")
    try:
        while piece := await asyncio.to_thread(opened.read, _PIECE):
            yield piece
    finally:
        opened.close()
