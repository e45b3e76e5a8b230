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
    """The flow ends. A subflow then goes back to the flow that called it, unless the whole call is over (`final`)."""

    reason: str
    final: bool = False


Move = Go | Wait | AskFor | End
