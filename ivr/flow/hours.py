"""Opening hours, as an author writes them: days, holidays, exceptions.

Law: the most particular word wins: `special` over `closed` over `holidays` over a single day over a range of days over
`daily`. A span belongs to the day on which it begins, also when it goes over midnight.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import available_timezones

import holidays
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ivr.flow.fields import Marker, Model
from ivr.flow.opening import DAY_MINUTES, Opening, OpenState, Span
from ivr.flow.problems import closest

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPAN = re.compile(r"(\d?\d):(\d\d)-(\d?\d):(\d\d)")
_ZONES = frozenset(available_timezones())


def _bad(message: str, **values: str) -> PydanticCustomError:
    return PydanticCustomError("bad_hours", message, values)


def read_span(text: str) -> Span:
    """`08:00-18:00` in minutes of its day; `22:00-06:00` ends on the next, `24h` is all of it."""
    if text == "24h":
        return Span(0, DAY_MINUTES)
    found = _SPAN.fullmatch(text.replace(" ", ""))
    hours = [int(part) for part in found.groups()] if found else []
    if not hours or hours[0] > 23 or hours[2] > 24 or max(hours[1], hours[3]) > 59 or (hours[2] == 24 and hours[3]):
        raise _bad('"{text}" is not a time span; write 08:00-18:00, 22:00-06:00, 24h or closed', text=text)
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if start == end:
        raise _bad('"{text}" is empty; for the whole day write 24h', text=text)
    return Span(start, end if end > start else end + DAY_MINUTES)


def read_spans(value: Any) -> tuple[Span, ...]:
    """One span, a list of them, or `closed`."""
    if value in ("closed", []):
        return ()
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise _bad("a time span is needed; write 08:00-18:00, or a list of spans")
    spans = tuple(sorted(read_span(text) for text in texts))
    for first, second in pairwise(spans):
        if second.start < first.end:
            raise _bad("{first} and {second} overlap", first=str(first), second=str(second))
    return spans


def days_of(key: str) -> tuple[str, ...]:
    """The days that a key names: `wed`, `mon-fri`, `fri-mon` (over the weekend), `daily`."""
    if key == "daily":
        return DAYS
    first, dash, last = key.partition("-")
    if first not in DAYS or (dash and last not in DAYS) or first == last:
        near = closest(key, (*DAYS, "daily", "timezone", "holidays", "closed", "special"))
        guess = f'did you mean "{near}"? ' if near else ""
        raise _bad(
            '"{key}" is not a day; {guess}expected mon to sun, a range such as mon-fri, or daily', key=key, guess=guess
        )
    start, end = DAYS.index(first), DAYS.index(last or first)
    return tuple(DAYS[(start + n) % 7] for n in range((end - start) % 7 + 1))


def _day_key(key: str) -> str:
    days_of(key)
    return key


def _zone(value: str) -> str:
    if value not in _ZONES:
        near = closest(value, _ZONES)
        guess = f'did you mean "{near}"?' if near else "expected a name such as America/Sao_Paulo"
        raise _bad('"{zone}" is not a time zone; {guess}', zone=value, guess=guess)
    return value


def _calendar(value: str) -> str:
    country, _, part = value.partition("-")
    known = holidays.list_supported_countries(include_aliases=False)
    if country not in known:
        raise _bad('there is no holiday calendar "{code}"; expected a country such as BR, US, or BR-SP', code=country)
    if part and part not in known[country]:
        parts = ", ".join(known[country]) or "none"
        raise _bad('{country} has no region "{part}"; expected one of {parts}', country=country, part=part, parts=parts)
    return value


def _date(value: Any) -> Any:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise _bad('"{text}" is not a date; write 2026-12-24', text=str(value)) from None


Spans = Annotated[tuple[Span, ...], BeforeValidator(read_spans), Marker("spans")]
Day = Annotated[date, BeforeValidator(_date), Marker("date")]
DayKey = Annotated[str, AfterValidator(_day_key), Marker("day")]


class Hours(Model):
    """When a place is open, in its own time zone: `mon-fri: 08:00-18:00`, `sat: [09:00-12:00, 13:00-17:00]`, `daily: 24h`.

    A day that is not named is closed. `holidays`: the public holidays of a country (`BR`) or region (`BR-SP`), on which the
    state is `holiday`. `closed`: more dates without hours. `special`: dates with hours of their own, whatever else says.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[DayKey, Spans] = Field(init=False)

    timezone: Annotated[str, AfterValidator(_zone), Marker("timezone")]
    holidays: Annotated[str, AfterValidator(_calendar), Marker("calendar")] | None = None
    closed: list[Day] = []
    special: dict[Day, Spans] = {}

    @model_validator(mode="after")
    def _no_day_twice(self) -> Hours:
        seen: dict[str, str] = {}
        for key in self.days:
            if "-" in key:
                for day in days_of(key):
                    if day in seen:
                        raise _bad(
                            "{a} and {b} both name {day}; name a single day for an exception",
                            a=seen[day],
                            b=key,
                            day=day,
                        )
                    seen[day] = key
        return self

    @property
    def days(self) -> dict[str, tuple[Span, ...]]:
        """The spans by the author's day keys."""
        return self.__pydantic_extra__ or {}

    @cached_property
    def opening(self) -> Opening:
        """The same, ready to be asked."""
        week: dict[str, tuple[Span, ...]] = dict.fromkeys(DAYS, ())
        for key in sorted(self.days, key=lambda k: (k != "daily", "-" not in k)):
            week |= dict.fromkeys(days_of(key), self.days[key])
        return Opening(self.timezone, tuple(week.values()), self.holidays, frozenset(self.closed), dict(self.special))

    def state(self, at_ms: int) -> OpenState:
        """`open`, `closed` or `holiday` at a moment (epoch ms)."""
        return self.opening.state(at_ms)

    def is_open(self, at_ms: int) -> bool:
        return self.opening.state(at_ms) is OpenState.OPEN

    def next_open_ms(self, at_ms: int) -> int:
        """When it is open again: `at_ms` itself while open, 0 if not within 400 days."""
        return self.opening.next_open_ms(at_ms)

    def closes_ms(self, at_ms: int) -> int:
        """When the present opening ends: 0 while not open, and when it does not end within 400 days."""
        return self.opening.closes_ms(at_ms)
