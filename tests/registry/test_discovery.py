"""Where plugins are found, in what order, and which are left alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from leadd.registry.discovery import find_candidates
from leadd.registry.records import ComponentError, PluginState
from leadd.registry.registry import Registry


def test_a_file_is_a_plugin_named_by_the_file(make, put, source, record, folder: Path) -> None:
    put("jobs.py", source("my-jobs"))
    registry = make()
    found = record(registry, "jobs")
    assert (found.state, found.reason) == (PluginState.LOADED, "")
    assert found.provides == {"source": ["my-jobs"]}
    assert found.origin == f"file {folder / 'jobs.py'}"
    assert found.seconds >= 0
    assert set(registry.classes("source")) == {"my-jobs"}
    assert registry.owner("source", "my-jobs") == "jobs"


def test_twenty_five_lines_are_enough(make, put, record) -> None:
    text = '''
        """Job ads of one page."""
        import json
        from leadd.api import ComponentConfig, SignalDraft, Source

        class JobsConfig(ComponentConfig):
            url: str

        class Jobs(Source):
            name = "jobs"
            Config = JobsConfig

            async def poll(self, cursor):
                reply = await self.ctx.http.get(self.config.url)
                for item in json.loads(reply.body):
                    yield SignalDraft(item["text"], external_id=item["id"], company=item["company"])

        def leadd_sources():
            return [Jobs]
    '''
    assert len(text.strip().splitlines()) <= 25
    put("jobs.py", text)
    assert record(make(), "jobs").provides == {"source": ["jobs"]}


def test_a_package_in_the_folder_may_have_parts(make, put, source, record) -> None:
    put("shop/__init__.py", "from .parts import leadd_sources\n")
    put("shop/parts.py", source("shop"))
    registry = make()
    assert record(registry, "shop").provides == {"source": ["shop"]}


def test_what_is_no_plugin_is_left_alone(make, put) -> None:
    for name in ("_draft.py", ".hidden.py", "notes.txt", "data/readme.md", "__pycache__/x.py"):
        put(name, "raise RuntimeError('must not be imported')")
    assert [known.name for known in make().records if known.origin.startswith("file")] == []


def test_no_folder_no_plugins(tmp_path: Path) -> None:
    for folder in (tmp_path / "gone", None):
        registry = Registry(folder)
        registry.discover()
        assert registry.records == []


def test_two_folders_with_equal_names_do_not_clash(tmp_path: Path, source) -> None:
    """One module name for both would hand the first folder's code to the second."""
    registries = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "feeds.py").write_text(source(f"from-{name}"))
        registry = Registry(tmp_path / name)
        registry.discover()
        registries.append(registry)
    assert [list(registry.classes("source")) for registry in registries] == [["from-a"], ["from-b"]]


def test_names_that_differ_by_a_dash_do_not_clash(make, put, source, record) -> None:
    put("my-jobs.py", source("one"))
    put("my_jobs.py", source("two"))
    registry = make()
    assert {name: cls.__module__ for name, cls in registry.classes("source").items()}.keys() == {"one", "two"}
    assert len({cls.__module__ for cls in registry.classes("source").values()}) == 2


def test_no_bytecode_is_left_in_the_folder(make, put, source, folder: Path) -> None:
    put("jobs.py", source("jobs"))
    make()
    assert sorted(path.name for path in folder.iterdir()) == ["jobs.py"]


def test_a_plugin_that_was_mended_is_read_anew(make, put, source, record, folder: Path) -> None:
    path = put("jobs.py", "raise ValueError('not yet')")
    registry = make()
    assert record(registry, "jobs").state is PluginState.FAILED_IMPORT
    path.write_text(source("jobs"))
    registry.discover()
    assert record(registry, "jobs").state is PluginState.LOADED
    assert len([known for known in registry.records if known.name == "jobs"]) == 1


def test_an_installed_package_comes_in_by_its_entry_point(make, install, source, record) -> None:
    install("leadd-shop", source("shop"), entry="shop")
    registry = make()
    found = record(registry, "shop")
    assert (found.state, found.origin, found.version) == (PluginState.LOADED, "package leadd-shop", "1.2")
    assert found.provides == {"source": ["shop"]}


def test_an_entry_point_may_name_a_class(make, install, source, record) -> None:
    text = source("shop") + "\n\nclass Plugin:\n    def leadd_sources(self):\n        return [Mine]\n"
    install("leadd-shop", text, entry="shop", target="leadd_shop:Plugin")
    assert record(make(), "shop").provides == {"source": ["shop"]}


def test_hooks_marked_for_pluggy_work_too(make, put, source, record) -> None:
    marked = source("jobs").replace("def leadd_sources", 'import pluggy\n@pluggy.HookimplMarker("leadd")\ndef leadd_sources')
    put("jobs.py", marked)
    assert record(make(), "jobs").provides == {"source": ["jobs"]}


def test_leadds_own_plugin_comes_first_and_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the packages of this machine
    names = [candidate.name for candidate in find_candidates(None)]
    assert names[0] == "builtin"


def test_a_package_that_is_there_twice_is_found_once(make, install, source, tmp_path: Path, monkeypatch) -> None:
    install("leadd-shop", source("shop"), entry="shop")
    other = tmp_path / "other"
    other.mkdir()
    info = other / "leadd_shop-0.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leadd_shop\nVersion: 0.9\n")
    (info / "entry_points.txt").write_text("[leadd.plugins]\nshop = leadd_shop\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(other)])
    assert [known.version for known in make().records if known.name == "shop"] == ["1.2"]


def test_only_those_that_are_named(make, put, source, record) -> None:
    put("a.py", source("a"))
    put("b.py", source("b"))
    registry = make(enabled=["b"])
    assert record(registry, "a").state is PluginState.DISABLED
    assert record(registry, "a").reason == "not named in plugins.enabled"
    assert list(registry.classes("source")) == ["b"]


def test_an_empty_list_loads_none(make, put) -> None:
    put("a.py", "raise RuntimeError('must not be imported')")
    registry = make(enabled=[])
    assert {known.state for known in registry.records} == {PluginState.DISABLED}


def test_a_disabled_plugin_is_never_imported(make, put, record) -> None:
    put("a.py", "raise RuntimeError('must not be imported')")
    registry = make(disabled=["a"])
    assert (record(registry, "a").state, record(registry, "a").reason) == (PluginState.DISABLED, "named in plugins.disabled")
    with pytest.raises(ComponentError, match="the plugin 'a' is disabled"):
        registry.find("source", "a")


@pytest.mark.skipif(sys.platform == "win32", reason="modes of Unix")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_anyone_may_write_is_not_run(make, put, source, record, folder: Path, what: str) -> None:
    """Else another user of the machine could run code with our rights."""
    path = put("jobs.py", source("jobs"))
    target = path if what == "file" else folder
    target.chmod(0o777)
    found = record(make(), "jobs")
    assert found.state is PluginState.FAILED_IMPORT
    assert "every user may write" in found.reason
    assert f"chmod o-w {target}" in found.reason


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_what_another_user_wrote_is_not_run(make, put, source, record) -> None:
    os.chown(put("jobs.py", source("jobs")), 12345, 12345)
    assert "belongs to another user" in record(make(), "jobs").reason
