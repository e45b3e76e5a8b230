"""Hours: open, closed or a holiday, now."""

from __future__ import annotations

from typing import Literal

from ivr.flow.fields import HoursName, Target
from ivr.flow.steps.base import OptionalTarget, Step


class HoursStep(Step):
    """Takes the exit that the hours object says for this moment; `holiday` is `closed` unless named."""

    type: Literal["hours"]
    hours: HoursName
    open: Target
    closed: Target
    holiday: OptionalTarget = None
