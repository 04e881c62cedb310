"""Points 16 to 19, 22 and 23: names, capabilities, embeddings, lists, pulls, guards, and what changes with the version."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from leadd.testing.ollama import NAMES, FakeOllama, ModelInfo, profile

UNKNOWN = {"model": "nowhere", "messages": [{"role": "user", "content": "x"}], "prompt": "x", "input": "x", "stream": False}


@pytest.mark.parametrize(
    ("version", "path", "text"),
    [
        ("0.33.1", "/api/chat", "model 'nowhere' not found"),
        ("0.9.3", "/api/chat", 'model "nowhere" not found, try pulling it first'),
        ("0.33.1", "/api/generate", "model 'nowhere' not found"),
        ("0.33.1", "/api/embed", 'model "nowhere" not found, try pulling it first'),
        ("0.33.1", "/api/show", "model 'nowhere' not found"),
    ],
)
async def test_a_missing_model(asker: Any, version: str, path: str, text: str) -> None:
    async with FakeOllama(version) as fake:
        assert await asker.post(fake, path, UNKNOWN) == (404, {"error": text})


async def test_an_embedder_cannot_chat(asker: Any) -> None:
    async with FakeOllama() as fake:
        for endpoint in ("chat", "generate"):
            status, reply = await asker.post(fake, f"/api/{endpoint}", UNKNOWN | {"model": "nomic-embed-text"})
            assert (status, reply["error"]) == (400, f'"nomic-embed-text" does not support {endpoint}')


@pytest.mark.parametrize("body", [{"think": True}, {"tools": [{}]}])
async def test_a_missing_capability(asker: Any, body: dict[str, Any]) -> None:
    async with FakeOllama(models=("gemma3:1b", "mistral:7b")) as fake:
        status, reply = await asker.chat(fake, **body)
        need = "thinking" if "think" in body else "tools"
        assert (status, reply["error"]) == (400, f'"gemma3:1b" does not support {need}')
        assert (await asker.chat(fake, model="mistral:7b", **body))[0] == (200 if need == "tools" else 400)


async def test_tags_ps_show_and_version_by_profile(asker: Any) -> None:
    for version in ("0.9.3", "0.12.11", "0.32.15"):
        async with FakeOllama(version) as fake:
            native = version == "0.32.15"
            await asker.chat(fake)
            tags = (await asker.get(fake, "/api/tags"))["models"]
            assert {entry["name"] for entry in tags} == {"gemma3:1b", "gemma3:4b", "nomic-embed-text:latest"}
            assert all(("capabilities" in entry) is native for entry in tags)
            assert all(("context_length" in entry["details"]) is native for entry in tags)
            ps = (await asker.get(fake, "/api/ps"))["models"][0]
            assert ps.get("context_length") == (None if version == "0.9.3" else 2048)
            assert ps["digest"] == next(entry["digest"] for entry in tags if entry["name"] == "gemma3:1b")
            assert await asker.get(fake, "/api/version") == {"version": version}
            show = (await asker.post(fake, "/api/show", {"model": "gemma3:4b"}))[1]
            assert show["capabilities"] == ["completion", "vision"]
            assert show["model_info"]["gemma3.context_length"] == 131072
            assert show["details"]["quantization_level"] == "Q4_K_M"


async def test_models_of_ones_own(asker: Any) -> None:
    mine = ModelInfo("mine:latest", 10, "llama", "1B", 1, "Q8_0", 600, 32, 1)
    async with FakeOllama(models=("gemma3:4b-it-qat", "some-embedder", "what:7b", mine)) as fake:
        fake.catalog.add("gemma3:1b")
        names = {entry["name"] for entry in (await asker.get(fake, "/api/tags"))["models"]}
        assert names == {"gemma3:4b-it-qat", "some-embedder:latest", "what:7b", "mine:latest", "gemma3:1b"}
        assert (await asker.chat(fake, model="MINE"))[1]["model"] == "MINE"
        assert fake.loaded == {"mine:latest": 600}
        assert len((await asker.post(fake, "/api/embed", {"model": "some-embedder", "input": "x"}))[1]["embeddings"]) == 1
    with pytest.raises(ValueError, match="no model name"):
        FakeOllama(models=("a b",))


async def test_a_pull_goes_through_its_steps_and_changes_the_digest(asker: Any) -> None:
    async with FakeOllama() as fake:

        async def pull(name: str) -> list[Any]:
            async with asker.session.post(fake.url + "/api/pull", json={"model": name}) as reply:
                assert reply.status == 200
                return [json.loads(line) for line in (await reply.read()).splitlines()]

        before = fake.catalog.installed["gemma3:1b"].digest
        await asker.chat(fake)
        events = await pull("gemma3:1b")
        statuses = [event["status"] for event in events]
        assert statuses[0] == "pulling manifest"
        assert statuses[-4:] == ["verifying sha256 digest", "writing manifest", "removing unused layers", "success"]
        layers = [event for event in events if "digest" in event]
        assert all(event["status"] == f"pulling {event['digest'][7:19]}" for event in layers)
        assert "completed" not in layers[0]
        assert layers[-1]["completed"] == layers[-1]["total"]
        assert fake.catalog.installed["gemma3:1b"].digest != before
        assert "removing unused layers" not in [event["status"] for event in await pull("gemma3:12b")]
        assert (await asker.chat(fake, model="gemma3:12b"))[0] == 200
        unknown = await pull("nowhere")
        assert unknown == [{"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"}]
        status, reply = await asker.post(fake, "/api/pull", {"model": "nowhere", "stream": False})
        assert (status, reply) == (500, unknown[1])
        assert await asker.post(fake, "/api/pull", {"model": "mistral:7b", "stream": False}) == (200, {"status": "success"})


async def test_a_pull_that_breaks_off_installs_nothing(asker: Any) -> None:
    async with FakeOllama(models=("gemma3:1b",)) as fake:
        fake.fail_next("pull_error", message="connection reset by peer")
        async with asker.session.post(fake.url + "/api/pull", json={"model": "gemma3:4b"}) as reply:
            assert (await reply.read()).splitlines()[-1] == b'{"error":"connection reset by peer"}'
        assert list(fake.catalog.installed) == ["gemma3:1b"]


async def embed(asker: Any, fake: FakeOllama, given: Any, **more: Any) -> Any:
    return await asker.post(fake, "/api/embed", {"model": "nomic-embed-text", "input": given} | more)


async def test_embeddings_keep_the_order_and_similar_texts_are_near(asker: Any) -> None:
    async with FakeOllama() as fake:
        texts = [
            "marketing manager in Wien",
            "marketing manager for Wien",
            "plumber wanted at once",
            "marketing manager in Wien",
        ]
        reply = (await embed(asker, fake, texts))[1]
        vectors = np.array(reply["embeddings"])
        assert vectors.shape == (4, 768)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert (vectors[0] == vectors[3]).all()
        assert vectors[0] @ vectors[1] > 0.6 > 0.2 > vectors[0] @ vectors[2]
        backwards = np.array((await embed(asker, fake, texts[::-1]))[1]["embeddings"])
        assert (backwards == vectors[::-1]).all()
        assert fake.stats.texts_embedded == 8
        single = (await embed(asker, fake, texts[0]))[1]["embeddings"]
        assert single[0] == vectors[0].tolist()
        assert reply["prompt_eval_count"] >= 4


@pytest.mark.parametrize(("version", "width"), [("0.33.1", 128), ("0.9.3", 768)])
async def test_dimensions_are_normalised_again_where_they_are_known(asker: Any, version: str, width: int) -> None:
    async with FakeOllama(version) as fake:
        vector = (await embed(asker, fake, "some words", dimensions=128))[1]["embeddings"][0]
        assert len(vector) == width
        assert math.isclose(sum(value * value for value in vector), 1, rel_tol=1e-4)


async def test_embedding_nothing_loads_the_model(asker: Any) -> None:
    async with FakeOllama() as fake:
        for empty in ("", [], None):
            assert await embed(asker, fake, empty) == (200, {"model": "nomic-embed-text", "embeddings": []})
        assert list(fake.loaded) == ["nomic-embed-text:latest"]


@pytest.mark.parametrize(("version", "status"), [("0.33.1", 400), ("0.9.3", 500)])
async def test_one_bad_input_or_a_dead_runner_fails_the_batch(asker: Any, version: str, status: int) -> None:
    async with FakeOllama(version) as fake:
        assert (await embed(asker, fake, ["a", "", "b"]))[0] == status
        fake.fail_next("crash")
        assert (await embed(asker, fake, ["a", "b"]))[0] == status
        assert fake.loaded == {}
        assert (await embed(asker, fake, ["a", "b"]))[0] == 200
        assert fake.stats.loads["nomic-embed-text:latest"] == 2


async def test_long_inputs_are_cut_or_refused(asker: Any) -> None:
    async with FakeOllama() as fake:
        long = "word " * 3000
        assert (await embed(asker, fake, long))[1]["prompt_eval_count"] == 2048
        status, reply = await embed(asker, fake, ["ok", long], truncate=False)
        assert (status, reply["error"]) == (400, "the input length exceeds the context length")
        status, reply = await asker.post(fake, "/api/embeddings", {"model": "nomic-embed-text", "prompt": long})
        assert status == 500


async def test_the_old_endpoint_is_not_normalised(asker: Any) -> None:
    async with FakeOllama() as fake:
        vector = (await asker.post(fake, "/api/embeddings", {"model": "nomic-embed-text", "prompt": "a b c"}))[1]["embedding"]
        new = (await embed(asker, fake, "a b c"))[1]["embeddings"][0]
        norm = math.sqrt(sum(value * value for value in vector))
        assert norm > 2
        assert [value / norm for value in vector] == pytest.approx(new, abs=1e-5)


@pytest.mark.parametrize("kind", ["zero_vector", "not_normalised", "missing_vector"])
async def test_bad_vectors_on_demand(asker: Any, kind: str) -> None:
    async with FakeOllama() as fake:
        fake.fail_next(kind)
        vectors = (await embed(asker, fake, ["a", "b"]))[1]["embeddings"]
        norms = [sum(value * value for value in vector) for vector in vectors]
        assert len(vectors) == (1 if kind == "missing_vector" else 2)
        assert (kind == "missing_vector") == all(norm == pytest.approx(1, rel=1e-4) for norm in norms)


async def test_a_server_bound_to_all_addresses_does_not_check_hosts(asker: Any) -> None:
    for host, status in (("127.0.0.1", 403), ("0.0.0.0", 200)):
        async with FakeOllama(host=host) as fake:
            url = f"http://127.0.0.1:{fake.port}/api/version"
            async with asker.session.get(url, headers={"Host": "evil.example"}) as reply:
                assert reply.status == status


async def test_preflight_requests(asker: Any) -> None:
    async with FakeOllama() as fake:
        for origin, status in (("http://localhost", 204), ("https://evil.example", 403), ("app://x", 204)):
            async with asker.session.options(fake.url + "/api/chat", headers={"Origin": origin}) as reply:
                assert reply.status == status


def test_profiles_by_name_and_by_version() -> None:
    assert [profile(name).version for name in NAMES] == list(NAMES.values())
    legacy, middle, newest = profile("legacy"), profile("0.30-0.32"), profile("0.33+")
    assert (legacy.native, middle.native, newest.native) == (False, True, True)
    assert (middle.repeat_is_error, newest.repeat_is_error) == (False, True)
    assert profile("0.33.0-rc2").repeat_is_error is False
    assert profile("0.24.0").native is False
    assert (profile("0.12.5").truncate_flag, profile("0.12.6").truncate_flag) == (False, True)
    assert (profile("0.30.0").counts_cached, profile("0.30.1").counts_cached) == (False, True)
    with pytest.raises(ValueError, match="no profile"):
        profile("newest")
