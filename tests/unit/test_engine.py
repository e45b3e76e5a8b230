"""The engine where a golden conversation does not reach: budgets, rescue, late inputs, a line left and entered from subflows."""

from __future__ import annotations

import json

import pytest

from ivr import engine
from ivr.engine import MAX_MS, MAX_STEPS, MAX_VISITS
from ivr.events import EventType
from ivr.flow.load import load_flow
from ivr.flow.model import Flow
from ivr.flow.steps.menu import key_matches
from ivr.inputs import Digits, HungUp, Joined, Machine, NoInput, Outcome, Started
from ivr.instructions import Gather, Hangup, Hold, Join, Say
from ivr.session import Session
from ivr.trial import Shelf
from ivr.trial.phone import Phone
from ivr.trial.world import World
from ivr.turning import Published

NOW_MS = 1_773_147_600_000

WAITING = """
version: 1
flow: waiting
languages: [en]
entry: {default: sales}
defaults: {on_fail: sales}
steps:
  sales: {type: queue, queue: sales, callback: {key: 1}, next: bye, on: {callback: other, timeout: bye}}
  other: {type: subflow, flow: child, next: sales}
  bye: {type: hangup}
"""
CHILD = """
version: 1
flow: child
languages: [en]
entry: {default: ask}
steps:
  ask: {type: menu, keys: {1: {label: {en: the same line}, to: sales}, 2: {label: {en: a callback}, to: call}, 3: hangup, 4: done, 5: speak}, on_fail: hangup}
  sales: {type: queue, queue: sales, next: hangup, on: {timeout: hangup}}
  call: {type: callback, queue: sales, next: hangup, on: {declined: speak, invalid: hangup, duplicate: hangup, full: hangup, blocked: hangup}}
  speak: {type: voicemail, box: desk, prompt: {en: Speak.}, next: hangup}
  done: {type: hangup}
"""


def flow_of(text: str) -> Flow:
    checked = load_flow(text, "test.yaml")
    assert checked.flow is not None, checked.problems
    return checked.flow


def phone_for(*texts: str, line: dict[str, object] | None = None, number: str = "+5511987654321") -> Phone:
    """A call to the first of the flows, just answered."""
    flows = [flow_of(text) for text in texts]
    shelf = Shelf({flow.flow: Published(flow, "v1") for flow in flows})
    session = Session("c1", flows[0].flow, "v1", NOW_MS, "", number=number)
    world = World(NOW_MS)
    world.tell(line or {})
    phone = Phone(shelf, engine.start(shelf, session).to_json(), world)
    phone.start()
    return phone


def kinds(phone: Phone) -> list[EventType]:
    return [event.type for event in phone.events]


def long_way(steps: int) -> str:
    """A flow of so many `set` steps in a row and then a menu."""
    body = "".join(
        f"  s{n}: {{type: set, vars: {{n: '{n}'}}, next: {f's{n + 1}' if n + 1 < steps else 'main'}}}\n"
        for n in range(steps)
    )
    return f"version: 1\nflow: long\nlanguages: [en]\nentry: {{default: s0}}\noperator: person\nsteps:\n{body}" + (
        "  main: {type: menu, keys: {1: main}}\n  person: {type: hangup, reason: person}\n"
    )


@pytest.mark.parametrize(("steps", "kept"), [(MAX_STEPS - 2, True), (MAX_STEPS + 1, False)], ids=["within", "beyond"])
def test_a_turn_takes_at_most_so_many_steps(steps: int, kept: bool) -> None:
    phone = phone_for(long_way(steps))
    assert isinstance(phone.instruction, Gather) is kept
    assert (EventType.BUDGET_EXCEEDED in kinds(phone)) is not kept


def test_a_step_is_visited_so_often_without_input_and_input_counts_anew() -> None:
    text = """
version: 1
flow: loop
languages: [en]
entry: {default: main}
operator: person
steps:
  main: {type: menu, keys: {1: main, 2: count}}
  count: {type: set, vars: {n: "1"}, next: test}
  test: {type: branch, when: [{if: n == 1, to: count}], else: main}
  person: {type: hangup, reason: person}
"""
    phone = phone_for(text)
    for _ in range(MAX_VISITS * 3):
        phone.press("1")
    assert isinstance(phone.instruction, Gather)
    phone.press("2")
    assert phone.session.ended == "person"
    assert kinds(phone).count(EventType.BUDGET_EXCEEDED) == 1


def menu_then_line() -> str:
    return """
version: 1
flow: hour
languages: [en]
entry: {default: main}
defaults: {on_fail: person}
steps:
  main: {type: menu, keys: {1: main, 2: person}}
  person: {type: queue, queue: sales, next: main, on: {timeout: main}}
"""


def test_after_an_hour_in_the_flow_a_caller_gets_a_person_who_has_time_for_him() -> None:
    phone = phone_for(menu_then_line())
    phone.world.now_ms += MAX_MS + 1
    phone.press("1")
    assert phone.session.step == "person"
    assert isinstance(phone.instruction, Hold)
    phone.wait(30 * 60_000)
    phone.agent_answers()
    phone.talk(60_000)
    phone.press("1")
    assert isinstance(phone.instruction, Gather), "the talk ended well; nobody is thrown out after it"


def test_waiting_and_talking_do_not_count() -> None:
    phone = phone_for(menu_then_line())
    phone.press("2")
    phone.wait(MAX_MS * 2)
    phone.agent_answers()
    phone.talk(MAX_MS * 2)
    phone.press("1")
    assert EventType.BUDGET_EXCEEDED not in kinds(phone)
    assert phone.session.step == "main"


def test_an_ended_call_stays_ended() -> None:
    phone = phone_for(
        "version: 1\nflow: end\nlanguages: [en]\nentry: {default: bye}\nsteps: {bye: {type: hangup, reason: over}}\n"
    )
    before = phone.saved
    turn = engine.turn(phone.flows, phone.session, Digits("1"), phone.world)
    assert (turn.instruction, turn.events) == (Hangup((), "over"), ())
    assert turn.session.to_json() == before


def test_a_turn_leaves_the_session_given_alone() -> None:
    phone = phone_for(WAITING, CHILD)
    session = phone.session
    engine.turn(phone.flows, session, NoInput(), phone.world)
    assert session == phone.session


def test_a_call_that_was_never_answered_ends_with_its_outcome() -> None:
    phone = phone_for(WAITING, CHILD)
    turn = engine.turn(phone.flows, phone.session, HungUp(Outcome.BUSY), phone.world)
    [ended] = turn.events
    assert (ended.type, ended.data["outcome"], ended.data["by"]) == (EventType.CALL_ENDED, "busy", "caller")


def test_an_agent_finds_the_caller_who_went_into_a_subflow_while_he_waited() -> None:
    phone = phone_for(WAITING, CHILD)
    phone.press("1")
    assert (phone.session.flow, phone.session.step) == ("child", "ask")
    phone.wake(Joined("a1"))
    assert isinstance(phone.instruction, Join)
    assert (phone.session.flow, phone.session.step) == ("waiting", "sales")
    phone.talk(60_000)
    assert phone.session.ended == "done"


def test_a_subflow_that_ends_does_not_cost_the_place() -> None:
    for key in ("3", "4"):
        phone = phone_for(WAITING, CHILD)
        phone.press("1")
        phone.press(key)
        assert (phone.session.step, phone.session.entry) == ("sales", "entry-1")
        assert "goodbye" not in " ".join(part.text for part in phone.heard if isinstance(part, Say)).lower()


def test_the_same_line_in_a_subflow_is_the_same_place() -> None:
    phone = phone_for(WAITING, CHILD)
    phone.press("1")
    asked = len(phone.world.asked)
    phone.press("1")
    assert (phone.session.flow, phone.session.entry) == ("child", "entry-1")
    assert len(phone.world.asked) == asked, "nothing is asked: he stands in that line"
    phone.agent_answers()
    phone.talk(60_000)
    assert (phone.session.flow, phone.session.step) == ("waiting", "sales"), "the child's end leads back"


@pytest.mark.parametrize(
    ("keys", "answers"),
    [(("5",), {"leave": "taken"}), (("2", "*"), {"leave": "taken"}), (("2", "1"), {"book": "taken"})],
    ids=["to the mailbox", "declined and to the mailbox", "booked"],
)
def test_an_agent_who_is_quicker_than_the_caller_finds_him_on_hold(
    keys: tuple[str, ...], answers: dict[str, str]
) -> None:
    phone = phone_for(WAITING, CHILD, line=dict(answers))
    phone.press("1")
    for key in keys:
        phone.press(key)
    assert isinstance(phone.instruction, Hold)
    assert (phone.session.flow, phone.session.step, phone.session.entry) == ("waiting", "sales", "entry-1")
    phone.silence()
    assert isinstance(phone.instruction, Hold)
    phone.agent_answers()
    assert isinstance(phone.instruction, Join)


def test_where_a_caller_was_going_when_an_agent_took_him_is_forgotten() -> None:
    """The agent was not there after all: the next way out leads where the caller goes then, not where he went before."""
    text = WAITING.replace("key: 1}", "key: 1}, exit_key: 2").replace("timeout: bye}", "timeout: bye, exit: bye}")
    phone = phone_for(text, CHILD, line={"leave": ["taken", "left"]})
    phone.press("1")
    phone.press("5")
    phone.agent_answers()
    phone.talk(0, Outcome.NO_ANSWER)
    phone.press("2")
    assert (phone.session.step, phone.session.ended) == ("bye", "done")


def test_who_keeps_his_place_from_within_a_subflow_has_ended_his_call() -> None:
    parent = WAITING.replace("entry: {default: sales}", "entry: {default: other}")
    phone = phone_for(parent, CHILD, line={"find": "found"})
    phone.press("1")
    phone.press("2")
    assert (phone.session.ended, phone.session.flow) == ("place_kept", "child")


def test_what_a_subflow_gives_back_is_as_sensitive_as_it_was_there() -> None:
    parent = """
version: 1
flow: parent
languages: [en]
entry: {default: ask}
steps:
  ask: {type: subflow, flow: pins, save: {ours: pin}, next: say}
  say: {type: say, prompts: [{en: "{{ ours }}"}], next: hangup}
"""
    child = """
version: 1
flow: pins
languages: [en]
entry: {default: ask}
steps: {ask: {type: collect, prompt: {en: PIN.}, save: pin, digits: 4, sensitive: true, next: hangup, on_fail: hangup}}
"""
    phone = phone_for(parent, child)
    phone.press("4021")
    assert phone.session.sensitive == ["ours"]
    assert EventType.STEP_FAILED in kinds(phone)
    assert "4021" not in " ".join(part.text for part in phone.heard if isinstance(part, Say))


@pytest.mark.parametrize(
    ("key", "digits", "is_it"),
    [
        ("1", "1", True),
        ("1", "11", False),
        ("2-5", "2", True),
        ("2-5", "5", True),
        ("2-5", "6", False),
        ("1000-1999", "1000", True),
        ("1000-1999", "1999", True),
        ("1000-1999", "2000", False),
        ("1000-1999", "150", False),
        ("2XX", "200", True),
        ("2XX", "2*0", False),
        ("2-5", "*", False),
        ("*", "*", True),
    ],
)
def test_a_key_a_range_and_a_pattern_match_to_the_digit(key: str, digits: str, is_it: bool) -> None:
    assert key_matches(key, digits) is is_it


def test_recover_takes_the_caller_to_a_person_from_where_he_was() -> None:
    phone = phone_for(menu_then_line())
    turn = engine.recover(phone.flows, phone.session, phone.world)
    assert turn.ask is not None
    assert turn.session.step == "person"
    assert [event.type for event in turn.events] == [EventType.STEP_FAILED, EventType.STEP_ENTERED]
    assert "technical problem" in json.dumps(turn.session.said)


def test_a_second_rescue_says_goodbye() -> None:
    phone = phone_for(menu_then_line())
    session = phone.session
    session.failed = 1
    turn = engine.recover(phone.flows, session, phone.world)
    assert isinstance(turn.instruction, Hangup)
    assert turn.session.ended == "failed"


def test_a_subflow_that_knows_no_person_leaves_the_rescue_to_its_caller() -> None:
    child = CHILD.replace(
        "{type: voicemail, box: desk, prompt: {en: Speak.}, next: hangup}",
        "{type: say, prompts: [{en: '{{ x }}'}], next: hangup}",
    )
    phone = phone_for(WAITING, child)
    phone.press("1")
    phone.press("5")
    assert (phone.session.flow, phone.session.step, phone.session.frames) == ("waiting", "sales", [])
    assert isinstance(phone.instruction, Hold)


def test_a_call_keeps_the_version_it_began_with() -> None:
    class Versions:
        """Two versions of one flow; the second is the current one once it is there."""

        def __init__(self) -> None:
            one = "version: 1\nflow: f\nlanguages: [en]\nentry: {default: m}\nsteps: {m: {type: menu, keys: {1: m, 2: hangup}, intro: {en: WORD}, on_fail: m}}\n"
            self.known = {v: Published(flow_of(one.replace("WORD", v)), v) for v in ("old", "new")}
            self.current = "old"

        def get(self, name: str, version: str = "") -> Published:
            return self.known[version or self.current]

    flows = Versions()
    session = Session("c1", "f", "old", NOW_MS, "")
    phone = Phone(flows, engine.start(flows, session).to_json(), World(NOW_MS))
    phone.start()
    flows.current = "new"
    phone.press("1")
    assert [part.text for part in phone.heard if isinstance(part, Say)] == ["old"]


def test_an_offer_is_counted_once_for_each_place() -> None:
    phone = phone_for(WAITING, CHILD)
    phone.press("1")
    phone.press("4")
    offered = [event for event in phone.events if event.type is EventType.CALLBACK_OFFERED]
    assert [(event.queue, event.entry) for event in offered] == [("sales", "entry-1")]


def test_what_was_not_given_to_a_flow_is_none() -> None:
    text = "version: 1\nflow: f\nlanguages: [en]\nentry: {default: b}\ninputs: [tier]\nsteps: {b: {type: branch, when: [{if: tier == none, to: hangup}], else: b}}\n"
    phone = phone_for(text)
    assert phone.session.ended == "done"


def test_a_place_of_zero_is_never_spoken() -> None:
    phone = phone_for(WAITING, CHILD, line={"queue": {"position": "0"}})
    assert "0" not in " ".join(part.text for part in phone.heard if isinstance(part, Say))
    assert kinds(phone)[:1] == [EventType.CALL_STARTED]
    assert isinstance(phone.exchanges[0].given, Started)


def test_a_caller_whose_place_is_gone_is_not_held_for_nobody() -> None:
    """However that came about: after some minutes of quiet music he stands in line anew."""
    phone = phone_for(menu_then_line())
    phone.press("2")
    phone.world.ringing = True
    phone.wait(4 * 60_000)
    assert phone.session.entry == "entry-1"
    phone.world.ringing = False
    phone.wait(60_000)
    phone.world.ringing = True
    phone.wait(6 * 60_000)
    joins = [ask for exchange in phone.exchanges for ask, _ in exchange.asked if type(ask).__name__ == "JoinLine"]
    assert len(joins) == 2


@pytest.mark.parametrize("heard", [None, *Machine])
def test_what_the_network_heard_is_for_the_flow_to_see_and_in_the_event_and_ends_nothing(heard: Machine | None) -> None:
    text = "version: 1\nflow: f\nlanguages: [en]\nentry: {default: m}\ninputs: [machine]\nsteps: {m: {type: menu, keys: {1: hangup}}}\n"
    shelf = Shelf({"f": Published(flow_of(text), "v1")})
    session = engine.start(shelf, Session("c1", "f", "v1", NOW_MS, "en", direction="outbound"))
    turn = engine.turn(shelf, session, Started(heard), World(NOW_MS))
    assert isinstance(turn.instruction, Gather)
    assert turn.session.variables["machine"] == heard
    assert turn.events[0].data.get("machine") == heard
