"""When it is open: spans of local days as moments in time.

Law: pure; a day is worked out once and kept. Local times follow RFC 5545 3.3.5: one that the clock skips counts with the
offset before the gap, one that comes twice means its first coming.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

DAY_MINUTES = 24 * 60
HORIZON_DAYS = 400
"""How far ahead is looked: over a year, so that what happens once a year is found."""

_KEPT_DAYS = 4096


class OpenState(StrEnum):
    """`holiday`: a public holiday on which no span is open."""

    OPEN = "open"
    CLOSED = "closed"
    HOLIDAY = "holiday"


class Span(NamedTuple):
    """Minutes since the midnight that begins the day; `end` is beyond 1440 when the span goes over midnight."""

    start: int
    end: int

    def __str__(self) -> str:
        ends = self.end % DAY_MINUTES if self.end > DAY_MINUTES else self.end
        return f"{self.start // 60:02}:{self.start % 60:02}-{ends // 60:02}:{ends % 60:02}"


class LocalDay(NamedTuple):
    """A local date worked out: what it is when nothing is open, and its openings as epoch ms, in order."""

    otherwise: OpenState
    openings: tuple[tuple[int, int], ...]


@lru_cache(maxsize=256)
def public_holidays(code: str, year: int) -> frozenset[date]:
    """The public holidays of `BR` or `BR-SP` in a year (what a country calls optional, such as Carnival, is not one)."""
    country, _, part = code.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))


@dataclass(slots=True)
class Opening:
    """One hours object. `week`: spans from Monday to Sunday."""

    timezone: str
    week: tuple[tuple[Span, ...], ...]
    calendar: str | None = None
    closed: frozenset[date] = frozenset()
    special: dict[date, tuple[Span, ...]] = field(default_factory=dict)
    _days: dict[date, LocalDay] = field(default_factory=dict, repr=False, compare=False)

    def state(self, at_ms: int) -> OpenState:
        today = self._date(at_ms)
        for day in (self._day(today), self._day(today - timedelta(1))):
            if any(opens <= at_ms < closes for opens, closes in day.openings):
                return OpenState.OPEN
        return self._day(today).otherwise

    def next_open_ms(self, at_ms: int) -> int:
        for opens, closes in self._openings(at_ms):
            if closes > at_ms:
                return max(opens, at_ms)
        return 0

    def closes_ms(self, at_ms: int) -> int:
        until = 0
        for opens, closes in self._openings(at_ms):
            if until and opens > until:
                return until
            if until or opens <= at_ms < closes:
                until = max(until, closes)
            elif opens > at_ms:
                return 0
        last = self._date(at_ms) + timedelta(HORIZON_DAYS)
        return until if until < self._at(last, 0) else 0

    def _openings(self, at_ms: int) -> Iterator[tuple[int, int]]:
        """The openings from the day before on."""
        today = self._date(at_ms)
        for ahead in range(-1, HORIZON_DAYS + 1):
            yield from self._day(today + timedelta(ahead)).openings

    def _date(self, at_ms: int) -> date:
        return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(self.timezone)).date()

    def _day(self, day: date) -> LocalDay:
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= _KEPT_DAYS:
                self._days.clear()
            known = self._days[day] = self._worked_out(day)
        return known

    def _worked_out(self, day: date) -> LocalDay:
        otherwise = OpenState.CLOSED
        if day in self.special:
            spans = self.special[day]
        elif day in self.closed:
            spans = ()
        elif self.calendar and day in public_holidays(self.calendar, day.year):
            spans, otherwise = (), OpenState.HOLIDAY
        else:
            spans = self.week[day.weekday()]
        moments = ((self._at(day, span.start), self._at(day, span.end)) for span in spans)
        return LocalDay(otherwise, tuple((opens, closes) for opens, closes in moments if opens < closes))

    def _at(self, day: date, minute: int) -> int:
        days, minutes = divmod(minute, DAY_MINUTES)
        on = day + timedelta(days)
        local = datetime(on.year, on.month, on.day, minutes // 60, minutes % 60, tzinfo=ZoneInfo(self.timezone))
        return int(local.timestamp() * 1000)
