"""Hangup: the end, said kindly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import StringConstraints

from ivr.flow.fields import Marker, PromptRef
from ivr.flow.steps.base import Step
from ivr.moves import End

if TYPE_CHECKING:
    from ivr.moves import Move
    from ivr.turning import Turning


class HangupStep(Step):
    """`reason` goes to the line and the reports: `refused` on an attempt's call means that the person did not take it."""

    terminal: ClassVar[bool] = True

    type: Literal["hangup"]
    prompt: PromptRef | None = None
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$"), Marker("reason", "a word: a-z and _")] = "done"

    def enter(self, turning: Turning) -> Move:
        turning.say(self.prompt)
        return End(self.reason)
