"""A line on a real Redis with a hand-moved clock, for the tests: who calls, who answers, what the network knows.

Law: `audit` trusts no index: it reads every key and derives from the entries and agents alone what must be there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import redis as redis_py

from callback.estimate import Estimator
from callback.jobs import Task
from callback.keys import Keys
from callback.model import AgentState, Callbacks, Entry, EntryState, Mode, Order, Queue
from callback.policy import ALWAYS_OPEN, NumberRules, Opening
from callback.service import Line
from callback.states import ENTRY
from callback.store import REST_MS, Store
from ivr.asks import Accept, BookCallback, JoinLine, TakePlace
from ivr.clock import ManualClock
from ivr.events import Event, EventType
from ivr.inputs import Answer, Outcome
from ivr.ports import Caller, CallState, Found, Listening, Node, Outgoing, Unsure

NUMBERS = [f"+55119{80000000 + n * 1_000_003:08d}" for n in range(20)]


class Network:
    """What a provider knows of its calls: the ground truth that reconciling asks for."""

    name = "network"

    def __init__(self) -> None:
        self.calls: dict[str, Found] = {}
        self.silent = False

    def originate(self, outgoing: Outgoing) -> None:
        self.calls[outgoing.call] = Found(CallState.RINGING)

    def redirect(self, call: str, attempt: str) -> None: ...

    def listen(self, phone: str, call: str, mode: Listening) -> None: ...

    def record(self, call: str, on: bool) -> None: ...

    def nodes(self) -> tuple[Node, ...]:
        return ()

    def hangup(self, call: str) -> None:
        self.calls[call] = Found(CallState.ENDED, Outcome.ANSWERED)

    def find(self, call: str) -> Found:
        if self.silent:
            raise Unsure("no answer")
        return self.calls.get(call, Found(CallState.UNKNOWN))


@dataclass
class World:
    """A line, its clock, and the tasks that nobody has carried out yet."""

    redis: redis_py.Redis
    rules: dict[str, Queue]
    texts: Mapping[str, str] | None = None
    clock: ManualClock = field(default_factory=ManualClock)
    network: Network = field(default_factory=Network)
    tasks: list[Task] = field(default_factory=list)
    openings: dict[str, Opening] = field(default_factory=dict)
    ids: int = 0

    def __post_init__(self) -> None:
        store = Store(self.redis, "test", b"secret", self.texts)
        self.line = Line(
            store=store,
            queues=lambda: self.rules,
            clock=self.clock,
            new_id=self._new_id,
            enqueue=self.tasks.append,
            opening=lambda queue, now_ms: self.openings.get(queue.name, ALWAYS_OPEN),
            numbers=NumberRules(),
            estimator=Estimator(self.redis, "test"),
        )

    def _new_id(self) -> str:
        self.ids += 1
        return f"i{self.ids:06d}"

    # doing

    def agent(self, name: str, queues: str = "q", skills: str = "") -> str:
        """A new agent, ready; skills and queues as words."""
        self.line.add_agent(name, name.title(), f"sim:{name}", tuple(queues.split()), frozenset(skills.split()))
        self.line.sign_in(name)
        return name

    def join(self, call: str, queue: str = "q", priority: int = 0, skills: str = "") -> str:
        """A caller joins; returns his entry."""
        self.network.calls[call] = Found(CallState.UP)
        answer = self.ask_join(call, queue, priority, skills)
        assert answer.outcome == "joined", answer
        return str(answer.values["entry"])

    def ask_join(self, call: str, queue: str = "q", priority: int = 0, skills: str = "") -> Answer:
        ask = JoinLine(queue, NUMBERS[0], "pt-BR", priority, tuple(skills.split()), needs_agents=True)
        return self.line.answer(ask, Caller(call))

    def book(
        self, entry: str, number: str, queue: str = "q", call: str = "", due_ms: int = 0, mode: str = ""
    ) -> Answer:
        ask = BookCallback(queue, entry, number, "pt-BR", 0, (), due_ms=due_ms, mode=mode)
        return self.line.answer(ask, Caller(call, entry=entry))

    def take(self, entry: str, call: str) -> Answer:
        self.network.calls[call] = Found(CallState.UP)
        return self.line.answer(TakePlace(entry), Caller(call))

    def hang_up(self, call: str, entry: str = "") -> None:
        self.network.calls[call] = Found(CallState.ENDED, Outcome.ANSWERED)
        self.line.ended(Caller(call, entry=entry, room=self.room(entry)), Outcome.ANSWERED, "")

    def room(self, entry: str) -> str:
        """The room in which the customer of `entry` talks, as his session would know it."""
        found = self.line.entry(entry) if entry else None
        return found.attempt if found and found.state is EntryState.CONNECTED else ""

    def dial(self, attempt: str, leg: str) -> bool:
        """Carry out a dial task: did we win, and ring?"""
        begun = self.line.begin(attempt, leg)
        if begun:
            self.network.originate(Outgoing(begun.call, begun.to, begun.caller_id, begun.ring_ms))
        return begun is not None

    def accept(self, attempt: str, leg: str) -> str:
        call = self.leg_call(attempt, leg)
        self.network.calls[call] = Found(CallState.UP)
        answer = self.line.answer(Accept(attempt, leg), Caller(call, attempt=attempt, leg=leg)).outcome
        self.enter(attempt)
        return answer

    def enter(self, attempt: str) -> None:
        """The customer of a connected attempt is sent into its room."""
        tried = self.line.attempt(attempt)
        if tried and self.room(tried.entry) == attempt:
            self.line.entered(Caller(self.entry(tried.entry).call, attempt=attempt, room=attempt))

    def leg_call(self, attempt: str, leg: str) -> str:
        found = self.line.attempt(attempt)
        assert found
        return found.agent_call if leg == "agent" else found.customer_call

    def rested(self) -> None:
        """The agent whose phone was busy, or who said no, may be offered a call again."""
        self.clock.advance(REST_MS)
        self.line.match()

    def end_leg(self, attempt: str, leg: str, outcome: Outcome = Outcome.ANSWERED, reason: str = "") -> None:
        call = self.leg_call(attempt, leg)
        self.network.calls[call] = Found(CallState.ENDED, outcome)
        tried = self.line.attempt(attempt)
        room = self.room(tried.entry) if tried else ""
        self.line.ended(Caller(call, attempt=attempt, leg=leg, room=room), outcome, reason)

    def rung(self) -> list[Task]:
        """The dial tasks that wait to be carried out; they are taken."""
        found = [task for task in self.tasks if task.verb == "dial"]
        self.tasks[:] = [task for task in self.tasks if task.verb != "dial"]
        return found

    def ring_agent(self) -> str:
        """Carry out the one dial task there is; returns its attempt."""
        (task,) = self.rung()
        assert self.dial(task.attempt, task.leg)
        return task.attempt

    def talk(self) -> str:
        """The one live caller matched and the agent meet; returns the attempt."""
        attempt = self.ring_agent()
        assert self.accept(attempt, "agent") == "room"
        return attempt

    # looking

    def entry(self, name: str) -> Entry:
        found = self.line.entry(name)
        assert found
        return found

    def state(self, name: str) -> EntryState:
        return self.entry(name).state

    def agent_state(self, name: str) -> AgentState:
        found = self.line.store.agent(name)
        assert found
        return found.state

    def order(self, queue: str = "q") -> list[str]:
        return [entry.id for entry in self.line.waiting(queue, 10_000)]

    def events(self, *kinds: str) -> list[Event]:
        """All that has happened, or what is of these kinds. Raises ValueError for a kind that there is not."""
        wanted = set(map(EventType, kinds))
        return [event for _, event in self.line.store.events() if not wanted or event.type in wanted]

    def last(self, kind: str) -> Event:
        return self.events(kind)[-1]

    def count(self, kind: str) -> int:
        return len(self.events(kind))


def rules(**changes: object) -> dict[str, Queue]:
    """Queues q and r, agent-first."""
    return {name: Queue(name, **changes) for name in ("q", "r")}  # type: ignore[arg-type]


def ordered(order: Order) -> dict[str, Queue]:
    return rules(callbacks=Callbacks(order=order))


def audit(world: World) -> None:
    """Every entry and agent in exactly the index of its state, every derived index exactly what follows, no lease without
    its attempt, nobody in two attempts."""
    keys = Keys("test")
    expected: dict[str, set[str]] = defaultdict(set)
    scores: dict[tuple[str, str], float] = {}
    found = _rows(world.redis, keys)
    pairs: list[tuple[str, str, str]] = []
    for name, row in found["entry"].items():
        entry = world.entry(name)
        state, queue = entry.state, entry.queue
        if state is EntryState.WAITING:
            lane = f"{queue}|{row['skills']}"
            expected[keys.of("waiting", lane)].add(entry.member)
            scores[keys.of("waiting", lane), entry.member] = entry.score
            expected[keys.of("lanes", queue)].add(lane)
            expected[keys.of("queues")].add(queue)
            if row["skills"].startswith("agent:"):
                expected[keys.of("personal")].add(lane)
                wanted = world.line.store.agent(row["skills"].removeprefix("agent:"))
                assert wanted
                assert wanted.state is not AgentState.OFFLINE, "nobody waits for one who is not there"
                assert wanted.state is not AgentState.PAUSED or wanted.reason == "phone_in_use"
            expected[keys.of("callers" if entry.mode is Mode.LIVE else "callbacks", queue)].add(entry.member)
            assert not entry.attempt, entry
        elif not ENTRY[state].ended:
            expected[keys.of("entries", state)].add(name)
        if state in (EntryState.WAITING, EntryState.SCHEDULED) and entry.chosen_ms and entry.promised_ms:
            expected[keys.of("promises", queue)].add(name)
        if state in (EntryState.WAITING, EntryState.RESERVED, EntryState.DIALING) and entry.mode is Mode.LIVE:
            expected[keys.of("live")].add(name)
        if entry.chosen_ms and not ENTRY[state].ended:
            expected[keys.of("expiries")].add(name)
            expected[keys.of("phones", queue)].add(row["who"])
        if state in (EntryState.RESERVED, EntryState.DIALING, EntryState.CONNECTED):
            attempt = world.line.attempt(entry.attempt)
            assert attempt
            assert (attempt.entry, attempt.agent, attempt.over) == (name, entry.agent, ""), (entry, attempt)
            if entry.agent:
                pairs.append((entry.agent, name, entry.attempt))
    for name, row in found["agent"].items():
        agent = world.line.store.agent(name)
        assert agent
        expected[keys.of("agents", agent.state)].add(name)
        expected[keys.of("everyone")].add(name)
        for queue in agent.queues:
            if agent.state is not AgentState.OFFLINE:
                expected[keys.of("crew", queue)].add(name)
            if agent.state not in (AgentState.OFFLINE, AgentState.PAUSED):
                expected[keys.of("staffed", queue)].add(name)
        if agent.state in (AgentState.RESERVED, AgentState.ON_CALL):
            assert (name, agent.entry, agent.attempt) in pairs, (agent, row)
            pairs.remove((name, agent.entry, agent.attempt))
        phone = world.redis.hget(keys.of("telephones"), agent.phone) or "free"
        assert agent.state is not AgentState.READY or phone == "free", "nobody is ready whose phone is not free"
        assert phone != "free" or not agent.reason.startswith("phone_"), "nor paused for one that is"
    assert not pairs, f"entries whose agent does not know of them: {pairs}"
    aside = found["index"].pop(keys.of("aside"), set())
    assert aside <= {member for key, member in scores}, "only who waits is passed over"
    actual = {key: members for key, members in found["index"].items() if members}
    assert actual == dict(expected)
    for (key, member), score in scores.items():
        assert world.redis.zscore(key, member) == score


def _rows(redis: redis_py.Redis, keys: Keys) -> dict[str, dict]:
    found: dict[str, dict] = {"entry": {}, "agent": {}, "attempt": {}, "index": {}}
    for key in redis.scan_iter(keys.prefix + "*", count=1000):
        name, _, part = key.removeprefix(keys.prefix).partition(":")
        if name in found:
            found[name][part] = redis.hgetall(key)
        elif name == "phones":
            found["index"][key] = set(redis.hkeys(key))
        elif name not in ("events", "seq", "call", "estimate", "said", "telephones"):
            kind = redis.type(key)
            found["index"][key] = set(redis.smembers(key) if kind == "set" else redis.zrange(key, 0, -1))
    return found
