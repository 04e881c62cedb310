"""Components made from the user's keys, and the record of how each is."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from pydantic import ConfigDict

from leadd.api import ComponentConfig, Context, SecretRef, SystemClock
from leadd.config.entries import ComponentEntry, SinkEntry, SourceEntry
from leadd.registry.components import declared_secrets
from leadd.registry.contracts import COMPANIONS, ENTRY_KEYS
from leadd.registry.records import ComponentError, InstanceState
from leadd.registry.registry import Registry

PLUGIN = """
from pydantic import field_validator
from leadd.api import *

class FeedsConfig(ComponentConfig):
    url: str
    limit: int = 10
    token: SecretRef | None = None
    seen: bool = False

    @field_validator("url")
    @classmethod
    def _odd(cls, value):
        if value == "odd":
            raise KeyError("a bug")
        if not value.startswith("http"):
            raise ValueError("must begin with http")
        return value

class Feeds(Source):
    name = "feeds"
    Config = FeedsConfig
    def __init__(self, config, ctx):
        super().__init__(config, ctx)
        if config.limit == 13:
            raise RuntimeError("unlucky")
        if config.limit == 14:
            raise SystemExit("bye")
    async def poll(self, cursor):
        yield SignalDraft("x")

class Out(Sink):
    name = "out"
    async def deliver(self, lead, key):
        return Receipt()

def leadd_sources():
    return [Feeds]

def leadd_sinks():
    return [Out]
"""


class FakeClock(SystemClock):
    def __init__(self) -> None:
        self.ms = 1000

    def now_ms(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(make, put, clock) -> Registry:
    put("feeds.py", PLUGIN)
    return make(clock=clock)


def context(config: ComponentConfig) -> Context:
    return Context("x", Path("/x"), None, SystemClock(), logging.getLogger("x"), str)  # type: ignore[arg-type]


def refused(registry: Registry, **options: object) -> ComponentError:
    with pytest.raises(ComponentError) as caught:
        registry.create("source", "feeds", {"url": "http://x", **options}, context)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_component_has_its_checked_keys_and_its_context(registry: Registry) -> None:
    given: list[ComponentConfig] = []

    def factory(config: ComponentConfig) -> Context:
        given.append(config)
        return context(config)

    made = registry.create("source", "feeds", {"url": "http://x", "token": "{env:T}"}, factory)
    assert made.config.limit == 10
    assert made.config.token == SecretRef("env", "T")
    assert made.ctx.name == "x"
    assert given == [made.config]
    assert registry.instances == {}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"limt": 5}, "source 'feeds': limt: there is no such key (did you mean 'limit'?)"),
        ({"intervall_s": 5}, "source 'feeds': intervall_s: there is no such key (did you mean 'interval_s'?)"),
        ({"limit": "many"}, "source 'feeds': limit: got 'many'; allowed: a whole number"),
        ({"url": 5}, "source 'feeds': url: got 5; allowed: text (write it in quotes)"),
        ({"url": "ftp://x"}, "source 'feeds': url: must begin with http"),
        ({"seen": [1]}, "source 'feeds': seen: got a list; allowed: true or false"),
        (
            {"limt": 5, "seen": 3},
            "source 'feeds': seen: got 3; allowed: true or false; limt: there is no such key (did you mean 'limit'?)",
        ),
    ],
)
def test_wrong_keys_are_one_line_with_names(registry: Registry, options: dict[str, object], line: str) -> None:
    error = refused(registry, **options)
    assert error.kind == "config"
    assert str(error) == line


def test_a_missing_key(registry: Registry) -> None:
    with pytest.raises(ComponentError, match="url: is needed, and is not there"):
        registry.create("source", "feeds", {}, context)


@pytest.mark.parametrize("value", ["hunter2-canary", 123456789, ["hunter2-canary"], {"a": "hunter2-canary"}])
def test_a_secret_written_out_is_refused_and_not_repeated(registry: Registry, value: object) -> None:
    error = refused(registry, token=value)
    assert "a secret is written as a reference: {env:NAME}" in str(error)
    assert "hunter2" not in str(error)
    assert "123456789" not in str(error)


def test_a_secret_under_a_key_that_does_not_exist_is_not_repeated(registry: Registry) -> None:
    assert "hunter2" not in str(refused(registry, tokn="hunter2-canary"))


def test_a_validator_with_a_bug(registry: Registry) -> None:
    error = refused(registry, url="odd")
    assert error.kind == "config"
    assert "cannot be checked: KeyError: 'a bug' (feeds.py:15)" in str(error)


@pytest.mark.parametrize(
    ("limit", "part"), [(13, "RuntimeError: unlucky (feeds.py:26)"), (14, "SystemExit: bye (feeds.py:28)")]
)
def test_a_component_that_cannot_be_made(registry: Registry, limit: int, part: str) -> None:
    error = refused(registry, limit=limit)
    assert error.kind == "construct"
    assert str(error) == f"source 'feeds' cannot be made: {part}"


@pytest.mark.parametrize(
    ("kind", "use", "line"),
    [
        ("source", "feds", "there is no source 'feds' (did you mean 'feeds'?)"),
        ("source", "out", "there is no source 'out' ('out' is a sink)"),
        ("source", "zzz", "there is no source 'zzz' (known: feeds)"),
        ("cache", "disk", "there is no cache 'disk' (no plugin gives a cache)"),
        (
            "cache",
            "redis",
            "there is no cache 'redis' (the plugin leadd-redis brings it: "
            "pip install ./plugins/leadd-redis in leadd's repository)",
        ),
        ("sauce", "x", "there is no kind 'sauce' (kinds are source, cache, model, sink)"),
    ],
)
def test_a_name_that_does_not_exist(registry: Registry, kind: str, use: str, line: str) -> None:
    with pytest.raises(ComponentError) as caught:
        registry.create(kind, use, {}, context)
    assert (caught.value.kind, str(caught.value)) == ("unknown", line)


def test_every_companion_is_there_and_brings_what_its_name_says() -> None:
    plugins = Path(__file__).parents[2] / "plugins"
    for (_, use), companion in COMPANIONS.items():
        text = (plugins / companion / "pyproject.toml").read_text(encoding="utf-8")
        assert f'[project.entry-points."leadd.plugins"]\n{use} = ' in text
    assert {folder.name for folder in plugins.glob("leadd-*")} == set(COMPANIONS.values())


def test_a_name_of_a_plugin_that_failed_says_why(registry: Registry, put) -> None:
    put("mail.py", "raise ValueError('no key')")
    registry.discover()
    with pytest.raises(ComponentError, match=r"the plugin 'mail' is failed_import: ValueError: no key \(mail.py:1\)"):
        registry.create("source", "mail", {}, context)


def test_instances_are_recorded(registry: Registry, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    registry.create("source", "feeds", {"url": "http://x"}, context, name="jobs")
    found = registry.instances["source:jobs"]
    assert (found.name, found.kind, found.use, found.state, found.since_ms) == ("jobs", "source", "feeds", "ready", 1000)
    with caplog.at_level(logging.WARNING, logger="test.registry"):
        for _ in range(3):
            clock.ms += 10
            registry.mark("source:jobs", InstanceState.RETRYING, "HTTP 503")
    assert (found.state, found.reason, found.since_ms, found.errors) == (InstanceState.RETRYING, "HTTP 503", 1010, 3)
    assert [entry.getMessage() for entry in caplog.records] == ["source:jobs is retrying: HTTP 503"]
    registry.mark("source:jobs", "ready")
    assert (found.state, found.reason, found.last_error, found.errors) == (InstanceState.READY, "", "HTTP 503", 3)


def test_an_instance_that_cannot_be_made_is_recorded_too(registry: Registry) -> None:
    with pytest.raises(ComponentError):
        registry.create("source", "feeds", {"limt": 1, "url": "http://x"}, context, name="jobs")
    found = registry.instances["source:jobs"]
    assert found.state is InstanceState.FAILED_CONFIG
    assert "did you mean 'limit'?" in found.reason
    with pytest.raises(ComponentError):
        registry.create("sink", "nowhere", {}, context, name="jobs")
    assert registry.instances["sink:jobs"].state is InstanceState.FAILED_CONFIG


def test_marking_what_was_never_made(registry: Registry) -> None:
    with pytest.raises(KeyError):
        registry.mark("source:gone", "paused", "x")
    registry.create("source", "feeds", {"url": "http://x"}, context, name="a")
    with pytest.raises(ValueError, match="odd"):
        registry.mark("source:a", "odd", "x")


def test_reasons_are_one_safe_line(registry: Registry) -> None:
    registry.create("source", "feeds", {"url": "http://x"}, context, name="a")
    registry.mark("source:a", "paused", "one\ntwo\x1b[31m" + "x" * 1000)
    reason = registry.instances["source:a"].reason
    assert reason.isprintable()
    assert len(reason) <= 300


def test_schemas_for_docs_and_editors(registry: Registry) -> None:
    schema = registry.config_schema("source", "feeds")
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == {"url", "limit", "token", "seen"}
    with pytest.raises(ComponentError, match="did you mean 'feeds'"):
        registry.config_schema("source", "feedz")


def test_the_keys_beside_a_components_own_are_those_of_the_settings() -> None:
    own = {"use", "options"}
    assert set(ENTRY_KEYS["source"]) == set(SourceEntry.model_fields) - own
    assert set(ENTRY_KEYS["sink"]) == set(SinkEntry.model_fields) - own
    assert set(ENTRY_KEYS["model"]) == set(ENTRY_KEYS["cache"]) == set(ComponentEntry.model_fields) - own


def test_declared_secrets_are_found_at_any_depth() -> None:
    class Inner(ComponentConfig):
        key: SecretRef

    class Outer(ComponentConfig):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        one: SecretRef
        inner: Inner
        many: tuple[SecretRef, ...] = ()
        named: dict[str, Inner]
        text: str = "{env:NOT}"

    config = Outer.model_validate(
        {
            "one": "{env:A}",
            "inner": {"key": "{env:B}"},
            "many": ["{file:/c}"],
            "named": {"x": {"key": "{keyring:d/e}"}},
        }
    )
    assert {str(ref) for ref in declared_secrets(config)} == {"{env:A}", "{env:B}", "{file:/c}", "{keyring:d/e}"}
