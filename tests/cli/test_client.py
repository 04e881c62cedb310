"""The client against servers that refuse, hang up or talk nonsense."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leadd.cli.client import BodyUnreadable, Client
from leadd.cli.exits import Ended, NotRunning
from leadd.config.paths import Paths

Serve = Callable[..., Client]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A socket that reads a little and answers with given bytes, once."""
    paths = Paths.under(tmp_path)
    listener = socket.socket(socket.AF_UNIX)
    threads: list[threading.Thread] = []

    def start(answer: bytes, *, read: int = 65_536) -> Client:
        paths.runtime_folder.mkdir(mode=0o700)
        listener.bind(str(paths.socket_file))
        listener.listen()

        def once() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(BrokenPipeError):
                connection.recv(read)
                connection.sendall(answer)

        thread = threading.Thread(target=once, daemon=True)
        thread.start()
        threads.append(thread)
        return Client(paths)

    yield start
    for thread in threads:
        thread.join(10)
    listener.close()


def reply(status: int, body: object) -> bytes:
    raw = json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(raw)) + raw


@pytest.mark.parametrize(("status", "code"), [(400, 1), (401, 77), (403, 77), (404, 1), (429, 75), (500, 1), (503, 75)])
def test_refusals_have_the_daemons_words_and_a_code(serve: Serve, status: int, code: int) -> None:
    client = serve(reply(status, {"error": {"code": "x", "message": "that is not so", "hint": "GET /api/leads/ lists them"}}))
    with pytest.raises(Ended) as ended:
        client.get("/api/leads/1")
    assert ended.value.message == "that is not so"
    assert ended.value.hint == "leadd leads list --all lists them", "a command, not a route"
    assert ended.value.exit_code == code


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
def test_a_connection_that_breaks_is_said_in_plain_words(serve: Serve, answer: bytes) -> None:
    with pytest.raises(Ended, match="connection to the daemon broke") as ended:
        serve(answer).get("/livez")
    assert ended.value.exit_code == 1


def test_an_error_without_json_is_an_error(serve: Serve) -> None:
    client = serve(b"HTTP/1.1 502 X\r\nContent-Length: 4\r\n\r\noops")
    with pytest.raises(Ended, match="answered 502"):
        client.get("/")


def test_a_body_refused_in_the_middle_is_answered_with_the_reason(serve: Serve) -> None:
    client = serve(reply(413, {"error": {"message": "the body is larger than 64 MB", "hint": ""}}), read=100)

    def endless() -> Iterator[bytes]:
        for _ in range(400):
            yield b"x" * 65_536

    with pytest.raises(Ended, match="larger than 64 MB"):
        client.upload("/api/ingest/signals", endless(), "application/x-ndjson")


def test_a_body_that_cannot_be_read_is_no_fault_of_the_daemon(serve: Serve) -> None:
    client = serve(b"", read=1)

    def broken() -> Iterator[bytes]:
        # nothing is sent before: a server that has read enough may hang up first, which is another failure
        yield from ()
        raise BodyUnreadable("the disk is gone")

    with pytest.raises(BodyUnreadable, match="the disk is gone"):
        client.upload("/", broken(), "text/csv")


def test_a_socket_file_without_a_daemon_is_no_daemon(tmp_path: Path) -> None:
    paths = Paths.under(tmp_path)
    paths.runtime_folder.mkdir(mode=0o700)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(paths.socket_file))
    left.close()
    with pytest.raises(NotRunning):
        Client(paths).get("/livez")
