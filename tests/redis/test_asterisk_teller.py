"""What a node has said is told in its order, and is not lost while Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoRedis
from waiting import until

from ivr.providers.asterisk.teller import Teller


@pytest.fixture
def teller() -> Iterator[Teller]:
    one = Teller("test")
    yield one
    one.stop(0.1)


def test_what_is_told_is_done_in_order(teller: Teller) -> None:
    done: list[int] = []
    for number in range(200):
        teller.tell(lambda number=number: done.append(number))  # type: ignore[misc]
    until(lambda: len(done) == 200)
    assert done == list(range(200))


def test_nothing_is_lost_and_nothing_overtakes_while_redis_is_away(teller: Teller) -> None:
    away, done, tried = threading.Event(), [], []

    def end(number: int) -> Callable[[], None]:
        def act() -> None:
            tried.append(number)
            if away.is_set():
                raise NoRedis("connection refused")
            done.append(number)

        return act

    away.set()
    for number in range(3):
        teller.tell(end(number))
    until(lambda: len(tried) >= 2)
    assert (done, teller.waiting) == ([], 3)
    away.clear()
    until(lambda: len(done) == 3)
    assert done == [0, 1, 2]


def test_a_defect_of_ours_does_not_keep_the_next_from_being_told(teller: Teller) -> None:
    done: list[int] = []
    teller.tell(lambda: 1 // 0)
    teller.tell(lambda: done.append(1))
    until(lambda: done == [1])


def test_what_a_script_of_ours_refuses_does_not_keep_the_next_from_being_told(teller: Teller, redis: Redis) -> None:
    """It would be refused for ever: one call's end would hold up the ends of all others."""
    refuse, done = redis.register_script("error('entry e1 cannot go from completed to waiting')"), []
    teller.tell(refuse)
    teller.tell(lambda: done.append(1))
    until(lambda: done == [1])


def test_a_redis_without_room_is_waited_for(teller: Teller, redis: Redis) -> None:
    write, done = redis.register_script("return redis.call('SET', 'told', '1')"), []
    redis.config_set("maxmemory", 1)
    try:
        teller.tell(write)
        teller.tell(lambda: done.append(1))
        until(lambda: redis.info("errorstats").get("errorstat_OOM"))
        assert (done, teller.waiting) == ([], 2)
    finally:
        redis.config_set("maxmemory", 0)
    until(lambda: done == [1])
    assert redis.get("told") == "1"


def test_stopping_tells_what_is_left_first() -> None:
    teller, done = Teller("test"), []
    for number in range(50):
        teller.tell(lambda number=number: (time.sleep(0.001), done.append(number)))  # type: ignore[misc]
    teller.stop()
    assert done == list(range(50))


def test_stopping_without_redis_gives_up_in_time() -> None:
    def away() -> None:
        raise NoRedis("connection refused")

    teller = Teller("test")
    teller.tell(away)
    teller.stop(0.2)
    assert not teller._thread.is_alive()
    assert teller.waiting == 1
