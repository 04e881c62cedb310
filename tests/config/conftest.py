"""A home of one's own for each test, and a way to load settings from it that no outside environment reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from leadd.config.loading import Loaded, load
from leadd.config.paths import Paths

Load = Callable[..., Loaded]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths.under(tmp_path / "home")


@pytest.fixture
def load_text(tmp_path: Path, paths: Paths) -> Load:
    """Loads settings from a text, with flags and an environment of its own."""

    def do(text: str | None = None, environ: Mapping[str, str] | None = None, **more: Any) -> Loaded:
        file = None
        if text is not None:
            file = tmp_path / "leadd.yaml"
            file.write_text(text, encoding="utf-8")
        return load(file=file, environ=environ or {}, paths=paths, **more)

    return do
