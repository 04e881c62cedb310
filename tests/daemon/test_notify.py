"""Telling systemd: only where it asked, and a listener that went away is no reason to fall over."""

from __future__ import annotations

import socket
from pathlib import Path

from leadd.daemon.notify import notify


def test_the_listener_hears_it(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))
        assert notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "n")})
        assert listener.recv(100) == b"READY=1"


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0leadd-test-notify")
        assert notify("STOPPING=1", {"NOTIFY_SOCKET": "@leadd-test-notify"})
        assert listener.recv(100) == b"STOPPING=1"


def test_nobody_asked_or_nobody_is_there(tmp_path: Path) -> None:
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": "relative"})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})
