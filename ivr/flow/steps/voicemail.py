"""Voicemail: a message into a box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ivr.events import EventType
from ivr.flow.fields import BoxName, Duration, PromptRef, Target
from ivr.flow.steps.base import On, OptionalTarget, Step
from ivr.inputs import Recorded
from ivr.instructions import Record
from ivr.moves import Go, Wait

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


class VoicemailExits(On):
    empty: OptionalTarget = None
    failed: OptionalTarget = None


class Voicemail(Step):
    """Speaks `prompt`, records up to `max` or `silence`. `empty` is `next` unless named."""

    waits: ClassVar[bool] = True
    human: ClassVar[bool] = True

    type: Literal["voicemail"]
    prompt: PromptRef
    box: BoxName
    max: Annotated[Duration, Field(ge=3_000, le=600_000)] = 120_000
    silence: Annotated[Duration, Field(ge=1_000, le=30_000)] = 5_000
    next: Target
    on: VoicemailExits = VoicemailExits()

    def enter(self, turning: Turning) -> Move:
        turning.say(self.prompt)
        return Wait(Record(turning.take_speech(), self.max, self.silence))

    def resume(self, turning: Turning, given: Input) -> Move:
        if not isinstance(given, Recorded):
            return turning.leave(self, "failed")
        if given.seconds == 0:
            return turning.leave(self, "empty")
        turning.event(EventType.VOICEMAIL_LEFT, box=self.box, url=given.url, seconds=given.seconds)
        turning.tell("leave_message")
        return Go(self.next)
