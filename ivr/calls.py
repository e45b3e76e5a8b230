"""The shell round the engine: one call, one input, one saved turn.

Law: whatever happens inside, a caller hears something. This module declares the `Provider` port; it knows no provider.
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
    """The provider did not answer: the call may exist. Never dial again before `find` has told."""


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
    """A call to place. `call` is our id for it: it is the provider's key against dialling twice and the key of `find`."""

    call: str
    to: str
    caller_id: str
    ring_ms: int
    detect_machine: bool = False


class Provider(Protocol):
    """What we need of a phone network. Every method may raise `Unsure` when it gets no answer."""

    name: str

    def originate(self, outgoing: Outgoing) -> None:
        """Ring `outgoing.to`; when answered, the network fetches what to do from our webhook for `outgoing.call`.
        Raises `Refused`."""
        ...

    def redirect(self, call: str, attempt: str) -> None:
        """Take the held `call` out of its hold: the network wakes its session with `Joined(attempt)`. Raises `Gone`."""
        ...

    def hangup(self, call: str) -> None:
        """End `call`, ringing or up; a call that is over already is left alone."""
        ...

    def find(self, call: str) -> Found:
        """What the network knows of `call`, for reconciling after a crash or silence."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """What the line may know of the call whose session asks. `number` is E.164 or empty (withheld); `entry` is the place
    it holds; `attempt` and `leg` (agent, customer) are set on calls that we placed for an attempt."""

    call: str
    number: str = ""
    lang: str = ""
    entry: str = ""
    attempt: str = ""
    leg: str = ""


class LinePort(Protocol):
    """What a call needs of the line; `callback.service.Line` is wired in by `ivr.app`."""

    def answer(self, ask: Ask, caller: Caller) -> Answer:
        """Carry out an ask other than `Fetch`. Idempotent."""
        ...

    def facts(self) -> Facts: ...

    def held(self, caller: Caller, until_ms: int) -> None:
        """The caller is on hold and will be heard of again by `until_ms`; silence past it means he may be gone."""
        ...

    def talk_ended(self, caller: Caller, outcome: Outcome) -> None:
        """The other side of the talk has left (`answered`), or the room never filled (any other outcome)."""
        ...

    def ended(self, caller: Caller, outcome: Outcome, reason: str) -> None:
        """The call is over. `outcome` as `HungUp`; `reason` is the flow's own (`refused` by a person who pressed 2)."""
        ...
