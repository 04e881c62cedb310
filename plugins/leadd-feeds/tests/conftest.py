"""The scripted server for the tests of this package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

_SPEC = importlib.util.spec_from_file_location("feed_server", Path(__file__).with_name("feed_server.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
feed_server = importlib.util.module_from_spec(_SPEC)
sys.modules.setdefault("feed_server", feed_server)  # tests are imported without their folder on the path
_SPEC.loader.exec_module(feed_server)


@pytest.fixture
async def script() -> AsyncIterator[feed_server.Script]:
    found = feed_server.Script()
    app = web.Application()
    app.router.add_get("/{tail:.*}", found.serve)
    server = TestServer(app)
    await server.start_server()
    found.base = str(server.make_url("")).rstrip("/")
    yield found
    await server.close()
