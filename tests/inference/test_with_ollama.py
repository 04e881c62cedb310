"""The whole road with real parts: the shipped prompts, the builtin model `ollama`, the faithful server on a loopback socket."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest
from inference_parts import ICP, SIGNAL, QuickClock, Shelf

from leadd.api import Failure, Method, ModelFailure, Role, Subject, SystemClock
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.inference import Inference, InferenceSettings, Question, RolePlan, is_outage
from leadd.prompting import PromptBook, packaged_folder
from leadd.testing.context import make_context
from leadd.testing.ollama import FakeOllama

VARIABLES = {
    "icp_name": ICP.name,
    "icp_description": ICP.description,
    "icp_fields": "Looks for: first marketer",
    "size_buckets": list(ICP.size_buckets),
    "regions": list(ICP.regions),
    "role_types": list(ICP.role_types),
    "pain_tags": list(ICP.pain_tags),
    "lead": "Lead: Acme",
}
PLANS = {
    Role.TRIAGE: RolePlan("ollama", "gemma3:1b", 2048),
    Role.CLASSIFY: RolePlan("ollama", "gemma3:4b", 4096),
    Role.DOSSIER: RolePlan("ollama", "gemma3:4b", 4096),
    Role.EMBED: RolePlan("ollama", "nomic-embed-text", 2048),
}
NAMES = {Role.TRIAGE: "triage", Role.CLASSIFY: "classification", Role.DOSSIER: "dossier"}
BOOK = PromptBook([packaged_folder()])
BOOK.load()


def ask_about(text: str, role: Role = Role.TRIAGE) -> Question:
    r = BOOK.render(NAMES[role], VARIABLES, {"title": "Marketer", "company": "Acme", "location": None, "text": text})
    return Question(
        role,
        r.messages,
        r.schema,
        r.options,
        r.max_tokens,
        r.content_hash,
        r.label,
        "icp",
        f"hash of {text}",
        Subject(ICP, SIGNAL),
        labels=r.labels,
    )


@pytest.fixture
async def fake():
    async with FakeOllama(time_scale=0) as server:
        yield server


@pytest.fixture
async def inference(fake, tmp_path):
    model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(tmp_path, clock=SystemClock()))
    await model.open()
    one = Inference(
        {"ollama": model}, PLANS, [Shelf()], settings=InferenceSettings(slots=4, idle_s=1.0), clock=QuickClock(),
        log=logging.getLogger("test.ollama"),
    )  # fmt: skip
    await one.open()
    yield one
    await one.close(grace_s=1.0)
    await model.close()


@pytest.mark.parametrize("role", list(NAMES))
async def test_the_shipped_prompts_get_answers(inference, role):
    answer = await inference.ask(ask_about("We are five people and look for our first marketer. No leads come in.", role))
    p = answer.provenance
    assert (p.method, p.done_reason, p.attempts, p.cache) == (Method.MODEL, "stop", 1, "miss")
    assert p.usage.prompt_tokens > 100
    assert len(p.digest) >= 12
    assert p.server_version
    again = await inference.ask(ask_about("We are five people and look for our first marketer. No leads come in.", role))
    assert again.provenance.cache == "hit"
    assert again.data == answer.data


async def test_mixed_work_loads_each_model_once_and_never_again(fake, inference):
    roles = [Role.TRIAGE, Role.CLASSIFY, Role.TRIAGE, Role.DOSSIER] * 10
    await asyncio.gather(*(inference.ask(ask_about(f"text number {n}", role)) for n, role in enumerate(roles)))
    vectors = await inference.embed([f"text {n}" for n in range(40)])
    assert vectors.shape[0] == 40
    assert set(fake.stats.loads.values()) == {1}
    assert inference.stats().preloads == 3
    assert not any(stats.failures for stats in inference.stats().roles.values())


ONCE = ["busy", "crash", "cut", "error", "error_line", "ignore_format", "length", "missing_key", "not_done", "not_json",
    "whitespace", "wrong_enum"]  # fmt: skip
ALWAYS = {
    "busy": Failure.BUSY, "close": Failure.UNREACHABLE, "crash": Failure.CRASHED, "cut": Failure.BROKEN_STREAM,
    "empty": Failure.EMPTY, "error": Failure.SERVER_ERROR, "error_line": Failure.SERVER_ERROR, "forbidden": Failure.FORBIDDEN,
    "hang": Failure.TIMEOUT_IDLE, "html": Failure.UNREACHABLE, "ignore_format": Failure.NOT_JSON, "length": Failure.LENGTH,
    "load_crash": Failure.LOADING_FAILED, "load_oom": Failure.OUT_OF_MEMORY, "load_stall": Failure.LOAD_STALLED,
    "missing_key": Failure.SCHEMA, "not_done": Failure.NOT_DONE, "not_json": Failure.NOT_JSON, "oom": Failure.OUT_OF_MEMORY,
    "reset": Failure.UNREACHABLE, "stall": Failure.TIMEOUT_IDLE, "wrong_enum": Failure.SCHEMA,
}  # fmt: skip


@pytest.mark.parametrize("fault", ONCE)
async def test_one_fault_of_the_server_is_got_over(fake, inference, fault):
    fake.fail_next(fault)
    answer = await inference.ask(ask_about("We look for our first marketer.", Role.CLASSIFY))
    assert answer.provenance.attempts == 2


@pytest.mark.parametrize("fault", ALWAYS)
async def test_a_fault_that_stays_ends_by_its_name_and_the_next_answer_comes(fake, inference, fault):
    fake.fail_next(fault, None)
    with pytest.raises(ModelFailure) as caught:
        await inference.ask(ask_about("We look for our first marketer.", Role.CLASSIFY))
    assert caught.value.kind is ALWAYS[fault]
    assert caught.value.message
    fake.clear_faults()
    await inference.wait_available(Role.CLASSIFY)
    answer = await inference.ask(replace(ask_about("We look for our first marketer.", Role.CLASSIFY), again=True))
    assert answer.provenance.cache == "miss", "nothing of the failure was kept as an answer"


async def test_a_server_that_goes_and_comes_back(fake, inference):
    await inference.ask(ask_about("before"))
    await fake.go_down()
    with pytest.raises(ModelFailure) as caught:
        await inference.ask(ask_about("while it is away"))
    assert caught.value.kind is Failure.UNREACHABLE
    assert is_outage(caught.value)
    assert (await inference.ask(ask_about("before"))).provenance.cache == "hit"
    waiting = asyncio.create_task(inference.wait_available(Role.TRIAGE))
    await fake.come_back()
    assert (await waiting).method is Method.MODEL
    assert (await inference.ask(ask_about("while it is away"))).provenance.cache == "miss"
