"""What the words of an ICP stand for: asked of a model once, bounded, edited by the user, and named by a hash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from core_parts import ICP, Home

from leadd.api import Failure, IcpField, ModelFailure, ModelRequest
from leadd.core.engine import Core
from leadd.core.expansions import MOST_TERMS, basis_of, check_answer, in_force, terms_of_answer
from leadd.core.profiles import Profile
from leadd.learn.words.expansion import ExpansionInvalid, Term, expand, expand_icp
from leadd.store.errors import NotFound
from leadd.store.expansions import ExpansionRow

SAID = {
    "titles": ["Growth Hacker", "marketing manager", "town crier!", "the company"],
    "tasks": ["market stall campaigns", "a b c d e f g radio"],
    "translations": ["Marktschreier"],
    "unwanted": ["Town Crier", "Pyramid sellers", "marketing"],
}


def asked(core: Core) -> Profile:
    return core.profiles.current[0]


def answers(home: Home, data: dict[str, Any]) -> list[str]:
    """Let the model answer the question for an expansion so; what it was asked."""
    seen: list[str] = []

    def fail(request: ModelRequest) -> str | None:
        if request.subject is not None and request.subject.signal.source == "icp":
            seen.append(request.messages[-1].content)
            return json.dumps(data)
        return None

    home.model.fail = fail
    return seen


async def test_a_model_is_asked_once_and_its_terms_are_marked(home: Home) -> None:
    seen = answers(home, SAID)
    async with home.core() as core:
        before = asked(core)
        assert before.expansion == expand_icp(ICP)
        found = await core.expanding.expand(before.id)
        assert (found.by, found.model) == ("model", "small:1b")
        added = {(t.words, t.where): t.weight for t in found.expansion.terms if t.by == "model"}
        assert ("growth hacker", "title") not in added, "the table knows it"
        assert added["town crier", "title"] == 0.7
        assert added["marktschreier", "title"] == 0.6
        assert added["market stall campaigns", "text"] == 0.4
        assert added["pyramid sellers", "title"] == -0.7
        assert not [words for words, _ in added if words in ("the company", "marketing", "marketing manager")]
        assert "first marketing person" in seen[0]
        await core.icps_changed()
        after = asked(core)
        assert after.expansion == found.expansion
        assert after.expansion_hash == found.expansion_hash != before.expansion_hash
        await core.expanding.expand(before.id)
        assert len(seen) == 1, "once for a wording"
    async with home.core() as core:
        assert asked(core).expansion_hash == after.expansion_hash, "and it is there after a start"
        changed = ICP.model_copy(update={"description": "Small companies that look for a bookkeeper."})
        await core.store.icps.replace(after.id, changed)
        await core.icps_changed()
        assert asked(core).expansion == expand_icp(changed), "another wording: what was said of the old one counts no more"
        await core.expanding.expand(after.id)
        assert len(seen) == 2


async def test_edits_stay_until_they_are_dropped(home: Home) -> None:
    seen = answers(home, SAID)
    async with home.core() as core:
        profile = asked(core)
        data = profile.expansion.to_data()
        data["terms"].append("brand voice")
        found = await core.expanding.edit(profile.id, data)
        assert found.by == "you"
        assert [t.words for t in found.expansion.terms if t.by == "you"] == ["brand voice"]
        assert (await core.expanding.expand(profile.id)).by == "you"
        assert seen == []
        for wrong in ({"terms": [{"words": "a", "weight": 9}]}, {"rivals": ["alchemy"]}, {"terms": [{"word": "a"}]}):
            with pytest.raises(ExpansionInvalid):
                await core.expanding.edit(profile.id, wrong)
        assert await core.expanding.shown(profile.id) == found
        await core.store.icps.replace(profile.id, ICP.model_copy(update={"pain_keywords": IcpField(values=("alone",))}))
        stale = await core.expanding.shown(profile.id)
        assert (stale.by, stale.is_stale) == ("you", True)
        again = await core.expanding.expand(profile.id, again=True)
        assert (again.by, again.is_stale, len(seen)) == ("model", False, 1)
        assert (await core.expanding.reset(profile.id)).by == "table"
        with pytest.raises(NotFound):
            await core.expanding.expand(999)


async def test_without_an_answer_the_table_counts(home: Home) -> None:
    home.model.fail = lambda request: ModelFailure(Failure.REFUSED, "no")
    async with home.core() as core:
        profile = asked(core)
        with pytest.raises(ModelFailure):
            await core.expanding.expand(profile.id)
        assert (await core.expanding.shown(profile.id)).by == "table"
    home.model.reachable = False
    async with home.core() as core:
        assert core.expanding.waits_for()
        found = await core.expanding.expand(profile.id, again=True)
        assert found.expansion == expand_icp(ICP)


def test_what_a_model_says_is_bounded() -> None:
    many = [f"word{n} alpha" for n in range(30)]
    data = check_answer({"titles": many, "tasks": many[:10], "translations": many[10:], "unwanted": []})
    assert check_answer(data) == data, "an answer from the cache passes too"
    terms = terms_of_answer(data, expand("companies hiring a marketer"))
    assert len(terms) == MOST_TERMS
    assert all(-1 < t.weight < 1 and t.by == "model" for t in terms)
    with pytest.raises(ValueError, match="no entry"):
        check_answer({"titles": ["the", "!!", "a"], "tasks": [], "translations": [], "unwanted": ["agency"]})


def test_a_model_cannot_bring_back_what_is_not_wanted() -> None:
    plain = expand("Companies hiring a marketer, not agencies")
    assert Term("agenc*", -1.5, "title") in plain.terms
    data = {"titles": ["agenc", "software engineer"], "tasks": ["radio"], "translations": [], "unwanted": ["radio"]}
    assert [(t.words, t.weight) for t in terms_of_answer(data, plain)] == [("radio", 0.4)]


def test_kept_rows_of_another_version_do_no_harm() -> None:
    row = ExpansionRow(1, basis_of(ICP), "m", (), {"rivals": ["alchemy"]}, 0)
    found = in_force(ICP, row)
    assert found.expansion == expand_icp(ICP)
    assert "alchemy" in found.problem


def test_the_hash_names_what_is_found_and_not_who_said_it() -> None:
    one = expand("companies hiring a marketer", more=[Term("radio", 0.4)])
    assert one.content_hash() == expand("companies hiring a marketer", more=[Term("radio", 0.4, by="model")]).content_hash()
    assert one.content_hash() != expand("companies hiring a marketer", more=[Term("radio", 0.5)]).content_hash()
