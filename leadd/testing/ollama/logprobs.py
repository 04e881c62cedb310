"""Log-probabilities for an answer's tokens: sure of the scaffolding, as sure of yes and no as the reading is.

A real model spreads a word over its spellings (`yes`, ` Yes`, `Y`): so does this one, and the chosen spelling has most of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from leadd.testing.ollama.oracle import Reading

OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}
SURE = -0.002
AS_WRITTEN = 0.9
"""The share of a word's probability that its chosen spelling has; the rest stands with another spelling of it."""


def logprobs_of(parts: Sequence[str], reading: Reading, top: int) -> list[dict[str, Any]]:
    """One entry for each token; `top` alternatives where asked for, the chosen token first unless another is likelier."""
    return [_entry(part, reading, top) for part in parts]


def _entry(token: str, reading: Reading, top: int) -> dict[str, Any]:
    word = token.strip()
    other = OPPOSITE.get(word.lower())
    if other is None:
        entry = _token(token, SURE)
        marked = [_token(f"{token}{mark}", SURE - 7.0 - n) for n, mark in enumerate("~^_"[: max(0, top - 1)])]
        return entry | ({"top_logprobs": [_token(token, SURE), *marked][:top]} if top else {})
    likely, unlikely = math.log(reading.certainty), math.log(1 - reading.certainty)
    entry = _token(token, likely + math.log(AS_WRITTEN))
    if top:
        rest = math.log(1 - AS_WRITTEN)
        spelt = [_token(f" {word.capitalize()}", likely + rest), _token(f" {other.capitalize()}", unlikely + rest)]
        rivals = [_token(other, unlikely + math.log(AS_WRITTEN)), *spelt]
        entry["top_logprobs"] = [_token(token, entry["logprob"]), *rivals][:top]
    return entry


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": round(logprob, 6), "bytes": list(token.encode("utf-8", "replace"))}
