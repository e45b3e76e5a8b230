"""Where calls go: targets, exits, loops and dead ends.

Law: the graph is that of `ivr.flow.graph`, with the exits that nobody wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ivr.flow.fields import RESERVED
from ivr.flow.graph import END, MANY_STEPS, UNKNOWN, Cause, Edge, fallback, needed_exits
from ivr.flow.lint.draft import Draft, Rule, steps_of
from ivr.flow.lint.marks import marked
from ivr.flow.problems import Problem, Severity, closest, expected
from ivr.flow.source import Path
from ivr.flow.steps.branch import Branch
from ivr.flow.steps.menu import Menu
from ivr.flow.steps.queue import QueueStep
from ivr.flow.steps.set import SetStep

UNKNOWN_TARGET = Rule("unknown-target", Severity.ERROR, "an exit leads to a step that does not exist")
MISSING_EXIT = Rule("missing-exit", Severity.ERROR, "a step can end in a way that leads nowhere")
UNEXPECTED_EXIT = Rule("unexpected-exit", Severity.ERROR, "an exit is written that this step can never take")
UNREACHABLE = Rule("unreachable", Severity.WARNING, "no call can come to this step", whole=True)
TRAPPED = Rule("trapped", Severity.ERROR, "from here no way leads to the end of the call", whole=True)
SILENT_LOOP = Rule(
    "silent-loop", Severity.ERROR, "steps lead round to themselves without waiting for anything", whole=True
)
TIMEOUT_LOOP = Rule("timeout-loop", Severity.ERROR, "a caller who does nothing goes round for ever", whole=True)

_SHOWN = 12
"""With more names than this, a hint that lists them all is not read."""


def unknown_targets(draft: Draft) -> Iterator[Problem]:
    steps = [*draft.flow.steps, *RESERVED]
    for path, target in marked(draft.flow, "target"):
        if target not in steps:
            hint = expected(steps, target) if len(steps) <= _SHOWN else _meant(target, steps)
            yield draft.problem(UNKNOWN_TARGET, path, f'there is no step "{target}"', hint)
    for key, entry in draft.flow.entry.items():
        if entry.to in RESERVED:
            yield draft.problem(
                UNKNOWN_TARGET,
                ("entry", key, "to"),
                f'an entry cannot be "{entry.to}"',
                expected(draft.flow.steps),
            )


def _meant(target: str, steps: list[str]) -> str:
    near = closest(target, steps) if len(steps) <= MANY_STEPS else None
    return f'did you mean "{near}"?' if near else "name a step of this file, or repeat, back, restart, hangup"


def missing_exits(draft: Draft) -> Iterator[Problem]:
    for name, step in draft.flow.steps.items():
        missing = [
            exit_name for exit_name in needed_exits(draft.flow, step) if fallback(draft.flow, step, exit_name) is None
        ]
        if not missing:
            continue
        listed = ", ".join(missing)
        own = set(missing) <= {"callback", "exit"}
        hint = (
            f"write on: {{{missing[0]}: ...}}" if own else "write it here, or set defaults: {on_fail: ...} to a person"
        )
        yield draft.problem(MISSING_EXIT, ("steps", name), f'step "{name}" leads nowhere on {listed}', hint, key=True)


def unexpected_exits(draft: Draft) -> Iterator[Problem]:
    for name, queue in steps_of(draft.flow, QueueStep):
        if queue.on.exit and not queue.exit_key:
            path: Path = ("steps", name, "on", "exit")
            yield draft.problem(UNEXPECTED_EXIT, path, "no key leaves this queue", "add exit_key", key=True)
        if queue.on.callback and queue.callback is None:
            path = ("steps", name, "on", "callback")
            hint = "add callback: {offer_after: 60s}"
            yield draft.problem(UNEXPECTED_EXIT, path, "this queue offers no callback", hint, key=True)
    for name, menu in steps_of(draft.flow, Menu):
        if menu.on_fail and menu.on_silence and menu.on_invalid:
            path = ("steps", name, "on_fail")
            hint = "on_silence and on_invalid take every failure"
            yield draft.problem(UNEXPECTED_EXIT, path, "on_fail is never taken", hint, key=True)
        if menu.operator and "0" in menu.keys and menu.keys["0"].when is None:
            path = ("steps", name, "operator")
            yield draft.problem(UNEXPECTED_EXIT, path, "operator is never taken", "key 0 has its own target", key=True)


def unreachable(draft: Draft) -> Iterator[Problem]:
    reached = draft.reachable()
    lost = [name for name in draft.flow.steps if name not in reached]
    led_to = {edge.target for name in lost for edge in draft.graph.edges[name] if edge.target != name}
    heads = [name for name in lost if name not in led_to] or lost[:1]
    for name in heads:
        hint = "lead an exit to it, or delete it"
        yield draft.problem(UNREACHABLE, ("steps", name), f'no call can come to step "{name}"', hint, key=True)


def loops(draft: Draft) -> Iterator[Problem]:
    """silent-loop, timeout-loop and, for what is neither, trapped."""
    told: set[str] = set()
    for loop in draft.graph.cycles(lambda _, edge: edge.cause is Cause.AT_ONCE):
        told |= set(loop)
        yield _loop(draft, SILENT_LOOP, loop, "nothing waits on the way round", "lead one of them elsewhere")
    quiet = (Cause.AT_ONCE, Cause.SILENCE)
    silent = frozenset(told)
    for loop in draft.graph.cycles(lambda name, edge: edge.cause in quiet and name not in silent):
        if not _counts(draft, loop):
            told |= set(loop)
            why = "a caller who presses nothing goes round for ever"
            yield _loop(draft, TIMEOUT_LOOP, loop, why, "lead the last try to a person or a mailbox")
    ending = draft.graph.leading_to([END, UNKNOWN])
    trapped = [name for name in draft.flow.steps if name not in ending]
    for group in _groups(draft, trapped):
        if not told & set(group):
            listed = _listed([f'"{name}"' for name in group], ", ")
            message = f"from step {listed} no way leads to the end" if len(group) == 1 else f"steps {listed} never end"
            path = ("steps", group[0])
            yield draft.problem(TRAPPED, path, message, "lead one exit to a hangup", key=True)


def _loop(draft: Draft, rule: Rule, loop: tuple[str, ...], why: str, hint: str) -> Problem:
    """At the target that closes the loop in the order of the file, or at the step when nobody wrote it."""
    order = list(draft.flow.steps)
    first = min(range(len(loop)), key=lambda n: order.index(loop[n]))
    turned = loop[first:] + loop[:first]
    edge = _edge(draft.graph.edges[turned[-1]], turned[0])
    way = _listed([*turned, turned[0]], " -> ")
    path = edge.path or ("steps", turned[-1])
    exits = "" if edge.path else f" on {edge.exit}"
    return draft.problem(rule, path, f"{way}{exits}: {why}", hint, key=not edge.path)


def _listed(names: list[str], between: str) -> str:
    """The names, or the first and the last of many."""
    return between.join(names if len(names) <= 8 else [*names[:6], "...", names[-1]])


def _edge(edges: Iterable[Edge], target: str) -> Edge:
    return next(edge for edge in edges if edge.target == target and edge.cause is not Cause.CALLER)


def _counts(draft: Draft, loop: tuple[str, ...]) -> bool:
    """The author counts the rounds himself: a branch on the way tests a variable that is set on the way."""
    steps = [draft.flow.steps[name] for name in loop]
    counted = [variable for step in steps if isinstance(step, SetStep) for variable in step.vars]
    tests = [case.test for step in steps if isinstance(step, Branch) for case in step.when]
    return any(variable in test for variable in counted for test in tests)


def _groups(draft: Draft, names: list[str]) -> Iterator[list[str]]:
    """`names` in the groups that hang together, in the order of the file."""
    near: dict[str, set[str]] = {name: set() for name in names}
    for name in names:
        for edge in draft.graph.edges[name]:
            if edge.target in near:
                near[name].add(edge.target)
                near[edge.target].add(name)
    told: set[str] = set()
    for name in names:
        if name in told:
            continue
        group: set[str] = set()
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one not in group:
                group.add(one)
                waiting += near[one]
        told |= group
        yield [each for each in names if each in group]
