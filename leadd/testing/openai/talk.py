"""/v1/chat/completions: from the request to the last byte of the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from leadd.testing.ollama.faults import LOADING, OUTPUT, RUNNING, Fault
from leadd.testing.ollama.oracle import Reading
from leadd.testing.ollama.spoil import spoil
from leadd.testing.ollama.stats import prompt_hash
from leadd.testing.ollama.tokens import count_messages, pieces, render
from leadd.testing.ollama.wire import Exchange
from leadd.testing.openai.asking import Asked
from leadd.testing.openai.house import House
from leadd.testing.openai.refusals import Refused, refusal
from leadd.testing.openai.served import Served
from leadd.testing.openai.slots import Slot, SlotPool
from leadd.testing.openai.writing import Metrics, Writer

ENDLESS = "word "


@dataclass(slots=True)
class Text:
    """An answer in tokens, and why it ends. `done` False: the stream breaks off."""

    parts: list[str]
    reason: str = "stop"
    done: bool = True


class Talk:
    """Answers questions."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def answer(self, asked: Asked, exchange: Exchange) -> None:
        """Answer one question. Raises Refused for what is wrong with it before the answer has begun."""
        house = self._house
        model = self._model(asked.model)
        if model.embeds_only:
            raise _no_chat(house, model)
        await self._load(model)
        prompt = render(asked.call.messages)
        metrics = Metrics(prompt_tokens=count_messages(asked.call.messages))
        self._check_length(asked, metrics.prompt_tokens)
        signal = house.judge.answer(asked.call, asked.schema, model.id, asked.role, asked.call.user_text)
        writer = Writer(house, asked, model, signal[1], exchange)
        if house.flavour == "vllm":
            writer.open()
        pool = house.pool(model)
        slot = await pool.take(prompt)
        try:
            await self._think(asked, model, prompt, signal, (pool, slot), metrics, writer)
        except Refused as refused:
            if not exchange.started:
                raise
            await writer.error(refused)
        finally:
            pool.give(slot)

    def _model(self, name: str) -> Served:
        """The model that answers: llama.cpp's whatever the name, LM Studio's one loaded model, else the one that is named."""
        house = self._house
        found = house.find(name)
        if house.flavour == "llamacpp":
            return found or next(iter(house.models.values()))
        if found is not None:
            return found
        if house.flavour == "vllm":
            raise house.refused(404, f"The model `{name}` does not exist.", param="model")
        loaded = [house.models[one] for one in house.pools if one in house.models and not house.models[one].embeds_only]
        if len(loaded) == 1:
            return loaded[0]
        names = "\n".join(house.models)
        message = f'Model "{name}" not found. Please specify a valid model.\n\nYour models:\n\n{names}'
        raise house.refused(404, message, kind="model_not_found", param="model")

    async def _load(self, model: Served) -> None:
        """Bring a model into memory where that happens at the first question."""
        house = self._house
        if house.is_loaded(model):
            return
        async with house.load_lock:
            if house.is_loaded(model):
                return
            fault = house.take_fault(LOADING, "load", model.id, "")
            if fault is not None:
                await self._fail_to_load(model, fault)
            seconds = house.speeds.of(model.id).load_s(model.size)
            if seconds:
                await house.clock.sleep(seconds)
            house.stats.loads[model.id] += 1
            house.pool(model)

    async def _fail_to_load(self, model: Served, fault: Fault) -> None:
        why = "Error loading model. (Exit code: 134)"
        if fault.kind == "load_oom":
            why = "Model loading was stopped due to insufficient system resources."
        if fault.kind == "load_stall":
            await asyncio.Event().wait()
        raise self._house.refused(400, f'Failed to load model "{model.id}". Error: {why}')

    def _check_length(self, asked: Asked, tokens: int) -> None:
        house, window = self._house, self._house.num_ctx
        if house.flavour == "vllm" and tokens + asked.max_tokens > window:
            message = (
                f"This model's maximum context length is {window} tokens. However, you requested {asked.max_tokens} output "
                f"tokens and your prompt contains {tokens} input tokens. Please reduce the length of the input."
            )
            raise house.refused(400, message, param="input_tokens")
        if tokens < window:
            return
        if house.flavour == "llamacpp":
            message = f"request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"
            kind = "exceed_context_size_error"
            raise refusal("llamacpp", 400, message, kind=kind, n_prompt_tokens=tokens, n_ctx=window)
        message = (
            f"Trying to keep the first {tokens} tokens when context the overflows. However, the model is loaded with context "
            f"length of only {window} tokens, which is not enough. Try to load the model with a larger context length."
        )
        raise house.refused(400, message)

    async def _think(
        self, asked: Asked, model: Served, prompt: str, signal: tuple[str, Reading], place: tuple[SlotPool, Slot],
        metrics: Metrics, writer: Writer,
    ) -> None:  # fmt: skip
        """Read the prompt, then write the answer. The slot is ours."""
        house, slot = self._house, place[1]
        fault = house.take_fault(RUNNING | OUTPUT, "chat", model.id, asked.role)
        if not house.judge.gate.is_set():
            await house.judge.gate.wait()
        speed = house.speeds.of(model.id)
        metrics.cached = place[0].reused_tokens(slot, prompt, metrics.prompt_tokens)
        house.stats.tokens_reused += metrics.cached
        began = house.clock.monotonic_s()
        seconds = speed.overhead_ms / 1000
        if speed.prefill_tps:
            seconds += (metrics.prompt_tokens - metrics.cached) / speed.prefill_tps
        if seconds:
            await house.compute.work(seconds)
        slot.text = prompt
        metrics.read_s = house.clock.monotonic_s() - began
        text = self._compose(asked, signal[0], metrics.prompt_tokens, fault)
        await self._write(asked, model, text, metrics, writer, fault)
        slot.text = prompt + "".join(text.parts)
        if text.done and asked.role == "preload":
            house.stats.preloads += 1
        elif text.done:
            key = prompt_hash(model.id, prompt)
            house.stats.complete(model.id, asked.role, key, metrics.prompt_tokens, len(text.parts))

    def _compose(self, asked: Asked, answer: str, prompt_tokens: int, fault: Fault | None) -> Text:
        if fault is not None and fault.kind in OUTPUT:
            answer = spoil(fault.kind, answer, asked.schema)
        for stop in asked.stop:
            answer = answer.partition(stop)[0]
        text = Text(pieces(answer))
        cap = min(asked.max_tokens, max(1, self._house.num_ctx - prompt_tokens))
        if fault is not None and fault.kind == "length":
            text.parts, text.reason = text.parts[: max(1, len(text.parts) // 2)], "length"
        if fault is not None and fault.kind in ("repeat", "whitespace"):
            text.parts += ["\n" if fault.kind == "whitespace" else ENDLESS] * cap
        if len(text.parts) > cap:
            text.parts, text.reason = text.parts[:cap], "length"
        return text

    async def _write(
        self, asked: Asked, model: Served, text: Text, metrics: Metrics, writer: Writer, fault: Fault | None
    ) -> None:
        house = self._house
        running = fault if fault is not None and fault.kind in RUNNING - {"repeat"} else None
        began = house.clock.monotonic_s()
        tps = house.speeds.of(model.id).decode_tps
        for index, part in enumerate(text.parts):
            if running is not None and index == running.after_events:
                await self._strike(running, model, text, writer)
                if not text.done:
                    break
            if tps:
                await house.compute.work(1 / tps)
            if asked.stream:
                await writer.piece(part)
        if running is not None and running.after_events >= len(text.parts):
            await self._strike(running, model, text, writer)
        metrics.written_s, metrics.output_tokens = house.clock.monotonic_s() - began, len(text.parts)
        if asked.stream:
            await writer.finish(text.reason, metrics, done=text.done)
        else:
            writer.whole(text.parts, text.reason if text.done else "", metrics)

    async def _strike(self, fault: Fault, model: Served, text: Text, writer: Writer) -> None:
        """Let a running answer fail. Returns only for faults that go on (a stall that ends) or end quietly."""
        house = self._house
        if fault.kind == "stall":
            if not fault.delay_s:
                await asyncio.Event().wait()
            await house.clock.sleep(fault.delay_s)
        elif fault.kind == "not_done":
            text.done = False
        elif fault.kind == "cut":
            await writer.tear(text.parts)
        elif fault.kind == "crash":
            house.pools.clear()
            raise house.refused(500, fault.message or CRASHES[house.flavour])
        elif fault.kind == "oom":
            house.pools.clear()
            raise house.refused(500, fault.message or "ggml_backend_alloc: failed to allocate buffer: out of memory")
        elif fault.kind == "error_line":
            raise house.refused(500, fault.message or "something broke")


CRASHES = {
    "llamacpp": "Compute error.",
    "lmstudio": "The model has crashed without additional information. (Exit code: 18446744072635812000)",
    "vllm": "EngineCore encountered an issue. See stack trace (above) for the root cause.",
}


def _no_chat(house: House, model: Served) -> Refused:
    if house.flavour == "vllm":
        return house.refused(400, "The model does not support Chat Completions API")
    if house.flavour == "lmstudio":
        return house.refused(400, f'Model "{model.id}" is not an llm.')
    return house.refused(501, "This server does not support completions. Start it without `--embeddings`")
