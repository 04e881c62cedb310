"""The fake keeps the contract that the real server keeps, in every profile and with writes cut anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadd.testing.ollama import threaded_fake
from leadd.testing.ollama.contract import OllamaContract, Served


@pytest.fixture(scope="module", params=[("0.9.3", None), ("0.12.11", 5), ("0.32.15", None), ("0.33.1", 7)], ids=lambda p: p[0])
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    version, split = request.param
    with threaded_fake(profile=version, models=("smollm2",), split=split) as running:
        yield Served(running.fake.url, "smollm2")


class TestFakeKeepsTheContract(OllamaContract):
    pass
