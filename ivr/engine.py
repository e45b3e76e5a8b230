"""The engine: one pure function, `turn`.

Law: no Redis, no Flask, no provider, no clock. What a caller hears next follows from the flow, the saved session, the input
and the facts, and from nothing else; the session given is not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ivr.asks import Ask, LeaveLine
from ivr.events import Event, EventType
from ivr.facts import Facts
from ivr.flow.expressions import ExpressionError
from ivr.flow.fields import RESERVED
from ivr.inputs import Answer, DialEnded, Digits, HungUp, Input, Joined, NoInput, Outcome, Recorded, Started
from ivr.instructions import Dial, Hangup, Hold, Instruction, Join, as_json, speech_from_json
from ivr.moves import AskFor, End, Go, Move, Wait
from ivr.session import Session
from ivr.turning import Flows, Turning, UnknownFlow, copy_session

MAX_STEPS = 500
"""Steps in one turn."""
MAX_VISITS = 10
"""Visits of one step without any input from the caller."""
MAX_MS = 60 * 60_000
"""Time in the flow, not counting what is spent on hold or talking."""

_REMEMBERED = ("menu", "collect")
"""Step types that `back` goes back to."""
_LEAVES_LINE = ("voicemail", "transfer", "hangup")
"""Step types at which a caller no longer waits for an agent."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of a turn: the session to save, then either an `instruction` for the phone or an `ask` for the shell."""

    session: Session
    instruction: Instruction | None
    ask: Ask | None
    events: tuple[Event, ...]


def start(flows: Flows, session: Session) -> Session:
    """A new session placed at its flow's entry step, in the language of the number dialled. It waits for `Started`.

    An input of the flow that it was not given is None.
    """
    flow = flows.get(session.flow, session.version).flow
    new = copy_session(session)
    new.variables = {**dict.fromkeys(flow.inputs), **new.variables}
    entry = flow.entry.get(new.called) or flow.entry.get("default") or next(iter(flow.entry.values()))
    new.step = entry.to
    if new.lang not in flow.languages:
        new.lang = entry.lang or flow.languages[0]
    return new


def turn(flows: Flows, session: Session, given: Input, facts: Facts) -> Turn:
    """Run `session` on `given` until it must wait for the phone, or ask.

    Before: a session waiting for this kind of input. After: the same call further on, its `turn` one higher (an `Answer`
    belongs to the turn that asked). A session that has ended stays as it is and hangs up.
    """
    s = copy_session(session)
    if s.ended:
        return Turn(s, Hangup((), s.ended), None, ())
    turning = Turning(flows.get(s.flow, s.version).flow, flows, s, facts, [speech_from_json(part) for part in s.said])
    s.said = []
    if not isinstance(given, Answer):
        s.turn += 1
    if s.parked_ms:
        s.waits_ms += facts.now_ms - s.parked_ms
        s.parked_ms = 0
    if isinstance(given, HungUp):
        return _finish(turning, End("hung_up"), given.outcome)
    move = _guarded(turning, lambda: _wake(turning, given))
    for _ in range(MAX_STEPS):
        if isinstance(move, Go):
            move = _guarded(turning, _Visit(turning, move.target))
        elif isinstance(move, End) and s.frames and not move.final:
            move = _return(turning)
        else:
            break
    else:
        turning.event(EventType.BUDGET_EXCEEDED, step=s.step, budget="steps")
        move = turning.give_up()
    return _finish(turning, move)


def _guarded(turning: Turning, act: Callable[[], Move]) -> Move:
    """Do `act`; a mistake of the author's becomes an event and the way to a person, never a traceback."""
    try:
        return act()
    except (ExpressionError, UnknownFlow) as error:
        turning.event(EventType.STEP_FAILED, step=turning.session.step, why=str(error))
        return turning.rescue()


def _wake(turning: Turning, given: Input) -> Move:
    s = turning.session
    if isinstance(given, Started):
        heard = {"machine": given.machine.value} if given.machine else {}
        s.variables |= heard
        turning.event(
            EventType.CALL_STARTED, flow=s.flow, version=s.version, direction=_direction(s), lang=s.lang, **heard
        )
        return Go(s.step)
    if isinstance(given, Digits | NoInput | Recorded) and turning.now_ms - s.started_ms - s.waits_ms > MAX_MS:
        s.waits_ms = turning.now_ms - s.started_ms  # the person to whom he is taken now has as long again
        turning.event(EventType.BUDGET_EXCEEDED, step=s.step, budget="time")
        return turning.rescue()
    if isinstance(given, Digits | Recorded | Joined | DialEnded):
        s.visits = {}
    if isinstance(given, Joined):
        s.attempt, s.leg = given.attempt, "customer"
        if s.queue_step:
            turning.back_in_line()
    if isinstance(given, Digits):
        step = turning.flow.steps[s.step]
        shown = "•" * len(given.digits) if step.masks(given.digits) else given.digits
        turning.event(EventType.DIGITS_PRESSED, step=s.step, digits=shown)
    if isinstance(given, Answer) and "leaving" in s.at:
        return _left(turning, given)
    return turning.flow.steps[s.step].resume(turning, given)


def _left(turning: Turning, given: Answer) -> Move:
    """The line has answered our `LeaveLine`: on to where the caller was going, unless an agent has him already."""
    target = str(turning.at["leaving"])
    if given.outcome == "taken":
        turning.back_in_line()
        return Wait(Hold(turning.take_speech(), "default", 10_000))
    turning.session.entry = ""
    return Go(target)


class _Visit:
    """Coming to `target`, as something to call."""

    def __init__(self, turning: Turning, target: str) -> None:
        self.turning, self.target = turning, target

    def __call__(self) -> Move:
        s, flow = self.turning.session, self.turning.flow
        name = _resolve(self.turning, self.target)
        if name == "hangup" and s.frames:
            return End("done")
        if name == "hangup" or (step := flow.steps[name]).type in _LEAVES_LINE:
            if s.entry and not s.attempt and not (s.frames and step.terminal):
                s.at = {"leaving": self.target}
                return AskFor(LeaveLine(s.entry, name if name == "hangup" else step.type))
            if name == "hangup":
                self.turning.tell("goodbye")
                return End("done")
        s.visits[name] = s.visits.get(name, 0) + 1
        if s.visits[name] > MAX_VISITS:
            self.turning.event(EventType.BUDGET_EXCEEDED, step=name, budget="visits")
            return self.turning.rescue()
        if step.type in _REMEMBERED and s.trail[-1:] != [name]:
            s.trail = [*s.trail[-19:], name]
        s.step, s.at = name, {}
        self.turning.event(EventType.STEP_ENTERED, step=name, flow=s.flow)
        return step.enter(self.turning)


def _resolve(turning: Turning, target: str) -> str:
    """The step that a target means now; `hangup` stays itself."""
    s = turning.session
    if target not in RESERVED or target == "hangup":
        return target
    if target == "repeat":
        return s.step
    if target == "back" and len(s.trail) > 1:
        s.trail.pop()
        return s.trail[-1]
    entry = turning.flow.entry
    return (entry.get(s.called) or entry.get("default") or next(iter(entry.values()))).to


def recover(flows: Flows, session: Session, facts: Facts) -> Turn:
    """After an error of ours in the midst of a turn: apologise and go to a person, from the session as it was saved."""
    s = copy_session(session)
    s.turn += 1
    s.said = []
    turning = Turning(flows.get(s.flow, s.version).flow, flows, s, facts)
    turning.event(EventType.STEP_FAILED, step=s.step, why="internal error")
    move = _guarded(turning, turning.rescue)
    while isinstance(move, Go):
        move = _guarded(turning, _Visit(turning, move.target))
    return _finish(turning, move)


def _return(turning: Turning) -> Move:
    """A subflow has ended: back to the flow that called it, by the exit named after the child's last step, else `next`."""
    s = turning.session
    last, child, hidden = s.step, s.variables, s.sensitive
    turning.out_of_subflow()
    step = turning.flow.steps[s.step]
    return step.returned(turning, last, child, hidden)


def _finish(turning: Turning, move: Move, outcome: Outcome = Outcome.ANSWERED) -> Turn:
    s = turning.session
    instruction: Instruction | None = None
    ask: Ask | None = None
    if isinstance(move, AskFor):
        ask, s.said = move.ask, [as_json(part) for part in turning.speech]
    elif isinstance(move, Wait):
        instruction = move.instruction
        s.room = instruction.attempt if isinstance(instruction, Join) else ""
        if s.room and s.room not in s.rooms:
            s.rooms.append(s.room)
        if isinstance(instruction, Hold | Join | Dial):
            s.parked_ms = turning.now_ms
    else:
        reason = move.reason if isinstance(move, End) else "failed"
        seconds = (turning.now_ms - s.started_ms) // 1000
        turning.event(
            EventType.CALL_ENDED,
            outcome=outcome.value,
            reason=reason,
            step=s.step,
            seconds=seconds,
            direction=_direction(s),
            queued=int(s.queued),
            by="caller" if reason == "hung_up" else "us",
        )
        instruction, s.ended = Hangup(turning.take_speech(), reason), reason
    return Turn(s, instruction, ask, tuple(turning.events))


def _direction(session: Session) -> str:
    return "out" if session.direction == "outbound" else "in"
