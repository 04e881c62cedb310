"""Experiments on prompts while leadd works: companies drawn to a variant, fed by verdicts, ended by a rule or a person."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Mapping, Sequence

from leadd.api import NeedsAttention, Retry
from leadd.core.events import EventBus
from leadd.core.prompts.arms import Arms
from leadd.core.prompts.experiment_state import STAGES, ExperimentView, RuleWord, Trial, Variant, advice_of, view_of
from leadd.core.prompts.prompt_desk import PromptDesk
from leadd.learn.proofs.experiments import Experiment, Rule
from leadd.prompting import PRODUCTION, PromptError, Template
from leadd.prompting.book import mark_of
from leadd.store import NotFound, Store, StoreUnavailable
from leadd.store.experiments import RUNNING, ExperimentRow

LOOK_EVERY_S = 15.0
"""How often it is looked whether there are new verdicts."""
BATCH = 500
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")


class Experiments:
    """Starts, feeds and ends experiments, one at a time for each prompt. What it knows is in the store after every step."""

    def __init__(
        self, store: Store, arms: Arms, desk: PromptDesk, events: EventBus, log: logging.Logger, *, rule: Rule | None = None
    ) -> None:
        self._store = store
        self._arms = arms
        self._desk = desk
        self._events = events
        self._log = log
        self._rule = rule or Rule()
        self._lock = asyncio.Lock()
        self._running: Mapping[str, Trial] = {}

    async def open(self) -> None:
        """Take up what ran before. Call it after the labels of the prompts were taken up, and before any question."""
        for row in await self._store.experiments.list(RUNNING):
            try:
                trial = Trial.of(row)
                b = await self._desk.find(trial.prompt, trial.b.content_hash)
            except (ValueError, PromptError) as error:
                self._log.warning("experiment %s ends: %s", row.name, error)
                with contextlib.suppress(StoreUnavailable):  # a full disk is no reason not to start
                    await self._store.experiments.save(row.name, {**row.body, "reason": str(error)}, "ended")
                continue
            self._take(trial, b)

    async def turn(self) -> float:
        """Feed what is new to each experiment, and act on what that decides. One round of the loop; raises Retry where the
        database cannot be written: nothing is fed then, and nothing is lost."""
        try:
            await self._look()
        except StoreUnavailable as error:
            raise Retry(f"the database cannot be written: {error}") from error
        return LOOK_EVERY_S

    async def _look(self) -> None:
        async with self._lock:
            for trial in list(self._running.values()):
                if await self._on_its_ground(trial):
                    await self._feed(trial)

    async def start(
        self, prompt: str, a: str, b: str, *, share: float = 0.2, name: str = "", rule: RuleWord = "ask", same: bool = False
    ) -> ExperimentView:
        """Ask a share of the companies with version `b` from now on; `a` has to be the version in force.

        `same` (A/A) runs one version on both sides, to see that nothing is found where there is nothing. Raises NeedsAttention
        in words, PromptError for a version that is not there or whose cases do not hold.
        """
        if prompt not in STAGES:
            raise NeedsAttention(f"verdicts tell nothing of '{prompt}'", hint=f"experiments are on {' or '.join(STAGES)}")
        if name and not _NAME.fullmatch(name):
            raise NeedsAttention(f"'{name}' cannot be a name", hint="small letters, digits, - _ and . make a name")
        async with self._lock:
            other = self._running.get(prompt)
            if other is not None:
                raise NeedsAttention(
                    f"an experiment on '{prompt}' is running: {other.name}",
                    hint=f"leadd experiment stop {other.name}",
                )
            first, second = await self._desk.ready(prompt, a), await self._desk.ready(prompt, b)
            _fit(self._desk.book.pick(prompt), first, second, same)
            name = name or await self._free_name(prompt)
            limits = Rule(
                self._rule.promote_level, self._rule.harm_level, self._rule.least_lift, self._rule.confidence,
                self._rule.most_outcomes, same,
            )  # fmt: skip
            try:
                test = Experiment(name, share, limits)
            except ValueError as error:
                raise NeedsAttention(str(error), hint="--share 20%") from None
            trial = Trial(
                name,
                prompt,
                _variant(first),
                _variant(second),
                rule,
                test,
                0,
                await self._store.experiments.last_verdict(),
                b_in_file=self._desk.book.in_a_file(prompt, second.info.content_hash),
            )
            row = await self._store.experiments.add(name, prompt, trial.as_body())
            trial.since_ms = row.created_at_ms
            self._take(trial, second)
            self._tell(trial, "experiment.started", f"{trial.b.told} is asked for {share:.0%} of the companies")
            return view_of(trial, row)

    async def list(self) -> list[ExperimentView]:
        """All experiments, the latest first."""
        await self._look()
        return [view_of(trial, row) for row, trial in await self._rows()]

    async def show(self, name: str | None = None) -> ExperimentView:
        """One with its history and the audit's word; without a name the one that runs, else the latest. Raises NotFound."""
        await self._look()
        row, trial = await self._find(name)
        audits = await self._store.experiments.audits(row.created_at_ms, STAGES[trial.prompt])
        history = await asyncio.to_thread(trial.history)
        return view_of(trial, row, trial.agreement(audits), history)

    async def stop(self, name: str | None = None) -> ExperimentView:
        """End one, with the version in force as it is. Raises NotFound, NeedsAttention where it has ended."""
        async with self._lock:
            trial = await self._one_running(name)
            return await self._end(trial, "stopped", "stopped by you")

    async def promote(self, name: str | None = None) -> ExperimentView:
        """Put variant B in force for everybody. Raises NotFound, NeedsAttention, PromptError where its cases fail."""
        async with self._lock:
            trial = await self._one_running(name)
            if trial.test.rule.same:
                raise NeedsAttention(
                    "both sides run the same version: there is nothing to promote", hint="leadd experiment stop"
                )
            return await self._promote(trial, "promoted by you")

    async def rollback(self, name: str | None = None) -> ExperimentView:
        """Ask everybody with variant A: ends one that runs, and takes back one that was promoted.

        Raises NotFound, NeedsAttention where it has ended otherwise or another version is in force by now, PromptError.
        """
        async with self._lock:
            row, trial = await self._find(name)
            if row.state == RUNNING:
                return await self._end(self._running[trial.prompt], "rolled_back", "rolled back by you")
            now = self._desk.book.pick(trial.prompt).info
            if row.state != "promoted" or now.content_hash != trial.b.content_hash:
                raise NeedsAttention(
                    f"experiment '{trial.name}' has ended ({row.state}), and {now.with_hash} is in force",
                    hint=f"leadd prompts rollback {trial.prompt}",
                )
            await self._desk.label(trial.prompt, trial.a.content_hash, PRODUCTION)
            return await self._end(trial, "rolled_back", f"{trial.a.told} is in force again: rolled back by you")

    def notes(self) -> Sequence[str]:
        """A line for each experiment that runs, for the status."""
        found = []
        for trial in self._running.values():
            report, advice = trial.test.report(), advice_of(trial)
            counts = f"{report.good_a} of {report.seen_a} good for A, {report.good_b} of {report.seen_b} for B"
            more = f" ({trial.reason})" if trial.reason else f" ({advice})" if advice else ""
            found.append(f"experiment {trial.name}, {trial.b.told} beside {trial.a.told}: {counts}; {report.reason}{more}")
        return found

    async def _feed(self, trial: Trial) -> None:
        stage = STAGES[trial.prompt]
        while rows := await self._store.experiments.verdicts(trial.cursor, stage, BATCH):
            fed = Trial.of(ExperimentRow(trial.name, trial.prompt, trial.as_body(), RUNNING, trial.since_ms))
            fed.feed(rows)
            # State and cursor in one write, and only then in use: a verdict is fed once, whenever leadd dies.
            await self._store.experiments.save(trial.name, fed.as_body())
            self._running = {**self._running, trial.prompt: fed}
            trial = fed
            if len(rows) < BATCH:
                break
        await self._act(trial)

    async def _act(self, trial: Trial) -> None:
        report = trial.test.report()
        if report.action == "go on" or trial.told:
            return
        trial.told = True
        self._tell(trial, "experiment.decided", report.reason)
        if trial.rule == "auto":
            try:
                if report.action == "promote":
                    await self._promote(trial, report.reason)
                else:
                    await self._end(trial, "rolled_back" if report.action == "roll back" else "ended", report.reason)
                return
            except PromptError as error:
                trial.reason = f"{trial.b.told} could not be put in force: {error}"
                self._log.warning("experiment %s: %s", trial.name, trial.reason)
        await self._store.experiments.save(trial.name, trial.as_body())

    async def _on_its_ground(self, trial: Trial) -> bool:
        """Whether A is still in force, and B what its file says; else the experiment ends with the reason."""
        now = self._desk.book.pick(trial.prompt).info
        if now.content_hash == trial.a.content_hash and now.label == trial.a.label:
            if not trial.b_in_file or self._desk.book.in_a_file(trial.prompt, trial.b.content_hash):
                return True
            await self._end(trial, "ended", f"the file of {trial.b.told} was changed")
        elif now.content_hash == trial.b.content_hash:
            await self._end(trial, "promoted", f"{trial.b.told} came into force")
        else:
            await self._end(trial, "ended", f"the prompt was changed: {now.with_hash} is in force and no longer {trial.a.told}")
        return False

    async def _promote(self, trial: Trial, reason: str) -> ExperimentView:
        await self._desk.label(trial.prompt, trial.b.content_hash, PRODUCTION)
        return await self._end(trial, "promoted", reason)

    async def _end(self, trial: Trial, state: str, reason: str) -> ExperimentView:
        trial.reason = reason
        await self._store.experiments.save(trial.name, trial.as_body(), state)
        if self._running.get(trial.prompt, trial).name == trial.name:
            self._arms.end(trial.prompt)
            self._running = {prompt: other for prompt, other in self._running.items() if prompt != trial.prompt}
        self._tell(trial, "experiment.ended", reason, state)
        row = await self._store.experiments.get(trial.name)
        assert row is not None
        return view_of(trial, row)

    def _take(self, trial: Trial, b: Template) -> None:
        self._running = {**self._running, trial.prompt: trial}
        a = self._desk.book.pick(trial.prompt)
        if _variant(a) == trial.a:  # else it ends at the next turn, and nobody is drawn before
            self._arms.begin(a, b, trial.test.assign)

    def _tell(self, trial: Trial, kind: str, reason: str, state: str = RUNNING) -> None:
        action = trial.test.report().action
        self._events.publish(
            kind,
            name=trial.name,
            prompt=trial.prompt,
            a=trial.a.told,
            b=trial.b.told,
            state=state,
            action=action,
            reason=reason,
        )
        self._log.info("%s %s on %s: %s", kind, trial.name, trial.prompt, reason)

    async def _rows(self) -> Sequence[tuple[ExperimentRow, Trial]]:
        found = []
        for row in await self._store.experiments.list():
            try:
                found.append((row, Trial.of(row)))
            except ValueError as error:
                self._log.warning("%s", error)
        return found

    async def _find(self, name: str | None) -> tuple[ExperimentRow, Trial]:
        rows = await self._rows()
        if name is None:
            rows = sorted(rows, key=lambda found: found[0].state != RUNNING)
        found = next((one for one in rows if name in (None, one[0].name)), None)
        if found is None:
            raise NotFound(f"there is no experiment '{name}'" if name else "there is no experiment yet")
        return found

    async def _one_running(self, name: str | None) -> Trial:
        row, trial = await self._find(name)
        kept = self._running.get(trial.prompt)
        if row.state != RUNNING or kept is None or kept.name != row.name:
            raise NeedsAttention(f"experiment '{row.name}' has ended: {trial.reason}", hint="leadd experiment list")
        return kept

    async def _free_name(self, prompt: str) -> str:
        taken = {row.name for row in await self._store.experiments.list()}
        return next(name for n in range(1, len(taken) + 2) if (name := f"{prompt}-{n}") not in taken)


def _variant(template: Template) -> Variant:
    return Variant(template.info.label, template.info.content_hash)


def _fit(now: Template, a: Template, b: Template, same: bool) -> None:
    """Raises NeedsAttention where two versions cannot be compared."""
    name = now.info.name
    if mark_of(a) != mark_of(now):
        raise NeedsAttention(
            f"variant A is {a.info.with_hash}, but {now.info.with_hash} is in force",
            hint=f"name the one in force first: --variants production,{b.info.version}; or: leadd prompts label {name} "
            f"{a.info.version} production",
        )
    if same and mark_of(a) != mark_of(b):
        raise NeedsAttention("an A/A experiment runs one version on both sides", hint="leave --variants out, or --aa")
    if not same and a.info.content_hash == b.info.content_hash:
        raise NeedsAttention(
            f"{a.info.with_hash} and {b.info.with_hash} say the same", hint="name two versions, or use --aa to run one twice"
        )
