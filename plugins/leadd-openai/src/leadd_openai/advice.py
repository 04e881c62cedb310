"""What a person should change about a server that answers."""

from __future__ import annotations

from leadd_openai.catalog import Catalog
from leadd_openai.settings import OpenAIConfig

LEAST_WINDOW = 2048
"""Below it the shipped prompts do not fit with a text of useful length."""


def advice(catalog: Catalog, config: OpenAIConfig) -> str | None:
    """The problems of a server and of its place in one line, None where there are none."""
    problems = []
    if not catalog.entries:
        problems.append(f"{config.endpoint} lists no model: load one there")
    for entry in catalog.entries:
        if 0 < entry.window < LEAST_WINDOW and not entry.embeds_only:
            found = f"model '{entry.id}' has a window of {entry.window} tokens"
            problems.append(f"{found}: start the server with at least {LEAST_WINDOW} for each question at a time")
    if not config.is_loopback:
        problems.append(f"{config.endpoint} is not on this machine: every text goes there")
        if config.api_key is not None and config.endpoint.startswith("http://"):
            problems.append("the key goes there unencrypted: use https")
    return "; ".join(problems) or None
