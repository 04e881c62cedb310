"""Answers that are none, of twelve kinds, streamed and whole: each ends by its name, none is given out, none is kept.

What a listener was told of a streamed one is taken back each time, so that half an answer is never left as a whole one.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from documents import cuts
from inference_parts import HandClock, Scripted, question, settle

from leadd.api import CacheBackend, Chunk, Failure, Message, ModelFailure, ModelRequest, Reply, Role, Usage
from leadd.builtin.memory import MemoryCache, MemoryConfig
from leadd.builtin.sqlite_cache import SqliteCache, SqliteCacheConfig
from leadd.inference.cache.entries import REFUSALS, outline
from leadd.inference.servers.probing import CANARY_SCHEMA
from leadd.testing.context import make_context

SCHEMA = {
    "type": "object",
    "properties": {
        "worth": {"type": "string", "enum": ["yes", "no"]},
        "points": {"type": "integer", "minimum": 0, "maximum": 50},
        "why": {"type": "string", "minLength": 2, "maxLength": 300},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 8}},
    },
    "required": ["worth", "points", "why"],
}
GOOD = '{"worth":"yes","points":7,"why":"They ask for help.","tags":["a"]}'
NO_JSON, SHAPE, LOOP = {Failure.NOT_JSON}, {Failure.SCHEMA}, {Failure.REPEATED_TOKENS}
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


@dataclass
class Bad:
    """One answer that is none: its text or how it ends, and the names that fit, as a whole and as a stream."""

    text: str
    whole: set[Failure]
    stream: set[Failure] = field(default_factory=set)
    changes: dict[str, Any] = field(default_factory=dict)
    raises: Failure | None = None
    has_no_end: bool = False

    def __post_init__(self) -> None:
        self.stream = self.stream or self.whole


class Spoiler(Scripted):
    """Gives one answer after the other, whole or in pieces of random sizes, and breaks off where it has to."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.streams = True
        self.rng = rng
        self.bad: list[Bad] = []

    async def complete(self, request: ModelRequest) -> Reply:
        if request.schema is CANARY_SCHEMA:
            return await self._sing(request)
        bad = self.bad.pop(0) if self.bad else Bad(GOOD, set())
        if bad.raises is not None:
            raise ModelFailure(bad.raises, "scripted")
        if bad.has_no_end:
            raise ModelFailure(Failure.NOT_DONE, "scripted")
        return self.reply(request, bad.text, **bad.changes)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        bad = self.bad.pop(0) if self.bad else Bad(GOOD, set())
        pieces = cuts(self.rng, bad.text)
        if bad.raises is not None:
            for piece in pieces[: self.rng.randrange(len(pieces) + 1)]:
                yield Chunk(piece)
            raise ModelFailure(bad.raises, "scripted")
        for piece in pieces:
            yield Chunk(piece)
        if not bad.has_no_end:
            yield Chunk("", self.reply(request, bad.text, **bad.changes))


def cut(rng: random.Random) -> Bad:
    return Bad(GOOD[: rng.randrange(1, len(GOOD))], NO_JSON)


def prose(rng: random.Random) -> Bad:
    text = "x" + " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 12)))
    return Bad(rng.choice([text, "```json\n" + GOOD + "\n```", "Here: " + GOOD]), NO_JSON)


def more(rng: random.Random) -> Bad:
    return Bad(GOOD + rng.choice([" and more", GOOD, "\n\n" + GOOD, "}", ",", "\n```", "\x00"]), NO_JSON)


def bad_number(rng: random.Random) -> Bad:
    digits = "9" * 5000
    text = rng.choice(["NaN", "Infinity", "-Infinity", "07", "0x1", "1e", "--1", "+7", "1.", ".5", digits])
    return Bad(GOOD.replace("7", text), NO_JSON, NO_JSON | LOOP)


def twice(rng: random.Random) -> Bad:
    return Bad(f'{{"worth":"yes","points":{rng.randrange(50)},{rng.choice(["", " "])}"worth":"no"}}', NO_JSON)


def deep(rng: random.Random) -> Bad:
    mark = rng.choice(["[", '{"worth":', '{"tags":[', "[[[{"])
    return Bad(mark * rng.randrange(1_500, 7_000), NO_JSON | {Failure.IMPLAUSIBLE}, NO_JSON | SHAPE | LOOP)


def half_a_character(rng: random.Random) -> Bad:
    return Bad(GOOD.replace("help", f"\\ud8{rng.randrange(10, 99)}"), NO_JSON)


def wrong_value(rng: random.Random) -> Bad:
    changes = {
        "yes": ["Yes", "maybe", "", "true", "yes ", "ja"],
        "7": ['"7"', "7.5", "true", "null", "[7]", "{}", "-1", "51", str(10**12), "1e300"],
        '"They ask for help."': ['"x"', '""', "null", "1", "[]", '"' + "They ask for help, again. " * 12 + '"'],
        '["a"]': ['["a","b","c"]', '["aaaaaaaaa"]', "[1]", "[null]", '"a"', '{"a":1}'],
    }
    old = rng.choice(list(changes))
    return Bad(GOOD.replace(old, rng.choice(changes[old])), SHAPE)


def wrong_keys(rng: random.Random) -> Bad:
    extra = GOOD[:-1] + f',"{rng.choice(["note", "score", "icp", ""])}":{rng.choice(["1", "[[1]]", "null"])}}}'
    return Bad(
        rng.choice(['{"worth":"no"}', '{"points":1}', "{}", '{"tags":[]}', '{"worth":"no","why":"so so"}', extra]), SHAPE
    )


def no_object(rng: random.Random) -> Bad:
    return Bad(rng.choice(["1", "true", "null", '"yes"', "[]", "[1,2]", "3.5", f"[{GOOD}]", '"' + "y" * 200 + '"']), SHAPE)


def blank_or_loop(rng: random.Random) -> Bad:
    kind = rng.randrange(4)
    if kind == 0:
        return Bad(rng.choice(["", " ", "\n" * rng.randrange(1, 90), "\t \n"]), {Failure.EMPTY})
    if kind == 1:
        return Bad("\n" * rng.randrange(200, 3000), {Failure.EMPTY}, LOOP)
    if kind == 2:
        return Bad(GOOD[:-1] + rng.choice([" ", "\n", "\t\n "]) * 100_000 + "}", {Failure.IMPLAUSIBLE}, LOOP)
    loop = rng.choice(["help ", "so on and ", "x", "- "])
    return Bad(GOOD.replace("They", loop * 400), SHAPE, SHAPE | LOOP)


ENDS: tuple[Failure, ...] = tuple(kind for kind in Failure if kind is not Failure.BAD_VECTOR)


def bad_end(rng: random.Random) -> Bad:
    kind = rng.randrange(8)
    if kind > 2:
        raises = rng.choice(ENDS)
        return Bad(GOOD, {raises}, raises=raises)
    if kind == 2:
        return Bad(rng.choice([GOOD, cut(rng).text]), {Failure.NOT_DONE}, has_no_end=True)
    text = rng.choice([GOOD, cut(rng).text])
    changes, name = rng.choice([
        ({"done_reason": "length"}, Failure.LENGTH), ({"done_reason": ""}, Failure.NOT_DONE),
        ({"done_reason": "early"}, Failure.NOT_DONE), ({"done_reason": "load"}, Failure.EMPTY),
        ({"done_reason": "unload"}, Failure.EMPTY),
    ])  # fmt: skip
    if kind == 1:
        text, name = GOOD, Failure.TRUNCATED_PROMPT
        changes = {"usage": rng.choice([Usage(3, 9), Usage(0, 9)])}
    return Bad(text, {name}, changes=changes)


KINDS: tuple[Callable[[random.Random], Bad], ...] = (
    cut, prose, more, bad_number, twice, deep, half_a_character, wrong_value, wrong_keys, no_object, blank_or_loop, bad_end,
)  # fmt: skip


class Listener:
    """Keeps the fields that it was told, until they are taken back."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.told = 0

    def __call__(self, key: str, value: Any) -> None:
        self.told += 1
        if not key:
            self.fields.clear()
            return
        self.fields[key] = value


def asked(number: int) -> Any:
    messages = (Message("system", "Judge the text. " * 20), Message("user", f"text {number}"))
    return question(f"text {number}", messages=messages, schema=SCHEMA, max_tokens=100)


async def kept_in(cache: CacheBackend) -> Counter[str]:
    """What a tier holds, by class."""
    return Counter([outline(entry.value).kind async for entry in cache.scan("model.")])


async def feed(rig: Any, count: int, seed: int, caches: Sequence[CacheBackend]) -> Counter[str]:
    """So many bad answers, half of them streamed; how they ended, by kind, way and name."""
    rng = random.Random(seed)
    model = Spoiler(rng)
    r = rig(model=model, numbers={"max_attempts": 1}, caches=caches)
    ends: Counter[str] = Counter()
    told = 0
    for number in range(count):
        make = KINDS[number % len(KINDS)]
        bad = make(rng)
        listener = Listener() if (number // len(KINDS)) % 2 else None
        model.bad = [bad]
        with pytest.raises(ModelFailure) as caught:
            await r.inference.ask(asked(number), progress=listener)
        failure, wanted = caught.value, bad.whole if listener is None else bad.stream
        if wanted & {Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL} and failure.kind is Failure.LOAD_STALLED:
            wanted = {Failure.LOAD_STALLED}  # the third in a row
        assert failure.kind in wanted, (make.__name__, bad, failure, listener is not None)
        if listener is not None:
            assert listener.fields == {}
            told += listener.told > 0
        ends[f"{make.__name__} {'whole' if listener is None else 'streamed'}: {failure.kind}"] += 1
        r.clock.now_s += 20
        await r.inference.turn()
    stats = r.inference.stats().roles[Role.TRIAGE]
    assert stats.answers == 0
    assert sum(stats.failures.values()) == count
    assert told > count / 8  # there was something to take back
    await settle()
    for cache in caches:
        held = await kept_in(cache)
        assert held["answer"] == 0, "no tier is poisoned"
        assert held["refusal"] == sum(n for name, n in ends.items() if Failure(name.rpartition(": ")[2]) in REFUSALS)
    answer = await r.inference.ask(replace(asked(1), again=True))
    assert answer.data["points"] == 7
    return ends


@pytest.fixture
async def tiers(tmp_path: Path) -> AsyncIterator[list[CacheBackend]]:
    """The real tiers of a default set-up, large enough for all that a run puts there."""
    lives = {"max_mb": 500, "ttl_s": None}
    memory = MemoryCache(MemoryConfig(max_entries=100_000, **lives), make_context(tmp_path, HandClock()))
    sqlite = SqliteCache(SqliteCacheConfig(**lives), make_context(tmp_path, HandClock()))
    for cache in (memory, sqlite):
        await cache.open()
    yield [memory, sqlite]
    for cache in (memory, sqlite):
        await cache.close()


async def test_answers_that_are_none(rig, tiers):
    ends = await feed(rig, 1_200, 20_261_122, tiers)
    assert {name.split(" ")[0] for name in ends} == {make.__name__ for make in KINDS}
    assert len(ends) > 60


@pytest.mark.faults
@pytest.mark.timeout(1200)
async def test_fifty_thousand_answers_that_are_none(rig, tiers):
    ends = await feed(rig, 50_000, 7, tiers)
    assert len(ends) > 60
    assert min(sum(n for name, n in ends.items() if name.startswith(make.__name__)) for make in KINDS) >= 50_000 // 12


async def test_after_a_bad_answer_a_good_one_is_whole_for_asker_and_listener(rig):
    rng = random.Random(5)
    model = Spoiler(rng)
    r = rig(model=model, numbers={"max_attempts": 2})
    for number in range(240):
        bad = KINDS[number % (len(KINDS) - 1)](rng)
        if Failure.EMPTY in bad.whole and Failure.EMPTY in bad.stream:
            continue  # never asked again
        model.bad = [bad]
        listener = Listener()
        answer = await r.inference.ask(asked(number), progress=listener)
        assert answer.data == {"worth": "yes", "points": 7, "why": "They ask for help.", "tags": ["a"]}
        assert listener.fields == answer.data
        assert answer.provenance.attempts == 2
        r.clock.now_s += 20
        await r.inference.turn()
