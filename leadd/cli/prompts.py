"""`leadd prompts …` and `leadd reload-prompts`."""

from __future__ import annotations

from typing import Any

import click

from leadd.cli import names
from leadd.cli.client import Client
from leadd.cli.exits import Ended
from leadd.cli.groups import Listing
from leadd.cli.output import json_option, print_json, say, table, when

STATES = {"in force": "in force", "candidate": "candidate", "file": "in a file", "kept": "kept"}


@click.group(cls=Listing)
def prompts() -> None:
    """Show, test, compare and roll back the prompts."""


@prompts.command("list")
@click.argument("name", required=False, shell_complete=names.prompts)
@json_option
def list_prompts(name: str | None, as_json: bool) -> None:
    """The prompts in force, and why; of one prompt (NAME) every version that is in a file or ever ran."""
    found = Client().get(f"/api/prompts/{name}" if name else "/api/prompts")
    if as_json:
        print_json(found)
        return
    rows = [
        (p["name"], p["version"], p["content_hash"][:12], STATES.get(p["state"], p["state"]), p["why"],
         p["file"] or when(p["last_at_ms"]))
        for p in found["items"]
    ]  # fmt: skip
    table(("name", "version", "hash", "state", "why", "file"), rows, wide=(4, 5))
    for problem in found["problems"]:
        say(f"not used: {problem}")


@prompts.command()
@click.argument("name", shell_complete=names.prompts)
@click.argument("version", required=False)
@json_option
def show(name: str, version: str | None, as_json: bool) -> None:
    """One version with its text; VERSION is a number, a hash or a label, else the one in force."""
    found = Client().get(f"/api/prompts/{name}/versions/{version or 'production'}")
    if as_json:
        print_json(found)
        return
    say(f"# {found['name']}@{found['version']} {found['content_hash'][:12]}: {found['state']}; {found['why']}")
    for line in found["text"].splitlines():
        say(line)


@prompts.command()
@click.argument("name", shell_complete=names.prompts)
@click.argument("a")
@click.argument("b", required=False)
@click.option("--behaviour", is_flag=True, help="Replay stored signals and show of which the answers differ.")
@click.option("--last", type=click.IntRange(1, 5000), default=300, show_default=True, help="How many signals to replay.")
@click.option("--calls", type=click.IntRange(0, 5000), default=0, show_default=True, help="How often the model may be asked.")
@json_option
def diff(name: str, a: str, b: str | None, behaviour: bool, last: int, calls: int, as_json: bool) -> None:
    """What differs between two versions: of the text, or (--behaviour) of the answers. B is the one in force if not named."""
    if behaviour:
        body = {"a": a, "b": b or "production", "last": last, "calls": calls}
        found = Client().post(f"/api/prompts/{name}/behaviour", body, timeout_s=None if calls else 60.0)
    else:
        found = Client().get(f"/api/prompts/{name}/diff", a=a, b=b)
    if as_json:
        print_json(found)
    elif behaviour:
        _show_behaviour(found)
    else:
        for line in found["lines"] or ["no difference"]:
            say(line)


def _show_behaviour(found: dict[str, Any]) -> None:
    say(f"{found['message']}  ({found['a']} → {found['b']}, {found['looked_at']} signals looked at)")
    origins = ", ".join(f"{count} from the {origin}" for origin, count in sorted(found["origins"].items()))
    if origins:
        say(f"  answers: {origins}")
    if found["settled"]:
        say(f"  {found['settled']} were decided by other evidence: no prompt was asked")
    if found["failures"]:
        say(f"  {found['failures']} questions failed")
    rows = [
        (c["signal_id"], c["icp"], f"{c['a']['verdict']} {c['a']['detail']}", f"{c['b']['verdict']} {c['b']['detail']}",
         c["company"] or "", c["title"])
        for c in found["changes"]
    ]  # fmt: skip
    if rows:
        table(("signal", "icp", "before", "after", "company", "title"), rows, wide=(5,), numbers=(0,))


@prompts.command()
@click.argument("name", shell_complete=names.prompts)
@click.argument("version", required=False)
@click.option("--undo", is_flag=True, help="End a rollback: the newest version is in force again.")
@json_option
def rollback(name: str, version: str | None, undo: bool, as_json: bool) -> None:
    """Use an earlier version (else the one before) until the prompt's file changes."""
    if undo and version:
        raise click.UsageError("--undo goes back to the newest version; it takes no VERSION")
    _told(Client().post(f"/api/prompts/{name}/rollback", {"version": version, "undo": undo}), as_json)


@prompts.command()
@click.argument("name", shell_complete=names.prompts)
@click.argument("version")
@click.argument("label", type=click.Choice(["production", "candidate"]))
@json_option
def label(name: str, version: str, label: str, as_json: bool) -> None:
    """Label a version: `production` puts it in force like a rollback, `candidate` makes it known by that name."""
    _told(Client().post(f"/api/prompts/{name}/label", {"version": version, "label": label}), as_json)


def _told(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        say(found["message"])


@prompts.command()
@click.argument("chosen", nargs=-1, metavar="[NAME]...", shell_complete=names.prompts)
@click.option("--version", help="Another version than the one in force (a running daemon is asked).")
@click.option("--live", is_flag=True, help="Ask the model (a running daemon does).")
@click.option("--record", is_flag=True, help="With --live: keep the model's answers beside the cases.")
@click.option("--calls", type=click.IntRange(1, 1000), default=100, show_default=True, help="How often the model may be asked.")
@click.option("--strict", is_flag=True, help="Recordings of another version, and cases without any, count as failures.")
@json_option
def test(
    chosen: tuple[str, ...], version: str | None, live: bool, record: bool, calls: int, strict: bool, as_json: bool
) -> None:
    """Try prompts on their cases: offline from recorded answers, for which no daemon is needed, or with --live."""
    from leadd.cli.prompt_trials import NAMES, offline, through_daemon, write_recorded

    if record and not live:
        raise click.UsageError("--record needs --live")
    if live or version:
        found = [through_daemon(name, version, live=live, record=record, calls=calls) for name in chosen or NAMES]
    else:
        found = offline(chosen)
    if record:
        for report in found:
            write_recorded(report)
    failed = sum(_counts(report, strict)[1] for report in found) + sum(len(report["problems"]) for report in found)
    if as_json:
        print_json({"prompts": found, "failed": failed})
    else:
        for report in found:
            _show_trial(report, strict)
    if failed:
        raise Ended(f"{failed} failed")


def _counts(report: dict[str, Any], strict: bool) -> tuple[dict[str, int], int]:
    counts: dict[str, int] = {}
    for result in report["results"]:
        counts[result["standing"]] = counts.get(result["standing"], 0) + 1
    bad = counts.get("failed", 0) + (counts.get("stale", 0) + counts.get("unrecorded", 0) if strict else 0)
    return counts, bad


def _show_trial(report: dict[str, Any], strict: bool) -> None:
    counts, _ = _counts(report, strict)
    told = ", ".join(f"{counts[s]} {s}" for s in ("ok", "failed", "stale", "unrecorded") if counts.get(s))
    say(f"{report['version']}: {told or 'no cases'}")
    for problem in report["problems"]:
        say(f"  {problem}")
    for result in report["results"]:
        if result["standing"] == "failed":
            say(f"  {report['file']}:{result['line']}: case '{result['id']}': {'; '.join(result['reasons'])}")
    if counts.get("stale"):
        say(f"  {counts['stale']} were recorded with another version: leadd prompts test {report['name']} --live --record")


@prompts.command()
@click.argument("name", type=click.Choice(["triage", "classification"]))
@click.option("--budget", type=click.IntRange(1, 2000), default=40, show_default=True, help="Calls of models in all.")
@click.option("--candidates", type=click.IntRange(1, 10), default=3, show_default=True, help="How many proposals.")
@click.option("--live-model", default="", help="Who proposes; else the largest model that is set.")
@click.option("--experiment", is_flag=True, help="Start an experiment with what is proposed.")
@click.option("--yes", is_flag=True, help="Do not ask; a proposal without a gain is left.")
@json_option
def improve(name: str, budget: int, candidates: int, live_model: str, experiment: bool, yes: bool, as_json: bool) -> None:
    """Let a model propose edits out of what went wrong, and measure them on companies that it has not seen.

    You see what would change and the gain with its 95% interval. With your consent the proposal becomes the candidate; it is
    in force only after `leadd prompts label NAME candidate production`, or an experiment.
    """
    from leadd.cli.improving import look_for, take

    found = look_for(name, {"budget": budget, "candidates": candidates, "model": live_model}, as_json)
    if found is not None:
        take(name, found, experiment=experiment, yes=yes, as_json=as_json)


@prompts.command()
def schema() -> None:
    """Print the JSON schema of prompt files, for editors."""
    from leadd.prompting.editor_schema import editor_schema

    print_json(editor_schema())


@click.command("reload-prompts")
@json_option
def reload_prompts(as_json: bool) -> None:
    """Read the prompt files again; the last good ones stay where one is bad."""
    found = Client().post("/api/classify/templates/reload")
    if as_json:
        print_json(found)
        return
    say(found["message"])
    for name, version in found["templates"].items():
        say(f"  {name}: {version}")
    for line in (*found.get("changes", ()), *found.get("warnings", ())):
        say(f"  {line}")
