"""Examples for teaching a model, out of the user's verdicts: a question as it would be put today, and the answer that the
verdict says is right. Split by company, so that what is held back is about companies that nobody learns from."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from leadd.api import Role, Signal
from leadd.core import questions
from leadd.core.companies import company_of
from leadd.core.early import enough_below
from leadd.core.excerpts import Excerpt
from leadd.core.forms import LONG_NAMES, asks_for_numbers
from leadd.core.profiles import Profile, profile_of
from leadd.core.scales import GOOD
from leadd.core.training.masking import Mask
from leadd.core.triage import NO, YES
from leadd.inference import Inference
from leadd.prompting import PromptBook
from leadd.store import Store
from leadd.store.rows import SignalRow
from leadd.store.verdicts import VerdictKept

HELD_SHARE = 0.25
"""The share of companies that is held back for comparing."""
TRAIN, HELD = "train", "held"
PROMPT_OF = {Role.TRIAGE: ("triage", questions.TRIAGE_CHARS), Role.CLASSIFY: ("classification", questions.CLASSIFY_CHARS)}


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One question with its right answer. `weak` ones come from a model that looked at a sample of what was dropped, not from
    the user. `signal` and `profile` are what it is about, as they are now."""

    messages: tuple[Mapping[str, str], ...]
    role: Role
    good: bool
    split: str
    weak: bool
    signal: SignalRow
    profile: Profile
    meta: Mapping[str, Any]

    def as_line(self) -> dict[str, Any]:
        """The example as a line of chat JSONL."""
        return {"messages": [dict(message) for message in self.messages], "meta": dict(self.meta)}


class Training:
    """Makes examples of verdicts."""

    def __init__(self, store: Store, prompts: PromptBook, inference: Inference) -> None:
        self._store = store
        self._prompts = prompts
        self._inference = inference

    async def examples(
        self, *, icp: str | None = None, with_contacts: bool = False, roles: tuple[Role, ...] = (Role.TRIAGE, Role.CLASSIFY)
    ) -> AsyncGenerator[TrainingExample, None]:
        """For each verdict that counts, an example for each role that it tells something of; then the weak ones.

        Of a lead that was accepted the classification is the model's own, as far as it called it a match; of one that was
        rejected only that it is none. `with_contacts` leaves e-mail addresses, phone numbers, links and names in the texts.
        """
        profiles = {row.id: profile_of(row) for row in await self._store.icps.list() if icp in (None, row.icp.name)}
        told: set[tuple[int, int]] = set()
        for verdict in await self._store.verdicts.counting():
            profile = profiles.get(verdict.icp_id or 0)
            signal = await self._store.signals.get(verdict.signal_id or 0)
            if profile is None or signal is None:
                continue
            told.add((signal.id, profile.id))
            for role in roles:
                example = await self._example(role, verdict, signal, profile, with_contacts)
                if example is not None:
                    yield example
        if Role.TRIAGE in roles:
            async for example in self._weak(profiles, told, with_contacts):
                yield example

    async def _weak(
        self, profiles: Mapping[int, Profile], told: set[tuple[int, int]], with_contacts: bool
    ) -> AsyncIterator[TrainingExample]:
        for row in await self._store.judgements.audits():
            profile = profiles.get(row.icp_id or 0)
            signal = await self._store.signals.get(row.signal_id)
            if profile is None or signal is None or (signal.id, profile.id) in told:
                continue
            told.add((signal.id, profile.id))
            good = row.decision in {"miss", "match", YES}
            about = {"verdict": "", "by": "model", "model": row.model, "at_ms": row.created_at_ms}
            yield await self._made(Role.TRIAGE, signal, profile, good, YES if good else NO, about, True, with_contacts)

    async def _example(
        self, role: Role, verdict: VerdictKept, signal: SignalRow, profile: Profile, with_contacts: bool
    ) -> TrainingExample | None:
        good = verdict.verdict in GOOD
        about = {"verdict": verdict.verdict, "by": verdict.by, "lead_id": verdict.lead_id, "at_ms": verdict.created_at_ms}
        if role is Role.TRIAGE:
            return await self._made(role, signal, profile, good, YES if good else NO, about, False, with_contacts)
        said = await self._store.judgements.last_answer(signal.id, profile.id, "classify")
        if said is None or said.answer is None or (good and not said.answer.get("icp_match")):
            return None  # nobody has said what the right form would be
        return await self._made(role, signal, profile, good, said.answer, {**about, "model": said.model}, False, with_contacts)

    async def _made(
        self, role: Role, signal: SignalRow, profile: Profile, good: bool, answer: str | Mapping[str, Any],
        about: Mapping[str, Any], weak: bool, with_contacts: bool,
    ) -> TrainingExample:  # fmt: skip
        name, most = PROMPT_OF[role]
        shown_signal, clean = signal, _same
        if not with_contacts:
            clean = Mask.of(signal).apply
            shown_signal = replace(signal, title=clean(signal.title), text=clean(signal.text))
        shown = await asyncio.to_thread(
            questions.show, self._prompts, name, profile.icp, shown_signal, ceiling_chars=most,
            chars_per_token=self._inference.chars_per_token(role), limit_tokens=self._inference.token_budget(role),
        )  # fmt: skip
        rendered = shown.rendered
        if isinstance(answer, str):
            written = answer if rendered.labels else json.dumps({"worth": good})
        else:
            said = {key: _cleaned(value, clean) for key, value in answer.items()}
            written = written_form(said, rendered.schema or {}, good, shown_signal, shown.excerpt)
        contents = [*((message.role, message.content) for message in rendered.messages), ("assistant", written)]
        company, split = await self.side_of(signal)
        meta = {
            "signal_id": signal.id, "company": company, "icp": profile.icp.name, "role": role.value, **about,
            "weak": weak, "split": split,
            "prompt": f"{rendered.name}@{rendered.version}", "prompt_hash": rendered.content_hash,
            "icp_hash": profile.content_hash, "contacts": with_contacts,
        }  # fmt: skip
        messages = tuple({"role": who, "content": text} for who, text in contents)
        return TrainingExample(messages, role, good, split, weak, signal, profile, meta)

    async def side_of(self, signal: SignalRow) -> tuple[str, str]:
        """The company as a number, and its side: the same for all its signals for ever; where none is named, of one text."""
        # What was dropped has no company row; both are named in the same way, so that a company never stands on both sides.
        row = await self._store.companies.get(signal.company_id) if signal.company_id is not None else None
        company = row or company_of(signal, signal.contacts)
        key = (company.name_key or company.domain) if company is not None else None
        key = key or signal.content_hash
        return hashlib.sha256(f"leadd company {key}".encode("utf-8", "replace")).hexdigest()[:12], split_of(key)


def split_of(key: str) -> str:
    """Which side of the split a company is on."""
    share = int.from_bytes(hashlib.sha256(f"leadd split {key}".encode("utf-8", "replace")).digest()[:8], "big") / 2**64
    return HELD if share < HELD_SHARE else TRAIN


def written_form(answer: Mapping[str, Any], schema: Mapping[str, Any], good: bool, signal: Signal, excerpt: Excerpt) -> str:
    """A journaled classification as the prompt wants it written: its keys, its order, quotes as numbers of sentences.

    Where the verdict says that it is none, only what leads to that is kept; the rest says nothing, as in an answer that ended.
    """
    wanted: Mapping[str, Any] = schema.get("properties", {})
    known = dict(answer)
    if asks_for_numbers(schema):
        known[LONG_NAMES["quotes"]] = _numbers(known.get(LONG_NAMES["quotes"], ()), signal.text, excerpt)
    written = {key: known[name] for key in wanted if (name := LONG_NAMES.get(key, key)) in known}
    if not good:
        kept = {key: value for key, value in written.items() if LONG_NAMES.get(key, key) == LONG_NAMES["role"]}
        denied = {key: False for key in wanted if LONG_NAMES.get(key, key) == "icp_match"}
        written = dict(enough_below(101, schema)({**kept, **denied}) or {**written, **denied})
    return json.dumps(written, ensure_ascii=False)


def _numbers(quotes: Any, text: str, excerpt: Excerpt) -> list[int]:
    """The numbers of the sentences that hold these quotes; what is not shown has none."""
    found = []
    for quote in quotes if isinstance(quotes, list | tuple) else ():
        at = text.find(str(quote).strip('…."“” '))
        number = next((n for n, (start, end) in enumerate(excerpt.sentences, 1) if start <= at < end), None)
        if at >= 0 and number is not None and number not in found:
            found.append(number)
    return found[:3]


def _same(text: str) -> str:
    return text


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    return [_cleaned(one, clean) for one in value] if isinstance(value, list | tuple) else value
