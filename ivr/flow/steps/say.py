"""Say: speak prompts and go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ivr.flow.fields import PromptRef, Target
from ivr.flow.steps.base import Step
from ivr.moves import Go

if TYPE_CHECKING:
    from ivr.moves import Move
    from ivr.turning import Turning


class Say(Step):
    """Speaks `prompts` one after another."""

    type: Literal["say"]
    prompts: list[PromptRef] = Field(min_length=1)
    barge_in: bool = True
    next: Target

    def enter(self, turning: Turning) -> Move:
        for prompt in self.prompts:
            turning.say(prompt, barge_in=self.barge_in)
        return Go(self.next)
