"""Settings of the cache component `redis`."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from leadd.api import ComponentConfig, SecretRef
from leadd_redis.address import EXAMPLES, Address


def _read_url(value: Any) -> Address | SecretRef:
    """Raises ValueError without repeating what it got."""
    if isinstance(value, Address | SecretRef):
        return value
    if not isinstance(value, str):
        raise ValueError(f"allowed: {EXAMPLES}")
    if value.startswith("{"):
        return SecretRef.parse(value)
    return Address.parse(value)


Url = Annotated[
    Address | SecretRef,
    PlainValidator(_read_url),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "description": f"{EXAMPLES}; or a reference to a secret that holds one"}),
]


class RedisConfig(ComponentConfig):
    """Where the Redis is, who asks, and what it may keep."""

    url: Url = Field(default_factory=Address)
    """Address of the server, or a reference to a secret that holds it. `cache.redis_url` (REDIS_URL) where it is left out."""
    username: str = ""
    """Who asks, where the URL does not say."""
    password: SecretRef | None = None
    """Reference to the password, which wins over one in the URL."""
    sentinel_password: SecretRef | None = None
    """Reference to the password of the sentinels, where they want one of their own."""
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "leadd"
    """Beginning of every key. Daemons share answers where it is the same."""
    ttl_s: Annotated[float, Field(gt=0)] | None = 2_592_000.0
    """Seconds that an answer is kept; None keeps it until Redis must make room."""
    max_value_kb: Annotated[float, Field(gt=0, le=524_288)] = 1024.0
    """Larger answers are not kept."""
    connect_s: Annotated[float, Field(gt=0, le=60)] = 0.5
    """Longest wait for one server's connection when the cache opens or looks whether it is back. Nothing else waits for it."""
    answer_s: Annotated[float, Field(gt=0, le=60)] = 0.2
    """Longest wait for an answer; after that it is a miss."""
    max_connections: Annotated[int, Field(ge=1, le=1000)] = 16
    """Connections at one time; further calls wait for one."""
    tls_cafile: str = ""
    """Certificates that `rediss://` trusts, as a file; empty trusts those of the system."""
    tls_certfile: str = ""
    """This machine's own certificate, where the server wants one."""
    tls_keyfile: str = ""
    """Key of `tls_certfile`."""
    tls_verify: bool = True
    """False takes any certificate: whoever stands between can read along."""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        has_tls_keys = self.tls_cafile or self.tls_certfile or self.tls_keyfile or not self.tls_verify
        if has_tls_keys and isinstance(self.url, Address) and not self.url.tls:
            raise ValueError("keys of TLS are set, and the url has none; allowed: rediss://")
        if self.tls_keyfile and not self.tls_certfile:
            raise ValueError("tls_keyfile is set without tls_certfile")
        return self
