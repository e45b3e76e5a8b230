"""A mistake in an author's file, and how it is told.

Law: one mistake, one problem, at the place where it is mended. Problems are collected and told all at once, in the order of
the file: `file:line:col: message; expected one of "a", "b" [rule]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from enum import StrEnum


class Severity(StrEnum):
    """`error` keeps a flow from being published, `warning` and `info` do not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Format(StrEnum):
    """How problems are written: for people, for programs, as annotations of a pull request."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `line` and `col` count from 1. `hint` says what was expected or meant."""

    file: str
    line: int
    col: int
    message: str
    rule: str
    severity: Severity = Severity.ERROR
    hint: str = ""

    def __str__(self) -> str:
        grade = "" if self.severity is Severity.ERROR else f"{self.severity}: "
        return f"{self.file}:{self.line}:{self.col}: {grade}{self._told()} [{self.rule}]"

    def _told(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def annotation(self) -> str:
        """As a workflow command of GitHub Actions, which shows it beside the line."""
        level = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}[self.severity]
        place = f"file={_property(self.file)},line={self.line},col={self.col},title={_property(self.rule)}"
        return f"::{level} {place}::{_data(self._told())}"


def sort(problems: Iterable[Problem]) -> list[Problem]:
    """In the order of the files and of the lines in them."""
    return sorted(problems, key=lambda p: (p.file, p.line, p.col, p.rule, p.message))


def render(problems: Iterable[Problem], form: Format = Format.TEXT) -> str:
    """All problems, sorted, one a line (`json`: one array). Empty text for none, `[]` in JSON."""
    found = sort(problems)
    match form:
        case Format.TEXT:
            return "\n".join(map(str, found))
        case Format.GITHUB:
            return "\n".join(problem.annotation() for problem in found)
        case Format.JSON:
            return json.dumps([asdict(problem) for problem in found], ensure_ascii=False, indent=2)


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant, or None."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def expected(candidates: Iterable[str], word: str = "") -> str:
    """`did you mean "a"? expected one of "a", "b"`: a hint from all that could stand here and the word that does."""
    allowed = list(candidates)
    near = closest(word, allowed) if word else None
    guess = f'did you mean "{near}"? ' if near else ""
    if not allowed:
        return "none is defined"
    listed = ", ".join(f'"{candidate}"' for candidate in allowed)
    return f"{guess}expected one of {listed}" if len(allowed) > 1 else f"{guess}expected {listed}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
