"""The contract suites over the builtin caches and models; sources and sinks have theirs in tests/builtin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from leadd.api import CacheBackend, Context, Icp, IcpField, Model, ModelRequest, Signal, Subject
from leadd.builtin.evidence import EvidenceConfig, EvidenceModel
from leadd.builtin.memory import MemoryCache, MemoryConfig
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.builtin.sqlite_cache import SqliteCache, SqliteCacheConfig
from leadd.testing.contracts import CacheContract, ModelContract
from leadd.testing.ollama import FakeOllama


class TestMemory(CacheContract):
    def make(self, ctx: Context) -> CacheBackend:
        return MemoryCache(MemoryConfig(), ctx)


class TestSqlite(CacheContract):
    survives_restart = True

    def make(self, ctx: Context) -> CacheBackend:
        return SqliteCache(SqliteCacheConfig(), ctx)


class OllamaContract(ModelContract):
    model_name = "gemma3:1b"
    embed_name = "nomic-embed-text"
    profile = "0.33+"

    @pytest.fixture(autouse=True)
    async def fake(self) -> AsyncIterator[FakeOllama]:
        async with FakeOllama(profile=self.profile, split=7) as fake:
            self.url = fake.url
            yield fake

    def make(self, ctx: Context) -> Model:
        return OllamaModel(OllamaConfig(endpoint=self.url), ctx)

    def make_without_server(self, ctx: Context) -> Model:
        return OllamaModel(OllamaConfig(endpoint="http://127.0.0.1:1"), ctx)

    # `make` needs the address of the fake, so the tests that are plain functions need the fixture's loop as well
    async def test_it_has_a_name_to_use_in_the_settings(self, ctx: Context) -> None:
        super().test_it_has_a_name_to_use_in_the_settings(ctx)

    async def test_its_settings_refuse_unknown_keys_and_have_a_schema(self, ctx: Context) -> None:
        super().test_its_settings_refuse_unknown_keys_and_have_a_schema(ctx)

    async def test_making_one_does_nothing_yet(self, ctx: Context) -> None:
        super().test_making_one_does_nothing_yet(ctx)


class TestOllama(OllamaContract):
    pass


class TestOldOllama(OllamaContract):
    profile = "legacy"


class TestEvidence(ModelContract):
    """Evidence reads the signal itself and takes any model name."""

    missing_name = None

    def make(self, ctx: Context) -> Model:
        return EvidenceModel(EvidenceConfig(vectors="off"), ctx)

    def question(self, text: str = "We look for our first marketing manager.", **changes: Any) -> ModelRequest:
        icp = Icp(
            name="agencies",
            description="Companies that look for help with their marketing.",
            hiring_keywords=IcpField(values=("marketing manager",)),
        )
        signal = Signal(1, "inbox", text, "", "hash", 0)
        return super().question(text, **{"subject": Subject(icp, signal), **changes})
