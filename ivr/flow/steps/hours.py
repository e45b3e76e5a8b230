"""Hours: open, closed or a holiday, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ivr.flow.fields import HoursName, Target
from ivr.flow.steps.base import OptionalTarget, Step
from ivr.moves import Go

if TYPE_CHECKING:
    from ivr.moves import Move
    from ivr.turning import Turning


class HoursStep(Step):
    """Takes the exit that the hours object says for this moment; `holiday` is `closed` unless named."""

    type: Literal["hours"]
    hours: HoursName
    open: Target
    closed: Target
    holiday: OptionalTarget = None

    def enter(self, turning: Turning) -> Move:
        state = turning.flow.hours[self.hours].state(turning.now_ms)
        if state == "open":
            return Go(self.open)
        return Go(self.holiday or self.closed) if state == "holiday" else Go(self.closed)
