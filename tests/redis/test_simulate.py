"""The demo's agents on the real line: they take calls, breaks, and what goes wrong, without ending the simulation."""

from __future__ import annotations

import random
from typing import Any

import pytest
import redis as redis_py
from shell import Shell

from callback.model import AgentState
from ivr.cli.simulate import Desk, seat
from ivr.providers.simulator.day import Crew

ANA = Crew("ana", "Ana", ("sales",))


@pytest.fixture
def shell(redis: redis_py.Redis, redis_url: str) -> Shell:
    return Shell(redis_url)


@pytest.fixture
def desk(shell: Shell) -> Desk:
    seat(shell.network, shell.line, ANA, random.Random(4))
    found = shell.network.people["sim:ana"]
    assert isinstance(found, Desk)
    found.misses = found.refuses = 0.0
    return found


def test_an_agent_takes_a_call_takes_a_breath_and_is_ready_again(shell: Shell, desk: Desk) -> None:
    shell.dials_in("1").talks_ms = 40_000
    shell.run(20_000)
    assert shell.an_agent().state is AgentState.ON_CALL
    shell.run(30_000)
    assert shell.an_agent().state is AgentState.WRAP_UP
    shell.run(29_000)
    assert shell.an_agent().state is AgentState.READY
    (breath,) = [event for event in shell.events("agent_changed") if event.data["was"] == "wrap_up"]
    assert int(breath.data["was_ms"]) <= 25_000, "the line itself would have ended it after 30 s"


def test_an_agent_whom_the_line_has_paused_comes_back(shell: Shell, desk: Desk) -> None:
    shell.line.pause("ana", "phone")
    desk.next()
    assert shell.an_agent().state is AgentState.READY


def test_a_break_ends(shell: Shell, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.random, "random", lambda: 0.0)
    desk.next()
    assert shell.an_agent().state is AgentState.PAUSED
    shell.run(600_000)
    assert shell.an_agent().state is AgentState.READY


def test_while_redis_is_away_an_agent_waits(shell: Shell, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.line.pause("ana", "phone")

    def away(*_given: Any) -> None:
        raise redis_py.ConnectionError("away")

    with monkeypatch.context() as broken:
        broken.setattr(type(shell.line), "agents", away)
        desk.next()
    assert shell.an_agent().state is AgentState.PAUSED
    shell.run(5_000)
    assert shell.an_agent().state is AgentState.READY


def test_who_was_signed_out_stays_out(shell: Shell, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.random, "random", lambda: 0.0)
    shell.line.sign_out("ana")
    desk.next()
    shell.run(60_000)
    assert shell.an_agent().state is AgentState.OFFLINE


def test_an_agent_who_was_at_work_when_the_demo_stopped_goes_on(shell: Shell, desk: Desk) -> None:
    shell.line.pause("ana", "lunch")
    seat(shell.network, shell.line, ANA, random.Random(4))
    assert shell.an_agent().state is AgentState.READY
