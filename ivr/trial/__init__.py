"""The tests that an author writes into a flow: played by the production engine in virtual time, and told.

Law: a test says of a flow only what a call would meet. A failure names the place of its script item, what was expected, what
came, and the steps so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ivr import engine
from ivr.flow.lint.draft import Tried
from ivr.flow.load import Checked, load_flow, version_of
from ivr.flow.model import Flow, FlowTest
from ivr.flow.problems import Problem
from ivr.flow.source import Loaded
from ivr.session import Session
from ivr.trial.forms import line_mistakes
from ivr.trial.phone import CannotDo, Phone
from ivr.trial.script import Unmet, mistakes, play
from ivr.trial.world import World, typed
from ivr.turning import Published, UnknownFlow

__all__ = ["Report", "Result", "Shelf", "open_call", "run_tests", "try_flow"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Flows at hand, by name. Each has one version."""

    flows: Mapping[str, Published]

    def get(self, name: str, version: str = "") -> Published:
        if name not in self.flows:
            raise UnknownFlow(f"no flow is called '{name}'; there are: {', '.join(sorted(self.flows))}")
        return self.flows[name]


@dataclass(frozen=True, slots=True)
class Result:
    """One test. `problems` is empty when it passed; `path`: the steps that it came to."""

    name: str
    problems: tuple[Problem, ...]
    path: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a flow's tests. `problems`: what is wrong with the file itself; then no test was played."""

    flow: str
    results: tuple[Result, ...] = ()
    steps: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = field(default=())

    @property
    def passed(self) -> bool:
        return not self.problems and all(result.passed for result in self.results)

    @property
    def visited(self) -> frozenset[str]:
        return frozenset(step for result in self.results for step in result.path)

    @property
    def unreached(self) -> tuple[str, ...]:
        """The steps that no test came to, in the order of the file."""
        return tuple(step for step in self.steps if step not in self.visited)

    @property
    def tried(self) -> Tried:
        """The same for lint."""
        failed = {n: r.problems[0].message for n, r in enumerate(self.results) if r.problems}
        return Tried(self.visited, failed)

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems]
        for result in self.results:
            lines.append(f"{'ok    ' if result.passed else 'FAILED'}  {result.name}")
            lines += [f"        {problem}" for problem in result.problems]
        good = sum(result.passed for result in self.results)
        reached = len(self.steps) - len(self.unreached)
        lines.append(
            f"{self.flow}: {good} of {len(self.results)} tests passed, {reached} of {len(self.steps)} steps reached"
        )
        if self.unreached and self.results:
            lines.append(f"not reached: {', '.join(self.unreached)}")
        return "\n".join(lines)


def run_tests(path: Path) -> Report:
    """Play the tests of the flow in `path`. Its subflows are looked for beside it. Raises OSError."""
    beside = {}
    for other in sorted(path.parent.glob("*.yaml")):
        text = other.read_text(encoding="utf-8")
        found = load_flow(text, other.name).flow if other != path and other.name != "queues.yaml" else None
        if found is not None:
            beside[found.flow] = Published(found, version_of(text))
    return try_flow(load_flow(path.read_bytes(), str(path)), beside)


def try_flow(checked: Checked, others: Mapping[str, Published] | None = None) -> Report:
    """Play the tests of a flow that was read. `others`: flows that it may call."""
    flow = checked.flow
    if flow is None:
        return Report(checked.loaded.filename, problems=tuple(checked.problems))
    shelf = Shelf({**(others or {}), flow.flow: Published(flow, version_of(checked.loaded.text))})
    results = tuple(_run(shelf, flow, checked.loaded, number) for number in range(len(flow.tests)))
    return Report(flow.flow, results, tuple(flow.steps))


def open_call(shelf: Shelf, flow: Flow, test: FlowTest) -> Phone:
    """The call of a test, about to begin."""
    call, placed = test.call, "attempt" in flow.inputs
    now_ms = _moment_ms(flow, call.at)
    given = {name: typed(value) for name, value in test.given.items()}
    session = Session(
        "call-1",
        flow.flow,
        shelf.get(flow.flow).version,
        now_ms,
        call.lang or "",
        number=call.caller if call.caller != "withheld" and call.leg != "agent" else "",
        called=call.to,
        direction="outbound" if placed else "inbound",
        variables=given,
        attempt="attempt-1" if placed else "",
        leg=(call.leg or "agent") if placed else "",
    )
    phone = Phone(shelf, engine.start(shelf, session).to_json(), World(now_ms, mock=test.mock))
    phone.world.tell(test.line)
    return phone


def _run(shelf: Shelf, flow: Flow, loaded: Loaded, number: int) -> Result:
    test = flow.tests[number]
    wrong = _mistakes(loaded, test, number)
    if wrong:
        return Result(test.name, tuple(wrong), ())
    phone = open_call(shelf, flow, test)
    place: tuple[str | int, ...] = ("tests", number, "call")
    try:
        phone.start()
        for index, item in enumerate(test.script):
            place = ("tests", number, "script", index)
            play(phone, flow, item)
    except (Unmet, CannotDo) as failure:
        hint = f"path: {' > '.join(phone.path)}"
        problem = loaded.problem(place, str(failure), "failing-test", hint=hint)
        return Result(test.name, (problem,), tuple(phone.path))
    return Result(test.name, (), tuple(phone.path))


def _mistakes(loaded: Loaded, test: FlowTest, number: int) -> list[Problem]:
    """All that is wrong with how a test is written."""
    wrong = [
        loaded.problem(("tests", number, "script", index), told, "bad-value")
        for index, item in enumerate(test.script)
        for told in mistakes(item)
    ]
    wrong += [loaded.problem(("tests", number, "line"), told, "bad-value") for told in line_mistakes(test.line)]
    return wrong


def _moment_ms(flow: Flow, local: str) -> int:
    """Epoch ms of a local time in the zone of the flow's first hours, else UTC."""
    first = next(iter(flow.hours.values()), None)
    zone = ZoneInfo(first.timezone) if first is not None else UTC
    return int(datetime.strptime(local, "%Y-%m-%d %H:%M").replace(tzinfo=zone).timestamp() * 1000)
