"""What wakes a session: the closed set of inputs.

Law: a provider says only these words to the engine. Frozen, JSON-able, no behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How one call (leg) that we placed came out. The words of Twilio's DialCallStatus, plus `machine` and `refused`.

    `refused`: a person answered and did not take it (pressed 2, or nothing, at "press 1 to be connected").
    """

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    MACHINE = "machine"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELED = "canceled"


class Machine(StrEnum):
    """What a network that listened to who answered takes it for. A hint, no outcome: people who say more than a word sound
    like machines, and machines that say one word like people."""

    MACHINE = "machine"
    HUMAN = "human"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Started:
    """The call is up and its flow begins. `machine`: what answered a call that we placed sounds like; None: nobody listened."""

    machine: Machine | None = None


@dataclass(frozen=True, slots=True)
class Digits:
    """Keys pressed, without the finish key. `finished`: the finish key ended them."""

    digits: str
    finished: bool = False


@dataclass(frozen=True, slots=True)
class NoInput:
    """The time for input (or one stretch of hold music) ran out and nothing was pressed."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording ended. `seconds` 0: nothing was said."""

    url: str
    seconds: int


@dataclass(frozen=True, slots=True)
class DialEnded:
    """The other party of a transfer, or of a talk with an agent, is gone and this call is still up."""

    outcome: Outcome
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Joined:
    """The line moves this held call into the room of `attempt`: an agent has taken it."""

    attempt: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """The call is over. `outcome`: `answered` when it had been up, else why it never was."""

    outcome: Outcome = Outcome.ANSWERED


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of the session's `Ask`: one of the outcomes listed at that ask (`ivr/asks.py`), and its values."""

    outcome: str
    values: dict[str, Any] = field(default_factory=dict)


Input = Started | Digits | NoInput | Recorded | DialEnded | Joined | HungUp | Answer
