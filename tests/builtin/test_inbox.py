"""The inbox source: there, and silent."""

from __future__ import annotations

from pathlib import Path

from leadd.builtin.inbox import InboxSource
from leadd.testing.context import make_context


async def test_the_inbox_yields_nothing_by_itself(tmp_path: Path) -> None:
    source = InboxSource(InboxSource.Config(), make_context(tmp_path))
    await source.open()
    assert [item async for item in source.poll(None)] == []
    assert [item async for item in source.poll("anything")] == []
    assert await source.check() is None
    await source.close()
