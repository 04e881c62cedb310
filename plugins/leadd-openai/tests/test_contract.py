"""leadd's own suite for models, against each kind of server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest
from leadd_openai import OpenAIConfig, OpenAIModel, leadd_models

from leadd.api import Context, Model
from leadd.testing.contracts import ModelContract
from leadd.testing.openai import FakeOpenAI


class _Contract(ModelContract):
    flavour: ClassVar[str] = "llamacpp"
    quirks: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture(autouse=True)
    async def server(self) -> AsyncIterator[FakeOpenAI]:
        async with FakeOpenAI(self.flavour, quirks=self.quirks, embeddings=True, time_scale=0, split=7) as fake:
            self.fake = fake
            yield fake

    def make(self, ctx: Context) -> Model:
        return OpenAIModel(OpenAIConfig(endpoint=self.fake.url), ctx)

    def make_without_server(self, ctx: Context) -> Model | None:
        return OpenAIModel(OpenAIConfig(endpoint="http://127.0.0.1:9"), ctx)


class TestLlamaCpp(_Contract):
    model_name = "gemma-3-1b-it"
    embed_name = "gemma-3-1b-it"


class TestLmStudio(_Contract):
    flavour = "lmstudio"
    model_name = "google/gemma-3-1b"
    embed_name = "text-embedding-nomic-embed-text-v1.5"


class TestVllm(_Contract):
    flavour = "vllm"
    model_name = "google/gemma-3-4b-it"


class TestAnother(_Contract):
    """A server that is none of the three, and as poor as they come."""

    flavour = "lmstudio"
    quirks = (
        "other_owner", "no_status_paths", "no_usage", "no_done", "no_stream_options", "no_json_schema", "no_index",
        "not_normalised", "pings", "crlf",
    )  # fmt: skip
    model_name = "google/gemma-3-1b"
    embed_name = "text-embedding-nomic-embed-text-v1.5"


def test_the_hook_names_the_class() -> None:
    assert leadd_models() == [OpenAIModel]


def test_the_package_says_what_it_brings() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    assert '[project.entry-points."leadd.plugins"]\nopenai = "leadd_openai"' in text
