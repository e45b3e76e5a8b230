"""What a turn may know of the world beyond its session.

Law: facts are read, never acted on; asking twice within a turn gives the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """A queue as a newcomer would find it. `wait_s`: what we would announce ("less than"), None when unknown."""

    waiting: int = 0
    agents: int = 0
    wait_s: int | None = None


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """One entry's place. `position` counts from 1; `wait_s` as in `QueueFacts`; `offer`: the queue's rules allow a callback
    to be offered now; `closing`: the queue closes before this caller can be served, so he is to be told and moved."""

    position: int
    wait_s: int | None = None
    offer: bool = False
    closing: bool = False


@dataclass(frozen=True, slots=True)
class TalkFacts:
    """What became of an attempt, as its customer's call must know it. `record`: its talk is recorded. `entry`, `queue`: the
    agent sent the customer on, who now holds this place; `unknown`: to nobody that we know, so it is his old place."""

    record: bool = False
    entry: str = ""
    queue: str = ""
    unknown: bool = False


class Facts(Protocol):
    @property
    def now_ms(self) -> int: ...

    def queue(self, name: str) -> QueueFacts: ...

    def place(self, entry: str) -> PlaceFacts | None:
        """None when the entry does not wait any more."""
        ...

    def talk(self, attempt: str) -> TalkFacts: ...


WAIT_LADDER_S = tuple(60 * minutes for minutes in (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90))
"""The waits that are announced ("less than"), in seconds: finer steps promise what nobody can keep (docs/design.md)."""
