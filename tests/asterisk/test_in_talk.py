"""In the talk, on a real Asterisk: hold, transfers, recording, supervisors, and phones that are gone or in use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from company import AGENT, CUSTOMER, MUSIC, OTHER_AGENT, SUPERVISOR, Desk, has_tone, tone_share
from rig import Call, Phone, Ring, until
from stories import Told, story, tell_all

from callback.model import AgentState
from ivr.ports import Listening

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, asterisk_binary: Path) -> Iterator[Told]:
    yield from tell_all(request, asterisk_binary)


# Hold


@story()
def test_a_customer_on_hold_hears_music_until_the_agent_takes_him_back(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    agent.hold()
    customer.wait_hears(MUSIC)
    assert not customer.hears(AGENT)
    agent.resume()
    desk.both_talk(customer, agent)


# Sending the customer on


def refer(agent: Call, to: str) -> None:
    """The transfer key of a desk phone: it asks for the transfer, hears that it is done, and hangs up."""
    agent.refer(to)
    assert agent.wait_transferred() == 200
    agent.hang_up()


@story()
def test_the_transfer_key_of_the_phone_sends_the_customer_to_another_queue(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    entry = desk.entry()
    refer(agent, desk.other_queue)
    customer.wait_hears(MUSIC)
    moved = desk.entry_is("waiting")
    assert (moved.id, moved.queue, moved.score) == (entry.id, desk.other_queue, entry.score)
    desk.agent_is(AgentState.READY)
    desk.agent("b", queue=desk.other_queue)
    other = desk.talks("b")
    desk.both_talk(customer, other, "b")
    other.hang_up()
    desk.hears(customer, "rate")
    desk.entry_is("completed")


@story()
def test_the_transfer_key_of_the_phone_sends_the_customer_to_a_colleague(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    desk.agent("b", queue=desk.other_queue)
    refer(agent, f"{desk.queue}-b")
    other = desk.talks("b")
    desk.both_talk(customer, other, "b")
    desk.agent_is(AgentState.READY)
    assert {event.data["by"] for event in desk.events("transferred")} == {f"{desk.queue}-a"}


@story()
def test_a_transfer_to_nobody_gives_the_customer_his_place_back(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    entry = desk.entry()
    refer(agent, "nowhere")
    again = desk.talks()
    desk.both_talk(customer, again)
    kept = desk.entry()
    assert (kept.id, kept.queue, kept.score) == (entry.id, desk.queue, entry.score)


@story()
def test_the_keys_of_a_blind_transfer_send_the_customer_to_a_colleague(desk: Desk) -> None:
    """#1 and the colleague's extension, for a phone without a transfer key."""
    customer, agent = desk.in_talk()
    company = desk.company
    other = company.desk_phone("7001")
    company.parts.line.add_agent("7001", "Seven", "PJSIP/7001", (desk.other_queue,), lang="en")
    company.parts.line.sign_in("7001")
    agent.press("#1")
    customer.wait_hears(MUSIC)
    agent.press("7001")
    call = desk.talk_at(other.wait_call(), "b")
    desk.both_talk(customer, call, "b")
    agent.wait_ended()


@story()
def test_a_supervisor_sends_the_customer_to_another_queue(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    said = desk.company.retorno("talk", "transfer", desk.attempt().id, desk.other_queue)
    assert f"{desk.entry().id} waits in {desk.other_queue}" in said
    agent.wait_ended()
    customer.wait_hears(MUSIC)
    desk.agent("b", queue=desk.other_queue)
    desk.both_talk(customer, desk.talks("b"), "b")


@story()
def test_an_agent_asks_a_colleague_first_and_then_hands_the_customer_over(desk: Desk) -> None:
    customer, other = handed_over(desk)
    desk.agent_is(AgentState.READY)
    assert desk.entry().state == "connected"
    other.hang_up()
    desk.hears(customer, "rate")
    desk.entry_is("completed")
    desk.agent_is(AgentState.READY, "b")


@story()
def test_who_was_handed_a_customer_sends_him_on_by_the_transfer_key_of_his_phone(desk: Desk) -> None:
    customer, other = handed_over(desk)
    refer(other, desk.queue)
    again = desk.talks()
    desk.both_talk(customer, again)
    assert {event.data["by"] for event in desk.events("transferred")} == {f"{desk.queue}-b"}


def handed_over(desk: Desk) -> tuple[Call, Call]:
    """Agent `a` has asked `b` by a second call, and has put his customer through to him."""
    customer = desk.in_line()
    phone = desk.agent(lines=2)
    agent = desk.talks()
    desk.both_talk(customer, agent)
    entry = desk.entry()
    colleague = desk.agent("b", queue=desk.other_queue)
    agent.hold()
    customer.wait_hears(MUSIC)
    asked = phone.dial(f"{desk.queue}-b").wait_up()
    asked.say(AGENT)
    other = colleague.wait_call().wait_up()
    other.say(OTHER_AGENT)
    asked.wait_hears(OTHER_AGENT)
    other.wait_hears(AGENT)
    customer.wait_hears(MUSIC)
    agent.refer_attended(asked)
    desk.both_talk(customer, other, "b")
    desk.agent_is(AgentState.ON_CALL, "b")
    assert desk.entry().id == entry.id
    return customer, other


# The same by keys, from a telephone that has no others


def asks_by_keys(desk: Desk, customer: Call, agent: Call) -> Call:
    """`*2` and the colleague's extension: his telephone rings, and the customer hears music."""
    colleague = desk.agent("k", Ring(), queue=desk.other_queue)
    return press_colleague(desk, customer, agent, colleague)


def press_colleague(desk: Desk, customer: Call, agent: Call, colleague: Phone) -> Call:
    agent.press("*2")
    customer.wait_hears(MUSIC)
    agent.press(desk.phone_of("k"))
    return colleague.wait_call()


def consults(customer: Call, agent: Call, other: Call) -> None:
    """The colleague answers, and speaks with the agent; the customer hears neither."""
    other.answer().say(OTHER_AGENT)
    agent.wait_hears(OTHER_AGENT)
    other.wait_hears(AGENT)
    customer.wait_hears(MUSIC, time.monotonic())


def talks_with_the_colleague(desk: Desk, customer: Call, other: Call) -> None:
    """And the line knows: the agent is ready for the next one, the colleague is not, and the talk is his until he hangs up."""
    desk.both_talk(customer, other, "b")
    desk.agent_is(AgentState.ON_CALL, "k")
    desk.agent_is(AgentState.READY)
    assert [event.agent for event in desk.events("handed_over")] == [desk.phone_of("k")]
    assert desk.entry().state == "connected"
    other.hang_up()
    desk.hears(customer, "rate")
    desk.entry_is("completed")
    desk.agent_is(AgentState.READY, "k")


@story()
def test_the_keys_of_an_attended_transfer_and_hanging_up_hand_the_customer_over(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    other = asks_by_keys(desk, customer, agent)
    consults(customer, agent, other)
    agent.hang_up()
    talks_with_the_colleague(desk, customer, other)


@story()
def test_the_same_keys_again_hand_the_customer_over_as_well(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    other = asks_by_keys(desk, customer, agent)
    consults(customer, agent, other)
    agent.press("*2")
    agent.wait_ended()
    talks_with_the_colleague(desk, customer, other)


@story()
def test_an_agent_who_speaks_with_both_hands_over_when_he_leaves_them(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    other = asks_by_keys(desk, customer, agent)
    consults(customer, agent, other)
    agent.press("*3")
    customer.wait_hears(OTHER_AGENT)
    customer.hush()
    other.wait_hears(AGENT)
    desk.agent_is(AgentState.ON_CALL)
    assert desk.events("handed_over") == []
    agent.hang_up()
    customer.say(CUSTOMER)
    talks_with_the_colleague(desk, customer, other)


@story()
def test_an_agent_speaks_now_with_the_one_and_now_with_the_other(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    other = asks_by_keys(desk, customer, agent)
    consults(customer, agent, other)
    agent.press("*4")
    desk.both_talk(customer, agent)
    other.wait_hears(MUSIC)
    agent.press("*4")
    other.wait_hears(AGENT, time.monotonic())
    customer.wait_hears(MUSIC)
    agent.hang_up()
    talks_with_the_colleague(desk, customer, other)


@story()
def test_a_colleague_who_does_not_answer_is_given_up_and_may_be_asked_again(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    other = asks_by_keys(desk, customer, agent)
    agent.press("*1")
    desk.both_talk(customer, agent)
    assert other.wait_ended().how == "cancelled"
    desk.agent_is(AgentState.READY, "k")
    again = press_colleague(desk, customer, agent, other.phone)
    consults(customer, agent, again)
    agent.hang_up()
    talks_with_the_colleague(desk, customer, again)


@story()
def test_a_colleague_who_refuses_leaves_the_customer_with_the_agent(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    asks_by_keys(desk, customer, agent).reject(603)
    stays_with_the_agent(desk, customer, agent)


@story()
def test_a_colleague_who_says_no_and_hangs_up_leaves_the_customer_with_the_agent(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    other = asks_by_keys(desk, customer, agent)
    consults(customer, agent, other)
    other.hang_up()
    stays_with_the_agent(desk, customer, agent)


@story()
def test_the_keys_of_nobodys_telephone_lead_back_to_the_customer(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    agent.press("*2")
    customer.wait_hears(MUSIC)
    agent.press("7999")
    stays_with_the_agent(desk, customer, agent)


def stays_with_the_agent(desk: Desk, customer: Call, agent: Call) -> None:
    desk.both_talk(customer, agent)
    desk.agent_is(AgentState.ON_CALL)
    assert desk.events("handed_over", "transferred", "completed") == []
    agent.hang_up()
    desk.hears(customer, "rate")
    desk.entry_is("completed")


@story()
def test_an_agent_who_hangs_up_before_the_colleague_has_answered_sends_the_customer_to_him(desk: Desk) -> None:
    """As #1 does: the colleague hears who it is, and the customer keeps his place should he not take him."""
    customer, agent = desk.in_talk()
    entry = desk.entry()
    asked = asks_by_keys(desk, customer, agent)
    agent.hang_up()
    assert asked.wait_ended().how == "cancelled"
    call = asked.phone.wait_call()
    moved = desk.entry()
    assert (moved.id, moved.score, moved.skills) == (entry.id, entry.score, (f"agent:{desk.phone_of('k')}",))
    call.answer()
    desk.talk_at(call, "b")
    desk.both_talk(customer, call, "b")
    desk.agent_is(AgentState.READY)
    assert {event.data["by"] for event in desk.events("transferred")} == {f"{desk.queue}-a"}


@story()
def test_who_was_handed_a_customer_sends_him_on_by_keys(desk: Desk) -> None:
    """To nobody's telephone, so that the customer waits for everybody again."""
    customer, agent = desk.in_talk()
    other = asks_by_keys(desk, customer, agent)
    consults(customer, agent, other)
    agent.hang_up()
    desk.both_talk(customer, other, "b")
    other.press("#1")
    customer.wait_hears(MUSIC)
    other.press("7999")
    again = desk.talks()
    desk.both_talk(customer, again)
    assert {event.data["by"] for event in desk.events("transferred")} == {desk.phone_of("k")}


@story()
def test_a_customer_who_hangs_up_meanwhile_leaves_the_two_to_talk(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    other = asks_by_keys(desk, customer, agent)
    consults(customer, agent, other)
    customer.hang_up()
    desk.entry_is("completed")
    agent.wait_hears(OTHER_AGENT, time.monotonic() + 0.5)
    other.hang_up()
    agent.wait_ended()
    desk.agent_is(AgentState.READY)


# Recording


@story("record: true")
def test_a_recorded_talk_has_both_voices(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    file = recording(desk)
    until(lambda: seconds(file) > 1.5, "a second and a half is recorded")
    agent.hang_up()
    desk.hears(customer, "rate")
    until(lambda: has_tone(file, AGENT) and has_tone(file, CUSTOMER), "both voices are in it")


@story("record: true")
def test_a_pause_leaves_a_gap_in_the_recording(desk: Desk) -> None:
    """The customer says 3000 Hz while it is paused: a card's number, say."""
    customer, agent = desk.in_talk()
    file = recording(desk)
    company = desk.company
    until(lambda: seconds(file) > 0.5, "it is being recorded")
    company.parts.provider.record(customer_call(desk), False)
    customer.say(3000)
    agent.wait_hears(3000)
    at = seconds(file)
    until(lambda: seconds(file) > at + 0.7 or time.monotonic() - agent.up_at > 15, "time goes by")
    customer.say(CUSTOMER)
    agent.wait_hears(CUSTOMER, time.monotonic() + 0.2)
    company.parts.provider.record(customer_call(desk), True)
    at = seconds(file)
    until(lambda: seconds(file) > at + 0.7, "it is being recorded again")
    agent.hang_up()
    desk.hears(customer, "rate")
    assert tone_share(file, 3000) < 0.02
    assert has_tone(file, CUSTOMER)


@story()
def test_a_talk_of_a_queue_that_is_not_recorded_leaves_no_file(desk: Desk) -> None:
    customer, agent = desk.in_talk()
    room = desk.attempt().id
    agent.hang_up()
    desk.hears(customer, "rate")
    assert not recording_of(desk, room).exists()


def recording(desk: Desk) -> Path:
    return recording_of(desk, desk.attempt().id)


def recording_of(desk: Desk, room: str) -> Path:
    return desk.node.root / "spool" / "retorno" / f"{room}.wav"


def seconds(file: Path) -> float:
    """Of a WAV file that is still being written: 16 bits, 8 kHz."""
    return file.stat().st_size / 16_000 if file.exists() else 0.0


def customer_call(desk: Desk) -> str:
    return next(one.customer_call for one in desk.company.parts.line.talks() if one.queue == desk.queue)


def agent_call(desk: Desk) -> str:
    return next(one.agent_call for one in desk.company.parts.line.talks() if one.queue == desk.queue)


# Supervisors


@story()
def test_a_supervisor_who_listens_is_heard_by_nobody(desk: Desk) -> None:
    customer, agent, ear = supervised(desk, Listening.LISTEN)
    for side in (agent, customer):
        side.wait_more(0.5)
        assert side.first_heard(SUPERVISOR) is None
    agent.hang_up()
    ear.wait_ended()


@story()
def test_a_supervisor_who_whispers_is_heard_by_the_agent_only(desk: Desk) -> None:
    customer, agent, _ = supervised(desk, Listening.WHISPER)
    agent.wait_hears(SUPERVISOR)
    customer.wait_more(0.5)
    assert customer.first_heard(SUPERVISOR) is None


@story()
def test_a_supervisor_who_barges_in_is_heard_by_both(desk: Desk) -> None:
    customer, agent, _ = supervised(desk, Listening.BARGE)
    agent.wait_hears(SUPERVISOR)
    customer.wait_hears(SUPERVISOR)


def supervised(desk: Desk, mode: Listening) -> tuple[Call, Call, Call]:
    """A customer, an agent, and a supervisor who hears both and speaks."""
    customer, agent = desk.in_talk()
    phone = desk.phone("s")
    desk.company.parts.provider.listen(f"PJSIP/{phone.name}", agent_call(desk), mode)
    ear = phone.wait_call().wait_up()
    ear.say(SUPERVISOR)
    ear.wait_hears(AGENT)
    ear.wait_hears(CUSTOMER)
    return customer, agent, ear


# Phones that are not there for us


@story()
def test_an_agent_whose_phone_is_gone_is_offered_nothing_until_it_is_back(desk: Desk) -> None:
    phone = desk.agent()
    phone.register(0)
    desk.agent_is(AgentState.PAUSED, reason="phone_gone")
    customer = desk.in_line()
    desk.entry_is("waiting")
    phone.register()
    desk.both_talk(customer, desk.talks())
    assert len(phone.calls()) == 1


@story()
def test_an_agent_who_is_on_the_phone_of_his_own_is_offered_nothing_meanwhile(desk: Desk) -> None:
    phone = desk.agent(lines=2)
    private = phone.dial(desk.phone("s").name).wait_up()
    desk.agent_is(AgentState.PAUSED, reason="phone_in_use")
    customer = desk.in_line()
    desk.entry_is("waiting")
    assert phone.calls() == []
    private.hang_up()
    desk.both_talk(customer, desk.talks())


def test_the_company_is_quiet_when_all_have_gone(told: Told) -> None:
    """No part has died, none has logged an error."""
    for future in told.futures.values():
        future.exception(170)
    company = told.company
    assert [name for name, process in company.processes.items() if process.poll() is not None] == []
    assert company.errors() == []
