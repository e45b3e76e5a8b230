"""Where a call can go: the exits of a step as they work, with the exits that nobody wrote.

Law: one order of fallbacks, and it stands here. The engine asks `fallback`; lint and the editor's graph ask `Graph`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ivr.flow.fields import RESERVED, Exit
from ivr.flow.model import AnyStep, Flow
from ivr.flow.problems import closest
from ivr.flow.steps.base import Step
from ivr.flow.steps.callback import CallbackStep
from ivr.flow.steps.collect import Collect
from ivr.flow.steps.menu import Menu
from ivr.flow.steps.queue import QueueStep
from ivr.flow.steps.voicemail import Voicemail

END = "(end)"
"""The node for a call that is over: the target `hangup`, and what follows a hangup step."""

UNKNOWN = "(unknown)"
"""The node for a target that names no step and resembles none."""

MANY_STEPS = 500
"""Above this, looking for the step that a wrong target resembles would take too long at every keystroke."""

_ON_FAIL = "defaults.on_fail"
_OPERATOR = "operator of the flow"

_UNWRITTEN: dict[str, dict[str, tuple[str, ...]]] = {
    "menu": {
        "on_silence": ("on_fail", _ON_FAIL),
        "on_invalid": ("on_fail", _ON_FAIL),
        "on_fail": (_ON_FAIL,),
        "operator": (_OPERATOR,),
    },
    "collect": {"on_fail": (_ON_FAIL,)},
    "hours": {"holiday": ("closed",)},
    "queue": {
        "timeout": (_ON_FAIL,),
        "full": ("timeout", _ON_FAIL),
        "closed": ("timeout", _ON_FAIL),
    },
    "callback": dict.fromkeys(("declined", "invalid", "duplicate", "full", "blocked"), (_ON_FAIL,)),
    "transfer": dict.fromkeys(("busy", "no_answer", "failed"), (_ON_FAIL,)),
    "voicemail": {"empty": ("next",), "failed": (_ON_FAIL, "next")},
    "join": {"gone": ("next",)},
}
"""Per step type and exit: where an exit that nobody wrote leads, first found first."""


class Cause(StrEnum):
    """What makes a call leave a step by an exit."""

    AT_ONCE = "at_once"
    """Nothing: the step does not wait there."""
    SILENCE = "silence"
    """The caller did nothing."""
    CALLER = "caller"
    """The caller did something, or time passed while somebody was looked for."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One way from a step to another. `named`: the target as written (`back`), which `target` is what it means.
    `path`: where it is written below the flow; empty if nobody wrote it."""

    exit: str
    target: str
    named: str
    cause: Cause
    path: tuple[str | int, ...]


def fallback(flow: Flow, step: Step, exit_name: str) -> str | None:
    """The target of `exit_name`: what the author wrote, else the first that the step type's order finds, else None."""
    return _leads_to(flow, step, exit_name, {found.name: found.target for found in step.exits()})


def _leads_to(flow: Flow, step: Step, exit_name: str, written: Mapping[str, str]) -> str | None:
    for name in (exit_name, *_UNWRITTEN.get(step.type, {}).get(exit_name, ())):
        if name == _ON_FAIL:
            target = flow.defaults.on_fail
        elif name == _OPERATOR:
            target = flow.operator
        else:
            target = written.get(name)
        if target is not None:
            return target
    return None


def needed_exits(flow: Flow, step: AnyStep) -> tuple[str, ...]:
    """The exits that a call may take from `step` whether or not anybody wrote them."""
    if isinstance(step, Menu):
        zero = step.keys.get("0")
        operator = ("operator",) if fallback(flow, step, "operator") and (zero is None or zero.when) else ()
        return ("on_silence", "on_invalid", *operator)
    if isinstance(step, QueueStep):
        offer = ("callback",) if step.callback else ()
        leave = ("exit",) if step.exit_key else ()
        return ("timeout", "full", "closed", *offer, *leave)
    return tuple(_UNWRITTEN.get(step.type, {}))


def effective_exits(flow: Flow, name: str) -> tuple[Exit, ...]:
    """Every exit of the step called `name` that a call may take. `path` is empty where nobody wrote the target."""
    step = flow.steps[name]
    written = step.exits()
    known = {found.name: found.target for found in written}
    unwritten = (
        Exit(exit_name, target, ())
        for exit_name in needed_exits(flow, step)
        if exit_name not in known and (target := _leads_to(flow, step, exit_name, known)) is not None
    )
    return (*written, *unwritten)


def cause_of(step: AnyStep, exit_name: str) -> Cause:
    """Why a call leaves `step` by `exit_name`. Talking to a person, waiting in line and pressing a key are the caller's."""
    if not step.waits:
        return Cause.AT_ONCE
    if isinstance(step, QueueStep) and exit_name in ("full", "no_agents", "closed"):
        return Cause.AT_ONCE
    if isinstance(step, CallbackStep):
        if exit_name in ("duplicate", "full", "blocked") or (exit_name == "invalid" and step.number == "caller"):
            return Cause.AT_ONCE
        return Cause.SILENCE if exit_name in ("declined", "invalid") else Cause.CALLER
    silent = (
        (isinstance(step, Menu) and exit_name in ("on_silence", "on_fail"))
        or (isinstance(step, Collect) and exit_name == "on_fail")
        or (isinstance(step, Voicemail) and exit_name == "empty")
        or step.type == "survey"
    )
    return Cause.SILENCE if silent else Cause.CALLER


@dataclass(frozen=True, slots=True)
class Graph:
    """The steps of a flow and the edges between them; reserved targets are already the steps they stand for.

    A target that names no step stands for the step it resembles most, so that one misspelling is one problem.
    """

    entries: tuple[str, ...]
    edges: dict[str, tuple[Edge, ...]]

    def reached(self, sources: Iterable[str], through: Callable[[str], bool] = lambda _: True) -> dict[str, None]:
        """The steps on any way from `sources`, in the order found; the way goes on only from steps let `through`."""
        found: dict[str, None] = {}
        waiting = deque(name for name in sources if name in self.edges)
        while waiting:
            name = waiting.popleft()
            if name in found:
                continue
            found[name] = None
            if through(name):
                waiting.extend(edge.target for edge in self.edges[name] if edge.target in self.edges)
        return found

    def leading_to(self, goals: Iterable[str]) -> set[str]:
        """The nodes from which a way leads to one of `goals`, the goals among them."""
        before: dict[str, list[str]] = {}
        for name, ways in self.edges.items():
            for way in ways:
                before.setdefault(way.target, []).append(name)
        found: set[str] = set()
        waiting = list(goals)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += before.get(name, ())
        return found

    def cycles(self, keep: Callable[[str, Edge], bool]) -> list[tuple[str, ...]]:
        """The loops made of the edges that are kept, each once, as the steps of one shortest way round."""
        ways = {name: [edge.target for edge in out if keep(name, edge)] for name, out in self.edges.items()}
        _drop_dead_ends(ways)
        found: list[tuple[str, ...]] = []
        seen: set[str] = set()
        for name in self.edges:
            if name in ways and name not in seen and (loop := _way_round(name, ways)):
                found.append(loop)
                seen.update(loop)
        return found


def _drop_dead_ends(ways: dict[str, list[str]]) -> None:
    """Leaves the nodes from which one can go on for ever: only they can be in a loop."""
    before: dict[str, list[str]] = {}
    for name, targets in ways.items():
        for target in targets:
            before.setdefault(target, []).append(name)
    onward = {name: sum(1 for target in targets if target in ways) for name, targets in ways.items()}
    waiting = [name for name, count in onward.items() if not count]
    while waiting:
        name = waiting.pop()
        del ways[name]
        for previous in before.get(name, ()):
            if previous in ways:
                onward[previous] -= 1
                if not onward[previous]:
                    waiting.append(previous)


def _way_round(start: str, ways: Mapping[str, list[str]]) -> tuple[str, ...]:
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        name = waiting.popleft()
        for target in ways.get(name, ()):
            if target == start:
                loop = [name]
                while loop[-1] != start:
                    loop.append(came_from[loop[-1]])
                return tuple(reversed(loop))
            if target not in came_from:
                came_from[target] = name
                waiting.append(target)
    return ()


def graph_of(flow: Flow) -> Graph:
    """The graph of `flow`, from the first step of every entry."""
    entries = tuple(dict.fromkeys(_named(flow, entry.to) for entry in flow.entry.values()))
    exits = {name: effective_exits(flow, name) for name in flow.steps}
    before = _steps_before(flow, exits)

    def resolved(name: str, target: str) -> tuple[str, ...]:
        if target == "hangup":
            return (END,)
        if target == "repeat":
            return (name,)
        if target == "restart" or (target == "back" and not before[name]):
            return entries
        return before[name] if target == "back" else (_named(flow, target),)

    def edges(name: str) -> Iterator[Edge]:
        step = flow.steps[name]
        for found in exits[name]:
            path = ("steps", name, *found.path) if found.path else ()
            for target in resolved(name, found.target):
                yield Edge(found.name, target, found.target, cause_of(step, found.name), path)
        if step.terminal:
            yield Edge("end", END, "hangup", Cause.AT_ONCE, ())

    return Graph(entries, {name: tuple(edges(name)) for name in flow.steps})


def _named(flow: Flow, target: str) -> str:
    if target in flow.steps:
        return target
    if target == "hangup":
        return END
    return (closest(target, flow.steps) if len(flow.steps) <= MANY_STEPS else None) or UNKNOWN


def _steps_before(flow: Flow, exits: Mapping[str, tuple[Exit, ...]]) -> dict[str, tuple[str, ...]]:
    """For each step, the nearest menus and collects before it: what `back` may mean there."""
    direct: dict[str, dict[str, None]] = {name: {} for name in flow.steps}
    for name in flow.steps:
        for found in exits[name]:
            if found.target not in RESERVED and (target := _named(flow, found.target)) in direct:
                direct[target][name] = None

    def nearest(name: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        seen = {name}
        waiting = list(direct[name])
        while waiting:
            previous = waiting.pop(0)
            if previous in seen:
                continue
            seen.add(previous)
            if isinstance(flow.steps[previous], Menu | Collect):
                found[previous] = None
            else:
                waiting += direct[previous]
        return tuple(found)

    return {name: nearest(name) for name in flow.steps}
