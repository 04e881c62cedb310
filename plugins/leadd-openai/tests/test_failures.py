"""Each status and error text that servers in the field send, and the failure that leadd makes of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from leadd_openai.failures import error_text, failure_of_error, failure_of_status, says_loading
from leadd_openai.wire import retry_after_s

from leadd.api import Failure

LLAMACPP_TOO_LONG = {
    "code": 400, "message": "request (8031 tokens) exceeds the available context size (2048 tokens), try increasing it",
    "type": "exceed_context_size_error", "n_prompt_tokens": 8031, "n_ctx": 2048,
}  # fmt: skip
LMSTUDIO_TOO_LONG = (
    "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only "
    "4096 tokens, which is not enough."
)
VLLM_TOO_LONG = {
    "message": "This model's maximum context length is 4096 tokens. However, your request has 9000 input tokens.",
    "type": "BadRequestError", "param": "input_tokens", "code": 400,
}  # fmt: skip
NO_ROOM = 'Failed to load model "x". Error: Model loading was stopped due to insufficient system resources.'


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, LLAMACPP_TOO_LONG, Failure.TOO_LONG),
        (400, LMSTUDIO_TOO_LONG, Failure.TOO_LONG),
        (400, VLLM_TOO_LONG, Failure.TOO_LONG),
        (400, {"message": "too long", "code": "context_length_exceeded"}, Failure.TOO_LONG),
        (500, "input (3001 tokens) is too large to process. increase the physical batch size", Failure.TOO_LONG),
        (400, NO_ROOM, Failure.OUT_OF_MEMORY),
        (500, "CUDA out of memory. Tried to allocate 2.00 GiB", Failure.OUT_OF_MEMORY),
        (503, "ggml: failed to allocate buffer", Failure.OUT_OF_MEMORY),
        (400, 'Failed to load model "x". Error: Error loading model.', Failure.LOADING_FAILED),
        (500, "model name=x failed to load", Failure.LOADING_FAILED),
        (400, "Model unloaded.", Failure.CRASHED),
        (500, "Compute error.", Failure.CRASHED),
        (500, {"message": "EngineCore encountered an issue. See stack trace (above) for the root cause."}, Failure.CRASHED),
        (500, "The model has crashed without additional information. (Exit code: 6)", Failure.CRASHED),
        (
            404,
            {"message": 'Model "x" not found. Please specify a valid model.', "code": "model_not_found"},
            Failure.MISSING_MODEL,
        ),
        (404, {"message": "The model `x` does not exist.", "type": "NotFoundError"}, Failure.MISSING_MODEL),
        (404, "No models loaded. Please load a model in the developer page", Failure.MISSING_MODEL),
        (400, {"code": 400, "message": "model 'x' not found", "type": "invalid_request_error"}, Failure.MISSING_MODEL),
        (400, 'Invalid model identifier "x". Please specify a valid downloaded model', Failure.MISSING_MODEL),
        (404, {"message": "File Not Found", "type": "not_found_error", "code": 404}, Failure.WRONG_SERVER),
        (501, "This server does not support embeddings. Start it with `--embeddings`", Failure.MISSING_CAPABILITY),
        (400, "The model does not support Embeddings API", Failure.MISSING_CAPABILITY),
        (503, {"message": "Loading model", "type": "unavailable_error", "code": 503}, Failure.BUSY),
        (503, "no slot available", Failure.BUSY),
        (429, "Rate limit reached", Failure.BUSY),
        (429, {"message": "You exceeded your current quota", "code": "insufficient_quota"}, Failure.FORBIDDEN),
        (401, {"message": "Invalid API Key", "type": "authentication_error"}, Failure.FORBIDDEN),
        (403, "no", Failure.FORBIDDEN),
        (413, "body too large", Failure.TOO_LONG),
        (422, "unprocessable", Failure.BAD_REQUEST),
        (400, "'response_format.type' must be 'json_schema' or 'text'", Failure.BAD_REQUEST),
        (500, "something nobody has seen before", Failure.SERVER_ERROR),
        (507, "no room", Failure.SERVER_ERROR),
        (302, "moved", Failure.WRONG_SERVER),
    ],
)
def test_a_status_with_an_error_text_has_one_name(status: int, error: object, kind: Failure) -> None:
    failure = failure_of_status(status, json.dumps({"error": error}).encode(), model="x")
    assert failure.kind is kind
    assert failure.model == "x"
    assert failure.message.isprintable()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, b'{"detail":"Not Found"}', Failure.WRONG_SERVER),
        (404, b"404 page not found", Failure.WRONG_SERVER),
        (405, b'{"detail":"Method Not Allowed"}', Failure.WRONG_SERVER),
        (401, b'{"error":"Unauthorized"}', Failure.FORBIDDEN),
        (403, b"", Failure.FORBIDDEN),
        (502, b"<html>bad gateway", Failure.UNREACHABLE),
        (503, b"<html>upstream", Failure.BUSY),
        (504, b"", Failure.UNREACHABLE),
        (422, b'{"detail":[{"loc":["body","response_format"],"msg":"wrong"}]}', Failure.BAD_REQUEST),
        (400, b'{"error": null}', Failure.BAD_REQUEST),
        (500, b"\xff\xfe", Failure.SERVER_ERROR),
        (500, b'{"error":' + b"[" * 100_000, Failure.SERVER_ERROR),
        (200, b"", Failure.WRONG_SERVER),
    ],
)
def test_a_status_without_an_error_text_has_one_too(status: int, body: bytes, kind: Failure) -> None:
    assert failure_of_status(status, body).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "EngineCore encountered an issue.", "type": "InternalServerError", "code": 500}, Failure.CRASHED),
        ({"code": 400, "message": "nobody knows", "type": "invalid_request_error"}, Failure.BAD_REQUEST),
        ({"code": 503, "message": "Loading model"}, Failure.BUSY),
        ("Unexpected endpoint or method. (POST /v1/chat)", Failure.WRONG_SERVER),
        (LMSTUDIO_TOO_LONG, Failure.TOO_LONG),
        ("who knows", Failure.SERVER_ERROR),
    ],
)
def test_an_error_with_status_200_has_one_name(error: object, kind: Failure) -> None:
    assert failure_of_error(error, model="x").kind is kind


def test_a_server_that_loads_is_told_from_a_busy_one() -> None:
    assert says_loading(failure_of_status(503, b'{"error":{"message":"Loading model","code":503}}'))
    assert not says_loading(failure_of_status(503, b'{"error":{"message":"no slot available","code":503}}'))


def test_all_that_a_server_said_stands_in_the_words_of_a_refusal() -> None:
    failure = failure_of_status(422, b'{"detail":[{"loc":["body","STREAM_OPTIONS"],"msg":"extra fields not permitted"}]}')
    assert "stream_options" in failure.words


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": "999999999"}, 86_400.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2020 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "message", "type", "code"]), inner),
    max_leaves=8,
)


@given(status=st.integers(100, 599), value=json_values)
def test_no_answer_can_break_the_naming(status: int, value: object) -> None:
    failure = failure_of_status(status, json.dumps({"error": value}).encode())
    assert isinstance(failure.kind, Failure)
    assert failure.message.isprintable()
    assert failure_of_error(value).message
    assert isinstance(error_text(value), str)


@given(body=st.binary(max_size=200))
def test_nor_can_any_bytes(body: bytes) -> None:
    assert isinstance(failure_of_status(500, body).kind, Failure)
