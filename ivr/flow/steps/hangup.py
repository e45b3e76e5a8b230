"""Hangup: the end, said kindly."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from ivr.flow.fields import PromptRef
from ivr.flow.steps.base import Step


class HangupStep(Step):
    """`reason` goes to the line and the reports: `refused` on an attempt's call means that the person did not take it."""

    terminal: ClassVar[bool] = True

    type: Literal["hangup"]
    prompt: PromptRef | None = None
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] = "done"
