"""Log-probabilities for an answer's tokens: sure of the scaffolding, as sure of yes and no as the reading is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from leadd.testing.ollama.oracle import Reading

OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}
SURE = -0.002


def logprobs_of(parts: Sequence[str], reading: Reading, top: int) -> list[dict[str, Any]]:
    """One entry for each token; `top` alternatives where asked for, the chosen token first unless another is likelier."""
    return [_entry(part, reading, top) for part in parts]


def _entry(token: str, reading: Reading, top: int) -> dict[str, Any]:
    other = OPPOSITE.get(token.strip().lower())
    likely = math.log(reading.certainty) if other else SURE
    entry = _token(token, likely)
    if top:
        rivals = [_token(other, math.log(1 - reading.certainty))] if other else []
        rivals += [_token(f"{token}{mark}", SURE - 7.0 - n) for n, mark in enumerate("~^_"[: max(0, top - 1 - len(rivals))])]
        entry["top_logprobs"] = [_token(token, likely), *rivals][:top]
    return entry


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": round(logprob, 6), "bytes": list(token.encode("utf-8", "replace"))}
