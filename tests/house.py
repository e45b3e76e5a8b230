"""A small call centre on the real line and a real Redis, for tests of what looks at it.

The telephones are played by hand: `answer_all` does what a worker, a provider and the people at both ends would do.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from redis import Redis

from callback.estimate import Estimator
from callback.jobs import Task
from callback.model import EntryState, Leg, Queue
from callback.policy import ALWAYS_OPEN, NumberRules
from callback.service import Line
from callback.store import Store
from ivr.asks import Accept, BookCallback, JoinLine
from ivr.clock import Clock, ManualClock
from ivr.config import Settings
from ivr.flow.lint import check_file
from ivr.flow.model import Flow
from ivr.flow.problems import Problem
from ivr.inputs import Outcome
from ivr.ports import Caller
from ivr.providers.simulator.network import Network
from ivr.store import FlowShelf

TOKEN = "a token of at least thirty-two characters"
QUEUES: dict[str, Queue] = {
    "sales": Queue("sales", {"pt-BR": "Vendas", "en": "Sales", "es": "Ventas"}),
    "billing": Queue("billing", {"pt-BR": "Contas e faturas", "en": "Billing", "es": "Facturación"}),
    "support": Queue("support", {"pt-BR": "Suporte técnico", "en": "Technical support", "es": "Soporte técnico"}),
    "nurse": Queue("nurse", {"pt-BR": "Enfermagem", "en": "Nurse line", "es": "Enfermería"}, target_ms=60_000),
}
AGENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ana": ("Ana Souza", ("sales", "billing")),
    "bruno": ("Bruno Lima", ("sales",)),
    "carla": ("Carla Nogueira", ("support",)),
    "diego": ("Diego Alves", ("support", "sales")),
    "eduarda": ("Eduarda Pires", ("billing",)),
    "fabio": ("Fábio Teixeira", ("sales", "support")),
    "gabriela": ("Gabriela Moraes", ("nurse",)),
    "joao": ("João Pedro Guimarães de Almeida", ("nurse", "support")),
}


def check(text: str, filename: str) -> tuple[Flow | None, list[Problem]]:
    report = check_file(text, filename)
    return report.flow, report.problems


@dataclass
class House:
    """`line` and what it is made of. It has the attributes of `dashboards.parts.Parts`."""

    redis: Redis
    clock: Clock
    settings: Settings = field(default_factory=lambda: Settings(api_token=TOKEN))
    queues: Mapping[str, Queue] = field(default_factory=lambda: QUEUES)
    tasks: list[Task] = field(default_factory=list)
    ids: count[int] = field(default_factory=lambda: count(1))
    folder: Path = Path(__file__).parents[1] / "flows"
    line: Line = field(init=False)
    flows: FlowShelf = field(init=False)
    provider: Network = field(init=False)

    def __post_init__(self) -> None:
        tenant = self.settings.tenant
        self.line = Line(
            store=Store(self.redis, tenant, b"secret"),
            queues=lambda: self.queues,
            clock=self.clock,
            new_id=lambda: f"{next(self.ids):08d}",
            enqueue=self.tasks.append,
            opening=lambda queue, at_ms: ALWAYS_OPEN,
            numbers=NumberRules(),
            estimator=Estimator(self.redis, tenant),
        )
        self.provider = Network(self.clock, lambda path, body, then: None)
        self.flows = FlowShelf(self.redis, tenant, self.folder, check, self.clock, "starter")

    def staff(self, *names: str) -> None:
        """Make these agents (all of `AGENTS` by default) known and sign them in."""
        for name in names or AGENTS:
            full, queues = AGENTS[name]
            self.line.add_agent(name, full, f"sim:{name}", queues)
            self.line.sign_in(name)

    def call_in(self, queue: str, number: str = "+5511987654321") -> str:
        """Somebody phones and stands in line. Returns the entry."""
        caller = Caller(call=f"call-{next(self.ids)}", number=number)
        answer = self.line.answer(JoinLine(queue, number, "pt-BR", 0, ()), caller)
        assert answer.outcome == "joined", answer
        return str(answer.values["entry"])

    def book(self, queue: str, entry: str, number: str, due_ms: int = 0) -> None:
        """The caller of `entry` takes a callback in his place."""
        ask = BookCallback(queue, entry, number, "pt-BR", 0, (), due_ms=due_ms)
        found = self.line.entry(entry)
        assert found is not None
        answer = self.line.answer(ask, Caller(call=found.call, number=number, entry=entry))
        assert answer.outcome == "booked", answer

    def hang_up(self, entry: str) -> None:
        """The caller of `entry` hangs up while he waits."""
        found = self.line.entry(entry)
        assert found is not None
        self.line.ended(
            Caller(
                call=found.call,
                number=found.number,
                entry=entry,
                room=found.attempt if found.state == "connected" else "",
            ),
            Outcome.ANSWERED,
            "",
        )

    def answer_all(self) -> list[str]:
        """Everybody whom the line wants to ring answers and presses 1. Returns the attempts that became a talk."""
        talks = []
        while self.tasks:
            task = self.tasks.pop(0)
            if task.verb != "dial":
                continue
            begun = self.line.begin(task.attempt, task.leg)
            if begun is None:
                continue
            caller = Caller(call=begun.call, attempt=task.attempt, leg=task.leg)
            self.line.answer(Accept(task.attempt, task.leg), caller)
            found = self.line.entry(begun.entry.id)
            if found and found.state is EntryState.CONNECTED:
                self.line.entered(Caller(call=found.call, attempt=task.attempt, room=task.attempt))
                talks.append(task.attempt)
        return talks

    def finish(self, attempt: str) -> None:
        """The agent of a talk hangs up and is done with his wrap-up."""
        found = self.line.attempt(attempt)
        assert found is not None
        self.line.talk_ended(Caller(call=found.agent_call, attempt=attempt, leg=Leg.AGENT), Outcome.ANSWERED)
        self.line.wrap_up_done(found.agent)


def busy_hours(house: House, hours: float = 1.0, seed: int = 1) -> None:
    """Play some hours of a busy house in a moment: calls, abandons, callbacks, talks, a pause. `house.clock` is moved."""
    clock = house.clock
    assert isinstance(clock, ManualClock)
    rng = random.Random(seed)
    waiting: list[tuple[str, str]] = []
    talks: list[tuple[int, str]] = []
    for step in range(int(hours * 720)):  # five seconds each
        clock.advance(5_000)
        for end_ms, attempt in [talk for talk in talks if talk[0] <= clock.now_ms()]:
            talks.remove((end_ms, attempt))
            house.finish(attempt)
        if rng.random() < 0.22:
            queue = rng.choice(list(house.queues))
            number = f"+55119{rng.randrange(10_000_000, 99_999_999)}"
            waiting.append((house.call_in(queue, number), queue))
        for entry, queue in list(waiting):
            found = house.line.entry(entry)
            if found is None or found.state is not EntryState.WAITING:
                waiting.remove((entry, queue))
            elif clock.now_ms() - found.entered_ms > rng.expovariate(1 / 90_000) + 3_000 and rng.random() < 0.15:
                waiting.remove((entry, queue))
                if rng.random() < 0.4:
                    later = clock.now_ms() + 3_600_000 if rng.random() < 0.3 else 0
                    house.book(queue, entry, found.number, later)
                else:
                    house.hang_up(entry)
        talks += [(clock.now_ms() + int(rng.expovariate(1 / 110_000)), attempt) for attempt in house.answer_all()]
        if step == 700:
            house.line.pause("bruno", "lunch")
