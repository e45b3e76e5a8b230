"""The two ports of a call: the telephone network that carries it, and the line in which it may stand.

Law: declarations only. Whoever implements a port promises what its docstrings say; `tests/contracts` holds every network to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ivr.asks import Ask
from ivr.facts import Facts
from ivr.inputs import Answer, Outcome


class Refused(Exception):
    """The provider said no: nothing was dialled. `permanent`: the same request would be refused again."""

    def __init__(self, message: str, *, outcome: Outcome = Outcome.FAILED, permanent: bool = False) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.permanent = permanent


class Unsure(Exception):
    """The provider did not answer: the call may exist. Never dial again before `find` has told.

    Or another run is at the same turn, and has not said what came of it: asked again in a moment, we know."""


class Away(Unsure):
    """The part of the network that is needed takes no orders now, so none was sent: nothing was done, and never will be."""


class Gone(Exception):
    """The call is not up any more (Twilio's 21220): a normal race at hang-up."""


class CallState(StrEnum):
    RINGING = "ringing"
    UP = "up"
    ENDED = "ended"
    UNKNOWN = "unknown"  # the provider never heard of it: nothing was dialled


@dataclass(frozen=True, slots=True)
class Found:
    state: CallState
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A call to place. `call` is our id for it: it is the provider's key against dialling twice and the key of `find`.

    `detect_machine`: have the network listen, before the flow begins, whether a machine has answered. One that cannot need not.
    `beside`: a call that this one will talk to, so the network places it where that one is; empty: wherever it likes.
    """

    call: str
    to: str
    caller_id: str
    ring_ms: int
    detect_machine: bool = False
    beside: str = ""


class Listening(StrEnum):
    """How a supervisor takes part in a talk."""

    LISTEN = "listen"  # nobody hears him
    WHISPER = "whisper"  # only the call that he listens to hears him
    BARGE = "barge"  # both sides hear him


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the phone network that is ours to run. `up`: it takes commands. `calls`: how many it has, as it said last.
    `silent_ms`: how long ago that was; None: not within a day."""

    name: str
    up: bool
    calls: int = 0
    silent_ms: int | None = None


class Provider(Protocol):
    """What we need of a phone network. Every method may raise `Unsure` when it gets no answer."""

    name: str

    def originate(self, outgoing: Outgoing) -> None:
        """Ring `outgoing.to`; when answered, the network fetches what to do from our webhook for `outgoing.call`.
        Raises `Refused`, also when this call has been placed before, or hung up before it was placed, and `Away`."""
        ...

    def redirect(self, call: str, attempt: str) -> None:
        """Take the held `call` out of its hold: the network wakes its session with `Joined(attempt)`. Raises `Gone`."""
        ...

    def hangup(self, call: str) -> None:
        """End `call`, ringing or up; a call that is over already is left alone. One that the network has not heard of may be on
        its way: it is never placed then, and `find` says ended, canceled. A phone that has rung may be rung again at once."""
        ...

    def find(self, call: str) -> Found:
        """What the network knows of `call`, for reconciling after a crash or silence."""
        ...

    def listen(self, phone: str, call: str, mode: Listening) -> None:
        """Ring `phone`; who answers there takes part in the talk of `call` (the agent's: in a whisper only he hears). Raises
        `Refused` (no such phone, or it cannot be rung) and `Gone` (`call` is not up)."""
        ...

    def record(self, call: str, on: bool) -> None:
        """Record the talk of `call` (the customer's) from now on, or stop doing so; what was recorded stays, and is gone on
        with. Twice the same is nothing. Raises `Gone` when `call` is not up, and `Refused` where the network cannot begin
        now what it was not told to record when the talk began (`Join.record`)."""
        ...

    def nodes(self) -> tuple[Node, ...]:
        """The machines of this network that are ours to run; none where it is somebody else's."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """What the line may know of the call whose session asks. `number` is E.164 or empty (withheld); `entry` is the place
    it holds; `attempt` and `leg` (agent, customer) are set on calls that we placed for an attempt. `room`: the attempt in whose
    room it is."""

    call: str
    number: str = ""
    lang: str = ""
    entry: str = ""
    attempt: str = ""
    leg: str = ""
    room: str = ""


class LinePort(Protocol):
    """What a call needs of the line; `callback.service.Line` is wired in by `ivr.app`."""

    def answer(self, ask: Ask, caller: Caller) -> Answer:
        """Carry out an ask other than `Fetch`. Idempotent."""
        ...

    def facts(self) -> Facts: ...

    def held(self, caller: Caller, until_ms: int) -> None:
        """The caller is on hold and will be heard of again by `until_ms`; silence past it means he may be gone."""
        ...

    def entered(self, caller: Caller) -> None:
        """The call has been sent into the room of the attempt `caller.room`. Told again whenever the network asks again."""
        ...

    def talk_ended(self, caller: Caller, outcome: Outcome) -> None:
        """The other side of the talk has left (`answered`), or the room never filled (any other outcome)."""
        ...

    def transferred(self, caller: Caller, to: str) -> bool:
        """The agent has sent this customer on to `to` (a queue, an agent's id or phone) from his own telephone. True: the
        customer waits there; nobody known is `to`: he waits in the queue of the talk again, in his old place. False: he was
        in no talk (any more)."""
        ...

    def ended(self, caller: Caller, outcome: Outcome, reason: str) -> None:
        """The call is over. `outcome` as `HungUp`; `reason` is the flow's own (`refused` by a person who pressed 2)."""
        ...
