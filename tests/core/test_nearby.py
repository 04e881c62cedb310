"""Near duplicates through a real core: compared with the model in silence, used once that is certified, and still checked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_parts import AD, ICP, Home, settled

from leadd.api import Bucket, Icp, Method, ModelRequest, Role, SignalDraft
from leadd.core.engine import Core
from leadd.core.outcomes import Outcome
from leadd.core.prefilter import CompiledIcp
from leadd.core.profiles import Profile
from leadd.core.reuse.earlier import ReuseFigures
from leadd.core.reuse.nearby import decision, is_wrong
from leadd.prompting import packaged_folder
from leadd.store.reuse_rows import ReuseCounts

PROFILE = Profile(1, ICP, CompiledIcp.of(ICP), "h", 0)
EASY = {"near": {"max_wrong": 0.3, "confidence": 0.8, "check_share": 0.25}}
"""A bound that a handful of checks can prove."""


FIRMS = [
    f"{a}{b}"
    for a in ("Nord", "Sued", "West", "Ost", "Hoch", "Alt", "Neu")
    for b in ("werk", "haus", "bau", "hof", "tal", "feld", "see", "au")
]
"""Evidence counts each opening once, so it takes many of them."""


def about(company: str) -> str:
    own = f"{company} builds parts for bicycles and sells them to workshops, {company} grows with what its customers ask for."
    return f"{AD} {own}"


def original(company: str = "Acme") -> SignalDraft:
    return SignalDraft(text=about(company), title="First marketer", company=company, external_id=f"original of {company}")


def repost(number: int, company: str = "Acme") -> SignalDraft:
    """The same opening in another typography; never the same bytes twice."""
    text = about(company).replace(". ", "." + "\n" * (1 + number % 2), 1) + f"\n\n#LI-AB{number}"
    return SignalDraft(
        text=text, title="First Marketer", company=f"{company} GmbH", external_id=f"repost {number} of {company}"
    )


async def one_by_one(home: Home, core: Core, drafts: list[SignalDraft], done: int) -> int:
    """Take in one after the other, each after the end of the one before; how many are done then."""
    for draft in drafts:
        await core.ingest([draft])
        done += 1
        await settled(core, done)
    return done


async def learnt(home: Home, core: Core, count: int = 11) -> int:
    """So many openings that came twice, which is evidence enough; how many signals are done then."""
    firms = FIRMS[:count]
    return await one_by_one(home, core, [*map(original, firms), *(repost(1, firm) for firm in firms)], 0)


async def figures(core: Core) -> ReuseFigures:
    (found,) = await core.reuse_figures()
    return found


def asked(home: Home) -> int:
    """Questions about a signal; dossiers come later, and a text without content is asked about to know the model's habit."""
    return sum(role is not Role.DOSSIER and "team of" in text for role, text in home.model.calls)


def whole(home: Home) -> int:
    """Questions for the whole structure; triage may be settled without one once leadd has seen enough."""
    return sum(role is Role.CLASSIFY for role, _ in home.model.calls)


async def test_a_stream_of_reposts_earns_its_certificate_and_a_changed_prompt_ends_it(home: Home) -> None:
    home.change(cache=EASY)
    async with home.core() as core:
        done = await one_by_one(home, core, [original(FIRMS[0])], 0)
        assert (await figures(core)).state == "learning"
        assert whole(home) == 1
        done = await one_by_one(home, core, [original(firm) for firm in FIRMS[1:]], done)
        number = 0
        while (await figures(core)).state == "learning":
            before = whole(home)
            done = await one_by_one(home, core, [repost(1, FIRMS[number])], done)
            assert whole(home) == before + 1, "in silence: asked as if nothing were known"
            number += 1
        learnt = await figures(core)
        assert (learnt.state, learnt.checked, learnt.wrong, learnt.saved.near) == ("certified", number, 0, 0)
        assert 0 < learnt.upper < learnt.limit
        before = whole(home)
        done = await one_by_one(home, core, [repost(1, firm) for firm in FIRMS[number : number + 30]], done)
        later = await figures(core)
        assert later.state == "certified"
        assert later.saved.near + (later.checked - learnt.checked) == 30
        assert 15 <= later.saved.near < 30, "a share is still checked"
        assert whole(home) - before == later.checked - learnt.checked
        assert later.saved.near_calls >= later.saved.near
        assert later.saved.near_tokens > 100 * later.saved.near
        last = (await core.store.signals.list(limit=1)).items[0].id
        # other words in the ICP: the evidence spoke of another question
        (row,) = await core.store.icps.list()
        await core.store.icps.replace(
            row.id, Icp(**{**row.icp.model_dump(), "description": row.icp.description + " Or nearly so."})
        )
        await core.icps_changed()
        assert (await figures(core)).state == "learning"
        before = whole(home)
        await one_by_one(home, core, [repost(99, FIRMS[0])], done)
        assert whole(home) == before + 1
        assert (await figures(core)).checked == 0, "what was answered before the change is no candidate any more"
        assert last > 0


async def test_an_opening_that_comes_back_again_and_again_is_evidence_once(home: Home) -> None:
    home.change(cache=EASY)
    async with home.core() as core:
        await one_by_one(home, core, [original(), *(repost(n) for n in range(1, 16))], 0)
        now = await figures(core)
    assert (now.state, now.checked) == ("learning", 1)


async def test_what_is_taken_over_names_its_origin_and_is_the_same_outcome(home: Home) -> None:
    home.change(cache={"near": {**EASY["near"], "check_share": 1e-9}})
    async with home.core() as core:
        done = await learnt(home, core)
        assert (await figures(core)).state == "certified"
        calls = asked(home)
        await one_by_one(home, core, [repost(50, FIRMS[0])], done)
        assert asked(home) == calls
        rows = (await core.store.signals.list()).items
        newest, oldest = rows[0], rows[-1]
        assert newest.outcome == oldest.outcome == "red_hot"
        journal = await core.store.judgements.for_signal(newest.id)
        assert [(r.stage, r.cache) for r in journal] == [
            ("prefilter", ""),
            ("triage", "near"),
            ("classify", "near"),
            ("score", ""),
        ]
        assert "says nearly the same as signal" in journal[-1].reasons[0]
        origin = int(journal[-1].reasons[0].rsplit(" ", 1)[1])
        assert all(r.cache == "miss" for r in await core.store.judgements.for_signal(origin) if r.stage == "classify")
        # an exact twin of what was taken over is not passed on as if a model had said it
        await one_by_one(home, core, [replace(repost(50, FIRMS[0]), external_id="again")], done + 1)
        again = (await core.store.signals.list(limit=1)).items[0]
        assert {r.cache for r in await core.store.judgements.for_signal(again.id) if r.stage in ("triage", "classify")} == {
            "near"
        }


async def test_reuse_that_goes_wrong_suspends_itself(home: Home) -> None:
    home.change(cache={"near": {**EASY["near"], "check_share": 1.0}})
    async with home.core() as core:
        done = await learnt(home, core)
        assert (await figures(core)).state == "certified"
        answer = home.model.answer

        def fickle(request: ModelRequest) -> dict[str, object] | str:
            found = answer(request)
            assert request.subject is not None
            is_odd = request.subject.signal.text[-1] in "13579"
            return {**found, "match": False, "fit": 0, "pain": 0} if isinstance(found, dict) and is_odd else found

        home.model.answer = fickle
        await one_by_one(home, core, [repost(n, firm) for n, firm in enumerate(FIRMS[:8], 40)], done)
        now = await figures(core)
    assert (now.state, now.wrong > 0) == ("suspended", True)
    assert now.upper > now.limit
    assert now.saved.near == 0


async def test_what_differs_in_a_thing_that_matters_is_no_evidence_and_no_reuse(home: Home) -> None:
    home.change(cache={"near": {**EASY["near"], "check_share": 1e-9}})
    async with home.core() as core:
        done = await learnt(home, core)
        before = await figures(core)
        others = [
            replace(repost(60, FIRMS[0]), text=repost(60, FIRMS[0]).text.replace("seven", "eight")),
            replace(repost(61, FIRMS[0]), title="Second marketer"),
            replace(repost(62, FIRMS[0]), company="Gamma GmbH"),
            replace(repost(63, FIRMS[0]), location="Berlin"),
            replace(repost(64, FIRMS[0]), text=repost(64, FIRMS[0]).text.replace("overloaded", "not overloaded")),
        ]
        calls = asked(home)
        await one_by_one(home, core, others, done)
        now = await figures(core)
    assert (now.checked, now.saved) == (before.checked, before.saved)
    assert asked(home) >= calls + len(others)
    assert {d.text for d in others} <= {text for _, text in home.model.calls}


async def test_another_model_begins_anew_and_evidence_survives_a_restart(home: Home) -> None:
    home.change(cache=EASY)
    async with home.core() as core:
        await learnt(home, core)
        before = await figures(core)
        assert before.state == "certified"
    async with home.core() as core:
        await until_known(core)
        assert await figures(core) == before
    home.model.digest_now = "sha-2"
    async with home.core() as core:
        await until_known(core)
        other = await figures(core)
    assert (other.state, other.checked) == ("learning", 0)


async def test_a_changed_prompt_switches_reuse_off(home: Home) -> None:
    home.change(cache={"near": {**EASY["near"], "check_share": 1e-9}})
    mine = home.folder / "prompts"
    mine.mkdir()
    home.prompt_folders = [mine]
    async with home.core() as core:
        done = await learnt(home, core)
        before = await figures(core)
        assert before.state == "certified"
        shipped = (packaged_folder() / "triage.yaml").read_text(encoding="utf-8")
        (mine / "triage.yaml").write_text(shipped.replace("Should a seller", "Ought a seller"), encoding="utf-8")
        assert core.prompts.load().applied
        calls = asked(home)
        done = await one_by_one(home, core, [repost(70, FIRMS[0])], done)
        now = await figures(core)
        assert (now.state, now.checked, now.saved) == ("learning", 0, before.saved)
        assert asked(home) > calls
        await one_by_one(home, core, [repost(71, FIRMS[0])], done)
        assert (await figures(core)).checked == 1, "what the new prompt was asked is a candidate again"


async def until_known(core: Core) -> None:
    await core.inference.wait_available(Role.TRIAGE, Method.MODEL)
    await core.inference.wait_available(Role.CLASSIFY, Method.MODEL)


@pytest.mark.parametrize("cache", [{"near": {"enabled": False}}, {"enabled": False}])
async def test_switched_off_nothing_is_kept_and_nothing_taken(home: Home, cache: dict[str, object]) -> None:
    home.change(cache=cache)
    async with home.core() as core:
        await one_by_one(home, core, [original(), *(repost(n) for n in range(1, 4))], 0)
        now = await figures(core)
        assert (now.state, now.checked, now.saved) == ("off", 0, ReuseCounts())
        (triage,) = {r.cache for r in await core.store.judgements.for_signal(2) if r.stage == "triage"}
    assert triage != "near"


async def test_a_repost_in_the_batch_of_its_original_is_found_too(home: Home) -> None:
    home.change(cache=EASY, pipeline={"in_flight": 1})
    async with home.core() as core:
        await core.ingest([original(), original("Beta"), repost(1), repost(2), repost(3, "Beta")])
        await settled(core, 5)
        assert (await figures(core)).checked == 2


async def test_each_icp_has_evidence_of_its_own(home: Home) -> None:
    home.change(cache=EASY)
    async with home.core() as core:
        done = await one_by_one(home, core, [original(), original("Beta"), repost(1)], 0)
        await core.store.icps.add(
            Icp(**{**ICP.model_dump(), "name": "other", "description": "Whoever hires a first marketer."})
        )
        await core.icps_changed()
        done = await one_by_one(home, core, [repost(2, "Beta")], done)
        assert [(f.icp, f.checked) for f in await core.reuse_figures()] == [("marketing", 2), ("other", 0)]
        await one_by_one(home, core, [repost(3, "Beta")], done)
        assert [(f.icp, f.checked) for f in await core.reuse_figures()] == [("marketing", 2), ("other", 1)]


async def test_exact_twins_are_counted_as_what_they_saved(home: Home) -> None:
    async with home.core() as core:
        done = await one_by_one(home, core, [original()], 0)
        calls = asked(home)
        await one_by_one(home, core, [replace(original(), external_id=f"again {n}") for n in range(3)], done)
        now = await figures(core)
    assert asked(home) == calls
    assert (now.saved.twins, now.saved.twin_calls) == (3, 3 * calls)
    assert now.saved.twin_tokens > 0
    assert now.checked == 0


def outcome(bucket: Bucket, match: bool | None) -> Outcome:
    classification = None if match is None else {"icp_match": match}
    return Outcome(PROFILE, bucket, 0, (), "model", classification, (), False)


@pytest.mark.parametrize(
    ("one", "other", "wrong"),
    [
        ((Bucket.WARM, True), (Bucket.WARM, True), False),
        ((Bucket.WARM, True), (Bucket.RED_HOT, True), False),
        ((Bucket.NURTURE, True), (Bucket.RED_HOT, True), True),
        ((Bucket.NURTURE, True), (Bucket.NURTURE, False), True),
        ((Bucket.FILTERED, None), (Bucket.FILTERED, None), False),
        ((Bucket.FILTERED, None), (Bucket.PARKED, False), True),
    ],
)
def test_wrong_is_another_decision(one: tuple[Bucket, bool | None], other: tuple[Bucket, bool | None], wrong: bool) -> None:
    assert is_wrong(outcome(*one), outcome(*other)) is wrong
    assert is_wrong(outcome(*other), outcome(*one)) is wrong
    assert decision(outcome(Bucket.WARM, True)) == "match/warm"
    assert decision(outcome(Bucket.FILTERED, None)) == "filtered"


async def test_an_opening_that_was_found_wrong_is_never_taken_again(home: Home) -> None:
    home.change(cache={"near": {"max_wrong": 0.45, "confidence": 0.8, "check_share": 1.0}})
    answer = home.model.answer

    def fickle(request: ModelRequest) -> dict[str, object] | str:
        found = answer(request)
        assert request.subject is not None
        is_odd = request.subject.signal.text.endswith("13")
        return {**found, "match": False, "fit": 0, "pain": 0} if isinstance(found, dict) and is_odd else found

    async with home.core() as core:
        done = await learnt(home, core, 20)
        home.model.answer = fickle
        done = await one_by_one(home, core, [repost(13, FIRMS[0])], done)
        now = await figures(core)
        assert (now.state, now.wrong) == ("certified", 1)
    home.change(cache={"near": {"max_wrong": 0.45, "confidence": 0.8, "check_share": 1e-9}})
    async with home.core() as core:
        await until_known(core)
        calls = asked(home)
        done = await one_by_one(home, core, [repost(50, FIRMS[0])], done)
        assert (await figures(core)).saved.near == 0
        assert asked(home) > calls
        await one_by_one(home, core, [repost(50, FIRMS[1])], done)
        assert (await figures(core)).saved.near == 1, "the others are taken as before"


@pytest.mark.parametrize("asked_with", [{"temperature": 0.7}, {"num_ctx": 8192}, {"max_tokens": 99}, {"quantization": "q4"}])
async def test_other_settings_of_a_model_begin_anew(home: Home, asked_with: dict[str, object]) -> None:
    home.change(cache=EASY)
    async with home.core() as core:
        done = await one_by_one(home, core, [original(), repost(1)], 0)
        assert (await figures(core)).checked == 1
        before = whole(home)
        done = await one_by_one(home, core, [replace(original(), external_id="again")], done)
        assert whole(home) == before
    home.asked_with = asked_with
    async with home.core() as core:
        await until_known(core)
        assert (await figures(core)).checked == 0
        done = await one_by_one(home, core, [replace(original(), external_id="once more")], done)
        assert whole(home) == before + 1, "an exact repeat is asked about as well: the key is another one"
        done = await one_by_one(home, core, [replace(original(), external_id="and again")], done)
        assert whole(home) == before + 1


@pytest.mark.parametrize("change", ["gate", "similarity"])
async def test_evidence_holds_for_one_gate(home: Home, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    home.change(cache=EASY)
    async with home.core() as core:
        await one_by_one(home, core, [original(), repost(1)], 0)
        assert (await figures(core)).checked == 1
    if change == "gate":
        monkeypatch.setattr("leadd.core.reuse.nearby.GATE_VERSION", "another")
    else:
        home.change(cache={"near": {**EASY["near"], "min_similarity": 0.93}})
    async with home.core() as core:
        await until_known(core)
        assert (await figures(core)).checked == 0
