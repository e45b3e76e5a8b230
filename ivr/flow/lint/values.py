"""Expressions and templates of a flow: where each stands, and the names that it reads.

Law: `ivr.flow.expressions` decides what an expression is; what it refuses is one problem here and no name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ivr.flow.expressions import ExpressionError, parse, parse_template
from ivr.flow.lint.draft import Draft, Rule, text_of
from ivr.flow.lint.marks import marked
from ivr.flow.problems import Problem, Severity
from ivr.flow.source import Path

BAD_EXPRESSION = Rule("bad-expression", Severity.ERROR, "a condition or a {{ value }} cannot be read")


@dataclass(frozen=True, slots=True)
class Value:
    """An expression, or a text with expressions in it. `step` is "" for the text of a named prompt."""

    step: str
    path: Path
    text: str
    is_template: bool

    @property
    def names(self) -> frozenset[str]:
        """The names read, dotted as the author wrote them; none when the text cannot be read."""
        try:
            return parse_template(self.text).names if self.is_template else parse(self.text).names
        except ExpressionError:
            return frozenset()


def expressions(draft: Draft) -> Iterator[Value]:
    for name, step in draft.flow.steps.items():
        for path, text in marked(step, "expr"):
            yield Value(name, ("steps", name, *path), text, False)


def templates(draft: Draft) -> Iterator[Value]:
    """Every text that may have `{{ }}` in it, prompts by name last."""
    for name, step in draft.flow.steps.items():
        for path, text in marked(step, "template"):
            yield Value(name, ("steps", name, *path), text, True)
    for name, words in draft.flow.prompts.items():
        for lang, value in words.items():
            where: Path = ("prompts", name, lang)
            yield Value("", where if isinstance(value, str) else (*where, "text"), text_of(value), True)


def bad_expressions(draft: Draft) -> Iterator[Problem]:
    """At the very column, where the text stands on its line as the author typed it."""
    for value in (*expressions(draft), *templates(draft)):
        try:
            _ = parse_template(value.text) if value.is_template else parse(value.text)
        except ExpressionError as error:
            message, _, hint = error.message.partition("; ")
            problem = draft.problem(BAD_EXPRESSION, value.path, message, hint)
            yield replace(problem, col=problem.col + _offset(draft, problem, value.text, error.column))


def _offset(draft: Draft, problem: Problem, text: str, column: int) -> int:
    """How far behind the beginning of a value the `column` of its text is; 0 when the text is spread or escaped."""
    typed = draft.loaded.text.splitlines()[problem.line - 1][problem.col - 1 :]
    quote = 1 if typed[:1] in ("'", '"') else 0
    return quote + column - 1 if column and typed[quote:].startswith(text) else 0
