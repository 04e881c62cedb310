"""leadd's own suite for sources, and what is special about this one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from leadd_example import ExampleSource, leadd_sources

from leadd.api import Context, HttpReply, NeedsAttention, Problem, Source
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.contracts import SourceContract
from leadd.testing.http import ScriptedHttp

URL = "https://jobs.example.org/postings.json"
POSTINGS = [{"id": 2, "title": "Cook", "text": "We eat."}, {"id": 1, "text": "We hire."}, {"id": 3}, "no object"]


def answer(body: bytes) -> ScriptedHttp:
    return ScriptedHttp(lambda asked: HttpReply(200, asked.url, {}, body))


class TestExample(SourceContract):
    min_drafts = 2

    def context(self, folder: Path, clock: ManualClock) -> Context:
        return make_context(folder, clock, answer(json.dumps(POSTINGS).encode()))

    def make(self, ctx: Context) -> Source:
        return ExampleSource(ExampleSource.Config(url=URL), ctx)

    def make_hostile(self, ctx: Context) -> Source | None:
        return ExampleSource(ExampleSource.Config(url=URL), make_context(ctx.data_folder, http=answer(b'{"not": "a list"}')))


async def test_a_posting_without_text_is_a_problem(tmp_path: Path) -> None:
    source = ExampleSource(ExampleSource.Config(url=URL), make_context(tmp_path, http=answer(json.dumps(POSTINGS).encode())))
    items = [item async for item in source.poll("2")]
    assert items == [Problem("posting 3", "it has no text", cursor="3")]


async def test_no_json_needs_a_person(tmp_path: Path) -> None:
    source = ExampleSource(ExampleSource.Config(url=URL), make_context(tmp_path, http=answer(b"<html>")))
    with pytest.raises(NeedsAttention, match="no JSON"):
        [item async for item in source.poll(None)]


def test_the_hook_names_the_class() -> None:
    assert leadd_sources() == [ExampleSource]
