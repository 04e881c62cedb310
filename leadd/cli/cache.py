"""`leadd cache …`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import TEMPORARY, Ended
from leadd.cli.output import json_option, print_json, say, table, tell, when

NDJSON = "application/x-ndjson"


@click.group()
def cache() -> None:
    """Show what is kept of the models' answers, why something is not, move it elsewhere, or forget it."""


@cache.command()
@json_option
def stats(as_json: bool) -> None:
    """Hits and misses since the start, each tier's size, and the calls saved in the last 24 hours."""
    found = Client().get("/api/classify/cache/stats")
    if as_json:
        print_json(found)
        return
    kept, shared = found["hits"] - found["shared"], found["shared"]
    say(
        f"{kept} of {found['total_requests']} questions came from the cache and {shared} shared another asker's call: "
        f"{found['hit_rate_percent']:.1f}% cost none"
    )
    say(saved_line(found["saved"]))
    rows = [_tier(tier) for tier in found["tiers"]]
    table(("tier", "entries", "size", "hits", "misses", "faults"), rows, numbers=(1, 2, 3, 4, 5))
    roles = [_role(tier["name"], role, row) for tier in found["tiers"] for role, row in (tier.get("roles") or {}).items()]
    if roles:
        say()
        heads = ("tier", "role", "hits", "refusals", "misses", "age of hits", "read", "tokens saved")
        table(heads, roles, numbers=(2, 3, 4, 5, 6, 7))
    for row in found["reuse"]:
        _tell_reuse(row)
    if found["waited_for_others"]:
        say(
            f"{found['waited_for_others']} questions waited for another process's answer, {found['taken_over']} were taken over"
        )


def _tell_reuse(row: dict[str, Any]) -> None:
    saved = row["saved"]
    say()
    say(f"{row['icp']}: {saved['twins']} exact repeats took an earlier answer ({saved['twin_calls']} calls saved)")
    words = {"off": "off (cache.near.enabled)", "suspended": "suspended: the proof no longer holds"}
    took = f"{saved['near']} took one ({saved['near_calls']} calls, {saved['near_tokens']:,} tokens saved)"
    say(f"  near duplicates: {words.get(row['state'], row['state'])}; {took}")
    say(f"  {row['explanation']} (of openings, each counted once; one found wrong is never taken again)")


def saved_line(saved: dict[str, Any]) -> str:
    """What the cache saved in the last hours, in one sentence."""
    if not saved["answers"]:
        return f"no model was needed in the last {saved['hours']} hours"
    classes = ", ".join(f"{count} {name}" for name, count in sorted(saved["by_class"].items()) if name != "miss")
    told = f" ({classes})" if classes else ""
    return (
        f"{saved['calls_saved']} of {saved['answers']} answers in the last {saved['hours']} hours cost no call: "
        f"{saved['share_percent']:.1f}%{told}"
    )


@cache.command()
@click.argument("signal_id", type=int)
@json_option
def why(signal_id: int, as_json: bool) -> None:
    """Whether the answers about the signal SIGNAL_ID are kept; where not, which part of the key differs from the nearest."""
    found = Client().get("/api/classify/cache/why", signal=signal_id)
    if as_json:
        print_json(found)
        return
    for item in found["items"]:
        say(f"{item['icp']}, {item['stage']}: {_verdict(item)}")
        nearest = item["nearest"]
        if nearest is not None:
            say(f"  the nearest of {item['looked_at']} entries is a kept {nearest['kind']} of {when(nearest['at_ms'])}:")
            for part in nearest["differs"]:
                say(f"  {part['part']}: asked {part['asked'] or '(none)'}, kept {part['kept'] or '(none)'} ({part['means']})")


def _verdict(item: dict[str, Any]) -> str:
    if item["problem"]:
        return f"the key is not known while the model is not: {item['problem']}"
    if item["kept_in"]:
        what = "a refusal is kept" if item["refused"] else "kept"
        return f"{what} in {' and '.join(item['kept_in'])}"
    return "not kept" if item["looked_at"] else "not kept, and nothing like it"


@cache.command()
def clear() -> None:
    """Forget every kept answer: what is asked again is paid for again."""
    say(Client().post("/api/classify/cache/clear")["message"])


@cache.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(file: Path) -> None:
    """Write every kept entry to FILE, one JSON object a line; - is standard output. It holds quotes of the texts."""
    if str(file) == "-":
        for row in _exported():
            click.echo(json.dumps(row))
        return
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise Ended(f"{file} is no regular file", hint="name another file, or - for standard output")
    beside = file.with_name(f".{file.name}.part")
    try:
        count = _write_new(beside)
        beside.replace(file)
    except OSError as error:
        raise Ended(f"{file} cannot be written: {error.strerror}", hint="name a file in a folder of yours") from None
    say(f"{count} entries are in {file}")


def _write_new(beside: Path) -> int:
    """Write an export into a file that is new and ours alone; it is gone again where that breaks off."""
    import os
    import stat

    with suppress(FileNotFoundError):
        if stat.S_ISREG(beside.lstat().st_mode):
            beside.unlink()  # of an export that was killed
    count = 0
    number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(number, "w", encoding="utf-8") as out:
            for row in _exported():
                out.write(json.dumps(row) + "\n")
                count += 1
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return count


def _exported() -> Iterator[dict[str, Any]]:
    """The entries; raises Ended where the last line, which counts them, does not come."""
    for row in Client().lines("/api/classify/cache/export"):
        if "entries" in row:
            return
        yield row
    raise Ended("the export broke off before its end", hint="the same command begins anew", code=TEMPORARY)


@cache.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def take(file: Path, as_json: bool) -> None:
    """Take in the entries of FILE, an export of another leadd; lines that cannot be believed are passed over and named."""
    found = Client().upload("/api/classify/cache/import", _chunks(file), NDJSON)
    if as_json:
        print_json(found)
    else:
        say(f"{found['taken']} entries were taken in from {file}")
        for problem in found["problems"]:
            tell(f"{file}, {problem['place']}: {problem['reason']}")
    if found["problem_count"]:
        raise Ended(f"{found['problem_count']} lines of {file} were passed over", hint="the others are in the cache")


def _chunks(file: Path) -> Iterator[bytes]:
    try:
        read = file.open("rb")
    except OSError as error:
        raise Ended(f"{file} cannot be read: {error.strerror}") from None
    with read:
        while chunk := read.read(262_144):
            yield chunk


def _tier(tier: dict[str, Any]) -> tuple[object, ...]:
    size = f"{(tier.get('size_bytes') or 0) / 1024:.0f} KiB"
    faults = f"{tier['faults']} (rests)" if tier.get("rests") else tier["faults"]
    return tier["name"], tier.get("entries"), size, tier.get("hits"), tier.get("misses"), faults


def _role(tier: str, role: str, row: dict[str, Any]) -> tuple[object, ...]:
    age = f"{row['mean_age_s'] / 3600:.1f} h" if row["hits"] or row["refusals"] else ""
    tokens = row["saved_prompt_tokens"] + row["saved_output_tokens"]
    return tier, role, row["hits"], row["refusals"], row["misses"], age, f"{row['bytes'] / 1024:.0f} KiB", f"{tokens:,.0f}"
