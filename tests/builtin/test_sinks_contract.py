"""leadd's own suite for sinks, over the builtin ones."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from leadd.api import Context, HttpReply, Reject, Sink
from leadd.builtin.csv_file import CsvSink
from leadd.builtin.jsonl import JsonlSink
from leadd.builtin.webhook import WebhookSink
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.contracts import SinkContract
from leadd.testing.http import Asked, ScriptedHttp


class TestJsonl(SinkContract):
    def make(self, ctx: Context) -> Sink:
        return JsonlSink(JsonlSink.Config(), ctx)

    async def effects(self, ctx: Context) -> int | None:
        file = ctx.data_folder / "leads.jsonl"
        return len(file.read_bytes().splitlines()) if file.exists() else 0


class TestCsv(SinkContract):
    def make(self, ctx: Context) -> Sink:
        return CsvSink(CsvSink.Config(), ctx)

    async def effects(self, ctx: Context) -> int | None:
        file = ctx.data_folder / "leads.csv"
        if not file.exists() or not file.stat().st_size:
            return 0
        return len(list(csv.reader(io.StringIO(file.read_bytes().decode(), newline="")))) - 1


class TestWebhook(SinkContract):
    def make(self, ctx: Context) -> Sink:
        return WebhookSink(WebhookSink.Config(url="https://h.example/hook"), ctx)

    def context(self, folder: Path, clock: ManualClock) -> Context:
        def answer(asked: Asked) -> HttpReply:
            assert asked.body
            return HttpReply(204, asked.url, {}, b"")

        return make_context(folder, clock, ScriptedHttp(answer))

    async def effects(self, ctx: Context) -> int | None:
        assert isinstance(ctx.http, ScriptedHttp)
        return len({asked.headers["webhook-id"] for asked in ctx.http.asked})


class TestWebhookThatIsDown(SinkContract):
    can_deliver = False

    def make(self, ctx: Context) -> Sink:
        return WebhookSink(WebhookSink.Config(url="https://h.example/hook"), ctx)

    def context(self, folder: Path, clock: ManualClock) -> Context:
        return make_context(folder, clock, ScriptedHttp([Reject("no", status=400)]))
