"""The far side: a phone network in memory.

Law: it speaks to us only by signed webhooks and is spoken to only through the verbs of the Provider port. Everything it
does is due at some moment and lies on one heap; it never waits itself. What it has seen is the ground truth that tests and
replay hold us against: `dials`, `doubled`, `moved`, `talks`, `recorded`, `listened`, `heard`.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ivr.clock import Clock
from ivr.inputs import DialEnded, Digits, Input, NoInput, Outcome, Recorded
from ivr.ports import CallState, Found, Gone, Listening, Node, Outgoing, Refused
from ivr.providers.simulator.faults import Faults
from ivr.providers.simulator.telephone import Act, Call, Leave, Person, Press, Speak, deaf_ms, spoken_ms, takes
from ivr.providers.simulator.wire import input_json

ALONE_MS = 60_000
"""How long somebody stays alone in a room before the network gives it up."""
AGAIN_MS = 2_000
"""After what time a webhook that brought no answer is sent again, as Twilio and our dialplan do."""
TRIES = 5


class Deliver(Protocol):
    """Carries a webhook to us and its answer back: `then(answer)`, `answer` None when there was none."""

    def __call__(self, path: str, body: dict[str, Any], then: Callable[[dict[str, Any] | None], None]) -> None: ...


class Network:
    """Thread-safe. `due` is the heap: (time, number, act). It is a `Provider` too, for who runs it in his own process."""

    name = "simulator"

    def __init__(self, clock: Clock, deliver: Deliver, *, seed: int = 0, faults: Faults | None = None) -> None:
        self.clock, self.deliver, self.faults = clock, deliver, faults or Faults()
        self.random = random.Random(seed)
        self.lock = threading.RLock()
        self.due: list[tuple[int, int, Callable[[], None]]] = []
        self.calls: dict[str, Call] = {}
        self.people: dict[str, Person] = {}  # by the number or address that reaches them
        self.dials: list[tuple[int, str, str]] = []  # (when, number, call)
        self.doubled: list[
            tuple[int, str, str]
        ] = []  # of `dials`: its id was known, or its number on a call we had placed
        self.talks: list[tuple[int, str, tuple[str, ...]]] = []  # (when, room, the calls that met in it)
        self.moved: set[tuple[str, str]] = set()  # (call, attempt): held calls that we had it move
        self.recorded: list[tuple[int, str, bool]] = []  # (when, call, on): each time that recording began or stopped
        self.listened: list[tuple[int, str, str, str]] = []  # (when, phone, call, mode)
        self._called_off: set[str] = set()  # calls that were hung up before they were placed
        self.again_ms, self.tries = AGAIN_MS, TRIES
        self._numbers = itertools.count()
        self._rooms: dict[str, list[Call]] = {}
        self._up: dict[str, list[Call]] = {}  # the calls of a number that have not ended

    @property
    def doubles(self) -> int:
        """How often we rang where we should not have."""
        return len(self.doubled)

    # the heap

    def at(self, when_ms: int, act: Callable[[], None]) -> None:
        with self.lock:
            heapq.heappush(self.due, (when_ms, next(self._numbers), act))

    def next_ms(self) -> int | None:
        with self.lock:
            return self.due[0][0] if self.due else None

    def run_due(self) -> int:
        """Do everything due by now; how many things that were."""
        done = 0
        while True:
            with self.lock:
                if not self.due or self.due[0][0] > self.clock.now_ms():
                    return done
                _, _, act = heapq.heappop(self.due)
                act()
            done += 1

    # a person lifts the phone

    def dial_in(self, call_id: str, person: Person, number: str, called: str) -> Call:
        """`person` calls `called`; what follows is due from now on."""
        with self.lock:
            call = self._new(Call(call_id, person, outbound=False, number=number, state=CallState.UP))
            self._send(call, "/sim/calls", {"call": call_id, "from": number, "to": called})
            return call

    def puts_down(self, call_id: str) -> None:
        """The person ends the call, whatever is going on in it: also while the network waits for our answer."""
        with self.lock:
            call = self.calls.get(call_id)
            if call is not None and call.state is CallState.UP:
                self._end(call, Outcome.ANSWERED)

    def transfers(self, call_id: str, to: str) -> None:
        """The agent with whom the customer `call_id` talks sends him on to `to` from his own telephone, and is out of it."""
        with self.lock:
            call = self._talking(call_id)
            others = self._out(call)
            call.epoch += 1
            self._send(call, f"/sim/calls/{call.id}/turns/{call.turn}/transferred", {"to": to})
            for other in others:
                self._end(other, Outcome.ANSWERED)

    # the verbs of the Provider port

    def originate(self, outgoing: Outgoing) -> None:
        with self.lock:
            now = self.clock.now_ms()
            person = self.people.get(outgoing.to)
            if person is None:
                raise Refused(f"no telephone has the address {outgoing.to}", permanent=True)
            if outgoing.call in self._called_off:
                raise Refused(f"the call {outgoing.call} has been called off")
            engaged = self._up.get(outgoing.to, [])
            busy = bool(engaged)
            if outgoing.call in self.calls or any(call.outbound for call in engaged):
                self.doubled.append((now, outgoing.to, outgoing.call))
            if outgoing.call in self.calls:
                raise Refused(f"the call {outgoing.call} exists already")
            call = self._new(Call(outgoing.call, person, outbound=True, number=outgoing.to))
            self.dials.append((now, outgoing.to, outgoing.call))
            after, outcome = (500, Outcome.BUSY) if busy else person.rings(call, outgoing.ring_ms)
            if after >= outgoing.ring_ms and outcome is Outcome.ANSWERED:
                after, outcome = outgoing.ring_ms, Outcome.NO_ANSWER
            self.at(now + min(after, outgoing.ring_ms), lambda: self._rang(call, outcome))

    def redirect(self, call_id: str, attempt: str) -> None:
        with self.lock:
            call = self._talking(call_id)
            if (call_id, attempt) in self.moved:
                return  # he is there, or on his way
            self.moved.add((call_id, attempt))
            call.epoch += 1
            self._send(call, f"/sim/calls/{call.id}/joined", {"attempt": attempt})

    def hangup(self, call_id: str) -> None:
        with self.lock:
            call = self.calls.get(call_id)
            if call is None:
                self._called_off.add(call_id)
            elif call.state is not CallState.ENDED:
                self._end(call, Outcome.CANCELED if call.state is CallState.RINGING else Outcome.ANSWERED)

    def find(self, call_id: str) -> Found:
        with self.lock:
            if call_id in self._called_off:
                return Found(CallState.ENDED, Outcome.CANCELED)
            call = self.calls.get(call_id)
            return Found(call.state, call.outcome) if call is not None else Found(CallState.UNKNOWN)

    def listen(self, phone: str, call_id: str, mode: Listening) -> None:
        with self.lock:
            self._talking(call_id)
            if phone not in self.people:
                raise Refused(f"no telephone has the address {phone}", permanent=True)
            if self._up.get(phone):
                raise Refused(f"the telephone {phone} is in use", outcome=Outcome.BUSY)
            self.listened.append((self.clock.now_ms(), phone, call_id, mode.value))

    def record(self, call_id: str, on: bool) -> None:
        with self.lock:
            self._recording(self._talking(call_id), on)

    def nodes(self) -> tuple[Node, ...]:
        return ()

    # what happens

    def _talking(self, call_id: str) -> Call:
        call = self.calls.get(call_id)
        if call is None or call.state is not CallState.UP:
            raise Gone(f"the call {call_id} is not up")
        return call

    def _recording(self, call: Call, on: bool) -> None:
        if call.recorded is not on:
            call.recorded = on
            self.recorded.append((self.clock.now_ms(), call.id, on))

    def _new(self, call: Call) -> Call:
        self.calls[call.id] = call
        self._up.setdefault(call.number, []).append(call)
        return call

    def _rang(self, call: Call, outcome: Outcome) -> None:
        if call.state is not CallState.RINGING:
            return
        if outcome is not Outcome.ANSWERED:
            self._end(call, outcome)
            return
        call.state = CallState.UP
        self._send(call, f"/sim/calls/{call.id}/answered", {})

    def _send(self, call: Call, path: str, body: dict[str, Any], tries: int | None = None) -> None:
        """A webhook that wants an instruction: sent until there is an answer, while the call is up and waits for it."""
        epoch, left = call.epoch, self.tries if tries is None else tries

        def answered(answer: dict[str, Any] | None) -> None:
            with self.lock:
                if call.epoch != epoch or call.state is CallState.ENDED:
                    return
                if answer is not None and answer.get("again"):
                    self._keep(call, answer["do"], path, body)
                elif answer is not None:
                    self._perform(call, answer)
                elif left > 1:
                    self.at(self.clock.now_ms() + self.again_ms, lambda: self._again(call, epoch, path, body, left - 1))
                else:
                    self._end(call, Outcome.FAILED)

        if self.faults.unheard and self.random.random() < self.faults.unheard:
            self._post(path, body, lambda _answer: answered(None))
        else:
            self._post(path, body, answered)

    def _again(self, call: Call, epoch: int, path: str, body: dict[str, Any], tries: int) -> None:
        if call.epoch == epoch and call.state is not CallState.ENDED:
            self._send(call, path, body, tries)

    def _post(self, path: str, body: dict[str, Any], then: Callable[[dict[str, Any] | None], None]) -> None:
        late = self.faults.late and self.random.random() < self.faults.late
        when = self.clock.now_ms() + (self.random.randrange(self.faults.late_ms) if late else 0)
        self.at(when, lambda: self.deliver(path, body, then))
        if self.faults.double and self.random.random() < self.faults.double:
            self.at(
                when + self.random.randrange(self.faults.double_ms),
                lambda: self.deliver(path, body, lambda _answer: None),
            )

    def _keep(self, call: Call, do: dict[str, Any], path: str, body: dict[str, Any]) -> None:
        """We are asked for the same once more: music until then."""
        self._hear(call, do)
        self._later(call, self.clock.now_ms() + spoken_ms(do) + do["ms"], lambda: self._send(call, path, body))

    def _hear(self, call: Call, do: dict[str, Any]) -> Act:
        """An instruction begins; what the person does. Leaving is seen to here."""
        call.epoch += 1
        call.heard += [part.get("text", "") for part in do["speech"]]
        now = self.clock.now_ms()
        act = call.person.hears(call, do, now)
        if isinstance(act, Leave):
            self._later(call, now + act.after_ms, lambda: self._end(call, Outcome.ANSWERED))
        return act

    def _perform(self, call: Call, answer: dict[str, Any]) -> None:
        call.turn, call.do = int(answer["turn"]), answer["do"]
        now, do = self.clock.now_ms(), call.do
        said = spoken_ms(do)
        act = self._hear(call, do)
        match do["do"]:
            case "gather":
                self._press(call, act)
                self._wake_at(call, now + said + do["timeout_ms"], NoInput())
            case "hold":
                self._press(call, act)
                self._wake_at(call, now + said + do["ms"], NoInput())
            case "record":
                ms = min(act.ms, do["max_ms"]) if isinstance(act, Speak) else 0
                self._wake_at(call, now + said + ms + do["silence_ms"], Recorded(f"sim:{call.id}", ms // 1000))
            case "dial":
                self._wake_at(call, now + said + 20_000, DialEnded(Outcome.ANSWERED, 15))
            case "join":
                self._recording(call, bool(do["record"]))
                self._enter(call, str(do["attempt"]))
            case "hangup":
                self._later(call, now + said, lambda: self._end(call, Outcome.ANSWERED))

    def _press(self, call: Call, act: Act) -> None:
        if isinstance(act, Press) and takes(call.do, act.digits):
            when = self.clock.now_ms() + max(act.after_ms, deaf_ms(call.do))
            self._wake_at(call, when, Digits(act.digits.rstrip("#"), act.digits.endswith("#")))

    def _wake_at(self, call: Call, when_ms: int, given: Input) -> None:
        def wake() -> None:
            call.epoch += 1  # whatever else was due for this instruction is over
            self._send(call, f"/sim/calls/{call.id}/turns/{call.turn}", input_json(given))

        self._later(call, when_ms, wake)

    def _later(self, call: Call, when_ms: int, act: Callable[[], None]) -> None:
        """`act` at that time, if the call is then still at the same instruction."""
        epoch = call.epoch

        def still() -> None:
            if call.epoch == epoch and call.state is not CallState.ENDED:
                act()

        self.at(when_ms, still)

    def _enter(self, call: Call, room: str) -> None:
        if call.room != room:
            if call.room:
                self._out(call)
            call.room = room
            self._rooms.setdefault(room, []).append(call)
        there = self._rooms[room]  # who is told twice to enter is there once
        now = self.clock.now_ms()
        if len(there) < 2:
            self._later(call, now + ALONE_MS, lambda: self._alone(call))
            return
        self.talks.append((now, room, tuple(one.id for one in there)))
        for one in there:
            length = one.person.talk_ms(one)
            if length is not None:
                self._later(one, now + length, lambda one=one: self._end(one, Outcome.ANSWERED))  # type: ignore[misc]

    def _alone(self, call: Call) -> None:
        if len(self._rooms.get(call.room, ())) < 2:
            self._out(call)
            self._wake_at(call, self.clock.now_ms(), DialEnded(Outcome.NO_ANSWER))

    def _out(self, call: Call) -> list[Call]:
        """Leave the room; who is left there."""
        rest = [other for other in self._rooms.get(call.room, []) if other is not call]
        self._rooms[call.room] = rest
        call.room = ""
        self._recording(call, False)
        return rest

    def _end(self, call: Call, outcome: Outcome) -> None:
        if call.state is CallState.ENDED:
            return
        call.state, call.outcome = CallState.ENDED, outcome
        call.epoch += 1
        self._up[call.number].remove(call)
        others = self._out(call) if call.room else []
        for other in others:
            self._out(other)
            other.epoch += 1
            self._wake_at(other, self.clock.now_ms(), DialEnded(Outcome.ANSWERED))
        call.person.ended(call, outcome, self.clock.now_ms())
        if self.faults.lost and self.random.random() < self.faults.lost:
            return
        self._tell_end(call, outcome, self.tries)

    def _tell_end(self, call: Call, outcome: Outcome, tries: int) -> None:
        def told(answer: dict[str, Any] | None) -> None:
            if answer is None and tries > 1:
                self.at(self.clock.now_ms() + self.again_ms, lambda: self._tell_end(call, outcome, tries - 1))

        self._post(f"/sim/calls/{call.id}/ended", {"outcome": outcome.value}, told)
