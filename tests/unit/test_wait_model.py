"""The arithmetic of the wait estimate, and what others would have said."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.baselines import AsteriskHold, RunningConstant
from callback.wait_model import Estimate, Observation, Said, Wait, WaitModel, observed, time_to_clear

FRESH = WaitModel.fresh(handle_ms=180_000, now_ms=0)

models = st.builds(
    WaitModel,
    at_ms=st.just(0),
    agent_s=st.floats(1, 1e5),
    starts=st.floats(1e-3, 1e3),
    abandons=st.floats(1e-3, 1e3),
    live_s=st.floats(1, 1e6),
    passers=st.floats(0, 100),
    credit_s=st.floats(0, 9_000),
    backlog_s=st.floats(1, 1e5),
)


@given(models, st.integers(0, 500), st.integers(1, 200))
def test_a_wait_grows_with_who_is_ahead_and_shrinks_with_agents(model: WaitModel, ahead: int, agents: int) -> None:
    here = model.wait(ahead, ahead, agents)
    assert model.wait(ahead + 1, ahead + 1, agents).base_s > here.base_s
    assert model.wait(ahead, ahead, agents + 1).base_s < here.base_s
    assert math.isfinite(here.base_s)
    assert list(here.quantiles) == sorted(here.quantiles)


@given(models, st.integers(1, 500), st.integers(1, 200))
def test_callbacks_ahead_do_not_lose_patience(model: WaitModel, ahead: int, agents: int) -> None:
    assert model.wait(ahead, 0, agents).base_s >= model.wait(ahead, ahead, agents).base_s


def test_the_first_caller_ever_is_judged_by_the_prior() -> None:
    """One agent, three minutes a call: the next start is three minutes away, a little less for those who give up."""
    assert FRESH.wait(0, 0, 1).base_s == pytest.approx(math.log(1 + 180 / 400) * 400)
    assert FRESH.wait(0, 0, 10).base_s == pytest.approx(math.log(1 + 18 / 400) * 400)


def test_without_abandons_it_is_the_plain_quotient() -> None:
    assert time_to_clear(3, 0.5, 0.0) == 6.0
    assert time_to_clear(3, 0.5, 1e-9) == pytest.approx(6.0)


def test_callers_with_a_credit_lengthen_the_wait_of_the_others() -> None:
    busy = replace(FRESH, passers=6.0, credit_s=540.0, backlog_s=600.0)  # one in 100 s, each with 90 s
    assert busy.wait(10, 10, 5).base_s > FRESH.wait(10, 10, 5).base_s


def join(now_ms: int, waiting: int, ahead: int, agents: int = 2, entry: str = "e", credit_ms: int = 0) -> Observation:
    return Observation("join", now_ms, waiting, waiting, agents, entry, 0, ahead, ahead, credit_ms)


def test_only_a_backlog_teaches() -> None:
    """A caller who finds an agent ready leaves no expectation and no trace in the rates."""
    model, said = observed(FRESH, join(1_000, waiting=0, ahead=0), None)
    assert said is None
    model, _ = observed(model, Observation("start", 1_200, 0, 0, 2, "e", 200), None)
    assert (model.starts, model.agent_s, model.starts_ever, model.z) == (FRESH.starts, FRESH.agent_s, 0, FRESH.z)


def test_a_start_out_of_a_backlog_counts_and_teaches_once() -> None:
    model, said = observed(FRESH, join(0, waiting=1, ahead=0), None)
    assert said == Said(FRESH.wait(0, 0, 2).base_s, 0)
    model, left = observed(model, Observation("start", 60_000, 0, 0, 2, "e", 60_000), said)
    assert left is None
    assert model.starts_ever == 1
    assert model.agent_s > FRESH.agent_s
    assert model.z != FRESH.z


def test_a_start_while_others_wait_counts_though_it_did_not_wait_itself() -> None:
    model, _ = observed(replace(FRESH, waiting=3, agents=2), Observation("start", 1_000, 3, 3, 2), None)
    assert (model.starts_ever, model.z) == (1, FRESH.z)


def test_the_night_without_agents_forgets_nothing() -> None:
    evening = replace(FRESH, waiting=12, agents=0)
    morning = evening.advanced(14 * 3_600_000)
    assert morning.wait(3, 0, 4) == evening.wait(3, 0, 4)


def test_a_late_message_moves_nothing_back() -> None:
    busy = replace(FRESH, at_ms=10_000, waiting=3, agents=2)
    assert busy.advanced(9_000) == busy


def test_a_backlog_that_nobody_serves_for_a_year_still_has_a_finite_wait() -> None:
    stuck = replace(FRESH, waiting=5, live=5, agents=1).advanced(365 * 86_400_000)
    assert math.isfinite(stuck.wait(5, 5, 1).base_s)
    assert stuck.wait(5, 5, 1).rounded().p90_s == 7 * 86_400


def test_how_finely_time_is_cut_does_not_change_the_rates() -> None:
    busy = replace(FRESH, waiting=4, live=4, agents=3)
    fine = busy
    for now_ms in range(1_000, 600_001, 1_000):
        fine = fine.advanced(now_ms)
    coarse = busy.advanced(600_000)
    assert fine.wait(4, 4, 3).base_s == pytest.approx(coarse.wait(4, 4, 3).base_s)


@pytest.mark.parametrize("seed", range(12))
def test_the_tracked_quantiles_find_their_share(seed: int) -> None:
    """Whatever the true spread, after some thousand calls P80 is kept for about 8 of 10 and the order holds."""
    dice = random.Random(seed)
    model, spread, kept = FRESH, dice.uniform(0.2, 1.5), 0
    for n in range(3_000):
        actual = 100.0 * math.exp(dice.gauss(0.3, spread))
        if n >= 2_000:
            kept += actual <= 100.0 * math.exp(model.z[3] * math.sqrt(0.02 + 1 / 4))
        model = model.learnt(Said(100.0, 3), actual)
        assert list(model.z) == sorted(model.z)
    assert 0.72 <= kept / 1_000 <= 0.88


def test_the_mean_is_mended_by_what_came() -> None:
    model = FRESH
    for _ in range(500):
        model = model.learnt(Said(100.0, 3), 150.0)
    wait = model.wait(3, 3, 2)
    assert wait.mean_s == pytest.approx(1.5 * wait.base_s, rel=0.01)


def test_an_estimate_is_whole_seconds() -> None:
    assert Wait(9.0, 10.4, (1.0, 2.0, 9.6, 20.2, 30.5)).rounded() == Estimate(10, 20, 30, 10)


@pytest.mark.parametrize(
    ("waits", "hold"), [([], 0), ([100], 25), ([100, 100], 43), ([100, 0], 18), ([3], 0), ([0, 0, 0], 0)]
)
def test_asterisk_s_hold_time_is_its_own_integer_average(waits: list[int], hold: int) -> None:
    asterisk = AsteriskHold()
    for wait in waits:
        asterisk.answered(wait)
    assert asterisk.hold_s == hold


def test_asterisk_says_minutes_and_rises_again_for_the_late() -> None:
    asterisk = AsteriskHold(hold_s=120)
    assert [asterisk.minutes_said(elapsed) for elapsed in (0, 60, 150, 300)] == [2, 1, 0, 2]


def test_the_running_constant_is_the_median_so_far() -> None:
    constant = RunningConstant()
    assert constant.wait_s == 0.0
    for wait in (30, 10, 20):
        constant.answered(wait)
    assert constant.wait_s == 20
