"""The SQLite that this Python brings."""

from __future__ import annotations

import sqlite3


def sqlite_version() -> tuple[int, int, int]:
    """The version of the SQLite library in use, as (major, minor, patch)."""
    return sqlite3.sqlite_version_info
