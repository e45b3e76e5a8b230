"""The live feed: one reading of the board a second, however many look at it.

Law: one reader per process, started by the first listener and ended after the last; each listener has a queue of two, and
a slow one misses readings, never delays the others. A reading that failed is a reading too: the screen says so.
"""

from __future__ import annotations

import itertools
import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from flask import Response
from redis.exceptions import RedisError

from callback.board import Board
from dashboards.board.attention import Attention, settle
from dashboards.problems import Problem
from ivr.ports import Node, Unsure

PERIOD_S = 1.0
SILENCE_S = 15.0  # a comment after this long without a reading keeps proxies from cutting the stream
log = structlog.get_logger(__name__)


class Crowded(Exception):
    """As many listeners as this process has threads to spare: poll instead."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The board as last read, and what needs attention. `silent`: the nodes of the phone network that do not answer. `down`: this
    reading failed and the board is an older one, or None."""

    number: int
    board: Board | None
    attention: dict[str, Attention]
    silent: tuple[str, ...] = ()
    down: bool = False


class Listener:
    """One stream's place in the feed. Whoever got it closes it, also when he never began to read."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._inbox: queue.Queue[Reading] = queue.Queue(maxsize=2)

    def __iter__(self) -> Iterator[Reading | None]:
        """The reading of now, then every later one, at most one a period; None after a long silence."""
        last = self._feed.now()
        yield last
        while True:
            try:
                reading = self._inbox.get(timeout=SILENCE_S)
            except queue.Empty:
                yield None
                continue
            if reading.number > last.number:
                last = reading
                yield reading

    def offer(self, reading: Reading) -> None:
        """Give the reading; a listener that has not taken the last two loses the older one."""
        try:
            self._inbox.put_nowait(reading)
        except queue.Full:
            with suppress(queue.Empty):  # taken just now: there is room all the same
                self._inbox.get_nowait()
            self._inbox.put_nowait(reading)

    def close(self) -> None:
        self._feed.leave(self)


class Feed:
    """The readings of this process.

    `read` reads the board, `nodes` how the phone network's machines are; `limit` is how many streams may be open at once (each
    holds a thread of the web server, and the telephones come first).
    """

    def __init__(
        self,
        read: Callable[[], Board],
        limit: int,
        period_s: float = PERIOD_S,
        nodes: Callable[[], Iterable[Node]] = tuple,
    ) -> None:
        self._read, self._nodes = read, nodes
        self._limit = limit
        self._period_s = period_s
        self._numbers = itertools.count(1)
        self._reading = Reading(0, None, {})
        self._read_at = float("-inf")  # on the monotonic clock: pacing, never deciding
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._listening = threading.Lock()
        self._reader: threading.Thread | None = None

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def now(self) -> Reading:
        """The latest reading; a new one when it is older than the period."""
        with self._lock:
            if time.monotonic() - self._read_at >= self._period_s * 0.9:
                self._reading = self._next(self._reading)
                self._read_at = time.monotonic()
            return self._reading

    def listen(self) -> Listener:
        """A place in the feed. Raises `Crowded`."""
        with self._listening:
            if len(self._listeners) >= self._limit:
                raise Crowded(f"{self._limit} boards are open already")
            listener = Listener(self)
            self._listeners.add(listener)
            if self._reader is None:
                self._reader = threading.Thread(target=self._read_on, name="board", daemon=True)
                self._reader.start()
        return listener

    def leave(self, listener: Listener) -> None:
        with self._listening:
            self._listeners.discard(listener)

    def _read_on(self) -> None:
        while True:
            try:
                reading = self.now()
            except Exception:  # a fault of ours: told with its traceback, shown as silence, tried again
                log.exception("board_reader_failed")
                reading = replace(self._reading, number=next(self._numbers), down=True)
            with self._listening:
                if not self._listeners:
                    self._reader = None
                    return
                listeners = list(self._listeners)
            for listener in listeners:
                listener.offer(reading)
            time.sleep(self._period_s)

    def _next(self, before: Reading) -> Reading:
        number = next(self._numbers)
        try:
            board = self._read()
            silent = tuple(node.name for node in self._nodes() if not node.up)
        except (RedisError, Unsure) as err:
            if not before.down:
                log.warning("board_unreadable", error=str(err))
            return replace(before, number=number, down=True)
        return Reading(number, board, settle(before.attention, board), silent)


def event_stream(feed: Feed, show: Callable[[Reading], dict[str, Any]]) -> Response:
    """The feed as server-sent events. Raises `Problem` 503 when too many are open."""
    try:
        listener = feed.listen()
    except Crowded as err:
        raise Problem(503, "crowded", f"{err}. Poll instead.", {"Retry-After": "30"}) from err
    response = Response(frames(listener, show), content_type="text/event-stream")
    response.call_on_close(listener.close)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    return response


def frames(readings: Iterable[Reading | None], show: Callable[[Reading], dict[str, Any]]) -> Iterator[str]:
    """The readings as server-sent events: `board` when what `show` gives has changed, else `beat` with its time only.

    `show` gives a JSON object whose `at_ms` is not counted as a change: the reader's own timers tick on without us.
    """
    yield "retry: 2000\n\n"
    last: dict[str, Any] = {}
    for reading in readings:
        if reading is None:
            yield ": still here\n\n"
            continue
        shown = show(reading)
        at_ms = shown.get("at_ms", 0)
        if {**shown, "at_ms": 0} == {**last, "at_ms": 0}:
            yield _frame(reading.number, "beat", {"at_ms": at_ms})
        else:
            yield _frame(reading.number, "board", shown)
            last = shown


def _frame(number: int, event: str, data: dict[str, Any]) -> str:
    return f"id: {number}\nevent: {event}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
