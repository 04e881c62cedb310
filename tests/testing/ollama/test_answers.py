"""Points 3, 11, 12, 13, 20 and 21: prompts that do not fit, answers that do not end, answers that are wrong, the cache."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from leadd.testing.ollama import FakeOllama, Limits, Speeds, prompt_hash

FULL = {
    "type": "object",
    "properties": {
        "icp_match": {"type": "boolean"},
        "size_bucket": {"type": "string", "enum": ["1", "2-5", "6-10", "11-20", "unknown"]},
        "pain_tags": {"type": "array", "items": {"type": "string", "enum": ["no_leads", "no_strategy"]}, "maxItems": 2},
        "score_fit": {"type": "integer", "minimum": 0, "maximum": 50},
        "reason_short": {"type": "string", "maxLength": 80},
        "silver_bullet_phrases": {"type": "array", "items": {"type": "string", "maxLength": 60}, "minItems": 1, "maxItems": 3},
    },
    "required": ["icp_match", "size_bucket", "pain_tags", "score_fit", "reason_short", "silver_bullet_phrases"],
}


def content(reply: Any) -> str:
    return str(reply["message"]["content"])


@pytest.mark.parametrize(
    ("version", "truncate", "expected"),
    [
        ("0.9.3", None, 512),
        ("0.9.3", False, 512),
        ("0.12.11", None, 512),
        ("0.12.11", False, "the input length exceeds the context length"),
        ("0.30.0", None, 512),
        ("0.32.15", None, 512 // 2 + 2),
        ("0.32.15", False, "exceeds the available context size"),
        ("0.33.1", None, 512 // 2 + 2),
    ],
)
async def test_a_prompt_too_long(asker: Any, version: str, truncate: bool | None, expected: int | str) -> None:
    more = {} if truncate is None else {"truncate": truncate}
    async with FakeOllama(version) as fake:
        status, reply = await asker.chat(fake, text="marketing " * 600, options={"num_ctx": 512}, **more)
        if isinstance(expected, str):
            assert status == 400
            assert expected in reply["error"]
        else:
            assert (status, reply["prompt_eval_count"], reply["done_reason"]) == (200, expected, "stop")
            assert fake.stats.truncated_prompts == 1


async def test_a_cut_prompt_loses_its_front(asker: Any) -> None:
    seen: list[str] = []
    async with FakeOllama(oracle=lambda asked: seen.append(asked.user_text)) as fake:
        await asker.chat(fake, text="first " + "middle " * 600 + "last", options={"num_ctx": 512})
    assert "last" in seen[0]
    assert "first" not in seen[0]


async def test_a_model_with_its_own_template_answers_400_with_json_in_a_string(asker: Any) -> None:
    async with FakeOllama(models=("llama3:8b",)) as fake:
        status, reply = await asker.chat(fake, model="llama3:8b", text="word " * 900, options={"num_ctx": 512})
        inner = json.loads(reply["error"])["error"]
        assert status == 400
        assert inner["type"] == "exceed_context_size_error"
        assert inner["n_prompt_tokens"] > inner["n_ctx"] == 512


async def test_the_oldest_messages_go_first(asker: Any) -> None:
    seen: list[Any] = []
    async with FakeOllama(oracle=lambda asked: seen.append(asked.messages)) as fake:
        history = [{"role": "user", "content": "old " * 900}, {"role": "assistant", "content": "yes"}]
        body = asker.question(options={"num_ctx": 512})
        body["messages"][1:1] = history
        status, reply = await asker.post(fake, "/api/chat", body)
        assert status == 200
        assert reply["prompt_eval_count"] < 200


async def test_the_cap_cuts_anywhere_and_says_length(asker: Any) -> None:
    async with FakeOllama() as fake:
        for cap in range(1, 5):
            _, reply = await asker.chat(fake, options={"num_predict": cap})
            assert (reply["done_reason"], reply["eval_count"]) == ("length", cap)
            with pytest.raises(ValueError):
                json.loads(content(reply))


@pytest.mark.parametrize("num_predict", [None, -1, 0, 10**9])
async def test_without_a_cap_an_answer_may_fill_ten_windows(asker: Any, num_predict: int | None) -> None:
    async with FakeOllama(models=("mistral:7b",), oracle=lambda asked: "word " * 4000) as fake:
        body = asker.question(model="mistral:7b", format=None, options={"num_ctx": 512})
        body["options"]["num_predict"] = num_predict
        _, reply = await asker.post(fake, "/api/chat", body)
        assert (reply["done_reason"], reply["eval_count"]) == ("length", 5120)


async def test_without_shift_the_window_ends_the_answer(asker: Any) -> None:
    async with FakeOllama(oracle=lambda asked: "word " * 4000) as fake:
        _, reply = await asker.chat(fake, shift=False, format=None, options={"num_ctx": 512, "num_predict": 4000})
        assert reply["done_reason"] == "length"
        assert reply["eval_count"] + reply["prompt_eval_count"] == 512


@pytest.mark.parametrize("kind", ["repeat", "whitespace"])
async def test_repeated_tokens_end_the_stream_without_a_word(asker: Any, kind: str) -> None:
    async with FakeOllama("0.31.1") as fake:
        fake.fail_next(kind, times=2)
        _, whole = await asker.chat(fake, options={"num_predict": 900})
        assert whole["done"] is False
        assert "done_reason" not in whole
        assert "eval_count" not in whole
        lines = await asker.lines(fake, options={"num_predict": 900})
        assert not any(line["done"] for line in lines)
        assert len(lines) > 30
        assert fake.stats.completed == {}


async def test_repeated_tokens_are_an_error_since_0_33(asker: Any) -> None:
    async with FakeOllama("0.33.1") as fake:
        fake.fail_next("repeat", times=2)
        status, reply = await asker.chat(fake, options={"num_predict": 900})
        assert (status, reply["error"]) == (500, "prediction aborted, token repeat limit reached")
        *events, last = await asker.lines(fake, options={"num_predict": 900})
        assert "token repeat limit reached" in last["error"]
        assert len(events) > 100


async def test_the_cap_comes_before_the_guard_and_is_the_only_brake_without_one(asker: Any) -> None:
    async with FakeOllama("0.31.1", models=("gemma3:1b", "llama3:8b")) as fake:
        fake.fail_next("whitespace", times=2)
        _, capped = await asker.chat(fake, options={"num_predict": 25})
        _, endless = await asker.chat(fake, model="llama3:8b", options={"num_predict": 700})
        assert (capped["done_reason"], capped["eval_count"]) == ("length", 25)
        assert (endless["done_reason"], endless["eval_count"]) == ("length", 700)


@pytest.mark.parametrize("kind", ["wrong_enum", "missing_key", "early_close", "ignore_format", "empty", "not_json", "length"])
async def test_bad_structured_output_on_demand(asker: Any, kind: str) -> None:
    async with FakeOllama() as fake:
        fake.fail_next(kind)
        status, reply = await asker.chat(fake, format=FULL)
        text = content(reply)
        assert status == 200
        assert reply["done_reason"] == ("length" if kind == "length" else "stop")
        if kind == "empty":
            assert text == ""
        elif kind in ("ignore_format", "not_json", "length"):
            with pytest.raises(ValueError):
                json.loads(text)
        elif kind == "missing_key":
            assert "icp_match" not in json.loads(text)
        elif kind == "wrong_enum":
            assert json.loads(text)["size_bucket"] == "something_else"
        else:
            value = json.loads(text)
            assert len(value["reason_short"]) == 3
            assert value["size_bucket"] in FULL["properties"]["size_bucket"]["enum"]  # type: ignore[index]
        good = json.loads(content((await asker.chat(fake, format=FULL))[1]))
        assert good.keys() == FULL["properties"].keys()  # type: ignore[attr-defined]


async def test_a_shared_prefix_costs_only_its_tail(asker: Any) -> None:
    async with FakeOllama(speeds=Speeds(prefill_tps=1000), time_scale=0) as fake:
        system = "Rules come first. " * 100

        async def tokens_and_ms(text: str, front: str = "") -> tuple[int, float]:
            body = asker.question(text=text, options={"num_ctx": 4096})
            body["messages"][0]["content"] = front + system
            _, reply = await asker.post(fake, "/api/chat", body)
            return reply["prompt_eval_count"], reply["prompt_eval_duration"] / 1e6

        cold = await tokens_and_ms("one text")
        warm = await tokens_and_ms("another text")
        spoiled = await tokens_and_ms("another text", front="17:03 ")
        assert cold[1] == pytest.approx(cold[0])
        assert abs(warm[0] - cold[0]) < 3
        assert warm[1] < 0.1 * cold[1]
        assert spoiled[1] > 0.95 * cold[1]
        assert fake.stats.tokens_reused > 400


async def test_a_reload_empties_the_cache_and_each_slot_has_its_own(asker: Any) -> None:
    async with FakeOllama(limits=Limits(slots=2), speeds=Speeds(prefill_tps=1000), time_scale=0) as fake:
        first = (await asker.chat(fake))[1]["prompt_eval_duration"]
        again = (await asker.chat(fake))[1]["prompt_eval_duration"]
        assert again < first / 10
        assert (await asker.chat(fake, options={"num_ctx": 4096}))[1]["prompt_eval_duration"] == first


async def test_the_sliding_window_drops_long_prefixes(asker: Any) -> None:
    for sliding in (False, True):
        async with FakeOllama(sliding_window=sliding, speeds=Speeds(prefill_tps=1000), time_scale=0) as fake:
            times = {}
            for words in (100, 1500):
                text = "word " * words
                await asker.chat(fake, text=text, options={"num_ctx": 4096})
                times[words] = (await asker.chat(fake, text=text, options={"num_ctx": 4096}))[1]["prompt_eval_duration"]
            assert times[100] == 1_000_000
            assert (times[1500] > 1_000_000_000) is sliding


async def test_logprobs_show_how_sure_the_judge_is(asker: Any) -> None:
    async with FakeOllama() as fake:
        _, reply = await asker.chat(fake, format={"type": "string", "enum": ["yes", "no"]}, logprobs=True, top_logprobs=4)
        entries = reply["logprobs"]
        assert "".join(entry["token"] for entry in entries) == content(reply)
        verdict = next(entry for entry in entries if entry["token"] == "yes")
        yes, no, *spelt = verdict["top_logprobs"]
        assert (no["token"], [token["token"] for token in spelt]) == ("no", [" Yes", " No"])
        assert sum(math.exp(token["logprob"]) for token in verdict["top_logprobs"]) == pytest.approx(1, abs=1e-4)
        assert yes["logprob"] == verdict["logprob"] > no["logprob"]
        assert verdict["bytes"] == list(b"yes")
        lines = await asker.lines(fake, logprobs=True)
        assert all(len(line["logprobs"]) == 1 for line in lines[:-1])
        status, reply = await asker.chat(fake, top_logprobs=21)
        assert status == 400


async def test_a_question_for_a_label_is_answered_with_a_word(asker: Any) -> None:
    async with FakeOllama() as fake:
        for text, said in (("Our marketing needs a growth marketer for SEO and content.", "yes"), ("A sunny day.", "no")):
            _, reply = await asker.chat(fake, text=text, format=None, logprobs=True, top_logprobs=20)
            assert content(reply) == said
        assert fake.stats.completed["gemma3:1b", "triage"] == 2


@pytest.mark.parametrize("given", [{"worth": "no"}, "no", '"no"'])
async def test_a_given_word_answers_triage_whichever_way_it_is_asked(asker: Any, given: Any) -> None:
    word = {"type": "string", "enum": ["yes", "no"]}
    async with FakeOllama() as fake:
        fake.enqueue(given, given, role="triage")
        _, reply = await asker.chat(fake, format=None, logprobs=True, top_logprobs=20)
        assert content(reply) == "no"
        assert reply["logprobs"][0]["token"] == "no"
        assert content((await asker.chat(fake, format=word))[1]) == ("no" if given == "no" else '"no"')


async def test_logprobs_are_unknown_to_old_servers(asker: Any) -> None:
    async with FakeOllama("0.12.10") as fake:
        assert "logprobs" not in (await asker.chat(fake, logprobs=True))[1]


async def test_answers_repeat_for_the_same_signal_and_what_is_paid_twice_is_seen(asker: Any) -> None:
    async with FakeOllama() as fake:
        one = content((await asker.chat(fake, format=FULL))[1])
        assert fake.stats.paid_twice == {}
        two = content((await asker.chat(fake, format=FULL))[1])
        assert one == two
        assert list(fake.stats.paid_twice.values()) == [2]
        value = json.loads(one)
        assert value["icp_match"] is True
        assert all(phrase in asker.ad["text"] for phrase in value["silver_bullet_phrases"])
        assert list(fake.stats.prompts) == list(fake.stats.paid_twice)
        assert fake.stats.completed == {("gemma3:1b", "classify"): 2}
        assert len(prompt_hash("gemma3:1b", "x")) == 32


async def test_scripted_answers_come_in_order_and_may_be_meant_for_one_role(asker: Any) -> None:
    async with FakeOllama() as fake:
        fake.enqueue({"worth": "no"}, role="triage")
        fake.enqueue("plain", "second", model="gemma3:4b")
        assert content((await asker.chat(fake, model="gemma3:4b", format=FULL))[1]) == "plain"
        assert json.loads(content((await asker.chat(fake))[1])) == {"worth": "no"}
        assert content((await asker.chat(fake, model="gemma3:4b"))[1]) == "second"
        assert json.loads(content((await asker.chat(fake))[1])) == {"worth": "yes"}


async def test_an_oracle_of_the_test_decides_or_passes(asker: Any) -> None:
    async with FakeOllama(oracle=lambda asked: {"worth": "no"} if asked.signal["company"] == "Muster GmbH" else None) as fake:
        assert json.loads(content((await asker.chat(fake))[1])) == {"worth": "no"}
        assert json.loads(content((await asker.chat(fake, text="We need marketing, growth, SEO and content"))[1])) == {
            "worth": "yes"
        }
        fake.set_oracle(None)
        assert json.loads(content((await asker.chat(fake))[1])) == {"worth": "yes"}


async def test_no_format_is_a_sentence_and_json_an_object(asker: Any) -> None:
    async with FakeOllama() as fake:
        assert content((await asker.chat(fake, format=None))[1]).endswith(".")
        assert isinstance(json.loads(content((await asker.chat(fake, format="json"))[1])), dict)
        assert content((await asker.chat(fake, format=None, options={"stop": [" is"]}))[1]) == "The text"


async def test_slots_share_one_processor(asker: Any) -> None:
    async with FakeOllama(limits=Limits(slots=2), speeds=Speeds(decode_tps=100), time_scale=0) as fake:
        fake.set_oracle(lambda asked: "word " * 100)
        _, alone = await asker.chat(fake, format=None, options={"num_predict": 200})
        fake.hold()
        tasks = [asker.start(fake, text=f"text {n}", format=None) for n in range(2)]
        await asker.until(fake, in_flight=2)
        fake.release()
        together = [(await task)[1]["eval_duration"] for task in tasks]
        assert alone["eval_duration"] == pytest.approx(2e9, rel=0.02)
        assert max(together) == pytest.approx(4e9, rel=0.1)
