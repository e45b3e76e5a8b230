"""Variables: set on every way before they are read, and read somewhere once set.

Law: a must-analysis. A variable is known at a step only if every way there sets it; a failure exit sets nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ivr.flow.fields import RESERVED
from ivr.flow.graph import Edge
from ivr.flow.lint.draft import Draft, Rule
from ivr.flow.lint.values import expressions, templates
from ivr.flow.model import AnyStep
from ivr.flow.problems import Problem, Severity, closest
from ivr.flow.source import Path
from ivr.flow.steps.collect import Collect
from ivr.flow.steps.http import Http
from ivr.flow.steps.queue import QueueStep
from ivr.flow.steps.set import SetStep
from ivr.flow.steps.subflow import Subflow

UNDEFINED_VARIABLE = Rule("undefined-variable", Severity.ERROR, "a name is read that may not be set there", whole=True)
UNUSED_VARIABLE = Rule("unused-variable", Severity.WARNING, "a variable is set and never read", whole=True)

BUILTIN = ("lang", "caller", "called", "now", "queue", "hours")


@dataclass(frozen=True, slots=True)
class Setting:
    """A place that sets a variable."""

    variable: str
    step: str
    path: Path


class Read(NamedTuple):
    """A name that is read at a step, variables by their first part, `queue.sales.wait` in full."""

    step: str
    path: Path
    name: str


def settings(draft: Draft) -> Iterator[Setting]:
    for name, step in draft.flow.steps.items():
        for variable in sorted(_set_by(step, "next") - {"queue"}):
            below: Path = ("vars", variable) if isinstance(step, SetStep) else ("save", variable)
            yield Setting(variable, name, ("steps", name, *(("save",) if isinstance(step, Collect) else below)))


def _set_by(step: AnyStep, exit_name: str) -> frozenset[str]:
    """What leaving `step` by this exit has set. `queue` stands for the caller's own queue."""
    if isinstance(step, SetStep):
        return frozenset(step.vars) - {"lang"}
    if isinstance(step, Subflow):
        return frozenset(step.save)
    if isinstance(step, Collect) and exit_name == "next":
        return frozenset({step.save})
    if isinstance(step, Http) and exit_name == "next":
        return frozenset(step.save)
    return frozenset({"queue"}) if isinstance(step, QueueStep) else frozenset()


def known_at(draft: Draft) -> dict[str, frozenset[str]]:
    """For each reachable step, the variables that every way there has set."""
    steps = draft.flow.steps
    given = frozenset(draft.flow.inputs)
    found: dict[str, frozenset[str]] = {name: given for name in draft.graph.entries if name in steps}
    waiting = list(found)
    while waiting:
        name = waiting.pop(0)
        for edge in _onward(draft, name):
            there = found[name] | _set_by(steps[name], edge.exit)
            before = found.get(edge.target)
            after = there if before is None else before & there
            if after != before:
                found[edge.target] = after
                waiting.append(edge.target)
    return found


def _onward(draft: Draft, name: str) -> Iterator[Edge]:
    """The edges that bring something new: who goes back or starts over keeps what is set."""
    return (e for e in draft.graph.edges[name] if e.target in draft.flow.steps and e.named not in RESERVED)


def undefined(draft: Draft) -> Iterator[Problem]:
    """A name that nothing sets: where it is read, once. One that a way skips: at the step that reads it there."""
    all_set = {setting.variable for setting in settings(draft)} | set(draft.flow.inputs)
    known = known_at(draft)
    told: set[tuple[str, str]] = set()
    for value in (*expressions(draft), *templates(draft)):
        for name in sorted({each.split(".")[0] for each in value.names} - {*BUILTIN, *all_set}):
            if (value.step, name) not in told:
                told.add((value.step, name))
                near = closest(name, sorted({*all_set, *BUILTIN}))
                hint = f'did you mean "{near}"?' if near else "set it, save it, or list it under inputs"
                yield draft.problem(UNDEFINED_VARIABLE, value.path, f'"{name}" is never set', hint)
    for step, path, name in _reads(draft):
        if name not in all_set or step not in known or (step, name) in told:
            continue
        if name not in known[step] | _set_before_read(draft, step, path):
            told.add((step, name))
            message = f'"{name}" may not be set at step "{step}"'
            yield draft.problem(UNDEFINED_VARIABLE, path, message, _skipped(draft, known, step, name))


def _reads(draft: Draft) -> Iterator[Read]:
    """Every read of a name at a step; a prompt by name is read where a step speaks it."""
    for value in (*expressions(draft), *templates(draft)):
        if value.step:
            yield from (Read(value.step, value.path, name) for name in sorted(value.names))
    by_prompt: dict[str, set[str]] = {}
    for value in templates(draft):
        if not value.step:
            by_prompt.setdefault(str(value.path[1]), set()).update(value.names)
    for step in draft.flow.steps:
        for path, prompt in draft.prompt_names(step):
            yield from (Read(step, path, name) for name in sorted(by_prompt.get(prompt, ())))


def _set_before_read(draft: Draft, step: str, path: Path) -> frozenset[str]:
    """A `set` step sets its variables one after another."""
    found = draft.flow.steps[step]
    if not isinstance(found, SetStep):
        return frozenset()
    names = list(found.vars)
    return frozenset(names[: names.index(str(path[-1]))])


def _skipped(draft: Draft, known: dict[str, frozenset[str]], step: str, name: str) -> str:
    """Who sets it, and the last step by which a call comes without."""
    setters = ", ".join(dict.fromkeys(f'"{s.step}"' for s in settings(draft) if s.variable == name))
    for source, have in known.items():
        for edge in _onward(draft, source):
            if edge.target == step and name not in have | _set_by(draft.flow.steps[source], edge.exit):
                return f'it is set at {setters}; a call can come from "{source}" by {edge.exit} without it'
    return f"it is set at {setters}; a call can begin here"


def own_queue(draft: Draft) -> Iterator[Problem]:
    """`queue.wait` means the caller's own queue, so every way to it leads through one."""
    known = known_at(draft)
    for step, path, name in _reads(draft):
        first, _, rest = name.partition(".")
        short = first == "queue" and "." not in rest
        here = draft.flow.steps[step]
        if short and step in known and not isinstance(here, QueueStep) and "queue" not in known[step]:
            message = f'"{name}" means the queue that the caller waits in, and step "{step}" may come before any'
            yield draft.problem(UNDEFINED_VARIABLE, path, message, f"write queue.<name>.{rest}")


def unused(draft: Draft) -> Iterator[Problem]:
    """Not for a flow that others call while we do not know who takes back what."""
    flows = draft.known.flows
    if draft.flow.inputs and flows is None:
        return
    read = {name.split(".")[0] for value in (*expressions(draft), *templates(draft)) for name in value.names}
    for other in (flows or {}).values():
        for step in other.steps.values():
            if isinstance(step, Subflow) and step.flow == draft.flow.flow:
                read |= set(step.save.values())
    told: set[str] = set()
    for setting in settings(draft):
        if setting.variable not in read and setting.variable not in told:
            told.add(setting.variable)
            message = f'"{setting.variable}" is set and never read'
            key = not isinstance(draft.flow.steps[setting.step], Collect)
            yield draft.problem(UNUSED_VARIABLE, setting.path, message, "use it, or do not keep it", key=key)
