"""What `config show` prints: every key, where it comes from, and no secret."""

from __future__ import annotations

import pytest

from leadd.config.listing import show
from leadd.config.tree import leaves

CANARY = "hunter2-canary"


def test_every_key_is_shown_with_its_origin(load_text) -> None:
    rows = show(load_text("log: {level: debug}\n"))
    assert [key for key, _, _ in rows] == [leaf.key for leaf in leaves()]
    assert ("log.level", "debug", "file leadd.yaml:1") in rows
    assert ("control.http.port", "8000", "default") in rows
    assert ("models.triage.max_tokens", "64", "default") in rows
    assert ("control.http.auth", "token", "default") in rows
    assert ("cache.tiers", '[{"use": "memory"}, {"use": "sqlite"}]', "default") in rows
    assert ("paths.data", "null", "default") in rows


def test_entries_are_shown_key_by_key(load_text) -> None:
    rows = show(load_text("sinks:\n  crm:\n    use: webhook\n    url: https://crm.example/in\n"))
    assert ("sinks.crm.use", "webhook", "file leadd.yaml:3") in rows
    assert ("sinks.crm.url", "https://crm.example/in", "file leadd.yaml:4") in rows
    assert ("sinks.crm.min_bucket", "nurture", "default") in rows


def test_no_secret_is_shown_whatever_it_is_called(load_text) -> None:
    text = f"""
cache:
  redis_url: redis://me:{CANARY}@box:6379/0
  tiers: [{{use: redis, password: {CANARY}}}]
models:
  endpoint: http://me:{CANARY}@box:11434
  extra: [{{use: other, nested: {{api_key: {CANARY}}}}}]
sources:
  mail: {{use: imap, password: {CANARY}, hosts: [{{token: {CANARY}}}], auth: {CANARY}}}
sinks:
  hook:
    use: webhook
    url: https://x.example/in?a=1&token={CANARY}&b=2
    secret: {CANARY}
    apikey: {CANARY}
    Client-Secret: {CANARY}
    credentials: {{user: me, passwd: {CANARY}}}
    tokens: [{CANARY}]
    pin_token: 12345
    more: ["http://me:{CANARY}@h/", {{secret_key: {CANARY}}}]
"""
    rows = show(load_text(text))
    shown = "\n".join(f"{key}={value} {origin}" for key, value, origin in rows)
    assert CANARY not in shown
    assert "12345" not in shown
    assert "me" in shown
    assert "sinks.hook.url=https://x.example/in?a=1&token=(not shown)&b=2" in shown
    assert "redis://(not shown)@box:6379/0" in shown


@pytest.mark.parametrize("login", [f"me:{CANARY}", f":a/{CANARY}", f":{CANARY}/a@b", f":{CANARY}@b"])
@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel", "rediss+cluster"])
def test_the_login_of_a_redis_is_not_shown(load_text, scheme: str, login: str) -> None:
    loaded = load_text(None, {"CACHE_BACKEND": "redis", "REDIS_URL": f"{scheme}://{login}@box:6379/0"})
    shown = {key: value for key, value, _ in show(loaded)}
    assert shown["cache.redis_url"] == f"{scheme}://(not shown)@box:6379/0"
    assert CANARY not in repr(loaded.settings.cache)


def test_a_reference_is_shown_as_a_reference(load_text) -> None:
    rows = show(load_text("sinks:\n  hook: {use: webhook, secret: '{env:HOOK}', token: {env:T}}\n"))
    values = {key: value for key, value, _ in rows}
    assert values["sinks.hook.secret"] == "{env:HOOK}"
    assert values["sinks.hook.token"] == "{env:T}"
