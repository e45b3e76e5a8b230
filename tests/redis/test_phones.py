"""The telephones at both ends: one that cannot be rung, and one on which a call of ours may still be up."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import redis as redis_py
from line_world import NUMBERS, Network, World, audit, rules

from callback import dispatch, verbs
from callback.jobs import Task
from callback.model import EntryState
from ivr.inputs import Outcome
from ivr.ports import Outgoing, Unsure


class Exchange(Network):
    """A provider that remembers the order of what was asked of it. `deaf`: how many hang-ups it does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        self.deaf = 0

    def originate(self, outgoing: Outgoing) -> None:
        self.asked.append(("ring", outgoing.call))
        super().originate(outgoing)

    def hangup(self, call: str) -> None:
        self.asked.append(("hang up", call))
        if self.deaf:
            self.deaf -= 1
            raise Unsure("no answer")
        super().hangup(call)


@pytest.fixture
def world(redis: redis_py.Redis) -> Iterator[World]:
    made = World(redis, rules())
    made.network = Exchange()
    made.agent("ana")
    yield made
    audit(made)


def carry_out(world: World, task: Task) -> None:
    """The dial verb, with the network for a provider; no session is made."""
    place = SimpleNamespace(place=lambda outgoing, flow, **more: world.network.originate(outgoing))
    hands = SimpleNamespace(line=world.line, calls=place, provider=world.network, clock=world.clock)
    verbs.dial(hands, task.attempt, task.leg)  # type: ignore[arg-type]


def asked(world: World) -> list[tuple[str, str]]:
    assert isinstance(world.network, Exchange)
    found, world.network.asked = world.network.asked, []
    return found


def test_a_phone_that_cannot_be_rung_is_tried_after_a_rest_and_then_its_agent_is_paused(world: World) -> None:
    entry = world.join("c1")
    world.end_leg(world.ring_agent(), "agent", Outcome.FAILED)
    assert (world.agent_state("ana"), world.line.match(), world.order()) == ("ready", 0, [entry])
    world.clock.advance(5_000)
    assert world.line.match() == 1
    world.end_leg(world.ring_agent(), "agent", Outcome.FAILED)
    agent = world.line.agents()[0]
    assert (agent.state, agent.reason, agent.misses, world.order()) == ("paused", "phone", 2, [entry])
    world.clock.advance(60_000)
    assert world.line.match() == 0, "the pair is not matched in a circle"
    world.line.ready("ana")
    assert world.entry(entry).state is EntryState.RESERVED, "he is back, and the caller stood in the old place"


def test_an_agent_whose_leg_was_never_hung_up_is_freed_of_it_before_he_is_rung_again(world: World) -> None:
    world.book("", NUMBERS[1], call="in1")
    (first,) = world.rung()
    carry_out(world, first)
    world.accept(first.attempt, "agent")
    (second,) = world.rung()
    carry_out(world, second)
    old = world.leg_call(first.attempt, "agent")
    asked(world)
    world.end_leg(first.attempt, "customer", Outcome.BUSY)
    assert Task("hang_up", call=old) in world.tasks, "the errand that is now lost"
    world.join("c2")
    (third,) = world.rung()
    carry_out(world, third)
    assert asked(world) == [("hang up", old), ("ring", world.leg_call(third.attempt, "agent"))]


def test_a_customer_whose_old_leg_may_be_up_is_freed_of_it_before_he_is_rung_again(world: World) -> None:
    world.agent("bia")
    world.book("", NUMBERS[1], call="in1")
    (first,) = world.rung()
    carry_out(world, first)
    world.accept(first.attempt, "agent")
    carry_out(world, world.rung()[0])
    old = world.leg_call(first.attempt, "customer")
    world.end_leg(first.attempt, "agent")  # the agent hung up while the customer's phone rang
    (second,) = world.rung()
    carry_out(world, second)
    world.accept(second.attempt, "agent")
    asked(world)
    carry_out(world, world.rung()[0])
    assert asked(world) == [("hang up", old), ("ring", world.leg_call(second.attempt, "customer"))]


def test_a_leg_that_is_known_to_have_ended_costs_the_next_one_no_request(world: World) -> None:
    for call in ("c1", "c2"):
        world.join(call)
        (task,) = world.rung()
        carry_out(world, task)
        world.end_leg(task.attempt, "agent", Outcome.REFUSED)
        world.hang_up(call)
        world.rested()
        world.tasks.clear()
    assert [what for what, _ in asked(world)] == ["ring", "ring"]


def test_a_late_end_does_not_hide_the_call_that_came_after_it(world: World) -> None:
    world.join("c1")
    (first,) = world.rung()
    carry_out(world, first)
    world.line.leg_ended(first.attempt, "agent", Outcome.REFUSED)  # as a sweep finds it: the network has not told yet
    world.rested()
    (second,) = world.rung()
    carry_out(world, second)
    old, new = world.leg_call(first.attempt, "agent"), world.leg_call(second.attempt, "agent")
    assert not world.line.store.phone_down(first.attempt, "agent", old, world.clock.now_ms())
    assert world.line.store.phone_down(second.attempt, "agent", new, world.clock.now_ms())
    assert not world.line.store.phone_down(second.attempt, "agent", new, world.clock.now_ms()), "known already"


def test_a_worker_that_dies_before_it_rings_leaves_no_older_call_up_and_forgotten(world: World) -> None:
    entry = world.join("c1")
    (first,) = world.rung()
    carry_out(world, first)
    world.line.leg_ended(first.attempt, "agent", Outcome.REFUSED)  # the errand to hang it up is lost
    world.rested()
    world.tasks.clear()
    assert world.line.begin(world.entry(entry).attempt, "agent"), "and this worker is killed"
    asked(world)
    world.clock.advance(60_000)
    dispatch.reconcile(world.line, world.network, dispatch.sweep(world.line))
    world.line.match()
    (third,) = world.rung()
    carry_out(world, third)
    old, new = world.leg_call(first.attempt, "agent"), world.leg_call(third.attempt, "agent")
    assert asked(world) == [("hang up", old), ("ring", new)]


@pytest.mark.parametrize(("deaf", "rings"), [(1, True), (2, True), (3, False)])
def test_a_phone_that_could_not_be_freed_is_not_rung_and_the_place_comes_back(
    world: World, deaf: int, rings: bool
) -> None:
    entry = world.join("c1")
    (first,) = world.rung()
    carry_out(world, first)
    world.line.leg_ended(first.attempt, "agent", Outcome.REFUSED)
    world.rested()
    (second,) = world.rung()
    asked(world)
    assert isinstance(world.network, Exchange)
    world.network.deaf = deaf
    carry_out(world, second)
    assert [what for what, _ in asked(world)] == ["hang up"] * min(3, deaf + 1) + ["ring"] * rings
    assert world.entry(entry).state is (EntryState.DIALING if rings else EntryState.WAITING)
    if rings:
        return
    assert (world.agent_state("ana"), world.rung()) == ("ready", []), "he rests, for it is his telephone"
    world.network.deaf = 0
    world.rested()
    (third,) = world.rung()
    carry_out(world, third)
    old = world.leg_call(first.attempt, "agent")
    assert asked(world) == [("hang up", old), ("ring", world.leg_call(third.attempt, "agent"))], "it is not forgotten"
