"""What `leadd status` says of models: one line for each thing that is wrong."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from leadd.api import Method, Role
from leadd.builtin.sqlite_cache import FILE_NAME, SqliteCache, SqliteCacheConfig
from leadd.daemon.state import _cache_reasons, _model_reasons, _notes, _unusable_caches
from leadd.daemon.upkeep import check_all
from leadd.inference import Availability
from leadd.registry import ComponentError, Registry
from leadd.testing.context import make_context

WELL = Availability(True, Method.MODEL)
RESTART = "it answers, but loads nothing any more: restart Ollama"


def daemon(health: list[dict[str, Any]] | None = None, **roles: Availability) -> Any:
    inference = SimpleNamespace(
        availability=lambda role: roles.get(role.value, WELL), health=lambda: health or [{"name": "ollama", "wedged": None}]
    )
    core = SimpleNamespace(profiles=SimpleNamespace(stand_in=None))
    return SimpleNamespace(inference=inference, core=core, loaded=SimpleNamespace(warnings=("a warning",)))


def test_all_is_well() -> None:
    assert _model_reasons(daemon()) == []
    assert _notes(daemon()) == ["a warning"]


def test_a_role_that_another_model_plays() -> None:
    stands_in = Availability(True, Method.MODEL, "desk/gemma3:4b stands in: nobody answers")
    assert _model_reasons(daemon(classify=stands_in, dossier=stands_in)) == [
        "classify: desk/gemma3:4b stands in: nobody answers",
        "dossiers: desk/gemma3:4b stands in: nobody answers",
    ]


def test_roles_that_wait() -> None:
    away = Availability(False, None, "nobody answers")
    assert _model_reasons(daemon(triage=away)) == ["triage waits for its model: nobody answers"]
    assert _model_reasons(daemon(dossier=away)) == ["dossiers wait for their model: nobody answers"]
    assert len(_model_reasons(daemon(triage=away, classify=away, dossier=away))) == 2


def test_evidence_stands_in_with_one_line() -> None:
    read = Availability(True, Method.EVIDENCE, "no language model: nobody answers")
    (line,) = _model_reasons(daemon(triage=read, classify=read, dossier=Availability(False, None, "nobody answers")))
    assert line == "no language model: signals are judged by the evidence in their own text (nobody answers)"


def test_a_wedged_server_is_told_once() -> None:
    stuck = Availability(False, None, RESTART)
    health = [{"name": "ollama", "wedged": RESTART}]
    found = _model_reasons(daemon(health, **{role.value: stuck for role in Role}))
    assert found == [f"model server ollama is wedged: {RESTART}"]


def test_another_program_that_disturbs_is_a_note() -> None:
    health = [
        {"name": "ollama", "wedged": None, "thrash": {"count": 3, "reason": "another program asks gemma3:1b with num_ctx 8192"}}
    ]
    assert _model_reasons(daemon(health)) == []
    assert _notes(daemon(health))[1:] == [
        "another program disturbs model server ollama: another program asks gemma3:1b with num_ctx 8192 (leadd doctor)"
    ]


def test_a_cache_that_nobody_brings_is_told_with_what_to_install() -> None:
    registry = Registry(None)
    with suppress(ComponentError):
        registry.create("cache", "redis", {}, lambda config: make_context(Path("unused")), name="cache-redis")
    (line,) = _cache_reasons(SimpleNamespace(registry=registry))  # type: ignore[arg-type]
    assert line.startswith("cache redis is failed_config: there is no cache 'redis' (")
    assert "pip install ./plugins/leadd-redis" in line


async def test_a_cache_that_keeps_nothing_is_told(tmp_path: Path) -> None:
    cache = SqliteCache(SqliteCacheConfig(), make_context(tmp_path))

    async def check_caches() -> list[dict[str, str]]:
        return await check_all({"cache:cache-sqlite": cache})

    one: Any = SimpleNamespace(check_caches=check_caches)
    (tmp_path / FILE_NAME).mkdir()  # a folder where the file should be
    await cache.open()
    (line,) = await _unusable_caches(one)
    assert line.startswith(f"cache sqlite: {tmp_path / FILE_NAME} cannot be used (")
    await cache.close()
    (tmp_path / FILE_NAME).rmdir()
    healthy = SqliteCache(SqliteCacheConfig(), make_context(tmp_path))
    await healthy.open()
    assert await check_all({"cache:cache-sqlite": healthy}) == []
    await healthy.close()
