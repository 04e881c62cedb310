"""The doctor's page on models: what is known of servers and models, what is wrong, and what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cli_parts import Cli
from daemon_parts import ICP, ingest, wait

from leadd.cli import machine
from leadd.cli.findings import Finding
from leadd.cli.model_page import addresses_of, look_at_models
from leadd.testing.ollama import Speeds, threaded_fake

HERE = {"ollama": "http://127.0.0.1:11434"}


@pytest.fixture(autouse=True)
def a_quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "own_address", lambda: "")
    monkeypatch.setattr(machine, "memory_gib", lambda: 64.0)


def model(name: str = "gemma3:1b", *roles: str, **more: Any) -> dict[str, Any]:
    return {
        "model": name, "roles": list(roles or ("triage",)), "digest": "d", "num_ctx": 2048, "num_ctx_now": 2048, "ok": True,
        "optional": False, "failure": None, "reason": "", "warm": True, "loading": False, "slots": 2, "ceiling": 8,
        "breaker": {"state": "closed", "reason": "", "opens": 0, "next_probe_s": None},
        "reuse": {"ratio": 0.71, "ns_per_token": 1.5e6, "lost": False, "text": ""}, "chars_per_token": 3.75,
    } | more  # fmt: skip


def server(*models: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": "ollama", "kind": "ollama", "state": "up", "level": "progressing", "reachable": True, "reason": "",
        "version": "0.33.1", "latency_ms": 3.0, "latency": {"p50_ms": 240.0, "p95_ms": 1900.0, "last": 200.0}, "answers": 500,
        "wedged": None, "thrash": {"count": 0, "reason": ""}, "together": True, "switches": 0,
        "breaker": {"state": "closed", "reason": "", "opens": 0, "next_probe_s": None}, "models": list(models),
    } | more  # fmt: skip


def page(*servers: dict[str, Any], candidates: Mapping[str, Any] | None = None, **more: str) -> list[Finding]:
    return list(look_at_models({"health": list(servers), "candidates": candidates or {}}, HERE | more))


def said(findings: list[Finding], level: str) -> str:
    return "\n".join(f"{f.what}: {f.text} → {f.way_out}" for f in findings if f.level == level)


def test_a_healthy_server_and_its_models() -> None:
    found = page(server(model(), model("gemma3:4b", "classify", "dossier", warm=False, slots=1)))
    told = said(found, "ok")
    assert "models ollama: Ollama 0.33.1, half of its answers within 240 ms, 95% within 1.9 s; work gets done" in told
    assert "gemma3:1b: triage; in memory; window 2,048; 2 of at most 8 at a time; 71% of its prompts not read again" in told
    assert "1.5 ms a prompt token; 3.75 characters a token" in told
    assert "gemma3:4b: classify, dossier; not in memory now" in told
    assert said(found, "problem") == ""
    assert "ollama/ollama#17408" in said(found, "note")


def test_a_server_that_is_away_or_was_never_asked() -> None:
    (away,) = page(server(reachable=False, state="down", reason="nobody answers"))
    assert (away.level, away.way_out) == ("note", "ollama serve starts an Ollama")
    assert "nobody answers" in away.text
    (unknown,) = page(server(reachable=False, state="unknown"))
    assert unknown.text == "not asked yet"
    (other,) = page(server(reachable=False, state="down", kind="openai", name="gpu"))
    assert "ollama" not in other.way_out


def test_a_wedged_server_says_what_to_do() -> None:
    told = said(page(server(model(), wedged="it loads nothing any more")), "problem")
    assert "wedged: it loads nothing any more → restart Ollama" in told


def test_breakers_are_shown_with_their_reason() -> None:
    resting = {"state": "open", "reason": "not_json: 5 of the last 20 answers were none", "opens": 3, "next_probe_s": 2.4}
    candidates = {
        "triage": [
            {"server": "ollama", "model": "gemma3:1b", "state": "resting", "reason": "bad answers"},
            {"server": "ollama", "model": "llama3:8b", "state": "ready", "reason": ""},
        ]
    }
    found = page(server(model(breaker=resting), model("llama3:8b")), candidates=candidates)
    assert "left alone: not_json: 5 of the last 20 answers were none (next look in 2 s)" in said(found, "problem")
    assert "left alone 3 times since the start" in said(found, "ok")
    assert "role triage: ollama/llama3:8b stands in for ollama/gemma3:1b, which is resting (bad answers)" in said(found, "note")
    back = page(server(model(), breaker={"state": "closed", "opens": 1}))
    assert "it was left alone once since the start, and is back" in said(back, "note")
    trial = page(server(model(), breaker={"state": "half_open", "opens": 1}))
    assert "the next question tries it" in said(trial, "note")


def test_a_first_choice_that_is_missing_is_a_problem_a_spare_one_is_not() -> None:
    gone = {"ok": False, "failure": "missing_model", "reason": "no such model", "digest": ""}
    candidates = {
        "classify": [
            {"server": "ollama", "model": "gemma3:4b", "state": "missing"},
            {"server": "ollama", "model": "llama3:8b", "state": "missing"},
        ]
    }
    rows = [model("gemma3:4b", "classify", **gone), model("llama3:8b", "classify", **gone)]
    found = page(server(*rows, model("cut:4b", "classify", optional=True, **gone)), candidates=candidates)
    assert "gemma3:4b: the server does not have it → leadd models pull gemma3:4b" in said(found, "problem")
    assert "llama3:8b: the server does not have it" in said(found, "note")
    assert not any("cut:4b" in f.what for f in found), "what only want of memory calls for is not missed"


def test_what_makes_a_server_slow_is_named() -> None:
    lost = {"ratio": 0.02, "ns_per_token": 5e6, "lost": True, "text": "prompts are read anew: 5.0 ms a token, 1.1 before"}
    row = server(
        model(reuse=lost, num_ctx=4096, num_ctx_now=2048),
        thrash={"count": 7, "reason": "another program asks gemma3:1b with num_ctx 8192"}, together=False, switches=1234,
    )  # fmt: skip
    problems, notes = said(page(row), "problem"), said(page(row), "note")
    assert "another program made it load models anew 7 times: another program asks gemma3:1b with num_ctx 8192" in problems
    assert "prompts are read anew: 5.0 ms a token" in problems
    assert "take turns (1,234 changes so far)" in notes
    assert "OLLAMA_CONTEXT_LENGTH=2048" in notes
    assert "its window is 2,048 tokens for now, not 4,096" in notes


def test_reuse_that_was_never_there_is_a_note() -> None:
    never = {"ratio": 0.0, "ns_per_token": 1e6, "lost": False, "text": "no reuse of prompts was seen so far"}
    found = page(server(model(reuse=never)))
    assert "no reuse of prompts was seen so far" in said(found, "note")
    assert said(found, "problem") == ""


def test_old_versions_have_their_faults_and_others_are_not_blamed() -> None:
    assert "CVE-2026-7482" in said(page(server(model(), version="0.9.3")), "problem")
    assert "no log-probabilities" in said(page(server(model(), version="0.9.3")), "note")
    assert said(page(server(model(), kind="openai", version="b6000")), "note") == ""


def test_who_else_can_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    away = page(server(model()), ollama="http://10.0.0.7:11434")
    assert "10.0.0.7 is not this machine: every text goes there unencrypted" in said(away, "problem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setattr(machine, "own_address", lambda: "127.0.0.1")
        told = said(page(server(model()), ollama=f"http://localhost:{port}"), "problem")
    assert "it listens on 127.0.0.1 too" in told
    assert "OLLAMA_HOST=127.0.0.1" in told
    assert said(page(server(model()), ollama=f"http://localhost:{port}"), "problem") == "", "nobody listens there now"
    assert said(page(server(model()), ollama=""), "problem") == ""


def test_advice_comes_where_it_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "OLLAMA_NUM_PARALLEL" in said(page(server(model(slots=1))), "note")
    assert "OLLAMA_NUM_PARALLEL" not in said(page(server(model(slots=1), answers=5)), "note"), "too early to know"
    assert "OLLAMA_NUM_PARALLEL" not in said(page(server(model(slots=1, ceiling=1))), "note"), "the user wants one"
    assert "LLAMA_ARG_CACHE_RAM" not in said(page(server(model())), "note")
    monkeypatch.setattr(machine, "memory_gib", lambda: 15.5)
    assert "LLAMA_ARG_CACHE_RAM=0" in said(page(server(model())), "note")
    assert "LLAMA_ARG_CACHE_RAM" not in said(page(server(model(), version="0.24.0")), "note")
    assert "LLAMA_ARG_CACHE_RAM" not in said(page(server(model()), ollama="http://10.0.0.7:1"), "note")


def test_rows_of_an_older_daemon_do_not_break_the_page() -> None:
    row = {"name": "ollama", "reachable": True, "latency_ms": 3.5, "models": {"gemma3:1b": "abc"}, "problems": ["odd"]}
    found = list(look_at_models({"health": [row]}, {}))
    assert "answers a look in 4 ms" in said(found, "ok")
    assert "odd" in said(found, "problem")


def test_addresses_are_read_from_the_settings() -> None:
    items = [
        {"key": "models.endpoint", "value": "http://localhost:11434"},
        {"key": "models.servers.gpu.use", "value": "ollama"},
        {"key": "models.servers.gpu.endpoint", "value": "http://10.0.0.7:11434"},
    ]
    assert addresses_of(items) == {"ollama": "http://localhost:11434", "gpu": "http://10.0.0.7:11434"}


def test_this_machine() -> None:
    assert machine.is_here("localhost")
    assert machine.is_here("127.0.0.2")
    assert not machine.is_here("192.168.1.2")
    assert not machine.is_listening("127.0.0.1", 1)


Make = Callable[..., Cli]


def test_the_page_of_a_running_daemon(make_cli: Make) -> None:
    with threaded_fake(speeds=Speeds()) as ollama:
        home = make_cli(models={"endpoint": ollama.fake.url})
        home.start()
        home.client.post("/api/icp/", ICP)
        ingest(home, range(3))
        home.wait_outcomes(3)
        wait(lambda: home.status()["state"] == "ok")
        found = {f["what"]: f for f in home.run("doctor", "--json").data["findings"]}
        assert "Ollama 0.33.1" in found["models ollama"]["text"] or found["models ollama"]["level"] != "ok"
        assert "triage" in found["models ollama: gemma3:1b"]["text"]
        assert "window 2,048" in found["models ollama: gemma3:1b"]["text"]
        shown = home.run("doctor").out
        assert "ok   models ollama: Ollama 0.33.1" in shown
        assert "ollama/ollama#17408" in shown


def test_when_another_server_stands_in(make_cli: Make) -> None:
    with threaded_fake(speeds=Speeds(), models=["gemma3:4b"]) as desk:
        with threaded_fake(speeds=Speeds()) as ollama:
            servers = {"desk": {"use": "ollama", "endpoint": desk.fake.url}}
            spare = {"candidates": [{"use": "desk", "model": "gemma3:4b"}]}
            home = make_cli(models={"endpoint": ollama.fake.url, "servers": servers, "classify": spare})
            home.start()
            home.client.post("/api/icp/", ICP)
            ingest(home, range(3))
            home.wait_outcomes(3)
            rows = home.run("models").rows
            assert [(row[0], row[1], row[5]) for row in rows] == [
                ("gemma3:1b", "triage, classify (memory), dossier (memory)", "ollama"),
                ("gemma3:4b", "classify, dossier", "ollama"),
                ("gemma3:4b", "classify #2", "desk"),
            ]
        ingest(home, range(3, 5))
        wait(lambda: any("classify: desk/gemma3:4b stands in" in reason for reason in home.status()["reasons"]))
        assert "! classify: desk/gemma3:4b stands in: " in home.run("status").out
        found = {f["what"]: f["text"] for f in home.run("doctor", "--json").data["findings"]}
        assert found["role classify"].startswith("desk/gemma3:4b stands in for ollama/gemma3:4b, which is down")
        assert home.run("models", "--json").data["candidates"]["classify"][0]["state"] == "down"
