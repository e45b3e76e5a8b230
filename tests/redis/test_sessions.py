"""Sessions on a real Redis: a turn is saved over the one that it was read at, with its events, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis as redis_py
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr import store
from ivr.events import Event, EventType
from ivr.instructions import (
    Dial,
    Gather,
    Hangup,
    Hold,
    Instruction,
    Join,
    Pause,
    Play,
    Record,
    Say,
    Speech,
    as_json,
    from_json,
)
from ivr.session import Frame, Session
from ivr.store import KEEP_ENDED_S, KEEP_S, Saved, Sessions

HELLO = Gather((Say("Olá, digite 1.", "pt-BR"),), 1, 5_000, 3_000)
MUSIC = Hold((), "default", 20_000)


def session(turn: int = 0, **more: Any) -> Session:
    return Session("c1", "front", "v1", 1_000, "pt-BR", turn=turn, **more)


def event(n: int) -> Event:
    return Event(EventType.STEP_ENTERED, n, call="c1", data={"step": f"s{n}"})


@pytest.fixture
def sessions(redis: redis_py.Redis) -> Sessions:
    return Sessions(redis, "test")


def written(redis: redis_py.Redis) -> list[str]:
    return [fields["step"] for _, fields in redis.xrange("{test}:events")]


def test_a_call_that_nobody_knows_has_no_session(sessions: Sessions) -> None:
    assert sessions.load("c1") is None


# what is stored (None: nothing, else its turn) | the turn it was read at | saved
CASES = [
    pytest.param(None, None, True, id="a new call"),
    pytest.param(0, None, False, id="a call that is there already"),
    pytest.param(3, 3, True, id="the turn it was read at"),
    pytest.param(4, 3, False, id="another turn came first"),
    pytest.param(3, 4, False, id="a turn that never was"),
    pytest.param(None, 3, False, id="expired, or lost"),
]


@pytest.mark.parametrize(("stored", "read_at", "expected"), CASES)
def test_a_turn_is_saved_only_over_the_one_it_was_read_at(
    sessions: Sessions, redis: redis_py.Redis, stored: int | None, read_at: int | None, expected: bool
) -> None:
    if stored is not None:
        redis.hset("{test}:session:c1", mapping={"session": session(stored).to_json(), "turn": stored, "reply": ""})
    assert sessions.save(session(9), HELLO, [event(1), event(2)], read_at=read_at) is expected
    found = sessions.load("c1")
    if expected:
        assert found
        assert (found.session, found.instruction) == (session(9), HELLO)
        assert written(redis) == ["s1", "s2"]
    else:
        assert (found.session.turn if found else None) == stored, "nothing is changed"
        assert written(redis) == []


def test_the_second_of_two_savers_of_one_turn_writes_nothing(sessions: Sessions, redis: redis_py.Redis) -> None:
    sessions.save(session(0), None, (), read_at=None)
    assert sessions.save(session(1, step="winner"), HELLO, [event(1)], read_at=0)
    assert not sessions.save(session(1, step="loser"), MUSIC, [event(2)], read_at=0)
    found = sessions.load("c1")
    assert found
    assert (found.session.step, found.instruction) == ("winner", HELLO)
    assert written(redis) == ["s1"]


def test_before_its_first_turn_a_session_has_no_instruction(sessions: Sessions) -> None:
    sessions.save(session(0), None, (), read_at=None)
    found = sessions.load("c1")
    assert found
    assert found.instruction is None


@pytest.mark.parametrize(("ended", "seconds"), [("", KEEP_S), ("done", KEEP_ENDED_S)])
def test_a_session_is_kept_for_a_while_after_its_last_turn(
    sessions: Sessions, redis: redis_py.Redis, ended: str, seconds: int
) -> None:
    sessions.save(session(0), None, (), read_at=None)
    redis.expire("{test}:session:c1", 5)
    sessions.save(session(1, ended=ended), Hangup(()), (), read_at=0)
    assert seconds - 60 <= redis.ttl("{test}:session:c1") <= seconds


def test_tenants_do_not_see_each_other_s_calls(sessions: Sessions, redis: redis_py.Redis) -> None:
    sessions.save(session(0), None, (), read_at=None)
    assert Sessions(redis, "other").load("c1") is None


def test_a_client_that_does_not_decode_reads_the_same(sessions: Sessions, redis_url: str) -> None:
    sessions.save(session(1), HELLO, (), read_at=None)
    with redis_py.Redis.from_url(redis_url) as raw:
        found = Sessions(raw, "test").load("c1")
    assert found
    assert (found.session, found.instruction) == (session(1), HELLO)


text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ms = st.integers(0, 7_200_000)
spoken: st.SearchStrategy[Speech] = st.one_of(
    st.builds(Say, text, text, text, st.booleans()),
    st.builds(Play, text, text, text, text, st.booleans()),
    st.builds(Pause, ms),
)
speech = st.lists(spoken, max_size=4).map(tuple)
instructions: st.SearchStrategy[Instruction] = st.one_of(
    st.builds(Gather, speech, st.integers(1, 30), ms, ms, text, st.booleans(), st.booleans()),
    st.builds(Hold, speech, text, ms, text),
    st.builds(Record, speech, ms, ms, text),
    st.builds(Dial, speech, text, text, ms),
    st.builds(Join, speech, text),
    st.builds(Hangup, speech, text),
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
variables = st.dictionaries(text, plain, max_size=4)
names = st.lists(text, max_size=3)
frames = st.lists(st.builds(Frame, text, text, text, variables, names, names), max_size=2)
sessions_strategy = st.builds(
    Session,
    st.just("c1"),
    text,
    text,
    ms,
    text,
    turn=st.integers(0, 1_000),
    at=variables,
    variables=variables,
    sensitive=names,
    trail=names,
    frames=frames,
    visits=st.dictionaries(text, st.integers(0, 10), max_size=3),
    entry=text,
    ended=text,
)


@given(instructions)
def test_an_instruction_survives_json(instruction: Instruction) -> None:
    assert from_json(json.loads(json.dumps(as_json(instruction)))) == instruction


@given(given_session=sessions_strategy, instruction=st.none() | instructions)
@settings(max_examples=100, deadline=None)
def test_a_turn_survives_redis(redis_url: str, given_session: Session, instruction: Instruction | None) -> None:
    with redis_py.Redis.from_url(redis_url, decode_responses=True) as redis:
        redis.flushall()
        sessions = Sessions(redis, "test")
        assert sessions.save(given_session, instruction, [event(1)], read_at=None)
        found = sessions.load("c1")
    assert found
    assert (found.session, found.instruction) == (given_session, instruction)


@given(data=st.dictionaries(text.filter(lambda name: name not in Event.__slots__), text, max_size=4))
@settings(max_examples=50, deadline=None)
def test_an_event_comes_out_of_the_stream_as_it_went_in(redis_url: str, data: dict[str, str]) -> None:
    data.pop("at", None)
    given_event = Event(EventType.STEP_ENTERED, 5, call="c1", data=data)
    with redis_py.Redis.from_url(redis_url, decode_responses=True) as redis:
        redis.flushall()
        Sessions(redis, "test").save(session(0), None, [given_event], read_at=None)
        ((_, fields),) = redis.xrange("{test}:events")
    assert Event.from_fields(fields) == given_event


def test_what_this_process_saved_at_a_turn_is_not_read_again(redis: redis_py.Redis, sessions: Sessions) -> None:
    sessions.save(session(3), HELLO, (), read_at=None)
    redis.delete("{test}:session:c1")
    assert sessions.at("c1", 3) == Saved(session(3), HELLO)
    assert sessions.at("c1", 4) is None


def test_another_process_that_is_further_is_found_by_asking_for_its_turn_or_by_saving(
    redis: redis_py.Redis, sessions: Sessions
) -> None:
    other = Sessions(redis, "test")
    sessions.save(session(3), HELLO, (), read_at=None)
    assert other.save(session(4), MUSIC, (), read_at=3)
    assert sessions.at("c1", 4) == Saved(session(4), MUSIC)
    assert sessions.at("c1", 3) == Saved(session(3), HELLO)
    assert not sessions.save(session(4), HELLO, (), read_at=3)
    assert sessions.at("c1", 3) == Saved(session(4), MUSIC), "it forgot what it could not save over"


def test_an_ended_call_and_the_longest_unheard_are_forgotten(
    redis: redis_py.Redis, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "REMEMBERED", 2)
    for name in ("c1", "c2", "c3"):
        sessions.save(Session(name, "front", "v1", 1_000, "pt-BR"), HELLO, (), read_at=None)
    sessions.save(Session("c3", "front", "v1", 1_000, "pt-BR", turn=1, ended="done"), HELLO, (), read_at=0)
    redis.flushdb()
    assert [name for name in ("c1", "c2", "c3") if sessions.at(name, 0) or sessions.at(name, 1)] == ["c2"]
