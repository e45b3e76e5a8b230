"""Callbacks on a real Asterisk: a caller hangs up, keeps his place, and is rung back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from company import AGENT, MUSIC, Desk, breaks, spoken
from rig import Call, until
from stories import Told, story, tell_all

from callback.model import AgentState
from ivr import words
from ivr.instructions import Say
from ivr.prompts import phone_words

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, asterisk_binary: Path) -> Iterator[Told]:
    yield from tell_all(request, asterisk_binary)


def says(desk: Desk, call: Call, key: str, after: float = 0.0, **values: object) -> None:
    """Wait until the call has heard one of our own sentences (its first second and a half)."""
    call.wait_matches(spoken(desk, Say(words.sentence(key, "en", **values), "en")), after, 1.5)


def booked(desk: Desk, first: str = "agent", number: str = "") -> None:
    """Somebody waits, presses 1 in the music, hears that his place is kept, and hangs up."""
    caller = desk.in_line(number, by="7" if first == "customer" else "1")
    entry = desk.entry()
    caller.press("1")
    says(desk, caller, "booked", position=1)
    caller.hang_up()
    kept = desk.entry()
    assert (kept.id, kept.score, kept.mode) == (entry.id, entry.score, "callback")


@story()
def test_the_agent_is_rung_first_then_the_customer_and_they_talk(desk: Desk) -> None:
    booked(desk)
    desk.agent()
    agent = desk.talks()
    customer = desk.rings_back().answer()
    customer.say(2400)
    desk.hears(customer, "hello")
    customer.press("1")
    desk.both_talk(customer, agent)
    customer.hang_up()
    assert agent.wait_ended().by == "them"
    desk.entry_is("completed")
    desk.agent_is(AgentState.READY)
    desk.nothing_left()


@story()
def test_when_the_agent_hangs_up_first_the_customer_hears_goodbye(desk: Desk) -> None:
    booked(desk)
    desk.agent()
    agent = desk.talks()
    customer = desk.rings_back().answer()
    customer.say(2400)
    desk.hears(customer, "hello")
    customer.press("1", by="info")
    desk.both_talk(customer, agent)
    agent.hang_up()
    desk.hears(customer, "bye")
    assert customer.wait_ended().by == "them"
    desk.entry_is("completed")


@story()
def test_the_customer_is_rung_first_and_holds_with_music_until_the_agent_is_there(desk: Desk) -> None:
    booked(desk, first="customer")
    phone = desk.agent()
    customer = desk.rings_back().answer()
    customer.say(2400)
    desk.hears(customer, "hello")
    customer.press("1")
    customer.wait_hears(MUSIC)
    ringing = phone.wait_call()
    desk.hears(ringing.wait_up(), "whisper")
    heard_to = time.monotonic()
    music = customer.first_heard(MUSIC)
    assert music
    desk.talk_at(ringing)
    desk.both_talk(customer, ringing)
    assert breaks(customer, MUSIC, music, heard_to) == []
    customer.hang_up()
    desk.entry_is("completed")


@story()
def test_a_customer_who_is_busy_is_rung_again_and_three_times_is_enough(desk: Desk) -> None:
    booked(desk)
    desk.agent()
    for _ in range(3):
        agent = desk.talks()
        desk.rings_back().reject(486)
        agent.wait_ended()
    assert desk.entry_is("failed").tries == {"busy": 3}
    desk.agent_is(AgentState.READY)


@story()
def test_a_customer_who_was_busy_is_reached_the_second_time(desk: Desk) -> None:
    booked(desk)
    desk.agent()
    desk.talks()
    desk.rings_back().reject(486)
    agent = desk.talks()
    customer = desk.rings_back().answer()
    customer.say(2400)
    desk.hears(customer, "hello")
    customer.press("1")
    desk.both_talk(customer, agent)


@story("ring_customer: 1s")
def test_a_customer_who_does_not_answer_is_rung_twice(desk: Desk) -> None:
    booked(desk)
    desk.agent()
    for _ in range(2):
        agent = desk.talks()
        assert desk.rings_back().wait_ended().how == "cancelled"
        agent.wait_ended()
    assert desk.entry_is("failed").tries == {"no_answer": 2}


@story()
def test_a_machine_that_presses_nothing_gets_our_word_and_no_agent(desk: Desk) -> None:
    booked(desk)
    desk.agent()
    for _ in range(2):
        agent = desk.talks()
        machine = desk.rings_back().answer()
        machine.say(2400)
        desk.hears(machine, "hello")
        desk.hears(machine, "message")
        machine.wait_ended()
        assert agent.first_heard(2400) is None
        assert machine.first_heard(AGENT) is None
    assert desk.entry_is("failed").tries == {"machine": 2}


@story()
def test_a_customer_who_no_longer_needs_the_call_cancels_it_by_key(desk: Desk) -> None:
    booked(desk)
    desk.agent()
    desk.talks()
    customer = desk.rings_back().answer()
    desk.hears(customer, "hello")
    customer.press("2")
    desk.hears(customer, "cancelled")
    desk.entry_is("cancelled")
    desk.agent_is(AgentState.READY)


@story()
def test_when_the_agent_gives_up_before_the_customer_has_answered_the_place_is_kept(desk: Desk) -> None:
    booked(desk)
    desk.agent()
    agent = desk.talks()
    ringing = desk.rings_back()
    agent.hang_up()
    assert ringing.wait_ended().how == "cancelled"
    agent = desk.talks()
    customer = desk.rings_back().answer()
    customer.say(2400)
    desk.hears(customer, "hello")
    customer.press("1")
    desk.both_talk(customer, agent)
    assert desk.entry().tries == {}


@story()
def test_a_callback_is_booked_for_a_number_that_is_typed(desk: Desk) -> None:
    number = f"+551196655{desk.place:04}"
    caller = desk.dial(speaking=False)
    desk.hears(caller, "welcome")
    caller.press("6")
    says(desk, caller, "ask_number")
    caller.press(number.removeprefix("+55") + "#")
    says(desk, caller, "confirm_number", number=phone_words(number, "en"))
    caller.press("1")
    says(desk, caller, "booked", position=1)
    desk.hears(caller, "bye")
    caller.wait_ended()
    desk.agent()
    agent = desk.talks()
    customer = desk.rings_back(number).answer()
    customer.say(2400)
    desk.hears(customer, "hello")
    customer.press("1")
    desk.both_talk(customer, agent)


@story()
def test_who_phones_in_while_his_callback_waits_may_wait_in_the_same_place(desk: Desk) -> None:
    booked(desk)
    entry = desk.entry()
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.press("1")
    says(desk, caller, "place_found", position=1)
    caller.press("1")
    caller.wait_hears(MUSIC)
    taken = desk.entry_is("waiting")
    assert (taken.id, taken.score, taken.mode) == (entry.id, entry.score, "live")
    desk.agent()
    desk.both_talk(caller, desk.talks())
    assert not [call for call in desk.company.carrier.calls() if desk.customer in call.shown("To")], (
        "he is not rung too"
    )


@story()
def test_who_phones_in_while_his_callback_waits_may_cancel_it(desk: Desk) -> None:
    booked(desk)
    caller = desk.dial()
    desk.hears(caller, "welcome")
    caller.press("1")
    says(desk, caller, "place_found", position=1)
    caller.press("4")
    says(desk, caller, "place_cancelled")
    assert caller.wait_ended().by == "them"
    desk.entry_is("cancelled")


@story("closing: message")
def test_at_closing_time_who_was_not_served_is_rung_and_told(desk: Desk) -> None:
    booked(desk)
    desk.set_rules("hours: never, closing: message")
    customer = desk.rings_back().answer()
    desk.hears(customer, "told")
    customer.wait_ended()
    desk.entry_is("expired")


@story()
def test_an_agent_hears_in_his_own_language_for_whom_he_is_rung(desk: Desk) -> None:
    """Real speech, with the values of this call in it."""
    desk.in_line()
    phone = desk.agent(lang="pt-BR")
    call = phone.wait_call().wait_up()
    said = f"Ligação da fila {desk.queue}. O cliente espera há um minuto."
    call.wait_matches(spoken(desk, Say(said, "pt-BR")), seconds=2.5)
    call.press("1")
    until(lambda: desk.entry().state == "connected", "they talk", desk.told)
