"""What the words of an ICP stand for: by the shipped table, once by a model where there is one, and as the user left it.

A model adds; it takes nothing away. Its terms are bounded in number and weight, what the table or the ICP says already is left
out, and what it calls unwanted never speaks against a word that is wanted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from leadd.api import Icp, Method, Role, Signal
from leadd.api.folding import fold, significant_words
from leadd.api.stopwords import VAGUE_WORDS
from leadd.core.questions import PERSON_PRIORITY, question_of
from leadd.inference import Inference
from leadd.learn.words.expansion import By, Expansion, ExpansionInvalid, Term, Where, expand_icp
from leadd.prompting import PromptBook
from leadd.store import Store
from leadd.store.errors import NotFound
from leadd.store.expansions import ExpansionRow
from leadd.store.rows import IcpRow

PROMPT = "expansion"
MOST_TERMS = 36
MOST_WORDS = 5
SAID_CHARS = 1600

WEIGHTS: Mapping[str, tuple[tuple[Where, float], ...]] = {
    "titles": (("title", 0.7),),
    "tasks": (("text", 0.4),),
    "translations": (("title", 0.6), ("text", 0.4)),
    "unwanted": (("title", -0.7),),
}
"""Where the answers of a model count, and how much: less than the table's own words (1 in titles)."""

_NO_WORD = re.compile(r"[^\w\s&+#/.'’-]+|_+")


@dataclass(frozen=True, slots=True)
class InForce:
    """The expansion that counts for an ICP. `by` is the last who worked on it; `model` names the model, '' where none did.

    `is_stale` says that the user's edits were made for another wording of the ICP. `problem` says why what was kept cannot be
    read.
    """

    expansion: Expansion
    by: By = "table"
    model: str = ""
    is_stale: bool = False
    problem: str = ""

    @property
    def expansion_hash(self) -> str:
        """Another text whenever something else is found: what was proven of one expansion is not proven of another."""
        return self.expansion.content_hash()


def basis_of(icp: Icp) -> str:
    """Names the words of an ICP that are spelt out."""
    fields = (icp.hiring_keywords, icp.pain_keywords, icp.exclude_keywords)
    said = [icp.description, *(f"{field.use}:{','.join(field.values)}" for field in fields)]
    return hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()


def in_force(icp: Icp, row: ExpansionRow | None) -> InForce:
    """What counts now: the user's edits, else the table with the model's terms for this very wording, else the table."""
    plain = expand_icp(icp)
    if row is None:
        return InForce(plain)
    is_current = row.basis == basis_of(icp)
    try:
        if row.edited is not None:
            return InForce(Expansion.from_data(row.edited), "you", row.model, not is_current)
        terms = Expansion.from_data({"terms": list(row.terms)}).terms if is_current else ()
    except ExpansionInvalid as error:  # written by another version of leadd
        return InForce(plain, problem=f"what was kept cannot be read ({error}); the shipped table counts")
    if not is_current or not row.model:
        return InForce(plain)
    return InForce(replace(plain, terms=(*plain.terms, *terms)), "model", row.model)


class Expanding:
    """Spells ICPs out on request, and takes what the user makes of it. Whoever changes something loads the profiles again."""

    def __init__(self, store: Store, inference: Inference, prompts: PromptBook) -> None:
        self._store = store
        self._inference = inference
        self._prompts = prompts

    async def shown(self, icp_id: int) -> InForce:
        """What counts for an ICP now. Raises NotFound."""
        return in_force((await self._row(icp_id)).icp, await self._store.expansions.get(icp_id))

    async def expand(self, icp_id: int, *, again: bool = False) -> InForce:
        """Ask the language model, once for a wording; without one the table is all. The user's edits stay, except `again`.

        Raises NotFound, and ModelFailure where there is a model and it gave no answer: then nothing has changed.
        """
        icp = (await self._row(icp_id)).icp
        kept = await self._store.expansions.get(icp_id)
        if kept is not None and not again and (kept.edited is not None or kept.basis == basis_of(icp)):
            return in_force(icp, kept)
        if self.waits_for():
            if again:
                await self._store.expansions.clear(icp_id)
            return await self.shown(icp_id)
        model, terms = await self._ask(icp, again=again)
        entries = [{"words": t.words, "weight": t.weight, "where": t.where, "by": t.by} for t in terms]
        await self._store.expansions.put_terms(icp_id, basis_of(icp), model, entries)
        return await self.shown(icp_id)

    async def edit(self, icp_id: int, data: object) -> InForce:
        """Put the user's whole in place. Raises NotFound, and ExpansionInvalid, which names the entry."""
        icp = (await self._row(icp_id)).icp
        before = (await self.shown(icp_id)).expansion
        edited = _signed(Expansion.from_data(data), before)
        await self._store.expansions.put_edited(icp_id, basis_of(icp), edited.to_data())
        return await self.shown(icp_id)

    async def reset(self, icp_id: int) -> InForce:
        """Back to the shipped table: no edits, no terms of a model. Raises NotFound."""
        await self._row(icp_id)
        await self._store.expansions.clear(icp_id)
        return await self.shown(icp_id)

    def waits_for(self) -> str:
        """Why no language model can be asked now, in one sentence; empty where one can."""
        now = self._inference.availability(Role.CLASSIFY)
        if now.ok and now.method == Method.MODEL:
            return ""
        return now.reason or "there is no language model"

    async def _row(self, icp_id: int) -> IcpRow:
        row = await self._store.icps.get(icp_id)
        if row is None:
            raise NotFound(f"there is no ICP {icp_id}")
        return row

    async def _ask(self, icp: Icp, *, again: bool) -> tuple[str, tuple[Term, ...]]:
        said = _said(icp)
        # The seller's own words stand where a signal stands elsewhere: marks that would end a turn are taken out alike.
        subject = Signal(0, "icp", said, "", hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest(), 0)
        rendered = self._prompts.render(PROMPT, {}, {"text": said})
        question = question_of(Role.CLASSIFY, icp, subject, rendered, PERSON_PRIORITY, check_answer)
        answer = await self._inference.ask(replace(question, again=again))
        if answer.provenance.method != Method.MODEL:
            return "", ()
        return answer.provenance.model, terms_of_answer(answer.data, expand_icp(icp))


def check_answer(data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer with clean entries only: words, at most five, one of which tells something. Raises ValueError without any."""
    found = {key: list(dict.fromkeys(_clean_all(data.get(key)))) for key in WEIGHTS}
    if not any(found[key] for key in ("titles", "tasks", "translations")):
        raise ValueError("no entry is a word to search for")
    return found


def terms_of_answer(data: Mapping[str, Any], plain: Expansion) -> tuple[Term, ...]:
    """The terms that an answer adds to an expansion, at most `MOST_TERMS`, marked as the model's.

    Left out is what the expansion says already, for or against: the titles of other work stay what they are.
    """
    said = [term for name in plain.functions for term in plain.terms_of(name)] + list(plain.terms)
    wanted = {_bare(term.words) for term in said if term.weight > 0}
    unwanted = {_bare(term.words) for term in said if term.weight < 0}
    rivals = {_bare(t.words) for name in plain.rivals for t in plain.terms_of(name) if t.where == "title"}
    mine = {_bare(entry) for key in WEIGHTS if key != "unwanted" for entry in data.get(key, ())}
    found: dict[tuple[str, Where], Term] = {}
    for key, places in WEIGHTS.items():
        for entry in data.get(key, ()):
            bare = _bare(entry)
            if bare in unwanted or bare in wanted or bare in (mine if key == "unwanted" else rivals):
                continue
            for where, weight in places:
                found.setdefault((bare, where), Term(entry, weight, where, "model"))
    return tuple(found.values())[:MOST_TERMS]


def _clean_all(entries: Any) -> Iterator[str]:
    for entry in entries if isinstance(entries, list) else ():
        words = " ".join(_NO_WORD.sub(" ", str(entry)).split()).strip(" .-/'’").lower()
        telling = [word for word in significant_words(words) if word not in VAGUE_WORDS and len(word) > 2]
        if telling and len(words) <= 40 and len(words.split()) <= MOST_WORDS:
            yield words


def _bare(words: str) -> str:
    return " ".join(fold(words).replace("*", "").split())


def _said(icp: Icp) -> str:
    """The ICP in the seller's words, with the words of its fields."""
    lines = [icp.description[:SAID_CHARS]]
    for label, field in (
        ("They hire", icp.hiring_keywords),
        ("It hurts them", icp.pain_keywords),
        ("Industries", icp.industries),
        ("Never", icp.exclude_keywords),
    ):
        if field.values:
            lines.append(f"{label}: {', '.join(field.values[:12])[:300]}")
    return "\n".join(lines)


def _signed(edited: Expansion, before: Expansion) -> Expansion:
    """The same with the user's name at every term that is new or has another weight or place."""
    known = {term: term for name in before.functions for term in before.terms_of(name)}
    known |= {term: term for term in before.terms}

    def sign(term: Term) -> Term:
        return known.get(term) or replace(term, by="you")

    own = {name: tuple(sign(term) for term in edited.terms_of(name)) for name in edited.functions}
    return replace(edited, own=own, terms=tuple(sign(term) for term in edited.terms))
