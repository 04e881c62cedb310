"""Settings from all places, in order: flags over environment over file over profile over defaults."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from leadd.api.diagnosis import Loc, diagnose, dotted
from leadd.config.adjustments import find_adjustments
from leadd.config.checks import find_conflicts, find_idle, find_risks
from leadd.config.document import Document, DocumentError, read_document
from leadd.config.environment import Assignment, read_assignment, read_legacy, read_nested, suspects
from leadd.config.layers import Layers, Origin
from leadd.config.paths import Paths
from leadd.config.problems import SettingsError, SettingsProblem
from leadd.config.profiles import PROFILES
from leadd.config.settings import Settings
from leadd.config.tree import leaves


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings in force. `origin` tells for each key where its value comes from; `paths` are the paths in force.

    `warnings` are lines for the user: names that have no effect, risky choices. No line holds a secret.
    """

    settings: Settings
    origin: Mapping[str, str]
    warnings: tuple[str, ...]
    file: Path | None
    paths: Paths


def load(
    *,
    file: Path | None = None,
    profile: str | None = None,
    overrides: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    paths: Paths | None = None,
) -> Loaded:
    """The settings in force.

    `file` must exist where it is given; else the file that `paths` name is read where it exists. `overrides` are flags:
    dotted keys and their text. Raises SettingsError with everything that is wrong.
    """
    environ = os.environ if environ is None else environ
    paths = paths or Paths.from_environment(environ)
    is_named = file is not None or bool(environ.get("LEADD_CONFIG"))
    found, document = _read_file(file or paths.config_file, is_named=is_named)
    layers = Layers()
    notes = _Notes()
    flags = {**(overrides or {}), **({} if profile is None else {"profile": profile})}
    _put_profile(layers, notes, _profile_name(flags, environ, document))
    if found:
        layers.put_document(document, found)
    _put_environment(layers, notes, environ)
    for key, text in flags.items():
        notes.take(layers, [read_assignment(tuple(key.split(".")), text, "flag", layers.tree)])
    notes.warnings.extend(suspects(environ))
    _choose_fixed(layers)
    settings = _validate(layers, notes.problems)
    settings = _adjust(settings, layers, notes)
    _cross_check(settings, layers)
    notes.warnings.extend(_idle_warnings(settings, layers))
    notes.warnings.extend(find_risks(settings))
    warnings = tuple(dict.fromkeys(notes.warnings))
    return Loaded(settings, layers.labels(), warnings, found, _paths_in_force(paths, settings))


class _Notes:
    """What is found on the way: problems end the loading, warnings do not."""

    def __init__(self) -> None:
        self.problems: list[SettingsProblem] = []
        self.warnings: list[str] = []

    def take(self, layers: Layers, findings: Iterable[Assignment | SettingsProblem | str]) -> None:
        for finding in findings:
            if isinstance(finding, str):
                self.warnings.append(finding)
            elif isinstance(finding, SettingsProblem):
                self.problems.append(finding)
            elif finding.is_bare and not _fits(finding):
                name = finding.origin.removeprefix("environment ")
                self.warnings.append(f"{name} is set and has no effect: its value does not fit '{dotted(finding.loc)}'")
            else:
                layers.put(finding.loc, finding.value, Origin(finding.origin, finding.origin), Path.cwd())


def _fits(assignment: Assignment) -> bool:
    """Bare names are shared with other programs (DEBUG='*', PORT='tcp://…'): what does not fit is not meant for leadd."""
    trial = Layers()
    trial.put(assignment.loc, assignment.value, Origin("trial", "trial"), Path.cwd())
    try:
        Settings.model_validate(trial.tree)
    except ValidationError:
        return False
    return True


def _choose_fixed(layers: Layers) -> None:
    """A threshold of points that someone set is what they want to go by, unless they name a mode as well."""
    said = layers.label(("prefilter", "score_threshold"))
    if said != "default" and layers.label(("prefilter", "mode")) == "default":
        origin = f"prefilter.score_threshold ({said})"
        layers.put(("prefilter", "mode"), "fixed", Origin(origin, origin), Path.cwd())


def _read_file(file: Path, *, is_named: bool) -> tuple[Path | None, Document]:
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        if not is_named:
            return None, Document()
        raise _one(str(file), "the file does not exist", "`leadd init` writes one") from None
    except OSError as error:
        raise _one(str(file), f"the file cannot be read: {error.strerror}") from None
    try:
        return file, read_document(raw)
    except DocumentError as error:
        place = f"{file}:{error.mark.line}:{error.mark.column}"
        raise SettingsError([SettingsProblem(place, error.key, error.message, error.hint)]) from None


def _one(place: str, message: str, hint: str = "") -> SettingsError:
    return SettingsError([SettingsProblem(place, "", message, hint)])


def _profile_name(flags: Mapping[str, str], environ: Mapping[str, str], document: Document) -> str:
    """Which profile is asked for, before any layer is laid; a wrong name is reported by the tree itself."""
    nested = next((text for name, text in environ.items() if name.upper() == "LEADD__PROFILE"), None)
    for text in (flags.get("profile"), nested, environ.get("LEADD_PROFILE"), document.tree.get("profile")):
        if text is not None:
            return str(text)
    return "default"


def _put_profile(layers: Layers, notes: _Notes, name: str) -> None:
    for choice in PROFILES.get(name, ()):
        layers.put(tuple(choice.key.split(".")), choice.value, Origin(f"profile {name}", f"profile {name}"), Path.cwd())


def _put_environment(layers: Layers, notes: _Notes, environ: Mapping[str, str]) -> None:
    notes.take(layers, read_legacy(environ, layers.tree))
    notes.take(layers, read_nested(environ, layers.tree))


def _validate(layers: Layers, problems: list[SettingsProblem]) -> Settings:
    try:
        settings = Settings.model_validate(layers.tree)
    except ValidationError as error:
        problems = [
            *problems,
            *(_problem(finding.loc, finding, layers) for finding in diagnose(error, Settings, hides_secrets=False)),
        ]
    if problems:
        raise SettingsError(problems)
    return settings


def _problem(loc: Loc, finding: Any, layers: Layers) -> SettingsProblem:
    place = layers.place(loc, of_key=finding.is_unknown_key)
    if loc and loc[-1] == "[key]":
        message = f"'{loc[-2]}' is no name; allowed: small letters, digits, - and _, at most 64"
        return SettingsProblem(place, dotted(loc[:-2]), message)
    return SettingsProblem(place, finding.key, finding.message, finding.hint)


def _adjust(settings: Settings, layers: Layers, notes: _Notes) -> Settings:
    adjustments = find_adjustments(settings)
    if not adjustments:
        return settings
    for adjustment in adjustments:
        loc = tuple(adjustment.key.split("."))
        cause = layers.label(tuple(adjustment.because.split(".")))
        label = f"{adjustment.because} ({cause})" if cause != "default" else adjustment.because
        layers.put(loc, adjustment.value, Origin(label, label), Path.cwd())
        if adjustment.warning:
            notes.warnings.append(adjustment.warning)
    return _validate(layers, [])


def _cross_check(settings: Settings, layers: Layers) -> None:
    problems = []
    for conflict in find_conflicts(settings):
        locs = [tuple(key.split(".")) for key in conflict.keys]
        # The first key may have its default: the place to look at is where someone chose.
        chosen = next((loc for loc in locs if layers.label(loc) not in ("", "default")), locs[0])
        problems.append(SettingsProblem(layers.place(chosen), conflict.keys[0], conflict.message, conflict.hint))
    if problems:
        raise SettingsError(problems)


def _idle_warnings(settings: Settings, layers: Layers) -> list[str]:
    def is_set(key: str) -> bool:
        label = layers.label(tuple(key.split(".")))
        return label != "default" and not label.startswith("profile ")

    lines = [_idle_line(layers, key, why) for key, why in find_idle(settings, is_set)]
    for leaf in leaves():
        if leaf.is_later and is_set(leaf.key) and _value(settings, leaf.loc) != leaf.default:
            lines.append(_idle_line(layers, leaf.key, "it comes in a later version"))
    return lines


def _idle_line(layers: Layers, key: str, why: str) -> str:
    place = layers.place(tuple(key.split(".")))
    name = place.removeprefix("environment ")
    return f"{name} is set and has no effect: {why}" if name != place else f"{place}: {key} has no effect: {why}"


def _value(settings: Settings, loc: Loc) -> Any:
    here: Any = settings
    for part in loc:
        here = getattr(here, str(part))
    return here


def _paths_in_force(paths: Paths, settings: Settings) -> Paths:
    wanted = {
        "data_folder": settings.paths.data,
        "plugins_folder": settings.paths.plugins,
        "prompts_folder": settings.prompts.folder,
        "database_file": settings.store.database,
        "socket_file": settings.control.socket,
    }
    changes = {name: path for name, path in wanted.items() if path is not None}
    return paths.replace(**changes) if changes else paths
