"""What expressions do with values: compare, calculate, and the functions.

Law: values are None, bool, number, text, list, mapping or Sensitive. Every function takes any of them and either answers or
raises ExpressionError; nothing here grows a value beyond its inputs, and a sensitive value is compared but never shown.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_NUMBER = 10**15

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")


class ExpressionError(Exception):
    """An expression that cannot be read or has no value. `column` counts from 1; 0 when the whole is meant."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


class Sensitive:
    """A value that is compared and counted but never shown: not in a text, a log, a trace or JSON."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the few places that may have it: the session, and the body of a request."""
        return self._text

    def __str__(self) -> str:
        return "•••"

    def __repr__(self) -> str:
        return "•••"

    def __eq__(self, other: object) -> bool:
        return self._text == (other._text if isinstance(other, Sensitive) else other)

    def __hash__(self) -> int:
        return hash(self._text)

    def __len__(self) -> int:
        return len(self._text)


def revealed(value: Any) -> Any:
    return value.reveal() if isinstance(value, Sensitive) else value


def number_of(value: Any) -> int | float | None:
    """A number, or a text that is one; None for all else (a truth value is no number, nor is one beyond 10**15)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if -MAX_NUMBER <= value <= MAX_NUMBER else None  # false for NaN too
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return None


def same(left: Any, right: Any) -> bool:
    """Equal, where a number equals its text (`3` and `"3"`, but not `"03"` and `"3"`: both are text)."""
    left, right = revealed(left), revealed(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) == isinstance(right, str):
        return bool(left == right)
    first, second = number_of(left), number_of(right)
    return first is not None and first == second


def before(left: Any, right: Any) -> bool:
    """`left < right` for two numbers (or texts that are numbers), or two texts; else false."""
    left, right = revealed(left), revealed(right)
    first, second = number_of(left), number_of(right)
    if first is not None and second is not None:
        return first < second
    return isinstance(left, str) and isinstance(right, str) and left < right


def within(item: Any, box: Any) -> bool:
    """`item in box`: an item of a list, a piece of a text, a key of a mapping; else false."""
    box, item = revealed(box), revealed(item)
    if isinstance(box, list):
        return any(same(item, one) for one in box)
    if isinstance(box, str):
        piece = _text(item)
        return piece is not None and piece in box
    return isinstance(box, Mapping) and isinstance(item, str) and item in box


def compare(op: type[ast.cmpop], left: Any, right: Any) -> bool:
    """One comparison. Never raises: an order between unlike things, or with None, is false."""
    if op is ast.Eq:
        return same(left, right)
    if op is ast.NotEq:
        return not same(left, right)
    if op is ast.In:
        return within(left, right)
    if op is ast.NotIn:
        return not within(left, right)
    if op is ast.Lt:
        return before(left, right)
    if op is ast.Gt:
        return before(right, left)
    return (before(left, right) if op is ast.LtE else before(right, left)) or (left is not None and same(left, right))


def calculate(op: type[ast.operator], left: Any, right: Any) -> int | float:
    """`left op right` for numbers (or texts that are numbers). Raises ExpressionError for all else, for a division by zero
    and for results beyond 10**15."""
    if isinstance(left, Sensitive) or isinstance(right, Sensitive):
        raise ExpressionError("a sensitive value cannot be calculated with")
    first, second = number_of(left), number_of(right)
    if first is None or second is None:
        wrong = left if first is None else right
        raise ExpressionError(f"numbers are needed here, not {kind_of(wrong)}")
    if second == 0 and op in (ast.Div, ast.FloorDiv, ast.Mod):
        raise ExpressionError("division by zero")
    result: int | float
    if op is ast.Add:
        result = first + second
    elif op is ast.Sub:
        result = first - second
    elif op is ast.Mult:
        result = first * second
    elif op is ast.Div:
        result = first / second
    elif op is ast.FloorDiv:
        result = first // second
    else:
        result = first % second
    if abs(result) > MAX_NUMBER:
        raise ExpressionError("the number is too large")
    return result


def kind_of(value: Any) -> str:
    """What a value is, without showing it."""
    if value is None:
        return "nothing"
    kinds = {bool: "true or false", str: "text", list: "a list", dict: "a mapping", Sensitive: "a sensitive value"}
    return kinds.get(type(value), "a number")


def _text(value: Any) -> str | None:
    """The text that a value is, for functions on text; None when it is none."""
    value = revealed(value)
    if isinstance(value, str):
        return value
    return None if number_of(value) is None else str(value)


def _like(original: Any, text: str) -> str | Sensitive:
    return Sensitive(text) if isinstance(original, Sensitive) else text


def _plain_number(value: Any, name: str) -> int | float:
    found = None if isinstance(value, Sensitive) else number_of(value.strip() if isinstance(value, str) else value)
    if found is None:
        raise ExpressionError(f"{name}() needs a number, not {kind_of(value)}")
    return found


def starts(value: Any, beginning: Any) -> bool:
    """Text `value` begins with text `beginning`."""
    text, piece = _text(value), _text(beginning)
    return text is not None and piece is not None and text.startswith(piece)


def ends(value: Any, ending: Any) -> bool:
    """Text `value` ends with text `ending`."""
    text, piece = _text(value), _text(ending)
    return text is not None and piece is not None and text.endswith(piece)


def contains(value: Any, item: Any) -> bool:
    """`item in value`."""
    return within(item, value)


def digits(value: Any) -> str | Sensitive:
    """Only the digits of a text; "" of nothing."""
    return _like(value, "".join(c for c in _text(value) or "" if "0" <= c <= "9"))


def length(value: Any) -> int:
    """Characters of a text or number, items of a list or mapping; 0 of nothing."""
    if isinstance(value, list | Mapping):
        return len(value)
    return len(_text(value) or "")


def lower(value: Any) -> str | Sensitive:
    """A text in small letters; "" of nothing."""
    return _like(value, (_text(value) or "").lower())


def upper(value: Any) -> str | Sensitive:
    """A text in capitals; "" of nothing."""
    return _like(value, (_text(value) or "").upper())


def whole(value: Any) -> int:
    """The whole number in a text or number, cut, not rounded."""
    return int(_plain_number(value, "int"))


def rounded(value: Any, places: Any = 0) -> int | float:
    """A number rounded half away from zero, as money is, to `places` (0 to 6) decimals."""
    number, to = _plain_number(value, "round"), _plain_number(places, "round")
    if not 0 <= to <= 6:
        raise ExpressionError("round() keeps 0 to 6 decimals")
    scale = 10 ** int(to)
    result = math.copysign(math.floor(abs(number) * scale + 0.5), number) / scale
    return int(result) if scale == 1 else result


def between(value: Any, low: Any, high: Any) -> bool:
    """From `low` to `high`, both included. With times, `between(now.time, "22:00", "06:00")` goes over midnight."""
    up, down = compare(ast.GtE, value, low), compare(ast.LtE, value, high)
    over_midnight = before(high, low) and all(re.fullmatch(r"\d\d:\d\d", str(bound)) for bound in (low, high))
    return (up or down) if over_midnight else (up and down)


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language: what it does, and how many arguments it takes at least and at most."""

    run: Callable[..., Any]
    arity: tuple[int, int]


FUNCTIONS: dict[str, Function] = {
    "starts": Function(starts, (2, 2)),
    "ends": Function(ends, (2, 2)),
    "contains": Function(contains, (2, 2)),
    "between": Function(between, (3, 3)),
    "digits": Function(digits, (1, 1)),
    "len": Function(length, (1, 1)),
    "int": Function(whole, (1, 1)),
    "round": Function(rounded, (1, 2)),
    "lower": Function(lower, (1, 1)),
    "upper": Function(upper, (1, 1)),
}
"""With `open`, which reads the hours, all functions there are."""
