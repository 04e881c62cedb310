"""Two thousand answers that are none: each ends by its name, none is given out and none is kept."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from inference_parts import question

from leadd.api import Failure, Message, ModelFailure, Role, Usage

SCHEMA = {
    "type": "object",
    "properties": {
        "worth": {"type": "string", "enum": ["yes", "no"]},
        "points": {"type": "integer", "minimum": 0, "maximum": 50},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 8}},
    },
    "required": ["worth", "points"],
}
GOOD = '{"worth":"yes","points":7,"tags":["a"]}'
WORDS = [
    "",
    " ",
    "worth",
    "yes",
    "no",
    "{",
    "}",
    '"',
    "points",
    "null",
    "\n",
    "Sure! Here is the JSON:",
    "```json",
    "\x00",
    "😀",
]


def cut(rng):
    return GOOD[: rng.randrange(1, len(GOOD))]


def prose(rng):
    return "x" + " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 12)))


def wrapped(rng):
    return rng.choice(["Here: {}", "```json\n{}\n```", "{} and more", "[{}", "{}{}"]).replace("{}", GOOD)


def number(rng):
    return GOOD.replace("7", rng.choice(["NaN", "Infinity", "-Infinity", "07", "0x1", "1e", "--1", "9" * 5000]))


def twice(rng):
    return f'{{"worth":"yes","worth":"no","points":{rng.randrange(50)}}}'


def deep(rng):
    return "[" * rng.randrange(1_500, 7_000)


def surrogate(rng):
    return GOOD.replace('"a"', f'"\\ud8{rng.randrange(10, 99)}"')


def wrong_enum(rng):
    return GOOD.replace("yes", rng.choice(["Yes", "maybe", "", "true", "yes ", "ja"]))


def missing(rng):
    return rng.choice(['{"worth":"no"}', '{"points":1}', "{}", '{"tags":[]}'])


def extra(rng):
    return GOOD[:-1] + f',"{rng.choice(["note", "score", "icp"])}":1}}'


def wrong_type(rng):
    return GOOD.replace("7", rng.choice(['"7"', "7.5", "true", "null", "[7]", "{}"]))


def out_of_range(rng):
    return GOOD.replace("7", str(rng.choice([-1, 51, 10**12, -(10**20)])))


def too_much(rng):
    return GOOD.replace('["a"]', rng.choice(['["a","b","c"]', '["aaaaaaaaa"]', "[1]", "[null]", '"a"', '{"a":1}']))


def no_object(rng):
    return rng.choice(["1", "true", "null", '"yes"', "[]", "[1,2]", "3.5"])


def blank(rng):
    return rng.choice(["", " ", "\n" * rng.randrange(1, 300), "\t \n"])


TEXTS = {
    cut: Failure.NOT_JSON, prose: Failure.NOT_JSON, wrapped: Failure.NOT_JSON, number: Failure.NOT_JSON,
    twice: Failure.NOT_JSON, deep: Failure.NOT_JSON, surrogate: Failure.NOT_JSON, wrong_enum: Failure.SCHEMA,
    missing: Failure.SCHEMA, extra: Failure.SCHEMA, wrong_type: Failure.SCHEMA, out_of_range: Failure.SCHEMA,
    too_much: Failure.SCHEMA, no_object: Failure.SCHEMA, blank: Failure.EMPTY,
}  # fmt: skip

REPLIES = {
    "length": ({"done_reason": "length"}, Failure.LENGTH),
    "aborted": ({"done_reason": ""}, Failure.NOT_DONE),
    "unknown end": ({"done_reason": "banana"}, Failure.NOT_DONE),
    "load": ({"done_reason": "load"}, Failure.EMPTY),
    "half the window": ({"usage": Usage(3, 9)}, Failure.TRUNCATED_PROMPT),
    "no prompt seen": ({"usage": Usage(0, 9)}, Failure.TRUNCATED_PROMPT),
    "flood": ({"text": GOOD[:-1] + " " * 300_000 + "}"}, Failure.IMPLAUSIBLE),
}

FAULTS = [kind for kind in Failure if kind not in {Failure.BAD_VECTOR}]


async def end_of(r, asked):
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(asked)
    return caught.value


def asked(number):
    messages = (Message("system", "Judge the text. " * 20), Message("user", f"text {number}"))
    return question(f"text {number}", messages=messages, schema=SCHEMA, max_tokens=100)


async def test_two_thousand_answers_that_are_none(rig):
    rng = random.Random(20_261_122)
    r = rig(numbers={"max_attempts": 1})
    ends: Counter[str] = Counter()
    for number_of in range(2000):
        kind = rng.randrange(3)
        if kind == 0:
            make, wanted = rng.choice(list(TEXTS.items()))
            text = make(rng)
            r.model.always = text
            name = make.__name__
        elif kind == 1:
            name = rng.choice(list(REPLIES))
            changes, wanted = REPLIES[name]
            r.model.always = lambda request, c=changes: r.model.reply(request, **({"text": GOOD} | c))
        else:
            wanted = rng.choice(FAULTS)
            name = f"fault {wanted}"
            r.model.always = ModelFailure(wanted, "scripted")
        failure = await end_of(r, asked(number_of))
        if wanted in {Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL} and failure.kind is Failure.LOAD_STALLED:
            wanted = Failure.LOAD_STALLED  # the third in a row
        assert failure.kind is wanted, (name, failure)
        ends[name] += 1
        assert not r.caches[0].values
        r.clock.now_s += 20
        await r.inference.turn()
    assert len(ends) > 30
    stats = r.inference.stats().roles[Role.TRIAGE]
    assert stats.answers == 0
    assert sum(stats.failures.values()) == 2000
    r.model.always = GOOD
    assert (await r.inference.ask(asked(1))).data["points"] == 7
