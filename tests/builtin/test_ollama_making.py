"""Making models on a faithful Ollama: examples stand before every chat, adapters go up once, what goes wrong has a name."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from leadd.api import Context, Failure, Message, ModelFailure, ModelRequest, Role, SystemClock
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.testing.ollama import FakeOllama

EXAMPLES = (Message("user", 'said """three"""'), Message("assistant", "no"))


@asynccontextmanager
async def made(folder: Path, **options: Any) -> AsyncIterator[tuple[FakeOllama, OllamaModel]]:
    async with FakeOllama(time_scale=0, **options) as fake:
        ctx = Context("ollama", folder, None, SystemClock(), logging.getLogger("t"), lambda ref: "")  # type: ignore[arg-type]
        model = OllamaModel(OllamaConfig(endpoint=fake.url), ctx)
        await model.open()
        try:
            yield fake, model
        finally:
            await model.close()


async def steps(model: OllamaModel, name: str, base: str = "gemma3:1b", **more: Any) -> list[str]:
    return [step async for step in model.make_model(name, base, EXAMPLES, {"temperature": 0}, **more)]


@pytest.mark.parametrize("version", ["0.33+", "0.5.4"])
async def test_a_made_model_has_its_examples_before_every_chat(tmp_path: Path, version: str) -> None:
    seen: list[list[str]] = []

    def oracle(question: Any) -> str:
        seen.append([str(m["content"]) for m in question.messages])
        return "yes"

    async with made(tmp_path, profile=version, oracle=oracle) as (fake, model):
        assert (await steps(model, "leadd/gemma3:1b-t"))[-1] == "success"
        before, after = await model.digest("gemma3:1b"), await model.digest("leadd/gemma3:1b-t")
        assert before != after
        for name in ("gemma3:1b", "leadd/gemma3:1b-t"):
            await model.complete(ModelRequest(Role.TRIAGE, name, (Message("user", "now"),), 8, 2048))
        assert seen[0] == ["now"]
        assert seen[1][1:] == ["no", "now"]
        assert seen[1][0] in ('said """three"""', 'said ""three""'), "a Modelfile cannot hold three quotes"
        await steps(model, "leadd/gemma3:1b-t")
        assert await model.digest("leadd/gemma3:1b-t") == after, "equal examples make an equal model"
        await model.remove_model("leadd/gemma3:1b-t")
        await model.remove_model("leadd/gemma3:1b-t")
        with pytest.raises(ModelFailure) as gone:
            await model.digest("leadd/gemma3:1b-t")
        assert gone.value.kind is Failure.MISSING_MODEL
        assert fake.stats.calls["/api/create"] == 2


async def test_an_adapter_goes_up_once(tmp_path: Path) -> None:
    file = tmp_path / "lora.gguf"
    file.write_bytes(b"GGUF" + b"x" * 3_000_000)
    async with made(tmp_path) as (fake, model):
        assert "sending the adapter" in await steps(model, "tuned", adapter=file)
        assert (await steps(model, "tuned-again", adapter=file))[-1] == "success"
        blobs = {path: n for path, n in fake.stats.calls.items() if path.startswith("/api/blobs/")}
        assert list(blobs.values()) == [3], "asked for twice, sent once"
        assert await model.digest("tuned") != await model.digest("gemma3:1b")
        with pytest.raises(OSError, match="nowhere"):
            await steps(model, "x", adapter=tmp_path / "nowhere")


async def test_what_cannot_be_made_is_told_by_name(tmp_path: Path) -> None:
    async with made(tmp_path) as (_, model):
        with pytest.raises(ModelFailure) as missing:
            await steps(model, "x", base="nobody:9b")
        assert "file does not exist" in missing.value.message
        with pytest.raises(ModelFailure) as invalid:
            await steps(model, "no name!")
        assert invalid.value.kind is Failure.BAD_REQUEST
