"""The line said a second time, as plainly as can be: lists and loops, no Redis. The machine test compares the two.

Law: it shares with the line only `policy.after_attempt` (pure, with tests of its own) and the nouns' words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from callback.model import Entry, EntryState, Mode, Order, Queue
from callback.policy import Next, after_attempt
from ivr.inputs import Outcome
from ivr.ports import CallState, Found

ENDED = ("completed", "abandoned", "flowed_out", "cancelled", "failed")


@dataclass
class Caller:
    """An entry."""

    id: str
    queue: str
    skills: frozenset[str]
    score: float
    seq: int
    mode: str
    call: str
    entered: int
    state: str = "waiting"
    chosen: bool = False
    base: float = 1e13  # a place taken at t has the score base + t: band and credit are his for good
    number: str = ""  # to be rung at
    order: str = ""
    rung_by_us: bool = False  # he holds because we rang him
    wants: str = ""  # the one agent for whom he waits
    attempt: str = ""
    due: int = 0
    aside: int = 0  # passed over until then, or until he leaves the line
    heard: int = 0
    tries: dict[str, int] = field(default_factory=dict)


@dataclass
class Worker:
    """An agent."""

    id: str
    queues: tuple[str, ...]
    skills: frozenset[str]
    since: int
    state: str = "offline"
    attempt: str = ""
    misses: int = 0
    after: str = ""
    rest: int = 0
    wrap_until: int = 0
    phone: str = "free"
    reason: str = ""  # only what his telephone is the reason for
    turn: int = 0  # idle since, kept while his telephone is not free

    @property
    def is_there(self) -> bool:
        return self.state != "offline" and (self.state != "paused" or self.reason == "phone_in_use")


@dataclass
class Try:
    """An attempt."""

    id: str
    caller: Caller
    worker: Worker | None  # None: handed over to somebody else
    order: Order
    leg: str
    deadline: int
    idle: int
    begun: str = ""
    placed: set[str] = field(default_factory=set)
    accepted: dict[str, str] = field(default_factory=dict)
    over: bool = False
    told_by: str = ""  # the side that told of the end of a talk
    agent_call: str = ""  # of the one to whom it was handed over

    @property
    def talks_on(self) -> str:
        """The call of the customer's other side."""
        return self.agent_call or f"{self.id}-a"


class Model:
    def __init__(self, rules: dict[str, Queue], now: Callable[[], int], find: Callable[[str], Found]) -> None:
        self.rules, self._now, self.find = rules, now, find
        self.callers: dict[str, Caller] = {}
        self.workers: dict[str, Worker] = {}
        self.tries: dict[str, Try] = {}
        self.new: list[Try] = []  # matched, and not yet named by the line
        self.winners: list[tuple[str, str]] = []
        self.hung_up: set[str] = set()  # calls that phoned in and have ended

    @property
    def now(self) -> int:
        return self._now()

    # the line's order

    def waiting(self) -> list[Caller]:
        found = [c for c in self.callers.values() if c.state == "waiting"]
        return sorted(found, key=lambda c: (c.score, c.seq))

    def match(self) -> None:
        ready = [w for w in self.workers.values() if w.state == "ready" and w.rest <= self.now]
        for w in sorted(ready, key=lambda w: (w.since, w.id)):
            for c in [c for c in self.waiting() if c.aside <= self.now]:
                if c.wants == w.id or (not c.wants and c.queue in w.queues and c.skills <= w.skills):
                    self._pair(w, c)
                    break

    def _pair(self, w: Worker, c: Caller) -> None:
        order = Order.LIVE if c.mode == "live" else Order(c.order or "agent_first")
        name = f"unnamed {len(self.tries)}"
        t = Try(name, c, w, order, order.legs[0], self.now + self.rules[c.queue].reserve_ms, w.since)
        w.state = c.state = "reserved"
        w.attempt = c.attempt = name
        self.tries[name] = t
        self.new.append(t)

    def name(self, names: list[str]) -> None:
        """The line's names for the pairs made since: as many, in the same order."""
        assert len(names) == len(self.new), (names, self.new)
        for t, name in zip(self.new, names, strict=True):
            self.tries[name] = self.tries.pop(t.id)
            for one in (t.caller, t.worker):
                one.attempt = name if one.attempt == t.id else one.attempt
            t.id = name
        self.new = []

    # moves

    def back(self, c: Caller, state: str = "waiting") -> None:
        c.state, c.attempt, c.aside = state, "", 0
        if state == "waiting" and c.wants and not self.workers[c.wants].is_there:
            c.wants = ""

    def to(self, w: Worker, state: str, since: int = 0) -> None:
        """An agent is in `state` now; `since`: idle since, for one who is ready. His telephone has a say in that."""
        if state == "ready" and w.phone != "free":
            w.state, w.reason, w.turn = "paused", f"phone_{w.phone}", since
        else:
            w.state, w.reason, w.since = state, "", since if state == "ready" else self.now
        if not w.is_there:
            for c in self.callers.values():
                if c.wants == w.id and c.state == "waiting":
                    c.wants, c.aside = "", 0

    def free(self, w: Worker, idle: int) -> None:
        after, w.after, w.attempt = w.after, "", ""
        self.to(w, after or "ready", idle)

    def end(self, t: Try, idle: int | None = None) -> None:
        t.over = True
        if t.worker:
            self.free(t.worker, t.idle if idle is None else idle)

    def wrap_up(self, w: Worker, queue: str) -> None:
        w.wrap_until = self.now + self.rules[queue].wrap_up_ms
        self.to(w, "wrap_up")

    def running(self, attempt: str) -> Try | None:
        t = self.tries.get(attempt)
        return t if t and not t.over else None

    # asks

    def ask_agent(self, w: Worker, act: str) -> None:
        if act == "sign_in":
            w.after = "" if w.after == "offline" else w.after
            act = "ready" if w.state == "offline" else ""
        if act == "wrap_up_done":
            if w.state == "wrap_up":
                self.free(w, self.now)
            return
        if not act or (act == "paused" and w.state == "offline"):
            return
        if w.state in ("reserved", "on_call"):
            w.after = "" if act == "ready" else act
        elif w.state != act or act == "paused":
            w.after, w.attempt = "", ""
            if act == "ready":
                w.misses = w.rest = 0
            self.to(w, act, self.now)

    def phone(self, w: Worker, state: str) -> None:
        if w.phone == state:
            return
        w.phone, was = state, w.state
        if was == "ready":
            self.to(w, "ready", w.since)
        elif was == "paused" and w.reason:
            self.to(w, "ready", w.turn)
        if w.state != was:
            self.match()

    def begin(self, attempt: str, leg: str) -> bool:
        t = self.running(attempt)
        if not t or t.leg != leg or t.begun == leg:
            return False
        queue = self.rules[t.caller.queue]
        ring = queue.ring_agent_ms if leg == "agent" else queue.ring_customer_ms
        t.begun, t.caller.state = leg, "dialing"
        t.placed.add(leg)
        t.deadline = self.now + ring + queue.accept_ms + 10_000
        return True

    def accept(self, attempt: str, leg: str) -> str:
        t = self.running(attempt)
        if not t:
            return "gone"
        if leg in t.accepted:
            return t.accepted[leg]
        if t.caller.state != "dialing" or t.leg != leg or t.begun != leg:
            return "gone"
        assert t.worker, "nobody is handed over before he talks"
        if leg == "agent":
            t.worker.misses = 0
        if leg == t.order.legs[-1]:
            t.accepted[leg] = "room"
            t.worker.misses = 0
            t.caller.state, t.worker.state, t.deadline = "connected", "on_call", self.now + 120_000
            if t.caller.mode == "callback":
                t.caller.call = f"{attempt}-c"
            return "room"
        t.leg = t.order.legs[1]
        t.deadline = self.now + self.rules[t.caller.queue].reserve_ms
        t.accepted[leg] = "room" if leg == "agent" else "wait"
        if leg == "customer":
            t.caller.mode, t.caller.call, t.caller.rung_by_us = "live", f"{attempt}-c", True
            t.caller.heard = self.now + 60_000
        return t.accepted[leg]

    def policy(self, c: Caller, outcome: Outcome) -> Next:
        entry = Entry(c.id, c.queue, Mode(c.mode), EntryState.DIALING, c.score, "", c.entered, tries=c.tries)
        return after_attempt(self.rules[c.queue], entry, outcome, self.now)

    def _then(self, c: Caller, then: Next, outcome: Outcome) -> None:
        c.tries = {**c.tries, outcome.value: c.tries.get(outcome.value, 0) + 1}
        c.due = then.due_ms
        if not then.keep_place and then.state != "failed":
            c.score = c.base + then.due_ms
        self.back(c, then.state.value)

    def leg_ended(self, attempt: str, leg: str, outcome: Outcome, dialled: bool = True) -> None:
        outcome = Outcome.REFUSED if outcome is Outcome.ANSWERED else outcome
        t = self.running(attempt)
        if not t or t.caller.state == "connected" or (t.begun != leg and leg not in t.accepted):
            return
        if leg == "customer" and leg in t.accepted:
            return
        if leg == "customer":
            if dialled:
                self._then(t.caller, self.policy(t.caller, outcome), outcome)
            else:
                self.back(t.caller)
            self.end(t)
        else:
            self.back(t.caller)
            missed = outcome in (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.FAILED)
            w = t.worker
            assert w, "nor is he rung then"
            w.misses += missed
            w.rest = self.now + 5_000 if outcome in (Outcome.FAILED, Outcome.BUSY, Outcome.REFUSED) else 0
            pause = missed and w.misses >= self.rules[t.caller.queue].max_misses and w.after != "offline"
            w.after = "paused" if pause else w.after
            self.end(t, t.idle if outcome is Outcome.CANCELED else self.now)
        self.match()

    def out_of_reach(self, attempt: str, leg: str) -> None:
        t = self.running(attempt)
        if not t or t.caller.state not in ("reserved", "dialing") or t.begun != leg:
            return
        if leg == "customer" and leg in t.accepted:
            return
        self.back(t.caller)
        if leg == "agent" and t.caller.mode == "callback":
            assert t.worker
            t.worker.rest = self.now + 5_000
        else:
            t.caller.aside = self.now + 5_000
        self.end(t)
        self.match()

    def caller_gone(self, c: Caller, never_met: bool = False) -> None:
        t = self.running(c.attempt)
        if c.state == "connected" and t and (not never_met or t.agent_call):
            self.complete(c, "customer")
            return
        if t:
            self.end(t)
        if not c.chosen:
            self.back(c, "abandoned")
        else:
            c.mode, c.call = "callback", ""
            if c.rung_by_us:
                self._then(c, self.policy(c, Outcome.REFUSED), Outcome.REFUSED)
            else:
                self.back(c)
            c.rung_by_us = False
        self.match()

    def complete(self, c: Caller, leg: str) -> None:
        self.talked(c, leg)
        self.match()

    def talked(self, c: Caller, leg: str) -> None:
        t = self.tries[c.attempt]
        t.over, t.told_by, c.state = True, leg, "completed"
        if t.worker:
            self.wrap_up(t.worker, c.queue)

    def goes_on(self, c: Caller, late: bool = True) -> Try | None:
        """The talk of `c`, if it may go on with somebody else: also when (`late`) the agent's call has ended before."""
        t = self.tries.get(c.attempt)
        if not t or (c.state == "connected") is t.over:
            return None
        if c.state == "connected":
            return t
        ended = c.state == "completed" and t.told_by == "agent" and c.call not in self.hung_up
        return t if late and ended else None

    def plain(self, c: Caller) -> None:
        c.mode, c.chosen, c.rung_by_us, c.order, c.tries = "live", False, False, "", {}

    def transfer(self, c: Caller, to: str, late: bool = False) -> bool:
        """`to`: a queue, agent:id, or empty (nobody: his own queue again)."""
        t = self.goes_on(c, late)
        if not t:
            return False
        queue, wants = ("", to.removeprefix("agent:")) if to.startswith("agent:") else (to, "")
        was, queue = c.queue, queue or c.queue
        worker = t.worker if c.state == "connected" else None
        t.over, t.told_by = True, ""
        self.plain(c)
        c.skills = c.skills if queue == was else frozenset()
        c.queue, c.entered, c.heard = queue, self.now, self.now + 60_000
        c.wants = wants
        self.back(c)
        if worker:
            self.wrap_up(worker, was)
        self.match()
        return True

    def hand_over(self, c: Caller, name: str, call: str) -> bool:
        t = self.goes_on(c)
        if not t:
            return False
        if c.state == "connected":
            a = t.worker
        else:
            a, c.state = None, "connected"
            self.plain(c)
        b = self.workers.get(name)
        if b and b is not a and b.state not in ("ready", "paused", "wrap_up"):
            b = None
        t.worker, t.agent_call, t.over, t.deadline, t.idle = b, call, False, self.now + 120_000, self.now
        if a and a is b:
            self.match()
            return True
        if a:
            self.wrap_up(a, c.queue)
        if b:
            b.after = "paused" if b.state == "paused" and not b.reason else b.after
            b.attempt, b.misses = t.id, 0
            self.to(b, "on_call")
        self.match()
        return True

    def empty_room(self, t: Try, leg: str) -> None:
        c = t.caller
        if t.agent_call:  # handed over: it has been a talk
            self.complete(c, leg)
            return
        if c.mode == "live":
            c.heard = self.now + 60_000
        else:
            c.call = ""
        self.back(c)
        self.end(t, t.idle if leg == "agent" else self.now)
        self.match()

    # what is overdue

    def sweep(self) -> None:
        for t in [t for t in self.tries.values() if not t.over and t.caller.state == "reserved"]:
            if t.deadline <= self.now:
                self.back(t.caller)
                self.end(t)
        for c in self.callers.values():
            if c.state == "scheduled" and c.due <= self.now:
                self.back(c)
        for w in self.workers.values():
            if w.state == "wrap_up" and w.wrap_until <= self.now:
                self.free(w, self.now)
        live = [t for t in self.tries.values() if not t.over and t.deadline <= self.now]  # legs that ring, and talks
        live.sort(key=lambda t: (t.deadline, t.caller.id))
        silent = [
            c for c in self.callers.values() if c.state in ("waiting", "reserved", "dialing") and c.mode == "live"
        ]
        silent = sorted((c for c in silent if c.heard <= self.now), key=lambda c: (c.heard, c.id))
        holds = [(c, c.call) for c in silent]
        for t in [t for t in live if t.caller.state == "dialing"]:
            self._look_for_legs(t)
        for t in [t for t in live if t.caller.state == "connected"]:
            self._look_for_talk(t)
        for c, call in holds:
            if c.mode != "live" or c.call != call or c.state in ENDED:
                continue
            if self.find(call).state in (CallState.UP, CallState.RINGING):
                c.heard = self.now + 60_000
            elif c.state != "connected":
                self.caller_gone(c)
        self.match()

    def _look_for_legs(self, t: Try) -> None:
        if t.over:
            return
        for leg in [leg for leg in t.order.legs if leg in t.placed]:
            if leg == "customer" and t.caller.mode == "live":
                continue
            found = self.find(f"{t.id}-{leg[0]}")
            if found.state is CallState.UNKNOWN:
                return self.leg_ended(t.id, leg, Outcome.CANCELED, dialled=False)
            if found.state is CallState.ENDED:
                return self.leg_ended(t.id, leg, found.outcome or Outcome.FAILED)
        t.deadline = self.now + 10_000

    def _look_for_talk(self, t: Try) -> None:
        if t.over:
            return
        sides = {"agent": t.talks_on, "customer": t.caller.call}
        gone = [leg for leg, call in sides.items() if self.find(call).state is not CallState.UP]
        if gone:
            self.talked(t.caller, gone[0])
        else:
            t.deadline = self.now + 120_000
