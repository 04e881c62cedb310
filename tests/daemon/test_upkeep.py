"""Asking components whether all is well, and having a server fetch a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from leadd.api import Component, ComponentConfig, Model, NeedsAttention
from leadd.daemon.upkeep import check_all, pull


class Patient(Component):
    """Says what it is told to; an error is raised, None in `says` hangs."""

    name = "patient"

    def __init__(self, says: object) -> None:
        super().__init__(ComponentConfig(), cast(Any, None))
        self._says = says

    async def check(self) -> str | None:
        if isinstance(self._says, BaseException):
            raise self._says
        if self._says is asyncio.Event:
            await asyncio.Event().wait()
        return cast("str | None", self._says)


async def test_each_problem_is_named_and_one_check_harms_no_other() -> None:
    found = await check_all(
        {
            "source:fine": Patient(None),
            "source:ads": Patient("the folder is gone"),
            "sink:crm:eu": Patient(NeedsAttention("no password", hint="set CRM_KEY")),
            "cache:cache-memory": Patient(ValueError()),
            "model:own": Patient(TimeoutError("the server is slow")),
            "model:stuck": Patient(asyncio.Event),
        },
        limit_s=0.05,
    )
    assert found == [
        {"kind": "source", "name": "ads", "problem": "the folder is gone"},
        {"kind": "sink", "name": "crm:eu", "problem": "its check failed: no password (set CRM_KEY)"},
        {"kind": "cache", "name": "cache-memory", "problem": "its check failed: ValueError"},
        {"kind": "model", "name": "own", "problem": "its check failed: the server is slow"},
        {"kind": "model", "name": "stuck", "problem": "its check did not end within 0.05 s"},
    ]


class Server:
    """As much of a model as a download needs."""

    def __init__(self) -> None:
        self.closed = False

    async def pull(self, model: str) -> AsyncIterator[tuple[str, int, int]]:
        try:
            for done in range(3):
                yield model, done, 3
        finally:
            self.closed = True


class Reader:
    def pull(self, model: str) -> AsyncIterator[tuple[str, int, int]]:
        raise NotImplementedError("model 'reader' cannot fetch models")


async def test_a_download_that_is_left_early_is_ended() -> None:
    server = Server()
    async with aclosing(pull(cast(Model, server), "own", "m")) as steps:
        assert await anext(steps) == ("m", 0, 3)
        assert not server.closed
    assert server.closed


@pytest.mark.parametrize(("server", "words"), [(None, "no model server 'own'"), (Reader(), "cannot fetch models")])
async def test_who_cannot_fetch_says_so(server: Any, words: str) -> None:
    with pytest.raises(NeedsAttention, match=words):
        await anext(pull(server, "own", "m"))
