"""Who vanishes without a word, on a real Asterisk: the node finds it out by the silence, and the line goes on without him.

Law: they have a company of their own, for here silence ends a call after a few seconds instead of 30. All phones live in one
thread: a machine that stood still for so long would end every call of a company at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from company import Desk
from stories import Told, story, tell_all

from callback.model import AgentState

pytestmark = pytest.mark.slow

RTP_TIMEOUT_S = 4


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, asterisk_binary: Path) -> Iterator[Told]:
    yield from tell_all(request, asterisk_binary, rtp_timeout=RTP_TIMEOUT_S)


@story()
def test_a_customer_who_vanishes_from_the_talk_sets_the_agent_free(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    customer.vanish()
    assert agent.wait_ended().by == "them"
    desk.entry_is("completed")
    desk.agent_is(AgentState.READY)
    desk.nothing_left()


@story()
def test_a_caller_who_vanishes_from_the_line_is_not_waited_for(desk: Desk) -> None:
    customer = desk.in_line()
    customer.vanish()
    desk.entry_is("abandoned")
    desk.nothing_left()


@story()
def test_when_the_agents_phone_dies_in_the_talk_the_customer_goes_on(desk: Desk) -> None:
    customer = desk.in_line()
    phone = desk.agent()
    desk.both_talk(customer, desk.talks())
    phone.power_off()
    desk.hears(customer, "rate")
    desk.entry_is("completed")
    phone.power_on()


def test_the_company_is_quiet_when_all_have_gone(told: Told) -> None:
    """No part has died, none has logged an error."""
    for future in told.futures.values():
        future.exception(170)
    company = told.company
    assert [name for name, process in company.processes.items() if process.poll() is not None] == []
    assert company.errors() == []
