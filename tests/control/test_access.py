"""Who may ask: token, Host, Origin, other users; every rule against every route, and the rules must be able to fail."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from leadd.control import access, connections, server
from leadd.control.access import AccessRules, allowed_hosts, is_loopback, load_token

GOOD_HOST = "127.0.0.1:{port}"
BAD_HOSTS = [
    b"Host: evil.example",
    b"Host: evil.example:{port}",
    b"Host: 127.0.0.1.evil.example:{port}",
    b"Host: evil.example#127.0.0.1:{port}",
    b"Host: 127.0.0.1:{port}@evil.example",
    b"Host: evil.example@127.0.0.1:{port}",
    b"Host: localhost.:{port}",
    b"Host: localhost",
    b"Host: 127.0.0.1",
    b"Host: 127.0.0.1:",
    b"Host: 127.0.0.1:0{port}",
    b"Host: 127.0.0.1:1",
    b"Host: 127.1:{port}",
    b"Host: 127.0.0.2:{port}",
    b"Host: 2130706433:{port}",
    b"Host: 0x7f000001:{port}",
    b"Host: 0.0.0.0:{port}",
    b"Host: 0:{port}",
    b"Host: [::]:{port}",
    b"Host: [::ffff:127.0.0.1]:{port}",
    b"Host: [0:0:0:0:0:0:0:1]:{port}",
    b"Host: ::1:{port}",
    b"Host: sub.localhost:{port}",
    b"Host: LOCALHOST:{port}.evil.example",
    b"Host: http://127.0.0.1:{port}",
    b"Host: 127.0.0.1:{port}/",
    b"Host: 127.0.0.1:{port}, evil.example",
    b"Host:",
    b"",
    b"Host: 127.0.0.1:{port}\r\nHost: evil.example",
    b"Host: evil.example\r\nHost: 127.0.0.1:{port}",
    b"Host: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}",
    b"Host: \xff127.0.0.1:{port}",
]
BAD_SITES = [
    b"Origin: http://evil.example",
    b"Origin: https://127.0.0.1:{port}",
    b"Origin: http://127.0.0.1:1",
    b"Origin: http://127.0.0.1:{port}.evil.example",
    b"Origin: http://evil.example/http://127.0.0.1:{port}",
    b"Origin: http://127.0.0.1:{port}/",
    b"Origin: null",
    b"Origin:",
    b"Origin: http://127.0.0.1:{port}\r\nOrigin: http://evil.example",
    b"Sec-Fetch-Site: cross-site",
    b"Sec-Fetch-Site: same-site",
    b"Sec-Fetch-Site: something",
    b"Origin: file://",
    b"Origin: http://127.0.0.1:{port}\r\nSec-Fetch-Site: cross-site",
]


def request_bytes(route, port, *lines, token=None, target=None):
    """A raw request for a route, with a body that the route would take."""
    path = target or route.path.replace("{id}", "1").replace("{name}", "inbox")
    head = [
        f"{route.method} {path} HTTP/1.1".encode(),
        *(line.replace(b"{port}", str(port).encode()) for line in lines if line),
    ]
    body = b""
    if route.takes:
        head += [f"Content-Type: {route.takes[0]}".encode()]
        body = b"{}"
    head += [b"Content-Length: %d" % len(body), b"Connection: close"]
    if token:
        head.append(f"Authorization: Bearer {token}".encode())
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


async def matrix(served, routes, hosts, sites, token):
    """Status counts of every combination; the raw answers are checked for CORS headers on the way."""
    found = {}
    for route in routes:
        for host in hosts:
            for site in sites:
                answer = await served.raw(request_bytes(route, served.server.port, host, site, token=token))
                assert b"access-control" not in answer.lower()
                found[route.method, route.path, host, site] = status_of(answer)
    return found


def good(found):
    return {key: status for key, status in found.items() if 200 <= status < 300 or status in (404, 409, 415, 422)}


@pytest.mark.parametrize("auth", ["token", "none"])
async def test_no_wrong_host_reaches_any_route(serve, auth):
    served = await serve(auth=auth)
    for method_route in served.server.routes:
        found = await matrix(served, [method_route], BAD_HOSTS, [b""], served.token)
        assert good(found) == {}, found
        assert set(found.values()) <= {0, 400, 421}


@pytest.mark.parametrize("auth", ["token", "none"])
async def test_no_foreign_site_reaches_any_route(serve, auth):
    served = await serve(auth=auth)
    found = await matrix(served, served.server.routes, [b"Host: localhost:{port}"], BAD_SITES, served.token)
    assert good(found) == {}
    assert set(found.values()) == {403}


async def test_every_wrong_host_with_every_wrong_site(serve):
    """The full square on one route that reads and one that writes; rows and columns alone are tried on all routes above."""
    served = await serve(auth="none")
    routes = [r for r in served.server.routes if (r.method, r.path) in {("GET", "/health"), ("POST", "/api/classify/signal")}]
    assert good(await matrix(served, routes, BAD_HOSTS, BAD_SITES, None)) == {}


async def test_without_the_token_no_route_answers(serve):
    served = await serve(auth="token")
    wrong = [None, "x", served.token[:-1], served.token + "A", served.token.swapcase()]
    for token in wrong:
        for host in (b"Host: 127.0.0.1:{port}", b"Host: localhost:{port}", b"Host: [::1]:{port}"):
            found = await matrix(served, served.server.routes, [host], [b""], token)
            assert set(found.values()) == {401}


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Basic {token}",
        "Authorization: {token}",
        "Authorization: Bearer",
        "Authorization: Bearer {token} {token}",
        "X-Token: {token}",
        "Cookie: token={token}",
        "Authorization: Bearer {token}\r\nAuthorization: Bearer {token}",
        "Authorization: Bearer \udcff",
    ],
)
async def test_the_token_counts_only_in_its_header(serve, header):
    served = await serve(auth="token")
    data = header.format(token=served.token).encode("utf-8", "surrogateescape")
    request = b"GET /livez?token=%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\nConnection: close\r\n\r\n"
    answer = await served.raw(request % (served.token.encode(), served.server.port, data))
    assert status_of(answer) in (400, 401)


async def test_the_right_token_opens_every_route(serve):
    served = await serve(auth="token")
    routes = [r for r in served.server.routes if not r.streams]
    found = await matrix(served, routes, [b"Host: 127.0.0.1:{port}"], [b"", b"Origin: http://localhost:{port}"], served.token)
    assert not {401, 403, 421, 500, 0} & set(found.values()), {k: v for k, v in found.items() if v in (401, 403, 421, 500, 0)}


async def test_none_drops_the_token_but_not_for_stop_and_files(serve):
    served = await serve(auth="none")
    routes = [r for r in served.server.routes if not r.streams]
    found = await matrix(served, routes, [b"Host: 127.0.0.1:{port}"], [b""], None)
    own = {path for (_, path, *_), status in found.items() if status == 401}
    moved = {"/api/classify/cache/export", "/api/classify/cache/import"}
    taught = {"/api/training-data", "/api/tune", "/api/tune/undo"}
    written = {"/api/prompts/{name}/improve", "/api/prompts/{name}/candidate"}
    assert own == {"/api/stop", "/api/ingest/file", "/api/models/pull", *moved, *taught, *written}
    assert served.house.stopped == []
    with_token = await matrix(
        served, [r for r in routes if r.path == "/api/stop"], [b"Host: 127.0.0.1:{port}"], [b""], served.token
    )
    assert set(with_token.values()) == {202}
    assert served.house.stopped


async def test_absolute_form_and_other_targets_are_refused(serve):
    served = await serve(auth="none")
    port = served.server.port
    for target in (f"http://evil.example:{port}/health", f"http://127.0.0.1:{port}/health", "*", "//evil.example/health"):
        for method in ("GET", "OPTIONS"):
            request = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
            assert status_of(await served.raw(request.encode())) in (0, 400, 404, 421), target
    connect = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    assert not 200 <= status_of(await served.raw(connect.encode(), eof=True)) < 300


async def test_a_preflight_is_refused_and_a_websocket_is_none(serve):
    served = await serve(auth="none")
    head = f"Host: 127.0.0.1:{served.server.port}\r\nConnection: close\r\n"
    preflight = f"OPTIONS /api/stop HTTP/1.1\r\n{head}Access-Control-Request-Method: POST\r\n\r\n"
    answer = await served.raw(preflight.encode())
    assert status_of(answer) == 405
    assert b"access-control" not in answer.lower()
    upgrade = (
        f"GET /api/events HTTP/1.1\r\n{head}Upgrade: websocket\r\nOrigin: http://evil.example\r\nSec-WebSocket-Key: x\r\n\r\n"
    )
    assert status_of(await served.raw(upgrade.encode())) == 403


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_what_a_form_can_send_is_never_taken(serve, media):
    served = await serve(auth="none")
    for route in served.server.routes:
        if route.method in ("GET", "DELETE"):
            continue
        path = route.path.replace("{id}", "1").replace("{name}", "inbox")
        for body in ("", '{"signal_text": "x"}'):
            request = (
                f"{route.method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.server.port}\r\nContent-Type: {media}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\nAuthorization: Bearer {served.token}\r\n\r\n{body}"
            )
            assert status_of(await served.raw(request.encode())) == 415, route.path


# -- each rule must be able to fail: without it the same tests find what they look for --


async def test_without_the_host_check_the_matrix_finds_open_routes(serve, monkeypatch):
    monkeypatch.setattr(AccessRules, "_check_host", lambda self, request: None)
    served = await serve(auth="none")
    found = await matrix(served, [served.server.routes[-1]], BAD_HOSTS, [b""], None)
    routes = [r for r in served.server.routes if r.path == "/health"]
    found = await matrix(served, routes, BAD_HOSTS, [b""], None)
    assert good(found)


async def test_without_the_site_check_the_matrix_finds_open_routes(serve, monkeypatch):
    monkeypatch.setattr(AccessRules, "_check_site", lambda self, request: None)
    served = await serve(auth="none")
    routes = [r for r in served.server.routes if r.path == "/health"]
    assert good(await matrix(served, routes, [b"Host: localhost:{port}"], BAD_SITES, None))


async def test_without_the_token_check_the_matrix_finds_open_routes(serve, monkeypatch):
    monkeypatch.setattr(AccessRules, "_has_token", lambda self, request: True)
    served = await serve(auth="token")
    routes = [r for r in served.server.routes if r.path == "/health"]
    assert good(await matrix(served, routes, [b"Host: localhost:{port}"], [b""], None))


# -- the Unix socket --


async def test_socket_and_folder_are_private_under_umask_000(serve):
    before = os.umask(0o000)
    try:
        served = await serve()
    finally:
        os.umask(before)
    path = served.house.paths.socket_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(served.house.paths.token_file.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="bind takes the mode of the descriptor on Linux only")
def test_the_socket_is_0600_at_the_moment_of_bind(home, monkeypatch):
    from leadd.control import listening  # noqa: PLC0415

    seen = []
    monkeypatch.setattr(Path, "chmod", lambda self, mode: seen.append(stat.S_IMODE(os.stat(self).st_mode)))
    (home / "run").mkdir(mode=0o700)
    before = os.umask(0o000)
    try:
        listening.bind_socket(home / "run" / "s.sock").close()
    finally:
        os.umask(before)
    assert seen == [0o600]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_is_refused_by_mode_and_by_credentials(serve):
    served = await serve()
    path = served.house.paths.socket_file
    code = (
        "import os,socket,sys\nos.setgid(65534);os.setuid(65534)\ns=socket.socket(socket.AF_UNIX)\n"
        "try:\n s.connect(sys.argv[1])\nexcept PermissionError:\n print('refused'); sys.exit()\n"
        "try:\n s.sendall(b'GET /livez HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\nexcept OSError: pass\nprint(s.recv(9999).decode())"
    )

    def ask():
        return subprocess.run([sys.executable, "-I", "-c", code, str(path)], capture_output=True, text=True, timeout=30).stdout

    assert (await asyncio.to_thread(ask)).strip() == "refused"
    # even where the modes were opened by hand the other user's id is seen
    for folder in [path.parent, *path.parent.parents]:
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    path.chmod(0o666)
    answer = await asyncio.to_thread(ask)
    assert answer.startswith("HTTP/1.1 403 ")
    assert "not_permitted" in answer


async def test_the_credentials_of_the_peer_decide(serve, monkeypatch):
    served = await serve()
    assert (await served.json("GET", "/livez"))["status"] == "ok"
    monkeypatch.setattr(connections, "peer_uid", lambda sock: os.geteuid() + 1)
    answer = await served.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", unix=True)
    assert status_of(answer) == 403
    monkeypatch.setattr(connections, "peer_uid", lambda sock: None)
    assert status_of(await served.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", unix=True)) == 200


def test_peer_uid_is_the_one_of_this_process():
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert connections.peer_uid(one) == os.geteuid()


async def test_a_page_cannot_use_the_socket_through_a_proxy(served):
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n"
    assert status_of(await served.raw(request, unix=True)) == 403


# -- the token --


def test_a_token_is_made_once_and_private_whatever_the_umask(tmp_path):
    before = os.umask(0o777)
    try:
        os.umask(0o077)
        token, replaced = load_token(tmp_path / "data" / "token")
    finally:
        os.umask(before)
    path = tmp_path / "data" / "token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token) >= 43
    assert replaced is None
    assert load_token(path) == (token, None)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda p: p.chmod(0o644), "read by other users"),
        (lambda p: p.write_text("short\n"), "did not hold a token"),
        (lambda p: p.write_text("x" * 20 + " " + "y" * 40), "did not hold a token"),
        (lambda p: p.write_bytes(b"\xff" * 60), "did not hold a token"),
    ],
)
def test_a_token_that_others_may_know_is_replaced(tmp_path, spoil, why):
    path = tmp_path / "token"
    old, _ = load_token(path)
    spoil(path)
    new, replaced = load_token(path)
    assert new != old
    assert why in replaced
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_in_the_place_of_the_token_is_not_followed(tmp_path):
    target = tmp_path / "elsewhere"
    target.write_text("A" * 43)
    (tmp_path / "token").symlink_to(target)
    with pytest.raises(OSError):
        load_token(tmp_path / "token")


async def test_the_token_leaks_nowhere(serve, caplog):
    caplog.set_level("DEBUG")
    served = await serve(auth="token")
    seen = []
    for route in served.server.routes:
        if route.streams:
            continue
        seen.append(await served.raw(request_bytes(route, served.server.port, b"Host: 127.0.0.1:{port}", token=served.token)))
    async with served.http.get(served.base + "/livez?x=" + served.token, headers=served.bearer) as answer:
        seen.append(await answer.read())
    assert served.token.encode() not in b"".join(seen)
    assert served.token not in caplog.text
    assert served.token not in repr(served.server.listening) + repr(served.server.degraded)
    holders = [p for p in served.house.home.rglob("*") if p.is_file() and served.token.encode() in p.read_bytes()]
    assert holders == [served.house.paths.token_file]


async def test_the_token_is_compared_in_constant_time(serve, monkeypatch):
    compared = []
    real = access.hmac.compare_digest
    monkeypatch.setattr(access.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    served = await serve(auth="token")
    async with served.http.get(served.base + "/livez", headers={"Authorization": "Bearer nope"}) as answer:
        assert answer.status == 401
    assert [b for _, b in compared] == [served.token.encode()]


# -- where it listens --


def test_hosts_that_are_answered():
    assert allowed_hosts("127.0.0.1", 8000, []) == {"127.0.0.1:8000", "localhost:8000", "[::1]:8000"}
    assert "localhost" in allowed_hosts("127.0.0.1", 80, [])
    assert {"box.lan", "box.lan:8000"} <= allowed_hosts("127.0.0.1", 8000, ["box.lan"])
    assert "box.lan:1:8000" not in allowed_hosts("127.0.0.1", 8000, ["box.lan:1"])
    assert not {h for h in allowed_hosts("0.0.0.0", 8000, []) if "0.0.0.0" in h}
    assert "[fe80::1]:8000" in allowed_hosts("fe80::1", 8000, [])


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("evil.example", False),
        ("192.168.1.5", False),
    ],
)
def test_which_hosts_are_this_machine(host, own):
    assert is_loopback(host) is own


@pytest.mark.parametrize(
    "http", [{"host": "0.0.0.0"}, {"host": "::"}, {"host": "0.0.0.0", "allow_public": True, "auth": "none"}]
)
async def test_never_open_to_other_machines_by_accident(serve, http):
    served = await serve(**http)
    assert served.server.port is None
    assert [line for line in served.server.listening if line.startswith("http")] == []
    assert "allow_public" in served.server.degraded[0]


async def test_open_to_other_machines_by_choice_and_with_the_token(serve):
    served = await serve(host="0.0.0.0", allow_public=True)
    async with served.http.get(served.base + "/livez") as answer:
        assert answer.status == 401
    async with served.http.get(served.base + "/livez", headers=served.bearer) as answer:
        assert answer.status == 200


async def test_http_can_be_switched_off(serve):
    served = await serve(enabled=False)
    assert served.server.listening == [f"unix:{served.house.paths.socket_file}"]
    assert not served.house.paths.token_file.exists()
    assert server.MIB == 1_048_576
