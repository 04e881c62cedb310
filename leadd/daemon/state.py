"""How the daemon is, in words: what is degraded and what is worth knowing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from leadd import __version__
from leadd.api import Method, Role

if TYPE_CHECKING:
    from leadd.daemon.app import Daemon

UNFIT = ("failed_import", "failed_contract", "failed_config", "loading")
WORST_FIRST = ("failed_config", "paused", "suspended", "retrying")


async def report(daemon: Daemon) -> dict[str, Any]:
    """The status as `leadd status --json` prints it."""
    reasons = [*_model_reasons(daemon), *_plugin_reasons(daemon), *_cache_reasons(daemon)]
    reasons += [*await _unusable_caches(daemon), *await _component_reasons(daemon)]
    reasons += list(daemon.control.degraded)
    if daemon.prompt_desk.report is not None:
        reasons += [f"prompt not used: {p}" for p in daemon.prompt_desk.report.problems]
    if daemon.store.db.failing:
        reasons.insert(0, f"the database cannot be written: {daemon.store.db.failing} (make room on the disk)")
    if not daemon.core.profiles.current:
        reasons.append("every ICP is switched off: nothing is judged (leadd icp edit)")
    reasons += [f"ICP not taken in: {problem}" for problem in daemon.icp_problems]
    promises = await daemon.core.promises(closely=False)
    reasons += [
        f"ICP {p.icp}: after {p.last_alarm} everything passes until the promise is proven again (leadd prefilter show)"
        for p in promises
        if p.alarms and not p.is_certified
    ]
    counts = await daemon.store.signals.counts()
    if counts.waiting_for_model:
        reasons.append(f"{counts.waiting_for_model} signals wait for the model")
    state = daemon.state if daemon.state != "running" else ("degraded" if reasons else "ok")
    return {
        "state": state,
        "pid": os.getpid(),
        "version": __version__,
        "started_at": daemon.started_at,
        "listening": list(daemon.control.listening),
        "reasons": reasons,
        "notes": [*_notes(daemon), *await _tuned_notes(daemon), *daemon.experiments.notes()],
        "profile": daemon.settings.profile,
        "icps": [p.icp.name for p in daemon.core.profiles.current],
        "signals": dict(counts.by_state),
        "outcomes": dict(counts.by_outcome),
        "sources": dict(counts.by_source),
        "leads": await daemon.store.leads.bucket_counts(),
        "prefilter": [{"icp": p.icp, "mode": p.mode, "sentence": p.sentence} for p in promises],
        "cache": await daemon.core.kept.saved(daemon.clock.now_ms()),
        "models": {role.value: _role(daemon, role) for role in Role},
        "paths": daemon.paths.as_dict(),
    }


def _role(daemon: Daemon, role: Role) -> dict[str, Any]:
    now = daemon.inference.availability(role)
    return {"ok": now.ok, "method": now.method.value if now.method else None, "reason": now.reason}


def _model_reasons(daemon: Daemon) -> list[str]:
    """What is wrong with the models, one line each: a wedged server, a role that waits, one that another model plays."""
    wedged = {str(row["wedged"]): str(row["name"]) for row in daemon.inference.health() if row.get("wedged")}
    found = [f"model server {name} is wedged: {advice}" for advice, name in wedged.items()]
    for role in (Role.TRIAGE, Role.CLASSIFY):
        now = daemon.inference.availability(role)
        if now.method == Method.EVIDENCE:
            why = now.reason.removeprefix("no language model: ")
            found.append(f"no language model: signals are judged by the evidence in their own text ({why})")
        elif not now.ok and now.reason not in wedged:
            found.append(f"{role.value} waits for its model: {now.reason}")
        elif now.ok and now.reason:
            found.append(f"{role.value}: {now.reason}")
    dossier = daemon.inference.availability(Role.DOSSIER)
    if not dossier.ok and not found:
        found.append(f"dossiers wait for their model: {dossier.reason}")
    elif dossier.ok and dossier.reason:
        found.append(f"dossiers: {dossier.reason}")
    return list(dict.fromkeys(found))


def _plugin_reasons(daemon: Daemon) -> list[str]:
    return [f"plugin {r.name} is {r.state}: {r.reason}" for r in daemon.registry.records if str(r.state).startswith("failed")]


def _cache_reasons(daemon: Daemon) -> list[str]:
    return [
        f"cache {record.use} is {record.state}: {record.reason}"
        for record in daemon.registry.instances.values()
        if record.kind == "cache" and record.state in WORST_FIRST
    ]


async def _unusable_caches(daemon: Daemon) -> list[str]:
    """Caches that are in service and keep nothing: a file that is locked, a server that is gone."""
    return [f"cache {problem['name'].removeprefix('cache-')}: {problem['problem']}" for problem in await daemon.check_caches()]


async def _component_reasons(daemon: Daemon) -> list[str]:
    found = []
    for status in daemon.core.traffic.source_statuses():
        if status.state in WORST_FIRST and status.reason != "paused by you":
            found.append(f"source {status.name} is {status.state}: {status.reason}" + _hint(status.hint))
    for sink in await daemon.core.traffic.sink_statuses():
        if sink.state in WORST_FIRST:
            found.append(f"sink {sink.name} is {sink.state}: {sink.reason}" + _hint(sink.hint))
        dead = (sink.counts or {}).get("dead", 0)
        if dead:
            found.append(f"sink {sink.name} has {dead} deliveries that gave up (leadd deliveries --state dead)")
    return found


def _hint(hint: str) -> str:
    return f" ({hint})" if hint else ""


async def _tuned_notes(daemon: Daemon) -> list[str]:
    """Who plays a role because it won against the model that the settings name."""
    notes = []
    for role, entry in (await daemon.core.tuning.in_force()).items():
        planned, back = daemon.inference.planned(Role(role)), f"leadd tune --role {role} --undo"
        made, was = entry["model"], entry["was"]
        if planned is not None and planned[0].model == made:
            notes.append(f"{role} is played by {made}, tuned on your verdicts, for {was} ({back})")
        else:
            why = f"it was made of {was}, and models.{role}.model names another one now"
            notes.append(f"{made}, tuned for {role}, rests: {why} ({back} forgets it)")
    return notes


def _notes(daemon: Daemon) -> list[str]:
    notes = list(daemon.loaded.warnings)
    stand_in = daemon.core.profiles.stand_in
    if stand_in:
        notes.append(f"you have no ICP of your own: the shipped template '{stand_in}' is in force (leadd icp add)")
    for server in daemon.inference.health():
        thrash = server.get("thrash") or {}
        if thrash.get("count"):
            notes.append(f"another program disturbs model server {server['name']}: {thrash['reason']} (leadd doctor)")
    return notes
