"""`# lint: ignore=menu-width why it is right here`: on the line of the problem, or alone on the line before.

Law: a reason is required, and a comment that silences nothing is told. An error of shape cannot be silenced.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ivr.flow.lint.draft import Rule
from ivr.flow.problems import Problem, Severity, closest

BAD_IGNORE = Rule("bad-ignore", Severity.WARNING, "a lint comment names no rule, or gives no reason")
UNUSED_IGNORE = Rule("unused-ignore", Severity.INFO, "a lint comment silences nothing", whole=True)

_COMMENT = re.compile(r"(?:^|\s)(?P<comment>#\s*lint:\s*ignore\s*=\s*(?P<codes>[\w,-]*)[ \t]*(?P<reason>.*))$")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One code that a comment silences on `on_line`. `line`, `col`: where the comment stands."""

    code: str
    line: int
    col: int
    on_line: int
    reason: str


def ignores_in(text: str) -> list[Ignore]:
    """The lint comments of a file. A comment alone on its line is about the next line that is not one."""
    lines = text.splitlines()
    found: list[Ignore] = []
    for number, line in enumerate(lines, 1):
        match = _COMMENT.search(line)
        if match is None:
            continue
        about = number
        while about <= len(lines) and (not lines[about - 1].strip() or lines[about - 1].lstrip().startswith("#")):
            about += 1
        codes = match["codes"].split(",")
        found += [Ignore(code, number, match.start("comment") + 1, about, match["reason"].strip()) for code in codes]
    return found


def silence(problems: Iterable[Problem], text: str, filename: str, codes: Collection[str]) -> list[Problem]:
    """`problems` without those that a comment silences, and with what is wrong with the comments."""
    ignores = ignores_in(text)
    working = {(each.code, each.on_line): each for each in ignores if each.reason and each.code in codes}
    used: set[Ignore] = set()
    left: list[Problem] = []
    for problem in problems:
        ignore = working.get((problem.rule, problem.line))
        if ignore is None:
            left.append(problem)
        else:
            used.add(ignore)
    return left + [_told(each, filename, codes) for each in ignores if each not in used]


def _told(ignore: Ignore, filename: str, codes: Collection[str]) -> Problem:
    rule, hint = UNUSED_IGNORE, "delete the comment"
    message = f'"{ignore.code}" is not reported here'
    if ignore.code not in codes:
        near = closest(ignore.code, codes)
        rule, message = BAD_IGNORE, f'there is no rule "{ignore.code}" to ignore'
        hint = f'did you mean "{near}"?' if near else "docs/lint.md lists them"
    elif not ignore.reason:
        rule, message, hint = BAD_IGNORE, "no reason is given", f"# lint: ignore={ignore.code} why it is right here"
    return Problem(filename, ignore.line, ignore.col, message, rule.code, rule.severity, hint)
