"""The JSON Schema of a flow file, for editors: completion, hover texts, and a red line under a mistake while it is typed.

Law: it follows from the model; nothing about a step is said twice. An editor reads YAML with types where we read text, so
`tries: 3`, `digits: "11"` and `digits: 11` are all right here too. Shape only, as in the loader; the rest is for lint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ivr.flow.checks import KINDS
from ivr.flow.fields import RESERVED
from ivr.flow.hours import DAYS
from ivr.flow.model import Flow

DURATION = r"^(?=.)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$"
KEY = r"^([0-9*#]|star|hash|[0-9]{1,6}|[0-9]{1,6}-[0-9]{1,6}|[0-9]{1,5}X{1,4})$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
SPAN = r"^([0-9]?[0-9]:[0-9]{2} ?- ?[0-9]?[0-9]:[0-9]{2}|24h|closed)$"

_DAY = f"({'|'.join(DAYS)})"
_TRUTHS = [True, False, "true", "false", "yes", "no", "on", "off"]
_SPANS = {
    "description": "08:00-18:00, 22:00-06:00 (over midnight), 24h, closed, or a list of spans",
    "anyOf": [{"type": "string", "pattern": SPAN}, {"type": "array", "items": {"type": "string", "pattern": SPAN}}],
}
_FORMS: dict[str, dict[str, Any]] = {
    "duration": {"type": "string", "pattern": DURATION, "description": "a duration: 5s, 2m, 1h30m, 3d"},
    "key": {
        "type": ["string", "integer"],
        "pattern": KEY,
        "description": "a key: 0-9, star, hash, 2-5, 1000-1999, 2XX",
    },
    "date": {"type": "string", "pattern": DATE, "description": "a date: 2026-12-24"},
    "spans": _SPANS,
    "check": {
        "type": "string",
        "pattern": f"^({'|'.join(KINDS)}|/.+/)$",
        "description": f"{', '.join(KINDS)} or /a pattern/",
    },
    "timezone": {"type": "string", "description": "a time zone: America/Sao_Paulo"},
    "calendar": {
        "type": "string",
        "pattern": "^[A-Z]{2}(-[A-Z0-9]{1,4})?$",
        "description": "a country or region: BR, BR-SP",
    },
}
"""What stands for a value of which the model only knows the outcome."""

_REWRITTEN = ("title", "default", "format", "discriminator", "const", "propertyNames", "patternProperties")


def flow_schema() -> dict[str, Any]:
    """The schema, in the draft that editors know best (draft 7)."""
    written = Flow.model_json_schema(by_alias=True, mode="validation")
    schema: dict[str, Any] = _for_editors(written)
    schema["definitions"] = {name: _for_editors(part) for name, part in written["$defs"].items()}
    del schema["$defs"]
    _hours(schema["definitions"]["Hours"])
    steps = schema["properties"]["steps"]
    steps["propertyNames"]["not"] = {"enum": list(RESERVED)}
    steps["additionalProperties"] = _by_type(written["properties"]["steps"])
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Retorno flow",
        **schema,
        "description": "A flow: what callers hear and where their keys lead. See docs/flows.md.",
    }


def _by_type(steps: Any) -> dict[str, Any]:
    """A step is judged by its own type only, so that a mistake in it is not told as "none of fifteen fits"."""
    (choice,) = steps["patternProperties"].values()
    types = {name: _for_editors(ref) for name, ref in choice["discriminator"]["mapping"].items()}
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(types)}},
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": {"$ref": ref}}
            for name, ref in types.items()
        ],
    }


def _hours(definition: dict[str, Any]) -> None:
    """Days are not fields but keys of a form."""
    fields = list(definition["properties"])
    definition["additionalProperties"] = _SPANS
    definition["propertyNames"] = {"pattern": f"^({_DAY}(-{_DAY})?|daily|{'|'.join(fields)})$"}
    definition["properties"] |= dict.fromkeys((*DAYS, "daily", "mon-fri"), _SPANS)


def _for_editors(node: Any) -> Any:
    """A piece of pydantic's schema, the way an editor needs it."""
    if isinstance(node, list):
        return [_for_editors(item) for item in node]
    if not isinstance(node, Mapping):
        return node.replace("#/$defs/", "#/definitions/") if isinstance(node, str) else node
    meaning = node.get("x-means")
    if meaning in _FORMS:
        return {**_FORMS[meaning], "x-means": meaning}
    present = [part for part in node.get("anyOf", []) if part != {"type": "null"}]
    if "anyOf" in node and len(present) == 1:  # optional is a field left out, never a null
        return _for_editors({**{k: v for k, v in node.items() if k != "anyOf"}, **present[0]})
    kept = {
        key: {name: _for_editors(field) for name, field in value.items()}
        if key == "properties"
        else _for_editors(value)
        for key, value in node.items()
        if key not in _REWRITTEN
    }
    return kept | _keys(node) | _scalar(node)


def _keys(node: Mapping[str, Any]) -> dict[str, Any]:
    """What the keys of a mapping may be, in the one way that editors follow: `propertyNames`."""
    meaning = node.get("propertyNames", {}).get("x-means")
    patterns = node.get("patternProperties", {})
    if meaning in _FORMS:
        return {"propertyNames": {"pattern": _FORMS[meaning]["pattern"]}}
    if not patterns:
        return {}
    ((pattern, value),) = patterns.items()
    return {"propertyNames": {"pattern": pattern, "x-means": meaning}, "additionalProperties": _for_editors(value)}


def _scalar(node: Mapping[str, Any]) -> dict[str, Any]:
    """The types that an editor may see for one scalar of ours."""
    if "const" in node:
        value = str(node["const"])
        return {"enum": [int(value), value], "type": ["integer", "string"]} if value.isdigit() else {"const": value}
    match node.get("type"):
        case "string" if "enum" in node:
            return {"enum": [value for value in node["enum"] if value]}
        case "string" if "pattern" in node:
            numbers = any(re.search(node["pattern"], number) for number in ("5", "11", "4444"))
            return {"type": ["string", "integer"] if numbers else "string"}
        case "string":
            return {"type": ["string", "number", "boolean"]}
        case "integer":
            return {"type": ["integer", "string"], "pattern": r"^-?[0-9]+$"}
        case "boolean":
            return {"type": ["boolean", "string"], "enum": _TRUTHS}
    return {}
