"""docs/reference/http-routes.md, made from the table of routes and the wire shapes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, cast

from leadd.control.errors import JSON
from leadd.control.metrics import Metrics
from leadd.control.openapi import document
from leadd.control.router import Route
from leadd.control.table import Table

HEAD = (
    "# HTTP routes",
    "",
    "Made from the code by `python -m leadd.control.reference`; a test compares. How to use them: [HTTP](../http.md).",
    'A path answers with and without a slash at its end. Every error is `{"error": {"code", "message", "hint"}}`.',
    "Times are UTC milliseconds. A field in **bold** is needed.",
)


def every_route() -> tuple[Route, ...]:
    """The table without a daemon behind it: nothing in it is called."""
    return Table(cast(Any, None), Metrics()).routes


def routes_page() -> str:
    """The whole page."""
    routes = every_route()
    made = document(routes)
    lines = [*HEAD]
    area = ""
    for route in routes:
        if route.area != area:
            area = route.area
            lines += ["", f"## {area} routes"]
        lines += ["", *_route(route, made)]
    lines += ["", "## Shapes", "", *_shapes(made["components"]["schemas"])]
    return "\n".join(lines) + "\n"


def _route(route: Route, made: dict[str, Any]) -> Iterator[str]:
    operation = made["paths"][route.path][route.method.lower()]
    yield f"### {route.method} `{route.path}`"
    yield ""
    yield f"{route.summary}."
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            name = f"**{parameter['name']}**" if parameter["required"] else f"`{parameter['name']}`"
            described = parameter.get("description")
            yield f"- query {name}: {_type(parameter['schema'])}" + (f" ({described})" if described else "")
    if route.takes:
        yield f"- takes {_media(route.takes)}" + _shape_of(operation["requestBody"]["content"])
    if route.gives == (JSON,):
        yield f"- answers {route.status}" + _shape_of(operation["responses"][str(route.status)]["content"])
    else:
        yield f"- answers {route.status} as {_media(route.gives)}"


def _media(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _shape_of(content: dict[str, Any]) -> str:
    schema = content.get(JSON, {}).get("schema", {})
    return f": {_type(schema)}" if schema.get("$ref") or schema.get("items") else ""


def _shapes(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f"### {name}"
        yield ""
        if schema.get("description"):
            yield " ".join(schema["description"].split())
            yield ""
        required = set(schema.get("required", ()))
        for field, inner in schema.get("properties", {}).items():
            shown = f"**{field}**" if field in required else f"`{field}`"
            described = inner.get("description")
            yield f"- {shown}: {_type(inner)}" + (f" ({' '.join(described.split())})" if described else "")
        if "enum" in schema:
            yield _type(schema)
        yield ""


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(_type(inner) for inner in schema[key])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return kind


if __name__ == "__main__":
    sys.stdout.write(routes_page())
