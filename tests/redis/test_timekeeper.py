"""The timekeeper: one acts, another takes over, a failing part does not stop the others, Redis may go and come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis as redis_py
from waiting import until

from callback import timekeeper
from callback.keys import Keys
from ivr import redis_server
from ivr.clock import ManualClock, ScaledClock, SystemClock
from ivr.config import Settings

FAST = ScaledClock(base_ms=1_773_147_600_000, speed=100)


@pytest.fixture
def client(redis_url: str) -> redis_py.Redis:
    found = redis_py.Redis.from_url(redis_url, decode_responses=True)
    found.flushall()
    return found


@contextmanager
def running(client: redis_py.Redis, acts: timekeeper.Acts) -> Iterator[threading.Event]:
    """A timekeeper in a thread; it has ended when the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=timekeeper.run, args=(client, "test", FAST, acts, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def test_every_tick_does_all_acts_in_order_and_says_when(client: redis_py.Redis) -> None:
    done: list[str] = []
    assert timekeeper.last_tick_ms(client, "test") is None
    with running(client, {"sweep": lambda: done.append("sweep"), "match": lambda: done.append("match")}):
        until(lambda: len(done) >= 6, "three ticks")
        until(lambda: timekeeper.last_tick_ms(client, "test"), "the tick is noted")
    assert done[:6] == ["sweep", "match"] * 3
    noted = timekeeper.last_tick_ms(client, "test")
    assert noted is not None
    assert FAST.base_ms < noted <= FAST.now_ms()


def test_of_two_one_acts_and_the_other_takes_over_when_it_stops(client: redis_py.Redis) -> None:
    first: list[int] = []
    second: list[int] = []
    with running(client, {"sweep": lambda: first.append(1)}) as stop_first:
        until(lambda: first, "the first acts")
        with running(client, {"sweep": lambda: second.append(1)}):
            count = len(first)
            until(lambda: len(first) > count + 20, "the first goes on")
            assert second == []
            stop_first.set()
            until(lambda: second, "the second takes over")


def test_stopping_gives_the_lock_back(client: redis_py.Redis) -> None:
    with running(client, {}):
        until(lambda: client.exists(Keys("test").of("lock")), "the lock is held")
    assert not client.exists(Keys("test").of("lock"))


def test_a_lock_left_by_a_killed_one_expires(client: redis_py.Redis) -> None:
    with running(client, {}):
        until(lambda: client.exists(Keys("test").of("lock")), "the lock is held")
        assert 0 < client.pttl(Keys("test").of("lock")) <= timekeeper.LOCK_SECONDS * 1000


def test_a_failing_act_is_told_and_the_others_go_on(client: redis_py.Redis) -> None:
    done: list[str] = []

    def broken() -> None:
        raise ValueError("an event that nobody understands")

    with running(client, {"project": broken, "sweep": lambda: done.append("sweep")}):
        until(lambda: len(done) >= 2, "the sweep goes on")
    assert timekeeper.last_tick_ms(client, "test") is None, "a tick that failed is not a whole tick"


def test_tick_tells_whether_it_was_whole() -> None:
    assert timekeeper.tick({"match": lambda: 3}) is True
    assert timekeeper.tick({"match": lambda: 1 // 0, "project": lambda: None}) is False


def test_it_waits_for_redis_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret_key="x" * 32)
    client = redis_server.connect(redis_server.ensure(settings), redis_server.WEB)
    done: list[int] = []
    try:
        with running(client, {"sweep": lambda: done.append(client.dbsize())}):
            until(lambda: done, "it acts")
            redis_server.release(settings)
            until(
                lambda: not redis_server.answers(redis_server.socket_path(redis_server.home_of(settings))),
                "Redis is gone",
            )
            redis_server.ensure(settings)
            count = len(done)
            until(lambda: len(done) > count + 2, "it acts again")
    finally:
        client.close()
        redis_server.release(settings)


@pytest.mark.parametrize(("clock", "seconds"), [(SystemClock(), 1.0), (ScaledClock(0, 10), 0.1), (ManualClock(), 1.0)])
def test_a_tick_is_a_second_of_clock_time(clock: SystemClock | ScaledClock | ManualClock, seconds: float) -> None:
    assert timekeeper.real_seconds(clock, timekeeper.TICK_MS) == seconds
