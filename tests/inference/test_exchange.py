"""Entries on their way out and in, what the cache says of a question, how long things live, and vectors that are kept."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from inference_parts import PLANS, HandClock, Scripted, Shelf, question, settle, vectors

from leadd.api import CacheEntry, Failure, ModelFailure, Role
from leadd.inference.cache import kept_vectors
from leadd.inference.cache.keys import PARTS
from leadd.inference.cache.likeness import MEANS


class Listed(Shelf):
    """A shelf that can tell what it has."""

    async def scan(self, prefix: str = ""):
        for key, value in list(self.values.items()):
            if key.startswith(prefix):
                yield CacheEntry(key, value, self.ttls[key])


def test_every_part_of_a_key_has_its_words():
    assert set(MEANS) == set(PARTS)


async def exported(r):
    return [row async for row in r.inference.cache_export()]


async def test_what_one_exports_another_takes_in_and_asks_nobody(rig):
    first, second = rig(caches=[Listed()]), rig(caches=[Listed()])
    for number in range(3):
        await first.inference.ask(question(f"text {number}"))
    await first.inference.embed(["one", "two"])
    await settle()
    rows = await exported(first)
    assert len(rows) == 5
    for row in json.loads(json.dumps(rows)):
        await second.inference.cache_import(row)
    for number in range(3):
        assert (await second.inference.ask(question(f"text {number}"))).provenance.cache == "hit"
    assert np.array_equal(await second.inference.embed(["two", "one"]), vectors(["two", "one"]))
    assert second.model.requests == []


async def test_an_export_has_no_notes_and_no_entry_lives_longer_for_being_moved(rig):
    r = rig(caches=[Listed()], numbers={"cache_ttl_s": 100.0})
    key = (await r.inference.ask(question())).provenance.key
    r.caches[0].values["note.x"], r.caches[0].ttls["note.x"] = b"{}", 1.0
    (row,) = await exported(r)
    await r.inference.cache_import(row | {"left_s": 40})
    assert r.caches[0].ttls[key] == 40
    await r.inference.cache_import(row | {"left_s": None})
    assert r.caches[0].ttls[key] == 100.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": None}, "field 'key'"),
        ({"left_s": "soon"}, "field 'left_s'"),
        ({"left_s": True}, "field 'left_s'"),
        ({"left_s": 0}, "field 'left_s': 0 is no time that is left"),
        ({"left_s": -1.5}, "field 'left_s': -1.5"),
        ({"left_s": float("nan")}, "field 'left_s': nan"),
        ({"left_s": float("inf")}, "field 'left_s': inf"),
        ({"key": "note.model.triage.x"}, "field 'key'"),
        ({"value": None}, "field 'value' or 'base64'"),
        ({"value": None, "base64": "?"}, "field 'base64'"),
        ({"value": "{}"}, "its format is None"),
        ({"value": "no json"}, "no JSON object"),
        *(({"value": value}, "no JSON object") for value in ("[]", "7", '"text"', "null", "true")),
        ({"key": "model.triage." + "0" * 64}, "belongs to another key"),
    ],
)
async def test_what_is_no_entry_is_refused_with_the_field(rig, change, reason):
    r = rig(caches=[Listed()])
    await r.inference.ask(question())
    (row,) = await exported(r)
    with pytest.raises(ValueError, match=reason):
        await r.inference.cache_import(row | change)


@pytest.mark.parametrize("body", [b"", b"\0\0\0", np.full(3, 9.0, dtype="<f4").tobytes(), np.full(3, np.nan, "<f4").tobytes()])
async def test_a_vector_that_is_none_is_refused(rig, body):
    r = rig(caches=[Listed()])
    await r.inference.embed(["one"])
    (row,) = await exported(r)
    head, _, whole = base64.b64decode(row["base64"]).partition(b"\n")
    await r.inference.cache_import(row | {"base64": base64.b64encode(head + b"\n" + whole).decode()})
    with pytest.raises(ValueError, match="field 'value' or 'base64': it is no vector"):
        await r.inference.cache_import(row | {"base64": base64.b64encode(head + b"\n" + body).decode()})
    text = head.decode() + "\nno numbers"
    with pytest.raises(ValueError, match="it is no vector"):
        await r.inference.cache_import({"key": row["key"], "left_s": None, "value": text})


async def test_what_is_exported_in_its_last_moment_can_be_taken_in(rig):
    r = rig(caches=[Listed()])
    await r.inference.ask(question())
    (key,) = r.caches[0].values
    r.caches[0].ttls[key] = 0.0002
    (row,) = await exported(r)
    await r.inference.cache_import(row)


async def test_an_entry_whose_parts_were_changed_is_refused(rig):
    r = rig(caches=[Listed()])
    await r.inference.ask(question())
    (row,) = await exported(r)
    value = json.loads(row["value"])
    for part in PARTS:
        forged = value | {"parts": value["parts"] | {part: "forged"}}
        with pytest.raises(ValueError, match="not the key of its parts"):
            await r.inference.cache_import(row | {"value": json.dumps(forged)})


async def test_forged_data_does_not_pass_the_questions_own_check(rig):
    def check(data):
        if data.get("worth") not in {"yes", "no"}:
            raise ValueError("no such word")
        return data

    r = rig(caches=[Listed()])
    await r.inference.ask(question(check=check))
    (row,) = await exported(r)
    await r.inference.cache_import(row | {"value": row["value"].replace('"data":{"worth":"yes"}', '"data":{"worth":"PWNED"}')})
    assert (await r.inference.ask(question(check=check))).provenance.cache == "miss"


async def test_the_cache_says_where_an_answer_is_kept(rig):
    r = rig(caches=[Listed("memory"), Listed("sqlite")])
    await r.inference.ask(question())
    await settle()
    why = await r.inference.cache_why(question())
    assert (why.kept_in, why.nearest, why.refused) == (("memory", "sqlite"), None, False)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"prompt_hash": "prompt-2"}, "prompt"),
        ({"icp_hash": "icp-2"}, "icp"),
        ({"stop_rule": "below:60"}, "stop_rule"),
        ({"options": {"temperature": 0.7}}, "options"),
        ({"max_tokens": 7}, "max_tokens"),
        ({"normaliser_version": 2}, "normaliser"),
    ],
)
async def test_the_cache_says_which_part_differs_from_the_nearest(rig, changes, part):
    r = rig(caches=[Listed("memory")])
    for number in range(5):
        await r.inference.ask(question(f"another text {number}"))
    await r.inference.ask(question())
    why = await r.inference.cache_why(question(**changes))
    assert (why.kept_in, why.looked_at) == ((), 6)
    assert set(why.nearest.differs) == {part}
    row = why.row()
    assert row["nearest"]["differs"][0]["means"] == MEANS[part]
    assert json.loads(json.dumps(row)) == row


async def test_other_weights_are_named(rig):
    r = rig(caches=[Listed("memory")])
    await r.inference.ask(question())
    r.model.models["small:1b"] = "digest-new"
    await r.inference.look_again()
    why = await r.inference.cache_why(question())
    assert set(why.nearest.differs) == {"digest"}
    assert why.nearest.differs["digest"] == ("digest-new", "digest-a")


async def test_a_refusal_is_named_as_one_and_nothing_like_it_as_nothing(rig):
    r = rig(ModelFailure(Failure.TOO_LONG, "too many words"), caches=[Listed("memory")])
    assert (await r.inference.cache_why(question())).looked_at == 0
    with pytest.raises(ModelFailure):
        await r.inference.ask(question())
    why = await r.inference.cache_why(question())
    assert (why.kept_in, why.refused) == (("memory",), True)


async def test_why_says_so_where_the_model_is_not_known(rig):
    r = rig(model=Scripted(models={}), caches=[Listed("memory")])
    why = await r.inference.cache_why(question())
    assert "small:1b" in why.problem
    assert why.row()["parts"] == {}


async def test_roles_and_classes_have_lives_of_their_own(rig):
    numbers = {
        "cache_ttl_s": 100.0,
        "cache_role_ttl_s": {"classify": 30.0},
        "cache_refusal_ttl_s": 5.0,
        "cache_vector_ttl_s": 50.0,
    }
    shelf = Shelf()
    r = rig(caches=[shelf], numbers=numbers)
    triage = (await r.inference.ask(question())).provenance.key
    classify = (await r.inference.ask(question(role=Role.CLASSIFY))).provenance.key
    r.model.script = [ModelFailure(Failure.TOO_LONG, "too long")]
    with pytest.raises(ModelFailure):
        await r.inference.ask(question("refused"))
    await r.inference.embed(["a text"])
    assert shelf.ttls[triage] == 100.0
    assert shelf.ttls[classify] == 30.0
    assert sorted(ttl for key, ttl in shelf.ttls.items() if key not in {triage, classify}) == [5.0, 50.0]
    r.clock.now_s += 31
    assert (await r.inference.ask(question())).provenance.cache == "hit"
    assert (await r.inference.ask(question(role=Role.CLASSIFY))).provenance.cache == "miss"


async def test_refusals_can_be_switched_off(rig):
    r = rig(numbers={"cache_refusal_ttl_s": 0.0})
    r.model.script = [ModelFailure(Failure.TOO_LONG, "too long")]
    with pytest.raises(ModelFailure):
        await r.inference.ask(question())
    assert r.caches[0].values == {}
    assert (await r.inference.ask(question())).provenance.cache == "miss"


async def test_tiers_count_by_role_what_they_saved(rig):
    r = rig(caches=[Shelf("memory"), Shelf("sqlite")])
    await r.inference.ask(question())
    await settle()
    r.clock.now_s += 40
    await r.inference.ask(question())
    r.caches[0].values.clear()
    r.clock.now_s += 20
    await r.inference.ask(question())
    memory, sqlite = await r.inference.cache_stats()
    usage = r.model.reply(r.model.requests[0], "").usage
    assert memory["roles"]["triage"]["hits"] == sqlite["roles"]["triage"]["hits"] == 1
    assert memory["roles"]["triage"]["mean_age_s"] == pytest.approx(40)
    assert sqlite["roles"]["triage"]["mean_age_s"] == pytest.approx(60)
    assert memory["roles"]["triage"]["misses"] == 2
    assert memory["roles"]["triage"]["saved_prompt_tokens"] == usage.prompt_tokens
    assert memory["roles"]["triage"]["saved_output_tokens"] == usage.output_tokens
    assert memory["roles"]["triage"]["bytes"] > 0


# -- vectors --


async def embed(r, texts):
    found = await r.inference.embed(texts)
    await settle()
    return found


async def test_a_vector_is_made_once_and_kept_by_text_and_weights(rig):
    asked: list[list[str]] = []

    class Counting(Scripted):
        async def embed(self, model, texts, *, num_ctx):
            asked.append(list(texts))
            return vectors(texts)

    r = rig(model=Counting())
    first = await embed(r, ["one", "three"])
    again = await embed(r, ["three", "fourteen", "one"])
    assert asked == [["one", "three"], ["fourteen"]]
    assert np.array_equal(again, vectors(["three", "fourteen", "one"]))
    assert np.array_equal(first, again[[2, 0]])
    r.model.models["small:1b"] = "digest-new"
    await r.inference.look_again()
    await embed(r, ["one"])
    assert asked[-1] == ["one"]
    assert r.inference.stats().roles[Role.EMBED].hits == 0
    await embed(r, ["one"])
    assert r.inference.stats().roles[Role.EMBED].hits == 1
    assert PLANS[Role.EMBED].num_ctx == 2048


async def test_a_vector_is_lifted_for_the_rest_of_its_time(rig):
    first, second = Shelf("memory"), Shelf("sqlite")
    r = rig(caches=[first, second], numbers={"cache_vector_ttl_s": 100.0})
    await embed(r, ["one"])
    (key,) = first.values
    first.values.clear()
    r.clock.now_s += 30
    await embed(r, ["one"])
    assert first.ttls[key] == pytest.approx(70.0)
    first.values.clear()
    r.clock.now_s += 71
    await embed(r, ["one"])
    assert first.ttls[key] == 100.0, "what is older than its time is made anew, whatever the tier says"
    # one of before, which does not say when it was made, is taken for new
    head, _, body = second.values[key].partition(b"\n")
    told = {name: value for name, value in json.loads(head).items() if name != "at_ms"}
    second.values[key] = json.dumps(told, separators=(",", ":")).encode() + b"\n" + body
    first.values.clear()
    r.clock.now_s += 30
    await embed(r, ["one"])
    assert first.ttls[key] == 100.0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-4],
        lambda raw: raw + b"\0\0\0\0",
        lambda raw: raw.replace(b'"dimensions":3', b'"dimensions":4'),
        lambda raw: raw.replace(b"digest-a", b"digest-x"),
        lambda raw: raw[: raw.index(b"\n") + 1] + np.full(3, 9.0, dtype="<f4").tobytes(),
        lambda raw: raw[: raw.index(b"\n") + 1] + np.full(3, np.nan, dtype="<f4").tobytes(),
        lambda raw: b"",
        lambda raw: b"\xff",
        lambda raw: b"[]\n",
    ],
)
async def test_a_vector_that_cannot_be_believed_is_made_anew(rig, spoil):
    r = rig()
    await embed(r, ["one"])
    (key,) = r.caches[0].values
    assert kept_vectors.decode(r.caches[0].values[key], key, "digest-a") is not None
    r.caches[0].values[key] = spoil(r.caches[0].values[key])
    assert np.array_equal(await embed(r, ["one"]), vectors(["one"]))
    assert r.inference.stats().roles[Role.EMBED].hits == 0


async def test_the_text_that_cannot_be_embedded_is_named_by_its_place_also_beside_kept_ones(rig):
    r = rig()
    await embed(r, ["one", "two"])
    with pytest.raises(ModelFailure) as caught:
        await r.inference.embed(["one", "two", " "])
    assert caught.value.place == 2
    assert replace(question(), again=True).again


async def test_a_clock_that_goes_back_makes_no_entry_older_or_younger_than_it_is(rig):
    clock = HandClock()
    r = rig(clock=clock, numbers={"cache_ttl_s": 100.0})
    await r.inference.ask(question())
    clock.now_s -= 7200
    assert (await r.inference.ask(question())).provenance.cache == "hit"
