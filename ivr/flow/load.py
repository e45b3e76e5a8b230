"""Reads an author's file into a model, or into all that is wrong with it.

Law: one problem per mistake, at its line and column, saying what was expected. Shape only: whether names point somewhere is
for lint. Flow files and queue files are read by the same two functions, `load_yaml` and `validate`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from ivr.flow.fields import NAME, Marker
from ivr.flow.model import Flow
from ivr.flow.problems import Problem, closest, expected, has_errors, sort
from ivr.flow.source import Loaded, Path, Position, load_yaml
from ivr.flow.steps.base import Step

__all__ = ["Checked", "Loaded", "Position", "load_flow", "load_yaml", "validate", "version_of"]

Shape = TypeVar("Shape", bound=BaseModel)

_OWN_RULES = ("reserved-name", "bad-hours")
_MAPPINGS = ("model_type", "model_attributes_type", "dict_type")


@dataclass(frozen=True, slots=True)
class Checked:
    """A flow file as read. `flow` is None when there is an error among the problems."""

    flow: Flow | None
    problems: list[Problem]
    loaded: Loaded


def version_of(text: str) -> str:
    """The version of a flow: the first 16 hex digits of the SHA-256 of its text. Calls in progress stay on theirs."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def load_flow(text: str | bytes, filename: str) -> Checked:
    """Reads a flow. Never raises: every mistake of shape is in `problems`, in the order of the file."""
    loaded = load_yaml(text, filename)
    flow, found = validate(Flow, loaded)
    problems = sort([*loaded.problems, *found])
    return Checked(None if has_errors(problems) else flow, problems, loaded)


def validate(model: type[Shape], loaded: Loaded) -> tuple[Shape | None, list[Problem]]:
    """`loaded.data` as `model`, or None and what is wrong (not `loaded.problems`). Fields go by the names of the file."""
    if loaded.data is None:
        return None, []
    try:
        return model.model_validate(loaded.data, by_alias=True, by_name=False), []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    known = {problem.line for problem in loaded.problems}
    misspelt = {(e["loc"][:-1], _meant(model, e)) for e in errors if e["type"] == "extra_forbidden"}
    told = [
        _told(model, e, loaded)
        for e in errors
        if e["type"] != "missing" or (e["loc"][:-1], e["loc"][-1]) not in misspelt
    ]
    return None, [problem for problem in told if problem.line not in known]


def _meant(model: type[BaseModel], extra: Any) -> str | None:
    """The field that an unknown one is probably a slip of: it is then not missing too."""
    spot = _spot(model, extra["loc"])
    return closest(str(spot.path[-1]), _fields(spot.owner)) if spot.owner else None


class _Spot(NamedTuple):
    """What an error is about: its path in the file, its type, what marks that type, and the mapping it is in."""

    path: Path
    kind: Any
    marks: tuple[Any, ...]
    owner: type[BaseModel] | None
    is_key: bool

    def form(self) -> str:
        return next((m.form for m in self.marks if isinstance(m, Marker) and m.form), "")

    def is_a(self, kind: str) -> bool:
        return any(isinstance(m, Marker) and m.kind == kind for m in self.marks)


def _told(model: type[BaseModel], found: Any, loaded: Loaded) -> Problem:
    spot = _spot(model, found["loc"])
    kind = str(found["type"])
    about = _name_of(loaded.data, spot.path[:-1])
    last = spot.path[-1] if spot.path else ""
    match kind:
        case "missing":
            rule, what = ("missing-exit", "exit ") if spot.is_a("target") else ("missing-field", "")
            return loaded.problem(spot.path[:-1], f'{about} has no {what}"{last}"', rule, key=True)
        case "extra_forbidden":
            hint = expected(_fields(spot.owner), str(last)) if spot.owner else ""
            return loaded.problem(spot.path, f'unknown field "{last}" in {about}', "unknown-field", hint=hint, key=True)
        case "union_tag_invalid":
            types = [tag.strip("' ") for tag in str(found["ctx"]["expected_tags"]).split(",")]
            tag = str(found["ctx"]["tag"])
            path = (*spot.path, "type")
            return loaded.problem(path, f'unknown step type "{tag}"', "unknown-type", hint=expected(types, tag))
        case "union_tag_not_found":
            types = [tag for tag, _ in _members(spot.kind)]
            told = f'{_name_of(loaded.data, spot.path)} has no "type"'
            return loaded.problem(spot.path, told, "missing-field", hint=expected(types), key=True)
        case _:
            message, rule, hint = _bad_value(kind, found, spot)
            of_open_mapping = (
                spot.kind is None and found["input"] == last
            )  # pydantic does not say `[key]` of extra keys
            return loaded.problem(spot.path, message, rule, hint=hint, key=spot.is_key or of_open_mapping)


def _bad_value(kind: str, found: Any, spot: _Spot) -> tuple[str, str, str]:
    """Message, rule and hint for a value (or key) that is not of its form."""
    given, limits = found["input"], found.get("ctx", {})
    shown = f'"{given}"' if isinstance(given, str) else "a list" if isinstance(given, list) else "a mapping"
    own = kind.replace("_", "-")
    if own in _OWN_RULES:
        return str(found["msg"]), own, ""
    if given == "" and not spot.is_key:
        rule = "missing-exit" if spot.is_a("target") else "bad-value"
        return f'"{spot.path[-1] if spot.path else ""}" has no value', rule, _wanted(kind, spot, found)
    if kind == "value_error":
        message, _, hint = str(found["msg"]).removeprefix("Value error, ").partition("; ")
        return message, "bad-value", hint
    if spot.is_a("prompt") and kind in ("string_pattern_mismatch", "string_type"):
        return f"{shown} is not the name of a prompt", "bad-name", 'expected a name, or words by language: {en: "..."}'
    if kind == "string_pattern_mismatch" and limits.get("pattern") == f"^{NAME}$":
        return f"{shown} is not a name", "bad-name", f"expected {spot.form().removeprefix('a name: ')}"
    return f"{shown} cannot stand here", "bad-value", _wanted(kind, spot, found)


def _wanted(kind: str, spot: _Spot, found: Any) -> str:
    """What was expected, in the author's words."""
    limits = found.get("ctx", {})
    bounds = {"greater_than_equal": ("at least", "ge"), "less_than_equal": ("at most", "le")}
    if kind in _MAPPINGS:
        return "expected a mapping (lines `key: value`, or {key: value})"
    if kind == "list_type":
        return "expected a list: [a, b]"
    if kind in ("too_short", "string_too_short"):
        return f"expected at least {limits.get('min_length', 1)}"
    if kind == "too_long":
        return f"expected at most {limits['max_length']}"
    if kind == "string_too_long":
        return f"at most {limits['max_length']} characters"
    if kind in bounds:
        word, limit = bounds[kind]
        return f"expected {word} {_amount(limits[limit], spot)}"
    if kind == "literal_error":
        return expected(_literals(spot.kind), str(found["input"]))
    simple = {"int_parsing": "a whole number", "int_type": "a whole number", "bool_parsing": "true or false"}
    pattern = f"text of the form {limits['pattern']}" if "pattern" in limits else "text"
    return f"expected {simple.get(kind) or spot.form() or pattern}"


def _amount(value: Any, spot: _Spot) -> str:
    if not spot.is_a("duration"):
        return str(value)
    for unit, ms in (("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if value and value % ms == 0:
            return f"{value // ms}{unit}"
    return f"{value}ms"


def _name_of(data: Any, path: Path) -> str:
    """A mapping as its author would call it."""
    if not path:
        return "the file"
    if len(path) == 2 and path[0] == "steps":
        step = data["steps"][path[1]]
        kind = step.get("type") if isinstance(step, dict) else None
        return f'{kind} step "{path[1]}"' if kind else f'step "{path[1]}"'
    names = [part for part in path if isinstance(part, str)]
    where = f'"{names[-1]}"' if names else "the list"
    return f"item {path[-1] + 1} of {where}" if isinstance(path[-1], int) else where


def _spot(model: type[BaseModel], loc: tuple[int | str, ...]) -> _Spot:
    """Follows pydantic's `loc` through the types: it names union members too, which are not in the file."""
    path: Path = ()
    kind: Any = model
    marks: tuple[Any, ...] = ()
    owner: type[BaseModel] | None = None
    is_key = False
    parent_key: Any = None
    for part in loc:
        kind, marks = _bare(kind, marks)
        member = dict(_members(kind)).get(str(part))
        if member is not None:
            kind = member
        elif part == "[key]":
            is_key, kind, marks = True, parent_key, ()
        else:
            path = (*path, part)
            parent_key = None
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                owner = kind
                field = next((f for n, f in kind.model_fields.items() if (f.alias or n) == part), None)
                kind, marks = (field.annotation, tuple(field.metadata)) if field else (None, ())
            else:
                inner = get_args(kind)
                parent_key = inner[0] if get_origin(kind) is dict else None
                kind, marks = (inner[-1] if inner else None), ()
    kind, marks = _bare(kind, marks)
    return _Spot(path, kind, marks, owner, is_key)


def _bare(kind: Any, marks: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """A type without `Annotated` and `| None`, and what it was marked with."""
    while True:
        if get_origin(kind) is Annotated:
            marks = (*marks, *kind.__metadata__)
            kind = get_args(kind)[0]
            continue
        others = [member for member in get_args(kind) if member is not NoneType]
        if get_origin(kind) not in (Union, UnionType) or len(others) != 1:
            return kind, marks
        kind = others[0]


def _members(kind: Any) -> list[tuple[str, Any]]:
    """The members of a tagged union by their tags: `Tag(...)`, or the literal of their field `type`."""
    if get_origin(kind) not in (Union, UnionType):
        return []
    tagged: list[tuple[str, Any]] = []
    for member in get_args(kind):
        tagged += [(mark.tag, member) for mark in getattr(member, "__metadata__", ()) if isinstance(mark, Tag)]
        if isinstance(member, type) and issubclass(member, Step):
            tagged += [(tag, member) for tag in _literals(member.model_fields["type"].annotation)]
    return tagged


def _literals(kind: Any) -> list[str]:
    return [str(value) or '""' for value in get_args(kind)] if get_origin(kind) is Literal else []


def _fields(owner: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in owner.model_fields.items()]
