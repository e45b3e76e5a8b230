"""How the values of a script are written.

Law: one form for each kind of value, with the words that say what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.flow.fields import read_duration
from ivr.flow.problems import expected
from ivr.inputs import Outcome
from ivr.trial.world import OUTCOMES


def line_mistakes(line: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with what a test says of the line."""
    for name, told in line.items():
        if name == "queue":
            if not FORMS["place"].check(told):
                yield f'"queue" needs {FORMS["place"].told}'
            continue
        if name not in OUTCOMES:
            yield f'the line is not asked "{name}"; {expected(OUTCOMES, name)}'
            continue
        for answer in told if isinstance(told, list) else [told]:
            if answer not in OUTCOMES[name]:
                yield f'"{answer}" is no answer to "{name}"; {expected(OUTCOMES[name], str(answer))}'


@dataclass(frozen=True, slots=True)
class Form:
    """How a value is written."""

    check: Callable[[Any], bool]
    told: str


def _is_duration(value: Any) -> bool:
    try:
        return isinstance(value, str) and read_duration(value) >= 0
    except ValueError:
        return False


def _is_place(value: Any) -> bool:
    numbers, flags = ("position", "waiting", "agents"), ("offer", "closing")
    return isinstance(value, dict) and all(
        (name in numbers and str(told).isdecimal())
        or (name in flags and told in ("true", "false"))
        or (name == "wait" and (str(told).isdecimal() or told == "none"))
        for name, told in value.items()
    )


FORMS: dict[str, Form] = {
    "word": Form(lambda value: value == "true", "no value"),
    "text": Form(lambda value: isinstance(value, str) and value != "", "a text"),
    "key": Form(
        lambda value: isinstance(value, str) and re.fullmatch(r"star|hash|[0-9*#]+", value) is not None,
        "keys: 0-9, star, hash, or several digits",
    ),
    "duration": Form(_is_duration, "a duration: 5s, 2m"),
    "mapping": Form(lambda value: isinstance(value, dict) and bool(value), "a mapping: {name: value}"),
    "place": Form(
        _is_place,
        "{position, wait, waiting, agents: numbers (wait in seconds, or none); offer, closing: true or false}",
    ),
    "line": Form(
        lambda value: isinstance(value, dict) and not any(line_mistakes(value)),
        "answers by name: " + ", ".join(f"{name}: {' or '.join(told)}" for name, told in OUTCOMES.items()),
    ),
    "booking": Form(
        lambda value: isinstance(value, dict) and set(value) <= {"queue", "number", "later", "keeps_place"},
        "{queue, number, later, keeps_place}, each as far as it matters",
    ),
    "outcome": Form(lambda value: value in list(Outcome), "one of " + ", ".join(Outcome)),
    "number": Form(lambda value: isinstance(value, str) and value.isdecimal(), "a whole number"),
    "list": Form(lambda value: isinstance(value, list), "a list: [a, b]"),
}
BESIDE = {"queue": "place", "outcome": "outcome", "priority": "number", "skills": "list"}
"""The form of what may stand beside an item's own name."""
