"""Model names and server versions as Ollama writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"^\s*v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:-(?P<pre>[0-9A-Za-z.-]+))?")
_HOME_REGISTRY = "registry.ollama.ai/"
_HOME_NAMESPACE = "library/"


def full_name(name: str) -> str:
    """The name by which two spellings of one model are equal: lower case, home registry left out, tag always there."""
    folded = name.strip().lower().removeprefix(_HOME_REGISTRY).removeprefix(_HOME_NAMESPACE)
    return folded if ":" in folded.rpartition("/")[2] else f"{folded}:latest"


def runs_in_the_cloud(name: str) -> bool:
    """True where Ollama would hand the text to its maker's servers instead of reading it on this machine."""
    return full_name(name).endswith((":cloud", "-cloud")) or name.strip().lower().endswith("-cloud")


@dataclass(frozen=True, slots=True, order=True)
class ServerVersion:
    """A version that compares; a release candidate stands before its release."""

    major: int
    minor: int
    patch: int
    is_final: bool = True

    @classmethod
    def parse(cls, text: str) -> ServerVersion | None:
        """None for what is no version, and for 0.0.0, which a server built from source says whatever its age."""
        match = _VERSION.match(text)
        if match is None:
            return None
        numbers = (int(match[1]), int(match[2]), int(match[3]))
        if numbers == (0, 0, 0):
            return None
        return cls(*numbers, is_final=match["pre"] is None)


STRUCTURED_CREATE_SINCE = ServerVersion(0, 5, 5)
"""From here on a model is made of fields; before, of the text of a Modelfile."""
EMBED_SINCE = ServerVersion(0, 2, 6)
SCHEMA_SINCE = ServerVersion(0, 5, 0)
LOGPROBS_SINCE = ServerVersion(0, 12, 11)
SAFE_SINCE = ServerVersion(0, 17, 1)
"""Below it anyone who reaches the port can read the server's memory (CVE-2026-7482)."""
