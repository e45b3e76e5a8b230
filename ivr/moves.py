"""How a turn goes on after a step has acted: the closed set of moves."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.asks import Ask
from ivr.instructions import Instruction


@dataclass(frozen=True, slots=True)
class Go:
    """On to `target`: a step's name or a reserved target."""

    target: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The turn is over: the phone side carries out `instruction` and wakes the session again."""

    instruction: Instruction


@dataclass(frozen=True, slots=True)
class AskFor:
    """The turn cannot go on without `ask`; its `Answer` comes to the same step."""

    ask: Ask


@dataclass(frozen=True, slots=True)
class End:
    reason: str


Move = Go | Wait | AskFor | End
