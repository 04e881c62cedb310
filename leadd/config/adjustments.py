"""Keys that decide other keys. They are worked out once, at load, so that every reader finds final values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leadd.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One value that follows from another key. `warning` is empty where nothing surprising happened."""

    key: str
    value: Any
    because: str
    warning: str = ""


def find_adjustments(settings: Settings) -> list[Adjustment]:
    """What follows from the settings; an empty list where every key already says what is in force."""
    names = list(_quantized(settings)) if settings.models.quantized else []
    models = {adjustment.key: adjustment.value for adjustment in names}
    return [*names, *_candidates(settings), *_windows(settings, models), *_debug(settings), *_prompts(settings)]


def _quantized(settings: Settings) -> Iterator[Adjustment]:
    models = settings.models
    wanted = {
        "triage": models.quantized_triage,
        "classify": models.quantized_classify,
        "dossier": models.quantized_classify,
    }
    for role, name in wanted.items():
        if getattr(models, role).model != name:
            yield Adjustment(f"models.{role}.model", name, "models.quantized")


def _candidates(settings: Settings) -> Iterator[Adjustment]:
    """Who stands by: the plain model behind its 4-bit one, those of the role itself, then the alternative by its old name."""
    models = settings.models
    spare = {"triage": models.fallback_triage, "classify": models.fallback_classify, "dossier": models.fallback_classify}
    cut = {"triage": models.quantized_triage, "classify": models.quantized_classify, "dossier": models.quantized_classify}
    for role, alternative in spare.items():
        plan = getattr(models, role)
        before = [{"model": plan.model, "use": plan.use}] if models.quantized and plan.model != cut[role] else []
        after = [{"model": alternative, "use": plan.use}] if models.alternatives else []
        if before or after:
            own = [candidate.model_dump(mode="json") for candidate in plan.candidates]
            because = "models.quantized" if before else "models.alternatives"
            yield Adjustment(f"models.{role}.candidates", [*before, *own, *after], because)


def _windows(settings: Settings, names: dict[str, str]) -> Iterator[Adjustment]:
    """One window for each model: the server loads a model anew whenever the window changes."""
    roles = {role: getattr(settings.models, role) for role in ("triage", "classify", "dossier", "embed")}
    widest: dict[tuple[str, str], int] = {}
    for role, plan in roles.items():
        if plan.enabled:
            model = (plan.use, names.get(f"models.{role}.model", plan.model))
            widest[model] = max(widest.get(model, 0), plan.num_ctx)
    for role, plan in roles.items():
        name = names.get(f"models.{role}.model", plan.model)
        window = widest.get((plan.use, name), plan.num_ctx)
        if plan.enabled and plan.num_ctx < window:
            warning = (
                f"models.{role}.num_ctx is raised from {plan.num_ctx} to {window}: another role asks {name} with that "
                "window, and each change of the window loads the model anew"
            )
            yield Adjustment(f"models.{role}.num_ctx", window, "one window for each model", warning)


def _debug(settings: Settings) -> Iterator[Adjustment]:
    if settings.debug and settings.log.level != "debug":
        yield Adjustment("log.level", "debug", "debug")


def _prompts(settings: Settings) -> Iterator[Adjustment]:
    """`prompts.folder` and `paths.prompts` are two names of one thing; where both are set, prompts.folder is in force."""
    first, second = settings.prompts.folder, settings.paths.prompts
    if first is None and second is not None:
        yield Adjustment("prompts.folder", second, "paths.prompts")
    elif first is not None and first != second:
        warning = "" if second is None else f"paths.prompts is not used: prompts.folder is {first}"
        yield Adjustment("paths.prompts", first, "prompts.folder", warning)
