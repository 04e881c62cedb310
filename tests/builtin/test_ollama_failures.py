"""Each status and error text that servers in the field send, and the failure that leadd makes of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadd.api import Failure
from leadd.builtin.ollama.failures import error_text, failure_of_line, failure_of_status

BUSY = "server busy, please try again.  maximum pending requests exceeded"
NESTED = json.dumps(
    {
        "error": {
            "code": 400,
            "message": "the request exceeds the available context size, try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 5120,
            "n_ctx": 2048,
        }
    }
)


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, "missing request body", Failure.BAD_REQUEST),
        (400, "model is required", Failure.BAD_REQUEST),
        (400, '"nomic-embed-text" does not support chat', Failure.MISSING_CAPABILITY),
        (400, '"gemma3:1b" does not support thinking', Failure.MISSING_CAPABILITY),
        (400, "the input length exceeds the context length", Failure.TOO_LONG),
        (400, "input length exceeds maximum context length", Failure.TOO_LONG),
        (400, NESTED, Failure.TOO_LONG),
        (400, "model runner has unexpectedly stopped, this may be due to resource limitations", Failure.CRASHED),
        (404, "model 'x' not found", Failure.MISSING_MODEL),
        (404, 'model "x" not found, try pulling it first', Failure.MISSING_MODEL),
        (500, 'option "num_ctx" must be of type integer', Failure.BAD_REQUEST),
        (500, "invalid format: expected string or object", Failure.BAD_REQUEST),
        (500, "invalid JSON schema in format", Failure.BAD_REQUEST),
        (500, "model requires more system memory (9.1 GiB) than is available (3.2 GiB)", Failure.OUT_OF_MEMORY),
        (500, "llama-server process has terminated: cudaMalloc failed: out of memory", Failure.OUT_OF_MEMORY),
        (500, "llama-server hit an out-of-memory during startup", Failure.OUT_OF_MEMORY),
        (500, "an error was encountered while running the model: failed to allocate buffer", Failure.OUT_OF_MEMORY),
        (500, "llama-server process has terminated: exit status 1", Failure.LOADING_FAILED),
        (500, "timed out waiting for llama-server to start", Failure.LOAD_STALLED),
        (500, "timed out waiting for llama runner to start - progress 0.40", Failure.LOAD_STALLED),
        (500, "model runner has unexpectedly stopped, this may be due to resource limitations", Failure.CRASHED),
        (500, "prediction aborted, token repeat limit reached", Failure.REPEATED_TOKENS),
        (500, "something nobody has seen before", Failure.SERVER_ERROR),
        (503, BUSY, Failure.BUSY),
        (429, "slow down", Failure.BUSY),
        (418, "a teapot", Failure.BAD_REQUEST),
        (507, "no room", Failure.SERVER_ERROR),
        (302, "moved", Failure.WRONG_SERVER),
        (204, "nothing", Failure.WRONG_SERVER),
    ],
)
def test_a_status_with_an_error_text_has_one_name(status: int, text: str, kind: Failure) -> None:
    failure = failure_of_status(status, json.dumps({"error": text}).encode(), model="x")
    assert failure.kind is kind
    assert failure.model == "x"
    assert failure.status == status


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, b"404 page not found", Failure.WRONG_SERVER),
        (404, b'{"detail":"Not Found"}', Failure.WRONG_SERVER),
        (404, b'{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}', Failure.WRONG_SERVER),
        (405, b"405 method not allowed", Failure.WRONG_SERVER),
        (403, b"", Failure.FORBIDDEN),
        (401, b"unauthorized", Failure.FORBIDDEN),
        (503, b"<html>upstream", Failure.BUSY),
        (502, b"<html>bad gateway", Failure.UNREACHABLE),
        (500, b"\xff\xfe", Failure.SERVER_ERROR),
        (500, b'{"error":' + b"[" * 100_000, Failure.SERVER_ERROR),
        (400, b'{"error": null}', Failure.BAD_REQUEST),
    ],
)
def test_a_status_without_an_error_text_has_one_too(status: int, body: bytes, kind: Failure) -> None:
    assert failure_of_status(status, body).kind is kind


def test_the_wait_that_a_busy_server_asks_for_is_kept() -> None:
    assert failure_of_status(503, b'{"error":"server busy"}', after_s=7.0).after_s == 7.0


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("an error was encountered while running the model: unexpected EOF", Failure.CRASHED),
        ("an error was encountered while running the model: CUDA error: out of memory", Failure.OUT_OF_MEMORY),
        ("pull model manifest: file does not exist", Failure.MISSING_MODEL),
        ("prediction aborted, token repeat limit reached", Failure.REPEATED_TOKENS),
        ("who knows", Failure.SERVER_ERROR),
    ],
)
def test_an_error_line_in_a_stream_has_one_name(text: str, kind: Failure) -> None:
    assert failure_of_line(text, model="x").kind is kind
    assert failure_of_line({"message": text, "type": "api_error"}, model="x").kind is kind


def test_the_message_is_one_printable_line_and_the_raw_text_stays_whole() -> None:
    failure = failure_of_status(500, json.dumps({"error": "bad\x1b[31m\nthing " + "x" * 900}).encode())
    assert failure.message.isprintable()
    assert len(failure.message) <= 300
    assert "x" * 900 in failure.raw


def test_an_error_that_nests_json_in_text_is_read_to_its_words() -> None:
    assert error_text(NESTED) == (
        "the request exceeds the available context size, try increasing it (exceed_context_size_error)"
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "message", "type", "x"]), inner),
    max_leaves=8,
)


@given(status=st.integers(100, 599), value=json_values)
def test_no_answer_can_break_the_naming(status: int, value: object) -> None:
    failure = failure_of_status(status, json.dumps({"error": value}).encode())
    assert isinstance(failure.kind, Failure)
    assert failure.message.isprintable()
    assert failure_of_line(value).message


@given(body=st.binary(max_size=200))
def test_nor_can_any_bytes(body: bytes) -> None:
    assert isinstance(failure_of_status(500, body).kind, Failure)
