"""Who plays which role: the settings' models and those that stand by, as ordered plans for inference."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from leadd.api import Role
from leadd.config.entries import RoleModel
from leadd.config.settings import ModelSettings
from leadd.core.training.tuning import plan_of
from leadd.inference import RolePlan

SHIPPED = ModelSettings()


def role_plans(settings: ModelSettings, servers: Collection[str]) -> dict[Role, list[RolePlan]]:
    """For each role that is switched on, its model first and then who stands by, as far as their servers could be opened.

    For want of memory alone two more stand by, where the server has them: the 4-bit tag of a shipped model, and for
    classification and dossiers the smaller model of triage.
    """
    plans: dict[Role, list[RolePlan]] = {}
    for role in Role:
        entry: RoleModel = getattr(settings, role.value)
        if not entry.enabled:
            continue
        asked = [_plan(entry, entry.use, entry.model, entry.num_ctx)]
        asked += [_plan(entry, c.use, c.model, c.num_ctx or entry.num_ctx) for c in entry.candidates]
        known = {(plan.use, plan.model) for plan in asked}
        for model, num_ctx in _small(settings, role, entry):
            if (entry.use, model) not in known:
                known.add((entry.use, model))
                asked.append(_plan(entry, entry.use, model, num_ctx, memory=True))
        plans[role] = [plan for plan in asked if plan.use in servers]
    return {role: found for role, found in plans.items() if found}


def with_tuned(plans: dict[Role, list[RolePlan]], tuned: Mapping[str, Mapping[str, Any]]) -> dict[Role, list[RolePlan]]:
    """The same with tuned models in front of the models that they won against; one whose base is no longer set is left out."""
    found = dict(plans)
    for name, entry in tuned.items():
        role = Role(name)
        if role in found and found[role][0].model == entry["was"] and found[role][0].use == entry["use"]:
            found[role] = [plan_of(entry), *found[role]]
    return found


def _small(settings: ModelSettings, role: Role, entry: RoleModel) -> list[tuple[str, int]]:
    """Smaller models with their windows: that of triage keeps its own, because each change of it is a load."""
    if role is Role.EMBED:
        return []
    cut = settings.quantized_triage if role is Role.TRIAGE else settings.quantized_classify
    shipped: RoleModel = getattr(SHIPPED, role.value)
    found = [(cut, entry.num_ctx)] if entry.model == shipped.model else []
    if role is not Role.TRIAGE and settings.triage.enabled and settings.triage.use == entry.use:
        found.append((settings.triage.model, settings.triage.num_ctx))
    return found


def _plan(entry: RoleModel, use: str, model: str, num_ctx: int, *, memory: bool = False) -> RolePlan:
    return RolePlan(
        use=use, model=model, num_ctx=num_ctx, temperature=entry.temperature, max_tokens=entry.max_tokens,
        when="memory" if memory else "any", optional=memory,
    )  # fmt: skip
