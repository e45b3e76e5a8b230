"""Who meets whom: the longest idle agent takes the oldest entry that he can serve, over all his queues."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis as redis_py
from line_world import NUMBERS, World, audit, rules

from callback.agents import NotSignedIn, UnknownAgent
from callback.model import AgentState, EntryState
from callback.scripts import script_texts
from ivr.inputs import Outcome


@pytest.fixture
def world(redis: redis_py.Redis) -> Iterator[World]:
    made = World(redis, rules())
    yield made
    audit(made)


def pairs(world: World) -> list[tuple[str, str]]:
    """(agent, entry) of every match so far, in order."""
    return [(event.agent, event.entry) for event in world.events() if event.type == "matched"]


def paused(world: World, name: str, queues: str = "q", skills: str = "") -> str:
    world.agent(name, queues, skills)
    world.line.pause(name, "lunch")
    return name


def test_the_longest_idle_agent_is_first(world: World) -> None:
    for name in ("ana", "bia", "caio"):
        world.agent(name)
        world.clock.advance(10)
    first, second = world.join("c1"), world.join("c2")
    assert pairs(world) == [("ana", first), ("bia", second)]


def test_a_match_reserves_both_leases_them_and_rings_for_a_worker(world: World) -> None:
    world.agent("ana")
    entry = world.join("c1")
    (task,) = world.tasks
    attempt = world.line.attempt(task.attempt)
    assert attempt
    assert (task.verb, task.leg, attempt.entry, attempt.agent) == ("dial", "agent", entry, "ana")
    assert (world.state(entry), world.agent_state("ana")) == (EntryState.RESERVED, AgentState.RESERVED)
    assert attempt.deadline_ms == world.clock.now_ms() + 10_000
    assert attempt.customer_call == "c1"


def test_one_agent_takes_the_oldest_of_all_his_queues(world: World) -> None:
    paused(world, "ana", "q r")
    first = world.join("c1", queue="r")
    world.clock.advance(1)
    world.join("c2", queue="q")
    world.line.ready("ana")
    assert pairs(world) == [("ana", first)]


@pytest.mark.parametrize(
    ("agent_skills", "taken"),
    [("", 1), ("es", 0), ("es libras", 0), ("libras", 1)],
)
def test_an_agent_takes_only_what_all_his_skills_allow(world: World, agent_skills: str, taken: int) -> None:
    paused(world, "sonia", "q", "es")
    paused(world, "ana", "q", agent_skills)
    entries = [world.join("c1", skills="es"), world.join("c2")]
    world.line.ready("ana")
    assert pairs(world) == [("ana", entries[taken])]


def test_an_agent_whom_nobody_suits_does_not_hold_up_the_next(world: World) -> None:
    world.agent("ana", "r")
    world.clock.advance(10)
    world.agent("bia", "q")
    entry = world.join("c1")
    assert pairs(world) == [("bia", entry)]


def test_callbacks_and_live_callers_stand_in_one_order(world: World) -> None:
    paused(world, "ana")
    first, second = world.join("c1"), world.join("c2")
    world.book(first, NUMBERS[1])
    world.line.ready("ana")
    assert pairs(world) == [("ana", first)]
    assert world.order() == [second]
    assert world.last("matched").data == {"order": "agent_first", "overtaken": "0"}


def test_more_pairs_than_one_script_makes_are_all_made(world: World) -> None:
    for n in range(40):
        paused(world, f"a{n:02d}")
    entries = [world.join(f"c{n}") for n in range(40)]
    with world.redis.pipeline() as pipe:  # all become ready at once, as after an outage
        for n in range(40):
            pipe.zrem("{test}:agents:paused", f"a{n:02d}")
            pipe.zadd("{test}:agents:ready", {f"a{n:02d}": world.clock.now_ms()})
            pipe.hset(f"{{test}}:agent:a{n:02d}", mapping={"state": "ready", "reason": ""})
            pipe.sadd("{test}:staffed:q", f"a{n:02d}")
        pipe.execute()
    assert world.line.match() == 40
    assert [entry for _, entry in pairs(world)] == entries


def test_overtakes_are_computed_at_the_match_and_not_assumed(redis: redis_py.Redis) -> None:
    """With the comparison of heads turned round, the event says how many were passed."""
    texts = dict(script_texts())
    texts["match"] = texts["match"].replace("older(first, best)", "older(best, first)")
    world = World(redis, rules(), texts)
    paused(world, "ana", "q", "es")
    world.join("c1")
    world.join("c2")
    late = world.join("c3", skills="es")
    world.line.ready("ana")
    assert pairs(world) == [("ana", late)]
    assert world.last("matched").data["overtaken"] == "2"


def test_many_that_match_and_begin_at_once_book_nobody_twice(world: World, redis_url: str) -> None:
    """Eight workers, each with a connection of its own, over the same line."""
    for n in range(30):
        paused(world, f"a{n:02d}")
    entries = {world.join(f"c{n}") for n in range(30)}

    def work(worker: int) -> list[tuple[str, str]]:
        client = redis_py.Redis.from_url(redis_url, decode_responses=True)
        own = World(client, world.rules)
        object.__setattr__(own.line, "new_id", iter(f"w{worker}n{n}" for n in range(1_000)).__next__)
        won = []
        for n in range(30):
            own.line.ready(f"a{(n + worker * 4) % 30:02d}")
            for attempt in client.keys("{test}:attempt:*"):
                name = attempt.removeprefix("{test}:attempt:")
                won += [(name, "agent")] if own.line.begin(name, "agent") else []
        client.close()
        return won

    with ThreadPoolExecutor(8) as pool:
        won = [pair for part in pool.map(work, range(8)) for pair in part]
    assert len(won) == len(set(won)) == 30
    assert {entry for _, entry in pairs(world)} == entries
    assert len({agent for agent, _ in pairs(world)}) == len(pairs(world)) == 30


AGENT_TABLE = [
    # before, verb, after
    ("offline", "sign_in", "ready"),
    ("offline", "ready", "ready"),
    ("offline", "sign_out", "offline"),
    ("offline", "wrap_up_done", "offline"),
    ("ready", "sign_in", "ready"),
    ("ready", "pause", "paused"),
    ("ready", "sign_out", "offline"),
    ("ready", "wrap_up_done", "ready"),
    ("paused", "sign_in", "paused"),
    ("paused", "ready", "ready"),
    ("paused", "pause", "paused"),
    ("paused", "sign_out", "offline"),
    ("reserved", "pause", "reserved"),
    ("reserved", "sign_out", "reserved"),
    ("reserved", "ready", "reserved"),
    ("on_call", "pause", "on_call"),
    ("on_call", "sign_out", "on_call"),
    ("wrap_up", "wrap_up_done", "ready"),
    ("wrap_up", "ready", "ready"),
    ("wrap_up", "pause", "paused"),
    ("wrap_up", "sign_out", "offline"),
]


def bring(world: World, state: str) -> None:
    """Ana, in `state`."""
    world.line.add_agent("ana", "Ana", "sim:ana", ("q",))
    if state == "offline":
        return
    world.line.sign_in("ana")
    if state == "paused":
        world.line.pause("ana", "lunch")
    if state in ("reserved", "on_call", "wrap_up"):
        world.join("c1")
    if state in ("on_call", "wrap_up"):
        attempt = world.talk()
        if state == "wrap_up":
            world.end_leg(attempt, "agent")
    assert world.agent_state("ana") == state


@pytest.mark.parametrize(("before", "verb", "after"), AGENT_TABLE)
def test_agent_verbs(world: World, before: str, verb: str, after: str) -> None:
    bring(world, before)
    ask = getattr(world.line, verb)
    agent = ask("ana", "coffee") if verb == "pause" else ask("ana")
    assert agent.state == after
    assert world.count("handled") == (1 if before == "wrap_up" else 0)


@pytest.mark.parametrize(("verb", "after"), [("pause", "paused"), ("sign_out", "offline"), ("ready", "ready")])
def test_what_an_agent_asks_for_during_a_call_happens_after_it(world: World, verb: str, after: str) -> None:
    bring(world, "on_call")
    world.line.pause("ana", "coffee")
    if verb != "pause":
        getattr(world.line, verb)("ana")
    attempt = world.line.agents()[0].attempt
    world.end_leg(attempt, "agent")
    assert world.agent_state("ana") == "wrap_up"
    assert world.line.wrap_up_done("ana").state == after


def test_what_an_agent_asks_for_while_he_rings_happens_when_he_does_not_answer(world: World) -> None:
    bring(world, "reserved")
    attempt = world.ring_agent()
    world.line.sign_out("ana")
    world.end_leg(attempt, "agent", Outcome.NO_ANSWER)
    assert world.agent_state("ana") == "offline"


def test_an_offline_agent_cannot_pause_and_an_unknown_one_is_named(world: World) -> None:
    bring(world, "offline")
    with pytest.raises(NotSignedIn, match="sign in first"):
        world.line.pause("ana", "lunch")
    with pytest.raises(UnknownAgent, match="retorno agent add bob"):
        world.line.ready("bob")
    with pytest.raises(ValueError, match="got 'a b'"):
        world.line.add_agent("a b", "", "sim:x", ("q",))


def test_changing_what_an_agent_serves_matches_him_at_once(world: World) -> None:
    paused(world, "zoe", "r")
    world.agent("ana", "q")
    entry = world.join("c1", queue="r")
    world.line.add_agent("ana", "Ana", "sim:ana", ("r",))
    assert pairs(world) == [("ana", entry)]


def test_the_snapshot_never_mixes_callbacks_into_the_live_figures(world: World) -> None:
    paused(world, "ana", "q r")
    start = world.clock.now_ms()
    entries = [world.join(f"c{n}") for n in range(3)]
    world.clock.advance(1_000)
    world.book(entries[0], NUMBERS[1])
    world.book("", NUMBERS[2], call="c9", due_ms=start + 9_000_000)
    snapshot = world.line.snapshot()
    q = snapshot.queues[0]
    assert (q.live_waiting, q.oldest_live_ms) == (2, start)
    assert (q.callbacks_waiting, q.oldest_callback_ms) == (1, start)
    assert (q.callbacks_scheduled, q.next_due_ms, q.in_progress) == (1, start + 9_000_000, 0)
    assert (q.agents_ready, q.agents_staffed) == (0, 0)
    world.line.ready("ana")
    q = world.line.snapshot().queues[0]
    assert (q.callbacks_waiting, q.in_progress, q.agents_ready, q.agents_staffed) == (0, 1, 0, 1)
    assert [agent.id for agent in snapshot.agents] == ["ana"]
