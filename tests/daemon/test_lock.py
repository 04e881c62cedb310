"""One daemon per home, and the second one can say who the first is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from leadd.daemon.lock import DaemonLock, Locked, Owner, read_owner

ONE = Owner(pid=11, version="0.1.0", started_at="2026-11-22T07:00:00+00:00")
TWO = Owner(pid=22, version="0.1.0", started_at="2026-11-22T08:00:00+00:00")


def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    first, second = DaemonLock(tmp_path / "state" / "lock"), DaemonLock(tmp_path / "state" / "lock")
    first.acquire(ONE)
    with pytest.raises(Locked, match=r"pid 11, version 0\.1\.0, started 2026-11-22") as caught:
        second.acquire(TWO)
    assert caught.value.owner == ONE
    assert read_owner(tmp_path / "state" / "lock") == ONE, "the refused one has written nothing"
    first.release()
    second.acquire(TWO)
    assert read_owner(tmp_path / "state" / "lock") == TWO
    second.release()


def test_the_file_stays_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    before = os.umask(0)
    try:
        lock = DaemonLock(path)
        lock.acquire(ONE)
    finally:
        os.umask(before)
    inode = path.stat().st_ino
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    lock.release()
    assert path.stat().st_ino == inode, "unlinking would let a third process lock another file of that name"


def test_a_process_that_is_killed_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    code = (
        "import sys, time; from pathlib import Path; from leadd.daemon.lock import DaemonLock, Owner;"
        "kept = DaemonLock(Path(sys.argv[1])); kept.acquire(Owner(33, '0', 'x')); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "held"
        with pytest.raises(Locked):
            DaemonLock(path).acquire(ONE)
        child.kill()
        child.wait()
    lock = DaemonLock(path)
    lock.acquire(ONE)
    lock.release()


def test_a_lock_file_of_garbage_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "state" / "lock"
    path.parent.mkdir(mode=0o700)
    path.write_text("not json at all, and longer than what will be written over it" * 9)
    assert read_owner(path) is None
    lock = DaemonLock(path)
    lock.acquire(ONE)
    assert read_owner(path) == ONE
    lock.release()
