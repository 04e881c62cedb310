"""Settings of the model component `openai`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from leadd.api import ComponentConfig, SecretRef
from leadd_openai.addresses import is_loopback, is_public

Seconds = Annotated[float, Field(gt=0)]


class OpenAIConfig(ComponentConfig):
    """Where the server is, what it is, and how long it may take."""

    endpoint: str = "http://127.0.0.1:8080"
    """Base address, with or without `/v1` at its end. `host:port` alone means http."""
    api_key: SecretRef | None = None
    """Reference to the key that the server wants, such as `{env:LLAMA_API_KEY}`; none where it wants none."""
    flavour: Literal["auto", "llamacpp", "lmstudio", "vllm", "other"] = "auto"
    """Which server it is; `auto` reads that from its list of models."""
    connect_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Longest wait for the connection itself."""
    probe_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    """Longest wait for the small questions: list of models, properties, health."""
    embed_s: Seconds = 300.0
    """Longest wait for the vectors of one batch of texts."""
    load_s: Seconds = 600.0
    """Longest wait for a model to load ahead of work."""
    allow_remote: bool = False
    """Let texts go to a server on the open internet. Without it only this machine and its own network are reached."""

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, value: str) -> str:
        text = value.strip()
        if "://" not in text:
            text = f"http://{text}"
        parts = urlsplit(text)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("an address like http://localhost:8080 is needed")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a user name or a password may not stand in the address; see api_key")
        if parts.query or parts.fragment:
            raise ValueError("the address ends before '?' and '#'")
        path = re.sub(r"/v1$", "", parts.path.rstrip("/"))
        if re.search(r"/(chat/completions|completions|embeddings|models)$", path):
            raise ValueError("the server's own address is needed, not that of one of its paths")
        port = f":{parts.port}" if parts.port is not None else ""
        # servers are told to listen on 0.0.0.0; as a place to connect to it is not defined everywhere
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        shown = f"[{name}]" if ":" in name else name
        return f"{parts.scheme}://{shown}{port}{path}"

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if not self.allow_remote and is_public(self.host):
            raise ValueError(f"{self.host} is on the open internet and texts would go there (allow_remote: true permits it)")
        return self

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or ""

    @property
    def is_loopback(self) -> bool:
        """True where texts stay on this machine."""
        return is_loopback(self.host)
