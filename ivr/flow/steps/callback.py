"""Callback: keep the place and be rung, instead of waiting on the line."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ivr.flow.fields import Duration, HoursName, Model, QueueName, SkillName, Target
from ivr.flow.steps.base import On, OptionalTarget, Step


class Schedule(Model):
    """Times to choose from when the caller would rather be rung later: slots of `slot` within the opening `hours`, up to
    `within` from now."""

    hours: HoursName
    slot: Annotated[Duration, Field(ge=900_000)] = 1_800_000
    within: Duration = 259_200_000


class CallbackExits(On):
    declined: OptionalTarget = None
    invalid: OptionalTarget = None
    duplicate: OptionalTarget = None
    full: OptionalTarget = None
    blocked: OptionalTarget = None


class CallbackStep(Step):
    """Settles the number and books the callback. With `keep_place`, a caller who waits keeps his place.

    `number`: `caller` rings the caller's number unasked, `confirm` reads it back (1 right, 2 another), `ask` asks.
    Zero values (`attempts` ...) leave the queue's own rule. An exit that is not named leads to `defaults.on_fail`.
    """

    waits: ClassVar[bool] = True
    human: ClassVar[bool] = True

    type: Literal["callback"]
    queue: QueueName
    keep_place: bool = True
    number: Literal["caller", "confirm", "ask"] = "confirm"
    schedule: Schedule | None = None
    priority: int = Field(default=0, ge=0, le=10)
    skills: list[SkillName] = []
    attempts: int = Field(default=0, ge=0, le=10)
    retry_after: Duration = 0
    expires: Duration = 0
    mode: Literal["", "agent_first", "customer_first"] = ""
    next: Target
    on: CallbackExits = CallbackExits()
