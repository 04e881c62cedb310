"""Finds plugins, keeps a record with a state for each, and builds their components.

Nothing a plugin does while it is loaded ends the daemon or hides another plugin: a failure is a state with a reason.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadd.api import Clock, Component, SystemClock
from leadd.api.diagnosis import nearest
from leadd.registry.components import ContextFactory, build
from leadd.registry.contracts import COMPANIONS, HOOK_OF_KIND, KINDS, find_fault
from leadd.registry.discovery import Candidate, find_candidates
from leadd.registry.hooks import HookBook, HookFault
from leadd.registry.importing import PluginFailure, Work, last_line, one_line, run_limited
from leadd.registry.records import ComponentError, InstanceRecord, InstanceState, PluginRecord, PluginState

if TYPE_CHECKING:
    import click

_LEAST_PATIENCE_S = 0.5
"""What each import is waited for although slow ones before it used the patience up: most end in a tenth of it."""


class Registry:
    """The plugins and their components. `discover` blocks for as long as imports take: call it in a thread.

    `enabled` None loads every plugin that is found, a list only those it names; `disabled` names are never imported.
    """

    def __init__(
        self,
        plugins_folder: Path | None,
        *,
        enabled: Sequence[str] | None = None,
        disabled: Sequence[str] = (),
        log: logging.Logger | None = None,
        import_limit_s: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self._folder = plugins_folder
        self._enabled = None if enabled is None else frozenset(enabled)
        self._disabled = frozenset(disabled)
        self._log = log or logging.getLogger("leadd.registry")
        self._limit_s = import_limit_s
        self._clock: Clock = clock or SystemClock()
        self._logged: Counter[tuple[str, str]] = Counter()
        self._begin()
        self.instances: dict[str, InstanceRecord] = {}
        """By `kind:name`, such as `source:feeds`."""

    def _begin(self) -> None:
        self.records: list[PluginRecord] = []
        self._hooks = HookBook()
        self._plugins: dict[str, object] = {}
        self._classes: dict[str, dict[str, type[Component]]] = {kind: {} for kind in KINDS}
        self._owners: dict[tuple[str, str], str] = {}
        self._late: list[tuple[PluginRecord, Work[object], float]] = []

    # Finding

    def discover(self, *, patience_s: float | None = None) -> None:
        """Find, import and ask every plugin, one at a time. A second call begins anew and reads changed files again.

        After `patience_s` seconds of waiting for imports in all, one that still runs is left `loading` and goes on beside
        us, so that a slow plugin does not hold up the start; `settle` takes it in. None waits for each to its limit.
        """
        self._begin()
        patience = float("inf") if patience_s is None else patience_s
        for candidate in find_candidates(self._folder):
            record = PluginRecord(candidate.name, candidate.origin, candidate.version)
            started = time.monotonic()
            self._take(candidate, record, patience)
            record.seconds = time.monotonic() - started
            patience -= record.seconds
            self.records.append(record)
            self._report(record)

    def settle(self) -> list[PluginRecord]:
        """Wait for the imports that `discover` left running, each to its limit; the records that are decided by it.

        Blocks: call it in a thread. Components of plugins that came in late can be created from then on.
        """
        late, self._late = self._late, []
        for record, work, started in late:
            self._finish(work, record)
            record.seconds = time.monotonic() - started
            self._report(record)
        return [record for record, _, _ in late]

    def _report(self, record: PluginRecord) -> None:
        if record.reason and record.state is not PluginState.DISABLED:
            self._log_once(record.name, f"plugin '{record.name}' ({record.origin}) {record.state}: {record.reason}")

    def _take(self, candidate: Candidate, record: PluginRecord, patience_s: float) -> None:
        taken = next((known for known in self.records if known.name == record.name), None)
        if taken is not None:
            reason = f"the name '{record.name}' belongs to the plugin of {taken.origin}, which came first"
            _fail(record, PluginState.FAILED_CONTRACT, reason)
        elif record.name in self._disabled:
            _fail(record, PluginState.DISABLED, "named in plugins.disabled")
        elif self._enabled is not None and record.name not in self._enabled:
            _fail(record, PluginState.DISABLED, "not named in plugins.enabled")
        elif candidate.problem:
            _fail(record, PluginState.FAILED_IMPORT, candidate.problem)
        else:
            started = time.monotonic()
            work = Work(candidate.load, f"import of '{record.name}'")
            if patience_s < self._limit_s and not work.wait(max(_LEAST_PATIENCE_S, patience_s)):
                _fail(record, PluginState.LOADING, f"its import takes long; it is waited for up to {self._limit_s:g} s")
                self._late.append((record, work, started))
            else:
                self._finish(work, record)

    def _finish(self, work: Work[object], record: PluginRecord) -> None:
        """Decide what becomes of a plugin, once its import has ended or its time is over."""
        try:
            plugin = work.result(self._limit_s)
        except PluginFailure as failure:
            _fail(record, PluginState.FAILED_IMPORT, str(failure))
            return
        record.state, record.reason = PluginState.LOADED, ""
        try:
            plugin = self._instance(plugin, record)
            self._hooks.register(plugin, record.name)
        except (HookFault, PluginFailure) as fault:
            _fail(record, PluginState.FAILED_CONTRACT, str(fault))
            return
        except Exception as error:  # a module whose __getattr__ or __dir__ raises
            _fail(record, PluginState.FAILED_CONTRACT, f"its hooks cannot be read: {last_line(error)}")
            return
        try:
            offered = self._ask_all(plugin, record.name)
        except (HookFault, PluginFailure) as fault:
            self._hooks.drop(plugin)
            _fail(record, PluginState.FAILED_CONTRACT, str(fault))
            return
        except Exception as error:  # a class that raises when it is looked at
            self._hooks.drop(plugin)
            _fail(record, PluginState.FAILED_CONTRACT, f"its classes cannot be checked: {last_line(error)}")
            return
        self._plugins[record.name] = plugin
        self._admit(offered, record)

    def _instance(self, plugin: object, record: PluginRecord) -> object:
        """Entry points may name a class; hooks are asked of an object made from it."""
        if not isinstance(plugin, type):
            return plugin
        return run_limited(plugin, limit_s=self._limit_s, what=f"making '{record.name}'")

    def _ask_all(self, plugin: object, name: str) -> list[tuple[str, type[Component]]]:
        offered: list[tuple[str, type[Component]]] = []
        for kind, hook in HOOK_OF_KIND.items():
            if self._hooks.has(plugin, hook):
                answer = run_limited(self._question(plugin, hook), limit_s=self._limit_s, what=f"{hook} of '{name}'")
                offered.extend((kind, cls) for cls in _classes_in(answer, kind, hook))
        return offered

    def _question(self, plugin: object, hook: str) -> Callable[[], Any]:
        return lambda: self._hooks.ask(plugin, hook)

    def _admit(self, offered: Sequence[tuple[str, type[Component]]], record: PluginRecord) -> None:
        """Take the classes whose names are free; a name that is taken stays with the plugin that came first."""
        provides: dict[str, list[str]] = {}
        clashes: list[str] = []
        for kind, cls in offered:
            owner = self._owners.get((kind, cls.name))
            if owner is not None:
                whose = "itself" if owner == record.name else f"the plugin '{owner}'"
                clashes.append(f"the {kind} '{cls.name}' of '{record.name}' is already given by {whose}, which came first")
                continue
            self._owners[kind, cls.name] = record.name
            self._classes[kind][cls.name] = cls
            provides.setdefault(kind, []).append(cls.name)
        record.provides = provides
        record.reason = "; ".join(clashes)
        if clashes and not provides:
            record.state = PluginState.FAILED_CONTRACT

    # Building

    @property
    def kinds(self) -> tuple[str, ...]:
        """source, cache, model, sink."""
        return tuple(KINDS)

    def classes(self, kind: str) -> Mapping[str, type[Component]]:
        """The classes of a kind by the name that `use:` refers to. Raises ComponentError for a kind that does not exist."""
        if kind not in self._classes:
            raise ComponentError("unknown", f"there is no kind '{kind}'", hint=f"kinds are {', '.join(KINDS)}")
        return self._classes[kind]

    def owner(self, kind: str, name: str) -> str | None:
        """The plugin that gives a component, or None."""
        return self._owners.get((kind, name))

    def find(self, kind: str, use: str) -> type[Component]:
        """The class that `use:` names. Raises ComponentError with the nearest name."""
        classes = self.classes(kind)
        if use in classes:
            return classes[use]
        raise ComponentError("unknown", f"there is no {kind} '{use}'", hint=self._hint(kind, use))

    def _hint(self, kind: str, use: str) -> str:
        failed = next((r for r in self.records if r.name == use and r.state is not PluginState.LOADED), None)
        if failed is not None:
            return f"the plugin '{use}' is {failed.state}: {failed.reason}"
        companion = COMPANIONS.get((kind, use))
        if companion is not None:
            return f"the plugin {companion} brings it: pip install ./plugins/{companion} in leadd's repository"
        near = nearest(use, self._classes[kind])
        if near:
            return f"did you mean '{near}'?"
        other = next((other for other, found in self._classes.items() if use in found), None)
        if other is not None:
            return f"'{use}' is a {other}"
        known = ", ".join(sorted(self._classes[kind]))
        return f"known: {known}" if known else f"no plugin gives a {kind}"

    def create(
        self, kind: str, use: str, options: Mapping[str, Any], ctx_factory: ContextFactory, *, name: str | None = None
    ) -> Component:
        """A component, checked and made, not opened. Raises ComponentError.

        `ctx_factory` is given the checked config. With `name` the instance is recorded as `kind:name`: ready, or
        failed_config with the reason.
        """
        try:
            component = build(self.find(kind, use), kind, options, ctx_factory)
        except ComponentError as error:
            if name is not None:
                self._record(kind, name, use)
                self.mark(f"{kind}:{name}", InstanceState.FAILED_CONFIG, str(error))
            raise
        if name is not None:
            self._record(kind, name, use)
        return component

    def _record(self, kind: str, name: str, use: str) -> None:
        record = InstanceRecord(name, kind, use, InstanceState.READY, since_ms=self._clock.now_ms())
        self.instances[f"{kind}:{name}"] = record

    def mark(self, name: str, state: InstanceState | str, reason: str = "") -> None:
        """Note how an instance (`kind:name`) is. The same reason is logged once and counted after that.

        Raises KeyError for an instance that was never created.
        """
        record = self.instances[name]
        state = InstanceState(state)
        if state is not record.state:
            record.since_ms = self._clock.now_ms()
        record.state = state
        record.reason = "" if state is InstanceState.READY else one_line(reason)
        if state is InstanceState.READY:
            return
        record.errors += 1
        if record.reason != record.last_error:
            self._log.warning("%s is %s: %s", name, state, record.reason)
        record.last_error = record.reason

    def config_schema(self, kind: str, name: str) -> dict[str, Any]:
        """JSON schema of a component's own keys. Raises ComponentError for a name that does not exist."""
        return self.find(kind, name).Config.model_json_schema()

    # The command line

    def add_commands(self, cli: click.Group) -> None:
        """Let each plugin add commands. One that fails, or takes a name that exists, is logged and changes nothing."""
        for name, plugin in self._plugins.items():
            if not self._hooks.has(plugin, "leadd_commands"):
                continue
            before = dict(cli.commands)
            try:
                self._hooks.ask(plugin, "leadd_commands", cli=cli)
            except (Exception, SystemExit) as error:
                cli.commands.clear()
                cli.commands.update(before)
                self._log_once(name, f"plugin '{name}': leadd_commands failed: {last_line(error)}")
                continue
            for taken in [command for command, known in before.items() if cli.commands.get(command) is not known]:
                cli.commands[taken] = before[taken]
                self._log_once(name, f"plugin '{name}': the command '{taken}' exists already")

    def _log_once(self, name: str, line: str) -> None:
        self._logged[name, line] += 1
        if self._logged[name, line] == 1:
            self._log.warning("%s", line)


def _fail(record: PluginRecord, state: PluginState, reason: str) -> None:
    record.state = state
    record.reason = one_line(reason)


def _classes_in(answer: Any, kind: str, hook: str) -> list[type[Component]]:
    """The classes that a hook answered. Raises HookFault for any other answer."""
    if answer is None:
        return []
    if inspect.isawaitable(answer) or inspect.isasyncgen(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise HookFault(f"{hook} is async; hooks are plain functions that return classes")
    if not isinstance(answer, (list, tuple)):
        raise HookFault(f"{hook} must return a list of classes; it returned {type(answer).__name__}")
    for cls in answer:
        fault = find_fault(cls, kind)
        if fault:
            raise HookFault(fault)
    return list(answer)
