"""What a server says of itself: /v1/models, and the paths that only one of the flavours has."""

from __future__ import annotations

from typing import Any

from leadd.testing.ollama.wire import Exchange
from leadd.testing.openai.house import BUILD, VLLM_VERSION, House
from leadd.testing.openai.refusals import encode
from leadd.testing.openai.served import Served

TEMPLATE = "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message.role }}{% endfor %}"


class Status:
    """Serves the small questions."""

    def __init__(self, house: House) -> None:
        self._house = house

    def paths(self) -> dict[str, Any]:
        """Path to handler, for GET."""
        house = self._house
        found: dict[str, Any] = {"/v1/models": self._models}
        if house.has("no_status_paths"):
            return found
        if house.flavour == "llamacpp":
            found |= {"/models": self._models, "/health": self._health, "/v1/health": self._health}
            found |= {"/props": self._props, "/slots": self._slots}
        elif house.flavour == "vllm":
            found |= {"/health": self._healthy, "/ping": self._healthy, "/version": self._version}
        else:
            found |= {"/api/v0/models": self._details, "/api/v1/models": self._instances}
        return found

    def _models(self, exchange: Exchange) -> None:
        rows = [self._row(model) for model in self._house.models.values()]
        if self._house.has("other_owner"):
            for row in rows:
                row["owned_by"] = "somebody"
        exchange.whole(200, encode({"object": "list", "data": rows}))

    def _row(self, model: Served) -> dict[str, Any]:
        house = self._house
        if house.flavour == "lmstudio":
            return {"id": model.id, "object": "model", "owned_by": "organization_owner"}
        if house.flavour == "vllm":
            # the time is that of the question, and so is the name of the permission
            permission = {
                "id": f"modelperm-{house.stats.calls.total()}",
                "object": "model_permission",
                "created": house.created,
            }
            return {
                "id": model.id, "object": "model", "created": house.created, "owned_by": "vllm", "root": model.place,
                "parent": None, "max_model_len": house.num_ctx, "permission": [permission],
            }  # fmt: skip
        meta = {
            "vocab_type": 1, "n_vocab": 262_144, "n_ctx_train": model.n_ctx_train, "n_embd": model.width,
            "n_params": model.n_params, "size": model.size + model.revision - 1,
        }  # fmt: skip
        return {
            "id": model.id, "aliases": list(model.aliases), "tags": [], "object": "model", "created": house.created,
            "owned_by": "llamacpp", "meta": meta,
        }  # fmt: skip

    def _health(self, exchange: Exchange) -> None:
        exchange.whole(200, encode({"status": "ok"}))

    def _healthy(self, exchange: Exchange) -> None:
        exchange.whole(200, b"", "")

    def _version(self, exchange: Exchange) -> None:
        exchange.whole(200, encode({"version": VLLM_VERSION}))

    def _props(self, exchange: Exchange) -> None:
        house = self._house
        model = next(iter(house.models.values()))
        exchange.whole(
            200,
            encode({
                "default_generation_settings": {"n_ctx": house.num_ctx, "params": {"temperature": 0.8, "seed": 4_294_967_295}},
                "total_slots": house.slots,
                "model_alias": model.id,
                "model_path": model.place,
                "modalities": {"vision": False, "audio": False},
                "chat_template": TEMPLATE,
                "bos_token": "<bos>",
                "eos_token": "<eos>",
                "build_info": BUILD,
                "is_sleeping": False,
            }),
        )  # fmt: skip

    def _slots(self, exchange: Exchange) -> None:
        house = self._house
        slots = house.pool(next(iter(house.models.values()))).slots
        shapes = [{"id": slot.number, "n_ctx": house.num_ctx, "is_processing": slot.busy} for slot in slots]
        exchange.whole(200, encode(shapes))

    def _details(self, exchange: Exchange) -> None:
        rows = []
        for model in self._house.models.values():
            loaded = self._house.is_loaded(model)
            row = {
                "id": model.id, "object": "model", "type": "embeddings" if model.embeds_only else "llm",
                "publisher": model.publisher, "arch": model.arch, "compatibility_type": "gguf",
                "quantization": model.quantization, "state": "loaded" if loaded else "not-loaded",
                "max_context_length": model.n_ctx_train,
            }  # fmt: skip
            if loaded:
                row["loaded_context_length"] = self._house.num_ctx
            rows.append(row)
        exchange.whole(200, encode({"object": "list", "data": rows}))

    def unload(self, instance: str) -> bool:
        """Send one loaded copy of a model out of memory; False where there is none of that name."""
        found = instance in self._house.pools
        self._house.pools.pop(instance, None)
        self._house.stats.unloads[instance] += found
        return found

    def _instances(self, exchange: Exchange) -> None:
        config = {"context_length": self._house.num_ctx, "parallel": self._house.slots}
        rows = [
            {
                "type": "embedding" if model.embeds_only else "llm", "key": model.id, "publisher": model.publisher,
                "max_context_length": model.n_ctx_train,
                "loaded_instances": [{"id": model.id, "config": config}] if self._house.is_loaded(model) else [],
            }
            for model in self._house.models.values()
        ]  # fmt: skip
        exchange.whole(200, encode({"models": rows}))
