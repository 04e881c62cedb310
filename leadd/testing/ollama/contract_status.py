"""The contract about paths, methods, lists, descriptions and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ollama
import pytest

from leadd.testing.ollama.contract_base import HI, NOWHERE, ContractBase, Served
from leadd.testing.ollama.raw import ask


class StatusContract(ContractBase):
    """Paths, methods, lists, descriptions, errors."""

    def test_the_root_greets_in_plain_text(self, server: Served) -> None:
        reply = server.get("/")
        assert (reply.status, reply.body) == (200, b"Ollama is running")
        assert reply.headers["content-type"].startswith("text/plain")

    @pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags"])
    def test_head_answers_without_a_body(self, server: Served, path: str) -> None:
        reply = ask(server.url, "HEAD", path)
        assert (reply.status, reply.body) == (200, b"")
        assert int(reply.headers["content-length"]) > 0

    def test_version(self, server: Served) -> None:
        reply = server.get("/api/version")
        assert reply.headers["content-type"] == "application/json; charset=utf-8"
        assert list(reply.json()) == ["version"]

    def test_an_unknown_path_is_text_404(self, server: Served) -> None:
        reply = server.get("/api/no-such-path")
        assert (reply.status, reply.body) == (404, b"404 page not found")
        assert reply.headers["content-type"] == "text/plain"

    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [("GET", "/api/chat", {"POST"}), ("POST", "/api/tags", {"GET", "HEAD"}), ("DELETE", "/api/version", {"GET", "HEAD"})],
    )
    def test_a_wrong_method_is_405(self, server: Served, method: str, path: str, allow: set[str]) -> None:
        reply = ask(server.url, method, path)
        assert (reply.status, reply.body) == (405, b"405 method not allowed")
        assert set(reply.headers["allow"].split(", ")) == allow

    def test_a_path_with_a_slash_too_many_is_moved(self, server: Served) -> None:
        reply = server.get("/api/tags/")
        assert (reply.status, reply.headers["location"]) == (301, "/api/tags")

    def test_tags(self, server: Served, client: ollama.Client) -> None:
        entry = next(item for item in server.get("/api/tags").json()["models"] if item["name"].startswith(server.model))
        assert {"name", "model", "modified_at", "size", "digest", "details"} <= entry.keys()
        wanted = {"parent_model", "format", "family", "families", "parameter_size", "quantization_level"}
        assert wanted <= entry["details"].keys()
        assert len(entry["digest"]) == 64
        assert any(item.digest == entry["digest"] for item in client.list().models)

    def test_show(self, server: Served, client: ollama.Client) -> None:
        reply = server.post("/api/show", {"model": server.model})
        assert ("transfer-encoding" in reply.headers) == (len(reply.body) > 2048)
        shape = reply.json()
        family = shape["model_info"]["general.architecture"]
        assert shape["model_info"][f"{family}.context_length"] > 0
        assert shape["model_info"][f"{family}.embedding_length"] > 0
        assert "completion" in shape["capabilities"]
        assert {"modelfile", "template", "details", "modified_at"} <= shape.keys()
        assert client.show(server.model).details is not None

    def test_the_old_name_field_still_works_for_show(self, server: Served) -> None:
        assert server.post("/api/show", {"name": server.model}).status == 200

    @pytest.mark.parametrize(
        ("path", "quote"),
        [("/api/show", "'"), ("/api/generate", "'"), ("/api/embed", '"'), ("/api/embeddings", '"')],
    )
    def test_a_missing_model_is_json_404(self, server: Served, path: str, quote: str) -> None:
        reply = server.post(path, {"model": NOWHERE, "prompt": "x", "input": "x"})
        tail = ", try pulling it first" if quote == '"' else ""
        assert (reply.status, reply.json()) == (404, {"error": f"model {quote}{NOWHERE}{quote} not found{tail}"})

    def test_a_missing_model_to_chat_with(self, server: Served) -> None:
        reply = server.chat(model=NOWHERE)
        texts = (f"model '{NOWHERE}' not found", f'model "{NOWHERE}" not found, try pulling it first')
        assert (reply.status, reply.json()["error"]) == (404, texts[not server.profile.native])
        gone = server.chat(model=NOWHERE, messages=[], keep_alive=0)
        assert (gone.status, gone.json()["error"]) == (404, texts[0])

    def test_the_client_names_a_missing_model(self, client: ollama.Client) -> None:
        with pytest.raises(ollama.ResponseError) as caught:
            client.chat(NOWHERE, HI)
        assert caught.value.status_code == 404

    def test_an_empty_model_name(self, server: Served) -> None:
        assert (server.chat(model="").status, server.chat(model="").json()["error"]) == (400, "model is required")
        assert server.post("/api/generate", {"model": "", "prompt": "x"}).status == 404
        assert server.post("/api/show", {}).json() == {"error": "model is required"}

    @pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/show", "/api/pull"])
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (b"", "missing request body"),
            (b"{", "unexpected EOF"),
            (b'{"model":"x",', "unexpected EOF"),
            (b"{bad", "invalid character 'b' looking for beginning of object key string"),
            (b"hello", "invalid character 'h' looking for beginning of value"),
            (b" ", "missing request body"),
            (b"\xff", "invalid character 'ÿ' looking for beginning of value"),
            (b'{"a":tru}', "invalid character '}' in literal true (expecting 'e')"),
            (b'{"a":[1 2]}', "invalid character '2' after array element"),
            (b'{"a" 1}', "invalid character '1' after object key"),
            (b'{"a":1 2}', "invalid character '2' after object key:value pair"),
        ],
    )
    def test_a_body_that_is_no_json(self, server: Served, path: str, body: bytes, text: str) -> None:
        reply = server.post(path, body)
        assert (reply.status, reply.json()) == (400, {"error": text})

    @pytest.mark.parametrize(
        ("more", "text"),
        [
            (
                {"messages": "x"},
                "json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message",
            ),
            ({"messages": ["x"]}, "json: cannot unmarshal string into Go struct field ChatRequest.messages of type api.Alias"),
            (
                {"messages": [{"role": "user", "content": 5}]},
                "json: cannot unmarshal number into Go struct field ChatRequest.messages.content of type string",
            ),
            ({"keep_alive": "--5s"}, 'time: invalid duration "--5s"'),
            ({"stream": "x"}, "json: cannot unmarshal string into Go struct field ChatRequest.stream of type bool"),
            ({"model": 5}, "json: cannot unmarshal number into Go struct field ChatRequest.model of type string"),
            (
                {"options": []},
                "json: cannot unmarshal array into Go struct field ChatRequest.options of type map[string]interface {}",
            ),
            ({"keep_alive": "-1"}, 'time: missing unit in duration "-1"'),
            ({"keep_alive": "10"}, 'time: missing unit in duration "10"'),
            ({"keep_alive": "abc"}, 'time: invalid duration "abc"'),
            ({"keep_alive": ""}, 'time: invalid duration ""'),
            ({"keep_alive": "1x"}, 'time: unknown unit "x" in duration "1x"'),
            ({"keep_alive": True}, "Unsupported type: 'bool'"),
            ({"keep_alive": []}, "Unsupported type: '[]interface {}'"),
        ],
    )
    def test_fields_of_a_wrong_type_are_400(self, server: Served, more: dict[str, Any], text: str) -> None:
        reply = server.chat(**more)
        assert (reply.status, reply.json()) == (400, {"error": text})

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"num_ctx": "4096"}, 'option "num_ctx" must be of type integer'),
            ({"temperature": "hot"}, 'option "temperature" must be of type float32'),
            ({"use_mmap": "x"}, 'option "use_mmap" must be of type boolean'),
            ({"stop": "x"}, 'option "stop" must be of type array'),
            ({"stop": [1]}, 'option "stop" must be of an array of strings'),
        ],
    )
    def test_options_of_a_wrong_type_are_500(self, server: Served, options: dict[str, Any], text: str) -> None:
        reply = server.chat(options=options)
        assert (reply.status, reply.json()) == (500, {"error": text})

    @pytest.mark.parametrize("need", [{"think": True}, {"tools": [{"type": "function", "function": {"name": "f"}}]}])
    def test_what_a_model_cannot_do_is_400(self, server: Served, need: dict[str, Any]) -> None:
        reply = server.chat(**need)
        assert reply.status == 400
        assert "does not support" in reply.json()["error"]

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:11434", "8.8.8.8", "169.254.1.1", "localhost."])
    def test_a_foreign_host_is_403_and_empty(self, server: Served, host: str) -> None:
        reply = server.get("/api/version", Host=host)
        assert (reply.status, reply.body) == (403, b"")

    @pytest.mark.parametrize(
        "host",
        ["localhost", "LOCALHOST", "foo.local", "foo.internal:99", "10.1.2.3", "a.localhost", "[::1]:80", "::1", "0.0.0.0"],
    )
    def test_a_local_host_is_served(self, server: Served, host: str) -> None:
        assert server.get("/api/version", Host=host).status == 200

    def test_origins(self, server: Served) -> None:
        assert server.get("/api/version", Origin="http://evil.example").status == 403
        assert server.get("/api/version", Host="evil.example", Origin="http://evil.example").status == 403
        reply = server.get("/api/version", Origin="http://localhost:3000")
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, "http://localhost:3000")

    @pytest.mark.parametrize(
        ("origin", "status"), [("http://localhost", 204), ("app://x", 204), ("http://[::1]", 403), ("null", 403)]
    )
    def test_preflight(self, server: Served, origin: str, status: int) -> None:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        reply = ask(server.url, "OPTIONS", "/api/chat", headers=headers)
        assert (reply.status, reply.body) == (status, b"")
        if status == 204:
            assert reply.headers["access-control-allow-origin"] == origin
            assert "POST" in reply.headers["access-control-allow-methods"].split(",")
        own = ask(server.url, "OPTIONS", "/api/chat", headers={"Origin": "http://127.0.0.1", "Host": "127.0.0.1"})
        assert own.status == 405

    def test_pulling_an_unknown_model_is_an_error_line(self, server: Served, client: ollama.Client) -> None:
        reply = server.post("/api/pull", {"model": NOWHERE})
        assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson")
        assert reply.lines()[0] == {"status": "pulling manifest"}
        assert reply.lines()[-1]["error"].startswith("pull model manifest: ")
        with pytest.raises(ollama.ResponseError):
            client.pull(NOWHERE)
        assert server.post("/api/pull", {}).json() == {"error": "invalid model name"}

    def test_copy_and_delete(self, client: ollama.Client, server: Served) -> None:
        client.copy(server.model, "leadd-contract-copy")
        names = [item.model for item in client.list().models]
        client.delete("leadd-contract-copy")
        assert "leadd-contract-copy:latest" in names
        assert server.post("/api/copy", {"source": NOWHERE, "destination": "x"}).json() == {
            "error": f'model "{NOWHERE}" not found'
        }
        assert server.post("/api/copy", {"source": server.model}).json() == {"error": 'destination "" is invalid'}
        assert ask(server.url, "DELETE", "/api/delete", {"model": ""}).json() == {"error": 'name "" is invalid'}
        assert ask(server.url, "DELETE", "/api/delete", {"model": NOWHERE}).json() == {"error": f"model '{NOWHERE}' not found"}

    def test_a_model_is_made_of_another(self, client: ollama.Client, server: Served, tmp_path: Path) -> None:
        """By the official client: fields (from 0.5.5 on), status lines, and what the made model says of itself."""
        name = "leadd-contract-made"
        examples = [{"role": "user", "content": "Is water wet?"}, {"role": "assistant", "content": "yes"}]
        steps = [step.status for step in client.create(model=name, from_=server.model, messages=examples, stream=True)]
        try:
            assert steps[-2:] == ["writing manifest", "success"]
            made = {item.model: item.digest for item in client.list().models}
            assert made[f"{name}:latest"] != made[client_name(server.model)]
            assert server.chat(model=name).status == 200
        finally:
            client.delete(name)
        assert server.post("/api/create", {"model": name}).json() == {"error": "neither 'from' or 'files' was specified"}
        lines = server.post("/api/create", {"model": name, "from": NOWHERE}).lines()
        assert lines[-1]["error"].startswith("pull model manifest: ")

    def test_blobs_are_kept_by_their_digest(self, client: ollama.Client, server: Served, tmp_path: Path) -> None:
        file = tmp_path / "adapter.gguf"
        file.write_bytes(b"GGUF leadd contract")
        digest = client.create_blob(file)
        assert ask(server.url, "HEAD", f"/api/blobs/{digest}").status == 200
        assert ask(server.url, "HEAD", f"/api/blobs/sha256:{'0' * 64}").status == 404
        assert client.create_blob(file) == digest


def client_name(name: str) -> str:
    """A model's name as lists show it."""
    return name if ":" in name else f"{name}:latest"
