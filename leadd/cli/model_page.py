"""The doctor's page on models: each server with its version's known faults, its models, and what would make them quicker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from leadd.cli import machine
from leadd.cli.findings import Finding

OLLAMA = "ollama"
OLLAMA_PORT = 11434
SMALL_MACHINE_GIB = 17
"""What is sold as 16 GiB shows a little less or, counted otherwise, a little more."""
TRIED_ANSWERS = 100
"""Answers after which the number of slots that was found means something."""
RESTART = "restart Ollama: systemctl restart ollama, or quit its app and open it again"
IN_USE = ("ready", "cold", "loading")

USEFUL = "worth setting, none of it needed: OLLAMA_KEEP_ALIVE=30m, OLLAMA_FLASH_ATTENTION=1, OLLAMA_NO_CLOUD=1"

Row = Mapping[str, Any]
Candidates = Mapping[str, Sequence[Row]]


def look_at_models(figures: Row, addresses: Mapping[str, str]) -> Iterator[Finding]:
    """The whole page, from the figures of `/api/classify/metrics`; `addresses` are those of the servers by name."""
    candidates: Candidates = figures.get("candidates") or {}
    versions: dict[str, None] = {}
    for server in figures["health"]:
        name = f"models {server.get('name') or server.get('kind') or 'server'}"
        address = addresses.get(str(server.get("name")), "")
        if not server.get("reachable"):
            yield _away(name, server)
            continue
        yield Finding(name, "ok", f"{_titled(server)}, {_latency(server)}{_level(server)}{_fits(server)}")
        yield from _troubles(name, server)
        for row in rows_of(server):
            places = places_of(candidates, str(server.get("name")), str(row.get("model")))
            yield from _model(f"{name}: {row.get('model')}", row, places)
        if server.get("kind") == OLLAMA:
            versions[str(server.get("version") or "")] = None
            yield from _address(name, address)
            yield from _recommendations(name, server, address)
    yield from _roles(candidates)
    for version in versions:
        yield from _faults(f"Ollama {version}", version)
    if versions:
        yield Finding("Ollama", "note", USEFUL, "docs/models.md says what each does")


def addresses_of(settings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The address of each model server by name, from the items of `/api/config`."""
    values = {str(item["key"]): str(item["value"]) for item in settings}
    found = {OLLAMA: values.get("models.endpoint", "")}
    for key, value in values.items():
        parts = key.split(".")
        if len(parts) == 4 and parts[:2] == ["models", "servers"] and parts[3] == "endpoint":
            found[parts[2]] = value
    return found


def rows_of(server: Row) -> list[Row]:
    """The models of a server, without those that only want of memory would call for and that were never seen there."""
    rows = [row for row in server.get("models", ()) if isinstance(row, dict)]
    return [row for row in rows if not (row.get("optional") and not row.get("digest"))]


def places_of(candidates: Candidates, server: str, model: str) -> dict[str, int | str]:
    """Which choice a model is for each of its roles: 1, 2 …, or 'memory' where it is asked only for want of that."""
    found: dict[str, int | str] = {}
    for role, row in candidates.items():
        for place, candidate in enumerate(row, 1):
            if (candidate["server"], candidate["model"]) == (server, model):
                found[role] = "memory" if candidate.get("for_memory") else place
    return dict(sorted(found.items(), key=lambda pair: (pair[1] == "memory", str(pair[1]))))


def roles_text(places: Mapping[str, int | str]) -> str:
    """Roles in words: `triage, classify #2, dossier (memory)`."""
    words = {1: "", "memory": " (memory)"}
    return ", ".join(f"{role}{words.get(place, f' #{place}')}" for role, place in places.items())


def _away(name: str, server: Row) -> Finding:
    if server.get("state") == "unknown":
        return Finding(name, "note", "not asked yet")
    way_out = "ollama serve starts an Ollama" if server.get("kind", OLLAMA) == OLLAMA else "start it, or change models.servers"
    return Finding(name, "note", f"not reachable: {server.get('reason', '')}{_opened(server)}", way_out)


def _titled(server: Row) -> str:
    return f"{str(server.get('kind') or 'server').capitalize()} {server.get('version') or 'of an unknown version'}"


def _latency(server: Row) -> str:
    seen = server.get("latency") or {}
    if seen.get("p50_ms") is None:
        return f"answers a look in {server.get('latency_ms') or 0:.0f} ms"
    return f"half of its answers within {_time(seen['p50_ms'])}, 95% within {_time(seen['p95_ms'])}"


def _level(server: Row) -> str:
    words = {
        "alive": "; it answers, and no more is known",
        "capable": "; it can work, and has finished none lately",
        "progressing": "; work gets done",
    }
    return words.get(str(server.get("level")), "")


def _fits(server: Row) -> str:
    """Said only where more than one model is there to show it."""
    warm = [row for row in rows_of(server) if row.get("warm")]
    return "; its models fit into memory together" if server.get("together") and len(warm) > 1 else ""


def _troubles(name: str, server: Row) -> Iterator[Finding]:
    """What is wrong with a server that answers."""
    for problem in server.get("problems", ()):
        yield Finding(name, "problem", str(problem))
    if server.get("wedged"):
        yield Finding(name, "problem", f"wedged: {server['wedged']}", RESTART)
    breaker = server.get("breaker") or {}
    if breaker.get("state") == "half_open":
        yield Finding(name, "note", f"it was away, and the next question tries it{_opened(server)}")
    elif breaker.get("opens"):
        yield Finding(name, "note", f"it was left alone {_times(breaker['opens'])} since the start, and is back")
    thrash = server.get("thrash") or {}
    if thrash.get("count"):
        yield Finding(
            name, "problem", f"another program made it load models anew {_times(thrash['count'])}: {thrash.get('reason', '')}",
            "give both programs one window: OLLAMA_CONTEXT_LENGTH for Ollama, num_ctx in leadd's settings",
        )  # fmt: skip
    if server.get("together") is False:
        changes = server.get("switches") or 0
        yield Finding(
            name, "note", f"its models do not fit into memory together and take turns ({changes:,} changes so far)",
            "a smaller model or num_ctx; OLLAMA_MAX_LOADED_MODELS=3 where memory is not the reason",
        )  # fmt: skip


def _model(what: str, row: Row, places: Mapping[str, int | str]) -> Iterator[Finding]:
    """One model. One that only stands by is worth a note where it is not there, the first choice is a problem."""
    level = "problem" if 1 in places.values() else "note"
    if row.get("failure") == "missing_model":
        yield Finding(what, level, "the server does not have it", f"leadd models pull {row.get('model')}")
        return
    yield Finding(what, "ok", "; ".join([roles_text(places) or ", ".join(row.get("roles", ())), *_facts(row)]))
    breaker = row.get("breaker") or {}
    if breaker.get("state") == "open" and not row.get("loading"):
        due_s = breaker.get("next_probe_s") or 0
        yield Finding(what, level, f"left alone: {breaker.get('reason')} (next look in {due_s:.0f} s)")
    elif row.get("reason") and not row.get("loading"):
        yield Finding(what, level, str(row["reason"]))
    reuse = row.get("reuse") or {}
    if reuse.get("lost") or reuse.get("text"):
        told = str(reuse.get("text") or "prompts are read anew that were reused before")
        yield Finding(what, "problem" if reuse.get("lost") else "note", told, "docs/models.md says what helps")
    now, full = row.get("num_ctx_now") or 0, row.get("num_ctx") or 0
    if 0 < now < full:
        yield Finding(what, "note", f"memory is short: its window is {now:,} tokens for now, not {full:,}")


def _facts(row: Row) -> Iterator[str]:
    """What is known of a model that is there."""
    yield "loading now" if row.get("loading") else "in memory" if row.get("warm") else "not in memory now"
    window = row.get("num_ctx_now") or row.get("num_ctx")
    if window:
        yield f"window {window:,}"
    if row.get("slots"):
        yield f"{row['slots']} of at most {row.get('ceiling') or row['slots']} at a time"
    reuse = row.get("reuse") or {}
    if reuse.get("ratio") is not None:
        yield f"{reuse['ratio']:.0%} of its prompts not read again"
    if reuse.get("ns_per_token"):
        yield f"{reuse['ns_per_token'] / 1e6:.2g} ms a prompt token"
    if row.get("chars_per_token"):
        yield f"{row['chars_per_token']:g} characters a token"
    opens = (row.get("breaker") or {}).get("opens")
    if opens:
        yield f"left alone {_times(opens)} since the start"


def _faults(name: str, version: str) -> Iterator[Finding]:
    from leadd.builtin.ollama.known_faults import UPDATE, faults_of

    for fault in faults_of(version):
        source = f" ({fault.source})" if fault.source else ""
        yield Finding(
            name, "problem" if fault.is_problem else "note", f"{fault.text}{source}", UPDATE if fault.is_problem else ""
        )


def _address(name: str, address: str) -> Iterator[Finding]:
    """Who else can reach the server: it asks nobody for a password."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not host:
        return
    if not machine.is_here(host):
        way = " unencrypted" if parts.scheme == "http" else ""
        yield Finding(
            name, "problem", f"{host} is not this machine: every text goes there{way}, and no password guards it",
            "keep that network to yourselves, or go through a tunnel (ssh -L 11434:localhost:11434 HOST)",
        )  # fmt: skip
        return
    own = machine.own_address()
    if own and machine.is_listening(own, parts.port or OLLAMA_PORT):
        yield Finding(
            name, "problem", f"it listens on {own} too: whoever is in your network can use it, and delete its models",
            "OLLAMA_HOST=127.0.0.1 for Ollama, then restart it",
        )  # fmt: skip


def _recommendations(name: str, server: Row, address: str) -> Iterator[Finding]:
    """Settings of Ollama that would help here. None of them is needed."""
    from leadd.builtin.ollama.known_faults import keeps_prompts

    rows = [row for row in rows_of(server) if row.get("ok")]
    narrow = [row for row in rows if row.get("slots") == 1 < (row.get("ceiling") or 1) and "triage" in row.get("roles", ())]
    if narrow and (server.get("answers") or 0) >= TRIED_ANSWERS:
        yield Finding(
            name, "note", "one question at a time is all that pays: Ollama answers one after the other unless told otherwise",
            "OLLAMA_NUM_PARALLEL=2 to 4 helps where a GPU has room; leadd finds out by itself whether it does",
        )  # fmt: skip
    gib = machine.memory_gib() if machine.is_here(urlsplit(address).hostname or "") else 0.0
    if 0 < gib <= SMALL_MACHINE_GIB and keeps_prompts(str(server.get("version") or "")):
        yield Finding(
            name, "note", f"of this machine's {gib:.0f} GiB it may take up to 8 for keeping prompts that leadd does not need",
            "LLAMA_ARG_CACHE_RAM=0 for Ollama",
        )  # fmt: skip
    windows = [int(row.get("num_ctx_now") or row.get("num_ctx") or 0) for row in rows]
    if (server.get("thrash") or {}).get("count") and any(windows):
        yield Finding(
            name, "note", "programs that name no window get Ollama's own, and each change of it is a load",
            f"OLLAMA_CONTEXT_LENGTH={max(windows)} for Ollama",
        )  # fmt: skip


def _roles(candidates: Candidates) -> Iterator[Finding]:
    """Roles that somebody else than the first choice plays now."""
    for role, row in candidates.items():
        now = next((c for c in row if c["state"] in IN_USE and not c.get("for_memory")), None)
        if now is None or now is row[0]:
            continue
        reason = f" ({row[0]['reason']})" if row[0].get("reason") else ""
        first = f"{row[0]['server']}/{row[0]['model']}, which is {row[0]['state']}{reason}"
        yield Finding(f"role {role}", "note", f"{now['server']}/{now['model']} stands in for {first}")


def _opened(server: Row) -> str:
    opens = (server.get("breaker") or {}).get("opens") or 0
    return f"; left alone {_times(opens)} since the start" if opens > 1 else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _time(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"
