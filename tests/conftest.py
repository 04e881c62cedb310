"""What holds for all tests: the long tier runs only where it is asked for."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--faults` adds the long tier of the fault tests."""
    parser.addoption("--faults", action="store_true", help="run the long tier of the fault tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tier out unless it was asked for."""
    if config.getoption("--faults"):
        return
    skip = pytest.mark.skip(reason="the long tier: make faults")
    for item in items:
        if "faults" in item.keywords and item.get_closest_marker("faults"):
            item.add_marker(skip)
