"""Fixtures of the core's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from core_parts import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home folder in which cores are started and stopped."""
    return Home(tmp_path)
