"""Join: connect the two sides of an attempt.

Law: only in the flows that we place calls with (`callback_agent`, `callback_customer`).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from ivr.flow.fields import Target
from ivr.flow.steps.base import On, OptionalTarget, Step


class JoinExits(On):
    gone: OptionalTarget = None


class JoinStep(Step):
    """The person accepted. Enters the room of the attempt, or holds until the other leg has. `next` follows the talk;
    `gone`: the other side is not there any more (`next` unless named)."""

    waits: ClassVar[bool] = True
    human: ClassVar[bool] = True

    type: Literal["join"]
    music: str = "default"
    next: Target
    on: JoinExits = JoinExits()
