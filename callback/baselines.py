"""What others would have said: the estimators that ours is measured against on the same callers.

Law: pure, and each is exactly the rule that it is named after.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field


@dataclass(slots=True)
class AsteriskHold:
    """Asterisk's `holdtime` of a queue, in whole seconds, and what `app_queue` announces from it.

    Source: app_queue.c, `recalc_holdtime` and `say_position` (read at f0c1c1a7): every answered call counts, those who
    did not wait too.
    """

    hold_s: int = 0

    def answered(self, wait_s: int) -> None:
        self.hold_s = (3 * self.hold_s + wait_s) >> 2

    def minutes_said(self, elapsed_s: int = 0) -> int:
        """The minutes it announces; nothing is said at 0. Late callers hear it rise again: it is an absolute value."""
        return abs(self.hold_s + 30 - elapsed_s) // 60


@dataclass(slots=True)
class RunningConstant:
    """No information at all: the median of the waits so far. Whoever is not better than this knows nothing."""

    waits_s: list[float] = field(default_factory=list)

    def answered(self, wait_s: float) -> None:
        insort(self.waits_s, wait_s)

    @property
    def wait_s(self) -> float:
        n = len(self.waits_s)
        return (self.waits_s[(n - 1) // 2] + self.waits_s[n // 2]) / 2 if n else 0.0
