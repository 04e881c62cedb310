"""What a person should change about an Ollama server that answers."""

from __future__ import annotations

from leadd.builtin.ollama.naming import SAFE_SINCE, SCHEMA_SINCE, ServerVersion
from leadd.builtin.ollama.settings import OllamaConfig


def advice(version_text: str, config: OllamaConfig) -> str | None:
    """The problems of a server of this version at the configured place in one line, None where there are none."""
    problems = []
    version = ServerVersion.parse(version_text)
    if version is not None and version < SCHEMA_SINCE:
        problems.append(f"Ollama {version_text} cannot be held to a JSON schema: update to 0.17.1 or newer")
    elif version is not None and version < SAFE_SINCE:
        problems.append(
            f"Ollama {version_text} lets anyone who reaches its port read its memory (CVE-2026-7482): update to 0.17.1 or newer"
        )
    if not config.is_loopback:
        problems.append(f"{config.endpoint} is not on this machine: every text goes there, and no password guards it")
    return "; ".join(problems) or None
