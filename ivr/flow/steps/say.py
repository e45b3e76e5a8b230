"""Say: speak prompts and go on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ivr.flow.fields import PromptRef, Target
from ivr.flow.steps.base import Step


class Say(Step):
    """Speaks `prompts` one after another."""

    type: Literal["say"]
    prompts: list[PromptRef] = Field(min_length=1)
    barge_in: bool = True
    next: Target
