"""The server: errors in one shape, limits, listeners, and its end."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import socket
import sys

import pytest

from leadd.control.call import Limits
from leadd.control.listening import ListenError, SocketTaken, bind_port, bind_socket, port_owner
from leadd.control.router import Route, Router
from leadd.control.server import ControlServer


def parts(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head.lower(), body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/leads/abc", 404, "not_found"),
        ("GET", "/api/leads/-1", 404, "not_found"),
        ("GET", "/api/leads/9999999999999999999", 404, "not_found"),
        ("GET", "/api/leads/1/2/3/4", 404, "not_found"),
        ("GET", "/api/sources/%2e%2e%2fetc", 404, "not_found"),
        ("GET", "/health/%zz", 404, "not_found"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("PUT", "/api/leads/", 405, "method_not_allowed"),
        ("OPTIONS", "/api/leads/", 405, "method_not_allowed"),
        ("TRACE", "/health", 405, "method_not_allowed"),
        ("GET", "/health?x=1", 422, "invalid"),
        ("GET", "/api/leads/?limit=0", 422, "invalid"),
        ("GET", "/api/leads/?limit=1&limit=2", 422, "invalid"),
        ("GET", "/api/leads/?limitt=1", 422, "invalid"),
        ("GET", "/api/leads/?bucket=hot", 422, "invalid"),
        ("GET", "/api/leads/search", 422, "invalid"),
        ("DELETE", "/api/icp/x", 404, "not_found"),
    ],
)
async def test_every_error_has_the_same_shape(served, method, path, status, code):
    head = f"{method} {path} HTTP/1.1\r\nHost: leadd\r\nConnection: close\r\n\r\n"
    got, headers, body = parts(await served.raw(head.encode(), unix=True))
    assert got == status
    assert b"content-type: application/json" in headers
    error = json.loads(body)["error"]
    assert error.keys() == {"code", "message", "hint"}
    assert error["code"] == code
    if status == 405:
        assert b"allow: " in headers


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(500)) + b"\r\n",
        b"POST /api/rejudge HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/rejudge HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    ],
)
async def test_what_is_no_http_gets_an_error_and_no_traceback(served, data):
    answer = await served.raw(data, unix=True)
    status, headers, body = parts(answer)
    assert status == 400
    assert json.loads(body)["error"]["code"] == "bad_request"
    assert b"Traceback" not in answer
    assert b"server: leadd" in headers


async def test_head_answers_without_a_body_and_slashes_do_not_matter(served):
    for path in ("/health", "/health/", "/api/leads", "/api/leads/"):
        head = f"HEAD {path} HTTP/1.1\r\nHost: leadd\r\nConnection: close\r\n\r\n"
        status, _, body = parts(await served.raw(head.encode(), unix=True))
        assert status == 200
        assert body == b""
    stream = b"HEAD /api/events HTTP/1.1\r\nHost: leadd\r\nConnection: close\r\n\r\n"
    assert parts(await served.raw(stream, unix=True))[0] == 405


async def test_no_answer_lets_another_site_read_it_or_is_kept(served):
    async with served.unix.get("http://leadd/livez") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "leadd"
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_a_body_above_the_limit_is_refused_announced_or_not(serve):
    served = await serve(limits=Limits(body_bytes=1000, linger_s=0.1))
    big = b'{"signal_text": "' + b"x" * 2000 + b'"}'
    head = b"POST /api/classify/signal HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    announced = head + b"Content-Length: %d\r\n\r\n" % len(big)
    status, headers, body = parts(await served.raw(announced, unix=True))  # before a byte of it was sent
    assert status == 413
    assert b"connection: close" in headers
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (len(big), big)
    status, _, body = parts(await served.raw(chunked, unix=True))
    assert status == 413
    assert json.loads(body)["error"]["code"] == "too_large"


async def test_packed_bodies_are_refused_whatever_is_in_them(served):
    bomb = gzip.compress(b" " * 50_000_000)
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, identity"):
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        async with served.unix.post("http://leadd/api/classify/signal", data=bomb, headers=headers, compress=False) as answer:
            assert answer.status == 415
            assert (await answer.json())["error"]["code"] == "packed"


async def test_a_request_head_that_never_ends_is_cut(serve):
    served = await serve(limits=Limits(head_s=0.3))
    for begin in (b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n"):
        reader, writer = await asyncio.open_unix_connection(str(served.house.paths.socket_file))
        writer.write(begin)
        assert await reader.read() == b""
        writer.close()


async def test_a_body_that_stops_coming_is_cut(serve):
    served = await serve(limits=Limits(read_idle_s=0.2, linger_s=0.1))
    head = b"POST /api/classify/signal HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"
    status, headers, body = parts(await served.raw(head, unix=True))
    assert (status, json.loads(body)["error"]["code"]) == (408, "too_slow")
    assert b"connection: close" in headers


async def test_a_body_that_drips_is_cut(serve):
    served = await serve(limits=Limits(read_idle_s=5, read_total_s=0.3))
    reader, writer = await asyncio.open_unix_connection(str(served.house.paths.socket_file))
    writer.write(
        b"POST /api/classify/signal HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )

    async def drip():
        while True:
            writer.write(b" ")
            await asyncio.sleep(0.02)

    dripping = asyncio.ensure_future(drip())
    try:
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    finally:
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        writer.transport.abort()


async def test_one_connection_more_than_the_limit_is_told_so(serve):
    served = await serve(limits=Limits(connections=3))
    open_ones = [await asyncio.open_unix_connection(str(served.house.paths.socket_file)) for _ in range(3)]
    for _, writer in open_ones:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    for reader, _ in open_ones:
        await reader.readuntil(b"}")
    status, _, body = parts(await served.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", unix=True))
    assert (status, json.loads(body)["error"]["code"]) == (503, "too_many_connections")
    # the other listener has its own count, so a full TCP port never locks the owner out of the socket
    async with served.http.get(served.base + "/livez", headers=served.bearer) as answer:
        assert answer.status == 200
    for _, writer in open_ones:
        writer.close()
    while served.server._gates[0].connections:
        await asyncio.sleep(0.01)
    assert (await served.json("GET", "/livez"))["status"] == "ok"


async def test_expect_continue_is_answered_before_the_body_is_sent(serve):
    served = await serve(limits=Limits(linger_s=0.1))
    reader, writer = await asyncio.open_unix_connection(str(served.house.paths.socket_file))
    body = b'{"signal_text": "hello"}'
    writer.write(
        b"POST /api/classify/signal HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    refused = (
        b"POST /api/classify/signal HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
        b"Content-Length: 999999999\r\n\r\n"
    )
    assert (await served.raw(refused, unix=True)).startswith(b"HTTP/1.1 413")
    odd = b"POST /api/rejudge HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n"
    assert (await served.raw(odd, unix=True)).startswith(b"HTTP/1.1 417")


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "POST /api/classify/cache/clear HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
        'Connection: close\r\n\r\n{"a":1}',
        "POST /api/classify/cache/clear HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        "POST /api/classify/signal HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    ],
)
async def test_a_body_where_none_is_taken_or_of_no_type_is_an_error(served, request_text):
    status, _, _ = parts(await served.raw(request_text.encode(), unix=True))
    assert status in (400, 415, 422)


async def test_an_optional_body_may_be_left_out(served):
    assert (await served.json("POST", "/api/rejudge"))["count"] == 4
    assert (await served.json("POST", "/api/rejudge", json={"method": "model"}))["count"] == 4
    assert (await served.json("POST", "/api/signals/retry", json={"ids": [3]}))["count"] == 2
    assert served.house.core.called == [("rejudge", "evidence"), ("rejudge", "model"), ("retry_held", (3,))]
    await served.json("POST", "/api/signals/retry", json={"id": 3}, status=422)


# -- listeners --


async def test_a_taken_port_is_degraded_with_its_owner_and_the_socket_works(serve):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        served = await serve(port=other.getsockname()[1])
        assert served.server.port is None
        assert (await served.json("GET", "/livez"))["status"] == "ok"
        assert len(served.server.degraded) == 1
        assert f"port {other.getsockname()[1]} is taken" in served.server.degraded[0]
    if sys.platform == "linux":
        assert f"(pid {os.getpid()})" in served.server.degraded[0]


def test_who_holds_a_port_is_read_from_proc(tmp_path):
    (tmp_path / "net").mkdir()
    row = "  sl local rem st\n   0: 0100007F:1F40 00000000:0000 {} 00000000:00000000 00:00000000 00000000 0 0 777 1\n"
    (tmp_path / "net" / "tcp").write_text(row.format("0A"))
    (tmp_path / "12" / "fd").mkdir(parents=True)
    (tmp_path / "12" / "comm").write_text("uvicorn\n")
    (tmp_path / "12" / "fd" / "4").symlink_to("socket:[777]")
    assert port_owner(8000, tmp_path) == "uvicorn (pid 12)"
    assert port_owner(8001, tmp_path) is None
    (tmp_path / "net" / "tcp").write_text(row.format("01"))
    assert port_owner(8000, tmp_path) is None
    assert port_owner(8000, tmp_path / "nothing") is None


async def test_a_socket_that_answers_is_never_replaced(serve):
    served = await serve()
    second = ControlServer(served.house)
    with pytest.raises(SocketTaken):
        await second.open()
    await second.close(0)
    assert (await served.json("GET", "/livez"))["status"] == "ok"


def test_what_a_killed_daemon_left_is_replaced(home):
    path = home / "run" / "leadd.sock"
    bind_socket(path).close()  # the file stays, nobody listens
    assert path.exists()
    with bind_socket(path) as sock:
        assert sock.getsockname() == str(path)


def test_a_file_that_is_no_socket_is_never_removed(home):
    (home / "run").mkdir(mode=0o700)
    path = home / "run" / "leadd.sock"
    path.write_text("mine")
    with pytest.raises(ListenError, match="is no socket"):
        bind_socket(path)
    assert path.read_text() == "mine"


def test_a_folder_of_others_is_refused_and_an_own_one_made_private(home):
    open_folder = home / "shared"
    open_folder.mkdir()
    open_folder.chmod(0o755)
    with pytest.raises(ListenError, match="other users"):
        bind_socket(open_folder / "leadd.sock", own_folder=False)
    assert not (open_folder / "leadd.sock").exists()
    bind_socket(open_folder / "leadd.sock", own_folder=True).close()
    assert open_folder.stat().st_mode & 0o777 == 0o700
    (home / "link").symlink_to(open_folder)
    with pytest.raises(ListenError):
        bind_socket(home / "link" / "leadd.sock", own_folder=True)


def test_a_path_that_is_too_long_says_so(home):
    with pytest.raises(ListenError, match="too long"):
        bind_socket(home / ("x" * 120) / "leadd.sock")


def test_a_host_that_is_not_here_says_so():
    with pytest.raises(ListenError):
        bind_port("203.0.113.7", 0)


async def test_nothing_to_listen_on_is_an_error(serve, home):
    def no_socket(house):
        house.paths.runtime_folder.parent.mkdir(parents=True)
        house.paths.runtime_folder.write_text("a file in the way")

    with pytest.raises(ListenError):
        await serve(tune=no_socket, enabled=False)


async def test_closing_ends_endless_streams_at_once_and_lets_others_finish(serve):
    served = await serve()
    stream = await served.unix.get("http://leadd/api/events")
    slow = asyncio.ensure_future(served.json("POST", "/api/classify/signal", json={"signal_text": "late"}))
    while not served.house.core.under_way:
        await asyncio.sleep(0.01)
    closing = asyncio.ensure_future(served.server.close(5))
    assert (await stream.content.read()).startswith(b"retry:")
    served.house.core.gate.set()
    assert (await slow)["status"] == "ok"
    await closing
    assert served.server.listening == []
    stream.close()
    with pytest.raises(OSError):
        await asyncio.open_unix_connection(str(served.house.paths.socket_file))


async def test_closing_cuts_what_does_not_end_within_the_grace(serve):
    served = await serve()
    slow = asyncio.ensure_future(served.json("POST", "/api/classify/signal", json={"signal_text": "late"}))
    while not served.house.core.under_way:
        await asyncio.sleep(0.01)
    await served.server.close(0.1)
    with pytest.raises(Exception, match="isconnect"):
        await slow


# -- the table of routes --


async def noop(call):
    return None


def test_fixed_pieces_win_over_braces_whatever_the_order():
    router = Router([Route("GET", "/a/{name}", "x", "", noop), Route("GET", "/a/search", "y", "", noop)])
    assert router.find("GET", "/a/search").route.area == "y"
    assert router.find("GET", "/a/s%65arch").route.area == "y"
    found = router.find("GET", "/a/b%2Fc%20d")
    assert (found.route.area, found.params) == ("x", {"name": "b/c d"})


def test_two_routes_for_one_path_are_a_mistake():
    with pytest.raises(ValueError, match="two routes"):
        Router([Route("GET", "/a/", "x", "", noop), Route("GET", "/a", "y", "", noop)])
