"""Secrets as references: the settings name where a secret is, never what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_REFERENCE = re.compile(r"^\{(env|file|keyring):([^{}]+)\}$")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A place where a secret is kept: `{env:NAME}`, `{file:/path}` or `{keyring:service/user}`.

    Use it as the type of a field in a component's Config, and `ctx.secret(config.field)` to get the value. Its text form is
    the reference, so printing settings shows nothing.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{{{self.kind}:{self.name}}}"

    @classmethod
    def parse(cls, value: object) -> SecretRef:
        """The reference written as text. Raises ValueError for anything else, without repeating what it got."""
        if isinstance(value, SecretRef):
            return value
        match = _REFERENCE.match(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError("a secret is written as a reference: {env:NAME}, {file:/path/to/file} or {keyring:service/user}")
        return cls(match[1], match[2])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": _REFERENCE.pattern, "description": "reference to a secret"}
