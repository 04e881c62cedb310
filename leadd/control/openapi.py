"""The interface as an OpenAPI 3.1 document, made from the table of routes and the shapes they name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from leadd import __version__
from leadd.control.errors import JSON
from leadd.control.router import Route
from leadd.control.wire import ErrorAnswer

REF = "#/components/schemas/{model}"
STREAM_SUFFIXES = ("ndjson", "event-stream")

Key = tuple[str, JsonSchemaMode]


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The whole document, valid OpenAPI 3.1."""
    routes = tuple(routes)
    schemas, definitions = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "leadd",
            "version": __version__,
            "description": "The control interface of leadd. A path answers with and without a slash at its end.",
        },
        "servers": [{"url": "http://127.0.0.1:8000"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token file of the data folder. Not needed on the Unix socket.",
                }
            },
        },
    }


def operation_id(route: Route) -> str:
    """A name for one route that no other has: `post_api_leads_id_verdict`."""
    return "_".join([route.method.lower(), *re.findall(r"[A-Za-z0-9]+", route.path)]) or "root"


def _shapes(route: Route) -> Iterable[tuple[Any, JsonSchemaMode]]:
    if route.body is not None:
        yield route.body, "validation"
    if route.answer is not None:
        yield route.answer, "serialization"
    if route.line is not None:
        yield route.line, "serialization"


def _schemas(routes: tuple[Route, ...]) -> tuple[dict[Key, Any], dict[str, Any]]:
    """The schema of every shape, with what they share under components."""
    wanted: dict[Key, tuple[Key, JsonSchemaMode, Any]] = {}
    found: list[tuple[Any, JsonSchemaMode]] = [(ErrorAnswer, "serialization")]
    for route in routes:
        found.extend(_shapes(route))
    for shape, mode in found:
        key = (repr(shape), mode)
        wanted[key] = (key, mode, TypeAdapter(shape).core_schema)
    generator = GenerateJsonSchema(ref_template=REF)
    made, definitions = generator.generate_definitions(list(wanted.values()))
    return {key: made[(key, key[1])] for key in wanted}, {str(name): schema for name, schema in definitions.items()}


def _operation(route: Route, schemas: dict[Key, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [route.area],
        "summary": route.summary,
        "responses": _responses(route, schemas),
    }
    parameters = [*_path_parameters(route), *_query_parameters(route.query)]
    if parameters:
        operation["parameters"] = parameters
    if route.takes:
        operation["requestBody"] = _request_body(route, schemas)
    return operation


def _request_body(route: Route, schemas: dict[Key, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media in route.takes:
        if media == JSON and route.body is not None:
            content[media] = {"schema": schemas[repr(route.body), "validation"]}
        else:
            content[media] = {"schema": {"type": "string"}}
    return {"required": True, "content": content}


def _responses(route: Route, schemas: dict[Key, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for media in route.gives:
        if media == JSON and route.answer is not None:
            content[media] = {"schema": schemas[repr(route.answer), "serialization"]}
        elif media.endswith(STREAM_SUFFIXES) and route.line is not None:
            content[media] = {"schema": schemas[repr(route.line), "serialization"]}
        else:
            content[media] = {"schema": {"type": "string"}}
    return {
        str(route.status): {"description": HTTPStatus(route.status).phrase, "content": content},
        "default": {
            "description": "What went wrong, in one shape for all errors",
            "content": {JSON: {"schema": schemas[repr(ErrorAnswer), "serialization"]}},
        },
    }


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 0} if name == "id" else {"type": "string", "minLength": 1},
        }
        for name in re.findall(r"\{([a-z_]+)\}", route.path)
    ]


def _query_parameters(shape: type[BaseModel] | None) -> list[dict[str, Any]]:
    if shape is None:
        return []
    schema = shape.model_json_schema(ref_template=REF)
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    parameters = []
    for name, field in schema["properties"].items():
        plain = _inline(field, definitions)
        described = plain.pop("description", None)
        parameter = {"name": name, "in": "query", "required": name in required, "schema": plain}
        parameters.append(parameter | ({"description": described} if described else {}))
    return parameters


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema without references: query shapes are flat, so an enumeration is the most that is put in."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _inline(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inline(value, definitions) for value in schema]
    return schema
