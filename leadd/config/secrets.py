"""Gets the value of a secret from the place that the settings name."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leadd.api import NeedsAttention, SecretRef

_MAX_BYTES = 65_536


def resolve_secret(ref: SecretRef, environ: Mapping[str, str] | None = None) -> str:
    """The secret's value, without a line end. Raises NeedsAttention, with the way out, where it is missing or empty."""
    if ref.kind == "env":
        value = (os.environ if environ is None else environ).get(ref.name, "")
        hint = f"set the environment variable {ref.name} for the daemon and start it again"
    elif ref.kind == "file":
        value, hint = _from_file(ref), f"write the secret into {ref.name}, readable only by you"
    else:
        value, hint = _from_keyring(ref), f"store it with: keyring set {' '.join(ref.name.split('/', 1))}"
    if not value:
        raise NeedsAttention(f"the secret {ref} is missing", hint=hint)
    return value


def _from_file(ref: SecretRef) -> str:
    path = Path(os.path.expanduser(ref.name))
    if not path.is_absolute():
        raise NeedsAttention(f"the secret {ref} has a relative path", hint="write the whole path, or begin it with ~/")
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise NeedsAttention(
            f"the secret {ref} cannot be read: {error.strerror}", hint="check the file's owner and mode"
        ) from None
    if len(raw) > _MAX_BYTES:
        raise NeedsAttention(f"the secret {ref} is larger than {_MAX_BYTES // 1024} KiB", hint="is it the right file?")
    try:
        return raw.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise NeedsAttention(f"the secret {ref} is not text", hint="is it the right file?") from None


def _from_keyring(ref: SecretRef) -> str:
    service, found, user = ref.name.partition("/")
    if not found:
        raise NeedsAttention(f"the secret {ref} names no user", hint="write {keyring:service/user}")
    try:
        # Optional and slow to import: most people keep no secret in a keyring.
        keyring: Any = importlib.import_module("keyring")
    except ImportError:
        raise NeedsAttention(f"the secret {ref} needs the package keyring", hint="pip install keyring") from None
    try:
        return keyring.get_password(service, user) or ""
    except Exception as error:  # each system's keyring has errors of its own
        name = type(error).__name__
        raise NeedsAttention(f"the keyring does not open for {ref}: {name}", hint="unlock the keyring and try again") from None
