"""A bad plugin of any kind is a state with a reason, and harms nobody. Each case stands beside one that is good."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Callable

import pytest

from leadd.registry.hooks import HookBook
from leadd.registry.records import PluginState
from leadd.registry.registry import Registry

HEAD = """
from leadd.api import *
"""
DRAFT = "    async def poll(self, cursor):\n        yield SignalDraft('x')\n"
HOOK = "def leadd_sources():\n    return [Mine]\n"

IMPORTS = {
    "raises": ("x = 1\n\nraise ValueError('no key')\n", "ValueError: no key (bad.py:3)"),
    "raises deep": (
        "import json\n\ndef load():\n    return json.loads('{')\n\nload()\n",
        "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1) (bad.py:4)",
    ),
    "syntax": ("def leadd_sources(:\n    pass\n", "SyntaxError: invalid syntax (bad.py:1)"),
    "indentation": (
        "def a():\nreturn 1\n",
        "IndentationError: expected an indented block after function definition on line 1 (bad.py:2)",
    ),
    "missing module": ("import no_such_module_here\n", "ModuleNotFoundError: No module named 'no_such_module_here' (bad.py:1)"),
    "exits": ("import sys\nsys.exit('bye')\n", "SystemExit: bye (bad.py:2)"),
    "interrupts": ("raise KeyboardInterrupt\n", "KeyboardInterrupt (bad.py:1)"),
    "own base exception": ("class Odd(BaseException): ...\nraise Odd('x')\n", "Odd: x (bad.py:2)"),
    "many lines": ("raise ValueError('one\\ntwo\\x1b[31m\\u202e')\n", "two [31m (bad.py:1)"),
    "recursion": ("def f(): f()\nf()\n", "RecursionError: maximum recursion depth exceeded (bad.py:1)"),
    "null bytes": ("x = '\0'\n", "source code string cannot contain null bytes"),
}

CONTRACTS = {
    "no hooks": ("x = 1\n", "it has no hook; a plugin is a module with functions such as leadd_sources"),
    "misspelt hook": ("def leadd_sourcs():\n    return []\n", "there is no hook 'leadd_sourcs'; did you mean 'leadd_sources'?"),
    "misspelt beside a good one": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n{DRAFT}{HOOK}\ndef leadd_snks():\n    return []\n",
        "there is no hook 'leadd_snks'; did you mean 'leadd_sinks'?",
    ),
    "hook without the prefix": (
        "def lead_sources():\n    return []\n",
        "it has no hook; is 'lead_sources' meant to be 'leadd_sources'?",
    ),
    "hook that is no function": ("leadd_sources = []\n", "'leadd_sources' must be a function"),
    "hook with an argument": (
        "def leadd_sources(config):\n    return []\n",
        "Argument(s) {'config'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "async hook": ("async def leadd_sources():\n    return []\n", "leadd_sources is async; hooks are plain functions"),
    "async generator hook": ("async def leadd_sources():\n    yield 1\n", "leadd_sources is async"),
    "hook that gives a coroutine": (
        "async def later():\n    return []\n\ndef leadd_sources():\n    return later()\n",
        "leadd_sources is async",
    ),
    "hook that raises": ("def leadd_sources():\n    raise KeyError('k')\n", "KeyError: 'k' (bad.py:2)"),
    "hook that exits": ("def leadd_sources():\n    raise SystemExit(3)\n", "SystemExit: 3 (bad.py:2)"),
    "hook that gives one class": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n{DRAFT}\ndef leadd_sources():\n    return Mine\n",
        "leadd_sources must return a list of classes; it returned",
    ),
    "hook that gives text": ("def leadd_sources():\n    return 'feeds'\n", "must return a list of classes; it returned str"),
    "hook that yields": ("def leadd_sources():\n    yield 1\n", "must return a list of classes; it returned generator"),
    "an instance": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n{DRAFT}\ndef leadd_sources():\n    return [Mine(None, None)]\n",
        "leadd_sources must give classes; it gave an instance",
    ),
    "a word": ("def leadd_sources():\n    return ['feeds']\n", "leadd_sources must give classes; it gave a str"),
    "no subclass": ("class Mine:\n    name = 'm'\n\n" + HOOK, "Mine is no subclass of leadd.api.Source"),
    "wrong kind": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n{DRAFT}\ndef leadd_sinks():\n    return [Mine]\n",
        "Mine is no subclass of leadd.api.Sink, it is a source",
    ),
    "no name": (f"{HEAD}class Mine(Source):\n{DRAFT}{HOOK}", "Mine has no name"),
    "name that is no name": (f"{HEAD}class Mine(Source):\n    name = 'My Feeds'\n{DRAFT}{HOOK}", "Mine.name must be a text"),
    "name that is no text": (f"{HEAD}class Mine(Source):\n    name = 3\n{DRAFT}{HOOK}", "Mine.name must be a text"),
    "missing method": (f"{HEAD}class Mine(Source):\n    name = 'm'\n\n{HOOK}", "Mine lacks poll"),
    "missing methods": (
        f"{HEAD}class Mine(CacheBackend):\n    name = 'm'\n    async def get(self, key): ...\n\n"
        "def leadd_caches():\n    return [Mine]\n",
        "Mine lacks claim, clear, delete, put, release, stats",
    ),
    "poll without yield": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n    async def poll(self, cursor):\n        return []\n\n{HOOK}",
        "Mine.poll is `async def` without a yield",
    ),
    "poll that is not async": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n    def poll(self, cursor):\n        yield 1\n\n{HOOK}",
        "Mine.poll must be `async def` with yield",
    ),
    "poll without the cursor": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n    async def poll(self):\n        yield 1\n\n{HOOK}",
        "Mine.poll cannot be called as (self, cursor: str | None)",
    ),
    "deliver that blocks": (
        f"{HEAD}class Mine(Sink):\n    name = 'm'\n    def deliver(self, lead, key): ...\n\n"
        "def leadd_sinks():\n    return [Mine]\n",
        "Mine.deliver must be `async def`",
    ),
    "deliver without the key": (
        f"{HEAD}class Mine(Sink):\n    name = 'm'\n    async def deliver(self, lead): ...\n\n"
        "def leadd_sinks():\n    return [Mine]\n",
        "Mine.deliver cannot be called as (self, lead: Lead, key: str)",
    ),
    "put without its time": (
        f"{HEAD}class Mine(CacheBackend):\n    name = 'm'\n"
        + "".join(f"    async def {m}: ...\n" for m in ("get(self, k)", "put(self, k, v)", "delete(self, k)", "clear(self)"))
        + "    async def claim(self, key, owner, lease_s): ...\n    async def release(self, key, owner): ...\n"
        "    async def stats(self): ...\n\ndef leadd_caches():\n    return [Mine]\n",
        "Mine.put cannot be called as",
    ),
    "init without the context": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n    def __init__(self, config): ...\n{DRAFT}{HOOK}",
        "Mine.__init__ cannot be called as (self, config: Any, ctx: Context)",
    ),
    "open that blocks": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n    def open(self): ...\n{DRAFT}{HOOK}",
        "Mine.open must be `async def`",
    ),
    "static method": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n    @staticmethod\n    async def check(): ...\n{DRAFT}{HOOK}",
        "Mine.check must be a method",
    ),
    "config of another kind": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n    Config = dict\n{DRAFT}{HOOK}",
        "Mine.Config must be a subclass of leadd.api.ComponentConfig",
    ),
    "interval that is no number": (
        f"{HEAD}class Mine(Source):\n    name = 'm'\n    interval_s = '5 min'\n{DRAFT}{HOOK}",
        "Mine.interval_s must be a number",
    ),
    "guarantee that is none": (
        f"{HEAD}class Mine(Sink):\n    name = 'm'\n    guarantee = 'sure'\n    async def deliver(self, lead, key): ...\n\n"
        "def leadd_sinks():\n    return [Mine]\n",
        "Mine.guarantee must be one of leadd.api.Guarantee",
    ),
    "metaclass that raises": (
        f"{HEAD}class Meta(type(Source)):\n"
        "    def __getattribute__(cls, name):\n        if name == 'name': raise RuntimeError('odd')\n"
        f"        return super().__getattribute__(name)\n\nclass Mine(Source, metaclass=Meta):\n{DRAFT}{HOOK}",
        "RuntimeError: odd (bad.py:5)",
    ),
}


def beside_a_good_one(put, source, make, text: str, **more: object) -> Registry:
    put("a_good.py", source("good-before"))
    put("bad.py", text)
    put("z_good.py", source("good-after"))
    return make(**more)


@pytest.mark.parametrize("case", IMPORTS)
def test_an_import_that_fails_is_named_and_alone(put, source, make, record, case: str) -> None:
    text, reason = IMPORTS[case]
    registry = beside_a_good_one(put, source, make, text)
    found = record(registry, "bad")
    assert found.state is PluginState.FAILED_IMPORT
    assert reason in found.reason
    assert found.reason.isprintable()
    assert set(registry.classes("source")) == {"good-before", "good-after"}


@pytest.mark.parametrize("case", CONTRACTS)
def test_a_contract_that_is_not_kept_is_named_and_alone(put, source, make, record, case: str) -> None:
    text, reason = CONTRACTS[case]
    registry = beside_a_good_one(put, source, make, text)
    found = record(registry, "bad")
    assert found.state is PluginState.FAILED_CONTRACT
    assert reason in found.reason
    assert found.reason.isprintable()
    assert found.provides == {}
    assert set(registry.classes("source")) == {"good-before", "good-after"}
    assert registry.classes("sink") == {}
    gc.collect()  # a coroutine that nobody awaited would warn here, and warnings are errors


def test_a_slow_import_is_given_up(put, source, make, record) -> None:
    text = "import threading\nthreading.Event().wait(20)\n"
    registry = beside_a_good_one(put, source, make, text, import_limit_s=0.2)
    found = record(registry, "bad")
    assert found.state is PluginState.FAILED_IMPORT
    assert found.reason.startswith("import of 'bad' did not end within 0.2 s")
    assert set(registry.classes("source")) == {"good-before", "good-after"}


def test_a_hook_that_never_ends_is_given_up(put, source, make, record) -> None:
    text = "def leadd_sources():\n    import threading\n    threading.Event().wait(20)\n"
    registry = beside_a_good_one(put, source, make, text, import_limit_s=0.2)
    found = record(registry, "bad")
    assert found.state is PluginState.FAILED_CONTRACT
    assert found.reason.startswith("leadd_sources of 'bad' did not end within 0.2 s")


def test_a_bad_installed_package_is_alone_too(install, source, make, record) -> None:
    install("a-bad", "raise ValueError('no')\n", entry="a-bad")
    install("b-gone", "", entry="b-gone", target="no_such_module_at_all")
    install("c-attr", "", entry="c-attr", target="c_attr:nothing")
    install("d-good", source("good"), entry="d-good")
    registry = make()
    assert record(registry, "a-bad").reason == "ValueError: no (a_bad.py:1)"
    assert "No module named 'no_such_module_at_all'" in record(registry, "b-gone").reason
    assert "has no attribute 'nothing'" in record(registry, "c-attr").reason
    assert {record(registry, name).state for name in ("a-bad", "b-gone", "c-attr")} == {PluginState.FAILED_IMPORT}
    assert set(registry.classes("source")) == {"good"}


@pytest.mark.parametrize(
    "points", ["[leadd.plugins]\nbroken line without equals\n", "\xff\xfe[leadd.plugins]", "[leadd.plugins\nx=y\n"]
)
def test_broken_metadata_of_one_package_hides_no_other(install, source, make, record, points: str) -> None:
    install("a-broken", "", points=points)
    install("b-good", source("good"), entry="b-good")
    registry = make()
    assert set(registry.classes("source")) == {"good"}


def test_two_plugins_with_one_component_name(put, source, make, record) -> None:
    put("first.py", source("feeds"))
    put("second.py", source("feeds", "Other"))
    registry = make()
    found = record(registry, "second")
    assert found.state is PluginState.FAILED_CONTRACT
    assert found.reason == "the source 'feeds' of 'second' is already given by the plugin 'first', which came first"
    assert registry.classes("source")["feeds"].__name__ == "Mine"
    assert registry.owner("source", "feeds") == "first"
    assert record(registry, "first").state is PluginState.LOADED


def test_a_clash_takes_only_what_clashes(put, source, make, record) -> None:
    put("first.py", source("feeds"))
    put("second.py", source("feeds") + source("other", "Other").replace("return [Other]", "return [Mine, Other]"))
    registry = make()
    found = record(registry, "second")
    assert found.state is PluginState.LOADED
    assert found.provides == {"source": ["other"]}
    assert "'first'" in found.reason
    assert set(registry.classes("source")) == {"feeds", "other"}


def test_one_plugin_with_one_name_twice(put, source, make, record) -> None:
    put("twice.py", source("feeds").replace("[Mine]", "[Mine, Mine]"))
    found = record(make(), "twice")
    assert "already given by itself" in found.reason
    assert found.provides == {"source": ["feeds"]}


def test_equal_names_of_different_kinds_are_no_clash(put, source, make, record) -> None:
    sink = "from leadd.api import Sink\nclass S(Sink):\n    name = 'slack'\n    async def deliver(self, lead, key): ...\n"
    put("slack.py", source("slack") + sink + "def leadd_sinks():\n    return [S]\n")
    assert record(make(), "slack").provides == {"source": ["slack"], "sink": ["slack"]}


def test_two_plugins_of_one_name(install, put, source, make) -> None:
    install("leadd-jobs", source("installed"), entry="jobs")
    put("jobs.py", source("mine"))
    registry = make()
    first, second = [known for known in registry.records if known.name == "jobs"]
    assert (first.state, second.state) == (PluginState.LOADED, PluginState.FAILED_CONTRACT)
    assert second.reason == "the name 'jobs' belongs to the plugin of package leadd-jobs, which came first"
    assert set(registry.classes("source")) == {"installed"}


def test_the_same_error_is_logged_once(put, make, caplog: pytest.LogCaptureFixture) -> None:
    put("bad.py", "raise ValueError('no')\n")
    with caplog.at_level(logging.WARNING, logger="test.registry"):
        registry = make()
        registry.discover()
        registry.discover()
    (line,) = [entry.getMessage() for entry in caplog.records]
    assert line.startswith("plugin 'bad' (file ")
    assert line.endswith("bad.py) failed_import: ValueError: no (bad.py:1)")


def test_a_plain_call_of_all_hooks_would_lose_the_good_ones(put, source, make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken variant: without asking each plugin alone, one that raises takes the others' answers with it."""

    def ask_all_at_once(self: HookBook, plugin: object, hook: str, **arguments: object) -> object:
        answers = getattr(self._manager.hook, hook)(**arguments)
        return [cls for answer in answers for cls in answer if cls.__module__ == getattr(plugin, "__name__", "")]

    put("a_bad.py", "def leadd_sources():\n    raise KeyError('k')\n")
    put("b_good.py", source("good"))
    assert set(make().classes("source")) == {"good"}
    monkeypatch.setattr(HookBook, "ask", ask_all_at_once)
    monkeypatch.setattr(HookBook, "drop", lambda self, plugin: None)
    assert set(make().classes("source")) == set()


class _InOurOwnThread:
    """The broken variant of Work: no thread and no wide net."""

    def __init__(self, work: Callable[[], object], what: str) -> None:
        self.value = work()

    def result(self, limit_s: float) -> object:
        return self.value


def test_an_import_in_the_daemons_own_thread_would_end_it(put, make, monkeypatch: pytest.MonkeyPatch) -> None:
    put("bad.py", "import sys\nsys.exit(1)\n")
    make()
    monkeypatch.setattr("leadd.registry.registry.Work", _InOurOwnThread)
    with pytest.raises(SystemExit):
        make()


GATED = """
import sys
sys.modules["gate_of_the_test"].wait(20)
"""


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What the plugins of these tests wait for at import."""
    event = threading.Event()
    monkeypatch.setitem(sys.modules, "gate_of_the_test", event)
    return event


def test_a_slow_import_need_not_hold_up_the_start(folder, put, source, record, gate: threading.Event) -> None:
    put("a_slow.py", GATED + source("slow"))
    put("b_slow_and_bad.py", GATED + "raise ValueError('no')\n")
    put("c_good.py", source("good"))
    registry = Registry(folder)
    registry.discover(patience_s=0.2)
    assert [found.state for found in registry.records] == ["loading", "loading", "loaded"]
    assert record(registry, "a_slow").reason == "its import takes long; it is waited for up to 30 s"
    gate.set()
    assert [found.name for found in registry.settle()] == ["a_slow", "b_slow_and_bad"]
    assert (record(registry, "a_slow").state, record(registry, "a_slow").reason) == (PluginState.LOADED, "")
    assert record(registry, "b_slow_and_bad").reason == "ValueError: no (b_slow_and_bad.py:4)"
    assert set(registry.classes("source")) == {"slow", "good"}
    assert registry.settle() == []


def test_a_late_import_still_has_its_limit(folder, put, source, record, gate: threading.Event) -> None:
    put("a_slow.py", GATED + source("slow"))
    registry = Registry(folder, import_limit_s=0.3)
    registry.discover(patience_s=0.1)
    assert record(registry, "a_slow").state is PluginState.LOADING
    registry.settle()
    assert record(registry, "a_slow").state is PluginState.FAILED_IMPORT
    assert record(registry, "a_slow").reason == "import of 'a_slow' did not end within 0.3 s"
    gate.set()
