"""The settings of the system that leadd came from: each old name, the key it sets now, and why a default changed.

docs/migration.md is checked against this table.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

Converted = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Legacy:
    """One old setting. Without `keys` it has no effect any more, and `why` says what took its place.

    `convert` gives the values of keys for a text and raises ValueError for one it cannot read; None takes the text as it is.
    """

    name: str
    keys: tuple[str, ...]
    old: str
    why: str = ""
    convert: Callable[[str], Converted] | None = None


def _database(text: str) -> Converted:
    scheme, found, rest = text.partition("://")
    if not found:
        return {"store.database": text}
    if scheme.lower().split("+")[0] != "sqlite":
        raise ValueError("leadd keeps its data in SQLite; allowed: sqlite:///path/to/leadd.db, or a path")
    path = unquote(rest.removeprefix("/").split("?")[0])
    if not path or path.startswith(":memory:"):
        raise ValueError("a database in memory would lose every signal; allowed: sqlite:///path/to/leadd.db")
    return {"store.database": path}


def _host(text: str) -> Converted:
    if text != "localhost":
        ipaddress.ip_address(text)  # many shells keep the machine's own name in HOST
    return {"control.http.host": text}


def _cache_tiers(text: str) -> Converted:
    tiers = {"memory": ["memory"], "redis": ["memory", "redis"]}.get(text.strip().lower())
    if tiers is None:
        raise ValueError("allowed: memory or redis")
    return {"cache.tiers": [{"use": tier} for tier in tiers]}


def _parallel(text: str) -> Converted:
    word = text.strip().lower()
    if word in ("false", "0", "no", "off"):
        return {"inference.slots": 1, "pipeline.in_flight": 1}
    if word in ("true", "1", "yes", "on"):
        return {}
    raise ValueError("allowed: true or false")


_LARGE = "models.classify", "models.dossier"


def _large(key: str) -> tuple[str, ...]:
    return tuple(f"{role}.{key}" for role in _LARGE)


LEGACY: tuple[Legacy, ...] = (
    Legacy("HOST", ("control.http.host",), "127.0.0.1", convert=_host),
    Legacy("PORT", ("control.http.port",), "8000"),
    Legacy("DEBUG", ("debug",), "false"),
    Legacy(
        "DATABASE_URL",
        ("store.database",),
        "a SQLite file",
        "a path is enough: leadd keeps its data in SQLite only; empty means leadd.db in the data folder",
        _database,
    ),
    Legacy("OLLAMA_BASE_URL", ("models.endpoint",), "http://localhost:11434"),
    Legacy("OLLAMA_MODEL_1B", ("models.triage.model",), "gemma3:1b"),
    Legacy("OLLAMA_MODEL_4B", _large("model"), "gemma3:4b"),
    Legacy("OLLAMA_EMBEDDING_MODEL", ("models.embed.model",), "nomic-embed-text"),
    Legacy(
        "ENABLE_ALTERNATIVE_MODELS",
        ("models.alternatives",),
        "false",
        "it stands by and is asked only while the first choice cannot answer",
    ),
    Legacy(
        "FALLBACK_MODEL_1B",
        ("models.fallback_triage",),
        "mistral:7b",
        "it stands by and is asked only while the first choice cannot answer",
    ),
    Legacy(
        "FALLBACK_MODEL_4B",
        ("models.fallback_classify",),
        "llama3:8b",
        "it stands by and is asked only while the first choice cannot answer",
    ),
    Legacy("USE_QUANTIZED_MODELS", ("models.quantized",), "false"),
    Legacy(
        "QUANTIZED_MODEL_1B",
        ("models.quantized_triage",),
        "a 4-bit tag",
        "the tag that Ollama's library has: trained for 4 bits, so it loses less than a model cut down afterwards",
    ),
    Legacy(
        "QUANTIZED_MODEL_4B",
        ("models.quantized_classify",),
        "a 4-bit tag",
        "the tag that Ollama's library has: trained for 4 bits, so it loses less than a model cut down afterwards",
    ),
    Legacy("CLASSIFIER_SCORE_THRESHOLD", ("scoring.dossier_threshold",), "70"),
    Legacy(
        "PREFILTER_SCORE_THRESHOLD",
        ("prefilter.score_threshold",),
        "20",
        "to set it chooses prefilter.mode fixed; without it the threshold is certified on your own stream",
    ),
    Legacy(
        "CONTEXT_WINDOW_1B_SHORT",
        ("models.triage.num_ctx",),
        "4096",
        "one window for each model: Ollama loads a model anew whenever the window changes; a triage question fits in 2048",
    ),
    Legacy("CONTEXT_WINDOW_1B_LONG", (), "8192", "one window for each model, so there is no long one: models.triage.num_ctx"),
    Legacy(
        "CONTEXT_WINDOW_4B",
        _large("num_ctx"),
        "8192",
        "a classification fits in 4096, which by estimate takes 0.7 GiB less memory than 8192",
    ),
    Legacy("CONTEXT_LENGTH_THRESHOLD", (), "500", "one window for each model, so there is nothing to choose between"),
    Legacy("TEMPERATURE_1B", ("models.triage.temperature",), "0.3", "a judgement should come out the same each time"),
    Legacy(
        "TEMPERATURE_4B",
        _large("temperature"),
        "0.5",
        "a judgement should come out the same each time; a dossier is prose and keeps some freedom",
    ),
    Legacy("ENABLE_RESPONSE_CACHE", ("cache.enabled",), "true"),
    Legacy(
        "CACHE_BACKEND",
        ("cache.tiers",),
        "memory",
        "a tier on disk behind the one in memory: answers outlive a restart; redis wants the plugin leadd-redis",
        _cache_tiers,
    ),
    Legacy("CACHE_TTL_SECONDS", ("cache.ttl_s",), "2592000"),
    Legacy("CACHE_MAX_SIZE", ("cache.max_entries",), "1000"),
    Legacy("REDIS_URL", ("cache.redis_url",), "redis://localhost:6379/0", "counts where a tier is redis (plugin leadd-redis)"),
    Legacy("ENABLE_STREAMING", ("inference.streaming",), "false"),
    Legacy("STREAM_CHUNK_SIZE", (), "512", "pieces are passed on as the model makes them"),
    Legacy(
        "BATCH_CONCURRENCY_LIMIT",
        ("inference.slots",),
        "5",
        "a ceiling: leadd begins with one at a time and goes up while the server really answers more in the same time",
    ),
    Legacy(
        "BATCH_ENABLE_PARALLEL",
        ("inference.slots", "pipeline.in_flight"),
        "true",
        "false sets both keys to 1",
        _parallel,
    ),
    Legacy("ENABLE_HEALTH_MONITORING", ("inference.health_enabled",), "true"),
    Legacy(
        "HEALTH_CHECK_INTERVAL_SECONDS",
        ("inference.health_every_s",),
        "300",
        "a server that is down is looked at from 1 s upwards",
    ),
    Legacy("HEALTH_CHECK_TIMEOUT_SECONDS", ("inference.health_timeout_s",), "10"),
    Legacy("ENABLE_EMBEDDINGS", ("models.embed.enabled",), "false"),
    Legacy(
        "EMBEDDING_SIMILARITY_THRESHOLD",
        ("prefilter.similarity_threshold",),
        "0.7",
        "accepted; matching by vectors comes in a later version",
    ),
    Legacy(
        "EMBEDDING_CACHE_TTL", ("cache.embedding_ttl_s",), "604800", "vectors are kept in the database, by model and weights"
    ),
    Legacy(
        "PROMPT_TEMPLATE_PATH",
        ("prompts.folder",),
        "./prompts",
        "a folder of your own beside the settings file; the shipped prompts need no path",
    ),
    Legacy(
        "ENABLE_CUSTOM_PROMPTS",
        ("prompts.custom",),
        "false",
        "your prompts are checked before they are used, and an empty folder changes nothing",
    ),
)

LEADD_NAMES: Mapping[str, str] = {"LEADD_PROFILE": "profile", "LEADD_PLUGINS": "plugins.enabled"}
"""Names of leadd's own that set one key."""

NOT_SETTINGS = frozenset({"LEADD_HOME", "LEADD_CONFIG", "LEADD_EVAL_DATA"})
"""Names of leadd's own that stand outside the tree."""
