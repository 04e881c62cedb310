"""What single keys cannot tell: values that contradict each other, and values that are set for nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from leadd.config.settings import Settings

IsSet = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Keys whose values do not go together; the first is the one to look at."""

    keys: tuple[str, ...]
    message: str
    hint: str = ""


def find_conflicts(settings: Settings) -> list[Conflict]:
    """Every contradiction; an empty list where there is none."""
    return [*_lease(settings), *_buckets(settings), *_host(settings), *_windows(settings), *_names(settings)]


def _lease(settings: Settings) -> Iterator[Conflict]:
    longest = settings.inference.total_s + settings.inference.load_s
    lease = settings.pipeline.lease_s
    if lease <= longest:
        # A shorter lease hands a signal to a second worker while the first still waits for its answer.
        yield Conflict(
            ("pipeline.lease_s", "inference.total_s", "inference.load_s"),
            f"got {lease:g}; allowed: more than inference.total_s + inference.load_s, which is {longest:g}",
            f"set pipeline.lease_s to {longest + 300:g}, or lower the other two",
        )


def _buckets(settings: Settings) -> Iterator[Conflict]:
    scoring = settings.scoring
    if not scoring.nurture < scoring.warm < scoring.red_hot:
        yield Conflict(
            ("scoring.red_hot", "scoring.warm", "scoring.nurture"),
            f"got nurture {scoring.nurture}, warm {scoring.warm}, red_hot {scoring.red_hot}; "
            "allowed: nurture below warm below red_hot",
        )


def is_public(host: str) -> bool:
    """True where other machines could reach a listener on `host`; names other than localhost count as reachable."""
    if host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return True


def _host(settings: Settings) -> Iterator[Conflict]:
    http = settings.control.http
    if not http.enabled:
        return
    if "*" in http.allowed_hosts:
        yield Conflict(("control.http.allowed_hosts",), "got '*'; allowed: exact names, each with its port where it has one")
    if not is_public(http.host):
        return
    if not http.allow_public:
        yield Conflict(
            ("control.http.host", "control.http.allow_public"),
            f"got '{http.host}', which other machines can reach; allowed: 127.0.0.1, ::1 or localhost",
            "control.http.allow_public: true permits it, with control.http.auth: token",
        )
    elif http.auth != "token":
        yield Conflict(
            ("control.http.auth", "control.http.host"),
            f"got '{http.auth}' with the host '{http.host}', which other machines can reach; allowed: token",
        )


def _windows(settings: Settings) -> Iterator[Conflict]:
    for name in ("triage", "classify", "dossier"):
        role = getattr(settings.models, name)
        if role.enabled and role.max_tokens >= role.num_ctx:
            yield Conflict(
                (f"models.{name}.max_tokens", f"models.{name}.num_ctx"),
                f"got {role.max_tokens}; allowed: less than models.{name}.num_ctx ({role.num_ctx}), or no room is left to ask",
            )


def _names(settings: Settings) -> Iterator[Conflict]:
    inbox = settings.sources.get("inbox")
    if inbox and inbox.use != "inbox":
        yield Conflict(("sources.inbox.use",), f"got '{inbox.use}'; allowed: inbox", "give the source another name")


def find_idle(settings: Settings, is_set: IsSet) -> Iterator[tuple[str, str]]:
    """Keys that are set for nothing, each with why, so that nobody waits for an effect that cannot come."""
    tiers = {tier.use for tier in settings.cache.tiers} if settings.cache.enabled else set()
    if is_set("cache.redis_url") and "redis" not in tiers:
        yield "cache.redis_url", "no tier of cache.tiers is redis"
    if is_set("cache.max_entries") and "memory" not in tiers:
        yield "cache.max_entries", "no tier of cache.tiers is memory"
    if is_set("cache.embedding_ttl_s") and not settings.models.embed.enabled:
        yield "cache.embedding_ttl_s", "models.embed.enabled is false"
    if not settings.models.quantized:
        for key in ("models.quantized_triage", "models.quantized_classify"):
            if is_set(key):
                yield key, "models.quantized is false"
    if not settings.models.alternatives:
        for key in ("models.fallback_triage", "models.fallback_classify"):
            if is_set(key):
                yield key, "models.alternatives is false"


def find_risks(settings: Settings) -> Iterator[str]:
    """Choices that are the user's to make, and that they are told about at every start."""
    http = settings.control.http
    if http.enabled and http.auth == "none":
        yield "control.http.auth is none: every program and every user of this machine can read and change your leads"
    if http.enabled and is_public(http.host):
        yield f"control.http.host is {http.host}: other machines can reach leadd, and what they send is not encrypted"
