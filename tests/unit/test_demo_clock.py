"""The demo's clock stands still while the demo is stopped, and begins in business hours."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.queues import load_queues, read_queues
from ivr.cli.run import business_time, demo_clock

WALL = 1_773_147_600_000

HOUSE = load_queues(
    """version: "1"
hours:
  office: {timezone: America/Sao_Paulo, mon-fri: 08:00-18:00}
queues:
  sales: {hours: office}
  night: {}
""",
    "queues.yaml",
)


def shown(text: str, wall_ms: int) -> float:
    """What a ScaledClock of this text shows at a wall time."""
    _, base, speed = text.split(":")
    return int(base) + (wall_ms - int(base)) * float(speed)


def test_a_first_start_shows_the_wall_clock() -> None:
    assert demo_clock(WALL, WALL, 10) == f"scaled:{WALL}:10"


@given(ahead_ms=st.integers(0, 10 * 86_400_000), speed=st.sampled_from([2.0, 2.5, 10.0, 20.0]))
def test_a_later_start_goes_on_where_it_stopped_and_never_goes_back(ahead_ms: int, speed: float) -> None:
    begins = shown(demo_clock(WALL, WALL + ahead_ms, speed), WALL)
    assert WALL + ahead_ms <= begins <= WALL + ahead_ms + speed


def ms(text: str) -> int:
    """A time in Sao Paulo."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Sao_Paulo")).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        ("2026-03-10T10:00", "2026-03-10T10:00"),  # a Tuesday, open
        ("2026-03-10T03:00", "2026-03-10T08:30"),  # before opening
        ("2026-03-10T23:00", "2026-03-11T08:30"),  # at night
        ("2026-03-10T17:30", "2026-03-11T08:30"),  # closes too soon
        ("2026-03-14T12:00", "2026-03-16T08:30"),  # a weekend
    ],
)
def test_the_demo_begins_in_business_hours(now: str, begins: str) -> None:
    assert business_time(ms(now), HOUSE) == ms(begins)


def test_a_house_that_never_closes_begins_at_once() -> None:
    always = load_queues('version: "1"\nqueues:\n  sales: {}\n', "queues.yaml")
    assert not always.problems
    assert business_time(ms("2026-03-15T03:00"), always) == ms("2026-03-15T03:00")


def test_the_shipped_queues_have_such_a_time() -> None:
    shipped = read_queues(Path(__file__).parents[2] / "flows" / "queues.yaml")
    begins = business_time(ms("2026-03-15T03:00"), shipped)
    assert all(shipped.opening(queue, begins).is_open for queue in shipped.queues.values())
