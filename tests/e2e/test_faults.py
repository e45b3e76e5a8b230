"""The fault run: whatever is killed, frozen or lost, nobody is lost, rung twice or overtaken, and no agent is booked twice.

And the judge looks: each fault that is planted is found, by the kind of harm that it does.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import structlog
from faults.campaign import Campaign
from faults.people import Town
from faults.points import PLANTED

from ivr.providers.simulator.network import Faults
from ivr.providers.simulator.people import Habits

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and stops processes")

SEED = int(os.environ.get("FAULTS_SEED", "1"))

DOES = {
    "no compare-and-set": {"rung twice", "agent rung twice"},
    "blind requeue": {"rung twice", "agent rung twice", "rung after talk", "untrue"},
    "new place": {"order", "place"},
    "no phone dedupe": {"phone twice"},
}
"""The harm that each planted fault does; a run that finds any of it has caught the fault."""


def test_every_planted_fault_has_its_harm() -> None:
    assert set(DOES) == set(PLANTED)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The network says of every webhook that nobody takes; here that is the day's work."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("callers", [150, pytest.param(1_000, marks=pytest.mark.slow)])
def test_nobody_is_lost_rung_twice_or_overtaken(callers: int) -> None:
    result = Campaign(SEED, callers, agents=16 if callers < 500 else 40).run()
    print(result.told())
    assert not result.violations, result.told()
    assert result.figures["completed"] > callers // 5, "there was a day to judge"
    assert sum(result.figures["worst points"].values()) > callers // 50
    assert {"redis", "web"} <= {part for part, deaths in result.figures["deaths"].items() if deaths}


CALM: dict[str, Mapping[str, float]] = {}
TWICE = {part: {"rung_twice": 0.7} for part in ("web", "worker", "timekeeper")}
VOICEMAILS = Town(Habits(busy=0.0, voicemail=0.9, answers=1.0), wants=1.0, another=0.0)
NEIGHBOURS = Town(Habits(answers=0.3, busy=0.6), wants=1.0, another=1.0, same=0.8)
PLAYED: dict[str, dict[str, Any]] = {
    "no compare-and-set": {"points": TWICE},
    "blind requeue": {"points": CALM, "town": VOICEMAILS},
    "new place": {"points": {"web": {"not_rung": 0.3}, "worker": {"not_rung": 0.3}}},
    "no phone dedupe": {"points": CALM, "town": NEIGHBOURS},
}
"""The days that bring out each fault: errands carried twice, voicemails that listen long, lost errands, numbers left twice."""


@pytest.mark.slow
@pytest.mark.parametrize("fault", DOES)
def test_a_planted_fault_is_found(fault: str) -> None:
    day = {"agents": 4, "every_ms": 1_500, "strike_s": 0.0, "patience_s": 8.0, "faults": Faults(), **PLAYED[fault]}
    result = Campaign(SEED, 45, planted=fault, **day).run()
    assert DOES[fault] & set(result.kinds()), f"{fault} was not found\n{result.told()}"
