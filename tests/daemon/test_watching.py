"""Saves are seen however an editor writes them, and an idle watch does nothing."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from leadd.daemon.watching import FolderWatch, snapshot

LINUX = sys.platform.startswith("linux")


class Seen:
    """Counts the changes that a watch tells of."""

    def __init__(self, watch: FolderWatch) -> None:
        self.watch = watch
        self.count = 0
        self.task = asyncio.ensure_future(self.run())

    async def run(self) -> None:
        while True:
            await self.watch.changed()
            self.count += 1

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.count < count:
                await asyncio.sleep(0.005)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.watch.close()


@pytest.fixture(params=["kernel", "looking"])
async def see(request, tmp_path):
    if request.param == "kernel" and not LINUX:
        pytest.skip("the kernel tells of saves on Linux only")
    open_ones = []

    def begin(*folders: Path) -> Seen:
        watch = FolderWatch(folders or (tmp_path,), kernel=request.param == "kernel", look_every_s=0.02)
        assert watch.by_kernel == (request.param == "kernel")
        open_ones.append(Seen(watch))
        return open_ones[-1]

    yield begin
    for one in open_ones:
        await one.end()


async def test_every_way_to_save_is_seen(see, tmp_path):
    file = tmp_path / "triage.yaml"
    file.write_text("one")
    seen = see()
    await asyncio.sleep(0)
    file.write_text("two, longer")
    await seen.until(1)
    (tmp_path / ".triage.swp").write_text("three, longer still")
    (tmp_path / ".triage.swp").replace(file)  # as vim and many others do
    await seen.until(2)
    file.rename(tmp_path / "triage.yaml~")  # as emacs does
    file.write_text("four")
    await seen.until(3)
    before = seen.count
    file.unlink()
    await seen.until(before + 1)


async def test_folders_that_come_and_go_are_seen(see, tmp_path):
    folder = tmp_path / "later" / "prompts"
    seen = see(folder)
    await asyncio.sleep(0)
    folder.mkdir(parents=True)
    await asyncio.sleep(0.1)
    (folder / "triage.yaml").write_text("one")
    await seen.until(1)
    (folder / "dossier").mkdir()
    await asyncio.sleep(0.1)
    (folder / "dossier" / "1.yaml").write_text("one")
    await seen.until(2)
    (folder / "triage.yaml").unlink()
    await seen.until(3)


async def test_a_save_before_the_first_wait_is_seen_and_one_without_change_is_not(tmp_path):
    watch = FolderWatch([tmp_path], look_every_s=0.02)
    (tmp_path / "a.yaml").write_text("one")
    await asyncio.wait_for(watch.changed(), 10)
    with (tmp_path / "a.yaml").open("rb") as file:
        file.read()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.changed(), 0.3)
    watch.close()


@pytest.mark.skipif(not LINUX, reason="the kernel tells of saves on Linux only")
async def test_a_half_written_file_is_looked_at_when_it_is_closed(tmp_path):
    seen = Seen(FolderWatch([tmp_path]))
    with (tmp_path / "a.yaml").open("w") as file:
        file.write("half")
        file.flush()
        await asyncio.sleep(0.3)
        before = seen.count  # its coming into being may have been told
        file.write(" and the other half")
        file.flush()
        await asyncio.sleep(0.3)
        assert seen.count == before
    await seen.until(before + 1)
    await seen.end()


def test_a_snapshot_knows_files_of_the_folders_and_one_level_below(tmp_path):
    (tmp_path / "one" / "two").mkdir(parents=True)
    for path in ("a.yaml", "one/b.yaml", "one/two/c.yaml"):
        (tmp_path / path).write_text(path)
    names = [Path(path).name for path, *_ in snapshot([tmp_path, tmp_path / "gone"])]
    assert names == ["a.yaml", "b.yaml", "two"]
