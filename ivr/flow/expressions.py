"""Conditions and values in a flow: a small language with Python's looks, and the `{{ ... }}` of texts.

Law: only what is listed here can be written, nothing that an author writes can run long, grow large, reach an object's
insides or raise anything but `ExpressionError`, and all names used are known before a call comes. Meaning is kind to people
who collect digits: a number equals its text (`"3" == 3`), a missing part of an answer is None, and an order with None or
between unlike things is false.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from ivr.facts import QueueFacts
from ivr.flow.functions import FUNCTIONS, ExpressionError, Sensitive, calculate, compare
from ivr.flow.grammar import WORDS, dotted, hours_argument, tree_of
from ivr.flow.hours import Hours

__all__ = [
    "FILTERS",
    "WORDS",
    "Environment",
    "Expression",
    "ExpressionError",
    "Sensitive",
    "Template",
    "parse",
    "parse_template",
]

MAX_LENGTH = 300
FILTERS = ("minutes", "digits", "money", "date", "time", "phone", "number", "ordinal", "spell")

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Environment:
    """What an expression may read. `queue` is asked only for the queues that are named; `own_queue` is what plain `queue`
    means while the caller waits. Local time (`now.time`) is that of the first of `hours`, else UTC."""

    variables: Mapping[str, Any]
    lang: str
    caller: str
    called: str
    now_ms: int
    hours: Mapping[str, Hours] = field(default_factory=dict)
    queue: Callable[[str], QueueFacts] = lambda _name: QueueFacts()
    own_queue: str = ""

    def read(self, path: tuple[str, ...]) -> Any:
        """The value of a dotted name. Raises ExpressionError when its first part is not set."""
        first, rest = path[0], path[1:]
        match first:
            case "lang" | "caller" | "called":
                return None if rest else getattr(self, first)
            case "now":
                return self._now(rest)
            case "hours":
                return self._is_open(rest[0])
            case "queue":
                return self._queue(rest)
            case _ if first not in self.variables:
                raise ExpressionError(f'"{first}" is not set')
        value = self.variables[first]
        for part in rest:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def _now(self, rest: tuple[str, ...]) -> Any:
        if not rest:
            return self.now_ms
        first = next(iter(self.hours.values()), None)
        local = datetime.fromtimestamp(self.now_ms / 1000, ZoneInfo(first.timezone) if first else UTC)
        match rest[0]:
            case "date":
                return local.date().isoformat()
            case "time":
                return f"{local:%H:%M}"
            case "weekday":
                return _WEEKDAYS[local.weekday()]
            case part:
                return getattr(local, part)

    def _is_open(self, name: str) -> bool:
        if name not in self.hours:
            raise ExpressionError(f'there is no hours object "{name}"')
        return self.hours[name].is_open(self.now_ms)

    def _queue(self, rest: tuple[str, ...]) -> int | None:
        name = rest[0] if len(rest) == 2 else self.own_queue
        if not name:
            raise ExpressionError(
                f'"queue.{rest[0]}" means the queue in which the caller waits; write queue.<name>.{rest[0]}'
            )
        facts = self.queue(name)
        return {"waiting": facts.waiting, "wait": facts.wait_s, "agents": facts.agents}[rest[-1]]


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. `names`: the variables it reads by their first part, and in full the built-in dotted names
    (`queue.sales.wait`, `queue.wait`, `hours.office`, `now.time`)."""

    text: str
    names: frozenset[str]
    paths: frozenset[tuple[str, ...]]
    """Every name with all its parts, variables too: `("customer", "tier")`."""
    body: ast.expr = field(compare=False, repr=False)

    def evaluate(self, environment: Environment) -> Any:
        """Its value now: None, bool, number, text, list, mapping or Sensitive. Raises ExpressionError."""
        try:
            return _value(self.body, environment)
        except ExpressionError as error:
            raise ExpressionError(error.message, error.column or 1) from None
        except RecursionError:  # comparing answers of a host that nest a thousand deep
            raise ExpressionError("a value is nested too deep", 1) from None

    def constant(self) -> bool:
        """It reads nothing, so it is always the same."""
        return not self.names


@dataclass(frozen=True, slots=True)
class Slot:
    """`{{ expression | filter }}` in a text. `column`: where its expression begins in the text, from 1."""

    expression: Expression
    filter: str
    column: int


@dataclass(frozen=True, slots=True)
class Template:
    """A text with slots. The parts in order; plain text as it is."""

    parts: tuple[str | Slot, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(part for part in self.parts if isinstance(part, Slot))

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for slot in self.slots for name in slot.expression.names)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The expression in `text`. Raises ExpressionError, with the column (from 1) where it goes wrong."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH + 1)
    if "\\" in text:
        raise ExpressionError("a backslash cannot be used", text.index("\\") + 1)
    body, paths = tree_of(text)
    names = frozenset(".".join(path) if path[0] in ("queue", "hours", "now") else path[0] for path in paths)
    return Expression(text, names, paths, body)


@lru_cache(maxsize=4096)
def parse_template(text: str) -> Template:
    """The text and its `{{ ... }}`. Raises ExpressionError, with the column in `text`."""
    parts: list[str | Slot] = []
    rest = 0
    while (start := text.find("{{", rest)) >= 0:
        if start > rest:
            parts.append(text[rest:start])
        end, bar = _slot_end(text, start + 2)
        inner = text[start + 2 : bar]
        column = start + 3 + len(inner) - len(inner.lstrip())
        name = text[bar + 1 : end].strip()
        if bar < end and name not in FILTERS:
            raise ExpressionError(f'unknown filter "{name}"; expected one of {", ".join(FILTERS)}', bar + 2)
        try:
            parts.append(Slot(parse(inner.strip()), name, column))
        except ExpressionError as error:
            raise ExpressionError(error.message, column + max(error.column, 1) - 1) from None
        rest = end + 2
    if rest < len(text):
        parts.append(text[rest:])
    return Template(tuple(parts))


def _slot_end(text: str, start: int) -> tuple[int, int]:
    """Where the slot's `}}` is, and its `|` (else the same), skipping what is in quotes."""
    quote, bar = "", -1
    for index in range(start, len(text)):
        char = text[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif text.startswith("}}", index):
            return index, bar if bar >= 0 else index
        elif char == "|" and bar < 0:
            bar = index
    raise ExpressionError("{{ is opened and not closed with }}", start - 1)


def _value(node: ast.expr, environment: Environment) -> Any:
    """The value of a checked node."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=word) if word in WORDS:
            return WORDS[word]
        case ast.Name() | ast.Attribute():
            return environment.read(dotted(node) or ())
        case ast.BoolOp(op=op, values=parts):
            stop_at = isinstance(op, ast.Or)
            value = None
            for part in parts:
                value = _value(part, environment)
                if bool(value) is stop_at:
                    break
            return value
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, environment)
        case ast.UnaryOp(operand=operand):
            return calculate(ast.Sub, 0, _value(operand, environment))
        case ast.BinOp(left=left, op=op, right=right):
            return calculate(type(op), _value(left, environment), _value(right, environment))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, environment) else orelse, environment)
        case ast.List(elts=parts):
            items = [_value(part, environment) for part in parts]
            if any(isinstance(item, Sensitive) for item in items):
                raise ExpressionError("a sensitive value cannot stand in a list")
            return items
        case ast.Compare():
            return _compared(node, environment)
        case ast.Call(func=ast.Name(id="open"), args=[argument]):
            return environment.read(("hours", hours_argument(argument) or ""))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name].run(*(_value(argument, environment) for argument in arguments))
    raise AssertionError(f"{type(node).__name__} passed the check")


def _compared(node: ast.Compare, environment: Environment) -> bool:
    left = _value(node.left, environment)
    for op, part in zip(node.ops, node.comparators, strict=True):
        right = _value(part, environment)
        if not compare(type(op), left, right):
            return False
        left = right
    return True
