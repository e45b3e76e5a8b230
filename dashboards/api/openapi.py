"""The API's description, OpenAPI 3.1, made from the table that the routes are made from.

Law: nothing is described by hand that the code already says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from dashboards.api.table import PREFIX, Route

REF = "#/components/schemas/{model}"
ACCESS: dict[bool, tuple[int, ...]] = {True: (401, 403, 503), False: (401, 503)}  # by whether the route acts
TITLES = {
    400: "The request is not as described",
    401: "The API token is needed",
    403: "No API token is set, so nobody may act",
    404: "There is no such thing",
    409: "Not possible in the present state",
    503: "Redis or the telephone network does not answer, or too many streams are open",
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; `detail` says what to do.",
    "required": ["title", "status", "code", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of `routes`."""
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Retorno",
            "version": version("retorno"),
            "description": "The line: queues, agents, callbacks. Times are epoch milliseconds; shares are 0 to 1. "
            "Reading is open to the machine that serves it; from elsewhere, and to act, the API token is needed.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "Reading only; the password is the token."},
            },
        },
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    content = {route.media: {"schema": _schema(route.answer, schemas) if route.answer else {"type": "string"}}}
    answers: dict[str, Any] = {"200": {"description": route.summary, "content": content}}
    problem = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
    for http in sorted({*ACCESS[route.acts], *route.refusals}):
        answers[str(http)] = {"description": TITLES[http], "content": problem}
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "security": [{"bearer": []}] if route.acts else [{}, {"bearer": []}, {"basic": []}],
        "responses": answers,
    }
    if parameters := _parameters(route):
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {"content": {"application/json": {"schema": _schema(route.body, schemas)}}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    in_query = [
        {"name": name, "in": "query", "description": help, "schema": schema} for name, help, schema in route.query
    ]
    return in_path + in_query


def _schema(kind: type, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of a dataclass; its own and those it uses are added to `schemas`."""
    schema = TypeAdapter(kind).json_schema(ref_template=REF, mode="serialization")
    schemas.update(schema.pop("$defs", {}))
    schemas[kind.__name__] = schema
    return {"$ref": REF.format(model=kind.__name__)}
