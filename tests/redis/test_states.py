"""The tables of states, walked against the real scripts; and what the scripts may use of Redis."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import product

import pytest
import redis as redis_py
from line_world import NUMBERS, World, audit, rules
from redis.exceptions import ResponseError

from callback.keys import NAMES, Keys
from callback.model import Agent, AgentState, EntryState
from callback.scripts import script_texts
from callback.states import AGENT, ENTRY

# Commands and options newer than Redis 6.2, the oldest engine that is supported.
TOO_NEW = re.compile(
    r"FUNCTION|FCALL|EVAL_RO|EVALSHA_RO|^#!lua|LMPOP|ZMPOP|SINTERCARD|ZINTERCARD|EXPIRETIME|SPUBLISH|SSUBSCRIBE|'LCS'"
    r"|SORT_RO|ENTRIESREAD|WAITAOF|WITHSCORE'|HEXPIRE|HPEXPIRE|'EXPIRE'.*'(NX|XX|GT|LT)'|'TIME'",
    re.MULTILINE,
)
COMMON = script_texts()["held"].split("-- held:")[0]


def force(world: World, what: str, to: str) -> None:
    """Run the scripts' own move, from wherever the one entry or agent is."""
    move = f"move_{what}(load('{what}', ARG[1]), ARG[2], NOW + 1) return 1"
    world.redis.register_script(COMMON + move)(
        keys=[world.line.store.keys.of(what, "x")],
        args=[Keys("test").prefix, world.clock.now_ms(), "", "x", to],
    )


def put(world: World, what: str, state: str) -> None:
    """One entry or agent `x` in `state`, by legal moves."""
    paths = {
        "reserved": ["reserved"],
        "dialing": ["reserved", "dialing"],
        "connected": ["reserved", "dialing", "connected"],
        "completed": ["reserved", "dialing", "connected", "completed"],
        "expired": ["reserved", "expired"],
        "waiting": [],
        "offline": [],
        "ready": ["ready"],
        "paused": ["paused"],
        "on_call": ["ready", "reserved", "on_call"],
        "wrap_up": ["ready", "reserved", "on_call", "wrap_up"],
    }
    if what == "agent":
        paths["reserved"] = ["ready", "reserved"]
        world.line.store.add_agent(Agent("x", AgentState.OFFLINE, 0, "X", "sim:x", "", ("q",)), world.clock.now_ms())
    else:
        object.__setattr__(world.line, "new_id", lambda: "x")
        world.book("", NUMBERS[1], call="c1")
    for step in paths.get(state, [state]):
        force(world, what, step)


@pytest.mark.parametrize(("was", "to"), list(product(EntryState, EntryState)))
def test_an_entry_moves_as_the_table_says_and_no_other_way(redis: redis_py.Redis, was: str, to: str) -> None:
    world = World(redis, rules())
    put(world, "entry", was)
    assert world.state("x") == was
    if to in ENTRY[EntryState(was)].moves:
        force(world, "entry", to)
    else:
        with pytest.raises(ResponseError, match="cannot go from"):
            force(world, "entry", to)
    left = [*redis.scan_iter("{test}:entries:*"), *redis.scan_iter("{test}:waiting:*")]
    row = ENTRY[world.state("x")]
    assert len(left) == (1 if row.score else 0), "in exactly the index of its state"
    assert row.ended == (not row.score)
    assert (redis.ttl("{test}:entry:x") > 0) == row.ended
    reopened = was == EntryState.COMPLETED  # it is no callback any more, and its number is free for another
    assert bool(redis.hlen("{test}:phones:q")) != (row.ended or reopened)


@pytest.mark.parametrize(("was", "to"), list(product(AgentState, AgentState)))
def test_an_agent_moves_as_the_table_says_and_no_other_way(redis: redis_py.Redis, was: str, to: str) -> None:
    world = World(redis, rules())
    put(world, "agent", was)
    assert world.agent_state("x") == was
    if to in AGENT[AgentState(was)].moves:
        force(world, "agent", to)
    else:
        with pytest.raises(ResponseError, match="cannot go from"):
            force(world, "agent", to)
    assert [redis.zscore(f"{{test}}:agents:{state}", "x") is not None for state in AgentState].count(True) == 1
    assert redis.zscore(f"{{test}}:agents:{world.agent_state('x')}", "x") is not None


def test_every_state_has_its_row() -> None:
    assert (set(ENTRY), set(AGENT)) == (set(EntryState), set(AgentState))


def test_what_the_scripts_use_was_there_in_redis_6_2() -> None:
    for path in (files("callback") / "lua").iterdir():
        assert not TOO_NEW.findall(path.read_text(encoding="utf-8")), path


def test_every_script_opens_with_what_it_is() -> None:
    for path in (files("callback") / "lua").iterdir():
        text = path.read_text(encoding="utf-8")
        assert text.startswith("-- "), path
        if not path.name.startswith("_"):
            assert "KEYS" in text, path
            assert re.search(r"Returns", text), path


def test_no_name_of_a_key_is_the_beginning_of_another_kinds_key() -> None:
    prefixes = [name for name in NAMES.values() if name.endswith(":")]
    assert len(set(NAMES.values())) == len(NAMES)
    assert not [(a, b) for a in prefixes for b in NAMES.values() if a != b and b.startswith(a)]


def test_a_tenant_must_be_a_hash_tag() -> None:
    assert Keys("retorno").of("entry", "e1") == "{retorno}:entry:e1"
    with pytest.raises(ValueError, match="hash tag"):
        Keys("a}b")


def test_scripts_survive_a_restart_that_forgets_them(redis: redis_py.Redis) -> None:
    world = World(redis, rules())
    world.agent("ana")
    redis.script_flush()
    world.join("c1")
    assert world.agent_state("ana") == "reserved"
    audit(world)
