"""What is overdue: leases, retries, wrap-ups, silence, closing time. After a crash anywhere nobody is lost or rung twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_py
from line_world import NUMBERS, World, audit, ordered, rules

from callback import dispatch
from callback.jobs import Task
from callback.model import AgentState, Closing, EntryState, Mode, Order
from callback.policy import Opening
from ivr.inputs import Outcome
from ivr.ports import Caller, CallState, Found


@pytest.fixture
def world(redis: redis_py.Redis) -> Iterator[World]:
    made = World(redis, rules())
    made.agent("ana")
    yield made
    audit(made)


def tick(world: World, ms: int) -> dispatch.Swept:
    """`ms` later the timekeeper does its round."""
    world.clock.advance(ms)
    swept = dispatch.sweep(world.line)
    dispatch.reconcile(world.line, world.network, swept)
    world.line.match()
    return swept


def booked(world: World, number: str = NUMBERS[1]) -> str:
    return str(world.book("", number, call=f"in{number}").values["entry"])


def test_a_dial_task_that_was_lost_costs_the_lease_and_nothing_else(world: World) -> None:
    idle = world.line.agents()[0].since_ms
    entry = world.join("c1")
    place = world.entry(entry)
    (lost,) = world.rung()
    assert tick(world, 9_999).returned == 0
    world.line.held(Caller("c1", entry=entry), world.clock.now_ms() + 60_000)
    assert tick(world, 1).returned == 1
    (task,) = world.rung()
    again = world.entry(entry)
    assert (again.score, again.member) == (place.score, place.member)
    assert world.line.begin(lost.attempt, "agent") is None, "the late job finds its lease gone"
    assert world.dial(task.attempt, "agent")
    assert world.line.agents()[0].since_ms == world.clock.now_ms()
    world.end_leg(task.attempt, "agent", Outcome.CANCELED)
    assert idle < world.clock.now_ms()


@pytest.mark.parametrize(
    ("truth", "state", "attempt_over"),
    [
        (Found(CallState.UNKNOWN), EntryState.RESERVED, True),
        (Found(CallState.RINGING), EntryState.DIALING, False),
        (Found(CallState.UP), EntryState.DIALING, False),
        (Found(CallState.ENDED, Outcome.NO_ANSWER), EntryState.RESERVED, True),
        (None, EntryState.DIALING, False),
    ],
    ids=["never heard of it", "still rings", "up", "ended unreported", "no answer from the provider"],
)
def test_a_leg_past_its_deadline_is_looked_for_before_anything_is_dialled(
    world: World, truth: Found | None, state: EntryState, attempt_over: bool
) -> None:
    entry = booked(world)
    attempt = world.ring_agent()
    world.network.silent = truth is None
    if truth:
        world.network.calls[f"{attempt}-a"] = truth
        if truth.state is CallState.UNKNOWN:
            del world.network.calls[f"{attempt}-a"]
    tick(world, 50_000)
    found = world.line.attempt(attempt)
    assert found
    assert (world.state(entry), bool(found.over)) == (state, attempt_over)
    assert len(world.rung()) == (1 if attempt_over else 0)
    if not attempt_over:
        assert found.deadline_ms > world.clock.now_ms()


def test_a_customers_leg_that_was_never_dialled_costs_him_no_try(world: World) -> None:
    entry = booked(world)
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    (task,) = world.rung()
    assert world.line.begin(task.attempt, "customer"), "the worker died between begin and originate"
    tick(world, 60_000)
    assert world.entry(entry).tries == {}
    assert Task("hang_up", call=f"{attempt}-a") in world.tasks
    assert world.state(entry) is EntryState.RESERVED


@pytest.mark.parametrize("order", [Order.AGENT_FIRST, Order.CUSTOMER_FIRST])
def test_a_lost_errand_for_the_second_leg_is_rung_again(redis: redis_py.Redis, order: Order) -> None:
    world = World(redis, ordered(order))
    world.agent("ana")
    booked(world)
    first, second = order.legs
    (task,) = world.rung()
    world.dial(task.attempt, first)
    world.accept(task.attempt, first)
    world.rung()
    tick(world, 10_000)
    assert world.rung() == [Task("dial", attempt=task.attempt, leg=second)]
    assert world.dial(task.attempt, second)
    audit(world)


def test_a_talk_whose_end_was_never_told_ends_when_it_is_looked_at(world: World) -> None:
    entry = world.join("c1")
    attempt = world.talk()
    tick(world, 120_000)
    assert world.state(entry) is EntryState.CONNECTED
    world.network.calls["c1"] = Found(CallState.ENDED, Outcome.ANSWERED)
    tick(world, 120_000)
    assert (world.state(entry), world.agent_state("ana")) == (EntryState.COMPLETED, AgentState.WRAP_UP)
    assert Task("hang_up", call=f"{attempt}-a") in world.tasks


def test_a_talk_past_its_limit_is_hung_up(redis: redis_py.Redis) -> None:
    world = World(redis, rules(talk_limit_ms=100_000))
    world.agent("ana")
    world.join("c1")
    attempt = world.talk()
    world.tasks.clear()
    tick(world, 120_000)
    assert {task.call for task in world.tasks if task.verb == "hang_up"} == {"c1", f"{attempt}-a"}
    audit(world)


@pytest.mark.parametrize(
    ("truth", "state"),
    [
        (Found(CallState.UP), EntryState.WAITING),
        (Found(CallState.ENDED, Outcome.ANSWERED), EntryState.ABANDONED),
        (Found(CallState.UNKNOWN), EntryState.ABANDONED),
        (None, EntryState.WAITING),
    ],
    ids=["still there", "gone", "unknown", "no answer from the provider"],
)
def test_a_silent_caller_is_looked_for_and_not_dropped_blindly(
    world: World, truth: Found | None, state: EntryState
) -> None:
    world.line.pause("ana", "lunch")
    entry = world.join("c1")
    world.network.silent = truth is None
    world.network.calls["c1"] = truth or Found(CallState.UP)
    assert tick(world, 59_999).silent == ()
    assert tick(world, 1).silent == ((entry, "c1"),)
    assert world.state(entry) is state
    assert tick(world, 1).silent == ()


def test_a_caller_who_is_heard_of_is_not_looked_for(world: World) -> None:
    world.line.pause("ana", "lunch")
    entry = world.join("c1")
    for _ in range(5):
        world.line.held(Caller("c1", entry=entry), world.clock.now_ms() + 30_000)
        assert tick(world, 30_000).silent == ()


def test_a_due_retry_waits_again_in_the_place_it_was_given(world: World) -> None:
    entry = booked(world)
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    world.ring_agent()
    world.end_leg(attempt, "customer", Outcome.BUSY)
    due = world.entry(entry)
    assert (due.state, due.score) == (EntryState.SCHEDULED, 1e13 + due.due_ms)
    assert tick(world, 299_999).promoted == 0
    assert tick(world, 1).promoted == 1
    assert world.entry(entry).agent == "ana"
    assert world.count("promoted") == 1


def test_a_wrap_up_ends_at_its_limit(world: World) -> None:
    world.join("c1")
    world.end_leg(world.talk(), "agent")
    assert tick(world, 29_999).handled == 0
    assert tick(world, 1).handled == 1
    assert world.agent_state("ana") == "ready"


def test_at_closing_callbacks_move_to_the_next_opening_in_their_order(world: World) -> None:
    world.line.pause("ana", "lunch")
    entries = [world.join(f"c{n}") for n in range(3)]
    for entry, number in zip(entries[:2], NUMBERS[1:], strict=False):
        world.book(entry, number)
    scores = [world.entry(entry).score for entry in entries]
    opens = world.clock.now_ms() + 50_000_000
    world.openings["q"] = Opening(False, 0, opens)
    assert tick(world, 1_000).postponed == 2
    assert world.order() == [entries[2]], "a live caller is moved by his own flow"
    assert world.line.facts().place(entries[2]).closing  # type: ignore[union-attr]
    world.hang_up("c2", entries[2])
    del world.openings["q"]
    assert tick(world, 50_000_000).promoted == 2
    assert world.order() == entries[:2]
    assert [world.entry(entry).score for entry in entries] == scores


def test_a_retry_that_falls_due_while_closed_waits_for_the_opening(world: World) -> None:
    due = world.clock.now_ms() + 10_000
    entry = str(world.book("", NUMBERS[1], call="c1", due_ms=due).values["entry"])
    world.openings["q"] = Opening(False, 0, due + 90_000)
    assert tick(world, 10_000).promoted == 0
    assert (world.state(entry), world.entry(entry).due_ms) == (EntryState.SCHEDULED, due + 90_000)
    del world.openings["q"]
    assert tick(world, 90_000).promoted == 1


@pytest.mark.parametrize("why", ["closed", "expired"])
def test_nobody_expires_untold(redis: redis_py.Redis, why: str) -> None:
    world = World(redis, rules(closing=Closing.MESSAGE))
    entry = booked(world)
    if why == "closed":
        world.openings["q"] = Opening(False)
        tick(world, 1_000)
    else:
        tick(world, 3 * 86_400_000)
    assert world.tasks == [Task("dial", attempt=world.entry(entry).attempt, leg="customer")]
    world.tasks.clear()
    begun = world.line.begin(world.entry(entry).attempt, "customer")
    assert begun
    assert (begun.tell, begun.to, begun.agent, world.line.begin(world.entry(entry).attempt, "customer")) == (
        True,
        NUMBERS[1],
        None,
        None,
    )
    world.end_leg(begun.attempt.id, "customer", Outcome.NO_ANSWER)
    assert world.state(entry) is EntryState.SCHEDULED, "not reached, so not told: again later"
    assert tick(world, 1_000).tell == ()
    tick(world, 900_000)
    begun = world.line.begin(world.entry(entry).attempt, "customer")
    assert begun
    world.end_leg(begun.attempt.id, "customer", Outcome.ANSWERED)
    event = world.last("expired")
    assert (world.state(entry), event.data["why"], event.data["told"], event.data["dialled"]) == (
        EntryState.EXPIRED,
        why,
        "1",
        "0",
    )
    audit(world)


def test_the_errand_to_tell_somebody_that_was_lost_is_given_again(redis: redis_py.Redis) -> None:
    world = World(redis, rules(closing=Closing.MESSAGE))
    entry = booked(world)
    world.openings["q"] = Opening(False)
    tick(world, 1_000)
    (lost,) = world.rung()
    tick(world, 10_000)
    tick(world, 1_000)
    assert world.tasks == [Task("dial", attempt=world.entry(entry).attempt, leg="customer")]
    assert world.line.begin(lost.attempt, lost.leg) is None, "late, it rings nobody"
    audit(world)


@pytest.mark.parametrize("why", ["closed", "expired"])
def test_who_cannot_be_told_since_the_network_takes_no_orders_is_tried_every_few_seconds(
    redis: redis_py.Redis, why: str
) -> None:
    world = World(redis, rules(closing=Closing.MESSAGE))
    entry = booked(world)
    if why == "closed":
        world.openings["q"] = Opening(False)
    else:
        world.clock.advance(3 * 86_400_000)
    tried = 0
    for _ in range(21):
        tick(world, 1_000)
        for _ in world.tasks:
            tried += 1
            attempt = world.entry(entry).attempt
            assert world.line.begin(attempt, "customer")
            world.line.out_of_reach(attempt, "customer")
        world.tasks.clear()
    assert tried == 5, "once, and then every five seconds"
    audit(world)


def test_a_customer_who_holds_his_place_at_expiry_keeps_it(world: World) -> None:
    world.line.pause("ana", "lunch")
    entry = booked(world)
    world.clock.advance(3 * 86_400_000 - 1_000)
    world.take(entry, "c9")
    tick(world, 2_000)
    assert (world.entry(entry).mode, world.state(entry)) == (Mode.LIVE, EntryState.WAITING)


def test_sweeping_twice_changes_nothing_more(world: World) -> None:
    world.join("c1")
    booked(world)
    world.rung()
    tick(world, 20_000)
    world.rung()
    before = len(world.events())
    swept = tick(world, 0)
    assert (swept.returned, swept.promoted, swept.handled, len(world.events())) == (0, 0, 0, before)
