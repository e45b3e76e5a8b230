"""Transfer: ring somebody outside the line and connect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from ivr.flow.fields import Duration, Marker, PromptRef, Target
from ivr.flow.steps.base import On, OptionalTarget, Step
from ivr.inputs import DialEnded, Outcome
from ivr.instructions import Dial
from ivr.moves import Go, Wait

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


class TransferExits(On):
    busy: OptionalTarget = None
    no_answer: OptionalTarget = None
    failed: OptionalTarget = None


class Transfer(Step):
    """Rings `to` (E.164, `sip:...` or an extension). `next` follows the talk; an exit not named leads to `defaults.on_fail`."""

    waits: ClassVar[bool] = True
    human: ClassVar[bool] = True

    type: Literal["transfer"]
    to: Annotated[
        str,
        StringConstraints(pattern=r"^(\+[1-9][0-9]{6,14}|sips?:[A-Za-z0-9._+-]+@[A-Za-z0-9.:-]+|[0-9]{2,6})$"),
        Marker("phone", "a number with + (+551130001000), sip:user@host, or an extension of 2 to 6 digits"),
    ]
    prompt: PromptRef | None = None
    caller_id: (
        Annotated[
            str,
            StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$"),
            Marker("caller_id", "a number with +: +551130001000"),
        ]
        | None
    ) = None
    timeout: Annotated[Duration, Field(ge=5_000, le=600_000)] = 30_000
    next: Target
    on: TransferExits = TransferExits()

    def enter(self, turning: Turning) -> Move:
        turning.say(self.prompt)
        return Wait(Dial(turning.take_speech(), self.to, self.caller_id or "", self.timeout))

    def resume(self, turning: Turning, given: Input) -> Move:
        outcome = given.outcome if isinstance(given, DialEnded) else Outcome.FAILED
        if outcome is Outcome.ANSWERED:
            return Go(self.next)
        return turning.leave(self, {Outcome.BUSY: "busy", Outcome.NO_ANSWER: "no_answer"}.get(outcome, "failed"))
