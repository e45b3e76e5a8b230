"""What the network says of agents' telephones: nobody is offered a call whose phone cannot be rung, and nobody loses by it."""

from __future__ import annotations

import pytest
import redis as redis_py
from line_world import World, audit, rules

from callback import dispatch
from callback.agents import ReservedReason
from callback.model import Agent, PhoneState
from ivr.inputs import Outcome

FREE, IN_USE, GONE = PhoneState


@pytest.fixture
def world(redis: redis_py.Redis) -> World:
    return World(redis, rules(wrap_up_ms=30_000))


def ana(world: World, name: str = "ana") -> Agent:
    found = world.line.store.agent(name)
    assert found
    return found


def how(world: World, name: str = "ana") -> tuple[str, str]:
    found = ana(world, name)
    return found.state.value, found.reason


def tell(world: World, *states: PhoneState, address: str = "sim:ana") -> None:
    for state in states:
        world.line.phone(address, state)
        audit(world)


@pytest.mark.parametrize("reason", ["phone_gone", "phone_in_use"])
def test_nobody_gives_for_his_break_the_reason_that_ends_by_itself(world: World, reason: str) -> None:
    world.agent("ana")
    with pytest.raises(ReservedReason, match="give another"):
        world.line.pause("ana", reason)
    assert how(world) == ("ready", "")


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        ("ready", [GONE], ("paused", "phone_gone")),
        ("ready", [IN_USE], ("paused", "phone_in_use")),
        ("ready", [IN_USE, FREE], ("ready", "")),
        ("ready", [GONE, FREE], ("ready", "")),
        ("ready", [GONE, IN_USE], ("paused", "phone_in_use")),
        ("ready", [GONE, IN_USE, FREE, FREE], ("ready", "")),
        ("ready", [FREE, FREE], ("ready", "")),
        ("paused", [GONE, FREE], ("paused", "lunch")),
        ("offline", [IN_USE, FREE, GONE], ("offline", "")),
    ],
)
def test_a_phone_that_is_not_free_pauses_a_ready_agent_and_nobody_else(
    world: World, before: str, told: list[PhoneState], after: tuple[str, str]
) -> None:
    world.agent("ana")
    if before == "paused":
        world.line.pause("ana", "lunch")
    if before == "offline":
        world.line.sign_out("ana")
    tell(world, *told)
    assert how(world) == after


def test_one_of_whom_the_network_says_nothing_is_as_ever(world: World) -> None:
    world.agent("bia")
    tell(world, GONE)
    assert how(world, "bia") == ("ready", "")


def test_every_agent_at_that_phone_hears_of_it(world: World) -> None:
    world.agent("ana")
    world.line.add_agent("bia", "Bia", "sim:ana", ("q",))
    world.line.sign_in("bia")
    tell(world, GONE)
    assert {how(world, name) for name in ("ana", "bia")} == {("paused", "phone_gone")}


def test_a_caller_is_not_offered_to_a_phone_that_is_not_there_but_at_once_when_it_is(world: World) -> None:
    world.agent("ana")
    tell(world, GONE)
    entry = world.join("c1")
    assert (world.state(entry), world.rung()) == ("waiting", [])
    tell(world, FREE)
    assert world.state(entry) == "reserved"
    assert len(world.rung()) == 1


@pytest.mark.parametrize("road", ["sign_in", "ready", "wrap_up_done", "wrap_up_over"])
@pytest.mark.parametrize("state", [IN_USE, GONE])
def test_by_whatever_road_he_becomes_ready_his_phone_must_be_free(world: World, road: str, state: PhoneState) -> None:
    world.agent("ana")
    if road == "sign_in":
        world.line.sign_out("ana")
    elif road == "ready":
        world.line.pause("ana", "lunch")
    else:
        world.join("c1")
        attempt = world.talk()
        world.end_leg(attempt, "agent")
    tell(world, state)
    if road == "wrap_up_over":
        world.clock.advance(30_000)
        dispatch.sweep(world.line)
    else:
        getattr(world.line, road)("ana")
    assert how(world) == ("paused", f"phone_{state}")
    tell(world, FREE)
    assert how(world) == ("ready", "")


def test_our_own_call_makes_the_phone_busy_and_that_is_only_remembered(world: World) -> None:
    world.agent("ana")
    world.join("c1")
    attempt = world.ring_agent()
    tell(world, IN_USE)
    assert how(world) == ("reserved", "")
    world.accept(attempt, "agent")
    tell(world, FREE, IN_USE)
    assert how(world) == ("on_call", "")
    world.end_leg(attempt, "agent")
    tell(world, FREE)
    assert how(world) == ("wrap_up", "")
    world.line.ready("ana")
    assert how(world) == ("ready", "")


def test_a_phone_still_in_use_when_hanging_up_costs_a_moment_and_not_his_turn(redis: redis_py.Redis) -> None:
    """No wrap-up: the end of the talk is told before the phone is on the hook."""
    world = World(redis, rules(wrap_up_ms=0))
    world.agent("ana")
    world.join("c1")
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    tell(world, IN_USE)
    world.end_leg(attempt, "agent")
    assert how(world) == ("paused", "phone_in_use")
    ended_ms = world.clock.now_ms()
    world.clock.advance(200)
    world.agent("bia")
    world.clock.advance(200)
    tell(world, FREE)
    assert how(world) == ("ready", "")
    assert ana(world).since_ms == ended_ms, "idle since the end of the talk, so before bia"
    world.join("c2")
    assert [world.line.attempt(task.attempt).agent for task in world.rung()] == ["ana"]  # type: ignore[union-attr]


def test_an_agent_whose_customer_did_not_answer_keeps_his_turn_while_he_hangs_up(world: World) -> None:
    world.agent("ana")
    idle_ms = ana(world).since_ms
    world.clock.advance(60_000)
    world.book("", "+5511998887766", call="c1")
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    tell(world, IN_USE)
    (task,) = world.rung()
    assert world.dial(task.attempt, task.leg)
    world.end_leg(attempt, "customer", Outcome.NO_ANSWER)
    assert how(world) == ("paused", "phone_in_use")
    tell(world, FREE)
    assert how(world) == ("ready", "")
    assert ana(world).since_ms == idle_ms


def test_who_asked_for_a_break_during_the_talk_gets_his_break(world: World) -> None:
    world.agent("ana")
    world.join("c1")
    attempt = world.talk()
    world.line.pause("ana", "lunch")
    tell(world, IN_USE)
    world.end_leg(attempt, "agent")
    world.line.wrap_up_done("ana")
    tell(world, FREE)
    assert how(world) == ("paused", "lunch")


def test_who_moves_to_another_desk_is_as_free_as_the_phone_there(world: World) -> None:
    world.agent("ana")
    tell(world, GONE, address="sim:desk 2")
    world.line.add_agent("ana", "Ana", "sim:desk 2", ("q",))
    assert how(world) == ("paused", "phone_gone")
    world.line.add_agent("ana", "Ana", "sim:desk 3", ("q",))
    assert how(world) == ("ready", "")


def test_each_change_is_an_event_and_the_same_again_is_none(world: World) -> None:
    world.agent("ana")
    tell(world, GONE, GONE, FREE, FREE)
    changes = [(e.data["was"], e.data["state"], e.data["reason"]) for e in world.events() if e.type == "agent_changed"]
    assert changes[1:] == [("ready", "paused", "phone_gone"), ("paused", "ready", "")]
