"""/api/chat and /api/generate: from the request to the last byte of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.testing.ollama.catalog import ModelInfo, key_of
from leadd.testing.ollama.early import missing_model, strike_early
from leadd.testing.ollama.errors import ApiError, encode
from leadd.testing.ollama.faults import OUTPUT, RUNNING, Fault
from leadd.testing.ollama.oracle import Reading
from leadd.testing.ollama.prompts import Prompt, fit
from leadd.testing.ollama.requests import Call, read_format, read_options
from leadd.testing.ollama.runner import DIED, Runner, Slot, Wish
from leadd.testing.ollama.spoil import spoil
from leadd.testing.ollama.state import State
from leadd.testing.ollama.stats import prompt_hash, role_of
from leadd.testing.ollama.tokens import pieces
from leadd.testing.ollama.wire import Exchange
from leadd.testing.ollama.writer import Metrics, Writer

ENDLESS = 10
"""Without a cap an answer may be this many windows long."""


@dataclass(slots=True)
class Lease:
    """A slot of a runner. `handed_on`: something else gives both back."""

    runner: Runner
    slot: Slot | None = None
    handed_on: bool = False

    def check_alive(self) -> None:
        if self.runner.dead:
            raise ApiError(500, DIED, generating=True)


@dataclass(slots=True)
class Text:
    """An answer in tokens, and why it ends. `done` False: the stream breaks off."""

    parts: list[str]
    reason: str
    reading: Reading
    done: bool = True


class Talk:
    """Answers questions of both endpoints."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def answer(self, call: Call, body: Mapping[str, Any], exchange: Exchange) -> None:
        """Answer one question. Raises ApiError for what is wrong with it, before or while the model runs."""
        state = self._state
        if state.profile.logprobs and not 0 <= call.top_logprobs <= 20:
            raise ApiError(400, "top_logprobs must be between 0 and 20")
        info = self._model(call)
        if call.empty and call.keep_alive == 0:
            runner = state.scheduler.loaded.get(info.blob)
            if runner is not None:
                state.scheduler.expire(runner)
            Writer(call, exchange, state.stamp).bare("unload")
            return
        if call.endpoint == "chat" and info.messages and not call.empty:
            call.messages = (*({"role": who, "content": said} for who, said in info.messages), *call.messages)
        role = "triage" if call.asks_label else role_of(call.raw_format)
        state.stats.arrive(info.name, role)
        try:
            await self._serve(call, body, info, role, exchange)
        except asyncio.CancelledError:
            state.stats.cancelled += 1
            raise
        finally:
            state.stats.leave(info.name)

    def _model(self, call: Call) -> ModelInfo:
        state = self._state
        if call.endpoint == "chat" and (not call.model or key_of(call.model) is None):
            raise ApiError(400, "model is required")
        info = state.catalog.find(call.model)
        if info is None:
            raise missing_model(state.profile, call.endpoint, call.model, unloading=call.empty and call.keep_alive == 0)
        shown = call.model if state.profile.native else f"registry.ollama.ai/library/{info.name}"
        if info.embeds_only and not call.empty:
            raise ApiError(400, f'"{call.model}" does not support {call.endpoint}')
        for need in call.needs:
            if need not in info.capabilities:
                raise ApiError(
                    400, f'"{shown}" does not support {need}' if state.profile.native else f"{shown} does not support {need}"
                )
        return info

    async def _serve(self, call: Call, body: Mapping[str, Any], info: ModelInfo, role: str, exchange: Exchange) -> None:
        state = self._state
        if await strike_early(state, "preload" if call.empty else call.endpoint, info.name, role, exchange):
            return
        options = call.options = read_options(body.get("options"))
        start = state.clock.monotonic_s()
        wish = Wish(info, options.num_ctx, options.runner, call.shift, call.keep_alive)
        lease = Lease(await state.scheduler.acquire(wish))
        try:
            writer = Writer(call, exchange, state.stamp)
            if call.empty:
                state.stats.preloads += 1
                writer.bare("load")
                return
            metrics = Metrics(start, state.clock.monotonic_s())
            schema = read_format(call.raw_format, native=state.profile.native)
            prompt = fit(call, info, state.profile, lease.runner.num_ctx)
            state.stats.truncated_prompts += prompt.cut
            lease.slot = await lease.runner.take(prompt.text)
            await self._think(call, info, role, schema, prompt, lease, metrics, writer)
        finally:
            if not lease.handed_on:
                self._give_back(lease)

    async def _think(
        self, call: Call, info: ModelInfo, role: str, schema: Mapping[str, Any] | None, prompt: Prompt, lease: Lease,
        metrics: Metrics, writer: Writer,
    ) -> None:  # fmt: skip
        """Read the prompt, then write the answer. The slot is ours."""
        state = self._state
        fault = state.faults.take(RUNNING | OUTPUT, call.endpoint, info.name, role)
        if fault is not None:
            state.stats.faults[fault.kind] += 1
        if not state.gate.is_set():
            await state.gate.wait()
        await self._read(prompt, info, lease, metrics)
        text = self._compose(call, info, role, schema, prompt, lease.runner.num_ctx, fault)
        await self._write(call, info, text, lease, metrics, writer, fault)
        assert lease.slot is not None
        lease.slot.text = prompt.text + "".join(text.parts)
        if text.done:
            state.stats.complete(info.name, role, prompt_hash(info.name, prompt.text), prompt.tokens, len(text.parts))

    async def _read(self, prompt: Prompt, info: ModelInfo, lease: Lease, metrics: Metrics) -> None:
        state = self._state
        speed = state.speeds.of(info.name)
        assert lease.slot is not None
        reused = lease.runner.reused_tokens(lease.slot, prompt.text, prompt.tokens, sliding=state.sliding_window)
        state.stats.tokens_reused += reused
        state.stats.tokens_shown[info.name] += prompt.tokens
        state.stats.tokens_prefilled[info.name] += prompt.tokens - reused
        metrics.prompt_tokens = prompt.tokens if state.profile.counts_cached else prompt.tokens - reused
        seconds = speed.overhead_ms / 1000
        if speed.prefill_tps:
            seconds += (prompt.tokens - reused) / speed.prefill_tps
        metrics.read_from_s = state.clock.monotonic_s()
        if seconds and state.profile.late_cancel:
            await self._read_to_the_end(seconds, lease)
        elif seconds:
            await state.compute.work(seconds)
        metrics.write_from_s = state.clock.monotonic_s()
        lease.slot.text = prompt.text  # read is read: also where nobody waits for the end of the answer
        lease.check_alive()

    async def _read_to_the_end(self, seconds: float, lease: Lease) -> None:
        """Old engines notice only at the first token that the client has left: until then the slot stays taken."""
        work = asyncio.ensure_future(self._state.compute.work(seconds))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            lease.handed_on = True
            self._state.spawn(self._finish(work, lease))
            raise

    async def _finish(self, work: asyncio.Future[None], lease: Lease) -> None:
        try:
            await work
        finally:
            self._give_back(lease)

    def _give_back(self, lease: Lease) -> None:
        if lease.slot is not None:
            lease.runner.give(lease.slot)
        self._state.scheduler.release(lease.runner)

    def _compose(
        self, call: Call, info: ModelInfo, role: str, schema: Mapping[str, Any] | None, prompt: Prompt, num_ctx: int,
        fault: Fault | None,
    ) -> Text:  # fmt: skip
        state = self._state
        answer, reading = state.answer(call, schema, info.name, role, prompt.user_text)
        if fault is not None and fault.kind in OUTPUT:
            answer = spoil(fault.kind, answer, schema)
        for stop in call.options.stop:
            answer = answer.partition(stop)[0]
        text = Text(pieces(answer), "stop", reading)
        asked = call.options.num_predict
        cap = asked if 0 < asked <= ENDLESS * num_ctx else ENDLESS * num_ctx
        if not call.shift or "vision" in info.capabilities:
            cap = min(cap, max(1, num_ctx - prompt.tokens))
        if fault is not None:
            self._run_away(text, fault, info, cap)
        if len(text.parts) > cap:
            text.parts, text.reason = text.parts[:cap], "length"
        return text

    def _run_away(self, text: Text, fault: Fault, info: ModelInfo, cap: int) -> None:
        """Endless answers: stopped by the guard against repeated tokens, or only by the cap where there is no guard."""
        if fault.kind == "length":
            text.parts, text.reason = text.parts[: max(1, len(text.parts) // 2)], "length"
        if fault.kind not in ("repeat", "whitespace"):
            return
        limit = self._state.profile.repeat_limit
        token = "\n" if fault.kind == "whitespace" else "word "
        guarded = not info.own_template and cap > limit + len(text.parts)
        text.parts += [token] * (limit + 1 if guarded else cap)
        text.done = not guarded

    async def _write(
        self, call: Call, info: ModelInfo, text: Text, lease: Lease, metrics: Metrics, writer: Writer, fault: Fault | None
    ) -> None:
        state = self._state
        running = fault if fault is not None and fault.kind in RUNNING - {"repeat"} else None
        tps = state.speeds.of(info.name).decode_tps
        if call.logprobs and state.profile.logprobs:
            writer.with_logprobs(text.reading, call.top_logprobs)
        if call.stream:
            await self._stream(info.name, text, lease, writer, running, tps)
        else:
            await state.compute.work(len(text.parts) / tps if tps else 0.0)
            state.stats.tokens_decoded[info.name] += len(text.parts)
        lease.check_alive()
        if running is not None and (not call.stream or running.after_events >= len(text.parts)):
            await self._strike(running, lease, writer, text)
        if not text.done and state.profile.repeat_is_error and fault is not None and fault.kind != "not_done":
            raise ApiError(500, "prediction aborted, token repeat limit reached", generating=True)
        metrics.end(state.clock.monotonic_s(), len(text.parts))
        if call.stream:
            await writer.finish(text.parts[-1:] if writer.holds_last else [], text.reason, metrics, done=text.done)
        else:
            writer.whole(text.parts, text.reason, metrics, done=text.done)

    async def _stream(self, model: str, text: Text, lease: Lease, writer: Writer, running: Fault | None, tps: float) -> None:
        state = self._state
        writer.holds_last = text.done and bool(text.parts) and state.puts_text_in_final()
        shown = text.parts[:-1] if writer.holds_last else text.parts
        for index, part in enumerate(shown):
            if tps:
                await state.compute.work(1 / tps)
                lease.check_alive()
            if running is not None and index == running.after_events:
                await self._strike(running, lease, writer, text)
                if not text.done:
                    return
            state.stats.tokens_decoded[model] += 1
            await writer.event(part)
        state.stats.tokens_decoded[model] += len(text.parts) - len(shown)

    async def _strike(self, fault: Fault, lease: Lease, writer: Writer, text: Text) -> None:
        """Let a running answer fail. Returns only for faults that go on (a stall that ends) or end quietly."""
        scheduler = self._state.scheduler
        if fault.kind == "stall":
            if not fault.delay_s:
                await asyncio.Event().wait()
            await self._state.clock.sleep(fault.delay_s)
        elif fault.kind == "not_done":
            text.done = False
        elif fault.kind == "cut":
            await writer.tear(text.parts)
        elif fault.kind == "crash":
            scheduler.unload(lease.runner)
            raise ApiError(500, fault.message or DIED, generating=True)
        elif fault.kind == "oom":
            for runner in list(scheduler.loaded.values()):
                if runner is lease.runner:
                    scheduler.unload(runner)
                else:
                    scheduler.expire(runner)
            raise ApiError(500, fault.message or "failed to allocate compute buffers: out of memory", generating=True)
        elif fault.kind == "error_line":
            raise ApiError(500, fault.message or "something broke", generating=True)


def error_line(error: ApiError) -> bytes:
    """The last line of a stream that failed after its first event."""
    prefix = "an error was encountered while running the model: "
    message = error.message if error.message.startswith(prefix) else prefix + error.message
    return encode({"error": message}) + b"\n"
