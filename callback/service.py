"""The line's verbs: what calls, agents, workers and supervisors may ask of it.

Law: `Line` decides nothing twice: rules are in `policy`, changes in the scripts. Every verb after which somebody could be
served ends in a match. It implements `ivr.ports.LinePort`; time, ids and the way to a worker are given to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from callback import agents, attempts, places, talks
from callback.attempts import Begun
from callback.estimate import Estimator
from callback.jobs import Task
from callback.model import (
    Agent,
    AgentState,
    Attempt,
    Entry,
    Leg,
    PhoneState,
    Queue,
    QueueSnapshot,
    Snapshot,
    Talk,
)
from callback.policy import NumberRules, Opening
from callback.rows import QueueCounts
from callback.store import Store
from callback.wait_model import Kind
from ivr.asks import (
    Accept,
    Ask,
    BookCallback,
    CancelPlace,
    ChangeNumber,
    CheckNumber,
    Fetch,
    FindPlace,
    JoinLine,
    LeaveLine,
    TakePlace,
)
from ivr.clock import Clock
from ivr.facts import Facts, PlaceFacts, QueueFacts, TalkFacts
from ivr.inputs import Answer, Outcome
from ivr.ports import Caller

GRACE_MS = 10_000  # a held caller may be heard of so much later than he said
PAIRS = 16  # most pairs of one match script, so that it stays short; the line matches until a round is not full


@dataclass(frozen=True)
class LineFacts:
    """The world as one turn sees it; asking twice gives the same answer (`ivr.facts.Facts`)."""

    line: Line
    now_ms: int
    _queues: dict[str, QueueFacts]
    _places: dict[str, PlaceFacts | None]
    _talks: dict[str, TalkFacts]

    def queue(self, name: str) -> QueueFacts:
        if name not in self._queues:
            self._queues[name] = places.queue_facts(self.line, name)
        return self._queues[name]

    def place(self, entry: str) -> PlaceFacts | None:
        if entry not in self._places:
            self._places[entry] = places.place_facts(self.line, entry)
        return self._places[entry]

    def talk(self, attempt: str) -> TalkFacts:
        if attempt not in self._talks:
            self._talks[attempt] = talks.talk_facts(self.line, attempt)
        return self._talks[attempt]


@dataclass(frozen=True)
class Line:
    """One tenant's line. `queues` gives the rules as they stand (the same mapping object until they change); `enqueue`
    hands a task to a worker and may lose it; `opening` gives a queue's hours at a time."""

    store: Store
    queues: Callable[[], Mapping[str, Queue]]
    clock: Clock
    new_id: Callable[[], str]
    enqueue: Callable[[Task], None]
    opening: Callable[[Queue, int], Opening]
    numbers: NumberRules
    estimator: Estimator

    def queue(self, name: str) -> Queue:
        """The rules of `name`; one that left the file while somebody stands in it goes on with the defaults."""
        return self.queues().get(name) or Queue(name)

    # what a call asks (LinePort)

    def answer(self, ask: Ask, caller: Caller) -> Answer:
        """Carry out an ask other than `Fetch`. Idempotent. Raises LookupError for a queue that the file does not have."""
        if isinstance(ask, JoinLine | BookCallback) and ask.queue not in self.queues():
            raise LookupError(f"no queue {ask.queue!r}; expected one of {', '.join(sorted(self.queues()))}")
        match ask:
            case JoinLine():
                return places.join(self, ask, caller)
            case BookCallback():
                return places.book(self, ask, caller)
            case FindPlace():
                return places.find(self, ask)
            case TakePlace():
                return places.take(self, ask, caller)
            case LeaveLine():
                return places.leave(self, ask)
            case CheckNumber():
                return places.check(self, ask)
            case ChangeNumber():
                return places.renumber(self, ask)
            case CancelPlace():
                return places.give_up(self, ask, caller)
            case Accept():
                return attempts.accept(self, ask)
            case Fetch():
                raise TypeError("the line does not fetch; the shell carries out `Fetch` itself")

    def facts(self) -> Facts:
        return LineFacts(self, self.clock.now_ms(), {}, {}, {})

    def held(self, caller: Caller, until_ms: int) -> None:
        """The caller is on hold and will be heard of again by `until_ms`."""
        entry = caller.entry
        if not entry and caller.attempt and (attempt := self.store.attempt(caller.attempt)):
            entry = attempt.entry  # a customer whom we rang holds in his own place
        if entry:
            self.store.held(entry, caller.call, until_ms + GRACE_MS, self.clock.now_ms())

    def entered(self, caller: Caller) -> None:
        """The caller has been sent into the room of `caller.room`. Of the agent, who is there first, nothing is kept."""
        if caller.leg != Leg.AGENT:
            self.store.entered(caller.room, caller.call, self.clock.now_ms())

    def talk_ended(self, caller: Caller, outcome: Outcome) -> None:
        attempts.talk_ended(self, caller, outcome)

    def transferred(self, caller: Caller, to: str) -> bool:
        return talks.transferred(self, caller, to)

    def ended(self, caller: Caller, outcome: Outcome, reason: str) -> None:
        attempts.ended(self, caller, outcome, reason)

    # what the network tells

    def phone(self, address: str, state: PhoneState) -> None:
        """The telephone at `address` (as `Agent.phone` has it) is free, in use or gone. Idempotent.

        Its agents who are ready are paused while it is not free, with the reason `phone_in_use` or `phone_gone`, and ready
        again when it is. Whoever would become ready meanwhile is paused so instead. During an attempt nothing happens.
        """
        agents.phone(self, address, state)

    def handed_over(self, call: str, *, to_phone: str, to_call: str) -> bool:
        """The agent has handed his customer (`call`) over, from his own telephone: he talks on with whoever is at `to_phone`,
        whose call is `to_call`. connected -> connected, with that agent, or with nobody of ours; the first one wraps up.

        Also when the word of it comes after the end of the first agent's call. False: no such talk (any more).
        """
        return talks.handed_over(self, call, to_phone, to_call)

    # talks

    def transfer(self, talk: str, to: str, by: str) -> Entry:
        """Send the customer of `talk` (an attempt or an entry) on to `to`: a queue, or `agent:<id>`. connected -> waiting.

        He waits as a caller on the line, under the same id, in his old place (a queue may say otherwise: `transfers: end`);
        the agent wraps up. An agent gets him as soon as he is free; once that agent is paused or offline, whoever serves the
        queue gets him. `by`: who asked, for the event. Raises NotTalking and UnknownTarget.
        """
        return talks.transfer(self, talk, to, by)

    def talks(self) -> tuple[Talk, ...]:
        """Who talks with whom now, the longest talk first."""
        return talks.talks(self)

    # what a worker asks

    def begin(self, attempt: str, leg: str) -> Begun | None:
        return attempts.begin(self, attempt, leg)

    def leg_ended(self, attempt: str, leg: str, outcome: Outcome, reason: str = "") -> None:
        attempts.leg_ended(self, attempt, leg, outcome, reason)

    def out_of_reach(self, attempt: str, leg: str, *, phone: bool = False) -> None:
        attempts.out_of_reach(self, attempt, leg, phone=phone)

    def gone(self, attempt: str) -> None:
        attempts.gone(self, attempt)

    def match(self) -> int:
        """Bring together whoever can be, and ring for a worker per pair. Returns the pairs made.

        A worker that is not reached costs the lease: the sweep gives the place back.
        """
        made = 0
        while True:
            queues, now = self.queues(), self.clock.now_ms()
            pairs = self.store.match(self.new_id(), PAIRS, queues, now)
            for pair in pairs:
                self.enqueue(Task("dial", attempt=pair.attempt, leg=pair.leg))
            for pair in pairs:
                # A wait that a schedule or a retry made longer says nothing of how the queue serves.
                self.observe("start", self.queue(pair.queue), "" if pair.due_ms else pair.entry, wait_ms=pair.waited_ms)
            made += len(pairs)
            if len(pairs) < PAIRS:
                return made

    def observe(self, kind: Kind, queue: Queue, entry: str = "", wait_ms: int = 0, **place: Any) -> None:
        """Let the estimate learn: `kind` has just happened in `queue`."""
        waiting, live, staffed = self.store.queue_counts(queue.name)
        now = self.clock.now_ms()
        self.estimator.observe(kind, queue, now, waiting, live, staffed, entry, wait_ms, **place)

    # agents

    def add_agent(
        self,
        agent_id: str,
        name: str,
        phone: str,
        queues: tuple[str, ...],
        skills: frozenset[str] = frozenset(),
        lang: str = "",
    ) -> Agent:
        """Make an agent known (offline), or change what he is and serves; his state stays. Raises ValueError."""
        return agents.add(self, agent_id, name, phone, queues, skills, lang)

    def sign_in(self, agent_id: str) -> Agent:
        """Offline -> ready; whoever is signed in stays as he is."""
        return agents.ask(self, agent_id, "sign_in")

    def sign_out(self, agent_id: str) -> Agent:
        """-> offline, after the attempt he is in; a wrap-up ends."""
        return agents.ask(self, agent_id, "offline")

    def ready(self, agent_id: str) -> Agent:
        """Offline, paused or wrapping up -> ready, missed offers forgiven; a pause asked for during a call is called off."""
        return agents.ask(self, agent_id, "ready")

    def pause(self, agent_id: str, reason: str) -> Agent:
        """-> paused, after the attempt he is in. Raises NotSignedIn when he is offline."""
        return agents.ask(self, agent_id, "paused", reason)

    def wrap_up_done(self, agent_id: str) -> Agent:
        """Wrap-up -> ready (or what he asked for meanwhile); in any other state nothing changes."""
        return agents.ask(self, agent_id, "wrap_up_done")

    def agents(self) -> tuple[Agent, ...]:
        return tuple(self.store.snapshot((), self.clock.now_ms())[1])

    # supervisors and operators

    def cancel(self, entry: str, why: str = "operator", *, asked_by: str = "") -> bool:
        """End an accepted callback, unless its customer talks already or it has ended. True: it is cancelled.

        Calls of an attempt on its way are hung up, but not the one that asks for it (`asked_by`)."""
        found = self.store.entry(entry)
        code, calls = self.store.cancel(entry, why, self.clock.now_ms())
        if code == "gone" or not found:
            return False
        for call in calls:
            if call != asked_by:
                self.enqueue(Task("hang_up", call=call))
        self.match()
        self.observe("tick", self.queue(found.queue))
        return True

    def entry(self, entry: str) -> Entry | None:
        return self.store.entry(entry)

    def attempt(self, attempt: str) -> Attempt | None:
        return self.store.attempt(attempt)

    def waiting(self, queue: str, limit: int) -> tuple[Entry, ...]:
        """Those who wait, in the order of the line."""
        return tuple(self.store.waiting(queue, limit))

    def snapshot(self) -> Snapshot:
        """The whole line at one moment: every queue of the file, and every agent."""
        now, queues = self.clock.now_ms(), self.queues()
        counts, agents = self.store.snapshot(tuple(queues), now)
        rows = (self._row(queue, row, agents, now) for queue, row in zip(queues.values(), counts, strict=True))
        return Snapshot(now, tuple(rows), tuple(agents))

    def _row(self, queue: Queue, row: QueueCounts, agents: list[Agent], now: int) -> QueueSnapshot:
        mine = [agent for agent in agents if queue.name in agent.queues]
        idle = sum(agent.state is AgentState.READY for agent in mine)
        staffed = sum(agent.state not in (AgentState.OFFLINE, AgentState.PAUSED) for agent in mine)
        waiting = row.live + row.callbacks
        wait = self.estimator.predict(queue, now, waiting, row.live, staffed, ready=idle)
        return QueueSnapshot(
            queue=queue.name,
            live_waiting=row.live,
            oldest_live_ms=row.oldest_live_ms,
            callbacks_waiting=row.callbacks,
            oldest_callback_ms=row.oldest_callback_ms,
            callbacks_late=row.late,
            callbacks_scheduled=row.scheduled,
            next_due_ms=row.next_due_ms,
            in_progress=row.in_progress,
            agents_ready=idle,
            agents_staffed=staffed,
            p50_s=wait.p50_s if wait else None,
            p80_s=wait.p80_s if wait else None,
        )
