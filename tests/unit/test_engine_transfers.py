"""A talk that ends in a transfer, as the engine takes it: the customer waits on, in another line, wherever his flow was."""

from __future__ import annotations

import pytest
from test_engine import NOW_MS, flow_of

from ivr import engine
from ivr.asks import JoinLine, LeaveLine
from ivr.events import EventType
from ivr.facts import TalkFacts
from ivr.instructions import Hold, Join, Say
from ivr.session import Session
from ivr.trial import Shelf
from ivr.trial.phone import Phone
from ivr.trial.world import World
from ivr.turning import Published
from ivr.words import SENTENCES

SAYS = SENTENCES["en"]
IN = """
version: 1
flow: in
languages: [en]
entry: {default: sales}
defaults: {on_fail: sales}
steps:
  sales: {type: queue, queue: sales, max_wait: 5m, next: thanks, on: {timeout: late, closed: late}}
  thanks: {type: hangup, reason: thanked}
  late: {type: hangup, reason: late}
"""
OFFERED = """
version: 1
flow: in
languages: [en]
entry: {default: sales}
defaults: {on_fail: sales}
steps:
  sales: {type: queue, queue: sales, callback: {key: 1}, next: thanks, on: {callback: call_me, timeout: thanks, closed: thanks}}
  call_me: {type: callback, queue: sales, number: ask, next: thanks, on: {declined: sales, duplicate: thanks}}
  thanks: {type: hangup, reason: thanked}
"""
OUT = """
version: 1
flow: out
languages: [en]
entry: {default: connect}
steps:
  connect: {type: join, next: thanks}
  thanks: {type: hangup, reason: thanked}
"""


def talking(text: str, leg: str = "") -> Phone:
    """A call in a talk: one that phoned in, or one that we placed."""
    flow = flow_of(text)
    shelf = Shelf({flow.flow: Published(flow, "v1")})
    attempt = "a0" if leg else ""
    session = Session("c1", flow.flow, "v1", NOW_MS, "", number="+5511987654321", attempt=attempt, leg=leg)
    phone = Phone(shelf, engine.start(shelf, session).to_json(), World(NOW_MS))
    phone.start()
    if not leg:
        phone.agent_answers()
    assert isinstance(phone.instruction, Join)
    return phone


def said(phone: Phone) -> list[str]:
    return [part.text for part in phone.heard if isinstance(part, Say)]


BOTH = pytest.mark.parametrize(("text", "leg"), [(IN, ""), (OUT, "customer")], ids=["phoned in", "rung by us"])


@BOTH
@pytest.mark.parametrize(("unknown", "word"), [(False, "transferred"), (True, "transfer_failed")])
def test_who_is_sent_on_hears_so_and_holds_in_his_place(text: str, leg: str, unknown: bool, word: str) -> None:
    phone = talking(text, leg)
    phone.world.talked = TalkFacts(entry="e1", queue="support", unknown=unknown)
    phone.talk(60_000)
    assert said(phone)[0] == SAYS[word]
    assert isinstance(phone.instruction, Hold)
    assert (phone.session.entry, phone.session.queue) == ("e1", "support")
    phone.silence()
    assert isinstance(phone.instruction, Hold)
    phone.world.talked = TalkFacts()
    phone.agent_answers()
    assert isinstance(phone.instruction, Join)
    phone.talk(60_000)
    assert phone.session.ended == "thanked", "and on from there where the first talk would have led"


@BOTH
def test_whatever_the_network_says_of_the_end_of_the_first_talk(text: str, leg: str) -> None:
    phone = talking(text, leg)
    phone.world.talked = TalkFacts(entry="e1", queue="support")
    phone.talk(0, engine.Outcome.NO_ANSWER)
    assert isinstance(phone.instruction, Hold)
    assert phone.session.entry == "e1"


def test_the_agents_own_call_ends_with_his_talk() -> None:
    phone = talking(OUT, "agent")
    assert isinstance(phone.instruction, Join)
    assert phone.instruction.host
    phone.world.talked = TalkFacts(entry="e1", queue="support")
    phone.talk(60_000)
    assert phone.session.ended == "thanked"


@pytest.mark.parametrize(("leg", "record"), [("customer", True), ("agent", False)])
def test_recording_is_said_on_the_customers_side_only(leg: str, record: bool) -> None:
    flow = flow_of(OUT)
    shelf = Shelf({"out": Published(flow, "v1")})
    session = Session("c1", "out", "v1", NOW_MS, "", attempt="a0", leg=leg)
    phone = Phone(shelf, engine.start(shelf, session).to_json(), World(NOW_MS, talked=TalkFacts(record=True)))
    phone.start()
    assert isinstance(phone.instruction, Join)
    assert (phone.instruction.record, phone.instruction.host) == (record, not record)


def test_the_longest_wait_counts_anew() -> None:
    phone = talking(IN)
    phone.world.talked = TalkFacts(entry="e1", queue="support")
    phone.talk(60 * 60_000)
    assert isinstance(phone.instruction, Hold)
    phone.wait(6 * 60_000)
    assert phone.session.ended == "late"


@pytest.mark.parametrize("answer", ["left", "taken"])
def test_a_customer_whom_we_rang_is_not_held_past_the_closing_of_the_other_queue(answer: str) -> None:
    phone = talking(OUT, "customer")
    phone.world.tell({"leave": answer})
    phone.world.talked = TalkFacts(entry="e1", queue="support")
    phone.talk(60_000)
    phone.world.at.closing = True
    phone.silence()
    (ask,) = [ask for ask, _ in phone.exchanges[-1].asked]
    assert ask == LeaveLine("e1", "closed")
    if answer == "left":
        assert (said(phone)[0], phone.session.ended) == (SAYS["closed_now"], "thanked")
    else:
        assert (phone.session.entry, isinstance(phone.instruction, Hold)) == ("e1", True)


def test_nor_for_a_place_that_is_not_there_any_more() -> None:
    phone = talking(OUT, "customer")
    phone.world.talked = TalkFacts(entry="e1", queue="support")
    phone.talk(60_000)
    phone.world.ringing = True
    phone.wait(4 * 60_000)
    assert isinstance(phone.instruction, Hold), "an agent is being rung for him"
    phone.wait(3 * 60_000)
    assert phone.session.ended == "thanked"
    assert not [ask for exchange in phone.exchanges for ask, _ in exchange.asked if isinstance(ask, JoinLine)]


def test_who_is_sent_on_and_does_not_want_the_callback_that_he_is_offered_keeps_his_place() -> None:
    phone = talking(OFFERED)
    phone.world.talked = TalkFacts(entry="e1", queue="support")
    phone.world.at.offer = True
    phone.talk(60_000)
    phone.press("1")
    assert phone.session.step == "call_me"
    phone.press("*")
    assert (phone.session.step, isinstance(phone.instruction, Hold)) == ("sales", True)
    assert (phone.session.entry, phone.session.queue) == ("e1", "support")
    assert not [ask for exchange in phone.exchanges[-2:] for ask, _ in exchange.asked], (
        "he leaves no line and joins none"
    )
    (offered,) = [event for event in phone.events if event.type is EventType.CALLBACK_OFFERED and event.entry == "e1"]
    assert offered.queue == "support", "and that queue has made the offer"
