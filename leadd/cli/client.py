"""Talking to the daemon over its socket, with nothing but the standard library: it must be quick to import."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from leadd.cli.exits import FAILED, NOT_PERMITTED, TEMPORARY, Ended, NotRunning
from leadd.config.paths import Paths

TIMEOUT_S = 30.0
EXIT_OF = {401: NOT_PERMITTED, 403: NOT_PERMITTED, 429: TEMPORARY, 503: TEMPORARY}
COMMAND_FOR = (
    ("GET /api/leads/", "leadd leads list --all"),
    ("GET /api/icp/", "leadd icp list"),
    ("GET /api/signals", "leadd signals list"),
    ("GET /api/sources", "leadd sources list"),
    ("GET /api/sinks", "leadd sinks list"),
    ("GET /api/deliveries", "leadd deliveries"),
    ("columns=text:", "--column text="),
    ("ask with stream=true to have it written", "say --follow to have it written"),
)
"""The daemon's hints speak of its routes; whoever sits at a command line wants the command."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, paths: Paths, timeout_s: float | None) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._paths = paths

    def connect(self) -> None:
        usual = os.fspath(self._paths.socket_file)
        try:
            self.sock = self._reach(usual)
        except (FileNotFoundError, ConnectionRefusedError):
            # The settings may have put the socket elsewhere; the daemon wrote down where.
            named = owner_of(self._paths).get("socket")
            if not isinstance(named, str) or named in {"", usual}:
                raise
            self.sock = self._reach(named)

    def _reach(self, path: str) -> socket.socket:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            found.settimeout(self.timeout)
            found.connect(path)
        except BaseException:
            found.close()
            raise
        return found


class BodyUnreadable(Exception):
    """What was to be uploaded could not be read to its end; the message says what and why."""


class Client:
    """One daemon, reached by its Unix socket; on Windows by TCP with the token."""

    def __init__(self, paths: Paths | None = None) -> None:
        self.paths = paths or Paths.from_environment()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer of a GET. Keys of `query` that are None are left out. Raises NotRunning and Ended."""
        return self.ask("GET", path, query=query)

    def post(self, path: str, body: Any = None, *, timeout_s: float | None = TIMEOUT_S, **query: Any) -> Any:
        """The JSON answer of a POST with a JSON body."""
        return self.ask("POST", path, body={} if body is None else body, query=query, timeout_s=timeout_s)

    def ask(
        self, method: str, path: str, *, body: Any = None, query: dict[str, Any] | None = None,
        timeout_s: float | None = TIMEOUT_S,
    ) -> Any:  # fmt: skip
        """One exchange. Raises NotRunning where nobody answers, Ended with the daemon's words where it refuses."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}
        return self._exchange(method, _with_query(path, query), data, headers, timeout_s)

    def upload(self, path: str, body: Iterator[bytes], content_type: str, **query: Any) -> Any:
        """Send a body in pieces as they come; the JSON answer. BodyUnreadable out of `body` passes through."""
        return self._exchange("POST", _with_query(path, query), body, {"Content-Type": content_type}, None)

    def stream(self, path: str, body: Any) -> Iterator[dict[str, Any]]:
        """The lines of a POST's NDJSON answer as they come, however long that takes. Raises as `ask` does."""
        return self._lines("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """The lines of a GET's NDJSON answer as they come, however long that takes. Raises as `ask` does."""
        return self._lines("GET", path, None, {})

    def _lines(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Iterator[dict[str, Any]]:
        with self._connected(headers, None) as connection:
            connection.request(method, quote(path), body=body, headers=headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                _read(answer)
            while line := answer.readline():
                try:
                    found = json.loads(line)
                except ValueError:
                    return  # cut off in the middle: the caller misses the last line
                if isinstance(found, dict):
                    yield found

    def events(self, path: str, **query: Any) -> Iterator[tuple[str, Any]]:
        """Kind and data of each server-sent event as it comes, however long that takes. Raises as `ask` does.

        A stream that ends is no error, not even in the middle: the caller knows which event is the last.
        """
        headers = {"Accept": "text/event-stream"}
        with self._connected(headers, None) as connection:
            connection.request("GET", _with_query(path, query), headers=headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                _read(answer)
            kind = ""
            while line := _line_of(answer):
                name, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    try:
                        found = json.loads(value)
                    except ValueError:
                        return  # cut off in the middle
                    yield kind, found

    def running(self) -> bool:
        """True where a daemon answers."""
        try:
            self.get("/livez")
        except Ended:
            return False
        return True

    def _exchange(self, method: str, path: str, body: Any, headers: dict[str, str], timeout_s: float | None) -> Any:
        with self._connected(headers, timeout_s) as connection:
            try:
                connection.request(method, path, body=body, headers=headers, encode_chunked=isinstance(body, Iterator))
            except (BrokenPipeError, ConnectionResetError):
                # It may have refused a body in the middle; then its answer is there to be read.
                if connection.sock is None:
                    raise
            return _read(connection.getresponse())

    @contextmanager
    def _connected(self, headers: dict[str, str], timeout_s: float | None) -> Iterator[http.client.HTTPConnection]:
        """A connection for one exchange; what breaks it is raised as NotRunning or Ended."""
        connection = self._connection(timeout_s, headers)
        try:
            yield connection
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning from None
        except PermissionError:
            raise Ended("the daemon belongs to another user", code=NOT_PERMITTED) from None
        except TimeoutError:
            raise Ended("the daemon did not answer in time", hint="leadd logs shows what it does", code=TEMPORARY) from None
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise Ended(f"the connection to the daemon broke: {reason}", hint="leadd status tells whether it runs") from None
        finally:
            connection.close()

    def _connection(self, timeout_s: float | None, headers: dict[str, str]) -> http.client.HTTPConnection:
        if sys.platform != "win32":
            return _UnixConnection(self.paths, timeout_s)
        try:
            token = self.paths.token_file.read_text().strip()
        except OSError:
            raise NotRunning from None
        headers["Authorization"] = f"Bearer {token}"
        return http.client.HTTPConnection("127.0.0.1", int(os.environ.get("LEADD_PORT", "8000")), timeout=timeout_s)


def owner_of(paths: Paths) -> dict[str, Any]:
    """What the daemon that last took the lock wrote of itself: pid, version, started_at, socket. Empty if unreadable."""
    try:
        with open(paths.lock_file, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _line_of(answer: http.client.HTTPResponse) -> bytes:
    """The next line; empty at the end, also where the daemon went away in the middle."""
    try:
        return answer.readline()
    except (OSError, http.client.HTTPException):
        return b""


def _read(answer: http.client.HTTPResponse) -> Any:
    raw = answer.read()
    try:
        data = json.loads(raw) if raw else None
    except ValueError:
        data = None
    if answer.status >= 400:
        error = (data or {}).get("error", {}) if isinstance(data, dict) else {}
        message = error.get("message") or f"the daemon answered {answer.status}"
        raise Ended(message, hint=_hint(error.get("hint") or ""), code=EXIT_OF.get(answer.status, FAILED))
    return data


def _hint(said: str) -> str:
    if "/openapi.json" in said:
        return ""
    for route, command in COMMAND_FOR:
        said = said.replace(route, command)
    return said


def _with_query(path: str, query: dict[str, Any] | None) -> str:
    kept = {k: v for k, v in (query or {}).items() if v is not None}
    path = quote(path)
    return f"{path}?{urlencode(kept)}" if kept else path
