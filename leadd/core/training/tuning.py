"""Tuning a model on the user's verdicts: examples in front of every question, or a LoRA adapter; compared with the model in
force on companies that it has not seen; taken only where it wins.

The examples of a Modelfile are read before every question, so that they cost tokens each time, and a small model can use again
what it has read only below a certain total (`inference.budget.reuse_limit`): as many are taken as fit beside the prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from leadd.api import Clock, Health, Message, NeedsAttention, Role
from leadd.core import questions, triage
from leadd.core.training.comparing import Compared, paired
from leadd.core.training.masking import Mask
from leadd.core.training.training import HELD, PROMPT_OF, TRAIN, Training, TrainingExample
from leadd.inference import Inference, Question, RolePlan
from leadd.inference.budget import latin_chars
from leadd.inference.servers.states import full_name
from leadd.learn import log_odds
from leadd.prompting import PromptBook
from leadd.store import Store

TUNED = "models.tuned"
"""Key of which role is played by which tuned model, and by which one before."""
EXAMPLE_CHARS = 240
LEAST_EXAMPLES = 2
LEAST_HELD = 20
"""Companies held back that a comparison needs: with fewer no honest one can be won."""
MOST_HELD = 400
MESSAGE_TOKENS = 6
"""What the marks around a message take."""
_ANSWER_TOKENS = 16
_ROOM_CHARS = 300
"""Characters of a text that must still fit beside the examples."""


@runtime_checkable
class Maker(Protocol):
    """A model server that can make models of others."""

    def make_model(
        self, name: str, base: str, messages: Sequence[Message], parameters: Mapping[str, Any], adapter: Path | None = None
    ) -> AsyncGenerator[str, None]:
        """What the server says as it goes. Raises ModelFailure, OSError."""
        ...

    async def health(self) -> Health:
        """How the server is, with the models it has."""
        ...

    async def remove_model(self, name: str) -> None:
        """Take a model away. Raises ModelFailure."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What tuning does now. `kind` is examples, making, comparing or result; only the last has `compared`."""

    kind: str
    text: str
    done: int = 0
    total: int = 0
    model: str = ""
    switched: bool = False
    compared: Compared | None = None


class Tuning:
    """Makes, compares and switches; one at a time."""

    def __init__(self, store: Store, inference: Inference, prompts: PromptBook, training: Training, clock: Clock) -> None:
        self._store = store
        self._inference = inference
        self._prompts = prompts
        self._training = training
        self._clock = clock
        self._lock = asyncio.Lock()

    async def run(
        self, role: Role, *, name: str = "", most: int = 8, adapter: Path | None = None
    ) -> AsyncGenerator[Step, None]:
        """Make a model for `role` and take it where it wins. Raises NeedsAttention (what is missing), ModelFailure.

        A model that loses is taken off the server. With `adapter` the model is made of that, without examples.
        """
        if role not in PROMPT_OF:
            raise NeedsAttention(f"{role.value} cannot be tuned", hint="the roles are triage and classify")
        if self._lock.locked():
            raise NeedsAttention("a model is being tuned already", hint="try again when that is over")
        async with self._lock:
            plan, maker = self._present(role)
            earlier = (await self.in_force()).get(role.value, {})
            base = str(earlier["was"]) if earlier.get("model") == plan.model else plan.model
            name = await self._free_name(maker, name, base, role)
            examples = [e async for e in self._training.examples(roles=(role,)) if not e.weak]
            held = _one_of_each(e for e in examples if e.split == HELD)[-MOST_HELD:]
            if len(held) < LEAST_HELD:
                raise NeedsAttention(
                    f"there are verdicts on {len(held)} companies that are held back for comparing, {LEAST_HELD} are needed",
                    hint="give more verdicts: leadd review",
                )
            chosen: list[Message] = []
            tokens = 0
            if adapter is None:
                chosen, tokens = await self._choose(role, [e for e in examples if e.split == TRAIN], most)
                told = f"{len(chosen) // 2} examples of your verdicts, {tokens} tokens before every question"
                yield Step("examples", told, len(chosen) // 2)
            making = self._make(role, plan, maker, (name, base), chosen, tokens, adapter, held)
            async with aclosing(making):  # who leaves early leaves nothing behind
                async for step in making:
                    yield step

    async def undo(self, role: Role) -> str:
        """Give the role back to the model that the settings name; the tuned one's name. Raises NeedsAttention."""
        tuned = dict(await self._store.schedule.get(TUNED) or {})
        entry = tuned.pop(role.value, None)
        if entry is None:
            raise NeedsAttention(f"{role.value} is played by no tuned model", hint="leadd models shows who plays which role")
        await self._store.schedule.set(TUNED, tuned)
        self._inference.forget(role, plan_of(entry))
        await self._inference.look_again()
        return str(entry["model"])

    async def in_force(self) -> Mapping[str, Mapping[str, Any]]:
        """By role: model, was (the one before), and what the comparison said."""
        return await self._store.schedule.get(TUNED) or {}

    def _present(self, role: Role) -> tuple[RolePlan, Maker]:
        found = self._inference.planned(role)
        if found is None:
            raise NeedsAttention(f"no model is set for {role.value}", hint="leadd models shows who plays which role")
        plan, server = found
        if not isinstance(server, Maker):
            raise NeedsAttention(f"model server '{plan.use}' cannot make models", hint="Ollama can (models.servers)")
        return plan, server

    async def _free_name(self, maker: Maker, asked: str, base: str, role: Role) -> str:
        """A name that the server does not have for the new model. Raises NeedsAttention where it has the one asked for."""
        known = {full_name(model) for model in (await maker.health()).models}
        if asked and full_name(asked) in known:
            raise NeedsAttention(f"the server has a model '{asked}' already", hint="give another --name")
        wanted, number = asked or _name_of(base, role), 1
        while full_name(wanted) in known:
            number += 1
            wanted = f"{_name_of(base, role)}-{number}"
        return wanted

    async def _make(
        self, role: Role, plan: RolePlan, maker: Maker, named: tuple[str, str], chosen: Sequence[Message], tokens: int,
        adapter: Path | None, held: Sequence[TrainingExample],
    ) -> AsyncGenerator[Step, None]:  # fmt: skip
        name, base = named
        made = replace(plan, model=name, example_tokens=tokens, when="any", optional=False)
        try:
            async with aclosing(maker.make_model(name, base, chosen, {}, adapter)) as steps:
                async for said in steps:
                    yield Step("making", said, model=name)
        except OSError as error:
            raise NeedsAttention(f"the adapter cannot be read: {error}") from error
        won = False
        try:
            await self._inference.look_again()
            pairs: list[tuple[bool, bool]] = []
            habits: dict[tuple[str, str], float] = {}
            for number, example in enumerate(held):
                before = await self._is_right(role, plan, example, 0, habits)
                after = await self._is_right(role, made, example, tokens, habits)
                pairs.append((before, after))
                if (number + 1) % 10 == 0 or number + 1 == len(held):
                    yield Step("comparing", f"{number + 1} of {len(held)} compared", number + 1, len(held), name)
            compared = paired(pairs)
            won = compared.wins
            if won:
                await self._switch(role, plan, made, compared)
        finally:
            if not won:
                self._inference.forget(role, made)
                await maker.remove_model(name)
        yield Step("result", _verdict(plan.model, name, compared), model=name, switched=won, compared=compared)

    async def _switch(self, role: Role, plan: RolePlan, made: RolePlan, compared: Compared) -> None:
        tuned = dict(await self._store.schedule.get(TUNED) or {})
        earlier = tuned.get(role.value, {})
        was = earlier["was"] if earlier.get("model") == plan.model else plan.model
        tuned[role.value] = {
            "use": made.use, "model": made.model, "num_ctx": made.num_ctx, "temperature": made.temperature,
            "max_tokens": made.max_tokens, "example_tokens": made.example_tokens, "was": was,
            "since_ms": self._clock.now_ms(), "compared": compared.as_dict(),
        }  # fmt: skip
        await self._store.schedule.set(TUNED, tuned)
        if earlier:
            self._inference.forget(role, plan_of(earlier))
        self._inference.prefer(role, made)
        await self._inference.look_again()

    async def _choose(self, role: Role, examples: Sequence[TrainingExample], most: int) -> tuple[list[Message], int]:
        """Up to `most` examples as messages, good and bad in turn, as far as they fit; their tokens. Raises NeedsAttention."""
        per_token = self._inference.chars_per_token(role)
        good = [e for e in _by_worth(examples) if e.good]
        bad = [e for e in _by_worth(examples) if not e.good]
        if not good or not bad:
            missing = "accepted" if not good else "rejected"
            raise NeedsAttention(f"no {missing} one is among the verdicts to learn from", hint="give both: leadd review")
        chosen: list[Message] = []
        tokens = 0
        room = 0
        for example in [e for pair in zip(good, bad, strict=False) for e in pair][:most]:
            short = await asyncio.to_thread(self._show, role, example, EXAMPLE_CHARS, 0)
            question = short.messages[-1].content
            if not chosen:
                around = sum(latin_chars(m.content) for m in short.messages[:-1])
                limit = self._inference.token_budget(role)
                room = int(limit - (around + _ROOM_CHARS) / per_token) - _ANSWER_TOKENS - 4 * MESSAGE_TOKENS
            answer = example.messages[-1]["content"]
            cost = int((latin_chars(question) + latin_chars(answer)) / per_token) + 1 + 2 * MESSAGE_TOKENS
            if tokens + cost > room:
                break
            tokens += cost
            chosen += [Message("user", question), Message("assistant", answer)]
        if len(chosen) < 2 * LEAST_EXAMPLES:
            raise NeedsAttention(
                f"beside the prompt there is room for {max(0, room)} tokens, too little for {LEAST_EXAMPLES} examples",
                hint=f"a shorter ICP, a larger models.{role.value}.num_ctx or another model make room; or use --adapter",
            )
        return chosen, tokens

    def _show(self, role: Role, example: TrainingExample, chars: int, limit: int) -> Any:
        name, most = PROMPT_OF[role]
        clean = Mask.of(example.signal).apply
        signal = replace(example.signal, title=clean(example.signal.title), text=clean(example.signal.text))
        return questions.show(
            self._prompts, name, example.profile.icp, signal, ceiling_chars=min(chars, most),
            chars_per_token=self._inference.chars_per_token(role), limit_tokens=limit,
        ).rendered  # fmt: skip

    async def _is_right(
        self, role: Role, plan: RolePlan, example: TrainingExample, tokens: int, habits: dict[tuple[str, str], float]
    ) -> bool:
        """Whether a model judges a signal as the user did, shown as it would be in use. Raises ModelFailure."""
        name, most = PROMPT_OF[role]
        limit = max(1, self._inference.token_budget(role) - tokens)
        shown = await asyncio.to_thread(
            questions.show, self._prompts, name, example.profile.icp, example.signal, ceiling_chars=most,
            chars_per_token=self._inference.chars_per_token(role), limit_tokens=limit,
        )  # fmt: skip
        icp, signal = example.profile.icp, example.signal
        if role is Role.CLASSIFY:
            asked = questions.classify(icp, signal, shown.rendered, excerpt=shown.excerpt)
            answer = await self._inference.ask_with(plan, asked)
            return bool(answer.data.get("icp_match")) == example.good
        answer = await self._inference.ask_with(plan, triage.question(icp, signal, shown.rendered))
        habit = await self._habit(plan, example, habits)
        return (triage.odds_of(answer.data, habit) > 0) == example.good

    async def _habit(self, plan: RolePlan, example: TrainingExample, habits: dict[tuple[str, str], float]) -> float:
        """The log-odds that a model says yes to a text without content, as for every triage."""
        place = (plan.model, example.profile.content_hash)
        if place not in habits:
            shown = {"title": triage.CONTENT_FREE, "text": triage.CONTENT_FREE}
            rendered = self._prompts.render("triage", questions.variables_of(example.profile.icp), shown)
            asked: Question = triage.content_free_question(example.profile.icp, rendered)
            share = (await self._inference.ask_with(plan, asked)).data.get("probability")
            habits[place] = 0.0 if share is None else log_odds(float(share))
        return habits[place]


def plan_of(entry: Mapping[str, Any]) -> RolePlan:
    """The plan of a tuned model as it is kept."""
    return RolePlan(
        use=str(entry["use"]), model=str(entry["model"]), num_ctx=int(entry["num_ctx"]),
        temperature=float(entry["temperature"]), max_tokens=entry["max_tokens"], example_tokens=int(entry["example_tokens"]),
    )  # fmt: skip


def _name_of(base: str, role: Role) -> str:
    """A name under which the base's family is still seen: budgets depend on it."""
    bare = base.rpartition("/")[2]
    return f"leadd/{bare}{'-' if ':' in bare else ':'}{role.value}"


def _one_of_each(examples: Any) -> list[TrainingExample]:
    """The newest example of each company: several of one are no independent evidence."""
    found = {(e.profile.id, e.meta.get("company") or e.signal.content_hash): e for e in examples}
    return sorted(found.values(), key=lambda e: (int(e.meta["at_ms"]), e.signal.id))


def _by_worth(examples: Sequence[TrainingExample]) -> list[TrainingExample]:
    """The best first: what came of a lead says more than a first look, a person more than a program, the new more than the old;
    each text and each company once."""
    order = sorted(
        _one_of_each(examples),
        key=lambda e: (e.meta["verdict"] not in ("won", "lost"), e.meta["by"] != "user", -int(e.meta["at_ms"])),
    )
    return list({e.signal.content_hash: e for e in reversed(order)}.values())[::-1]


def _verdict(before: str, after: str, c: Compared) -> str:
    told = (
        f"{after} is right on {c.after:.0%}, {before} on {c.before:.0%} of {c.count} companies held back: "
        f"{100 * c.gain:+.1f} points (95%: {100 * c.low:+.1f} to {100 * c.high:+.1f})"
    )
    return f"{told}; it is taken" if c.wins else f"{told}; {before} stays, since better is not shown"
