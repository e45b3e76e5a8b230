"""The demo's clock stands still while the demo is stopped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.cli.run import demo_clock

WALL = 1_773_147_600_000


def shown(text: str, wall_ms: int) -> float:
    """What a ScaledClock of this text shows at a wall time."""
    _, base, speed = text.split(":")
    return int(base) + (wall_ms - int(base)) * float(speed)


def test_a_first_start_shows_the_wall_clock() -> None:
    assert demo_clock(WALL, 0, 10) == f"scaled:{WALL}:10"


def test_without_speed_it_is_the_wall_clock() -> None:
    assert demo_clock(WALL, WALL + 5, 1) == ""


@given(ahead_ms=st.integers(0, 10 * 86_400_000), speed=st.sampled_from([2.0, 2.5, 10.0, 20.0]))
def test_a_later_start_goes_on_where_it_stopped_and_never_goes_back(ahead_ms: int, speed: float) -> None:
    begins = shown(demo_clock(WALL, WALL + ahead_ms, speed), WALL)
    assert WALL + ahead_ms <= begins <= WALL + ahead_ms + speed
