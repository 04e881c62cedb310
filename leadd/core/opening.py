"""Opening a source or a sink once, whoever asks first, and closing it also where it opened half-way."""

from __future__ import annotations

import asyncio
import contextlib

from leadd.api import Component, Retry

OPEN_LIMIT_S = 60.0


class OpenOnce:
    """One component and whether it is open."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self._open = False
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Open it, unless it is; after a failure the next call tries again. Raises what the component raises, or Retry."""
        async with self._turn:
            if self._open:
                return
            try:
                async with asyncio.timeout(OPEN_LIMIT_S):
                    await self._component.open()
            except BaseException as error:
                # What it made before it failed would else stay open for ever, once more with each try.
                with contextlib.suppress(Exception):
                    await self._component.close()
                if isinstance(error, TimeoutError):
                    raise Retry(f"opening took longer than {OPEN_LIMIT_S:.0f} s") from None
                raise
            self._open = True

    async def close(self) -> None:
        """Close it where it is open."""
        if self._open:
            self._open = False
            await self._component.close()
