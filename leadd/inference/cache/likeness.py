"""Why an answer was not in the cache: the kept entry that is most like what was looked for, and the parts that differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.inference.cache.entries import outline
from leadd.inference.cache.keys import OF_THE_TEXT, PARTS, shortened
from leadd.inference.cache.tiers import Tiers

MOST_ENTRIES = 100_000
"""So many entries are looked at; on a server that many machines share there may be far more."""
MEANS: Mapping[str, str] = {
    "recipe": "how keys are made has changed with a new version of leadd",
    "method": "one was read from evidence, the other asked of a model",
    "role": "another question",
    "server": "another kind of model server",
    "digest": "other weights: another model, or a tag that was pulled anew",
    "quantization": "another quantization",
    "window": "another context window",
    "options": "other sampling options",
    "max_tokens": "another cap on the answer",
    "prompt": "another version of the prompt",
    "schema": "another form of the answer (the ICP's lists are part of it)",
    "labels": "the word was read in another way",
    "stop_rule": "another rule for ending answers early",
    "constant": "another constant part of the prompt (ICP, variables)",
    "icp": "the ICP was changed",
    "normaliser": "texts are cleaned by other rules",
    "text": "another text",
    "message": "the text was shown differently: its cut, company or place",
    "subject": "other fields of the signal",
}


@dataclass(frozen=True, slots=True)
class Nearest:
    """The kept entry that has most parts in common with what was looked for. `differs` maps a part to (asked for, kept)."""

    tier: str
    key: str
    kind: str
    at_ms: int
    differs: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CacheWhy:
    """What the cache has for one question. `kept_in` names the tiers that have it (then `nearest` is None); `refused` says
    that what is kept is a refusal; `looked_at` counts the entries that `nearest` was chosen from."""

    role: str
    key: str
    parts: Mapping[str, str]
    kept_in: tuple[str, ...] = ()
    refused: bool = False
    nearest: Nearest | None = None
    looked_at: int = 0
    problem: str = ""

    def row(self) -> dict[str, Any]:
        """As plain values, with hashes cut to what tells them apart, and what each difference means."""
        nearest = None
        if self.nearest is not None:
            differs = [
                {"part": name, "asked": shortened(ours), "kept": shortened(theirs), "means": MEANS[name]}
                for name, (ours, theirs) in self.nearest.differs.items()
            ]
            nearest = {
                "tier": self.nearest.tier, "key": self.nearest.key, "kind": self.nearest.kind,
                "at_ms": self.nearest.at_ms, "differs": differs,
            }  # fmt: skip
        return {
            "role": self.role, "key": self.key, "kept_in": list(self.kept_in), "refused": self.refused, "nearest": nearest,
            "looked_at": self.looked_at, "problem": self.problem,
            "parts": {name: shortened(value) for name, value in self.parts.items()},
        }  # fmt: skip


async def look(tiers: Tiers, key: str, parts: Mapping[str, str], *, most: int = MOST_ENTRIES) -> CacheWhy:
    """Look for a key, else for the entry most like it: the same text first, then most equal parts, then the newest."""
    kept_in, refused = [], False
    for name, raw in await tiers.peek(key):
        kept_in.append(name)
        refused = refused or _is_refusal(raw)
    if kept_in:
        return CacheWhy(parts["role"], key, parts, tuple(kept_in), refused)
    best: Nearest | None = None
    best_mark, seen = (-1, 0, 0), 0
    async for tier, entry in tiers.scan(key.rpartition(".")[0] + "."):
        if seen >= most:
            break
        seen += 1
        try:
            about = outline(entry.value)
        except ValueError:
            continue
        differs = {name: (parts[name], about.parts[name]) for name in PARTS if parts[name] != about.parts[name]}
        same_text = sum(name not in differs for name in OF_THE_TEXT)
        mark = (same_text, -len(differs), about.at_ms)
        if mark > best_mark:
            best_mark, best = mark, Nearest(tier, entry.key, about.kind, about.at_ms, differs)
    return CacheWhy(parts["role"], key, parts, nearest=best, looked_at=seen)


def _is_refusal(raw: bytes) -> bool:
    try:
        return outline(raw).kind == "refusal"
    except ValueError:
        return False
