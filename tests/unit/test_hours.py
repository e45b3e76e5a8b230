"""Opening hours: what an author may write, and what is open when, on days that are hard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.flow.hours import Hours

SAO_PAULO = "America/Sao_Paulo"
OFFICE = {
    "timezone": SAO_PAULO,
    "mon-fri": "08:00-18:00",
    "sat": "09:00-13:00",
    "wed": ["08:00-12:00", "13:00-18:00"],
    "holidays": "BR-SP",
    "closed": ["2026-12-24"],
    "special": {"2026-12-31": "08:00-12:00", "2026-12-25": "10:00-11:00"},
}


def hours(**fields: Any) -> Hours:
    return Hours.model_validate({"timezone": "UTC"} | {k.replace("_", "-"): v for k, v in fields.items()})


def at(text: str, zone: str = SAO_PAULO, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


def local(ms: int, zone: str = SAO_PAULO) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M}" if ms else ""


@pytest.mark.parametrize(
    ("moment", "state", "next_open", "closes"),
    [
        ("2026-03-10 07:59", "closed", "2026-03-10 08:00", ""),
        ("2026-03-10 08:00", "open", "2026-03-10 08:00", "2026-03-10 18:00"),
        ("2026-03-10 17:59", "open", "2026-03-10 17:59", "2026-03-10 18:00"),
        ("2026-03-10 18:00", "closed", "2026-03-11 08:00", ""),
        ("2026-03-11 12:30", "closed", "2026-03-11 13:00", ""),  # Wednesday has its own spans
        ("2026-03-13 20:00", "closed", "2026-03-14 09:00", ""),
        ("2026-03-14 13:00", "closed", "2026-03-16 08:00", ""),  # Sunday is not named
        ("2026-11-20 10:00", "holiday", "2026-11-21 09:00", ""),  # Consciência Negra
        ("2026-07-09 10:00", "holiday", "2026-07-10 08:00", ""),  # a holiday of São Paulo only
        ("2026-12-24 10:00", "closed", "2026-12-25 10:00", ""),
        ("2026-12-25 10:30", "open", "2026-12-25 10:30", "2026-12-25 11:00"),  # special beats the holiday
        ("2026-12-25 12:00", "closed", "2026-12-26 09:00", ""),
        ("2026-12-31 11:59", "open", "2026-12-31 11:59", "2026-12-31 12:00"),
        ("2026-12-31 12:00", "closed", "2027-01-02 09:00", ""),  # New Year is a holiday
    ],
)
def test_an_office_through_its_year(moment: str, state: str, next_open: str, closes: str) -> None:
    office, ms = Hours.model_validate(OFFICE), at(moment)
    assert office.state(ms) == state
    assert office.is_open(ms) == (state == "open")
    assert local(office.next_open_ms(ms)) == next_open
    assert local(office.closes_ms(ms)) == closes


@pytest.mark.parametrize(
    ("fields", "moment", "is_open", "next_open", "closes"),
    [
        ({"mon": "22:00-06:00"}, "2026-03-09 23:00", True, "2026-03-09 23:00", "2026-03-10 06:00"),
        ({"mon": "22:00-06:00"}, "2026-03-10 05:59", True, "2026-03-10 05:59", "2026-03-10 06:00"),
        ({"mon": "22:00-06:00"}, "2026-03-10 06:00", False, "2026-03-16 22:00", ""),
        ({"sun": "22:00-06:00"}, "2026-03-09 05:00", True, "2026-03-09 05:00", "2026-03-09 06:00"),
        ({"fri_mon": "10:00-12:00"}, "2026-03-08 11:00", True, "2026-03-08 11:00", "2026-03-08 12:00"),
        ({"daily": "24h"}, "2026-03-08 11:00", True, "2026-03-08 11:00", ""),
        ({"daily": "24h", "sun": "closed"}, "2026-03-05 11:00", True, "2026-03-05 11:00", "2026-03-08 00:00"),
        (
            {"daily": "08:00-24:00", "mon_fri": "09:00-10:00"},
            "2026-03-07 23:59",
            True,
            "2026-03-07 23:59",
            "2026-03-08 00:00",
        ),
        ({"mon": ["08:00-12:00", "12:00-14:00"]}, "2026-03-09 09:00", True, "2026-03-09 09:00", "2026-03-09 14:00"),
        (
            {"daily": "20:00-02:00", "sat": "01:00-03:00"},
            "2026-03-14 01:30",
            True,
            "2026-03-14 01:30",
            "2026-03-14 03:00",
        ),
        ({"daily": "24h", "closed": ["2027-03-01"]}, "2026-03-08 11:00", True, "2026-03-08 11:00", "2027-03-01 00:00"),
        ({}, "2026-03-08 11:00", False, "", ""),
        ({"special": {"2026-03-09": "24h"}}, "2026-03-08 11:00", False, "2026-03-09 00:00", ""),
    ],
)
def test_nights_weekends_and_endless_openings(
    fields: dict[str, Any], moment: str, is_open: bool, next_open: str, closes: str
) -> None:
    place, ms = hours(**fields), at(moment, "UTC")
    assert place.is_open(ms) is is_open
    assert local(place.next_open_ms(ms), "UTC") == next_open
    assert local(place.closes_ms(ms), "UTC") == closes


def test_a_night_span_runs_on_into_a_holiday() -> None:
    night = hours(timezone=SAO_PAULO, daily="22:00-06:00", holidays="BR")
    assert night.state(at("2026-12-25 05:00")) == "open"
    assert night.state(at("2026-12-25 07:00")) == "holiday"
    assert night.state(at("2026-12-26 05:00")) == "closed", "nothing began on the holiday"


NEW_YORK = "America/New_York"


def test_the_skipped_hour_is_no_opening_and_the_day_is_shorter() -> None:
    place = hours(timezone=NEW_YORK, daily=["02:00-03:00", "08:00-09:00"])
    before = at("2026-03-08 01:59", NEW_YORK)
    assert local(place.next_open_ms(before), NEW_YORK) == "2026-03-08 08:00"
    whole = hours(timezone=NEW_YORK, sun="24h")
    assert whole.closes_ms(at("2026-03-08 00:00", NEW_YORK)) - at("2026-03-08 00:00", NEW_YORK) == 23 * 3_600_000


def test_an_opening_inside_the_skipped_hour_counts_with_the_offset_before_it() -> None:
    place = hours(timezone=NEW_YORK, sun="02:30-05:00")
    assert local(place.next_open_ms(at("2026-03-08 00:00", NEW_YORK)), NEW_YORK) == "2026-03-08 03:30"


def test_an_hour_that_comes_twice_means_its_first_coming() -> None:
    place = hours(timezone=NEW_YORK, sun="01:30-09:00")
    first, second = at("2026-11-01 01:30", NEW_YORK), at("2026-11-01 01:30", NEW_YORK, fold=1)
    assert second - first == 3_600_000
    assert not place.is_open(first - 1)
    assert place.is_open(first)
    assert place.is_open(second)
    assert place.closes_ms(first) - first == 8.5 * 3_600_000


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mon": "8-18"}, '"8-18" is not a time span; write 08:00-18:00'),
        ({"mon": "08:00-25:00"}, "is not a time span"),
        ({"mon": "08:60-09:00"}, "is not a time span"),
        ({"mon": "09:00-09:00"}, "is empty; for the whole day write 24h"),
        ({"mon": ["08:00-12:00", "11:00-13:00"]}, "08:00-12:00 and 11:00-13:00 overlap"),
        ({"mon": [["08:00-12:00"]]}, "a time span is needed"),
        ({"mon_wed": "24h", "wed_fri": "24h"}, "mon-wed and wed-fri both name wed"),
        ({"monday": "24h"}, '"monday" is not a day; did you mean "mon"?'),
        ({"mon_mon": "24h"}, "is not a day"),
        ({"timezone": "America/Sao_Paolo"}, 'did you mean "America/Sao_Paulo"?'),
        ({"timezone": "GMT-3"}, "is not a time zone"),
        ({"holidays": "XX"}, 'there is no holiday calendar "XX"'),
        ({"holidays": "BR-XX"}, 'BR has no region "XX"; expected one of AC, AL'),
        ({"closed": ["24/12/2026"]}, '"24/12/2026" is not a date; write 2026-12-24'),
        ({"special": {"2026-02-30": "24h"}}, "is not a date"),
    ],
)
def test_bad_hours_say_what_to_write(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        hours(**fields)
    (error,) = caught.value.errors()
    assert error["type"] == "bad_hours"
    assert message in error["msg"]


START = datetime(2024, 1, 1, tzinfo=UTC)


@given(
    minutes=st.integers(0, 3 * 366 * 1440),
    zone=st.sampled_from([SAO_PAULO, NEW_YORK, "Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_the_answers_agree_with_each_other(minutes: int, zone: str) -> None:
    place = Hours.model_validate(OFFICE | {"timezone": zone, "sun": "21:30-01:30"})
    ms = int((START + timedelta(minutes=minutes)).timestamp() * 1000)
    opens = place.next_open_ms(ms)
    assert opens >= ms
    assert place.is_open(opens)
    assert (opens == ms) == place.is_open(ms)
    if opens > ms:
        assert not place.is_open(opens - 1)
        assert place.closes_ms(ms) == 0
    closes = place.closes_ms(opens)
    assert place.is_open(closes - 1)
    assert not place.is_open(closes)


def test_asking_does_not_change_the_hours() -> None:
    asked, fresh = Hours.model_validate(OFFICE), Hours.model_validate(OFFICE)
    asked.state(at("2026-03-10 10:00"))
    assert asked == fresh
