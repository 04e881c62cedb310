"""The same contract against a real Ollama: LEADD_LIVE_URL names the server, LEADD_LIVE_MODEL a small model on it."""

from __future__ import annotations

import os

import pytest

from leadd.testing.ollama.contract import OllamaContract, Served

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server() -> Served:
    url = os.environ.get("LEADD_LIVE_URL")
    if not url:
        pytest.skip("LEADD_LIVE_URL names no server")
    return Served(url.rstrip("/"), os.environ.get("LEADD_LIVE_MODEL", "smollm2"))


class TestRealServerKeepsTheContract(OllamaContract):
    pass
