"""YAML text to plain text, lists and mappings, with the line and column of everything in it.

Law: nothing is decided here. Every scalar stays the text that the author typed (`22:00`, `no`, `0800`, `+5511...`), and what
would make a file mean something that it does not show (anchors, tags, a key given twice, a second document) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from ivr.flow.problems import Problem, Severity

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20

Path = tuple[str | int, ...]

_SPELLED = {"*": "star", "#": "hash"}
_BARE_KEY = re.compile(r"^\s*([#*]): +[a-z{]|[{,] *([#*]) *: ")
_TROUBLE = (
    ("that cannot start any token", 'text that begins with @, %, ` or a quote is put in quotes: "..."'),
    ("mapping values are not allowed here", 'text with ": " in it is put in quotes: "..."'),
    ("unexpected end of stream", "a quote is opened and not closed"),
    ("unknown escape character", "in double quotes a backslash is written twice; or use single quotes"),
    ("expected ',' or '}'", "a brace { is opened and not closed, or a comma is missing"),
    ("expected ',' or ']'", "a bracket [ is opened and not closed, or a comma is missing"),
    ("expected <block end>", "this line is not indented like its neighbours"),
    ("could not find expected ':'", "a key needs a colon and a space after it"),
    ("expected '<document start>'", "one mapping was expected, of lines `key: value`"),
)


class Position(NamedTuple):
    """Where a value stands, and its key (the value itself in a list). All count from 1."""

    line: int
    col: int
    key_line: int
    key_col: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file as read: `data` is None when it could not be."""

    filename: str
    text: str
    data: Any
    positions: dict[Path, Position]
    problems: list[Problem]

    def at(self, path: Path) -> Position:
        """Where `path` stands, or the nearest mapping around it. `*` and `#` find `star` and `hash`."""
        for end in range(len(path), -1, -1):
            part = path[:end]
            found = self.positions.get(part) or self.positions.get(tuple(_SPELLED.get(str(p), p) for p in part))
            if found is not None:
                return found
        return Position(1, 1, 1, 1)

    def problem(
        self,
        path: Path,
        message: str,
        rule: str,
        severity: Severity = Severity.ERROR,
        hint: str = "",
        *,
        key: bool = False,
    ) -> Problem:
        """A problem at the value of `path`, or at its key."""
        line, col, key_line, key_col = self.at(path)
        return Problem(self.filename, key_line if key else line, key_col if key else col, message, rule, severity, hint)


def load_yaml(text: str | bytes, filename: str) -> Loaded:
    """Reads one document. Never raises: what is wrong is in `problems`, and `data` is None if nothing could be read."""
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        size = len(decoded.encode("utf-8"))
    except UnicodeError as error:
        return _refused(filename, f"not UTF-8 text (byte {error.start + 1})", "save the file as UTF-8")  # type: ignore[attr-defined]
    if size > MAX_BYTES:
        return _refused(filename, f"{size // 1024} KB is too large", "at most 256 KB; split it into subflows")
    return _Reading(filename, decoded).whole()


def _refused(filename: str, message: str, hint: str) -> Loaded:
    return Loaded(filename, "", None, {}, [Problem(filename, 1, 1, message, "syntax", hint=hint)])


class _TooDeep(Exception):
    """The file nests deeper than any flow needs."""


class _Reading:
    """One pass over the parser's events. Events, not nodes: an alias keeps its place, and cannot be expanded."""

    def __init__(self, filename: str, text: str) -> None:
        self.filename = filename
        self.text = text
        self.positions: dict[Path, Position] = {}
        self.problems: list[Problem] = []
        self.inside_text: set[int] = set()
        """Lines (from 1) that continue a scalar, where # and * are only text."""

    def whole(self) -> Loaded:
        data = None
        try:
            data = self._document(YAML(typ="safe", pure=True).parse(self.text))
        except _TooDeep:
            pass
        except MarkedYAMLError as error:
            self._explain(error)
        except ReaderError as error:
            before = self.text[: error.position]
            line, col = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
            self._add(line, col, f"the character U+{ord(self.text[error.position]):04X} cannot stand here", "syntax")
        except (YAMLError, ValueError) as error:  # ValueError: a directive or escape with an impossible number
            self._add(1, 1, f"not YAML: {error}", "syntax")
        self._bare_keys()
        return Loaded(self.filename, self.text, data, self.positions, self.problems)

    def _add(self, line: int, col: int, message: str, rule: str, hint: str = "") -> None:
        self.problems.append(Problem(self.filename, line, col, message, rule, hint=hint))

    def _document(self, events: Iterator[Any]) -> Any:
        data: Any = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if event.version or event.tags:
                    self._feature(event, "a directive", "leave the lines that begin with % out")
                if documents > 1:
                    self._feature(event, "a second document", "one file holds one document: leave `---` out")
                    break
            elif isinstance(event, (ScalarEvent, SequenceStartEvent, MappingStartEvent, AliasEvent)):
                data = self._value(event, events, (), None)
        if documents == 0:
            self._add(1, 1, "the file is empty", "syntax", "start from `retorno flow new`")
        return data if documents == 1 else None

    def _feature(self, event: Any, what: str, hint: str) -> None:
        mark = event.start_mark
        self._add(mark.line + 1, mark.column + 1, f"{what} is not allowed", "yaml-feature", hint)

    def _value(self, event: Any, events: Iterator[Any], path: Path, key: Any) -> Any:
        line, col = event.start_mark.line + 1, event.start_mark.column + 1
        key_line, key_col = (key.start_mark.line + 1, key.start_mark.column + 1) if key is not None else (line, col)
        if isinstance(event, ScalarEvent) and not event.value and event.implicit[0] and key is not None:
            line, col = key_line, key_col  # a key without a value: the parser's mark is already on the next line
        self.positions[path] = Position(line, col, key_line, key_col)
        if isinstance(event, AliasEvent):
            self._feature(event, f"the alias *{event.anchor}", "write the value out; for the star key write star")
            return ""
        self._decoration(event)
        if len(path) > MAX_DEPTH:
            self._add(line, col, f"nested deeper than {MAX_DEPTH} levels", "syntax", "flatten it, or use subflows")
            raise _TooDeep
        if isinstance(event, ScalarEvent):
            last = event.end_mark.line + (1 if event.end_mark.column else 0)
            self.inside_text.update(range(event.start_mark.line + 2, last + 1))
            return str(event.value)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _decoration(self, event: Any) -> None:
        if event.anchor is not None:
            self._feature(event, f"the anchor &{event.anchor}", "write the value out where it is needed")
        if event.tag is not None:
            self._feature(event, f"the tag {_short_tag(event.tag)}", "leave it out: every value is read as text")

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._value(event, events, (*path, len(items)), None))
        return items

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for key in events:
            if isinstance(key, MappingEndEvent):
                break
            name = self._key(key, events, path)
            value = next(events)
            if name is None or not self._is_new(name, key, items, path):
                self._value(value, events, (*path, f"?{len(self.positions)}"), key)
            else:
                items[name] = self._value(value, events, (*path, name), key)
        return items

    def _key(self, key: Any, events: Iterator[Any], path: Path) -> str | None:
        """The key as text, or None with a problem when it is no text."""
        if isinstance(key, ScalarEvent):
            self._decoration(key)
            if key.value == "<<" and key.implicit[0]:
                self._feature(key, "the merge key <<", "write the values out where they are needed")
                return None
            return str(key.value)
        if isinstance(key, AliasEvent):
            self._feature(key, f"the alias *{key.anchor}", "write the key out; for the star key write star")
            return None
        self._add(
            key.start_mark.line + 1,
            key.start_mark.column + 1,
            "a list or mapping cannot be a key",
            "syntax",
            'text that begins with {{ is put in quotes: "{{ name }}"',
        )
        self._value(key, events, (*path, f"?{len(self.positions)}"), None)
        return None

    def _is_new(self, name: str, key: Any, items: dict[str, Any], path: Path) -> bool:
        twin = next((k for k in items if _SPELLED.get(k, k) == _SPELLED.get(name, name)), None)
        if twin is None:
            return True
        first = self.positions[(*path, twin)]
        self._add(
            key.start_mark.line + 1,
            key.start_mark.column + 1,
            f'the key "{name}" is given twice',
            "duplicate-key",
            f"first given at line {first.key_line}, column {first.key_col}",
        )
        return False

    def _explain(self, error: MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line, col = (mark.line, mark.column) if mark is not None else (0, 0)
        said = str(error.problem or error.context or "not YAML")
        if any(p.rule == "syntax" and p.line == line + 1 for p in self.problems):
            return  # a {{ without quotes is told already, and is why the parser is lost
        lines = self.text.splitlines()
        if "\\t" in said or (line < len(lines) and "\t" in re.match(r"\s*", lines[line])[0]):  # type: ignore[index]
            self._add(line + 1, col + 1, "a tab cannot indent", "syntax", "use spaces")
            return
        hint = next((told for found, told in _TROUBLE if found in said), "")
        self._add(line + 1, col + 1, f"not YAML here: {said}", "syntax", hint)

    def _bare_keys(self) -> None:
        """`#: back` is a comment to YAML, so the key would vanish without a word; `*: repeat` is an alias, and what the
        parser says of either, there and further on, helps nobody."""
        for number, line in enumerate(self.text.splitlines(), start=1):
            found = _BARE_KEY.search(line)
            if found is None or number in self.inside_text:
                continue
            sign = found[1] or found[2]
            self.problems = [
                p
                for p in self.problems
                if p.line < number or p.rule not in ("syntax", "yaml-feature") or "bare" in p.message
            ]
            hint = f'write `{_SPELLED[sign]}:` (or "{sign}":)'
            self._add(number, found.start(1 if found[1] else 2) + 1, f"a bare {sign} cannot be a key", "syntax", hint)


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")
