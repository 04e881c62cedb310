"""pytest fixtures for people who write plugins: a fake Ollama and a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadd.testing.clock import FakeClock
from leadd.testing.ollama import FakeOllama, threaded_fake


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, also where unknown ones are errors."""
    config.addinivalue_line("markers", "fake_ollama(**settings): settings of the fake Ollama for this test")


@pytest.fixture
def fake_ollama(request: pytest.FixtureRequest) -> Iterator[FakeOllama]:
    """A running FakeOllama in a thread of its own, so it serves sync and async tests alike.

    `@pytest.mark.fake_ollama(profile="legacy")` passes settings to it.
    """
    marker = request.node.get_closest_marker("fake_ollama")
    with threaded_fake(**(marker.kwargs if marker else {})) as running:
        yield running.fake


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that moves only by hand."""
    return FakeClock()
