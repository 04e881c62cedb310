"""Dossiers: written part by part, ahead of all else where a person waits, never half, never lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from core_parts import Home, until
from typist import Typist, add_lead

from leadd.api import Failure, ModelFailure, Role
from leadd.core.answer_checks import check_dossier_field
from leadd.core.dossiers import HOT_PRIORITY, USUAL_PRIORITY
from leadd.core.engine import Core
from leadd.store.errors import NotFound

PERSON = 1000


@pytest.fixture
def home(tmp_path):
    found = Home(tmp_path)
    found.model = Typist(tmp_path)
    return found


async def written(core: Core, lead_id: int) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while (row := await core.store.dossiers.get(lead_id)) is None or row.state != "done":
            await asyncio.sleep(0.01)
    return dict(row.answer or {})


def watch(core: Core) -> list[tuple[str, Any]]:
    """All news of dossiers from now on, as (kind, key)."""
    news: list[tuple[str, Any]] = []
    publish = core.events.publish

    def published(kind: str, **data: Any) -> Any:
        if kind.startswith("dossier."):
            news.append((kind.removeprefix("dossier."), data.get("key")))
        return publish(kind, **data)

    core.events.publish = published  # type: ignore[method-assign]
    return news


def asked(core: Core) -> list[int]:
    """The priorities of all questions for dossiers from now on."""
    priorities: list[int] = []
    ask = core.inference.ask

    async def spy(question: Any, **more: Any) -> Any:
        if question.role is Role.DOSSIER:
            priorities.append(question.priority)
        return await ask(question, **more)

    core.inference.ask = spy  # type: ignore[method-assign]
    return priorities


KEYS = [
    "snapshot", "why_pain_bullets", "uncomfortable_truth", "reframe_suggestion", "best_angle_bullets", "challenger_insight",
]  # fmt: skip


async def test_parts_are_told_as_they_come_and_only_the_whole_is_stored(home):
    async with home.core() as core:
        lead_id, news = await add_lead(core), watch(core)
        home.model.hold()
        await core.dossiers.want(lead_id)
        home.model.give(20)
        await until(lambda: news)
        assert news == [("field", "snapshot")]
        assert core.dossiers.so_far(lead_id) == {"snapshot": "A small company that looks for help."}
        row = await core.store.dossiers.get(lead_id)
        assert row is not None
        assert (row.state, row.answer, row.priority) == ("leased", None, PERSON)
        home.model.give()
        answer = await written(core, lead_id)
        await until(lambda: news[-1][0] == "written")
        assert news == [*(("field", key) for key in KEYS), ("written", None)]
        assert list(answer) == KEYS
        assert core.dossiers.so_far(lead_id) == {}
        row = await core.store.dossiers.get(lead_id)
        assert row is not None
        assert row.priority == 0


async def test_a_broken_stream_takes_back_what_was_told(home):
    async with home.core() as core:
        lead_id, news = await add_lead(core), watch(core)
        home.model.breaks = [45, None]
        await core.dossiers.want(lead_id)
        await written(core, lead_id)
        restart = news.index(("restart", None))
        assert 1 < restart < len(KEYS)
        assert [key for _, key in news[:restart]] == KEYS[:restart]
        assert [key for _, key in news[restart + 1 :]][: len(KEYS)] == KEYS
        assert home.model.ended == home.model.dossiers == 2


async def test_a_failure_takes_back_what_was_told_and_is_no_dossier(home):
    async with home.core() as core:
        lead_id, news = await add_lead(core), watch(core)
        home.model.breaks = [30, 30, 30, 30]
        await core.dossiers.want(lead_id)
        await until(lambda: ("waits", None) in news)
        assert [kind for kind, _ in news].count("restart") == [kind for kind, _ in news].count("waits") + 1
        row = await core.store.dossiers.get(lead_id)
        assert row is not None
        assert (row.state, row.answer, row.attempts, row.priority) == ("wanted", None, 1, PERSON)
        assert row.failure.startswith("broken_stream")
        home.model.breaks = []
        await core.dossiers.want(lead_id)  # a person asks again: now and not in a minute
        await written(core, lead_id)


async def test_one_that_fails_for_good_says_so(home):
    async with home.core() as core:
        lead_id, news = await add_lead(core), watch(core)
        home.model.fail = lambda request: "no JSON" if request.role is Role.DOSSIER else None
        await core.store.db.write(
            lambda conn: (
                conn.execute(
                    "INSERT INTO dossier (lead_id, attempts, due_ms, created_at_ms, updated_at_ms) VALUES (?, 3, 0, 0, 0)",
                    (lead_id,),
                ).rowcount
            )
        )
        core.supervisor.wake("dossiers")
        await until(lambda: news)
        assert news == [("failed", None)]
        row = await core.store.dossiers.get(lead_id)
        assert row is not None
        assert (row.state, row.failure[:8]) == ("held", "not_json")


async def test_an_outage_is_no_failure_of_the_dossier(home):
    async with home.core() as core:
        lead_id, news = await add_lead(core), watch(core)

        def gone(request: Any) -> ModelFailure:
            home.model.reachable = False
            return ModelFailure(Failure.UNREACHABLE, "the lid was closed")

        home.model.fail = gone
        await core.dossiers.want(lead_id)
        await until(lambda: ("waits", None) in news)
        row = await core.store.dossiers.get(lead_id)
        assert row is not None
        assert (row.state, row.attempts, row.failure, row.priority) == ("wanted", 0, "", PERSON)
        assert core.dossiers.waits_for()
        home.model.fail = lambda request: None
        home.model.reachable = True
        await core.inference.look_again()
        await written(core, lead_id)
        assert core.dossiers.waits_for() == ""


async def test_who_waits_goes_first(home):
    async with home.core() as core:
        home.model.hold()
        priorities = asked(core)
        hot = await add_lead(core, wants=True)
        await until(lambda: priorities)
        assert priorities == [HOT_PRIORITY]
        warm = await add_lead(core, company="Bakery", score=60, bucket="warm")
        await core.dossiers.want(warm)
        await until(lambda: len(priorities) == 2)  # it does not wait for the other one
        assert priorities == [HOT_PRIORITY, PERSON]
        home.model.give()
        await written(core, warm)
        await written(core, hot)


async def test_one_that_is_begun_is_hurried_and_not_written_twice(home):
    async with home.core() as core:
        home.model.hold()
        priorities = asked(core)
        lead_id = await add_lead(core, score=60, bucket="warm", wants=True)
        await until(lambda: priorities == [USUAL_PRIORITY] and home.model.dossiers)
        await core.dossiers.want(lead_id)
        await until(lambda: len(priorities) == 2)
        assert priorities == [USUAL_PRIORITY, PERSON]
        await core.dossiers.want(lead_id)
        await asyncio.sleep(0.05)
        assert len(priorities) == 2
        home.model.give()
        await written(core, lead_id)
        assert home.model.dossiers == 1


async def test_what_was_wanted_is_written_after_a_restart(home):
    async with home.core(grace_s=0.0) as core:
        lead_id = await add_lead(core)
        home.model.hold()
        await core.dossiers.want(lead_id)
        home.model.give(25)
        await until(lambda: core.dossiers.so_far(lead_id))
    home.model.paper = None
    async with home.core() as core:
        priorities = asked(core)
        answer = await written(core, lead_id)
        assert list(answer) == KEYS
        assert priorities in ([PERSON], [])  # [] where it was asked before the spy stood
    assert home.model.dossiers == 2


async def test_nobody_wants_what_is_not_there(home):
    async with home.core() as core:
        with pytest.raises(NotFound):
            await core.dossiers.want(77)
        assert core.dossiers.so_far(77) == {}


async def test_a_part_is_shown_as_it_would_be_kept(home):
    async with home.core() as core:
        lead_id = await add_lead(core)
        row = await core.store.signals.get((await core.store.leads.get(lead_id)).signal_id)
        assert check_dossier_field("See https://evil.example/x now ", row) == "See now"
        assert check_dossier_field(["Ask a@b.example", "n/a", "Plain."], row) == ["Ask", "Plain."]
        for wrong in (7, {"a": 1}, [1]):
            with pytest.raises(ValueError, match="expected"):
                check_dossier_field(wrong, row)
