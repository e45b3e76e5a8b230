"""A telephone and who is at it, as the network sees them: a call, what people can do in it, how long speech takes.

Law: instructions are the JSON that our webhooks answer; people know nothing else of us.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from ivr.inputs import Outcome
from ivr.ports import CallState

WORDS_PER_MINUTE = 150


@dataclass(frozen=True, slots=True)
class Press:
    """Press `digits`, `after_ms` from the start of what is being said."""

    digits: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class Speak:
    """Say something for `ms` after the tone."""

    ms: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Hang up, `after_ms` from now."""

    after_ms: int


Act = Press | Speak | Leave | None


class Person(Protocol):
    """Somebody at a telephone. Asked by the network, never told by us."""

    def rings(self, call: Call, ring_ms: int) -> tuple[int, Outcome]:
        """The phone rings: after how many milliseconds what becomes of it."""
        ...

    def hears(self, call: Call, do: dict[str, Any], now_ms: int) -> Act:
        """An instruction begins. What the person does, None: nothing."""
        ...

    def talk_ms(self, call: Call) -> int | None:
        """A talk begins: after how long this person ends it; None: leaves that to the other."""
        ...

    def ended(self, call: Call, outcome: Outcome, now_ms: int) -> None: ...


@dataclass(slots=True)
class Call:
    """One leg. `epoch` goes up with every instruction, so that what was due for an older one falls flat."""

    id: str
    person: Person
    outbound: bool
    number: str = ""
    state: CallState = CallState.RINGING
    outcome: Outcome | None = None
    turn: int = 0
    epoch: int = 0
    room: str = ""
    recorded: bool = False
    heard: list[str] = field(default_factory=list)
    do: dict[str, Any] = field(default_factory=dict)


def spoken_ms(do: dict[str, Any]) -> int:
    """How long an instruction's speech takes."""
    count: int = sum(len(part.get("text", "").split()) for part in do["speech"])
    pauses: int = sum(part.get("ms", 0) for part in do["speech"])
    return count * 60_000 // WORDS_PER_MINUTE + pauses


def deaf_ms(do: dict[str, Any]) -> int:
    """How long keys are kept unheard: to the end of the last part of the speech that is heard to its end."""
    parts = do["speech"] if do.get("barge_in", True) else [*do["speech"], {"barge_in": False}]
    last = max((n for n, part in enumerate(parts, start=1) if not part.get("barge_in", True)), default=0)
    return spoken_ms({"speech": parts[:last]})


def takes(do: dict[str, Any], digits: str) -> bool:
    """Whether pressing `digits` ends what is going on. (Too few for a gather, without the finish key, end it a little later:
    the same to us.)"""
    if do["do"] == "gather":
        return bool(digits) and len(digits.rstrip("#")) <= do["max_digits"]
    return len(digits) == 1 and digits in do["keys"]
