"""pluggy, tamed: plain functions are hooks, each plugin is asked alone, and what is misspelt is found at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pluggy

from leadd.api import LeaddSpec
from leadd.api.diagnosis import nearest
from leadd.api.hookspecs import PROJECT

PREFIX = f"{PROJECT}_"
HOOKS = tuple(name for name in vars(LeaddSpec) if name.startswith(PREFIX))


class HookFault(Exception):
    """A plugin's hooks are not as they must be; the message is for the plugin's author."""


class _Manager(pluggy.PluginManager):
    """Takes every function whose name begins with leadd_ for a hook, so that a plugin needs no decorator."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if not name.startswith(PREFIX) or not inspect.isroutine(getattr(plugin, name, None)):
            return None
        marked = super().parse_hookimpl_opts(plugin, name)
        return marked or {
            "wrapper": False,
            "hookwrapper": False,
            "optionalhook": False,
            "tryfirst": False,
            "trylast": False,
            "specname": None,
        }

    def parse_hookspec_opts(self, module_or_class: object, name: str) -> pluggy.HookspecOpts | None:
        if not name.startswith(PREFIX):
            return None
        return {"firstresult": False, "historic": False, "warn_on_impl": None, "warn_on_impl_args": None}


class HookBook:
    """The plugins whose hooks are in order, each asked alone."""

    def __init__(self) -> None:
        self._manager = _Manager(PROJECT)
        self._manager.add_hookspecs(LeaddSpec)

    def register(self, plugin: object, name: str) -> None:
        """Take a plugin in. Raises HookFault, and then nothing of it stays behind to be blamed on the next one."""
        try:
            self._manager.register(plugin, name)
            self._check(plugin)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            self.drop(plugin)
            raise HookFault(_plain(error)) from None
        except HookFault:
            self.drop(plugin)
            raise

    def drop(self, plugin: object) -> None:
        """Forget a plugin."""
        if self._manager.is_registered(plugin):
            self._manager.unregister(plugin)

    def has(self, plugin: object, hook: str) -> bool:
        """True where the plugin implements `hook`."""
        return any(caller.name == hook for caller in self._manager.get_hookcallers(plugin) or ())

    def ask(self, plugin: object, hook: str, **arguments: object) -> Any:
        """What one plugin answers, None where it does not implement the hook. Raises whatever the hook raises."""
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        answers = self._manager.subset_hook_caller(hook, remove_plugins=others)(**arguments)
        return answers[0] if answers else None

    def _check(self, plugin: object) -> None:
        found = [caller.name for caller in self._manager.get_hookcallers(plugin) or ()]
        for name in found:
            if name not in HOOKS:
                raise HookFault(f"there is no hook '{name}'; {_meant(name)}")
        for name in found:
            if _is_async(getattr(plugin, name)):
                raise HookFault(f"{name} is async; hooks are plain functions that return classes")
        if not found:
            near = next(_near_misses(plugin), "")
            raise HookFault(near or f"it has no hook; a plugin is a module with functions such as {HOOKS[0]}")


def _near_misses(plugin: object) -> Iterator[str]:
    for name in dir(plugin):
        meant = nearest(name, HOOKS, cutoff=0.8)
        if meant and name not in HOOKS and inspect.isroutine(getattr(plugin, name, None)):
            yield f"it has no hook; is '{name}' meant to be '{meant}'?"
        elif name in HOOKS:
            yield f"'{name}' must be a function"


def _meant(name: str) -> str:
    near = nearest(name, HOOKS)
    return f"did you mean '{near}'?" if near else f"hooks are {', '.join(HOOKS)}"


def _is_async(function: Callable[..., object]) -> bool:
    plain = inspect.unwrap(function)
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)


def _plain(error: Exception) -> str:
    """pluggy's message without its first line, which repeats the plugin's name and address."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[1:]) if len(lines) > 1 else lines[0] if lines else type(error).__name__
