"""Secrets are got from the place that is named, and what is missing is told with the way out."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from leadd.api import NeedsAttention, SecretRef
from leadd.config.secrets import resolve_secret


def refused(ref: SecretRef, environ: dict[str, str] | None = None) -> NeedsAttention:
    with pytest.raises(NeedsAttention) as caught:
        resolve_secret(ref, environ or {})
    assert caught.value.hint
    return caught.value


def test_from_the_environment() -> None:
    assert resolve_secret(SecretRef("env", "T"), {"T": "x y"}) == "x y"


@pytest.mark.parametrize("environ", [{}, {"T": ""}])
def test_missing_in_the_environment(environ: dict[str, str]) -> None:
    error = refused(SecretRef("env", "T"), environ)
    assert str(error) == "the secret {env:T} is missing"
    assert "T" in error.hint


def test_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("  s3cret \r\n")
    assert resolve_secret(SecretRef("file", str(file))) == "  s3cret "


def test_a_file_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("x")
    assert resolve_secret(SecretRef("file", "~/key")) == "x"


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("gone", None, "is missing"),
        ("empty", b"\n", "is missing"),
        ("binary", b"\xff\xfe", "is not text"),
        ("huge", b"x" * 70_000, "larger than"),
    ],
)
def test_files_that_hold_no_secret(tmp_path: Path, name: str, content: bytes | None, part: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert part in str(refused(SecretRef("file", str(tmp_path / name))))


def test_a_folder_and_a_relative_path(tmp_path: Path) -> None:
    assert "cannot be read" in str(refused(SecretRef("file", str(tmp_path))))
    assert "relative" in str(refused(SecretRef("file", "key.txt")))


def test_a_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = types.ModuleType("keyring")
    fake.get_password = lambda service, user: "pw" if (service, user) == ("leadd", "me/too") else None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", fake)
    assert resolve_secret(SecretRef("keyring", "leadd/me/too")) == "pw"
    assert refused(SecretRef("keyring", "leadd/other")).hint == "store it with: keyring set leadd other"
    assert "names no user" in str(refused(SecretRef("keyring", "leadd")))

    def locked(service: str, user: str) -> str:
        raise RuntimeError("pw was s3cret")

    fake.get_password = locked  # type: ignore[attr-defined]
    assert "s3cret" not in str(refused(SecretRef("keyring", "leadd/me")))


def test_no_keyring_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert refused(SecretRef("keyring", "leadd/me")).hint == "pip install keyring"
