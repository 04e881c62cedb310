"""The settings of old: each works under both of its names, and one that does nothing any more says so once."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadd.config.legacy import LEGACY, Legacy
from leadd.config.problems import SettingsError
from leadd.config.settings import Settings
from leadd.config.tree import leaves

NAMES = tuple(
    """
    HOST PORT DEBUG DATABASE_URL OLLAMA_BASE_URL OLLAMA_MODEL_1B OLLAMA_MODEL_4B OLLAMA_EMBEDDING_MODEL
    ENABLE_ALTERNATIVE_MODELS FALLBACK_MODEL_1B FALLBACK_MODEL_4B USE_QUANTIZED_MODELS QUANTIZED_MODEL_1B
    QUANTIZED_MODEL_4B CLASSIFIER_SCORE_THRESHOLD PREFILTER_SCORE_THRESHOLD CONTEXT_WINDOW_1B_SHORT
    CONTEXT_WINDOW_1B_LONG CONTEXT_WINDOW_4B CONTEXT_LENGTH_THRESHOLD TEMPERATURE_1B TEMPERATURE_4B
    ENABLE_RESPONSE_CACHE CACHE_BACKEND CACHE_TTL_SECONDS CACHE_MAX_SIZE REDIS_URL ENABLE_STREAMING
    STREAM_CHUNK_SIZE BATCH_CONCURRENCY_LIMIT BATCH_ENABLE_PARALLEL ENABLE_HEALTH_MONITORING
    HEALTH_CHECK_INTERVAL_SECONDS HEALTH_CHECK_TIMEOUT_SECONDS ENABLE_EMBEDDINGS
    EMBEDDING_SIMILARITY_THRESHOLD EMBEDDING_CACHE_TTL PROMPT_TEMPLATE_PATH ENABLE_CUSTOM_PROMPTS
    """.split()  # noqa: SIM905 - a list of forty quoted names reads worse
)

VALUES: dict[str, tuple[str, dict[str, object]]] = {
    "HOST": ("::1", {"control.http.host": "::1"}),
    "PORT": ("8123", {"control.http.port": 8123}),
    "DEBUG": ("true", {"debug": True}),
    "DATABASE_URL": ("sqlite:////srv/leads.db", {"store.database": Path("/srv/leads.db")}),
    "OLLAMA_BASE_URL": ("http://box:11434/", {"models.endpoint": "http://box:11434"}),
    "OLLAMA_MODEL_1B": ("qwen3:0.6b", {"models.triage.model": "qwen3:0.6b"}),
    "OLLAMA_MODEL_4B": ("qwen3:4b", {"models.classify.model": "qwen3:4b", "models.dossier.model": "qwen3:4b"}),
    "OLLAMA_EMBEDDING_MODEL": ("bge-m3", {"models.embed.model": "bge-m3"}),
    "ENABLE_ALTERNATIVE_MODELS": ("true", {"models.alternatives": True}),
    "FALLBACK_MODEL_1B": ("a", {"models.fallback_triage": "a"}),
    "FALLBACK_MODEL_4B": ("b", {"models.fallback_classify": "b"}),
    "USE_QUANTIZED_MODELS": ("true", {"models.quantized": True, "models.triage.model": "gemma3:1b-it-qat"}),
    "QUANTIZED_MODEL_1B": ("a", {"models.quantized_triage": "a"}),
    "QUANTIZED_MODEL_4B": ("b", {"models.quantized_classify": "b"}),
    "CLASSIFIER_SCORE_THRESHOLD": ("75", {"scoring.dossier_threshold": 75}),
    "PREFILTER_SCORE_THRESHOLD": ("30", {"prefilter.score_threshold": 30}),
    "CONTEXT_WINDOW_1B_SHORT": ("4096", {"models.triage.num_ctx": 4096}),
    "CONTEXT_WINDOW_1B_LONG": ("8192", {}),
    "CONTEXT_WINDOW_4B": ("8192", {"models.classify.num_ctx": 8192, "models.dossier.num_ctx": 8192}),
    "CONTEXT_LENGTH_THRESHOLD": ("500", {}),
    "TEMPERATURE_1B": ("0.3", {"models.triage.temperature": 0.3}),
    "TEMPERATURE_4B": ("0.5", {"models.classify.temperature": 0.5, "models.dossier.temperature": 0.5}),
    "ENABLE_RESPONSE_CACHE": ("false", {"cache.enabled": False}),
    "CACHE_BACKEND": ("memory", {}),
    "CACHE_TTL_SECONDS": ("60", {"cache.ttl_s": 60}),
    "CACHE_MAX_SIZE": ("5", {"cache.max_entries": 5}),
    "REDIS_URL": ("redis://r:6379/1", {"cache.redis_url": "redis://r:6379/1"}),
    "ENABLE_STREAMING": ("true", {"inference.streaming": True}),
    "STREAM_CHUNK_SIZE": ("512", {}),
    "BATCH_CONCURRENCY_LIMIT": ("5", {"inference.slots": 5}),
    "BATCH_ENABLE_PARALLEL": ("false", {"inference.slots": 1, "pipeline.in_flight": 1}),
    "ENABLE_HEALTH_MONITORING": ("false", {"inference.health_enabled": False}),
    "HEALTH_CHECK_INTERVAL_SECONDS": ("30", {"inference.health_every_s": 30}),
    "HEALTH_CHECK_TIMEOUT_SECONDS": ("3", {"inference.health_timeout_s": 3}),
    "ENABLE_EMBEDDINGS": ("true", {"models.embed.enabled": True}),
    "EMBEDDING_SIMILARITY_THRESHOLD": ("0.9", {"prefilter.similarity_threshold": 0.9}),
    "EMBEDDING_CACHE_TTL": ("60", {"cache.embedding_ttl_s": 60}),
    "PROMPT_TEMPLATE_PATH": ("/srv/prompts", {"prompts.folder": Path("/srv/prompts")}),
    "ENABLE_CUSTOM_PROMPTS": ("false", {"prompts.custom": False}),
}


def at(settings: Settings, key: str) -> object:
    here: object = settings
    for part in key.split("."):
        here = getattr(here, part)
    return here


def test_the_table_holds_every_old_name_once() -> None:
    assert tuple(legacy.name for legacy in LEGACY) == NAMES
    assert set(VALUES) == set(NAMES)


def test_the_table_names_keys_that_exist() -> None:
    keys = {leaf.key for leaf in leaves()}
    assert {key for legacy in LEGACY for key in legacy.keys} <= keys


@pytest.mark.parametrize("prefix", ["", "LEADD_"])
@pytest.mark.parametrize("legacy", LEGACY, ids=lambda legacy: legacy.name)
def test_each_name_sets_its_keys(load_text, legacy: Legacy, prefix: str) -> None:
    text, expected = VALUES[legacy.name]
    loaded = load_text(None, {prefix + legacy.name: text})
    assert {key: at(loaded.settings, key) for key in expected} == expected
    for key in legacy.keys:
        assert loaded.origin[key] in (f"environment {prefix}{legacy.name}", "default") or legacy.name == "DEBUG"
    if expected and legacy.name != "BATCH_ENABLE_PARALLEL":
        assert loaded.origin[legacy.keys[0]] == f"environment {prefix}{legacy.name}"


@pytest.mark.parametrize("legacy", [legacy for legacy in LEGACY if not legacy.keys], ids=lambda legacy: legacy.name)
def test_a_name_without_effect_gets_one_line(load_text, legacy: Legacy) -> None:
    (line,) = load_text(None, {legacy.name: VALUES[legacy.name][0]}).warnings
    assert line.startswith(f"{legacy.name} is set and has no effect any more: ")


@pytest.mark.parametrize("name", ["REDIS_URL", "FALLBACK_MODEL_1B", "QUANTIZED_MODEL_4B", "EMBEDDING_CACHE_TTL"])
def test_a_name_that_does_nothing_by_itself_gets_one_line(load_text, name: str) -> None:
    (line,) = load_text(None, {name: VALUES[name][0]}).warnings
    assert line.startswith(f"{name} is set and has no effect: ")


def test_a_redis_url_counts_where_a_tier_is_redis(load_text) -> None:
    loaded = load_text(None, {"REDIS_URL": "redis://r", "CACHE_BACKEND": "redis"})
    assert [tier.use for tier in loaded.settings.cache.tiers] == ["memory", "redis"]
    assert loaded.warnings == ()


def test_the_prefix_wins_over_the_bare_name(load_text) -> None:
    loaded = load_text(None, {"PORT": "1", "LEADD_PORT": "2"})
    assert loaded.settings.control.http.port == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [("DEBUG", "app:*"), ("PORT", "tcp://172.17.0.1:80"), ("HOST", "my-laptop"), ("DATABASE_URL", "postgres://u:p@h/d")],
)
def test_a_bare_name_of_another_program_ends_nothing(load_text, name: str, text: str) -> None:
    """Shells and other programs set these names; only what fits is meant for leadd."""
    loaded = load_text(None, {name: text})
    assert loaded.settings == Settings()
    (line,) = loaded.warnings
    assert line.startswith(f"{name} is set and has no effect: ")
    assert text not in line


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DEBUG", "maybe"),
        ("PORT", "x"),
        ("HOST", "my-laptop"),
        ("DATABASE_URL", "postgres://u:p@h/d"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("CACHE_BACKEND", "memcached"),
        ("BATCH_ENABLE_PARALLEL", "maybe"),
    ],
)
def test_the_same_under_leadds_own_name_is_an_error(load_text, name: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_text(None, {f"LEADD_{name}": text})
    assert caught.value.problems[0].place == f"environment LEADD_{name}"
    assert "u:p@h" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("sqlite:////srv/a.db", Path("/srv/a.db")),
        ("sqlite+aiosqlite:////srv/a%20b.db?cache=shared", Path("/srv/a b.db")),
        ("sqlite:///./a.db", Path.cwd() / "a.db"),
        ("/srv/a.db", Path("/srv/a.db")),
    ],
)
def test_a_database_url_is_a_file(load_text, text: str, file: Path) -> None:
    assert load_text(None, {"DATABASE_URL": text}).paths.database_file == file


def test_not_parallel_beats_the_number(load_text) -> None:
    loaded = load_text(None, {"BATCH_ENABLE_PARALLEL": "false", "BATCH_CONCURRENCY_LIMIT": "9"})
    assert loaded.settings.inference.slots == 1
    loaded = load_text(None, {"BATCH_ENABLE_PARALLEL": "true", "BATCH_CONCURRENCY_LIMIT": "9"})
    assert loaded.settings.inference.slots == 9


def test_an_empty_value_counts_as_not_set(load_text) -> None:
    """Files of environment variables often list every name with nothing behind it."""
    environ = {prefix + name: "" for name in NAMES for prefix in ("", "LEADD_")}
    loaded = load_text(None, environ)
    assert loaded.settings == Settings()
    assert loaded.warnings == ()
