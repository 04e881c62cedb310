"""The daemon's own routes: health, figures, documents, sources and sinks as the core tells them, and the end."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from leadd.api import Icp, NeedsAttention, Reject, Retry
from leadd.control import wire, wire_verdicts
from leadd.control.call import Limits
from leadd.control.metrics import AREAS, CODES, Metrics
from leadd.control.openapi import document, operation_id
from leadd.control.reference import every_route, routes_page

REPO = Path(__file__).parents[2]


async def test_health_has_the_parts_of_the_earlier_service(served):
    health = await served.json("GET", "/health")
    assert {"api", "database", "ollama", "cache", "prompts", "features"} <= health.keys()
    assert (health["status"], health["api"], health["database"]) == ("ok", "ok", "ok")
    assert {"status", "models", "health"} <= health["ollama"].keys()
    assert health["prompts"]["template_count"] == 1
    assert health["features"]["response_cache"] is True
    served.house.store.db.error = OSError("disk full")
    health = await served.json("GET", "/health")
    assert health["database"] == "disk full"


async def test_ready_means_that_a_write_went_through_in_time(serve):
    served = await serve(limits=Limits(probe_s=0.1))
    assert (await served.json("GET", "/readyz"))["status"] == "ok"
    served.house.store.db.hangs = True
    assert "a write took" in (await served.json("GET", "/readyz", status=503))["error"]["message"]
    assert (await served.json("GET", "/livez"))["status"] == "ok"
    served.house.store.db.hangs = False
    for state in ("starting", "stopping"):
        served.house.state = state
        assert state in (await served.json("GET", "/readyz", status=503))["error"]["message"]


async def test_the_lists_of_what_is_in_force(served):
    plugins = await served.json("GET", "/api/plugins")
    assert (plugins["items"][0]["name"], plugins["items"][0]["state"]) == ("builtin", "loaded")
    assert plugins["instances"][0]["state"] == "ready"
    assert [p["name"] for p in (await served.json("GET", "/api/prompts"))["items"]] == [
        "classification", "dossier", "expansion", "triage",
    ]  # fmt: skip
    assert (await served.json("GET", "/api/status"))["state"] == "ok"
    index = await served.json("GET", "/")
    assert index["name"] == "leadd"
    for link in index["links"].values():
        async with served.unix.get(f"http://leadd{link}") as answer:
            assert answer.status == 200, link
    config = await served.json("GET", "/api/config")
    assert {"key": "control.http.port", "value": "0", "origin": "default"} in config["items"]
    assert config["warnings"] == ["a warning"]


async def test_sources_and_sinks_do_what_they_are_told(served):
    names = [source["name"] for source in (await served.json("GET", "/api/sources"))["items"]]
    assert names == ["inbox", "broken"]
    assert (await served.json("GET", "/api/sources/broken"))["reason"] == "no path"
    await served.json("POST", "/api/sources/inbox/poll", status=202)
    await served.json("POST", "/api/sources/inbox/pause")
    await served.json("POST", "/api/sources/inbox/resume")
    assert served.house.core.called == [("poll", "inbox"), ("pause", "inbox"), ("resume", "inbox")]
    refused = await served.json("POST", "/api/sources/broken/poll", status=409)
    assert "no path" in refused["error"]["message"]
    assert (await served.json("GET", "/api/sinks"))["items"][0]["deliveries"] == {"delivered": 3}
    assert (await served.json("POST", "/api/sinks/out/test"))["reference"] == "ref-1"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NeedsAttention("no password", hint="set it"), 409, "needs_attention"),
        (Retry("slow down", after_s=30), 503, "try_later"),
        (Reject("no such channel"), 422, "rejected"),
        (RuntimeError("bug in the sink"), 502, "sink_failed"),
        (OSError("no route"), 502, "sink_failed"),
    ],
)
async def test_what_a_sink_raises_is_the_answer_by_name(served, error, status, code):
    served.house.core.sink_error = error
    answer = await served.json("POST", "/api/sinks/out/test", status=status)
    assert answer["error"]["code"] == code
    assert str(error) in answer["error"]["message"]


async def test_stop_answers_before_the_end_begins(served):
    assert (await served.json("POST", "/api/stop", status=202))["message"] == "leadd stops"
    await asyncio.sleep(0)
    assert served.house.stopped == ["asked to over the control socket"]


# -- metrics --


async def scrape(served):
    async with served.unix.get("http://leadd/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return {f.name: f for f in text_string_to_metric_families(await answer.text())}


async def test_every_figure_has_the_prefix_a_help_and_a_unit(served):
    families = await scrape(served)
    assert len(families) > 20
    for name, family in families.items():
        assert name.startswith("leadd_")
        assert family.documentation
        assert not name.endswith(("_ms", "_mb", "_percent", "_age_seconds"))
        for sample in family.samples:
            assert sample.value >= 0


async def test_labels_are_from_fixed_lists_and_begin_at_zero(served):
    families = await scrape(served)
    requests = {
        (s.labels["area"], s.labels["code"]): s.value
        for s in families["leadd_http_requests"].samples
        if s.name.endswith("_total")
    }
    assert requests.keys() == {(area, code) for area in AREAS for code in CODES}
    assert sum(requests.values()) == 0
    for path in ("/nothing/at/all", "/api/leads/%20evil", "/livez"):
        await served.json("GET", path, status=None)
    families = await scrape(served)
    requests = {
        (s.labels["area"], s.labels["code"]): s.value
        for s in families["leadd_http_requests"].samples
        if s.name.endswith("_total")
    }
    assert requests["none", "4xx"] == 2
    assert requests["daemon", "2xx"] == 2
    assert len(requests) == len(AREAS) * len(CODES)
    failures = {
        (s.labels["role"], s.labels["failure"]) for s in families["leadd_model_failures"].samples if s.name.endswith("_total")
    }
    assert len(failures) == 4 * 25


async def test_the_areas_of_the_routes_are_the_labels(served):
    assert {route.area for route in served.server.routes} | {"none"} == set(AREAS)


async def test_two_houses_do_not_share_figures(serve):
    one, two = await serve(), await serve()
    await one.json("GET", "/livez")
    counts = {
        s.labels["area"]: s.value for s in (await scrape(two))["leadd_http_requests"].samples if s.labels.get("code") == "2xx"
    }
    assert counts["daemon"] == 0
    assert Metrics() is not None


# -- documents --


def test_the_document_is_valid_openapi_as_far_as_this_machine_can_tell():
    made = document(every_route())
    try:
        from openapi_spec_validator import validate  # noqa: PLC0415
    except ImportError:
        pass
    else:
        validate(made)
    assert made["openapi"].startswith("3.1")
    references = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(made))
    assert references
    assert set(references) <= made["components"]["schemas"].keys()
    for schema in made["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_route_is_in_the_document_once_with_its_parameters():
    made = document(every_route())
    described = {(method.upper(), path): op for path, methods in made["paths"].items() for method, op in methods.items()}
    assert described.keys() == {(r.method, r.path) for r in every_route()}
    assert (
        len({op["operationId"] for op in described.values()}) == len(described) == len({operation_id(r) for r in every_route()})
    )
    for (_, path), operation in described.items():
        in_path = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        assert operation["summary"]
        assert operation["responses"]["default"]["content"]["application/json"]
    assert ("POST", "/api/classify/signal/batch") in described
    assert len(described) >= 45


async def test_answers_fit_the_document(served):
    made = await served.json("GET", "/openapi.json")
    for path in (
        "/health",
        "/api/classify/metrics",
        "/api/sources",
        "/api/sinks",
        "/api/plugins",
        "/api/config",
        "/",
        "/livez",
    ):
        schema = made["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(await served.json("GET", path), {**schema, "components": made["components"]})
    error = made["components"]["schemas"]["ErrorAnswer"]
    jsonschema.validate(await served.json("GET", "/x", status=404), {**error, "components": made["components"]})


def test_the_reference_page_is_up_to_date():
    page = REPO / "docs" / "reference" / "http-routes.md"
    assert page.read_text(encoding="utf-8") == routes_page(), f"python -m leadd.control.reference > {page.relative_to(REPO)}"


def test_request_shapes_refuse_keys_that_do_not_exist():
    for shape in (wire.StatusIn, wire_verdicts.VerdictIn, wire.NoteIn, wire.RetryIn, wire.RejudgeIn, Icp):
        assert shape.model_config["extra"] == "forbid"
