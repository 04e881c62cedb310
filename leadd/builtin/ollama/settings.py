"""Settings of the model plugin `ollama`."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from leadd.api import ComponentConfig

_DURATION = re.compile(r"^-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$")
_NUMBER = re.compile(r"^-?\d+(?:\.\d+)?$")


class OllamaConfig(ComponentConfig):
    """Where Ollama is and how long it may take."""

    endpoint: str = "http://127.0.0.1:11434"
    """Base address. `host:port` alone means http."""
    connect_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    """Longest wait for the connection itself."""
    probe_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    """Longest wait for the small questions: version, lists of models, details of one."""
    embed_s: Annotated[float, Field(gt=0)] = 300.0
    """Longest wait for the vectors of one batch of texts, a cold start of the model included."""
    load_s: Annotated[float, Field(gt=0)] = 600.0
    """Longest wait for a model to load ahead of work; the server itself gives up after 300 s without progress."""
    keep_alive: int | float | str = "10m"
    """How long a model loaded ahead of work stays after its last use: seconds, or a duration like `10m`; negative: always."""
    allow_cloud: bool = False
    """Let names that end in `:cloud` or `-cloud` through, whose texts leave the machine."""

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, value: str) -> str:
        text = value.strip()
        if "://" not in text:
            text = f"http://{text}"
        parts = urlsplit(text)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("an address like http://localhost:11434 is needed")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a user name or a password may not stand in the address")
        if parts.query or parts.fragment:
            raise ValueError("the address ends before '?' and '#'")
        path = parts.path.rstrip("/")
        if re.search(r"/(v1|api)$", path):
            raise ValueError(f"leave '{path.rpartition('/')[2]}' off: the server's own address is needed")
        port = f":{parts.port}" if parts.port is not None else ""
        # servers are told to listen on 0.0.0.0; as a place to connect to it is not defined everywhere
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        shown = f"[{name}]" if ":" in name else name
        return f"{parts.scheme}://{shown}{port}{path}"

    @field_validator("keep_alive")
    @classmethod
    def _check_keep_alive(cls, value: float | str) -> float | str:
        if not isinstance(value, str):
            return value
        text = value.strip()
        if _NUMBER.match(text):
            # the server answers 400 to a number written as text ("-1" has no unit)
            return float(text) if "." in text else int(text)
        if not _DURATION.match(text):
            raise ValueError("seconds, or a duration like 10m or 1h30m")
        return text

    @property
    def is_loopback(self) -> bool:
        """True where texts stay on this machine."""
        host = urlsplit(self.endpoint).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False
