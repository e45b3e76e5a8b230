"""Whether the two of an attempt have met: only then is what ends a talk. All else gives the place back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_py
from line_world import NUMBERS, World, audit, rules

from callback import dispatch
from callback.jobs import Task
from callback.model import EntryState, Mode
from ivr.asks import Accept
from ivr.inputs import Outcome
from ivr.ports import Caller, CallState, Found


@pytest.fixture
def world(redis: redis_py.Redis) -> Iterator[World]:
    made = World(redis, rules())
    made.agent("ana")
    yield made
    audit(made)


def accepted(world: World, call: str = "c1") -> tuple[str, str]:
    """A live caller whose agent has accepted, and whom nobody has moved yet."""
    entry = world.join(call)
    attempt = world.ring_agent()
    agent = world.leg_call(attempt, "agent")
    world.network.calls[agent] = Found(CallState.UP)
    assert world.line.answer(Accept(attempt, "agent"), Caller(agent, attempt=attempt, leg="agent")).outcome == "room"
    assert world.state(entry) is EntryState.CONNECTED
    return entry, attempt


def test_an_agent_who_hangs_up_before_the_caller_is_moved_has_met_nobody(world: World) -> None:
    entry, attempt = accepted(world)
    place = world.entry(entry)
    call = world.leg_call(attempt, "agent")
    world.line.ended(Caller(call, attempt=attempt, leg="agent", room=attempt), Outcome.ANSWERED, "")
    found = world.entry(entry)
    assert (found.score, found.member, found.mode) == (place.score, place.member, Mode.LIVE)
    assert (found.state, world.count("returned"), world.count("completed")) == (EntryState.RESERVED, 1, 0)
    assert Task("hang_up", call="c1") not in world.tasks, "the caller goes on holding"


def test_a_caller_who_hangs_up_before_he_is_moved_is_abandoned(world: World) -> None:
    entry, _ = accepted(world)
    world.hang_up("c1", entry)
    assert world.state(entry) is EntryState.ABANDONED
    assert (world.count("returned"), world.count("completed")) == (1, 0)


@pytest.mark.parametrize("who", ["agent", "c1"])
def test_the_sweep_takes_nothing_for_a_talk_in_which_the_two_have_not_met(world: World, who: str) -> None:
    entry, attempt = accepted(world)
    world.network.calls[world.leg_call(attempt, "agent") if who == "agent" else who] = Found(CallState.ENDED)
    world.clock.advance(120_000)
    dispatch.reconcile(world.line, world.network, dispatch.sweep(world.line))
    assert (world.count("returned"), world.count("completed")) == (1, 0)
    assert world.state(entry) is (EntryState.RESERVED if who == "agent" else EntryState.ABANDONED)


def test_a_caller_whom_nobody_has_brought_to_his_agent_is_brought_again_soon(world: World) -> None:
    """The errand was lost with its worker. Once he is there, the talk is looked at as any other."""
    entry, attempt = accepted(world)

    def look_after(ms: int) -> list[Task]:
        world.tasks.clear()
        world.clock.advance(ms)
        dispatch.reconcile(world.line, world.network, dispatch.sweep(world.line))
        return [task for task in world.tasks if task.verb == "connect"]

    again = [Task("connect", attempt=attempt)]
    assert look_after(4_999) == []
    assert look_after(1) == again
    assert look_after(5_000) == again
    world.line.entered(Caller("c1", entry=entry, attempt=attempt, room=attempt))
    assert look_after(120_000) == []
    assert world.state(entry) is EntryState.CONNECTED


def test_one_who_was_sent_into_the_room_twice_has_met_once_and_then_completes(world: World) -> None:
    entry, attempt = accepted(world)
    caller = Caller("c1", entry=entry, attempt=attempt, room=attempt)
    for _ in range(2):
        world.line.entered(caller)
    world.line.ended(caller, Outcome.ANSWERED, "")
    assert (world.state(entry), world.count("completed")) == (EntryState.COMPLETED, 1)
    world.line.entered(caller)
    assert world.state(entry) is EntryState.COMPLETED


def test_a_caller_who_comes_out_of_an_old_room_does_not_end_the_talk_that_he_is_wanted_in(world: World) -> None:
    entry, old = accepted(world)
    agent = Caller(world.leg_call(old, "agent"), attempt=old, leg="agent", room=old)
    world.line.talk_ended(agent, Outcome.NO_ANSWER)  # alone: the caller, sent to him, was slow
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    world.line.talk_ended(Caller("c1", entry=entry, attempt=old, room=old), Outcome.NO_ANSWER)
    found = world.entry(entry)
    assert (found.state, found.attempt, world.count("returned")) == (EntryState.CONNECTED, attempt, 1)


def test_an_agent_who_was_sent_away_just_before_the_customer_accepted_has_not_talked_to_him(world: World) -> None:
    entry = str(world.book("", NUMBERS[1], call="in1").values["entry"])
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    world.dial(*next((task.attempt, task.leg) for task in world.rung()))
    world.accept(attempt, "customer")
    agent = Caller(world.leg_call(attempt, "agent"), attempt=attempt, leg="agent")  # his session has left the room
    world.line.ended(agent, Outcome.ANSWERED, "")
    assert (world.state(entry), world.count("completed")) == (EntryState.RESERVED, 0)
    assert Task("hang_up", call=world.leg_call(attempt, "customer")) in world.tasks


def test_neither_the_agent_nor_a_stranger_enters_for_the_customer(world: World) -> None:
    entry, attempt = accepted(world)
    world.line.entered(Caller(world.leg_call(attempt, "agent"), attempt=attempt, leg="agent", room=attempt))
    world.line.entered(Caller("stranger", room=attempt))
    world.line.talk_ended(Caller(world.leg_call(attempt, "agent"), attempt=attempt, leg="agent"), Outcome.ANSWERED)
    assert (world.state(entry), world.count("completed")) == (EntryState.RESERVED, 0)


def test_an_agent_sent_away_while_the_customer_is_rung_ends_the_attempt_and_nobody_is_led_to_him(world: World) -> None:
    entry = str(world.book("", NUMBERS[1], call="in1").values["entry"])
    place = world.entry(entry)
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    (task,) = world.rung()
    world.dial(task.attempt, task.leg)
    world.line.pause("ana", "so that he is not matched again")
    world.line.talk_ended(Caller(world.leg_call(attempt, "agent"), attempt=attempt, leg="agent"), Outcome.NO_ANSWER)
    now = world.entry(entry)
    assert (now.state, now.score, now.member) == (EntryState.WAITING, place.score, place.member)
    assert world.line.agents()[0].misses == 0, "he was there"
    assert Task("hang_up", call=world.leg_call(attempt, "customer")) in world.tasks
    assert world.accept(attempt, "customer") == "gone"
