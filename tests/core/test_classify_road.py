"""A classification on its whole road: packaged prompt, inference, the model `ollama`, the faithful server, the check."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from leadd.api import Method, Role, Signal, SystemClock
from leadd.builtin.evidence import EvidenceConfig, EvidenceModel
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.core import early, questions
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.inference import Answer, Inference, RolePlan
from leadd.prompting import PromptBook, packaged_folder
from leadd.testing.context import make_context
from leadd.testing.ollama import FakeOllama

ICP = TEMPLATES[DEFAULT_TEMPLATE]
HOT = (
    "We are a team of eight. Nobody owns our marketing: content, SEO, brand, campaigns and the newsletter are left lying. "
    "You build our growth, positioning, storytelling and paid ads. CRM and social media too. We like all the trees."
)
WEAK = "We are a team of eight. You help with our marketing and the newsletter. We like all the trees."
OTHER = "We bake bread every night and look for a baker. We like all the trees."


class Road:
    def __init__(self, inference: Inference, fake: FakeOllama) -> None:
        self.inference = inference
        self.fake = fake
        self.prompts = PromptBook([packaged_folder()])
        assert self.prompts.load().applied

    async def ask(self, text: str, title: str = "Marketing Manager", **more: Any) -> Answer:
        signal = Signal(id=1, source="s", text=text, title=title, content_hash=text, found_at_ms=0)
        shown = questions.show(
            self.prompts,
            "classification",
            ICP,
            signal,
            ceiling_chars=questions.CLASSIFY_CHARS,
            chars_per_token=self.inference.chars_per_token(Role.CLASSIFY),
            limit_tokens=self.inference.token_budget(Role.CLASSIFY),
        )
        return await self.inference.ask(questions.classify(ICP, signal, shown.rendered, excerpt=shown.excerpt, **more))


@pytest_asyncio.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with FakeOllama(time_scale=0) as fake:
        model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(tmp_path, clock=SystemClock()))
        await model.open()
        inference = Inference(
            {"ollama": model},
            {Role.CLASSIFY: RolePlan("ollama", "gemma3:4b", 4096)},
            clock=SystemClock(),
            log=logging.getLogger("leadd.test"),
        )
        await inference.open()
        yield Road(inference, fake)
        await inference.close(grace_s=1.0)
        await model.close()


async def test_a_hot_one_is_answered_to_its_end(road: Road) -> None:
    answer = await road.ask(HOT)
    data = answer.data
    assert (answer.provenance.done_reason, data["icp_match"]) == ("stop", True)
    assert data["score_fit"] + data["score_pain"] >= 60
    assert data["situation"]
    assert data["silver_bullet_phrases"]
    assert all(quote in HOT for quote in data["silver_bullet_phrases"])


async def test_a_weak_match_ends_with_its_verdict(road: Road) -> None:
    answer = await road.ask(WEAK)
    data = answer.data
    assert (answer.provenance.done_reason, data["icp_match"]) == ("early", True)
    assert 0 < data["score_fit"] + data["score_pain"] < 60
    assert data["silver_bullet_phrases"] == ["You help with our marketing and the newsletter."]
    assert data["reason_short"]
    assert (data["situation"], data["key_pain"], data["chaos_flags"]) == (None, None, [])
    whole = await road.ask(WEAK, details_from=0)
    assert (whole.provenance.done_reason, whole.data["score_fit"]) == ("stop", data["score_fit"])
    assert whole.data["situation"]
    person = await road.ask(WEAK, priority=questions.PERSON_PRIORITY)
    assert (person.provenance.done_reason, person.data) == ("stop", whole.data)


async def test_no_match_is_read_no_further(road: Road) -> None:
    answer = await road.ask(OTHER, title="Baker")
    assert (answer.provenance.done_reason, answer.data["icp_match"]) == ("early", False)
    assert answer.data["reason_short"] == early.NO_MATCH
    person = await road.ask(OTHER, title="Baker", priority=questions.PERSON_PRIORITY)
    assert person.data["reason_short"] not in ("", early.NO_MATCH)


async def test_a_reader_of_evidence_answers_the_same_question_in_long_names(tmp_path: Path) -> None:
    evidence = EvidenceModel(EvidenceConfig(vectors="off"), make_context(tmp_path, clock=SystemClock()))
    inference = Inference({}, {}, clock=SystemClock(), log=logging.getLogger("leadd.test"), evidence=evidence)
    inference.set_without_model("evidence")
    await inference.open()
    async with FakeOllama(time_scale=0) as fake:
        answer = await Road(inference, fake).ask(HOT)
    assert answer.provenance.method is Method.EVIDENCE
    assert answer.data["silver_bullet_phrases"]
    assert all(quote in f"Marketing Manager\n{HOT}" for quote in answer.data["silver_bullet_phrases"])
    await inference.close(grace_s=1.0)
