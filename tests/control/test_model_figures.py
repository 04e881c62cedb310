"""What the figures of models show: candidates in order, rates, where the time goes, and the same for Prometheus."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from leadd.api import Role
from leadd.config.entries import CandidateModel, RoleModel
from leadd.control.model_figures import candidates_of, role_counts, state_of
from leadd.inference import InferenceStats, RoleStats

CLOSED = {"state": "closed", "reason": "", "opens": 0, "next_probe_s": None}
OPEN = {"state": "open", "reason": "busy: the queue is full", "opens": 2, "next_probe_s": 3.5}


def model(name: str, *roles: str, **more: Any) -> dict[str, Any]:
    return {
        "model": name, "roles": list(roles), "digest": "d", "num_ctx": 4096, "num_ctx_now": 2048, "ok": True, "failure": None,
        "reason": "", "warm": True, "loading": False, "slots": 2, "ceiling": 8, "in_flight": 1, "waiting": 3, "wait_ms": 1500.0,
        "breaker": CLOSED, "reuse": {"ratio": 0.7, "ns_per_token": 2e6, "lost": False, "text": ""}, "chars_per_token": 3.75,
    } | more  # fmt: skip


def server(name: str, *models: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": name, "kind": "ollama", "state": "up", "reachable": True, "level": "capable", "wedged": None, "together": False,
        "switches": 4, "thrash": {"count": 2, "reason": "num_ctx"}, "breaker": CLOSED, "latency_ms": 3.0,
        "latency": {"p50_ms": 200.0, "p95_ms": 900.0, "last": 100.0}, "models": list(models),
    } | more  # fmt: skip


HEALTH = [
    server("ollama", model("gemma3:1b", "triage", "classify"), model("gemma3:4b", "classify", breaker=OPEN, ok=False)),
    server("gpu", model("gemma3:4b", "classify", warm=False), level="progressing"),
]
ROLES = {
    Role.TRIAGE: RoleStats(
        asked=10, hits=6, shared=1, misses=3, calls=4, answers=3, failures={"timeout_idle": 1}, prompt_tokens=900,
        output_tokens=6, load_ms=10.0, prompt_ms=450.0, output_ms=60.0, queue_ms=30.0, wait_ms=2000.0, early=2, failovers=1,
    )
}  # fmt: skip


def with_models(house: Any) -> None:
    house.inference.health = lambda: HEALTH
    house.inference.stats = lambda: InferenceStats(
        roles=ROLES, evidence={}, in_flight=1, waiting=3, preloads=5, preload_failures=1
    )
    house.clock.ms += 60_000


@pytest.fixture
async def busy(serve: Any) -> Any:
    return await serve(tune=with_models)


def test_candidates_stand_in_the_order_in_which_they_are_asked() -> None:
    plan = RoleModel(
        model="gemma3:4b", candidates=[CandidateModel(model="gemma3:4b", use="gpu"), CandidateModel(model="x", use="off")]
    )
    found = candidates_of("classify", plan, HEALTH)
    assert [(c.server, c.model, c.state, c.for_memory) for c in found] == [
        ("ollama", "gemma3:4b", "resting", False),
        ("gpu", "gemma3:4b", "cold", False),
        ("off", "x", "down", False),
        ("ollama", "gemma3:1b", "ready", True),
    ]
    assert found[0].reason == "busy: the queue is full"
    assert "out of service" in found[2].reason


@pytest.mark.parametrize(
    ("of_server", "of_model", "word"),
    [
        ({"state": "unknown", "reachable": False}, {}, "unknown"),
        ({"state": "down", "reachable": False}, {}, "down"),
        ({}, {"failure": "missing_model", "ok": False}, "missing"),
        ({}, {"breaker": OPEN}, "resting"),
        ({}, {"breaker": CLOSED | {"state": "half_open"}}, "trial"),
        ({}, {"loading": True, "warm": False}, "loading"),
        ({}, {}, "ready"),
        ({}, {"warm": False}, "cold"),
    ],
)
def test_one_word_for_how_a_model_is(of_server: Any, of_model: Any, word: str) -> None:
    assert state_of(server("s", **of_server), model("m", "triage", **of_model)) == word


def test_what_follows_from_the_figures_of_a_role() -> None:
    counts = role_counts(ROLES[Role.TRIAGE], up_s=60.0)
    assert counts["success_rate"] == 0.75
    assert counts["failed"] == 1
    assert counts["answers_per_minute"] == 3.0
    assert counts["prompt_tokens_per_s"] == 2000.0
    assert counts["output_tokens_per_s"] == 100.0
    assert counts["time_ms"] == {"own_queue": 2000.0, "server_queue": 30.0, "load": 10.0, "prompt": 450.0, "output": 60.0}
    assert (counts["early"], counts["failovers"], counts["hits"]) == (2, 1, 6)
    nothing = role_counts(RoleStats(), up_s=0.0)
    assert nothing["answers_per_minute"] is nothing["success_rate"] is nothing["prompt_tokens_per_s"] is None


async def test_the_metrics_route_keeps_its_keys_and_has_the_new_ones(busy: Any) -> None:
    found = await busy.json("GET", "/api/classify/metrics")
    ollama = found["ollama"]
    assert {"status", "models", "counts", "health"} <= ollama.keys()
    assert ollama["models"]["triage"] == "gemma3:1b"
    assert {"asked", "hits", "calls", "success_rate", "failed", "time_ms"} <= ollama["counts"]["triage"].keys()
    assert (ollama["in_flight"], ollama["waiting"], ollama["loads"], ollama["load_failures"]) == (1, 3, 5, 1)
    assert ollama["health"] == HEALTH
    assert ollama["counts"]["triage"]["prompt_tokens_not_read_again"] == 630
    assert ollama["candidates"]["classify"][0]["state"] == "resting"
    assert "embed" not in ollama["candidates"]
    health = await busy.json("GET", "/health")
    assert health["ollama"]["candidates"] == ollama["candidates"]
    made = await busy.json("GET", "/openapi.json")
    for path in ("/health", "/api/classify/metrics"):
        schema = made["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(await busy.json("GET", path), {**schema, "components": made["components"]})


def at(*labels: str) -> frozenset[str]:
    return frozenset(labels)


async def scrape(served: Any) -> dict[str, dict[frozenset[str], float]]:
    async with served.unix.get("http://leadd/metrics") as answer:
        families = list(text_string_to_metric_families(await answer.text()))
    return {
        f.name: {frozenset(s.labels.values()): s.value for s in f.samples if not s.name.endswith("_created")} for f in families
    }


async def test_prometheus_sees_servers_and_models(busy: Any) -> None:
    seen = await scrape(busy)
    assert seen["leadd_model_loads"] == {at(): 5}
    assert seen["leadd_model_load_failures"] == {at(): 1}
    levels = seen["leadd_model_server_level"]
    assert levels[at("ollama", "capable")] == levels[at("gpu", "progressing")] == levels[at("gpu", "alive")] == 1
    assert levels[at("ollama", "progressing")] == 0
    assert seen["leadd_model_server_wedged"] == {at("ollama"): 0, at("gpu"): 0}
    assert seen["leadd_model_server_fits"][at("ollama")] == 0
    assert seen["leadd_model_server_latency_seconds"][at("ollama", "0.95")] == 0.9
    assert seen["leadd_model_server_foreign_reloads"][at("gpu")] == 2
    assert seen["leadd_model_server_switches"][at("gpu")] == 4
    small = at("ollama", "gemma3:1b")
    assert seen["leadd_model_slots"][small] == 2
    assert seen["leadd_model_slots_ceiling"][small] == 8
    assert (seen["leadd_model_in_flight"][small], seen["leadd_model_waiting"][small]) == (1, 3)
    assert seen["leadd_model_wait_seconds"][small] == 1.5
    assert seen["leadd_model_prompt_reuse_ratio"][small] == 0.7
    assert seen["leadd_model_prompt_token_seconds"][small] == 0.002
    assert seen["leadd_model_breaker_state"][at("ollama", "gemma3:4b", "open")] == 1
    assert seen["leadd_model_breaker_state"][at("ollama", "gemma3:4b", "closed")] == 0
    assert seen["leadd_model_breaker_opens"][at("ollama", "gemma3:4b")] == 2
    assert seen["leadd_model_window_tokens"][small] == 2048


async def test_prometheus_sees_where_the_time_goes(busy: Any) -> None:
    seen = await scrape(busy)
    stages = {"wait": 2.0, "queue": 0.03, "load": 0.01, "prompt": 0.45, "output": 0.06, "call": 0.0}
    assert {stage: seen["leadd_model_call_seconds"][at("triage", stage)] for stage in stages} == stages
    assert seen["leadd_model_early_ends"][at("triage")] == 2
    assert seen["leadd_model_failovers"][at("triage")] == 1
    assert seen["leadd_model_failovers"][at("dossier")] == 0, "every role begins at zero"


async def test_rows_that_hold_less_are_no_error(served: Any) -> None:
    seen = await scrape(served)
    assert seen["leadd_model_server_up"] == {at("ollama"): 1}
    assert "leadd_model_prompt_reuse_ratio" not in seen or seen["leadd_model_prompt_reuse_ratio"] == {}
