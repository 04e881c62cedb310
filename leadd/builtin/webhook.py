"""The sink `webhook`: each lead as a signed POST, after the Standard Webhooks specification (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from leadd.api import (
    ComponentConfig,
    Context,
    Guarantee,
    HttpReply,
    Lead,
    LeaddError,
    NeedsAttention,
    Receipt,
    Reject,
    SecretRef,
    Sink,
)

PREFIX = "whsec_"


class WebhookConfig(ComponentConfig):
    """`secret` refers to the signing secret (`whsec_` and base64); without one, requests go out unsigned. `authorization`
    refers to a whole Authorization header, where the other side asks for one."""

    url: Annotated[str, Field(max_length=2000)]
    secret: SecretRef | None = None
    authorization: SecretRef | None = None
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 20.0

    @field_validator("url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a webhook's url begins with https:// or http:// and names a host")
        if parts.username or parts.password:
            raise ValueError("put no password into the url; refer to it with authorization: {env:NAME}")
        return value


class WebhookSink(Sink):
    """Posts `{"type": event, "timestamp": …, "data": lead}`.

    Every try of a delivery has the same id (`webhook-id` is the key) and the same bytes, so the receiver can tell a repeat;
    only `webhook-timestamp`, and with it the signature, is that of the try.
    """

    name: ClassVar[str] = "webhook"
    Config: ClassVar[type[ComponentConfig]] = WebhookConfig
    guarantee: ClassVar[Guarantee] = Guarantee.AT_LEAST_ONCE

    def __init__(self, config: WebhookConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._config = config

    async def open(self) -> None:
        """Raises NeedsAttention where a secret is missing or is not one."""
        self._headers("open", b"", 0)

    async def check(self) -> str | None:
        """What is wrong with the secrets, or None; nothing is sent."""
        try:
            self._headers("check", b"", 0)
        except LeaddError as error:
            return str(error)
        return None

    async def deliver(self, lead: Lead, key: str) -> Receipt:
        """Returns once the other side answered 2xx."""
        body = _encode(lead.event, lead.updated_at_ms, lead.as_dict())
        return _receipt(await self._post(key, body))

    async def test(self) -> Receipt:
        """Sends an event of the type `leadd.ping`."""
        now_ms = self.ctx.clock.now_ms()
        return _receipt(await self._post(f"ping-{now_ms}", _encode("leadd.ping", now_ms, {})))

    async def _post(self, key: str, body: bytes) -> HttpReply:
        headers = self._headers(key, body, self.ctx.clock.now_ms() // 1000)
        try:
            reply = await self.ctx.http.post(
                self._config.url, body=body, headers=headers, max_bytes=65_536, timeout_s=self._config.timeout_s
            )
        except Reject as error:
            if error.status == 410:  # the specification's word for 'send nothing here any more'
                raise NeedsAttention("the webhook was taken down (410)", hint="name another url, or drop the sink") from error
            raise
        if reply.status >= 300:
            raise Reject(f"the webhook answers {reply.status}, which is no yes", status=reply.status)
        return reply

    def _headers(self, key: str, body: bytes, now_s: int) -> dict[str, str]:
        headers = {"content-type": "application/json", "webhook-id": key, "webhook-timestamp": str(now_s)}
        if self._config.authorization is not None:
            headers["authorization"] = self.ctx.secret(self._config.authorization)
        if self._config.secret is not None:
            secret = decode_secret(self.ctx.secret(self._config.secret), self._config.secret)
            headers["webhook-signature"] = sign(secret, key, now_s, body)
        return headers


def sign(secret: bytes, key: str, now_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    digest = hmac.new(secret, f"{key}.{now_s}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def decode_secret(value: str, ref: SecretRef) -> bytes:
    """The bytes of a `whsec_…` secret. Raises NeedsAttention, naming the reference and never the value."""
    try:
        secret = base64.b64decode(value.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not 16 <= len(secret) <= 256:
        raise NeedsAttention(
            f"{ref} holds no webhook secret", hint=f"it is {PREFIX} followed by base64 of 24 to 64 bytes; copy it again"
        ) from None
    return secret


def _encode(event: str, at_ms: int, data: dict[str, Any]) -> bytes:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    payload = {"type": event, "timestamp": moment, "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "replace")


def _receipt(reply: HttpReply) -> Receipt:
    return Receipt(reference=str(reply.headers.get("webhook-id", "")), detail=f"answered {reply.status}")
