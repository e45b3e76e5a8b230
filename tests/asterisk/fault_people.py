"""A hundred people on real telephones, and the agents who serve them: who calls, what each does, and what each could tell of it.

Law: one thread lives all of them, by looks at facts, and asks nothing of the line. What somebody is like is drawn from the seed.
Nobody hears words: what they go by is the tone that stands for a prompt, the music, and each other's voice.
"""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field

from company import AGENT, CUSTOMER, MUSIC, Company, Desk
from redis.exceptions import RedisError
from rig import Answer, Call, Phone, Ring

from callback.model import AgentState

TICK_S = 0.1
IN_LINE = "*#"
"""Two wrong keys lead into the line, and mean nothing to one who is there already."""


@dataclass
class Person:
    """`kind`: `waits` for an agent, takes a `callback`, walks in the `menu` for ever, `gives up`, or `vanishes` without a word."""

    number: str
    desk: Desk
    kind: str
    phone: Phone
    call: Call | None = None
    calls: list[Call] = field(default_factory=list)
    story: list[tuple[float, str]] = field(default_factory=list)
    vanished: dict[int, float] = field(default_factory=dict)  # which of his calls, since when
    next_at: float = 0.0
    acts_at: float = 0.0
    leaves_at: float = 0.0
    expects: bool = False
    music_since: float = 0.0

    def note(self, what: str) -> None:
        self.story.append((time.monotonic(), what))


@dataclass
class Leg:
    """A call that somebody got: an agent's, or that of a customer who is rung back."""

    call: Call
    number: str
    phone: Phone
    draw: float
    pressed_at: float = 0.0
    heard_at: float = 0.0
    talks_s: float = 0.0


class People:
    """Started by `with`. `share`: of each kind, by weight. `refuses`: how often an agent presses 2."""

    def __init__(
        self, company: Company, seed: int, count: int, share: Mapping[str, float], refuses: float = 0.03
    ) -> None:
        self.company, self.random, self.refuses = company, random.Random(seed), refuses
        self.lock = threading.RLock()
        self.day_is_over = False
        self.closes_at = float("inf")
        """When whoever still waits on the line goes home."""
        self.stop = threading.Event()
        self.faults: list[str] = []
        """What went wrong with the people themselves: nothing may, or they did less than they were to do."""
        self.legs: list[Leg] = []
        self.agents: dict[str, Phone] = {}
        self.people = [self._person(at, share) for at in range(count)]
        self._seen: dict[str, int] = {}
        self._died: dict[tuple[str, int], float] = {}
        self.killed: list[tuple[str, int]] = []
        """Nodes that have been killed with all their calls, and when (epoch ms)."""
        self._thread = threading.Thread(target=self._live, name="people", daemon=True)
        self._shift_at = 0.0
        self.late: list[tuple[float, float]] = []
        """When this thread came late, and by how much: the machine had no time for anybody."""

    def _person(self, at: int, share: Mapping[str, float]) -> Person:
        desk = self.company.desk(self.company.names[at % len(self.company.names)])
        number = f"+551198{at:07d}"
        kind = self.random.choices(list(share), list(share.values()))[0]
        phone = self.company.phones.add(number.lstrip("+"), desk.node.sip)
        return Person(number, desk, kind, phone, next_at=time.monotonic() + at * 0.05)

    def __enter__(self) -> People:
        self.company.carrier.behave(Ring())
        for desk in map(self.company.desk, self.company.names):
            for who in "ab":
                phone = desk.agent(who, Answer(after_ms=150, says=b""))
                phone.keep_registered(4)
                self.agents[phone.name] = phone
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(30)

    @property
    def calls_up(self) -> int:
        """How many calls are up, or being rung, of people and agents."""
        with self.lock:
            own = [person.call for person in self.people if person.call]
            return sum(call.ended is None for call in [*own, *(leg.call for leg in self.legs)])

    def node_has_died(self, node: str) -> None:
        """Everybody whose call was there notices that the line is dead, and puts down."""
        with self.lock:
            self._died[self.company.nodes[node].sip] = time.monotonic()
            for call in self._on(self.company.nodes[node].sip):
                call.hang_up()

    def hold_elsewhere(self, node: str) -> list[Call]:
        """The calls of those who wait on another node than this, and hear music."""
        with self.lock:
            calls = [person.call for person in self.people if person.kind == "waits" and person.call]
            return [call for call in calls if call.at != self.company.nodes[node].sip and call.hears(MUSIC)]

    def _on(self, sip: tuple[str, int]) -> list[Call]:
        mine = [person.call for person in self.people if person.call]
        there = [*mine, *(leg.call for leg in self.legs)]
        return [call for call in there if call.ended is None and call.at == sip]

    # Living

    def _live(self) -> None:
        looked = time.monotonic()
        while not self.stop.wait(TICK_S):
            with self.lock:
                now = time.monotonic()
                if now - looked > 3 * TICK_S:
                    self.late.append((now, now - looked - TICK_S))
                looked = now
                try:
                    self._look(now)
                except Exception:
                    self.faults.append(traceback.format_exc())

    def _look(self, now: float) -> None:
        """Each does what he does now."""
        for person in self.people:
            self._walk(person, now)
        self._pick_up()
        for leg in self.legs:
            if leg.call.ended is None:
                self._talk(leg, now)
        if now > self._shift_at:
            self._shift_at = now + 2
            self._to_work()

    def _walk(self, person: Person, now: float) -> None:
        call = person.call
        if call is None:
            if now >= person.next_at and not self.day_is_over and not person.expects:
                self._dial(person, now)
        elif call.ended:
            how = call.ended
            person.note(f"the call has ended: {how.by} {how.how} {how.code or ''}")
            person.call, person.next_at = None, now + self.random.uniform(0.3, 1.5)
        elif call.up and len(person.calls) not in person.vanished:
            self._in_call(person, call, now)

    def _dial(self, person: Person, now: float) -> None:
        person.call = call = person.phone.dial(person.desk.number, from_user=person.number)
        call.say(CUSTOMER)
        person.calls.append(call)
        person.music_since, person.acts_at = 0.0, now + 0.8
        person.leaves_at = now + self.random.uniform(1, 15) if person.kind in ("gives up", "vanishes") else now + 1e6
        person.note("dials")

    def _in_call(self, person: Person, call: Call, now: float) -> None:
        hears_music = call.hears(MUSIC)
        if hears_music and not person.music_since:
            person.note("hears music")
        person.music_since = person.music_since or (now if hears_music else 0.0)
        if now > min(person.leaves_at, self.closes_at) or (self.day_is_over and person.kind == "menu"):
            self._leave(person, call)
        elif person.kind != "menu" and now >= person.acts_at and not person.music_since:
            call.press(IN_LINE, wait=False)
            person.acts_at = now + 4
        elif person.kind == "callback" and hears_music and now > person.music_since + 2 and now >= person.acts_at:
            person.note("asks to be rung back")
            call.press("1", wait=False)
            person.expects, person.acts_at = True, now + 8

    def _leave(self, person: Person, call: Call) -> None:
        person.leaves_at = float("inf")
        if person.kind == "vanishes":
            person.note("vanishes")
            person.vanished[len(person.calls)] = time.monotonic()
            call.vanish()
        else:
            person.note("gives up")
            call.hang_up()

    # Being rung

    def _pick_up(self) -> None:
        for phone in (*self.agents.values(), self.company.carrier):
            calls = phone.calls()
            for call in calls[self._seen.get(phone.name, 0) :]:
                number = call.shown("To").partition("sip:")[2].partition("@")[0]
                self.legs.append(Leg(call, number, phone, self.random.random(), talks_s=self.random.uniform(1.0, 3.0)))
            self._seen[phone.name] = len(calls)

    def _talk(self, leg: Leg, now: float) -> None:
        call, agent = leg.call, leg.phone.name in self.agents
        if call.began_at < self._died.get(call.at, 0.0):  # it rang when its node was killed
            call.hang_up()
            return
        if not call.up:
            if not agent and now > call.began_at + 0.3 + leg.draw and leg.draw < 0.85:
                call.answer()
                call.say(CUSTOMER)
            elif not agent and leg.draw > 0.93:
                call.reject(486)
            return
        if not leg.pressed_at and now > call.up_at + 0.6:
            leg.pressed_at = now
            call.press("2" if agent and leg.draw < self.refuses else "1", wait=False)
            if agent:
                call.say(AGENT)
        leg.heard_at = leg.heard_at or (now if leg.pressed_at and call.hears(CUSTOMER if agent else AGENT) else 0.0)
        if agent and ((leg.heard_at and now > leg.heard_at + leg.talks_s) or now > call.up_at + 25):
            call.hang_up()
        if not agent and leg.heard_at:
            self._rung_back(leg.number)

    def _rung_back(self, number: str) -> None:
        for person in self.people:
            if person.expects and person.number == number:
                person.note("has been rung back and talks")
                person.expects, person.next_at = False, time.monotonic() + 6

    def _to_work(self) -> None:
        """Agents whom the line has sent away, because their phone was not to be reached, come back."""
        try:
            for agent in self.company.parts.line.agents():
                if agent.state in (AgentState.PAUSED, AgentState.OFFLINE) and agent.id in self.agents:
                    self.company.parts.line.ready(agent.id)
        except RedisError:
            return  # it has been killed, and is started again
