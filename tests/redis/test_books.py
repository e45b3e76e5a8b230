"""The books of the real line: whatever happens, the figures folded from its events agree with the entries themselves."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import redis as redis_py
from line_world import NUMBERS, World, ordered

from callback import dispatch
from callback.metrics import Totals, fold, ledger, value
from callback.model import AgentState, EntryState, Order
from ivr.events import EventType
from ivr.inputs import Outcome

OPEN = {EntryState.WAITING, EntryState.RESERVED, EntryState.DIALING, EntryState.SCHEDULED}
MISSES = (Outcome.NO_ANSWER, Outcome.BUSY, Outcome.FAILED, Outcome.MACHINE, Outcome.ANSWERED)


def chaos(world: World, dice: random.Random, acts: int) -> None:
    """So many random acts of callers, agents, telephones and time."""
    calls: dict[str, str] = {}
    agents = [world.agent(f"agent{n}", "q r") for n in range(2)]
    rung, talks = [], []
    for n in range(acts):
        act = dice.randrange(20)
        entry = dice.choice(list(calls)[-6:]) if calls else ""
        if act <= 6 or not entry:
            calls[world.join(f"c{n}", dice.choice("qr"))] = f"c{n}"
        elif act <= 8:
            world.book(entry, dice.choice(NUMBERS), world.entry(entry).queue, calls[entry])
        elif act <= 10:
            world.hang_up(calls.pop(entry), entry)
        elif act == 11:
            calls[entry] = f"again{n}"
            world.take(entry, calls[entry])
        elif act == 12:
            world.line.cancel(entry)
        for agent in agents:
            if world.agent_state(agent) in (AgentState.PAUSED, AgentState.WRAP_UP) and dice.random() < 0.5:
                world.line.ready(agent)
        rung += world.rung()
        while rung and dice.random() < 0.8:
            task = rung.pop(dice.randrange(len(rung)))
            if world.dial(task.attempt, task.leg):
                if dice.random() < 0.75:
                    world.accept(task.attempt, task.leg)
                    talks.append(task)
                else:
                    world.end_leg(task.attempt, task.leg, dice.choice(MISSES))
        if talks and dice.random() < 0.5:
            task = talks.pop(0)
            world.end_leg(task.attempt, task.leg)
        world.clock.advance(dice.choice((500, 2_000, 4_000, 10_000)))
        if dice.random() < 0.2:
            dispatch.reconcile(world.line, world.network, dispatch.sweep(world.line))
            world.line.match()


def books(world: World) -> Totals:
    totals = Totals()
    for event in world.events():
        totals = fold(totals, event)
    return totals


@pytest.mark.parametrize("order", [Order.AGENT_FIRST, Order.CUSTOMER_FIRST])
@pytest.mark.parametrize("seed", range(3))
def test_the_books_agree_with_the_entries(redis: redis_py.Redis, seed: int, order: Order) -> None:
    world = World(redis, ordered(order))
    chaos(world, random.Random(seed), 250)
    entries = [world.entry(event.entry) for event in world.events() if event.type is EventType.ENTRY_JOINED]
    totals = books(world)
    waiting = sum(e.state in OPEN and not e.chosen_ms for e in entries)
    callbacks = sum(e.state in OPEN and e.chosen_ms > 0 for e in entries)
    kept = ledger(totals, waiting, callbacks)
    assert kept.balanced, kept
    assert kept.entered == len(entries)
    ends = Counter((e.state, e.chosen_ms > 0) for e in entries)
    talked = {EntryState.CONNECTED, EntryState.COMPLETED}
    assert kept.answered == sum(ends[state, False] for state in talked)
    assert kept.callbacks_connected == sum(ends[state, True] for state in talked)
    assert kept.abandoned + kept.short == ends[EntryState.ABANDONED, False]
    assert kept.callbacks_cancelled == ends[EntryState.CANCELLED, True]
    assert kept.callbacks_failed == ends[EntryState.FAILED, True] + ends[EntryState.ABANDONED, True]
    assert value(totals, "overtaken") == 0
    assert min(kept.answered, kept.callbacks_connected, kept.abandoned + kept.short, kept.callback_accepted) > 0
