"""Attempts: three orders of ringing, every way a leg can end, and messages that come late, twice or never."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_py
from line_world import NUMBERS, World, audit, ordered, rules

from callback import dispatch
from callback.jobs import Task
from callback.metrics import Totals, fold
from callback.model import Callbacks, Closing, EntryState, Mode, Order, Place, Retry
from callback.policy import Opening
from callback.store import REST_MS
from ivr.asks import Accept, CancelPlace, LeaveLine
from ivr.inputs import Outcome
from ivr.ports import Caller, CallState, Found


@pytest.fixture
def world(redis: redis_py.Redis) -> Iterator[World]:
    made = World(redis, rules())
    made.agent("ana")
    yield made
    audit(made)


@pytest.fixture
def customer_first(redis: redis_py.Redis) -> Iterator[World]:
    made = World(redis, ordered(Order.CUSTOMER_FIRST))
    made.agent("ana")
    yield made
    audit(made)


def booked(world: World, number: str = NUMBERS[1]) -> str:
    """A callback that waits in its own place, and was matched at once; returns the entry."""
    return str(world.book("", number, call=f"in{number}").values["entry"])


def test_begin_has_one_winner(world: World) -> None:
    entry = world.join("c1")
    (task,) = world.rung()
    begun = world.line.begin(task.attempt, "agent")
    assert begun
    assert (begun.to, begun.call, begun.ring_ms) == ("sim:ana", f"{task.attempt}-a", 20_000)
    assert begun.attempt.deadline_ms == world.clock.now_ms() + 20_000 + 20_000 + 10_000
    assert world.clock.now_ms() < begun.send_by_ms < begun.attempt.deadline_ms - begun.ring_ms
    assert world.line.begin(task.attempt, "agent") is None
    assert world.line.begin(task.attempt, "customer") is None
    assert world.line.begin("nobody", "agent") is None
    assert (world.state(entry), world.count("dial_begun")) == (EntryState.DIALING, 1)


def test_live_the_agent_accepts_and_the_caller_is_moved(world: World) -> None:
    world.clock.advance(4_000)
    entry = world.join("c1")
    attempt = world.ring_agent()
    world.clock.advance(6_000)
    assert [world.accept(attempt, "agent") for _ in range(2)] == ["room", "room"]
    assert world.tasks == [Task("connect", attempt=attempt)], "the repeated accept moves nobody twice"
    assert (world.state(entry), world.agent_state("ana")) == (EntryState.CONNECTED, "on_call")
    assert world.last("connected").data == {
        "mode": "live",
        "chosen": "0",
        "wait_ms": "6000",
        "hold_ms": "0",
        "target_ms": "20000",
        "line_ms": "0",
    }


def test_talk_then_wrap_up_then_ready_is_completed_and_handled_once(world: World) -> None:
    entry = world.join("c1")
    attempt = world.talk()
    world.clock.advance(90_000)
    world.line.talk_ended(Caller("c1", entry=entry), Outcome.ANSWERED)
    world.end_leg(attempt, "agent")
    world.hang_up("c1", entry)
    assert (world.state(entry), world.agent_state("ana")) == (EntryState.COMPLETED, "wrap_up")
    world.clock.advance(12_000)
    for _ in range(2):
        world.line.wrap_up_done("ana")
    assert (world.count("completed"), world.count("handled"), world.count("abandoned")) == (1, 1, 0)
    assert world.last("handled").data == {"talk_ms": "90000", "wrap_ms": "12000", "held_ms": "0"}
    assert world.accept(attempt, "agent") == "gone"


@pytest.mark.parametrize("outcome", [Outcome.ANSWERED, Outcome.NO_ANSWER])
def test_a_caller_who_was_moved_tells_of_the_talk_by_the_attempt_and_has_no_leg(world: World, outcome: Outcome) -> None:
    entry = world.join("c1")
    attempt = world.talk()
    caller = Caller("c1", entry=entry, attempt=attempt)
    for _ in range(2):
        world.line.talk_ended(caller, outcome)
    assert world.state(entry) is (EntryState.COMPLETED if outcome is Outcome.ANSWERED else EntryState.RESERVED)
    world.line.ended(caller, Outcome.ANSWERED, "")
    assert world.state(entry) is (EntryState.COMPLETED if outcome is Outcome.ANSWERED else EntryState.ABANDONED)


def test_agent_first_he_enters_the_room_and_the_customer_is_rung(world: World) -> None:
    entry = booked(world)
    attempt = world.ring_agent()
    assert [world.accept(attempt, "agent") for _ in range(2)] == ["room", "room"]
    first, second = world.rung()
    assert (first, second) == (Task("dial", attempt=attempt, leg="customer"),) * 2, "a lost errand is rung again"
    assert [world.dial(task.attempt, task.leg) for task in (first, second)] == [True, False]
    assert world.last("dial_begun").data["first"] == "1"
    assert world.accept(attempt, "customer") == "room"
    assert (world.state(entry), world.tasks) == (EntryState.CONNECTED, [])
    world.end_leg(attempt, "customer")
    assert world.state(entry) is EntryState.COMPLETED


def test_customer_first_he_holds_in_his_place_and_the_agent_is_rung(customer_first: World) -> None:
    world = customer_first
    entry = booked(world)
    (task,) = world.rung()
    assert task.leg == "customer"
    assert world.dial(task.attempt, "customer")
    assert world.accept(task.attempt, "customer") == "wait"
    held = world.entry(entry)
    assert (held.mode, held.call) == (Mode.LIVE, f"{task.attempt}-c")
    world.clock.advance(3_000)
    attempt = world.ring_agent()
    assert world.accept(attempt, "agent") == "room"
    assert world.tasks == [Task("connect", attempt=attempt)]
    assert (world.last("connected").data["hold_ms"], world.last("connected").data["chosen"]) == ("3000", "1")


@pytest.mark.parametrize("mode", ["live", "callback"])
def test_who_is_where_no_orders_are_taken_is_passed_over_for_a_moment(world: World, mode: str) -> None:
    """A caller who holds there, or the agent whose phone is there: the other one of the two is free for others at once."""
    first = world.join("c1") if mode == "live" else booked(world)
    second = world.join("c2") if mode == "live" else ""
    (task,) = world.rung()
    before, turn = world.entry(first), world.last("agent_changed").at_ms
    assert world.line.begin(task.attempt, "agent")
    world.clock.advance(100)
    for _ in range(2):
        world.line.out_of_reach(task.attempt, "agent")
    assert (world.entry(first).score, world.entry(first).member) == (before.score, before.member)
    assert world.last("attempt_ended").data == {"leg": "agent", "outcome": "canceled", "next": "waiting", "due_ms": "0"}
    if mode == "live":
        (other,) = world.rung()
        assert world.state(first) is EntryState.WAITING
        assert world.entry(second).attempt == other.attempt
        assert world.last("matched").data["overtaken"] == "1", "it is counted"
        assert world.last("set_aside").data == {"until_ms": str(world.clock.now_ms() + REST_MS)}
        world.agent("bia")
        assert world.rung() == []
        world.rested()
        (again,) = world.rung()
        assert (world.entry(first).attempt, world.entry(first).agent) == (again.attempt, "bia")
    else:
        ana = world.line.store.agent("ana")
        assert ana
        assert (ana.state, ana.misses, ana.since_ms) == ("ready", 0, turn), "he keeps his turn"
        assert world.rung() == []
        world.agent("bia")
        (other,) = world.rung()
        assert world.entry(first).agent == "bia"
        assert world.count("set_aside") == 0


def test_who_was_passed_over_may_ask_to_be_rung_back_and_is_served_as_all_are(world: World) -> None:
    """He who holds at a node that is cut off hangs up, and another node rings him."""
    entry = world.join("c1")
    (task,) = world.rung()
    assert world.line.begin(task.attempt, "agent")
    world.line.out_of_reach(task.attempt, "agent")
    assert world.rung() == []
    assert world.book(entry, NUMBERS[1]).outcome == "booked"
    (task,) = world.rung()
    assert world.entry(entry).attempt == task.attempt


def no_word(world: World, attempt: str, leg: str) -> None:
    """The call of a leg was answered, and hung up by the network for want of a web server."""
    world.line.ended(Caller(world.leg_call(attempt, leg), attempt=attempt, leg=leg), Outcome.CANCELED, "hung_up")


@pytest.mark.parametrize("who", ["customer", "agent", "customer who holds", "customer to be told"])
def test_who_answered_and_got_no_word_from_us_has_refused_nothing(redis: redis_py.Redis, who: str) -> None:
    world = World(redis, ordered(Order.CUSTOMER_FIRST) if "holds" in who else rules(closing=Closing.MESSAGE))
    world.agent("ana")
    entry = booked(world)
    if who == "customer to be told":
        world.line.pause("ana", "lunch")
        (task,) = world.rung()
        world.clock.advance(20_000)
        world.openings["q"] = Opening(is_open=False)
        dispatch.sweep(world.line)
        dispatch.sweep(world.line)
        world.tasks.clear()
        attempt = world.entry(entry).attempt
        assert world.dial(attempt, "customer")
    else:
        (task,) = world.rung()
        attempt = task.attempt
        assert world.dial(attempt, task.leg)
    before = world.entry(entry)
    if who == "customer":
        world.accept(attempt, "agent")
        (task,) = world.rung()
        assert world.dial(attempt, "customer")
    if who == "customer who holds":
        assert world.accept(attempt, "customer") == "wait"
    no_word(world, attempt, "agent" if who == "agent" else "customer")
    after = world.entry(entry)
    assert (after.score, after.member, after.mode) == (before.score, before.member, Mode.CALLBACK)
    assert after.state in (EntryState.WAITING, EntryState.RESERVED), "in line at once, or rung again"
    assert world.count("failed") == world.count("expired") == 0
    audit(world)


def test_a_customer_who_cannot_be_rung_now_costs_him_no_try_and_the_agent_is_set_free(world: World) -> None:
    entry = booked(world)
    attempt = world.ring_agent()
    assert world.accept(attempt, "agent") == "room"
    (task,) = world.rung()
    assert world.line.begin(task.attempt, "customer")
    world.line.out_of_reach(attempt, "customer")
    assert (world.state(entry), world.entry(entry).tries) == (EntryState.WAITING, {})
    assert world.tasks == [Task("hang_up", call=f"{attempt}-a")]
    assert (world.agent_state("ana"), world.count("set_aside")) == ("ready", 1)
    totals = Totals()
    for event in world.events():
        totals = fold(totals, event)
    assert (totals.dialled, totals.first_dials, totals.promises_kept + totals.promises_missed) == (0, 0, 0)
    world.tasks.clear()
    world.rested()
    again = world.ring_agent()
    world.accept(again, "agent")
    assert world.dial(again, "customer")
    assert world.last("dial_begun").data["first"] == "1", "he has not been rung before"


@pytest.mark.parametrize(
    ("outcome", "reason", "after", "misses"),
    [
        (Outcome.NO_ANSWER, "", "ready", 1),
        (Outcome.BUSY, "", "ready", 1),
        (Outcome.REFUSED, "", "ready", 0),
        (Outcome.ANSWERED, "", "ready", 0),
        (Outcome.ANSWERED, "no_answer", "ready", 1),
        (Outcome.CANCELED, "", "ready", 0),
    ],
)
def test_an_agent_who_does_not_take_it_gives_the_place_back(
    world: World, outcome: Outcome, reason: str, after: str, misses: int
) -> None:
    entry = world.join("c1")
    place = world.entry(entry)
    attempt = world.ring_agent()
    world.line.pause("ana", "so that he is not matched again")
    world.line.ready("ana")
    world.clock.advance(20_000)
    world.join("c2")
    world.end_leg(attempt, "agent", outcome, reason)
    rests = outcome is Outcome.BUSY or (outcome in (Outcome.REFUSED, Outcome.ANSWERED) and not reason)
    assert world.entry(entry).state == ("waiting" if rests else "reserved"), "a no is not asked for again at once"
    world.rested()
    now = world.entry(entry)
    agent = world.line.agents()[0]
    # He is the only one, so he has the same caller again: it stood first, in its old place.
    assert (now.score, now.member, now.state, agent.entry) == (place.score, place.member, "reserved", entry)
    assert agent.misses == misses
    world.end_leg(attempt, "agent", outcome, reason)
    assert world.count("attempt_ended") == 1


def test_an_agent_who_misses_twice_is_paused_and_nobody_is_lost(world: World) -> None:
    entry = world.join("c1")
    for _ in range(2):
        world.end_leg(world.ring_agent(), "agent", Outcome.NO_ANSWER)
    agent = world.line.agents()[0]
    assert (agent.state, agent.reason, world.order()) == ("paused", "no_answer", [entry])
    world.line.ready("ana")
    world.end_leg(world.ring_agent(), "agent", Outcome.NO_ANSWER)
    assert world.agent_state("ana") == "reserved", "his misses were forgiven when he came back"


def test_an_agent_whose_phone_cannot_be_rung_is_left_alone_a_while(world: World) -> None:
    entry = world.join("c1")
    world.end_leg(world.ring_agent(), "agent", Outcome.FAILED)
    assert (world.order(), world.agent_state("ana"), world.line.match()) == ([entry], "ready", 0)
    world.clock.advance(5_000)
    assert world.line.match() == 1


RULES = Callbacks(
    retries={
        Outcome.BUSY: Retry(2, 300_000),
        Outcome.NO_ANSWER: Retry(2, 60_000, Place.KEEP),
        Outcome.REFUSED: Retry(1, 0),
        Outcome.FAILED: Retry(9, 0, Place.KEEP),
    }
)


@pytest.mark.parametrize(
    ("outcome", "state", "keeps_score"),
    [
        (Outcome.BUSY, EntryState.SCHEDULED, False),
        (Outcome.NO_ANSWER, EntryState.SCHEDULED, True),
        (Outcome.ANSWERED, EntryState.FAILED, True),
        (Outcome.MACHINE, EntryState.FAILED, True),
        (Outcome.FAILED, EntryState.RESERVED, True),
    ],
)
def test_a_customer_who_is_not_reached_goes_where_the_policy_says_and_the_agent_loses_nothing(
    redis: redis_py.Redis, outcome: Outcome, state: EntryState, keeps_score: bool
) -> None:
    world = World(redis, rules(callbacks=RULES))
    world.agent("ana")
    idle = world.clock.now_ms()
    world.clock.advance(1_000)
    entry = booked(world)
    score = world.entry(entry).score
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    world.ring_agent()
    world.clock.advance(30_000)
    world.end_leg(attempt, "customer", outcome)
    found = world.entry(entry)
    assert (found.state, found.score == score) == (state, keeps_score)
    assert Task("hang_up", call=f"{attempt}-a") in world.tasks
    if state is not EntryState.RESERVED:
        agent = world.line.agents()[0]
        assert (agent.state, agent.since_ms) == ("ready", idle)
    if state is EntryState.FAILED:
        assert world.last("failed").data["why"] == ("refused" if outcome is Outcome.ANSWERED else "machine")
    if state is EntryState.SCHEDULED:
        assert found.tries == {outcome.value: 1}
        world.end_leg(attempt, "customer", outcome)
        assert world.entry(entry) == found, "told twice, counted once"
    audit(world)


def test_an_agent_who_leaves_the_room_before_the_customer_answers_gives_the_place_back(world: World) -> None:
    entry = booked(world)
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    world.ring_agent()
    world.end_leg(attempt, "agent")
    assert Task("hang_up", call=f"{attempt}-c") in world.tasks
    world.rested()
    assert (world.entry(entry).agent, world.accept(attempt, "customer")) == ("ana", "gone")


def test_a_held_customer_keeps_holding_when_the_agent_does_not_answer(customer_first: World) -> None:
    world = customer_first
    entry = booked(world)
    (task,) = world.rung()
    world.dial(task.attempt, "customer")
    world.accept(task.attempt, "customer")
    place = world.entry(entry)
    world.end_leg(world.ring_agent(), "agent", Outcome.NO_ANSWER)
    assert all(done.verb != "hang_up" for done in world.tasks)
    attempt = world.ring_agent()
    again = world.entry(entry)
    assert (again.mode, again.call, again.score) == (Mode.LIVE, place.call, place.score)
    assert world.accept(attempt, "agent") == "room"
    world.line.talk_ended(Caller(place.call, attempt=task.attempt, leg="customer"), Outcome.ANSWERED)
    assert world.state(entry) is EntryState.COMPLETED, "his own call still carries the first attempt's id"


@pytest.mark.parametrize("matched_again", [False, True])
def test_a_held_customer_who_hangs_up_is_a_callback_again_as_the_policy_says(
    customer_first: World, matched_again: bool
) -> None:
    world = customer_first
    entry = booked(world)
    (task,) = world.rung()
    world.dial(task.attempt, "customer")
    world.accept(task.attempt, "customer")
    attempt = world.ring_agent()
    if not matched_again:
        world.line.pause("ana", "lunch")
    world.end_leg(attempt, "agent", Outcome.REFUSED)
    world.end_leg(task.attempt, "customer")
    assert (world.state(entry), world.entry(entry).mode) == (EntryState.FAILED, Mode.CALLBACK)
    assert (world.last("failed").data["why"], world.count("abandoned")) == ("refused", 0)
    assert world.agent_state("ana") == ("ready" if matched_again else "paused")


@pytest.mark.parametrize("stage", ["reserved", "dialing"])
def test_a_caller_who_hangs_up_while_the_agent_is_rung_is_abandoned(world: World, stage: str) -> None:
    idle = world.clock.now_ms()
    world.clock.advance(7_000)
    entry = world.join("c1")
    attempt = world.ring_agent() if stage == "dialing" else world.rung()[0].attempt
    world.hang_up("c1", entry)
    agent = world.line.agents()[0]
    assert (world.state(entry), agent.state, agent.since_ms) == (EntryState.ABANDONED, "ready", idle)
    hung = [task.call for task in world.tasks if task.verb == "hang_up"]
    assert hung == ([f"{attempt}-a"] if stage == "dialing" else [])
    assert world.line.begin(attempt, "agent") is None
    assert world.accept(attempt, "agent") == "gone"


def test_a_customer_in_the_place_of_his_callback_hangs_up_while_the_agent_is_rung(world: World) -> None:
    world.line.pause("ana", "lunch")
    entry = booked(world)
    world.take(entry, "c9")
    place = world.entry(entry)
    world.line.ready("ana")
    attempt = world.ring_agent()
    world.hang_up("c9", entry)
    again = world.entry(entry)
    assert (again.mode, again.score, again.agent) == (Mode.CALLBACK, place.score, "ana"), "and is rung in his turn"
    assert again.attempt != attempt


@pytest.mark.parametrize(("callback", "state"), [(False, EntryState.ABANDONED), (True, EntryState.RESERVED)])
def test_a_caller_who_was_gone_before_the_talk_never_counts_as_connected(
    world: World, callback: bool, state: EntryState
) -> None:
    world.line.pause("ana", "lunch")
    entry = booked(world) if callback else world.join("c1")
    if callback:
        world.take(entry, "c1")
    world.line.ready("ana")
    attempt = world.ring_agent()
    agent = world.leg_call(attempt, "agent")
    world.network.calls[agent] = Found(CallState.UP)
    assert world.line.answer(Accept(attempt, "agent"), Caller(agent, attempt=attempt, leg="agent")).outcome == "room"
    for _ in range(2):
        world.line.gone(attempt)
    connected, returned = world.last("connected"), world.last("returned")
    entered = {"entered_ms": str(world.entry(entry).entered_ms)}
    assert ({**connected.data, **entered}, connected.entry) == (returned.data, returned.entry)
    assert (world.state(entry), world.count("returned"), world.count("completed")) == (state, 1, 0)
    assert Task("hang_up", call=f"{attempt}-a") in world.tasks


def test_an_errand_that_finds_a_caller_gone_after_his_talk_ends_the_talk(world: World) -> None:
    """It was sent a second time and carried late."""
    entry = world.join("c1")
    attempt = world.talk()
    for _ in range(2):
        world.line.gone(attempt)
    assert (world.state(entry), world.count("returned"), world.count("completed")) == (EntryState.COMPLETED, 0, 1)


@pytest.mark.parametrize(("met", "state"), [(True, EntryState.COMPLETED), (False, EntryState.ABANDONED)])
def test_hanging_up_after_the_accept_ends_a_talk_only_for_who_had_entered_the_room(
    world: World, met: bool, state: EntryState
) -> None:
    entry = world.join("c1")
    attempt = world.talk()
    world.line.ended(Caller("c1", entry=entry, room=attempt if met else ""), Outcome.ANSWERED, "")
    assert (world.state(entry), world.count("returned")) == (state, 0 if met else 1)


def test_a_room_that_never_fills_gives_the_place_back(world: World) -> None:
    entry = world.join("c1")
    place = world.entry(entry)
    attempt = world.talk()
    for _ in range(2):
        world.line.talk_ended(Caller(f"{attempt}-a", attempt=attempt, leg="agent"), Outcome.NO_ANSWER)
    again = world.entry(entry)
    assert (again.score, again.state, again.call) == (place.score, EntryState.RESERVED, "c1")
    assert (world.count("connected"), world.count("returned"), world.count("completed")) == (1, 1, 0)


def test_an_operator_cancels_a_callback_that_rings(world: World) -> None:
    entry = booked(world)
    attempt = world.ring_agent()
    assert (world.line.cancel(entry), world.line.cancel(entry)) == (True, False)
    assert (world.state(entry), world.agent_state("ana")) == (EntryState.CANCELLED, "ready")
    assert world.tasks == [Task("hang_up", call=f"{attempt}-a")]


@pytest.mark.parametrize("himself", [False, True])
@pytest.mark.parametrize("matched_again", [False, True])
def test_cancelling_a_held_customer_hangs_up_on_him_and_on_the_agent_once(
    customer_first: World, matched_again: bool, himself: bool
) -> None:
    world = customer_first
    entry = booked(world)
    (task,) = world.rung()
    world.dial(task.attempt, "customer")
    world.accept(task.attempt, "customer")
    attempt = world.ring_agent()
    if matched_again:
        world.end_leg(attempt, "agent", Outcome.REFUSED)
        world.rested()
        attempt = world.ring_agent()
    call = f"{task.attempt}-c"
    if himself:
        assert world.line.answer(CancelPlace(entry), Caller(call, attempt=task.attempt)).outcome == "cancelled"
    else:
        assert world.line.cancel(entry)
    assert [done.call for done in world.tasks] == [*([] if himself else [call]), f"{attempt}-a"]


def test_leaving_the_line_when_an_agent_has_the_caller_is_refused(world: World) -> None:
    entry = world.join("c1")
    assert world.line.answer(LeaveLine(entry, "exit"), Caller("c1")).outcome == "taken"
    assert world.book(entry, NUMBERS[1]).outcome == "taken"


def test_without_wrap_up_the_agent_is_ready_at_once(redis: redis_py.Redis) -> None:
    world = World(redis, rules(wrap_up_ms=0))
    world.agent("ana")
    entry = world.join("c1")
    world.end_leg(world.talk(), "agent")
    assert (world.state(entry), world.agent_state("ana"), world.count("handled")) == ("completed", "ready", 1)
    audit(world)


def test_a_caller_who_hangs_up_before_he_is_moved_to_the_agent_has_abandoned_and_frees_the_agent(world: World) -> None:
    """The agent has pressed 1 and sits alone in the room: his phone is hung up, and he is ready at once."""
    entry = world.join("c1")
    attempt = world.talk()
    world.line.ended(Caller("c1", entry=entry), Outcome.ANSWERED, "")
    assert world.state(entry) is EntryState.ABANDONED
    assert Task("hang_up", call=f"{attempt}-a") in world.tasks
    assert world.agent_state("ana") == "ready"


def test_a_customer_who_says_when_rung_that_he_no_longer_needs_it_has_cancelled(world: World) -> None:
    entry = booked(world)
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    world.ring_agent()
    world.end_leg(attempt, "customer", Outcome.ANSWERED, "cancelled")
    assert world.state(entry) is EntryState.CANCELLED
    assert (world.last("cancelled").data["why"], world.count("failed")) == ("customer", 0)
    assert world.agent_state("ana") == "ready"
    audit(world)
