"""Callers, menus, agents: whole conversations on a real Asterisk, judged by what the phones hear."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from company import AGENT, CUSTOMER, MUSIC, PITCH, PROMPT_S, Company, Desk, breaks, has_tone, lasted, spoken
from rig import Answer, Call, Reject, Ring, tone, until
from stories import Told, story, tell_all

from callback.model import AgentState
from ivr import words
from ivr.events import Event
from ivr.instructions import Say

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, asterisk_binary: Path) -> Iterator[Told]:
    yield from tell_all(request, asterisk_binary)


# The menu


@story()
def test_a_caller_chooses_an_agent_by_a_key_of_rfc_4733_and_they_talk(desk: Desk) -> None:
    menu_to_agent(desk, "rtp")


@story()
def test_a_caller_chooses_an_agent_by_a_key_of_sip_info_and_they_talk(desk: Desk) -> None:
    menu_to_agent(desk, "info")


def menu_to_agent(desk: Desk, by: str) -> None:
    """Menu, hold, whisper, talk both ways, survey, goodbye."""
    desk.agent()
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.press("1", by=by)
    agent = desk.talks()
    desk.both_talk(caller, agent)
    desk.entry_is("connected")
    desk.agent_is(AgentState.ON_CALL)
    agent.hang_up()
    desk.hears(caller, "rate")
    caller.press("5", by=by)
    desk.hears(caller, "bye")
    assert caller.wait_ended().by == "them"
    desk.entry_is("completed")
    desk.agent_is(AgentState.READY)
    until(lambda: desk.company.events("survey_answered"), "the score is noted")
    assert {event.data["score"] for event in desk.company.events("survey_answered")} == {"5"}


@story()
def test_a_silent_caller_is_asked_again_and_then_let_go(desk: Desk) -> None:
    caller = desk.dial(speaking=False)
    first = desk.hears(caller, "welcome")
    again = desk.hears(caller, "again")
    sorry = desk.hears(caller, "sorry")
    assert first < again < sorry
    assert caller.wait_ended().by == "them"


@story()
def test_a_key_that_is_not_there_is_said_and_twice_leads_to_a_person(desk: Desk) -> None:
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.press("*")
    desk.hears(caller, "wrong")
    caller.press("#")
    desk.hears(caller, "offer")
    assert desk.entry_is("waiting").number == desk.customer


@story()
def test_a_key_cuts_speech_short(desk: Desk) -> None:
    """Real speech: the first choice is heard, of the second one nothing."""
    caller = desk.dial(speaking=False)
    desk.hears(caller, "welcome")
    caller.press("0")
    first = spoken(desk, Say(words.option("sales", "1", "en"), "en"))
    caller.wait_matches(first, seconds=1.0)
    caller.press("2")
    desk.hears(caller, "bye")
    second = spoken(desk, Say(words.option("the opening hours", "2", "en"), "en"))
    assert not caller.matches(second, seconds=1.0)


@story()
def test_a_prompt_that_must_be_heard_is_heard_whatever_is_pressed(desk: Desk) -> None:
    caller = desk.dial(speaking=False)
    desk.hears(caller, "welcome")
    caller.press("2")
    desk.hears(caller, "notice")
    caller.press("1")
    desk.hears(caller, "after")
    assert lasted(caller, PITCH["notice"]) > PROMPT_S - 0.06
    caller.press("2")
    desk.hears(caller, "bye")


@story()
def test_digits_are_collected_to_the_finish_key_and_stand_in_no_log(desk: Desk) -> None:
    code(desk, "rtp")


@story()
def test_digits_of_sip_info_are_collected_too(desk: Desk) -> None:
    code(desk, "info")


def code(desk: Desk, by: str) -> None:
    caller = desk.dial(speaking=False)
    desk.hears(caller, "welcome")
    caller.press("3", by=by)
    desk.hears(caller, "code")
    caller.press("4711#", by=by)
    desk.hears(caller, "right")
    caller.wait_ended()
    logs = [*desk.company.folder.glob("*.log"), *desk.node.root.glob("log/*"), desk.node.root / "out.log"]
    told = [log.name for log in logs if log.is_file() and "4711" in _without_times(log)]
    assert told == []


def _without_times(log: Path) -> str:
    """The text of a log; a fraction of a second may well have the digits that a caller pressed."""
    words = log.read_text(errors="replace").split()
    return " ".join(word for word in words if not word.replace(".", "").replace(":", "").isdigit())


@story()
def test_two_digits_of_three_are_too_few_and_asked_for_again(desk: Desk) -> None:
    caller = desk.dial(speaking=False)
    desk.hears(caller, "welcome")
    caller.press("3")
    desk.hears(caller, "code")
    caller.press("47")
    pressed = time.monotonic()
    desk.hears(caller, "code", after=pressed)
    caller.press("4711#")
    desk.hears(caller, "right")


@story()
def test_a_message_is_recorded_as_it_was_spoken(desk: Desk) -> None:
    caller = desk.dial(speaking=False)
    desk.hears(caller, "welcome")
    caller.press("9")
    desk.hears(caller, "beep")
    caller.wait_hears(1000)  # the tone
    caller.wait_silent(100)
    caller.say(tone(CUSTOMER, 1.5), repeats=False)
    desk.hears(caller, "bye")

    def left() -> list[Event]:
        return [event for event in desk.company.events("voicemail_left") if event.data["box"] == desk.queue]

    until(left, "the message is noted")
    node, _, name = left()[0].data["url"].removeprefix("asterisk:").partition("/")
    assert int(left()[0].data["seconds"]) >= 2
    assert has_tone(desk.company.nodes[node].root / "spool" / "retorno" / f"{name}.wav", CUSTOMER)


@story()
def test_out_of_hours_a_caller_is_told_so(desk: Desk) -> None:
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.press("8")
    desk.hears(caller, "closed")
    assert caller.wait_ended().by == "them"


# To somebody outside the line


@story()
def test_a_transfer_rings_a_number_and_afterwards_the_caller_goes_on(desk: Desk) -> None:
    caller = transferred(desk)
    other = desk.rings_back(desk.elsewhere)
    other.answer()
    other.say(AGENT)
    desk.both_talk(caller, other)
    other.hang_up()
    desk.hears(caller, "rate")


@story()
def test_a_transfer_to_a_number_that_is_busy_says_so(desk: Desk) -> None:
    caller = transferred(desk)
    desk.rings_back(desk.elsewhere).reject(486)
    desk.hears(caller, "busy")


@story()
def test_a_transfer_that_nobody_answers_says_so(desk: Desk) -> None:
    caller = transferred(desk)
    other = desk.rings_back(desk.elsewhere)
    desk.hears(caller, "nobody")
    assert other.wait_ended().how == "cancelled"


def transferred(desk: Desk) -> Call:
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.press("4")
    return caller


@story()
def test_a_transfer_rings_a_desk_phone_by_its_extension(desk: Desk) -> None:
    other = desk.company.desk_phone("7001")
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.press("5")
    talk = other.wait_call().wait_up()
    talk.say(AGENT)
    desk.both_talk(caller, talk)
    talk.hang_up()
    desk.hears(caller, "rate")


# Waiting


@story()
def test_a_caller_leaves_the_line_by_a_key(desk: Desk) -> None:
    caller = desk.in_line()
    caller.press("9")
    desk.hears(caller, "bye")
    desk.entry_is("flowed_out")


@story("hours: never")
def test_a_queue_that_is_closed_takes_nobody(desk: Desk) -> None:
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.press("1")
    desk.hears(caller, "closed")
    assert not caller.hears(MUSIC)


@story()
def test_who_still_waits_at_closing_time_is_told(desk: Desk) -> None:
    caller = desk.in_line()
    desk.set_rules("hours: never")
    desk.hears(caller, "closed")
    desk.entry_is("flowed_out")


@story()
def test_an_agent_who_comes_later_gets_the_caller_who_came_first(desk: Desk) -> None:
    first = desk.in_line()
    second = desk.in_line("+5511966660001")
    desk.agent()
    agent = desk.talks()
    desk.both_talk(first, agent)
    second.wait_hears(MUSIC)
    first.hang_up()
    desk.both_talk(second, desk.talks())


# The agent does not take the call: the caller hears music without a break and keeps his place


@story()
def test_an_agent_who_is_busy_costs_nobody_his_place(desk: Desk) -> None:
    not_taken(desk, Reject(486))


@story()
def test_an_agent_who_declines_by_his_phone_costs_nobody_his_place(desk: Desk) -> None:
    not_taken(desk, Reject(603))


@story("ring_agent: 1s")
def test_an_agent_who_does_not_answer_costs_nobody_his_place(desk: Desk) -> None:
    not_taken(desk, Ring())


@story()
def test_an_agent_who_refuses_by_key_costs_nobody_his_place(desk: Desk) -> None:
    not_taken(desk, Answer(), "2")


@story()
def test_a_phone_that_answers_and_presses_nothing_costs_nobody_his_place(desk: Desk) -> None:
    """An agent's voicemail never gets the customer."""
    not_taken(desk, Answer())


def not_taken(desk: Desk, how: Answer | Reject | Ring, presses: str = "") -> None:
    caller = desk.in_line()
    behind = desk.in_line("+5511966660002")
    since = caller.wait_hears(MUSIC)
    phone = desk.agent(behaviour=how)
    missed = phone.wait_call()
    if presses:
        desk.hears(missed.wait_up(), "whisper")
        missed.press(presses)
    missed.wait_ended()
    phone.behave(Answer())
    until(lambda: phone.calls()[-1].state != "ended", "the agent is rung again", desk.told)
    heard_to = time.monotonic()
    desk.talk_at(phone.calls()[-1])
    desk.both_talk(caller, phone.calls()[-1])
    assert breaks(caller, MUSIC, since, heard_to) == []
    behind.wait_hears(MUSIC)
    assert desk.events("abandoned") == []


# The caller hangs up


@story()
def test_a_caller_may_hang_up_in_the_menu(desk: Desk) -> None:
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.hang_up()
    desk.nothing_left()


@story()
def test_a_caller_may_hang_up_while_he_waits(desk: Desk) -> None:
    caller = desk.in_line()
    caller.hang_up()
    desk.entry_is("abandoned")
    desk.nothing_left()


@story()
def test_when_a_caller_hangs_up_while_the_agent_is_rung_the_ringing_ends(desk: Desk) -> None:
    caller = desk.in_line()
    phone = desk.agent(behaviour=Ring())
    ringing = phone.wait_call()
    caller.hang_up()
    assert ringing.wait_ended().how == "cancelled"
    desk.entry_is("abandoned")
    desk.agent_is(AgentState.READY)
    desk.nothing_left()


@story()
def test_when_a_caller_hangs_up_while_the_agent_hears_who_it_is_the_agent_is_free_again(desk: Desk) -> None:
    caller = desk.in_line()
    phone = desk.agent()
    whispered = phone.wait_call().wait_up()
    desk.hears(whispered, "whisper")
    caller.hang_up()
    whispered.wait_ended()
    desk.entry_is("abandoned")
    desk.agent_is(AgentState.READY)
    desk.nothing_left()


@story()
def test_when_a_caller_hangs_up_in_the_talk_the_agent_is_free_again(desk: Desk) -> None:
    caller = desk.in_line()
    desk.agent()
    agent = desk.talks()
    desk.both_talk(caller, agent)
    caller.hang_up()
    assert agent.wait_ended().by == "them"
    desk.entry_is("completed")
    desk.agent_is(AgentState.READY)
    desk.nothing_left()


def test_the_company_is_quiet_when_all_have_gone(told: Told) -> None:
    """No part has died, none has logged an error."""
    for future in told.futures.values():
        future.exception(170)
    company: Company = told.company
    assert [name for name, process in company.processes.items() if process.poll() is not None] == []
    assert company.errors() == []
