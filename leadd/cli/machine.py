"""This machine as others see it: its address, its memory, what listens on it."""

from __future__ import annotations

import os
import socket

REACH_S = 0.5
NOBODY = ("192.0.2.1", 9)
"""An address that is nobody's (RFC 5737): choosing a way to it tells which address this machine has, and sends nothing."""


def is_here(host: str) -> bool:
    """Whether a host is this machine's loopback."""
    return host in {"localhost", "::1"} or host.endswith(".localhost") or host.startswith("127.")


def own_address() -> str:
    """The address by which others would reach this machine, or ''."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(NOBODY)
            found: str = probe.getsockname()[0]
        except OSError:
            return ""
    return "" if found.startswith(("127.", "0.")) else found


def is_listening(host: str, port: int) -> bool:
    """Whether something takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=REACH_S):
            return True
    except OSError:
        return False


def memory_gib() -> float:
    """Memory of this machine; 0 where it cannot be told."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (AttributeError, OSError, ValueError):
        return 0.0
