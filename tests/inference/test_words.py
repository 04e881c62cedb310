"""Questions for one word, and answers that end before their end: what is sent, what is kept, what is counted."""

from __future__ import annotations

import math

import pytest
from inference_parts import HandClock, Reader, Scripted, question

from leadd.api import Capabilities, Chunk, Failure, ModelFailure, Role
from leadd.inference.servers.states import UNREAD_LABELS

LABELS = ("yes", "no")
WORD = {"type": "string", "enum": ["yes", "no"]}


class Telling(Scripted):
    """A server that gives log-probabilities."""

    tells = True

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset(Role), streams=self.streams, logprobs=self.tells)


def said(token, **others):
    tops = [{"token": word, "logprob": math.log(p)} for word, p in others.items()]
    return ({"token": token, "logprob": math.log(others[token]), "top_logprobs": tops},)


def word(text="a text", **changes):
    return question(text, **({"labels": LABELS, "schema": WORD, "max_tokens": 12} | changes))


async def test_a_word_is_asked_for_by_its_probability_where_the_server_gives_it(rig):
    r = rig(model=Telling())
    r.model.always = lambda request: r.model.reply(
        request, "yes", done_reason="length", logprobs=said("yes", yes=0.6, no=0.2, maybe=0.2)
    )
    answer = await r.inference.ask(word())
    assert answer.data == {"label": "yes", "probability": pytest.approx(0.75)}
    (request,) = r.model.requests
    assert (request.labels, request.schema, request.max_tokens) == (LABELS, None, 3)
    again = await r.inference.ask(word())
    assert (again.provenance.cache, again.data) == ("hit", answer.data)
    assert not r.inference.stats().roles[Role.TRIAGE].failures


@pytest.mark.parametrize(("text", "label"), [('"no"', "no"), ('{"worth": "Yes"}', "yes")])
async def test_else_for_a_bounded_word(rig, text, label):
    r = rig(model=Scripted())
    r.model.always = text
    answer = await r.inference.ask(word(schema=WORD if text[0] == '"' else {}))
    assert answer.data == {"label": label}
    assert r.model.requests[0].labels == ()


async def test_a_word_that_is_no_label_is_a_failure(rig):
    r = rig()
    r.model.always = '"maybe"'
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(word())
    assert caught.value.kind is Failure.SCHEMA


async def test_without_log_probabilities_in_the_answer_the_bounded_word_is_asked_for_from_then_on(rig):
    r = rig(model=Telling())
    r.model.always = lambda request: r.model.reply(request, "Well" if request.labels else '"no"')
    assert (await r.inference.ask(word("one"))).data == {"label": "no"}
    assert (await r.inference.ask(word("two"))).data == {"label": "no"}
    assert [bool(request.labels) for request in r.model.requests] == [True, False, False]
    assert r.model.requests[-1].schema == WORD
    assert r.model.requests[-1].max_tokens == 12
    assert r.inference.health()[0]["models"][0]["logprobs"] is False
    assert not r.inference.stats().roles[Role.TRIAGE].failures, "that is nobody's fault"


async def test_labels_that_do_not_show_are_given_up_after_a_few(rig):
    r = rig(model=Telling())
    r.model.always = lambda request: r.model.reply(
        request, "I" if request.labels else '"yes"', logprobs=said("I", I=0.9, The=0.1) if request.labels else ()
    )
    for number in range(UNREAD_LABELS + 2):
        assert (await r.inference.ask(word(f"text {number}"))).data == {"label": "yes"}
    assert sum(bool(request.labels) for request in r.model.requests) == UNREAD_LABELS


async def test_one_readable_answer_in_between_keeps_the_probabilities(rig):
    r = rig(model=Telling())
    seen = []

    def speak(request):
        if not request.labels:
            return r.model.reply(request, '"yes"')
        seen.append(request)
        shown = said("yes", yes=0.9, no=0.1) if len(seen) % 2 else said("I", I=1.0)
        return r.model.reply(request, "x", logprobs=shown)

    r.model.always = speak
    for number in range(12):
        await r.inference.ask(word(f"text {number}"))
    assert r.inference.health()[0]["models"][0]["logprobs"] is True


async def test_a_reader_of_evidence_answers_as_it_always_does(rig):
    r = rig(evidence=Reader('{"worth": "yes", "probability": 0.8}'), numbers={"without_model": "evidence"})
    r.model.up = "gone"
    answer = await r.inference.ask(word(schema=None))
    assert answer.data == {"worth": "yes", "probability": 0.8}


async def test_labels_and_the_stop_rule_are_part_of_the_key(rig):
    r = rig()
    keys = {
        await r.inference.key_of(question()),
        await r.inference.key_of(question(labels=LABELS)),
        await r.inference.key_of(question(labels=("no", "yes"))),
        await r.inference.key_of(question(stop_rule="below:60")),
    }
    assert len(keys) == 4


async def test_an_answer_that_is_enough_is_ended_and_counted(rig):
    model = Scripted()
    model.streams = True
    closed = []

    async def long(request):
        try:
            yield Chunk('{"worth": "no", "why')
            yield Chunk('": "never read"')
            raise AssertionError("read on")
        finally:
            closed.append(True)

    model.stream = long
    r = rig(model=model, clock=HandClock())
    asked = question(schema=None, enough=lambda fields: {**fields, "why": ""} if "worth" in fields else None, stop_rule="rule")
    answer = await r.inference.ask(asked)
    assert (answer.data, answer.provenance.done_reason) == ({"worth": "no", "why": ""}, "early")
    assert closed == [True]
    stats = r.inference.stats().roles[Role.TRIAGE]
    assert (stats.early, stats.answers) == (1, 1)
    assert (await r.inference.ask(asked)).provenance.cache == "hit"


async def test_an_early_answer_has_to_pass_the_check_as_well(rig):
    model = Scripted()
    model.streams = True

    async def long(request):
        yield Chunk('{"worth": "no", "why')
        raise AssertionError("read on")

    def refuse(data):
        raise ValueError("not like this")

    model.stream = long
    r = rig(model=model, clock=HandClock())
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question(schema=None, enough=dict, stop_rule="rule", check=refuse))
    assert caught.value.kind is Failure.SCHEMA
    assert not r.caches[0].answers
