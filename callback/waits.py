"""How long some people waited: a sum and a histogram, small enough to store per queue and day.

Law: exact in number and sum; a quantile is within a second, above 128 s within 0.8 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final


@dataclass(frozen=True, slots=True)
class Waits:
    """How long some people waited: their sum, and a histogram by whole seconds, 128 steps to each doubling above 128 s."""

    n: int = 0
    sum_ms: int = 0
    histogram: dict[int, int] = field(default_factory=dict)

    def plus(self, ms: int, count: int = 1) -> Waits:
        """With `count` more (-1: one less) who waited `ms`."""
        step = _step(ms)
        histogram = {**self.histogram, step: self.histogram.get(step, 0) + count}
        if not histogram[step]:
            del histogram[step]
        return Waits(self.n + count, self.sum_ms + count * ms, histogram)

    def __add__(self, other: Waits) -> Waits:
        steps = self.histogram.keys() | other.histogram.keys()
        histogram = {s: self.histogram.get(s, 0) + other.histogram.get(s, 0) for s in steps}
        return Waits(self.n + other.n, self.sum_ms + other.sum_ms, histogram)

    def mean_s(self) -> float | None:
        return self.sum_ms / 1000 / self.n if self.n else None

    def quantile_s(self, share: float) -> float | None:
        """So many seconds were enough for `share` of them: the nearest rank, within a second or 0.8 %."""
        steps = sorted(self.histogram)
        reached = accumulate(self.histogram[s] for s in steps)
        return next((float(s) for s, n in zip(steps, reached, strict=True) if n >= share * self.n), None)


NOBODY: Final = Waits()


def _step(ms: int) -> int:
    seconds = max(ms, 0) // 1000
    coarse = max(seconds.bit_length() - 8, 0)
    return seconds >> coarse << coarse
