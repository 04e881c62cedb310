"""What is remembered of a feed between two polls: the text of the cursor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_SHARED = 100


@dataclass(frozen=True, slots=True)
class FeedMemory:
    """`etag` and `modified`: as the server gave them. `body`: hash of the last answer. `seen`: hashes of the keys that were
    yielded and still stand in the feed. `shared`: hashes of guids that name nothing. `told`: what was reported already."""

    etag: str = ""
    modified: str = ""
    body: str = ""
    seen: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str | None) -> FeedMemory:
        """The memory in a cursor; an empty one where there is none or it cannot be read."""
        try:
            data: Any = json.loads(cursor or "{}")
            return cls(
                etag=str(data.get("e", "")),
                modified=str(data.get("m", "")),
                body=str(data.get("b", "")),
                seen=tuple(str(h) for h in data.get("s", [])),
                shared=tuple(str(h) for h in data.get("g", [])),
                told={str(k): str(v) for k, v in data.get("t", {}).items()},
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def dump(self) -> str:
        """The cursor."""
        data = {
            "e": self.etag,
            "m": self.modified,
            "b": self.body,
            "s": list(self.seen),
            "g": list(self.shared)[:MAX_SHARED],
            "t": dict(self.told),
        }
        return json.dumps({name: value for name, value in data.items() if value}, separators=(",", ":"))
