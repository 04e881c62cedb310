"""Where leadd's files are, and that folders of its own are private from the start."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from leadd.config.paths import NotPrivate, Paths, make_private_folder


def test_everything_is_below_the_home_that_is_named(tmp_path: Path) -> None:
    paths = Paths.from_environment({"LEADD_HOME": str(tmp_path / "h")})
    for name, text in paths.as_dict().items():
        if name not in ("runtime_folder", "socket_file"):
            assert Path(text).is_relative_to(tmp_path / "h"), name
    assert paths.database_file == tmp_path / "h" / "data" / "leadd.db"
    for derived in (paths.cache_file, paths.token_file, paths.lock_file, paths.logs_folder):
        assert derived.is_relative_to(tmp_path / "h")
    assert not (tmp_path / "h").exists()


def test_else_the_usual_folders_of_the_system() -> None:
    paths = Paths.from_environment({})
    system = platformdirs.PlatformDirs("leadd", appauthor=False)
    assert paths.config_file == system.user_config_path / "leadd.yaml"
    assert paths.data_folder == system.user_data_path
    assert paths.state_folder == system.user_state_path
    assert paths.runtime_folder == system.user_state_path / "run"


def test_a_home_that_is_relative_or_begins_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert Paths.under("h").data_folder == tmp_path / "h" / "data"
    assert Paths.under("~/h").data_folder == tmp_path / "me" / "h" / "data"


def test_another_settings_file_and_another_socket(tmp_path: Path) -> None:
    environ = {
        "LEADD_HOME": str(tmp_path),
        "LEADD_CONFIG": str(tmp_path / "x.yaml"),
        "LEADD__CONTROL__SOCKET": str(tmp_path / "x.sock"),
    }
    paths = Paths.from_environment(environ)
    assert paths.config_file == tmp_path / "x.yaml"
    assert paths.socket_file == tmp_path / "x.sock"


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets there")
def test_a_socket_in_a_deep_home_can_still_be_bound(tmp_path: Path) -> None:
    deep = Paths.under(tmp_path / ("d" * 60) / ("e" * 60))
    assert len(os.fsencode(deep.socket_file)) <= 100
    assert deep.runtime_folder == Paths.under(tmp_path / ("d" * 60) / ("e" * 60)).runtime_folder
    assert deep.runtime_folder != Paths.under(tmp_path / ("d" * 60) / ("f" * 60)).runtime_folder
    assert Paths.under("/h").socket_file == Path("/h/run/leadd.sock")


def test_changes_are_followed_by_what_hangs_on_them(tmp_path: Path) -> None:
    paths = Paths.under("/h")
    moved = paths.replace(data_folder=tmp_path)
    assert (moved.database_file, moved.cache_file, moved.token_file) == (
        tmp_path / "leadd.db",
        tmp_path / "cache.db",
        tmp_path / "token",
    )
    kept = paths.replace(database_file=Path("/x.db")).replace(data_folder=tmp_path)
    assert kept.database_file == Path("/x.db")
    assert paths.replace() == paths
    assert hash(paths.replace()) == hash(paths)
    assert moved != paths
    assert "/h/run" in repr(paths)


@pytest.mark.skipif(sys.platform == "win32", reason="modes of Unix")
def test_a_private_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        make_private_folder(tmp_path / "a" / "b")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="modes of Unix")
def test_a_folder_that_was_readable_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o755)
    make_private_folder(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="modes of Unix")
def test_what_others_could_have_put_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    for name, part in (("link", "not a folder"), ("file", "not a folder"), ("shared", "shared")):
        with pytest.raises(NotPrivate, match=part):
            make_private_folder(tmp_path / name)
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o777


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(NotPrivate, match="another user"):
        make_private_folder(tmp_path / "theirs")


def test_importing_the_paths_brings_nothing_else_in() -> None:
    """`leadd status` and `--help` answer fast because this module drags nothing slow along."""
    code = (
        "import os, stat, sys; before = set(sys.modules); import leadd.config.paths;"
        "print(*sorted(set(sys.modules) - before - {'__future__'}))"
    )
    repo = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=repo, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["leadd", "leadd.config", "leadd.config.paths"]
