"""What may be written in an expression: one walk over Python's syntax tree that refuses all that is not listed.

Law: what passes here, `ivr.flow.expressions` can evaluate; it looks at nothing again. A refusal has the column, from 1.
"""

from __future__ import annotations

import ast
import math
import re

from ivr.flow.functions import FUNCTIONS, ExpressionError

MAX_NODES = 120
MAX_DEPTH = 20
NOW_PARTS = ("date", "time", "weekday", "hour", "minute", "day", "month", "year")
QUEUE_PARTS = ("waiting", "wait", "agents")
WORDS = {"true": True, "false": False, "null": None, "none": None}


def tree_of(text: str) -> tuple[ast.expr, frozenset[tuple[str, ...]]]:
    """The syntax tree of a checked expression, and the names in it by their parts. Raises ExpressionError."""
    line = "".join(" " if c.isspace() else c for c in text)
    indent = len(line) - len(line.lstrip())
    try:
        body = ast.parse(line.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(_syntax(line), indent + (error.offset or 1)) from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError("cannot be read: a strange character, or nested too deep") from None
    checking = _Checking(line, indent)
    checking.check(body, 0)
    return body, frozenset(checking.paths)


def _syntax(line: str) -> str:
    if not line.strip():
        return "empty; expected an expression"
    if re.search(r"(?<![=!<>:])=(?!=)", line):
        return "one = sets, two compare: write =="
    for wrong, right in (("&&", "and"), ("||", "or"), ("!", "not")):
        if wrong in line.replace("!=", ""):
            return f"write {right} instead of {wrong}"
    return "not an expression here"


class _Checking:
    """One walk over a parsed expression: allows what is listed and notes the names."""

    def __init__(self, line: str, indent: int) -> None:
        self.stripped = line.strip()
        self.indent = indent
        self.nodes = 0
        self.paths: set[tuple[str, ...]] = set()

    def refuse(self, node: ast.expr, message: str) -> ExpressionError:
        before = self.stripped.encode()[: node.col_offset].decode(errors="ignore")
        return ExpressionError(message, self.indent + len(before) + 1)

    def check(self, node: ast.expr, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise self.refuse(node, "too long or nested too deep; split it into a set step and a branch")
        match node:
            case ast.Constant():
                self._constant(node)
            case ast.Name() | ast.Attribute():
                self._path(node, depth)
            case ast.BoolOp(values=parts) | ast.List(elts=parts):
                for part in parts:
                    self.check(part, depth + 1)
            case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
                self.check(operand, depth + 1)
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.FloorDiv() | ast.Mod()):
                self.check(node.left, depth + 1)
                self.check(node.right, depth + 1)
            case ast.Compare():
                self._compare(node, depth)
            case ast.IfExp():
                for part in (node.test, node.body, node.orelse):
                    self.check(part, depth + 1)
            case ast.Call():
                self._call(node, depth)
            case _:
                raise self.refuse(node, f"{_NAMES.get(type(node), 'this')} cannot be used here")

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if not (value is None or isinstance(value, str | int | float)):
            raise self.refuse(node, "expected text, a number, true, false or null")
        if not isinstance(value, str | None) and not (math.isfinite(value) and abs(value) <= 10**15):
            raise self.refuse(node, "the number is too large")

    def _compare(self, node: ast.Compare, depth: int) -> None:
        if any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            raise self.refuse(node, "write == or != instead of is")
        for part in (node.left, *node.comparators):
            if isinstance(part, ast.Name) and part.id == "now":
                raise self.refuse(
                    part, 'compare now.time ("10:30"), now.date ("2026-12-24"), now.weekday ("mon") or now.hour'
                )
            self.check(part, depth + 1)

    def _call(self, node: ast.Call, depth: int) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name != "open" and name not in FUNCTIONS:
            raise self.refuse(node, f"unknown function; expected one of open, {', '.join(FUNCTIONS)}")
        if node.keywords:
            raise self.refuse(node, "arguments have no names here")
        low, high = (1, 1) if name == "open" else FUNCTIONS[name].arity
        if not low <= len(node.args) <= high:
            count = str(low) if low == high else f"{low} or {high}"
            raise self.refuse(node, f"{name}() takes {count} argument{'' if count == '1' else 's'}")
        if name == "open":
            self.paths.add(("hours", self._hours_name(node.args[0])))
            return
        for argument in node.args:
            if isinstance(argument, ast.Name) and argument.id == "now":
                raise self.refuse(argument, 'use now.time ("10:30"), now.date ("2026-12-24") or now.hour')
            self.check(argument, depth + 1)

    def _hours_name(self, node: ast.expr) -> str:
        name = hours_argument(node)
        if name is None:
            raise self.refuse(node, 'open() takes the name of an hours object: open("office")')
        return name

    def _path(self, node: ast.Name | ast.Attribute, depth: int) -> None:
        path = dotted(node)
        if path is None:
            raise self.refuse(node, "parts can be taken of names only: customer.name")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}|None|True|False", path[0]) or any(
            not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]{0,79}", part) for part in path[1:]
        ):
            raise self.refuse(node, f'"{".".join(path)}" is not a name; text is put in quotes')
        if len(path) + depth > MAX_DEPTH:
            raise self.refuse(node, "nested too deep")
        first, rest = path[0], path[1:]
        if not rest and first in WORDS:
            return
        known = {
            "lang": not rest,
            "caller": not rest,
            "called": not rest,
            "now": not rest or (len(rest) == 1 and rest[0] in NOW_PARTS),
            "hours": len(rest) == 1,
            "queue": (len(rest) == 1 or len(rest) == 2) and rest[-1] in QUEUE_PARTS,
        }
        if not known.get(first, True):
            raise self.refuse(node, _FORMS[first])
        if not rest and first in FUNCTIONS:
            raise self.refuse(node, f"{first} is a function: {first}(...)")
        self.paths.add(path)


_FORMS = {
    "lang": "lang has no parts",
    "caller": "caller has no parts",
    "called": "called has no parts",
    "now": f"now has only {', '.join(NOW_PARTS)}",
    "hours": "write hours.<name>; it is true while open",
    "queue": "write queue.<name>.waiting, .wait or .agents",
}

_NAMES: dict[type[ast.expr], str] = {
    ast.Subscript: "[ ] after a value",
    ast.Lambda: "a lambda",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: ":=",
    ast.Dict: "a mapping",
    ast.Set: "a set",
    ast.Tuple: "a tuple (a list is written [a, b])",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.Starred: "*",
    ast.BinOp: "this operator",
    ast.UnaryOp: "this operator",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
}


def dotted(node: ast.expr) -> tuple[str, ...] | None:
    """`customer.tier` as its parts; None for what is no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else None


def hours_argument(node: ast.expr) -> str | None:
    """The hours that `open(office)` or `open("office")` names."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        return node.value
    return node.id if isinstance(node, ast.Name) else None
