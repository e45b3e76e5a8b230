"""The line against a second telling of it (`line_model`), over random days: the same states, the same order, at every step.

It must also find faults: each planted one changes a few words of Lua, and the same machine has to fall over it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
import redis as redis_py
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from line_model import ENDED, Caller, Model, Worker
from line_world import World, audit, rules
from redis.exceptions import ResponseError

from callback import dispatch
from callback.model import Callbacks, PhoneState, Place, Retry
from callback.scripts import script_texts
from callback.talks import NotTalking, UnknownTarget
from ivr.asks import LeaveLine
from ivr.inputs import Outcome
from ivr.ports import Caller as Call
from ivr.ports import CallState, Found

CREW = {"ana": ("q", ""), "bia": ("q r", ""), "caio": ("r q", "es")}
LANES = ("", "es", *(f"agent:{name}" for name in CREW))
AWAY = st.sampled_from(["", "", "pause", "sign_out"])
TARGETS = ("q", "r", "nobody", *(f"agent:{name}" for name in CREW))
RULES = rules(
    callbacks=Callbacks(
        retries={
            Outcome.BUSY: Retry(3, 60_000),
            Outcome.NO_ANSWER: Retry(2, 30_000, Place.KEEP),
            Outcome.REFUSED: Retry(2, 20_000),
            Outcome.FAILED: Retry(9, 0, Place.KEEP),
        }
    ),
    wrap_up_ms=15_000,
)
OUTCOMES = st.sampled_from([o for o in Outcome if o not in (Outcome.CANCELED, Outcome.MACHINE)])
PICK = st.integers(0, 10_000)
STEPS: Counter[str] = Counter()


class LineMachine(RuleBasedStateMachine):
    redis: redis_py.Redis
    texts: Mapping[str, str] | None = None

    def __init__(self) -> None:
        super().__init__()
        self.redis.flushall()
        self.world = World(self.redis, RULES, self.texts)
        self.model = Model(RULES, self.world.clock.now_ms, self.world.network.find)
        self.made = self.checked = 0
        self.rung: list[tuple[str, str]] = []  # every dial task ever given
        self.talks: dict[str, tuple[Caller, str]] = {}
        self.won: Counter[tuple[str, str]] = Counter()

    @initialize(first=st.tuples(*[st.sampled_from(["ready", "pause", "sign_out"])] * len(CREW)))
    def crew(self, first: tuple[str, ...]) -> None:
        """Some are ready, some paused (callers may join and wait), some not there."""
        for name, (queues, skills) in CREW.items():
            self.world.line.add_agent(name, name, f"sim:{name}", tuple(queues.split()), frozenset(skills.split()))
            now = self.world.clock.now_ms()
            self.model.workers[name] = Worker(name, tuple(queues.split()), frozenset(skills.split()), now)
        for name, act in zip(CREW, first, strict=True):
            if act == "pause":
                self.agent_asks(name, "sign_in")
            self.agent_asks(name, act)

    # help

    def new_call(self) -> tuple[str, str]:
        self.made += 1
        call = f"c{self.made}"
        self.world.network.calls[call] = Found(CallState.UP)
        return call, f"+5511{980_000_000 + self.made}"

    def pick(self, n: int, *wanted: str) -> Caller | None:
        """One of the entries; mostly one of those that can still do something."""
        found = [c for c in self.model.callers.values() if not wanted or c.mode in wanted]
        alive = [c for c in found if c.state not in ENDED]
        found = alive if alive and n % 8 else found
        return found[n % len(found)] if found else None

    def check(self) -> None:
        """Both say the same of everybody; a new match has its name."""
        STEPS["steps"] += 1
        fresh = [t for t in self.world.tasks if t.verb == "dial"]
        known = {*self.model.tries}
        self.model.name([t.attempt for t in fresh if t.attempt not in known])
        self.rung += [(t.attempt, t.leg) for t in fresh]
        self.world.tasks.clear()
        model, keys = self.model, self.world.line.store.keys
        with self.redis.pipeline() as pipe:
            for c in model.callers.values():
                pipe.hmget(keys.of("entry", c.id), "state", "mode", "score", "attempt", "call")
            for w in model.workers.values():
                pipe.hmget(keys.of("agent", w.id), "state", "since_ms", "misses", "after", "attempt", "reason")
            for queue in RULES:
                for lane in LANES:
                    pipe.zrange(keys.of("waiting", f"{queue}|{lane}"), 0, -1, withscores=True)
            found = pipe.execute()
        rows, lanes_of = found[: -len(RULES) * len(LANES)], found[-len(RULES) * len(LANES) :]
        mine = [_caller(c.state, c.mode, f"{c.score:.0f}", c.attempt, c.call) for c in model.callers.values()]
        mine += [
            _worker(w.state, str(w.since), str(w.misses), w.after, w.attempt, w.reason) for w in model.workers.values()
        ]
        seen = [_caller(*row) for row in rows[: len(model.callers)]] + [
            _worker(*row) for row in rows[len(model.callers) :]
        ]
        assert mine == seen
        for n, queue in enumerate(RULES):
            lanes = [one for lane in lanes_of[n * len(LANES) : (n + 1) * len(LANES)] for one in lane]
            line = [member.split(":", 1)[1] for member, score in sorted(lanes, key=lambda one: (one[1], one[0]))]
            assert line == [c.id for c in model.waiting() if c.queue == queue]
        self.checked += 1
        if self.checked % 10 == 0:  # of this day: when it fails, the same day must fail again at the same step
            audit(self.world)

    # callers

    @rule(queue=st.sampled_from("qr"), priority=st.sampled_from([0, 0, 0, 1, 9, 10]), es=st.booleans())
    def join(self, queue: str, priority: int, es: bool) -> None:
        call, _ = self.new_call()
        skills = frozenset(["es"] if es else [])
        answer = self.world.ask_join(call, queue, priority, " ".join(skills))
        able = [
            w for w in self.model.workers.values() if w.state != "offline" and queue in w.queues and skills <= w.skills
        ]
        if not able:
            assert answer.outcome == "no_agents"
            return
        now = self.world.clock.now_ms()
        entry = str(answer.values["entry"])
        base = 0.0 if priority == 10 else 1e13 - 30_000 * priority
        c = Caller(entry, queue, skills, base + now, self.made, "live", call, now, heard=now + 60_000, base=base)
        self.model.callers[entry] = c
        self.model.match()
        self.check()

    @rule(queue=st.sampled_from("qr"), mode=st.sampled_from(["", "customer_first"]), later=st.booleans())
    def book(self, queue: str, mode: str, later: bool) -> None:
        call, number = self.new_call()
        now = self.world.clock.now_ms()
        due = now + 60_000 if later else 0
        entry = str(self.world.book("", number, queue, call, due, mode).values["entry"])
        c = Caller(
            entry, queue, frozenset(), 1e13 + (due or now), self.made, "callback", "", now, chosen=True, order=mode
        )
        c.state, c.due = ("scheduled", due) if later else ("waiting", 0)
        c.number = number
        self.model.callers[entry] = c
        self.model.match()
        self.check()

    @precondition(lambda self: self.pick(1, "callback"))
    @rule(n=PICK)
    def book_again(self, n: int) -> None:
        """Another call asks for a callback to a number that has one, or had."""
        c = self.pick(n, "callback")
        if c and c.state not in ENDED:
            call, _ = self.new_call()
            answer = self.world.book("", c.number, c.queue, call)
            assert (answer.outcome, answer.values["entry"]) == ("duplicate", c.id)

    @precondition(lambda self: self.pick(1, "live"))
    @rule(n=PICK, mode=st.sampled_from(["", "customer_first"]))
    def choose(self, n: int, mode: str) -> None:
        plain = [c for c in self.model.callers.values() if c.mode == "live" and not c.chosen and c.state not in ENDED]
        waiting = [c for c in plain if c.state == "waiting"]
        plain = waiting if waiting and n % 4 else plain
        if not plain:
            return
        c = plain[n % len(plain)]
        _, number = self.new_call()
        outcome = self.world.book(c.id, number, c.queue, c.call, 0, mode).outcome
        assert outcome == ("booked" if c.state == "waiting" else "taken")
        if outcome == "booked":
            c.mode, c.call, c.chosen, c.order, c.number, c.aside = "callback", "", True, mode, number, 0
            self.model.match()
        self.check()

    @precondition(lambda self: self.pick(1, "callback"))
    @rule(n=PICK)
    def take(self, n: int) -> None:
        c = self.pick(n, "callback")
        if not c:
            return
        call, _ = self.new_call()
        outcome = self.world.take(c.id, call).outcome
        assert outcome == ("joined" if c.state in ("waiting", "scheduled") else "gone")
        if outcome == "joined":
            now = self.world.clock.now_ms()
            if c.state == "scheduled":
                c.score = min(c.score, c.base + now)
            c.mode, c.call, c.state, c.heard, c.rung_by_us, c.aside = "live", call, "waiting", now + 60_000, False, 0
            self.model.match()
        self.check()

    @precondition(lambda self: self.pick(1, "live"))
    @rule(n=PICK)
    def leave(self, n: int) -> None:
        c = self.pick(n, "live")
        if not c:
            return
        outcome = self.world.line.answer(LeaveLine(c.id, "exit"), Call(c.call)).outcome
        assert outcome == ("left" if c.state in ("waiting", *ENDED) else "taken")
        if c.state == "waiting":
            if c.chosen:
                c.mode, c.call, c.rung_by_us, c.aside = "callback", "", False, 0
            else:
                c.state = "flowed_out"
            self.model.match()
        self.world.line.match()
        self.check()

    @precondition(lambda self: self.pick(1, "live"))
    @rule(n=PICK, told=st.integers(0, 3), met=st.booleans())
    def hang_up(self, n: int, told: int, met: bool) -> None:
        c = self.pick(n, "live")
        if not c or c.call.endswith("-c"):
            return
        call = c.call
        self.world.network.calls[call] = Found(CallState.ENDED, Outcome.ANSWERED)
        for _ in range(told):
            room = c.attempt if met else ""  # whose session is in a room has that room's attempt, too
            self.world.line.ended(Call(call, entry=c.id, attempt=room, room=room), Outcome.ANSWERED, "")
        if told:
            self.model.hung_up.add(call)
        if told and c.state not in ENDED:
            self.model.caller_gone(c, never_met=not met)
        self.check()

    @precondition(lambda self: self.pick(1, "live"))
    @rule(n=PICK)
    def held(self, n: int) -> None:
        c = self.pick(n, "live")
        if not c:
            return
        now = self.world.clock.now_ms()
        self.world.line.held(Call(c.call, entry=c.id), now + 30_000)
        c.heard = now + 40_000
        self.check()

    @rule(n=PICK)
    def cancel(self, n: int) -> None:
        c = self.pick(n)
        if not c:
            return
        could = c.chosen and c.state not in (*ENDED, "connected")
        assert self.world.line.cancel(c.id) == could
        if could:
            t = self.model.running(c.attempt)
            self.model.back(c, "cancelled")
            if t:
                self.model.end(t)
            self.model.match()
        self.check()

    # talks that go on

    def talking(self, n: int) -> Caller | None:
        """Somebody who talks, or mostly so; else one whose talk is over."""
        talked = [c for c in self.model.callers.values() if c.state in ("connected", "completed")]
        now = [c for c in talked if c.state == "connected"]
        found = now if now and n % 4 else talked
        return found[n % len(found)] if found else None

    @precondition(lambda self: self.talking(0))
    @rule(n=PICK, to=st.sampled_from(TARGETS), then=AWAY)
    def send_on(self, n: int, to: str, then: str) -> None:
        c = self.talking(n)
        assert c
        self.sent_on(c, to, then)

    def sent_on(self, c: Caller, to: str, then: str) -> None:
        """A supervisor sends him on. The agent whom he is to wait for may go away at once."""
        agent = self.model.workers.get(to.removeprefix("agent:"))
        talks_now = self.model.goes_on(c, late=False)
        if not talks_now or to == "nobody" or (agent and not agent.is_there):
            with pytest.raises(UnknownTarget if talks_now else NotTalking):
                self.world.line.transfer(c.id, to, "boss")
        else:
            assert self.world.line.transfer(c.id, to, "boss").id == c.id
            assert self.model.transfer(c, to)
            if agent and then:
                self.check()
                self.agent_asks(agent.id, then)
        self.check()

    @precondition(lambda self: self.talking(0))
    @rule(n=PICK, to=st.sampled_from(TARGETS))
    def dials_on(self, n: int, to: str) -> None:
        """His agent does so on his own telephone; the end of the agent's call may have been told before."""
        c = self.talking(n)
        assert c
        agent = self.model.workers.get(to.removeprefix("agent:"))
        nobody = to == "nobody" or (agent and not agent.is_there)
        done = self.world.line.transferred(Call(c.call, room=c.attempt), to)
        assert done == self.model.transfer(c, "" if nobody else to, late=True)
        self.check()

    @precondition(lambda self: self.talking(0))
    @rule(n=PICK, to=st.sampled_from([*CREW, "nobody"]), told=st.integers(1, 2))
    def hand_over(self, n: int, to: str, told: int) -> None:
        c = self.talking(n)
        assert c
        call, _ = self.new_call()
        worker = self.model.workers.get(to)
        expected = self.model.hand_over(c, to if worker and worker.state != "offline" else "", call)
        for _ in range(told):
            assert self.world.line.handed_over(c.call, to_phone=f"sim:{to}", to_call=call) == expected
        self.check()

    @precondition(lambda self: any(t.agent_call and not t.over for t in self.model.tries.values()))
    @rule(n=PICK)
    def other_side_ends(self, n: int) -> None:
        """The one to whom a talk was handed over puts down."""
        handed = [t for t in self.model.tries.values() if t.agent_call and not t.over]
        t = handed[n % len(handed)]
        self.world.network.calls[t.agent_call] = Found(CallState.ENDED, Outcome.ANSWERED)
        self.world.line.ended(Call(t.agent_call), Outcome.ANSWERED, "")
        self.model.complete(t.caller, "agent")
        self.check()

    # agents

    @rule(name=st.sampled_from(sorted(CREW)), state=st.sampled_from(["free", "free", "free", "in_use", "gone"]))
    def telephone(self, name: str, state: str) -> None:
        self.world.line.phone(f"sim:{name}", PhoneState(state))
        self.model.phone(self.model.workers[name], state)
        self.check()

    @rule(
        name=st.sampled_from(sorted(CREW)),
        act=st.sampled_from(["sign_in", "ready", "ready", "ready", "pause", "sign_out", "wrap_up_done"]),
    )
    def agent(self, name: str, act: str) -> None:
        if not (act == "pause" and self.model.workers[name].state == "offline"):
            self.agent_asks(name, act)

    def agent_asks(self, name: str, act: str) -> None:
        w = self.model.workers[name]
        ask = getattr(self.world.line, act)
        ask(name, "lunch") if act == "pause" else ask(name)
        self.model.ask_agent(w, {"pause": "paused", "sign_out": "offline"}.get(act, act))
        self.model.match()
        self.check()

    # workers and the network; a task that nobody carries out is a crash

    @precondition(lambda self: self.rung)
    @rule(n=PICK, dies=st.booleans(), last=st.booleans())
    def dial(self, n: int, dies: bool, last: bool) -> None:
        self.carry_out(*(self.rung[-1] if last else self.rung[n % len(self.rung)]), dies=dies and n % 3 == 0)

    def carry_out(self, attempt: str, leg: str, dies: bool = False) -> None:
        won = self.world.line.begin(attempt, leg)
        assert (won is not None) == self.model.begin(attempt, leg)
        if won:
            self.won[attempt, leg] += 1
            assert self.won[attempt, leg] == 1, "one winner"
            if not dies:
                assert won.call not in self.world.network.calls, "rung twice"
                self.world.network.calls[won.call] = Found(CallState.RINGING)
        self.check()

    @precondition(lambda self: self.rung)
    @rule(n=PICK, last=st.booleans(), told=st.integers(1, 2))
    def out_of_reach(self, n: int, last: bool, told: int) -> None:
        """Whoever has won finds that the network takes no orders there; the word of it may come twice, or when all is over."""
        attempt, leg = self.rung[-1] if last else self.rung[n % len(self.rung)]
        self.carry_out(attempt, leg, dies=True)
        if f"{attempt}-{leg[0]}" not in self.world.network.calls:
            for _ in range(told):
                self.world.line.out_of_reach(attempt, leg)
                self.model.out_of_reach(attempt, leg)
                self.check()

    @precondition(lambda self: any(not t.over for t in self.model.tries.values()))
    @rule(n=PICK, steps=st.integers(1, 4), to=st.sampled_from(["", *TARGETS]), then=AWAY)
    def go_on(self, n: int, steps: int, to: str, then: str) -> None:
        """An attempt goes its natural way, so many steps: ring, accept, ring, accept; and whoever talks by it may be sent on."""
        running = [t for t in self.model.tries.values() if not t.over]
        t = running[n % len(running)]
        for _ in range(steps):
            if t.over or t.caller.state == "connected":
                if to and not t.over:
                    self.sent_on(t.caller, to, then)
                return
            if t.begun != t.leg:
                self.carry_out(t.id, t.leg)
            elif self.world.network.calls.get(f"{t.id}-{t.leg[0]}") == Found(CallState.RINGING):
                assert self.world.accept(t.id, t.leg) == self.model.accept(t.id, t.leg)
                self.check()

    def leg(self, n: int, last: bool) -> tuple[str, str] | None:
        """A leg whose call the network has."""
        found = [(a, leg) for a, leg in self.won if f"{a}-{leg[0]}" in self.world.network.calls]
        return (found[-1] if last else found[n % len(found)]) if found else None

    @precondition(lambda self: self.won)
    @rule(n=PICK, last=st.booleans())
    def accept(self, n: int, last: bool) -> None:
        picked = self.leg(n, last)
        if not picked or self.world.network.calls[f"{picked[0]}-{picked[1][0]}"].state is CallState.ENDED:
            return
        assert self.world.accept(*picked) == self.model.accept(*picked)
        self.check()

    @precondition(lambda self: self.won)
    @rule(n=PICK, last=st.booleans(), outcome=OUTCOMES, told=st.integers(0, 3))
    def end_leg(self, n: int, last: bool, outcome: Outcome, told: int) -> None:
        picked = self.leg(n, last)
        if not picked:
            return
        attempt, leg = picked
        call = f"{attempt}-{leg[0]}"
        was = self.world.network.calls[call]
        if was.state is CallState.ENDED:
            outcome = was.outcome or outcome
        elif was.state is CallState.UP:
            outcome = Outcome.ANSWERED
        self.world.network.calls[call] = Found(CallState.ENDED, outcome)
        for _ in range(told):
            t = self.model.tries[attempt]
            c = t.caller
            room = c.attempt if n % 2 else ""
            self.world.line.ended(Call(call, attempt=attempt, leg=leg, room=room), outcome, "")
            if c.mode == "live" and c.call == call and c.state not in ENDED:
                self.model.caller_gone(c, never_met=not room)
            elif c.state == "connected" and c.attempt == attempt:
                if leg == "agent" and t.agent_call:
                    pass  # he has handed it over
                elif room:
                    self.model.complete(c, leg)
                else:  # his session was not in the room: nobody has talked to him
                    self.model.empty_room(t, leg)
            else:
                self.model.leg_ended(attempt, leg, outcome)
            self.check()
        self.check()

    @precondition(lambda self: any(c.state == "connected" for c in self.model.callers.values()))
    @rule(n=PICK, leg=st.sampled_from(["agent", "customer"]), met=st.booleans())
    def talk_ended(self, n: int, leg: str, met: bool) -> None:
        connected = [c for c in self.model.callers.values() if c.state == "connected"]
        if not connected:
            return
        c = connected[n % len(connected)]
        t = self.model.tries[c.attempt]
        call = f"{t.id}-a" if leg == "agent" else c.call
        about = Call(call, attempt=t.id, leg=leg) if leg == "agent" or call == f"{t.id}-c" else Call(call, entry=c.id)
        self.world.line.talk_ended(about, Outcome.ANSWERED if met else Outcome.NO_ANSWER)
        if leg == "agent" and t.agent_call:
            pass  # he has handed it over
        elif met:
            self.model.complete(c, leg)
        else:
            self.model.empty_room(t, leg)
        self.check()

    @precondition(lambda self: any(c.state == "connected" for c in self.model.callers.values()))
    @rule(n=PICK)
    def gone(self, n: int) -> None:
        connected = [c for c in self.model.callers.values() if c.state == "connected" and c.mode == "live"]
        if connected:
            c = connected[n % len(connected)]
            self.world.line.gone(c.attempt)
            self.model.caller_gone(c)
            self.check()

    # time

    @rule(ms=st.sampled_from([1, 1_000, 5_000, 10_000, 30_000, 60_000, 120_000]), swept=st.booleans())
    def wait(self, ms: int, swept: bool) -> None:
        self.world.clock.advance(ms)
        if swept:
            found = dispatch.sweep(self.world.line)
            dispatch.reconcile(self.world.line, self.world.network, found)
            self.world.line.match()
            self.model.sweep()
        else:
            self.world.line.match()
            self.model.match()
        self.check()

    def teardown(self) -> None:
        STEPS.update(f"event {event.type}" for event in self.world.events())
        audit(self.world)
        conserved(self.world)


def _caller(state: str, mode: str, score: str, attempt: str, call: str) -> tuple[str, ...]:
    """What both tell of an entry. One that has ended keeps whatever it last said of its attempt and call."""
    return (state, mode, score) if state in ENDED else (state, mode, score, attempt, call)


def _worker(state: str, since: str, misses: str, after: str, attempt: str, reason: str) -> tuple[str, ...]:
    """What both tell of an agent: idle since only counts when he is ready, the attempt only while he is in it."""
    return (
        state,
        misses,
        after,
        since if state == "ready" else "",
        attempt if state in ("reserved", "on_call") else "",
        reason if reason.startswith("phone_") else "",
    )


def conserved(world: World) -> None:
    """Law 2, from the events alone: everybody who entered is somewhere, once."""
    entered: set[str] = set()
    accepted: set[str] = set()
    ends: dict[str, str] = {}
    aside: dict[str, int] = {}
    talks: Counter[str] = Counter()
    for event in world.events():
        kind, entry = event.type.value, event.entry
        if kind == "entry_joined":
            assert entry not in entered
            entered.add(entry)
        elif kind == "callback_chosen":
            assert entry not in accepted
            accepted.add(entry)
        elif kind in ("connected", "returned"):
            talks[entry] += 1 if kind == "connected" else -1
        elif kind in ("transferred", "handed_over"):
            ends.pop(entry, None)  # a talk that goes on has not ended
            if kind == "transferred":
                accepted.discard(entry)
                talks[entry] -= 1
        elif kind in ENDED:
            assert entry not in ends, (entry, kind, ends[entry])
            ends[entry] = kind
        elif kind == "set_aside":
            aside[entry] = int(event.data["until_ms"])
        elif kind == "matched":
            assert event.data["overtaken"] == "0" or max(aside.values(), default=0) > event.at_ms, event
    for entry in entered:
        state = world.state(entry).value
        assert ends.get(entry, "open") == (state if state in ENDED else "open")
        assert talks[entry] == (1 if state in ("connected", "completed") else 0), (entry, state, talks[entry])
        wanted = ("completed", "failed", "cancelled") if entry in accepted else ("completed", "abandoned", "flowed_out")
        assert state not in ENDED or state in wanted, (entry, state)


def run(
    redis: redis_py.Redis, examples: int, steps: int, texts: Mapping[str, str] | None = None, **more: object
) -> None:
    machine = type("LineMachine", (LineMachine,), {"redis": redis, "texts": texts})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **more,  # type: ignore[arg-type]
        ),
    )


def test_the_line_is_as_the_model_says(redis: redis_py.Redis) -> None:
    run(redis, examples=60, steps=50)


@pytest.mark.slow
def test_the_line_is_as_the_model_says_over_2000_days(redis: redis_py.Redis) -> None:
    run(redis, examples=2_000, steps=50)


FAULTS = {
    "begin without compare-and-set": ("begin", "or t.begun == leg then", "then"),
    "requeue with a new place": (
        "leg_ended",
        "move_entry(e, 'waiting')\n",
        "move_entry(e, 'waiting', nil, {score = score_at(e, NOW)})\n",
    ),
    "a choice moves the place": (
        "choose",
        "local changes = {mode = 'callback',",
        "local changes = {score = score_at(e, NOW), mode = 'callback',",
    ),
    "late messages believed": (
        "leg_ended",
        "t.over ~= '' then return nil, t end\n  local e = load('entry', t.entry)\n  if not e or e.attempt ~= id then",
        "false then return nil, t end\n  local e = load('entry', t.entry)\n  if not e then",
    ),
    "the newest first": ("match", "n, n, 'WITHSCORES')", "n, n, 'WITHSCORES', 'REV')"),
    "the same pair again at once": ("match", "until not aside[first[1]]", "until true"),
    "skills forgotten": ("match", "if not skills[skill] then return false end", ""),
    "the agent loses his turn by a lost errand": ("sweep", "tonumber(t.idle_ms)", "NOW"),
    "a hang-up forgets the attempt": ("caller_gone", "if a then free_agent(a, tonumber(t.idle_ms)) end", ""),
    "a transfer moves the place": (
        "transfer",
        "if last == '1' then changes.score",
        "do changes.score",
    ),
    "one who waits for an agent who has left waits for ever": ("agent", "then let_go(a) end", "then end"),
    "two callbacks for one number": ("join", "if other then return {'duplicate', other} end", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(redis: redis_py.Redis, fault: str) -> None:
    script, good, bad = FAULTS[fault]
    texts = dict(script_texts())
    assert good in texts[script]
    texts[script] = texts[script].replace(good, bad)
    with pytest.raises((AssertionError, ResponseError, ExceptionGroup)) as caught:
        run(redis, 400, 50, texts, phases=[Phase.generate], derandomize=True, report_multiple_bugs=False)
    assert "compiling" not in str(caught.value), "the planted text is not Lua"
