"""Voicemail: a message into a box."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ivr.flow.fields import BoxName, Duration, PromptRef, Target
from ivr.flow.steps.base import On, OptionalTarget, Step


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
