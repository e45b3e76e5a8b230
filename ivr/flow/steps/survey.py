"""Survey: one question after the talk; no answer is a skip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import StringConstraints

from ivr.events import EventType
from ivr.flow.fields import BoxName, Duration, Marker, PromptRef, Target
from ivr.flow.steps.base import Step
from ivr.inputs import Digits, Recorded
from ivr.instructions import Record
from ivr.moves import Go, Wait

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


class Survey(Step):
    """Asks for a key on `scale` (`1-5`, `0-10`). `comment` records a spoken remark after the score."""

    waits: ClassVar[bool] = True

    type: Literal["survey"]
    kind: Literal["csat", "nps", "ces"]
    prompt: PromptRef
    scale: Annotated[
        str, StringConstraints(pattern=r"^(0|1)-([2-9]|10)$"), Marker("scale", "a scale from 0 or 1: 1-5, 0-10")
    ] = "1-5"
    comment: BoxName | None = None
    timeout: Duration | None = None
    next: Target

    def enter(self, turning: Turning) -> Move:
        turning.say(self.prompt)
        return turning.gather(len(self.scale.partition("-")[2]), timeout_ms=self.timeout)

    def resume(self, turning: Turning, given: Input) -> Move:
        if isinstance(given, Recorded):
            turning.event(EventType.VOICEMAIL_LEFT, box=self.comment, url=given.url, seconds=given.seconds)
            return Go(self.next)
        low, _, high = self.scale.partition("-")
        score = int(given.digits) if isinstance(given, Digits) and given.digits.isdigit() else -1
        if not int(low) <= score <= int(high):
            return Go(self.next)
        turning.event(EventType.SURVEY_ANSWERED, kind=self.kind, score=score)
        if self.comment is None:
            return Go(self.next)
        turning.tell("ask_comment")
        return Wait(Record(turning.take_speech(), 60_000, 4_000))
