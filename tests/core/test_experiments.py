"""Experiments through the real core: who is asked with which version, what counts, and how one ends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from core_parts import AD, Home, settled

from leadd.api import ModelRequest, NeedsAttention, Retry, Role, Signal, SignalDraft
from leadd.core.engine import Core
from leadd.core.prompts.arms import unit_of
from leadd.core.prompts.experiment_state import Trial, Variant
from leadd.core.prompts.experiments import Experiments
from leadd.core.prompts.prompt_cases import Trials
from leadd.core.prompts.prompt_desk import PromptDesk
from leadd.learn.proofs.experiments import Experiment
from leadd.prompting import PromptError, packaged_folder
from leadd.store import NotFound, StoreUnavailable
from leadd.store.experiments import OutcomeRow
from leadd.store.rows import LeadRow, NewJudgement

SHIPPED = (packaged_folder() / "classification.yaml").read_text(encoding="utf-8")
LIKED = {"A": 3, "B": 9}
"""Of ten companies, how many the user likes by variant."""


def numbered(version: int, mark: str = "") -> str:
    text = SHIPPED.replace("version: 2", f"version: {version}", 1)
    return text.replace("You read one text", f"Edition {version}{mark}. You read one text")


@pytest.fixture
def own(home: Home) -> Path:
    """A folder with two versions in it, of which the third is in force."""
    folder = home.folder / "prompts"
    (folder / "classification").mkdir(parents=True)
    for version in (3, 4):
        (folder / "classification" / f"{version}.yaml").write_text(numbered(version), encoding="utf-8")
    home.prompt_folders = [folder]
    return folder


class Lab:
    """A core with a desk and experiments on it, as the daemon puts them together."""

    def __init__(self, core: Core, desk: PromptDesk) -> None:
        self.core, self.desk = core, desk
        self.experiments = Experiments(core.store, core.arms, desk, core.events, logging.getLogger("test.experiments"))
        self.asked = 0
        self.judged: set[int] = set()

    async def read(self, count: int, first: int = 0) -> None:
        """Signals of companies of their own, read to the end."""
        await self.core.ingest(
            [
                SignalDraft(text=f"{AD} Ref {n}.", title=f"Marketer {n}", company=f"Firm{n} Ltd")
                for n in range(first, first + count)
            ]
        )
        self.asked += count
        await settled(self.core, self.asked)

    async def judge(self, liked: dict[str, int]) -> None:
        """A verdict on every lead that has none, by the side of its company; looked at after every ten."""
        counts = {"A": 0, "B": 0}
        trial = next(iter(self.experiments._running.values()))
        for lead in await self.leads():
            if lead.id in self.judged:
                continue
            self.judged.add(lead.id)
            arm = trial.test.assign(unit_of(lead.name, None, ""))
            good = counts[arm] % 10 < liked[arm]
            counts[arm] += 1
            await self.core.store.leads.verdict(lead.id, "accept" if good else "reject")
            if sum(counts.values()) % 10 == 0:
                await self.experiments.turn()
        await self.experiments.turn()

    async def leads(self) -> list[LeadRow]:
        found = await self.core.store.leads.list(limit=500)
        return sorted(getattr(found, "items", found), key=lambda lead: lead.id)

    @property
    def in_force(self) -> str:
        return self.desk.book.in_force()["classification"].label

    def told(self, kind: str) -> list[dict]:
        return [event.data for event in self.core.events._recent if event.kind == kind]


@asynccontextmanager
async def lab_over(home: Home) -> AsyncIterator[Lab]:
    async with home.core() as core:
        trials = Trials(core.prompts.folders)
        desk = PromptDesk(core.prompts, trials, core.store, core.events, logging.getLogger("test.prompts"))
        await desk.open(core.prompts.load())
        if core.prompts.pick("classification").info.version == 4:
            await desk.label("classification", "3", "production")
        lab = Lab(core, desk)
        await lab.experiments.open()
        yield lab


async def test_each_company_meets_one_version_and_each_answer_is_stamped_with_it(home: Home, own: Path):
    async with lab_over(home) as lab:
        await lab.experiments.start("classification", "production", "4", share=0.4)
        await lab.read(30)
        again = [SignalDraft(text=f"{AD} New {n}.", title=f"Again {n}", company=f"FIRM{n} GmbH") for n in range(30)]
        await lab.core.ingest(again)
        lab.asked += 30
        await settled(lab.core, lab.asked)
        stamps: dict[str, set[str]] = {}
        for row in [await lab.core.store.signals.get(n) for n in range(1, 61)]:
            (answer,) = [j for j in await lab.core.store.judgements.for_signal(row.id) if j.stage == "classify"]
            hashes = {lab.desk.book.pick("classification", v).info.content_hash: f"classification@{v}" for v in ("3", "4")}
            assert answer.prompt == hashes[answer.prompt_hash]
            stamps.setdefault(unit_of(row.company, None, ""), set()).add(answer.prompt)
        assert len(stamps) == 30, "however a company is spelt, it is one"
        assert all(len(seen) == 1 for seen in stamps.values())
        both = [next(iter(seen)) for seen in stamps.values()]
        assert 4 <= both.count("classification@4") <= 20


async def test_a_clear_lift_is_promoted_and_a_restart_in_the_middle_changes_nothing(home: Home, own: Path):
    async with lab_over(home) as lab:
        await lab.experiments.start("classification", "3", "4", share=0.5, rule="auto", name="lift")
        await lab.read(14)
        await lab.judge(LIKED)
        middle = await lab.experiments.show("lift")
        assert (middle.state, middle.action) == ("running", "go on")
        assert middle.seen_a + middle.seen_b == 14
        sides = {n: lab.core.arms.template("classification", signal(n)).info.label for n in range(200)}
    async with lab_over(home) as lab:
        assert {n: lab.core.arms.template("classification", signal(n)).info.label for n in range(200)} == sides
        after = await lab.experiments.show("lift")
        assert (after.better, after.seen_a, after.seen_b) == (middle.better, middle.seen_a, middle.seen_b)
        lab.asked = 14
        lab.judged.update(lead.id for lead in await lab.leads())
        await lab.read(60, first=14)
        await lab.judge(LIKED)
        found = await lab.experiments.show("lift")
        assert (found.state, found.action, lab.in_force) == ("promoted", "promote", "classification@4")
        assert found.better >= found.needed_better
        assert [event["action"] for event in lab.told("experiment.decided")] == ["promote"]
        assert lab.told("experiment.ended")[0]["state"] == "promoted"
        row = await lab.core.store.experiments.get("lift")
        assert row is not None
        trial = Trial.of(row)
        assert (trial.replayed().better, trial.replayed().worse) == (trial.test.better, trial.test.worse)
        assert found.history[-1].better == found.better
        assert {lab.core.arms.template("classification", signal(n)).info.version for n in range(50)} == {4}
        back = await lab.experiments.rollback("lift")
        assert (back.state, lab.in_force) == ("rolled_back", "classification@3")


async def test_harm_is_rolled_back_and_asked_rules_only_tell(home: Home, own: Path):
    async with lab_over(home) as lab:
        await lab.experiments.start("classification", "3", "4", share=0.5, rule="ask", name="harm")
        await lab.read(60)
        await lab.judge({"A": 9, "B": 2})
        (note,) = lab.experiments.notes()
        assert "B does harm" in note
        assert "leadd experiment rollback harm" in note
        assert (await lab.experiments.show()).state == "running", "by the rule `ask` nothing happens by itself"
        assert len(lab.told("experiment.decided")) == 1
        assert (await lab.experiments.rollback()).state == "rolled_back"
        assert lab.experiments.notes() == []
        await lab.experiments.start("classification", "3", "4", share=0.5, rule="auto", name="harm-2")
        await lab.read(60, first=60)
        await lab.judge({"A": 9, "B": 2})
        found = await lab.experiments.show("harm-2")
        assert (found.state, found.action, lab.in_force) == ("rolled_back", "roll back", "classification@3")


async def test_equal_versions_are_told_apart_by_nobody(home: Home, own: Path):
    async with lab_over(home) as lab:
        with pytest.raises(NeedsAttention, match="say the same"):
            await lab.experiments.start("classification", "3", "3")
        await lab.experiments.start("classification", "production", "production", share=0.5, rule="auto", same=True)
        await lab.read(60)
        await lab.judge({"A": 9, "B": 2})
        found = await lab.experiments.show()
        assert (found.state, found.action) == ("running", "go on"), "even where the sides differ, A/A acts on nothing"
        assert "they differ: check how outcomes are assigned" in found.reason
        with pytest.raises(NeedsAttention, match="nothing to promote"):
            await lab.experiments.promote()


async def test_only_the_first_verdict_of_a_company_on_an_answer_of_its_version_counts(home: Home, own: Path):
    async with lab_over(home) as lab:
        await lab.read(4)
        leads = await lab.leads()
        await lab.experiments.start("classification", "3", "4", share=0.5)
        await lab.core.store.leads.verdict(leads[0].id, "accept")  # read before the experiment began
        found = await lab.experiments.show()
        assert (found.seen_a + found.seen_b, found.passed_over) == (0, 1)
        await lab.read(4, first=10)
        lead = (await lab.leads())[-1]
        for word in ("reject", "accept", "snooze", "won"):
            await lab.core.store.leads.verdict(lead.id, word)
        other = (await lab.leads())[-2]
        await lab.core.store.leads.verdict(other.id, "accept")
        await lab.core.store.leads.undo_verdict(other.id)
        for _ in range(3):
            found = await lab.experiments.show()
        assert (found.good_a + found.good_b, found.seen_a + found.seen_b, found.repeats) == (0, 1, 2)


async def test_the_audit_is_counted_apart(home: Home, own: Path):
    async with lab_over(home) as lab:
        await lab.experiments.start("classification", "3", "4", share=0.5)
        await lab.read(6)
        rows = [j for n in range(1, 7) for j in await lab.core.store.judgements.for_signal(n) if j.stage == "classify"]
        for row, word in zip(rows, ("miss", "match", "no", "agrees", "failed", "no_match"), strict=True):
            await lab.core.store.judgements.add(
                NewJudgement(row.signal_id, row.icp_id, stage="audit", decision=word, method="model", answer={"match": True})
            )
        found = await lab.experiments.show()
        assert found.audit.seen_a + found.audit.seen_b == 5
        assert found.audit.agree_a + found.audit.agree_b == 2
        assert found.seen_a + found.seen_b == 0


async def test_a_dropped_signal_that_was_wanted_speaks_against_its_version(home: Home, own: Path):
    async with lab_over(home) as lab:
        await lab.experiments.start("classification", "3", "4", share=0.5)
        usual = home.model.answer

        def no_match(request: ModelRequest) -> dict[str, Any] | str:
            found = usual(request)
            return {**found, "match": False} if isinstance(found, dict) else found

        home.model.answer = no_match  # type: ignore[method-assign]
        await lab.read(4)
        assert await lab.leads() == []
        for signal_id, word in ((1, "accept"), (2, "accept"), (3, "reject")):
            await lab.core.store.verdicts.judge_signal(signal_id, word)
        found = await lab.experiments.show()
        assert (found.good_a + found.good_b, found.seen_a + found.seen_b) == (1, 3)


async def test_what_cannot_be_written_is_fed_later_and_once(home: Home, own: Path, monkeypatch: pytest.MonkeyPatch):
    async with lab_over(home) as lab:
        await lab.experiments.start("classification", "3", "4", share=0.5)
        await lab.read(5)
        for lead in await lab.leads():
            await lab.core.store.leads.verdict(lead.id, "accept")

        async def full(*args: object) -> None:
            raise StoreUnavailable("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(lab.core.store.experiments, "save", full)
            for _ in range(2):
                with pytest.raises(Retry, match="the disk is full"):
                    await lab.experiments.turn()
        before = lab.experiments._running["classification"]
        assert (before.outcomes, before.cursor) == ("", 0)
        for _ in range(2):
            found = await lab.experiments.show()
        assert (found.seen_a + found.seen_b, found.repeats) == (5, 0)


async def test_triage_is_weighed_with_the_version_that_was_asked(home: Home, own: Path):
    (own / "triage").mkdir()
    shipped = (packaged_folder() / "triage.yaml").read_text(encoding="utf-8")
    for version in (3, 4):
        text = shipped.replace("version: 2", f"version: {version}", 1).replace("Should a seller", f"{version}: should a seller")
        (own / "triage" / f"{version}.yaml").write_text(text, encoding="utf-8")
    async with lab_over(home) as lab:
        view = await lab.experiments.start("triage", "production", "3", share=0.5)
        await lab.read(16)
        stamps = set()
        for n in range(1, 17):
            row = await lab.core.store.signals.get(n)
            (answer,) = [j for j in await lab.core.store.judgements.for_signal(n) if j.stage == "triage"]
            assert row is not None
            assert answer.prompt_hash == lab.core.arms.template("triage", row).info.content_hash
            stamps.add(answer.prompt_hash)
        assert stamps == {view.a_hash, view.b_hash}
        await lab.core.store.leads.verdict((await lab.leads())[0].id, "accept")
        found = await lab.experiments.show()
        assert (found.good_a + found.good_b, found.seen_a + found.seen_b) == (1, 1)


@pytest.mark.parametrize(("method", "counts"), [("model", True), ("rule", True), ("evidence", False), (None, False)])
def test_what_was_settled_in_a_versions_name_counts_for_it(method: str | None, counts: bool):
    test = Experiment("t", 0.5)
    trial = Trial("t", "triage", Variant("triage@3", "aa"), Variant("triage@4", "bb"), "ask", test, since_ms=10)
    own = {"A": "aa", "B": "bb"}[test.assign("company acme")]
    rows = [
        OutcomeRow(n, "accept", True, "Acme", None, "h", "yes", method, own if n == 3 else other, 9 if n == 1 else 10)
        for n, other in ((1, own), (2, "cc"), (3, ""))
    ]
    trial.feed(rows)
    assert (trial.test.counts.seen_a + trial.test.counts.seen_b, trial.cursor) == (int(counts), 3)
    assert trial.passed_over == 3 - counts


async def test_one_at_a_time_and_nothing_that_cannot_be_compared(home: Home, own: Path):
    async with lab_over(home) as lab:
        start = lab.experiments.start
        with pytest.raises(NeedsAttention, match=r"variant A is classification@4 .* but classification@3 .* is in force"):
            await start("classification", "4", "3")
        with pytest.raises(PromptError, match="no version 99"):
            await start("classification", "3", "99")
        with pytest.raises(NeedsAttention, match="tell nothing of 'dossier'"):
            await start("dossier", "production", "candidate")
        with pytest.raises(NeedsAttention, match=r"share 1\.5"):
            await start("classification", "3", "4", share=1.5)
        with pytest.raises(NotFound):
            await lab.experiments.show()
        await start("classification", "3", "4")
        with pytest.raises(NeedsAttention, match="is running: classification-1"):
            await start("classification", "3", "4")
        assert (await lab.experiments.stop()).state == "stopped"
        with pytest.raises(NeedsAttention, match="has ended: stopped by you"):
            await lab.experiments.stop("classification-1")
        assert (await start("classification", "3", "4")).name == "classification-2"
        assert [view.state for view in await lab.experiments.list()] == ["running", "stopped"]


async def test_a_changed_file_ends_it_with_the_reason(home: Home, own: Path):
    async with lab_over(home) as lab:
        await lab.experiments.start("classification", "3", "4", share=0.9)
        (own / "classification" / "4.yaml").write_text(numbered(4, " anew"), encoding="utf-8")
        assert (await lab.desk.reload()).released == ("classification",)
        assert {lab.core.arms.template("classification", signal(n)).info.label for n in range(20)} == {"classification@4"}
        found = await lab.experiments.show()
        assert found.state == "ended"
        assert "the prompt was changed: classification@4" in found.reason
        await lab.experiments.start("classification", "production", "3", share=0.9)
        (own / "classification" / "3.yaml").write_text(numbered(3, " anew"), encoding="utf-8")
        await lab.desk.reload()
        found = await lab.experiments.show()
        assert (found.state, found.reason) == ("ended", f"the file of {found.b} was changed")


async def test_a_twin_of_the_other_side_is_asked_about_anew(home: Home, own: Path):
    async with lab_over(home) as lab:
        view = await lab.experiments.start("classification", "3", "4", share=0.5)
        trial = lab.experiments._running["classification"]
        a, b = (next(f"Firm{n}" for n in range(99) if trial.test.assign(f"company firm{n}") == arm) for arm in "AB")
        for company in (a, a, b, None):
            await lab.core.ingest([SignalDraft(text=AD, title="Marketer", company=company, external_id=f"x{lab.asked}")])
            lab.asked += 1
            await settled(lab.core, lab.asked)
        rows = [j for n in range(1, 5) for j in await lab.core.store.judgements.for_signal(n) if j.stage == "classify"]
        by_signal = {row.signal_id: row for row in rows}
        assert [by_signal[n].prompt_hash for n in (1, 2, 3)] == [view.a_hash, view.a_hash, view.b_hash]
        nobody = lab.core.arms.template("classification", await lab.core.store.signals.get(4))
        assert by_signal[4].prompt_hash == nobody.info.content_hash
        assert sum(role is Role.CLASSIFY for role, _ in home.model.calls) >= 2


def signal(n: int) -> Signal:
    return Signal(n, "ads", "text", "title", f"hash{n}", 0, company=f"Firm{n} Ltd")
