"""The feed: one reader, bounded listeners, and silence shown as silence."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisGone

from callback.board import Board
from dashboards.live import Crowded, Feed, Reading, frames

PERIOD_S = 0.01


class Source:
    """A board that counts how often it was read, and can be taken away."""

    def __init__(self) -> None:
        self.reads = 0
        self.gone = False
        self.fault = False
        self.threads: set[str] = set()

    def __call__(self) -> Board:
        self.reads += 1
        self.threads.add(threading.current_thread().name)
        if self.fault:
            raise ZeroDivisionError
        if self.gone:
            raise RedisGone("gone")
        return Board(self.reads * 1000, "2026-03-10", "America/Sao_Paulo", 1.0, (), (), ())


Feeds = Callable[..., Feed]


@pytest.fixture
def feed_of() -> Iterator[Feeds]:
    """Feeds whose listeners all leave at the end of the test, so that no reader outlives it."""
    feeds: list[Feed] = []

    def make(source: Source, limit: int = 2, period_s: float = PERIOD_S) -> Feed:
        feeds.append(Feed(source, limit, period_s))
        return feeds[-1]

    yield make
    for feed in feeds:
        for listener in list(feed._listeners):
            listener.close()


def take(readings: Iterable[Reading | None], n: int) -> list[Reading]:
    found = []
    for reading in readings:
        assert reading is not None
        found.append(reading)
        if len(found) == n:
            break
    return found


def test_many_who_look_cost_one_reading(feed_of: Feeds) -> None:
    source = Source()
    feed = feed_of(source, limit=50, period_s=60)
    streams = [feed.listen() for _ in range(20)]
    numbers = {take(stream, 1)[0].number for stream in streams}
    assert (numbers, source.reads) == ({1}, 1)


def test_readings_follow_one_another_and_come_from_one_reader(feed_of: Feeds) -> None:
    source = Source()
    feed = feed_of(source)
    one, two = feed.listen(), feed.listen()
    for stream in (one, two):
        numbers = [reading.number for reading in take(stream, 5)]
        assert numbers == sorted(numbers)
        assert numbers[-1] > numbers[0]
    assert source.threads <= {"board", threading.current_thread().name}


def test_more_than_the_limit_are_turned_away_and_leaving_makes_room(feed_of: Feeds) -> None:
    feed = feed_of(Source(), limit=1)
    first = feed.listen()
    with pytest.raises(Crowded):
        feed.listen()
    first.close()
    feed.listen().close()
    assert feed.listeners == 0


def test_the_reader_ends_after_the_last_listener_and_starts_again(feed_of: Feeds) -> None:
    feed = feed_of(Source())
    before = readers()
    listener = feed.listen()
    take(listener, 3)
    (mine,) = readers() - before
    listener.close()
    mine.join(5)
    assert not mine.is_alive()
    assert len(take(feed.listen(), 3)) == 3


def readers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "board"}


def test_a_slow_listener_misses_readings_and_delays_nobody(feed_of: Feeds) -> None:
    feed = feed_of(Source())
    slow, quick = feed.listen(), feed.listen()
    reading = iter(slow)
    first = next(reading)
    last = take(quick, 12)[-1]
    late = next(reading)
    assert first is not None
    assert late is not None
    assert late.number > first.number + 1
    assert late.number >= last.number - 3


def test_a_reading_that_fails_keeps_the_last_board_and_says_so(feed_of: Feeds) -> None:
    source = Source()
    feed = feed_of(source, period_s=0)
    good = feed.now()
    source.gone = True
    bad = feed.now()
    assert (bad.down, bad.board) == (True, good.board)
    source.gone = False
    assert not feed.now().down


def test_a_fault_of_ours_is_shown_as_silence_and_tried_again(feed_of: Feeds) -> None:
    source = Source()
    feed = feed_of(source)
    listener = iter(feed.listen())
    next(listener)
    source.fault = True
    while (reading := next(listener)) is None or not reading.down:
        assert reading is not None
    source.fault = False
    while (reading := next(listener)) is None or reading.down:
        assert reading is not None


def test_unchanged_readings_are_beats_with_their_time() -> None:
    shown: list[dict[str, Any]] = [
        {"at_ms": 1, "html": "a"},
        {"at_ms": 2, "html": "a"},
        {"at_ms": 3, "html": "b"},
    ]
    readings = [Reading(n, None, {}) for n in (1, 2, 3)]
    stream = frames(iter([readings[0], readings[1], None, readings[2]]), lambda reading: shown[reading.number - 1])
    assert next(stream) == "retry: 2000\n\n"
    assert parse(next(stream)) == ("1", "board", shown[0])
    assert parse(next(stream)) == ("2", "beat", {"at_ms": 2})
    assert next(stream).startswith(":")
    assert parse(next(stream)) == ("3", "board", shown[2])


def parse(frame: str) -> tuple[str, str, Any]:
    lines = dict(line.split(": ", 1) for line in frame.strip().splitlines())
    return lines["id"], lines["event"], json.loads(lines["data"])
