"""Time, passed in.

Law: nobody reads the system clock except through a `Clock`, and all times are epoch milliseconds (UTC) as `int`.
So a day can be replayed at a thousand times its speed, and a failure by its seed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """The time now, in epoch milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The wall clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class ScaledClock:
    """The wall clock, running `speed` times as fast since `base_ms`; every process given the same two numbers agrees."""

    base_ms: int
    speed: float

    def now_ms(self) -> int:
        return self.base_ms + int((time.time_ns() / 1_000_000 - self.base_ms) * self.speed)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told to: tests, flow tests and replay."""

    at_ms: int = 1_773_147_600_000  # 2026-03-10 10:00 in Sao Paulo

    def now_ms(self) -> int:
        return self.at_ms

    def advance(self, ms: int) -> None:
        if ms < 0:
            raise ValueError(f"time does not go back: advance({ms})")
        self.at_ms += ms


def speed_of(clock: Clock) -> float:
    """How many times as fast as the wall's this clock runs (for timers that tick on a screen)."""
    return clock.speed if isinstance(clock, ScaledClock) else 1.0


def real_seconds(clock: Clock, ms: int) -> float:
    """How long `ms` of this clock's time last on the wall, in seconds (for waiting, never for deciding)."""
    return ms / 1000 / speed_of(clock)
