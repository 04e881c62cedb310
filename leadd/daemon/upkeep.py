"""What a person asks of the components themselves: whether all is well with each, and to fetch a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from leadd.api import Component, Model, NeedsAttention

CHECK_LIMIT_S = 10.0
CACHE_CHECK_S = 1.0
"""Longest wait for a cache's word on itself where the status is asked for."""


async def check_all(components: Mapping[str, Component], *, limit_s: float = CHECK_LIMIT_S) -> list[dict[str, str]]:
    """Ask every component at once whether all is well; one {kind, name, problem} for each that has a problem.

    Keys are 'kind:name'. A check that raises, or takes longer than `limit_s`, is a problem as well.
    """
    keys = list(components)
    said = await asyncio.gather(*(_check(components[key], limit_s) for key in keys))
    found = []
    for key, problem in zip(keys, said, strict=True):
        if problem:
            kind, _, name = key.partition(":")
            found.append({"kind": kind, "name": name, "problem": problem})
    return found


async def _check(component: Component, limit_s: float) -> str:
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            problem = await component.check()
    except Exception as error:
        if limit.expired():
            return f"its check did not end within {limit_s:g} s"
        hint = f" ({error.hint})" if isinstance(error, NeedsAttention) and error.hint else ""
        return f"its check failed: {str(error) or type(error).__name__}{hint}"
    return "" if problem is None else str(problem)


async def pull(server: Model | None, use: str, model: str) -> AsyncGenerator[tuple[str, int, int], None]:
    """Have `server` fetch a model: (status, bytes so far, bytes in all) as it goes. It ends when nobody listens any more.

    Raises ModelFailure, and NeedsAttention where there is no such server or it cannot fetch models.
    """
    if server is None:
        raise NeedsAttention(f"there is no model server '{use}'", hint="leadd status says why")
    try:
        steps = server.pull(model)
    except NotImplementedError as error:
        raise NeedsAttention(str(error), hint="fetch it with the server's own tools") from None
    async with aclosing(_closable(steps)) as known:
        async for step in known:
            yield step


async def _closable(steps: AsyncIterator[tuple[str, int, int]]) -> AsyncGenerator[tuple[str, int, int], None]:
    """The same steps, as a generator that can be closed: leaving early must end the download."""
    try:
        async for step in steps:
            yield step
    finally:
        close = getattr(steps, "aclose", None)
        if close is not None:
            await close()
