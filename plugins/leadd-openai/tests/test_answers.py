"""What counts as an answer, what it cost, and how many ways there are not to be one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from leadd_openai.answers import LEAST_LOGPROB, AnswerReader
from leadd_openai.catalog import flavour_of, read_llamacpp, read_lmstudio, read_other, read_vllm, rows_of
from leadd_openai.manners import Flavour
from leadd_openai.vectors import joined, read_vectors

from leadd.api import Failure, ModelFailure, Reply


class Time:
    """A clock that says what it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def read(*events: dict[str, Any], streamed: bool = True, **settings: Any) -> Reply:
    reader = AnswerReader("m", Time(), **settings)
    for event in events:
        reader.take(event)
    return reader.reply(digest="d", server_version="v", streamed=streamed)


def piece(content: str | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish, **more}]}


def failure_of(*events: dict[str, Any], **settings: Any) -> Failure:
    with pytest.raises(ModelFailure) as caught:
        read(*events, **settings)
    return caught.value.kind


STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def test_pieces_make_the_answer_and_usage_comes_last() -> None:
    usage = {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}
    reply = read(piece(None), piece("a"), piece("b"), STOP, usage)
    assert (reply.text, reply.done_reason, reply.digest) == ("ab", "stop", "d")
    assert (reply.usage.prompt_tokens, reply.usage.output_tokens) == (12, 3)


def test_without_counts_the_pieces_are_counted() -> None:
    assert read(piece("a"), piece("b"), STOP).usage.output_tokens == 2


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([], Failure.NOT_DONE),
        ([piece("a")], Failure.NOT_DONE),
        ([piece("a", "length")], Failure.LENGTH),
        ([piece("a", "content_filter")], Failure.NOT_DONE),
        ([piece("a", "tool_calls")], Failure.NOT_DONE),
        ([piece("a", "abort")], Failure.NOT_DONE),
        ([piece("a", "repetition")], Failure.REPEATED_TOKENS),
        ([STOP], Failure.EMPTY),
        ([piece(" \n"), STOP], Failure.EMPTY),
        ([{"choices": []}], Failure.NOT_DONE),
        ([{"choices": "no"}, {"choices": [None]}, {"x": 1}], Failure.NOT_DONE),
        ([{"choices": [{"delta": {"reasoning_content": "hm"}, "finish_reason": "length"}]}], Failure.LENGTH),
    ],
)
def test_every_other_end_has_a_name(events: list[dict[str, Any]], kind: Failure) -> None:
    assert failure_of(*events) is kind


def test_an_empty_answer_to_what_does_not_fit_is_too_long() -> None:
    full = {"choices": [], "usage": {"prompt_tokens": 4100, "completion_tokens": 0}}
    assert failure_of(STOP, full, window=4096) is Failure.TOO_LONG
    assert failure_of(STOP, full, window=8192) is Failure.EMPTY


def test_the_servers_own_times_count() -> None:
    reader = AnswerReader("m", clock := Time())
    clock.now += 1.0
    timings = {"cache_n": 20, "prompt_n": 9, "prompt_ms": 300.0, "predicted_n": 2, "predicted_ms": 200.0}
    reader.take({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}], "timings": timings})
    usage = reader.reply(digest="", server_version="", streamed=False).usage
    assert (usage.prompt_tokens, usage.output_tokens) == (29, 2)
    assert (usage.prompt_ms, usage.output_ms) == (300.0, 200.0)
    assert usage.queue_ms == pytest.approx(500.0)


def test_without_times_those_up_to_the_first_piece_and_from_it_on_count() -> None:
    reader = AnswerReader("m", clock := Time())
    reader.take(piece(""))
    clock.now += 0.4
    reader.take(piece("a"))
    clock.now += 0.1
    reader.take(STOP)
    usage = reader.reply(digest="", server_version="", streamed=True).usage
    assert (usage.prompt_ms, usage.output_ms) == (pytest.approx(400.0), pytest.approx(100.0))
    assert usage.queue_ms == pytest.approx(0.0)


def test_seconds_of_lm_studio_are_seconds() -> None:
    stats = {"time_to_first_token": 0.111, "generation_time": 0.954}
    usage = read(piece("a"), STOP, {"choices": [], "stats": stats}).usage
    assert (usage.prompt_ms, usage.output_ms) == (pytest.approx(111.0), pytest.approx(954.0))


def test_nonsense_in_numbers_is_nothing() -> None:
    usage = {"prompt_tokens": -4, "completion_tokens": "many"}
    reply = read(piece("a"), STOP, {"usage": usage, "timings": {"prompt_ms": float("nan"), "predicted_ms": True}})
    assert (reply.usage.prompt_tokens, reply.usage.prompt_ms, reply.usage.output_ms) == (0, 0.0, 0.0)


def test_log_probabilities_come_in_one_shape() -> None:
    top = [{"token": "yes", "logprob": -0.1}, {"token": "no", "logprob": -3.4e38, "bytes": [110, 111]}, {"token": 5}, "x"]
    entries = [{"token": "yes", "logprob": -0.1, "top_logprobs": top, "id": 7}, {"token": "n", "logprob": float("nan")}]
    reply = read(piece("yes", logprobs={"content": entries}), STOP)
    assert reply.logprobs == (
        {
            "token": "yes",
            "logprob": -0.1,
            "top_logprobs": [
                {"token": "yes", "logprob": -0.1},
                {"token": "no", "logprob": LEAST_LOGPROB, "bytes": [110, 111]},
            ],
        },
    )


def test_a_label_may_meet_its_cap_or_be_blank() -> None:
    entry = {"content": [{"token": " ", "logprob": -0.1, "top_logprobs": []}]}
    for event in (piece("yes", "length"), piece(" ", "length", logprobs=entry)):
        assert read(event, labels=("yes", "no")).done_reason == "length"
    assert failure_of(STOP, labels=("yes", "no")) is Failure.EMPTY


def test_servers_are_told_apart_by_their_lists() -> None:
    assert flavour_of([{"id": "a", "owned_by": "llamacpp"}]) is Flavour.LLAMACPP
    assert flavour_of([{"id": "a", "owned_by": "vllm"}, {"id": "lora", "owned_by": "vllm"}]) is Flavour.VLLM
    assert flavour_of([{"id": "a", "owned_by": "organization_owner"}]) is Flavour.LMSTUDIO
    assert flavour_of([{"id": "a", "owned_by": "library"}]) is Flavour.OTHER
    assert flavour_of([]) is Flavour.OTHER
    for wrong in ({}, {"data": None}, {"models": []}):
        with pytest.raises(ModelFailure):
            rows_of(wrong)


def test_a_digest_names_the_weights_and_the_words_around_a_question() -> None:
    row = {"id": "a", "owned_by": "llamacpp", "created": 5, "meta": {"n_params": 7, "size": 9, "n_ctx": 2048}}
    props = {"model_path": "/m/a.gguf", "chat_template": "x", "total_slots": 4, "default_generation_settings": {"n_ctx": 512}}
    catalog = read_llamacpp([row], props)
    entry = catalog.entries[0]
    assert (entry.window, entry.size_bytes, catalog.slots) == (512, 9, 4)
    same = read_llamacpp([{**row, "id": "alias", "created": 6}], {**props, "build_info": "b2"}).entries[0]
    assert same.digest == entry.digest
    for other in ({"model_path": "/m/b.gguf"}, {"chat_template": "y"}):
        assert read_llamacpp([row], {**props, **other}).entries[0].digest != entry.digest
    assert read_llamacpp([{**row, "meta": {"n_params": 8, "size": 9}}], props).entries[0].digest != entry.digest


def test_a_router_lists_many_and_says_which_are_up() -> None:
    rows = [
        {
            "id": "a",
            "status": {"value": "loaded", "args": ["llama-server", "--port", "1", "-m", "/m/a"]},
            "meta": {"n_ctx": 99},
        },
        {"id": "b", "status": {"value": "unloaded", "args": ["llama-server", "--port", "2", "-hf", "x/b"]}},
    ]
    catalog = read_llamacpp(rows, {"role": "router"})
    assert catalog.is_router
    assert [one.name for one in catalog.loaded or ()] == ["a"]
    moved = [{**rows[0], "status": {"value": "unloaded", "args": ["--port", "77", "-m", "/m/a"]}}]
    assert read_llamacpp(moved, None).entries[0].digest == catalog.entries[0].digest


def test_lm_studio_and_vllm_tell_windows() -> None:
    details = {
        "data": [
            {"id": "a", "state": "loaded", "loaded_context_length": 4096, "type": "llm"},
            {"id": "b", "state": "not-loaded"},
        ]
    }
    catalog = read_lmstudio([{"id": "a"}, {"id": "b"}, {"id": "text-embedding-c"}], details)
    assert [(e.window, e.loaded, e.embeds_only) for e in catalog.entries] == [
        (4096, True, False),
        (0, False, False),
        (0, None, True),
    ]
    assert read_lmstudio([{"id": "a"}], None).loaded is None
    (entry,) = read_vllm([{"id": "a", "root": "/m", "max_model_len": 8192, "created": 5}], {"version": "1"}).entries
    assert (entry.window, entry.loaded) == (8192, True)
    assert read_vllm([{"id": "a", "root": "/m", "created": 6}], None).entries[0].digest == entry.digest


def test_a_time_that_is_as_young_as_the_question_names_no_weights() -> None:
    now_ms = 2_000_000_000_000
    young = [read_other([{"id": "a", "created": now_ms // 1000 - age}], now_ms).entries[0].digest for age in (0, 5, 80_000)]
    old = [read_other([{"id": "a", "created": 1_700_000_000 + more}], now_ms).entries[0].digest for more in (0, 5)]
    assert len({*young}) == 1
    assert len({*old, *young}) == 3


def test_names_are_found_however_they_are_spelt() -> None:
    catalog = read_other([{"id": "smollm2:latest"}, {"id": "Org/Model", "aliases": ["short"]}], 0)
    for name, found in (("smollm2", 0), ("SMOLLM2:latest", 0), ("org/model", 1), ("short", 1), ("short:latest", 1)):
        assert catalog.find(name) is catalog.entries[found]
    assert catalog.find("model") is None


def vectors(*rows: object) -> dict[str, object]:
    return {"data": [{"index": i, "embedding": row} for i, row in enumerate(rows)]}


def test_vectors_are_put_in_order_and_to_unit_length() -> None:
    shuffled = {"data": [{"index": 1, "embedding": [0.0, 2.0]}, {"index": 0, "embedding": [3.0, 4.0]}]}
    found = read_vectors(shuffled, 2, model="m")
    assert np.allclose(found, [[0.6, 0.8], [0.0, 1.0]])
    assert found.dtype == np.float32
    assert joined([], model="m").shape == (0, 0)


@pytest.mark.parametrize(
    "answer",
    [
        {}, {"data": None}, vectors([1.0]), vectors([1.0], [1.0, 2.0]), vectors(["a"], ["b"]), vectors([0.0], [1.0]),
        vectors([float("nan")], [1.0]), vectors([1e300], [1.0]), vectors([], []), vectors(None, None),
        {"data": [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]},
        {"data": [{"index": 0, "embedding": [1.0]}, {"embedding": [1.0]}]}, {"data": [{"index": 0}, {"index": 1}]},
        {"data": ["a", "b"]},
    ],
)  # fmt: skip
def test_any_other_vectors_are_refused(answer: dict[str, object]) -> None:
    with pytest.raises(ModelFailure) as caught:
        read_vectors(answer, 2, model="m")
    assert caught.value.kind is Failure.BAD_VECTOR
