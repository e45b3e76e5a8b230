"""One call, played by hand in virtual time: the engine on one side, whoever presses the keys on the other.

Law: the production engine runs it, and the session is saved as JSON and read again between any two inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ivr import engine
from ivr.asks import Ask
from ivr.events import Event, EventType
from ivr.inputs import Answer, DialEnded, Digits, HungUp, Input, Joined, NoInput, Outcome, Recorded, Started
from ivr.instructions import Dial, Gather, Hangup, Hold, Instruction, Join, Record, Speech
from ivr.session import Session
from ivr.trial.world import World
from ivr.turning import Flows

MAX_ASKS = 20


class CannotDo(Exception):
    """The person on the phone cannot do this now. Says why."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn: what woke the session, what it asked and was answered, what the phone was told, what was written down."""

    given: Input
    asked: tuple[tuple[Ask, Answer], ...]
    instruction: Instruction
    events: tuple[Event, ...]


@dataclass(slots=True)
class Phone:
    """`saved` is the session between two inputs. `heard`: the speech since the person last acted."""

    flows: Flows
    saved: str
    world: World
    instruction: Instruction = field(default_factory=lambda: Hangup(()))
    heard: list[Speech] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    until_ms: int = 0
    """When the phone gives up on the present instruction."""

    @property
    def session(self) -> Session:
        return Session.from_json(self.saved)

    @property
    def events(self) -> list[Event]:
        return [event for exchange in self.exchanges for event in exchange.events]

    @property
    def path(self) -> list[str]:
        """The steps passed, in order; those of subflows with their flow's name before them."""
        entered = [event.data for event in self.events if event.type is EventType.STEP_ENTERED]
        home = entered[0]["flow"] if entered else ""
        return [data["step"] if data["flow"] == home else f"{data['flow']}.{data['step']}" for data in entered]

    def wake(self, given: Input) -> None:
        """One turn on `given`, with everything that it asks."""
        asked: list[tuple[Ask, Answer]] = []
        turn = engine.turn(self.flows, self.session, given, self.world)
        events = list(turn.events)
        while turn.ask is not None:
            if len(asked) == MAX_ASKS:
                raise CannotDo(f'step "{turn.session.step}" asks without end')
            answer = self.world.answer(turn.ask)
            asked.append((turn.ask, answer))
            saved = Session.from_json(turn.session.to_json())
            turn = engine.turn(self.flows, saved, answer, self.world)
            events += turn.events
        if turn.instruction is None:
            raise CannotDo("the turn ended without an instruction")
        self.saved, self.instruction = turn.session.to_json(), turn.instruction
        self.heard += turn.instruction.speech
        self.exchanges.append(Exchange(given, tuple(asked), turn.instruction, tuple(events)))
        self.until_ms = self.world.now_ms + _lasts_ms(turn.instruction)

    def start(self) -> None:
        self.wake(Started())

    def press(self, digits: str) -> None:
        """Keys now; a key at a time on hold music, at most as many as are waited for otherwise."""
        told = self._told()
        if isinstance(told, Hold):
            if digits not in told.keys:
                raise CannotDo(f"key {digits} does nothing on hold; keys: {told.keys or 'none'}")
            self._act(Digits(digits))
        elif isinstance(told, Gather):
            if len(digits) > told.max_digits:
                raise CannotDo(f"{len(digits)} digits, but {told.max_digits} are waited for")
            self._act(Digits(digits, finished=bool(told.finish_key) and len(digits) < told.max_digits))
        else:
            raise CannotDo(f"no key is waited for: {doing(told)}")

    def silence(self) -> None:
        """Do nothing until the phone gives up waiting."""
        told = self._told()
        if isinstance(told, Join | Dial):
            raise CannotDo(f"silence does nothing: {doing(told)}")
        self.world.now_ms = max(self.world.now_ms, self.until_ms)
        self._act(Recorded("test:silence", 0) if isinstance(told, Record) else NoInput())

    def wait(self, ms: int) -> None:
        """Listen to the music for so long."""
        if not isinstance(self._told(), Hold):
            raise CannotDo(f"nobody waits in line: {doing(self.instruction)}")
        end_ms = self.world.now_ms + ms
        self.heard = []
        while isinstance(self.instruction, Hold) and self.until_ms <= end_ms:
            self.world.now_ms = self.until_ms
            self.wake(NoInput())
        if isinstance(self.instruction, Hold):
            self.world.now_ms = end_ms

    def agent_answers(self, attempt: str = "attempt-1") -> None:
        """An agent takes the call that is on hold."""
        if not isinstance(self._told(), Hold):
            raise CannotDo(f"the call is not on hold: {doing(self.instruction)}")
        self.world.ringing = False
        self._act(Joined(attempt))

    def talk(self, ms: int, outcome: Outcome = Outcome.ANSWERED) -> None:
        """Talk for so long; then the other side hangs up, or (`outcome`) never was there."""
        if not isinstance(self._told(), Join | Dial):
            raise CannotDo(f"nobody is talked to: {doing(self.instruction)}")
        self.world.now_ms += ms
        self._act(DialEnded(outcome, ms // 1000))

    def leave_message(self, ms: int) -> None:
        if not isinstance(self._told(), Record):
            raise CannotDo(f"nothing is recorded: {doing(self.instruction)}")
        self.world.now_ms += ms
        self._act(Recorded("test:message", ms // 1000))

    def hang_up(self) -> None:
        self._told()
        self._act(HungUp())

    def _act(self, given: Input) -> None:
        self.heard = []
        self.wake(given)

    def _told(self) -> Instruction:
        ended = self.session.ended
        if ended:
            raise CannotDo(f"the call has ended: {ended}")
        return self.instruction


def doing(told: Instruction) -> str:
    """What the phone is doing, for a message."""
    match told:
        case Gather():
            return f"{told.max_digits} digit(s) are waited for"
        case Hold():
            return "the caller is on hold"
        case Record():
            return "a message is being recorded"
        case Dial():
            return f"{told.to} is being rung"
        case Join():
            return "the caller talks to an agent"
        case Hangup():
            return f"the call has ended: {told.reason}"


def _lasts_ms(told: Instruction) -> int:
    match told:
        case Gather():
            return told.timeout_ms
        case Hold():
            return told.ms
        case Record():
            return told.silence_ms
        case _:
            return 0
