"""What can go wrong before the scheduler sees a request."""

from __future__ import annotations

import asyncio

from leadd.testing.ollama.errors import ApiError, HangUp
from leadd.testing.ollama.faults import EARLY, Fault
from leadd.testing.ollama.profiles import Profile
from leadd.testing.ollama.scheduler import BUSY
from leadd.testing.ollama.state import State
from leadd.testing.ollama.wire import Exchange

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def missing_model(profile: Profile, endpoint: str, name: str, *, unloading: bool = False) -> ApiError:
    """404 in the words that this version has for this endpoint."""
    embeds = endpoint in ("embed", "embeddings")
    old_chat = endpoint == "chat" and not profile.native and not unloading
    if embeds or old_chat:
        return ApiError(404, f'model "{name}" not found, try pulling it first')
    return ApiError(404, f"model '{name}' not found")


async def strike_early(state: State, endpoint: str, model: str, role: str, exchange: Exchange) -> bool:
    """Let an early fault strike, if one is due. True where it has answered; raises ApiError or HangUp instead."""
    fault = state.faults.take(EARLY, endpoint, model, role)
    if fault is None:
        return False
    state.stats.faults[fault.kind] += 1
    return await _answer(state, fault, exchange)


async def _answer(state: State, fault: Fault, exchange: Exchange) -> bool:
    kind = fault.kind
    if kind == "error":
        raise ApiError(fault.status, fault.message or "something broke")
    if kind == "busy":
        state.stats.busy += 1
        raise ApiError(503, BUSY)
    if kind in ("close", "reset"):
        raise HangUp(reset=kind == "reset")
    if kind == "headers_only":
        exchange.start()
    if kind in ("hang", "headers_only"):
        await asyncio.Event().wait()
    if kind == "slow":
        await state.clock.sleep(fault.delay_s)
        return False
    if kind == "forbidden":
        exchange.whole(403, b"", "")
    else:
        exchange.whole(502, HTML, "text/html")
    return True
