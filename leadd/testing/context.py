"""A `Context` for tests of plugins."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from leadd.api import Clock, Context, Http, NeedsAttention, SecretRef
from leadd.testing.clock import ManualClock
from leadd.testing.http import ScriptedHttp


def make_context(
    folder: Path,
    clock: Clock | None = None,
    http: Http | None = None,
    *,
    name: str = "test",
    secrets: Mapping[str, str] | None = None,
) -> Context:
    """What a component gets from the daemon, made for a test.

    `folder` becomes its data folder. Without a clock time stands still (`ManualClock`), without `http` there is no network
    (`ScriptedHttp`). `secrets` maps references in their text form, like `{env:TOKEN}`, to values; others need attention.
    """
    known = dict(secrets or {})

    def secret(ref: SecretRef) -> str:
        if str(ref) not in known:
            raise NeedsAttention(f"the secret {ref} is not set", hint="name it in make_context(secrets=...)")
        return known[str(ref)]

    return Context(
        name=name,
        data_folder=folder,
        http=http if http is not None else ScriptedHttp(),
        clock=clock if clock is not None else ManualClock(),
        log=logging.getLogger(f"leadd.testing.{name}"),
        secret=secret,
    )
