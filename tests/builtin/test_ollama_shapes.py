"""Names, settings, lines, questions, answers and vectors: the parts of the plugin that need no server."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leadd.api import Failure, Message, ModelFailure, ModelRequest, Role
from leadd.builtin.ollama import OllamaConfig
from leadd.builtin.ollama.advice import advice
from leadd.builtin.ollama.catalog import read_catalog, read_details, read_loaded
from leadd.builtin.ollama.chat import AnswerReader, chat_payload, ends_in_repeats, load_payload, usage_of
from leadd.builtin.ollama.lines import LineSplitter, parse_object
from leadd.builtin.ollama.naming import ServerVersion, full_name, runs_in_the_cloud
from leadd.builtin.ollama.vectors import read_vectors


def question(**changes: Any) -> ModelRequest:
    values: dict[str, Any] = {
        "role": Role.TRIAGE,
        "model": "gemma3:1b",
        "messages": (Message("system", "Answer in JSON."), Message("user", "We hire.")),
        "max_tokens": 24,
        "num_ctx": 2048,
        "schema": {"type": "object"},
        "options": {"temperature": 0},
    }
    return ModelRequest(**{**values, **changes})


def event(content: str = "", **more: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": content}, "done": False, **more}


def end(reason: str | None = "stop", content: str = "", **more: Any) -> dict[str, Any]:
    return event(content, **{"done": True, **({"done_reason": reason} if reason else {}), **more})


def answer_of(*events: dict[str, Any]) -> Any:
    reader = AnswerReader("m")
    for one in events:
        reader.take(one)
    return reader.reply(digest="d", server_version="1.0.0")


def failure_of(*events: dict[str, Any]) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        answer_of(*events)
    return caught.value


# --- names and versions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("gemma3", "gemma3:latest"),
        ("Gemma3:1B", "gemma3:1b"),
        (" gemma3:latest ", "gemma3:latest"),
        ("registry.ollama.ai/library/gemma3:1b", "gemma3:1b"),
        ("library/gemma3", "gemma3:latest"),
        ("hf.co/someone/thing-GGUF:Q4_K_M", "hf.co/someone/thing-gguf:q4_k_m"),
        ("localhost:5000/me/mine", "localhost:5000/me/mine:latest"),
    ],
)
def test_spellings_of_one_model_meet(name: str, full: str) -> None:
    assert full_name(name) == full


@pytest.mark.parametrize("name", ["glm-4.6:cloud", "gpt-oss:120b-cloud", "X:CLOUD", "thing-cloud", "deepseek-v3.1:671b-cloud "])
def test_cloud_names_are_known(name: str) -> None:
    assert runs_in_the_cloud(name)


@pytest.mark.parametrize("name", ["gemma3:1b", "cloudy:latest", "cloud", "my-cloud:8b", "cloud-model:1b"])
def test_other_names_are_not(name: str) -> None:
    assert not runs_in_the_cloud(name)


def test_versions_compare_as_versions_do() -> None:
    texts = ["0.5.4", "0.9.3", "0.12.6", "0.33.0-rc2", "0.33.0", "v1.0.0"]
    versions = [ServerVersion.parse(text) for text in texts]
    assert None not in versions
    assert versions == sorted(versions, key=lambda v: v or ServerVersion(0, 0, 0))
    assert ServerVersion.parse("0.33.0-rc2") != ServerVersion.parse("0.33.0")
    assert ServerVersion.parse("0.0.0") is None
    assert ServerVersion.parse("dev") is None


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("http://localhost:11434/", "http://localhost:11434"),
        ("127.0.0.1:11434", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("http://[::1]:11434", "http://[::1]:11434"),
        ("https://Box.example/ollama/", "https://box.example/ollama"),
    ],
)
def test_the_address_is_brought_to_one_form(given_: str, kept: str) -> None:
    assert OllamaConfig(endpoint=given_).endpoint == kept


@pytest.mark.parametrize(
    "address",
    ["", "ftp://x", "http://", "http://me:secret@host", "http://h/v1", "http://h/api", "http://h/?a=b", "http://h:99999"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        OllamaConfig(endpoint=address)


def test_a_number_written_as_text_becomes_one_since_the_server_refuses_it() -> None:
    assert OllamaConfig(keep_alive="-1").keep_alive == -1
    assert OllamaConfig(keep_alive=0).keep_alive == 0
    assert OllamaConfig(keep_alive="1h30m").keep_alive == "1h30m"
    with pytest.raises(ValidationError):
        OllamaConfig(keep_alive="soon")


@pytest.mark.parametrize(
    ("address", "is_loopback"),
    [
        ("localhost:1", True),
        ("127.8.8.8:1", True),
        ("http://[::1]:1", True),
        ("192.168.0.4:1", False),
        ("http://localhost.evil", False),
    ],
)
def test_only_this_machine_is_loopback(address: str, is_loopback: bool) -> None:
    assert OllamaConfig(endpoint=address).is_loopback is is_loopback


def test_advice_names_what_a_person_should_change() -> None:
    here = OllamaConfig()
    assert advice("0.33.0", here) is None
    assert advice("0.0.0", here) is None
    assert "CVE-2026-7482" in (advice("0.17.0", here) or "")
    assert "JSON schema" in (advice("0.4.9", here) or "")
    both = advice("0.17.0", OllamaConfig(endpoint="http://10.0.0.2:11434")) or ""
    assert "CVE-2026-7482" in both
    assert "not on this machine" in both


# --- lines ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1), max_size=6), st.data())
def test_lines_are_found_wherever_the_network_cuts(texts: list[str], data: st.DataObject) -> None:
    objects = [{"text": text} for text in texts]
    body = b"".join(json.dumps(o, ensure_ascii=False).encode() + b"\n" for o in objects)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    splitter = LineSplitter()
    lines = [line for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if b > a for line in splitter.feed(body[a:b])]
    assert [parse_object(line) for line in lines] == objects
    assert splitter.rest() == b""


def test_a_line_without_end_is_stopped() -> None:
    splitter = LineSplitter(max_line_bytes=10)
    splitter.feed(b"123456789\n12345")
    with pytest.raises(ModelFailure) as caught:
        splitter.feed(b"678901")
    assert caught.value.kind is Failure.BROKEN_STREAM


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"a": ', Failure.BROKEN_STREAM),
        (b'{"a": "\xff"}', Failure.BROKEN_STREAM),
        (b"<html>", Failure.WRONG_SERVER),
        (b"[1]", Failure.WRONG_SERVER),
        (b"", Failure.WRONG_SERVER),
        (b'{"a":' + b"[" * 100_000, Failure.BROKEN_STREAM),
    ],
)
def test_a_line_that_is_no_object_has_a_name(line: bytes, kind: Failure) -> None:
    with pytest.raises(ModelFailure) as caught:
        parse_object(line)
    assert caught.value.kind is kind


# --- questions ------------------------------------------------------------------------------------------------------


def test_a_question_holds_what_must_always_be_sent_and_nothing_that_reloads() -> None:
    payload, left_out = chat_payload(
        question(
            options={"temperature": 0.2, "seed": 3, "stop": "END", "num_batch": 64, "shift": 1, "keep_alive": 3, "num_ctx": 9}
        ),
        stream=False,
    )
    assert payload == {
        "model": "gemma3:1b",
        "messages": [{"role": "system", "content": "Answer in JSON."}, {"role": "user", "content": "We hire."}],
        "stream": False,
        "truncate": False,
        "think": False,
        "format": {"type": "object"},
        "options": {"temperature": 0.2, "seed": 3, "stop": ["END"], "num_ctx": 2048, "num_predict": 24},
    }
    assert set(left_out) == {"num_batch", "shift", "keep_alive", "num_ctx"}


def test_a_question_without_schema_has_no_format_and_never_an_open_cap() -> None:
    payload, _ = chat_payload(question(schema=None, max_tokens=0), stream=True)
    assert "format" not in payload
    assert payload["options"]["num_predict"] == 1
    assert payload["stream"] is True


def test_probabilities_are_asked_for_where_the_options_say_so() -> None:
    payload, left_out = chat_payload(question(options={"logprobs": 1, "top_logprobs": 5}), stream=False)
    assert payload["logprobs"] is True
    assert payload["top_logprobs"] == 5
    assert left_out == []


def test_a_question_for_a_label_wants_probabilities_and_no_grammar() -> None:
    payload, left_out = chat_payload(question(labels=("yes", "no"), max_tokens=3, options={"top_logprobs": 5}), stream=False)
    assert "format" not in payload, "its mask would leave nothing but the labels to read"
    assert (payload["logprobs"], payload["top_logprobs"]) == (True, 20)
    assert payload["options"] == {"num_ctx": 2048, "num_predict": 3}
    assert left_out == []


@pytest.mark.parametrize("messages", [(), (Message("system", "be good"),), (Message("user", " \n\t"),)])
def test_a_question_without_text_is_refused_before_the_server_takes_it_for_a_load(messages: tuple[Message, ...]) -> None:
    with pytest.raises(ModelFailure) as caught:
        chat_payload(question(messages=messages), stream=False)
    assert caught.value.kind is Failure.EMPTY


def test_only_the_load_carries_keep_alive() -> None:
    assert load_payload("m", 4096, -1)["keep_alive"] == -1
    assert load_payload("m", 4096, -1)["options"] == {"num_ctx": 4096}
    assert "keep_alive" not in chat_payload(question(), stream=False)[0]


# --- answers --------------------------------------------------------------------------------------------------------


def test_an_answer_is_all_its_pieces_and_the_last_may_hold_text() -> None:
    reply = answer_of(event('{"k"'), event(": "), end(content="1}", prompt_eval_count=512, eval_count=24))
    assert reply.text == '{"k": 1}'
    assert (reply.done_reason, reply.digest, reply.server_version) == ("stop", "d", "1.0.0")
    assert (reply.usage.prompt_tokens, reply.usage.output_tokens) == (512, 24)


def test_nanoseconds_become_milliseconds_and_a_missing_metric_is_zero() -> None:
    usage = usage_of({"total_duration": 412_000_000, "load_duration": 31_000_000, "prompt_eval_duration": 90_500_000})
    assert (usage.total_ms, usage.load_ms, usage.prompt_ms, usage.output_ms) == (412.0, 31.0, 90.5, 0.0)
    assert usage.queue_ms == pytest.approx(290.5)


@given(st.one_of(st.none(), st.text(), st.booleans(), st.floats(), st.integers(), st.lists(st.integers())))
def test_no_metric_can_break_the_figures(value: Any) -> None:
    usage = usage_of({"total_duration": value, "prompt_eval_count": value, "eval_count": value})
    assert math.isfinite(usage.total_ms)
    assert usage.prompt_tokens >= 0


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([], Failure.NOT_DONE),
        ([event('{"k":')], Failure.NOT_DONE),
        ([event("......" * 40)], Failure.REPEATED_TOKENS),
        ([event("{\n" + " " * 200)], Failure.REPEATED_TOKENS),
        ([event("go"), *[event("")] * 31], Failure.REPEATED_TOKENS),
        ([event("go"), *[event(" no")] * 31], Failure.REPEATED_TOKENS),
        ([end("length", '{"k')], Failure.LENGTH),
        ([end("load")], Failure.EMPTY),
        ([end("unload")], Failure.EMPTY),
        ([end("stop", " \n")], Failure.EMPTY),
        ([end(None, "{}")], Failure.NOT_DONE),
        ([end("aborted", "{}")], Failure.NOT_DONE),
        ([{"done": "true", "done_reason": "stop", "message": {"content": "{}"}}], Failure.NOT_DONE),
        ([{"done": True, "done_reason": "stop", "message": "{}"}], Failure.EMPTY),
    ],
)
def test_every_end_that_is_no_answer_has_a_name(events: list[dict[str, Any]], kind: Failure) -> None:
    assert failure_of(*events).kind is kind


def test_what_came_instead_of_an_answer_is_kept() -> None:
    assert failure_of(event('{"ha'), end("length", "lf")).raw == '{"half'


def test_nothing_after_the_end_changes_the_answer() -> None:
    assert answer_of(end(content="{}", eval_count=2), event("more")).text == "{}"


@pytest.mark.parametrize(
    ("text", "repeats"),
    [
        ("no" * 30, True),
        ("ab cd " * 40, True),
        ("\n" * 30, True),
        ("a long and healthy text " * 2, False),
        ("", False),
        ("." * 29, False),
    ],
)
def test_repeats_are_seen_at_the_end_of_a_text(text: str, repeats: bool) -> None:
    assert ends_in_repeats(text) is repeats


def test_probabilities_of_all_pieces_are_joined() -> None:
    reply = answer_of(event("y", logprobs=[{"token": "y", "logprob": -0.1}]), end(content="es", logprobs=[{"token": "es"}]))
    assert [row["token"] for row in reply.logprobs] == ["y", "es"]


def test_a_label_may_end_at_its_cap_and_be_blank() -> None:
    def answered(*events: dict[str, Any]) -> Any:
        reader = AnswerReader("m", ("yes", "no"))
        for one in events:
            reader.take(one)
        return reader.reply(digest="d", server_version="1.0.0")

    shown = [{"token": "\n", "logprob": -0.1}]
    assert answered(end("length", "Yes, it", logprobs=shown)).done_reason == "length"
    assert answered(end("stop", "yes")).done_reason == "stop"
    assert answered(end("length", "\n", logprobs=shown)).logprobs == tuple(shown)
    for events, kind in (
        ((end("length", " "),), Failure.EMPTY),
        ((end("load", logprobs=shown),), Failure.EMPTY),
        ((event("yes", logprobs=shown),), Failure.NOT_DONE),
        ((end("abort", "yes", logprobs=shown),), Failure.NOT_DONE),
    ):
        with pytest.raises(ModelFailure) as caught:
            answered(*events)
        assert caught.value.kind is kind


# --- lists of models ------------------------------------------------------------------------------------------------


def test_a_digest_is_found_however_the_name_is_spelt() -> None:
    catalog = read_catalog(
        {"models": [{"name": "Gemma3:latest", "digest": "abc"}, {"model": "nomic:v1", "digest": "def"}]}, 1.0
    )
    assert catalog.digest("gemma3") == "abc"
    assert catalog.digest("NOMIC:V1") == "def"
    assert catalog.digest("nomic") is None


def test_models_that_run_elsewhere_are_noticed_and_odd_rows_left_out() -> None:
    rows = [{"name": "mine", "digest": "a", "remote_host": "https://far.example"}, "odd", {"digest": "nameless"}]
    catalog = read_catalog({"models": rows}, 0.0)
    assert catalog.remote == {"mine:latest"}
    assert dict(catalog.models) == {"mine": "a"}
    assert read_catalog({"models": None}, 0.0).models == {}


@pytest.mark.parametrize("answer", [{}, {"models": "many"}, {"models": {"a": 1}}])
def test_a_list_of_another_shape_is_another_server(answer: dict[str, Any]) -> None:
    with pytest.raises(ModelFailure) as caught:
        read_catalog(answer, 0.0)
    assert caught.value.kind is Failure.WRONG_SERVER


def test_loaded_models_and_details_are_read() -> None:
    (one,) = read_loaded({"models": [{"name": "m", "digest": "d", "size": 200, "size_vram": 50, "context_length": 2048}]})
    assert (one.on_gpu, one.num_ctx) == (0.25, 2048)
    info = {"general.architecture": "gemma3", "gemma3.context_length": 32768}
    details = read_details({"details": {"quantization_level": "Q4_K_M"}, "model_info": info, "capabilities": ["completion"]})
    assert (details.trained_ctx, details.quantization, details.capabilities) == (32768, "Q4_K_M", {"completion"})
    assert read_details({}).trained_ctx == 0


# --- vectors --------------------------------------------------------------------------------------------------------


def test_vectors_come_as_unit_float32_in_order() -> None:
    vectors = read_vectors({"embeddings": [[0.6, 0.8], [1.0005, 0.0]]}, 2, model="m")
    assert vectors.dtype == np.float32
    assert vectors.shape == (2, 2)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert vectors[0].tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize(
    "rows",
    [
        None,
        [[1.0, 0.0]],
        [[1.0, 0.0], [1.0]],
        [[], []],
        [[1.0, 0.0], [0.5, 0.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [float("nan"), 1.0]],
        [[1.0, 0.0], [None, 1.0]],
        [[1.0, 0.0], "text"],
        [1.0, 0.0],
        [[[1.0]], [[1.0]]],
        [[1.0, 0.0], [10**400, 1.0]],
    ],
)
def test_a_wrong_vector_never_comes_through(rows: Any) -> None:
    with pytest.raises(ModelFailure) as caught:
        read_vectors({"embeddings": rows}, 2, model="m")
    assert caught.value.kind is Failure.BAD_VECTOR
