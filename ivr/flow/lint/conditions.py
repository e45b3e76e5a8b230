"""Conditions: that they can come out either way, and that every case of a branch can be taken.

Law: what is reported is certain; a condition that only looks strange is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ivr.flow.expressions import WORDS, ExpressionError, parse
from ivr.flow.functions import compare
from ivr.flow.lint.draft import Draft, Rule, steps_of
from ivr.flow.lint.speech import UNKNOWN_LANGUAGE
from ivr.flow.lint.values import expressions
from ivr.flow.problems import Problem, Severity, expected
from ivr.flow.steps.branch import Branch

CONSTANT_CONDITION = Rule("constant-condition", Severity.WARNING, "a condition is always true, or never")
BRANCH_SHADOWED = Rule("branch-shadowed", Severity.WARNING, "an earlier case takes all that this one would")


def constant_conditions(draft: Draft) -> Iterator[Problem]:
    """The `if` of a branch and the `when` of a key."""
    for value in expressions(draft):
        if value.path[-1] in ("if", "when") and (tree := _tree(value.text)) is not None:
            outcome = always(tree)
            if outcome is not None:
                word = "always true" if outcome else "never true"
                message = f'"{value.text}" is {word}'
                yield draft.problem(
                    CONSTANT_CONDITION, value.path, message, "test something that differs between calls"
                )


def shadowed(draft: Draft) -> Iterator[Problem]:
    """A case whose conditions include all of an earlier case's can never be taken."""
    for name, step in steps_of(draft.flow, Branch):
        earlier: list[tuple[int, frozenset[str]]] = []
        for index, case in enumerate(step.when):
            tree = _tree(case.test)
            if tree is None or always(tree) is False:
                continue
            needs = frozenset(ast.unparse(part) for part in _all_of(tree))
            over = next((n for n, others in earlier if others <= needs), None)
            if over is not None:
                path = ("steps", name, "when", index, "if")
                line = draft.loaded.at(("steps", name, "when", over, "if")).line
                message = f'"{case.test}" is never reached: case {over + 1} (line {line}) takes every such call'
                yield draft.problem(BRANCH_SHADOWED, path, message, "put the narrower case first")
            earlier.append((index, frozenset() if always(tree) else needs))


def spoken_languages(draft: Draft) -> Iterator[Problem]:
    """Language names that are compared with `lang` or set as `lang`, but not declared."""
    declared = draft.flow.languages
    for value in expressions(draft):
        tree = _tree(value.text)
        if tree is None:
            continue
        texts = _results(tree) if value.path[-2:] == ("vars", "lang") else _compared_with_lang(tree)
        for text in texts:
            if text not in declared:
                hint = expected(declared, text)
                yield draft.problem(UNKNOWN_LANGUAGE, value.path, f'"{text}" is not declared', hint)


def always(tree: ast.expr) -> bool | None:
    """The truth of an expression that is the same in every call, or None."""
    match tree:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Name(id=word) if word in WORDS:
            return bool(WORDS[word])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = always(operand)
            return None if inner is None else not inner
        case ast.BoolOp(op=op, values=values):
            known = [always(part) for part in values]
            short = isinstance(op, ast.Or)
            if short in known or (not short and _contradicts(values)):
                return short
            return None if None in known else not short
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(left, op, right)
    return None


def _compared(left: ast.expr, op: ast.cmpop, right: ast.expr) -> bool | None:
    if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
        return bool(compare(type(op), left.value, right.value))
    if isinstance(op, ast.Eq | ast.NotEq) and ast.dump(left) == ast.dump(right):
        return isinstance(op, ast.Eq)
    return None


def _contradicts(parts: list[ast.expr]) -> bool:
    """`a == 1 and a == 2`."""
    wanted: dict[str, object] = {}
    for part in parts:
        match part:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=value)]):
                if wanted.setdefault(ast.dump(left), value) != value:
                    return True
    return False


def _all_of(tree: ast.expr) -> list[ast.expr]:
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [part for value in tree.values for part in _all_of(value)]
    return [tree]


def _results(tree: ast.expr) -> list[str]:
    """The texts that an expression may come to."""
    match tree:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=body, orelse=orelse):
            return _results(body) + _results(orelse)
        case ast.BoolOp(values=values):
            return [text for value in values for text in _results(value)]
    return []


def _compared_with_lang(tree: ast.expr) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Name) and side.id == "lang" for side in sides):
                found += [str(c.value) for s in sides for c in ast.walk(s) if isinstance(c, ast.Constant)]
    return found


def _tree(text: str) -> ast.expr | None:
    """The expression, or None when it cannot be read: that is told elsewhere."""
    try:
        return parse(text).body
    except ExpressionError:
        return None
