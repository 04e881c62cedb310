"""leadd's own plugin, by the same road as any other, and the examples of the settings file made from it."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from leadd.api import Context, SystemClock
from leadd.config.loading import load
from leadd.config.paths import Paths
from leadd.config.template import commented_settings
from leadd.registry.records import PluginState
from leadd.registry.registry import Registry


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.undo()  # the packages of this machine
    found = Registry(None, enabled=["builtin"])
    found.discover()
    return found


def test_it_is_whole(registry: Registry, record) -> None:
    found = record(registry, "builtin")
    assert (found.state, found.reason) == (PluginState.LOADED, "")
    assert set(found.provides) == {"source", "cache", "model", "sink"}


@pytest.mark.parametrize("kind", ["source", "cache", "model", "sink"])
def test_every_component_has_a_closed_schema(registry: Registry, kind: str) -> None:
    for name in registry.classes(kind):
        assert registry.config_schema(kind, name)["additionalProperties"] is False, name


def test_the_examples_of_the_settings_file_can_be_made(registry: Registry, tmp_path: Path) -> None:
    paths = Paths.under(tmp_path / "home")
    file = tmp_path / "leadd.yaml"
    file.write_text(re.sub(r"(?m)^  #([a-z-]+: \{use: (?:folder|jsonl))", r"  \1", commented_settings(paths)))
    settings = load(file=file, environ={}, paths=paths).settings

    def context(config: object) -> Context:
        return Context("x", tmp_path, None, SystemClock(), logging.getLogger("x"), str)  # type: ignore[arg-type]

    (source,), (sink,) = settings.sources.values(), settings.sinks.values()
    assert registry.create("source", source.use, source.options, context).config.path == paths.inbox_folder
    assert registry.create("sink", sink.use, sink.options, context)
    for tier in settings.cache.tiers:
        assert registry.create("cache", tier.use, tier.options, context)
    assert {role.use for role in (settings.models.triage, settings.models.embed)} <= set(registry.classes("model"))
    assert settings.all_sources()["inbox"].use in registry.classes("source")
