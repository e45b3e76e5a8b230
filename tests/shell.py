"""A whole installation in one process for tests: the real parts and web application on a real Redis, and the simulated telephone
network for its far side, in virtual time. Workers' errands are carried out at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis as redis_py

from callback import dispatch, jobs, verbs
from callback.model import Agent, Entry
from ivr import redis_server
from ivr.app import build, create_app
from ivr.calls import Reply
from ivr.clock import ManualClock
from ivr.config import Settings
from ivr.events import Event, EventType
from ivr.inputs import Outcome
from ivr.providers.simulator.network import Network
from ivr.providers.simulator.telephone import Act, Call, Leave, Press, Speak
from ivr.providers.simulator.wire import SIGNATURE, encode, sign

FLOWS = Path(__file__).parents[1] / "flows"
NUMBER = "+5511998887766"
CALLED = "+551130001000"


@dataclass
class Scripted:
    """Somebody who does what the test says: the next act of `plan` at each instruction (or at each of `only`), then nothing."""

    plan: list[Act | str] = field(default_factory=list)
    ring_ms: int = 2_000
    outcome: Outcome = Outcome.ANSWERED
    talks_ms: int | None = None
    only: tuple[str, ...] = ("gather", "hold", "record")
    did: list[dict[str, Any]] = field(default_factory=list)
    over: list[tuple[int, Outcome]] = field(default_factory=list)

    def rings(self, call: Call, ring_ms: int) -> tuple[int, Outcome]:
        return self.ring_ms, self.outcome

    def hears(self, call: Call, do: dict[str, Any], now_ms: int) -> Act:
        self.did.append(do)
        if do["do"] not in self.only or not self.plan:
            return None
        act = self.plan.pop(0)
        return Press(act, 1_500) if isinstance(act, str) else act

    def talk_ms(self, call: Call) -> int | None:
        return self.talks_ms

    def ended(self, call: Call, outcome: Outcome, now_ms: int) -> None:
        self.over.append((now_ms, outcome))


class Shell:
    """`parts` and what surrounds them. `refusing`: webhooks that go out are lost (path -> whether)."""

    def __init__(self, redis_url: str, *, default: str = "telecom", flows: Path = FLOWS, **settings: Any) -> None:
        given: dict[str, Any] = {"redis_url": redis_url, "tenant": "test", "secret_key": "x" * 32, **settings}
        self.settings = Settings(flows_dir=flows, default_flow=default, **given)
        self.clock = ManualClock()
        self.network = Network(self.clock, self.deliver)
        self.parts = build(self.settings, clock=self.clock, provider=self.network, patience=redis_server.WEB)
        self.line, self.calls = self.parts.line, self.parts.calls
        self.client = create_app(self.settings, self.parts).test_client()
        self.key = self.settings.key("webhooks")
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[dict[str, Any] | None] = []

    # the far side

    def deliver(self, path: str, body: dict[str, Any], then: Callable[[dict[str, Any] | None], None]) -> None:
        self.sent.append((path, body))
        data = encode(body)
        headers = {SIGNATURE: sign(self.key, path, data), "Content-Type": "application/json"}
        answer = self.client.post(path, data=data, headers=headers)
        found = (answer.get_json() or {}) if answer.status_code < 300 and answer.data else {}
        self.answers.append(found if answer.status_code < 300 else None)
        then(self.answers[-1])

    def dials_in(self, *plan: Act | str, number: str = NUMBER, call: str = "c1", called: str = CALLED) -> Scripted:
        person = Scripted(list(plan))
        self.network.people[number] = person
        self.network.dial_in(call, person, number, called)
        return person

    def agent(self, name: str = "ana", queues: tuple[str, ...] = ("sales",), *plan: Act | str) -> Scripted:
        """An agent, ready, who presses 1 at every call unless `plan` says otherwise."""
        person = Scripted(list(plan) or ["1"] * 20, only=("gather",))
        self.network.people[f"sim:{name}"] = person
        self.line.add_agent(name, name.title(), f"sim:{name}", queues, frozenset(), "pt-BR")
        self.line.sign_in(name)
        self.line.ready(name)
        return person

    def run(self, ms: int) -> None:
        """Let so much time pass: errands are carried out, the network and the sweep do what is due."""
        until = self.clock.now_ms() + ms
        while True:
            self.work()
            dues = [due for due in (self.network.next_ms(), self.line.store.next_due_ms()) if due is not None]
            due = min(dues, default=until + 1)
            if due > until:
                break
            self.clock.advance(max(0, due - self.clock.now_ms()))
            self.network.run_due()
            self.work()
            dispatch.reconcile(self.line, self.network, dispatch.sweep(self.line))
            self.line.match()
        self.clock.advance(until - self.clock.now_ms())

    def work(self) -> None:
        """Do all that the line has rung for, and what that rings for, as a worker would."""
        client = redis_py.Redis.from_url(self.settings.redis_url)
        queue = jobs.queue_for(client, self.settings.tenant, self.settings.key("jobs"))
        while waiting := queue.jobs:
            for job in waiting:
                job.delete()
                verbs.VERBS[job.func_name](self.parts, *job.args)
        client.close()

    # looking

    def events(self, *kinds: str) -> list[Event]:
        """All that has happened, or what is of these kinds. Raises ValueError for a kind that there is not."""
        wanted = set(map(EventType, kinds))
        return [event for _, event in self.line.store.events() if not wanted or event.type in wanted]

    def step(self, call: str = "c1") -> str:
        saved = self.calls.sessions.load(call)
        assert saved
        return saved.session.step

    def entry(self, call: str = "c1") -> Entry:
        """The place that this call has or had."""
        saved = self.calls.sessions.load(call)
        joined = self.events("entry_joined")
        name = (saved.session.entry if saved else "") or joined[-1].entry
        found = self.line.entry(name)
        assert found
        return found

    def an_agent(self, name: str = "ana") -> Agent:
        return next(agent for agent in self.line.agents() if agent.id == name)


def said(reply: Reply) -> str:
    """All that the caller hears of a reply."""
    return " ".join(getattr(part, "text", "") for part in reply.instruction.speech)


__all__ = ["CALLED", "FLOWS", "NUMBER", "Leave", "Press", "Scripted", "Shell", "Speak", "said"]
