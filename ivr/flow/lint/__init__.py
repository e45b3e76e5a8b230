"""Lint: what is wrong with a flow that is well formed.

Law: `check_file` answers for any text and never raises. Every rule has a stable code, one severity, a pair of files in
`tests/data/flows/err` and a place in docs/lint.md. A new rule is a `Rule`, a function from a `Draft`, and a line in `CHECKS`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivr.flow.lint import (
    conditions,
    cover,
    ignores,
    keys,
    names,
    paths,
    people,
    secrets,
    speech,
    subflows,
    values,
    variables,
)
from ivr.flow.lint.draft import Check, Known, Rule, Tried, draft_of
from ivr.flow.lint.partly import readable_part
from ivr.flow.load import load_flow
from ivr.flow.model import Flow
from ivr.flow.problems import Problem, sort
from ivr.flow.source import Loaded

__all__ = ["CHECKS", "RULES", "FileReport", "Known", "Rule", "Tried", "check_file", "lint", "seconds_to_human"]

CHECKS: tuple[Check, ...] = (
    paths.unknown_targets,
    paths.missing_exits,
    paths.unexpected_exits,
    paths.unreachable,
    paths.loops,
    people.no_human,
    people.time_to_human,
    people.menu_depth,
    people.menu_width,
    keys.ambiguous_keys,
    keys.spoken_keys,
    keys.operator_hidden,
    keys.label_order,
    speech.prompts,
    speech.languages,
    speech.too_long,
    speech.recordings,
    speech.barge_in_legal,
    values.bad_expressions,
    variables.undefined,
    variables.own_queue,
    variables.unused,
    conditions.constant_conditions,
    conditions.shadowed,
    conditions.spoken_languages,
    names.names,
    names.names_in_expressions,
    names.skills,
    names.number_clashes,
    names.callback_times,
    secrets.sensitive_leaks,
    secrets.literal_secrets,
    secrets.urls,
    subflows.recursion,
    subflows.inputs,
    cover.untested,
    cover.failing,
)

_MODULES = (paths, people, keys, speech, values, variables, conditions, names, secrets, subflows, cover, ignores)

RULES: dict[str, Rule] = {
    rule.code: rule for module in _MODULES for rule in vars(module).values() if isinstance(rule, Rule)
}
"""Every rule by its code."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What came of a file: the flow, unless its shape is wrong, and every problem in the order of the file."""

    flow: Flow | None
    problems: list[Problem]


def lint(flow: Flow, loaded: Loaded, known: Known, tried: Tried | None = None) -> list[Problem]:
    """Every problem of a well-formed flow, in the order of the file. Comments that silence rules are not looked at."""
    draft = draft_of(flow, loaded, known, tried)
    return sort(problem for check in CHECKS for problem in check(draft))


def check_file(text: str | bytes, filename: str, known: Known | None = None, tried: Tried | None = None) -> FileReport:
    """Reads and lints a file. While some steps cannot be read, the others are linted by the rules that need only them."""
    checked = load_flow(text, filename)
    flow = checked.flow or readable_part(checked.loaded)
    if flow is None:
        return FileReport(None, checked.problems)
    found = lint(flow, checked.loaded, known or Known(), tried)
    found = ignores.silence(found, checked.loaded.text, filename, RULES)
    if checked.flow is None:
        found = [problem for problem in found if not RULES[problem.rule].whole]
    return FileReport(checked.flow, sort([*checked.problems, *found]))


def seconds_to_human(flow: Flow, loaded: Loaded) -> dict[str, float | None]:
    """Per language: seconds of speech on the shortest way from the first entry to a person; None when there is no way."""
    draft = draft_of(flow, loaded, Known())
    start = next(iter(flow.entry.values())).to
    return {lang: people.seconds_to_human(draft, start, lang) for lang in flow.languages}
