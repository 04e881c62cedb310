"""The webhook sink against a real loopback server, its signatures checked by the specification's own library."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook, WebhookVerificationError

from leadd.api import Guarantee, HttpReply, Lead, NeedsAttention, Reject, Retry
from leadd.builtin.webhook import WebhookSink
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.http import PlainHttp, ScriptedHttp

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LEAD = Lead(3, 2, "lead.upgraded", "growth", "Ünï", 66, "warm", "new", "model", ("why",), 1_767_268_800_000, 1_767_268_801_000)


@dataclass
class Receiver:
    """A server that keeps what it got and answers from a list of statuses."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status, headers={"Retry-After": "7"} if status == 429 else {})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    server = TestServer(app)
    await server.start_server()
    found.url = str(server.make_url("/hook"))
    yield found
    await server.close()


@pytest.fixture
async def http() -> AsyncIterator[PlainHttp]:
    async with PlainHttp() as session:
        yield session


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(int(datetime.now(UTC).timestamp() * 1000))  # the library checks the time against the real one


async def test_the_signature_stands_up_to_the_standard_library(
    receiver: Receiver, http: PlainHttp, clock: ManualClock, tmp_path: Path
) -> None:
    ctx = make_context(tmp_path, clock, http, secrets={"{env:HOOK}": SECRET, "{env:AUTH}": "Bearer x"})
    sink = WebhookSink(WebhookSink.Config(url=receiver.url, secret="{env:HOOK}", authorization="{env:AUTH}"), ctx)
    await sink.open()
    receipt = await sink.deliver(LEAD, "lead-3-2-hook")
    [(headers, body)] = receiver.got
    data = Webhook(SECRET).verify(body.decode(), {name.lower(): value for name, value in headers.items()})
    assert data["type"] == "lead.upgraded"
    assert data["timestamp"] == "2026-01-01T12:00:01.000Z"
    assert Lead.from_dict(data["data"]) == LEAD
    assert headers["webhook-id"] == "lead-3-2-hook"
    assert headers["Authorization"] == "Bearer x"
    assert headers["Content-Type"] == "application/json"
    assert receipt.detail == "answered 204"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.decode() + " ", {name.lower(): value for name, value in headers.items()})


async def test_every_try_has_the_same_id_and_bytes(
    receiver: Receiver, http: PlainHttp, clock: ManualClock, tmp_path: Path
) -> None:
    receiver.statuses = [503, 429, 200]
    sink = WebhookSink(
        WebhookSink.Config(url=receiver.url, secret="{env:HOOK}"),
        make_context(tmp_path, clock, http, secrets={"{env:HOOK}": SECRET}),
    )
    assert sink.guarantee is Guarantee.AT_LEAST_ONCE
    with pytest.raises(Retry):
        await sink.deliver(LEAD, "k")
    clock.advance(60)
    with pytest.raises(Retry) as caught:
        await sink.deliver(dataclasses.replace(LEAD), "k")
    assert caught.value.after_s == 7
    await sink.deliver(LEAD, "k")
    assert {h["webhook-id"] for h, _ in receiver.got} == {"k"}
    assert len({body for _, body in receiver.got}) == 1
    times = [int(h["webhook-timestamp"]) for h, _ in receiver.got]
    assert times[1] - times[0] == 60
    assert receiver.got[0][0]["webhook-signature"] != receiver.got[1][0]["webhook-signature"]
    for headers, body in receiver.got[1:]:
        Webhook(SECRET).verify(body.decode(), {name.lower(): value for name, value in headers.items()})


async def test_test_sends_a_ping_and_no_secret_means_no_signature(
    receiver: Receiver, http: PlainHttp, clock: ManualClock, tmp_path: Path
) -> None:
    sink = WebhookSink(WebhookSink.Config(url=receiver.url), make_context(tmp_path, clock, http))
    await sink.open()
    assert (await sink.test()).detail == "answered 204"
    [(headers, body)] = receiver.got
    assert json.loads(body)["type"] == "leadd.ping"
    assert "webhook-signature" not in headers


@pytest.mark.parametrize(("status", "error"), [(400, Reject), (404, Reject), (401, NeedsAttention), (500, Retry)])
async def test_other_answers_are_instructions(
    receiver: Receiver, http: PlainHttp, tmp_path: Path, status: int, error: type[Exception]
) -> None:
    receiver.statuses = [status]
    sink = WebhookSink(WebhookSink.Config(url=receiver.url), make_context(tmp_path, http=http))
    with pytest.raises(error):
        await sink.deliver(LEAD, "k")


async def test_gone_needs_attention_and_a_304_is_no_yes(tmp_path: Path) -> None:
    config = WebhookSink.Config(url="https://h.example/x")
    sink = WebhookSink(
        config, make_context(tmp_path, http=ScriptedHttp([Reject("gone", status=410), HttpReply(304, "", {}, b"")]))
    )
    with pytest.raises(NeedsAttention, match="taken down"):
        await sink.deliver(LEAD, "k")
    with pytest.raises(Reject, match="no yes"):
        await sink.deliver(LEAD, "k")


@pytest.mark.parametrize("value", ["", "whsec_", "whsec_!!!notbase64", "whsec_c2hvcnQ=", "plain text"])
async def test_a_bad_secret_needs_attention_and_is_not_shown(tmp_path: Path, value: str) -> None:
    ctx = make_context(tmp_path, secrets={"{env:HOOK}": value})
    sink = WebhookSink(WebhookSink.Config(url="https://h.example/", secret="{env:HOOK}"), ctx)
    with pytest.raises(NeedsAttention) as caught:
        await sink.open()
    assert "{env:HOOK}" in str(caught.value)
    assert not value or value not in str(caught.value) + caught.value.hint.replace("whsec_ ", "") or value == "whsec_"
    assert await sink.check() is not None


async def test_a_missing_secret_needs_attention(tmp_path: Path) -> None:
    sink = WebhookSink(WebhookSink.Config(url="https://h.example/", secret="{env:NONE}"), make_context(tmp_path))
    with pytest.raises(NeedsAttention, match="NONE"):
        await sink.open()


@pytest.mark.parametrize("url", ["ftp://h/x", "file:///etc/passwd", "h.example", "https://", "https://u:p@h.example/"])
def test_other_addresses_are_settings_errors(url: str) -> None:
    with pytest.raises(ValueError):
        WebhookSink.Config(url=url)
