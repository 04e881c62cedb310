"""The lent HTTP session: statuses become instructions, sizes are capped, private places are out of reach."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from leadd.api import NeedsAttention, Reject, Retry
from leadd.daemon.network import LentHttp, is_public

PRIVATE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "ff02::1",
    "2001:db8::1", "192.88.99.1", "no address",
]  # fmt: skip
LOOPBACK_SPELLINGS = [
    "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]", "[::]", "0.0.0.0", "127.0.0.2", "LOCALHOST", "localhost.",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


class Site:
    """A small site on this machine that counts what reaches it."""

    def __init__(self) -> None:
        self.hits: list[tuple[str, str, dict[str, str]]] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.hits.append((request.method, request.path_qs, dict(request.headers)))
        if request.path == "/status":
            return web.Response(status=int(request.query["code"]), headers={"Retry-After": "120"})
        if request.path == "/big":
            return web.Response(body=b"x" * 200_000)
        if request.path == "/round":
            return web.Response(status=302, headers={"Location": "/round"})
        if request.path == "/to":
            return web.Response(status=int(request.query.get("code", 302)), headers={"Location": request.query["url"]})
        return web.Response(text="grüße", charset="utf-8", headers={"ETag": '"1"'})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.fixture
async def guarded() -> AsyncIterator[LentHttp]:
    http = LentHttp()
    await http.open()
    yield http
    await http.close()


@pytest.fixture
async def allowed() -> AsyncIterator[LentHttp]:
    http = LentHttp(allow_private=["127.0.0.1"])
    await http.open()
    yield http
    await http.close()


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
async def test_no_spelling_of_this_machine_is_reached(guarded: LentHttp, site: Site, host: str) -> None:
    with pytest.raises((NeedsAttention, Reject, Retry)):
        await guarded.get(f"http://{host}:{site.port}/", timeout_s=5)
    assert site.hits == []


async def test_the_guard_can_be_seen_to_matter(allowed: LentHttp, site: Site) -> None:
    assert (await allowed.get(f"http://127.0.0.1:{site.port}/")).text() == "grüße"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_checked_again(site: Site, code: int) -> None:
    http = LentHttp(allow_private=["localhost"])
    await http.open()
    try:
        with pytest.raises(NeedsAttention, match="private network"):
            await http.get(f"http://localhost:{site.port}/to?code={code}&url=http://127.0.0.1:{site.port}/secret")
    finally:
        await http.close()
    assert [path.split("?")[0] for _, path, _ in site.hits] == ["/to"]


async def test_redirects_end(allowed: LentHttp, site: Site) -> None:
    with pytest.raises(Reject, match="more than 5 redirects"):
        await allowed.get(f"http://127.0.0.1:{site.port}/round")
    assert len(site.hits) == 6


async def test_a_password_does_not_travel_to_another_host(site: Site) -> None:
    http = LentHttp(allow_private=["127.0.0.1", "localhost"])
    await http.open()
    try:
        await http.get(
            f"http://127.0.0.1:{site.port}/to?url=http://localhost:{site.port}/", headers={"Authorization": "Bearer secret"}
        )
    finally:
        await http.close()
    assert "Authorization" in site.hits[0][2]
    assert "Authorization" not in site.hits[1][2]


@pytest.mark.parametrize(
    ("code", "error"),
    [(429, Retry), (500, Retry), (503, Retry), (408, Retry), (401, NeedsAttention), (403, NeedsAttention), (404, Reject)],
)
async def test_statuses_are_instructions(allowed: LentHttp, site: Site, code: int, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        await allowed.get(f"http://127.0.0.1:{site.port}/status?code={code}")
    if isinstance(caught.value, Retry):
        assert caught.value.after_s == 120


async def test_too_much_is_refused(allowed: LentHttp, site: Site) -> None:
    with pytest.raises(Reject, match="more than 1,000 bytes"):
        await allowed.get(f"http://127.0.0.1:{site.port}/big", max_bytes=1000)


async def test_what_cannot_be_fetched_says_so(allowed: LentHttp) -> None:
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x", "not an address", "http://"):
        with pytest.raises((Reject, Retry)):
            await allowed.get(url)


async def test_nobody_there_means_try_again(allowed: LentHttp) -> None:
    with pytest.raises(Retry):
        await allowed.get("http://127.0.0.1:9/", timeout_s=5)


async def test_a_post_is_not_sent_on(allowed: LentHttp, site: Site) -> None:
    with pytest.raises(Reject, match="redirects to"):
        await allowed.post(f"http://127.0.0.1:{site.port}/to?code=307&url=/elsewhere", body=b"{}")
    assert len(site.hits) == 1
    assert (await allowed.post(f"http://127.0.0.1:{site.port}/", body=b"{}")).status == 200
