"""Which start of the machine this is, so that a power cut is told from a crash."""

from __future__ import annotations

from pathlib import Path


def boot_name(file: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """A name that changes with every start of the machine; empty where the system gives none."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
