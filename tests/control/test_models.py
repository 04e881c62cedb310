"""Fetching models over the socket, and what components say of themselves."""

from __future__ import annotations

import asyncio
import json

import pytest

from leadd.api import Failure, ModelFailure, NeedsAttention

PULL = "http://leadd/api/models/pull"


async def lines_of(served, model):
    async with served.unix.post(PULL, json={"model": model}) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "application/x-ndjson"
        return [json.loads(line) for line in (await answer.read()).splitlines()]


async def test_every_step_is_a_line_and_the_last_says_ok(served):
    assert await lines_of(served, "hf.co/someone/model_GGUF:Q4_K_M") == [
        {"status": "pulling manifest", "done": 0, "total": 0},
        {"status": "pulling ab12", "done": 5, "total": 10},
        {"status": "ok", "done": 0, "total": 0},
    ]
    assert served.house.asked_for == ["hf.co/someone/model_GGUF:Q4_K_M"]


async def test_a_download_that_fails_ends_with_an_error_line(served):
    served.house.steps.append(ModelFailure(Failure.BROKEN_STREAM, "the download ended at 'pulling'"))
    last = (await lines_of(served, "gemma3:4b"))[-1]
    assert last == {"status": "error", "error": "the download ended at 'pulling'", "code": "broken_stream"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ModelFailure(Failure.FORBIDDEN, "runs elsewhere"), 422, "forbidden"),
        (ModelFailure(Failure.UNREACHABLE, "nobody answers"), 503, "unreachable"),
        (NeedsAttention("there is no model server 'ollama'"), 409, "needs_attention"),
    ],
)
async def test_what_fails_before_the_first_step_is_an_answer_of_its_own(served, error, status, code):
    served.house.steps[:] = [error]
    answer = await served.json("POST", "/api/models/pull", json={"model": "gemma3:4b"}, status=status)
    assert answer["error"]["code"] == code


@pytest.mark.parametrize("name", ["", "-x", "a b", "a\nb", "a//b", "a:", "/a", "x" * 256, 7])
async def test_what_is_no_name_reaches_no_server(served, name):
    answer = await served.json("POST", "/api/models/pull", json={"model": name}, status=422)
    assert answer["error"]["code"] == "invalid"
    assert served.house.asked_for == []


async def test_nobody_fetches_gigabytes_without_proof(serve):
    served = await serve(auth="none")
    async with served.http.post(f"{served.base}/api/models/pull", json={"model": "gemma3:4b"}) as answer:
        assert answer.status in (401, 403)
    assert served.house.asked_for == []


async def test_the_download_ends_when_the_reader_leaves(served):
    async with served.unix.post(PULL, json={"model": "endless"}) as answer:
        await answer.content.readany()
        assert not served.house.pull_ended.is_set()
        answer.close()
    async with asyncio.timeout(10):
        await served.house.pull_ended.wait()


async def test_what_components_say_is_wrong_with_them(served):
    assert await served.json("GET", "/api/check") == {"items": []}
    complaint = {"kind": "source", "name": "ads", "problem": "the folder is gone"}
    served.house.complaints.append(complaint)
    assert await served.json("GET", "/api/check") == {"items": [complaint]}


async def test_a_download_does_not_hold_up_the_end(served):
    async with served.unix.post(PULL, json={"model": "endless"}) as answer:
        await answer.content.readany()
        async with asyncio.timeout(10):
            await served.server.close(0.2)
            await served.house.pull_ended.wait()


async def test_tuning_tells_its_steps_and_what_is_missing(served):
    async with served.unix.post("http://leadd/api/tune", json={"examples": 4}) as answer:
        lines = [json.loads(line) for line in (await answer.text()).splitlines()]
    assert [(line["kind"], line["text"]) for line in lines] == [
        ("examples", "4 examples for triage"), ("error", "there are too few verdicts"),
    ]  # fmt: skip
    assert lines[1]["hint"] == "leadd review"
    for body in ({"role": "embed"}, {"examples": 1}, {"name": "no name!"}, {"more": 1}):
        await served.json("POST", "/api/tune", json=body, status=422)
    refused = await served.json("POST", "/api/tune/undo", json={}, status=None)
    assert "no tuned model" in refused["error"]["message"]
