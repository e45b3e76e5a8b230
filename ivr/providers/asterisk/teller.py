"""Telling what has happened on a node, in order, until it is known.

Law: what a node says is said once, so it is kept here until Redis has it: an absence of Redis, or one that has no room, delays it
and loses nothing. Who tells never waits. What fails for another reason, an error in a script of ours too, is our defect: it is
logged, and the next is told.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog
from redis.exceptions import RedisError, ResponseError

log = structlog.get_logger()

AWAY_S = 0.2
GOODBYE_S = 5.0


class Teller:
    """A thread that does what it is given, one after the other. `name` is for the log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: deque[Callable[[], object]] = deque()
        self._arrived = threading.Condition()
        self._stopping = False
        self._give_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tell-{name}", daemon=True)
        self._thread.start()

    def tell(self, act: Callable[[], object]) -> None:
        """Have `act` done after all that was given before. It may be done twice, when Redis goes away in the midst of it."""
        with self._arrived:
            self._waiting.append(act)
            self._arrived.notify()

    @property
    def waiting(self) -> int:
        """How many things are not told yet."""
        return len(self._waiting)

    def stop(self, patience_s: float = GOODBYE_S) -> None:
        """Tell what is left, if that can be done in time, and end."""
        with self._arrived:
            self._stopping = True
            self._arrived.notify()
        self._thread.join(patience_s)
        self._give_up.set()
        self._thread.join(patience_s)
        if self._waiting:
            log.error("not_told", of=self._name, things=len(self._waiting))

    def _run(self) -> None:
        while True:
            with self._arrived:
                while not self._waiting and not self._stopping:
                    self._arrived.wait()
                if not self._waiting:
                    return
                act = self._waiting[0]
            if not self._done(act):
                return
            self._waiting.popleft()

    def _done(self, act: Callable[[], object]) -> bool:
        """Do it, however long Redis is away. False: given up, because we stop."""
        away_since = 0.0
        while not self._give_up.is_set():
            try:
                act()
            except RedisError as err:
                if _ours(err):
                    log.exception("telling_failed", of=self._name)
                    return True
                if not away_since:
                    away_since = time.monotonic()
                    log.warning("telling_waits_for_redis", of=self._name, why=type(err).__name__)
                self._give_up.wait(AWAY_S)
                continue
            except Exception:
                log.exception("telling_failed", of=self._name)
            if away_since:
                log.info("telling_goes_on", of=self._name, away_s=round(time.monotonic() - away_since, 1))
            return True
        return False


def _ours(err: RedisError) -> bool:
    """Whether it is of no use to try again. A Redis that has no memory, no disk or no time has refusals of its own (`MISCONF`,
    `BUSY`, and those that are classes of the client); any other is of what we have asked, as a script's `error`."""
    return type(err) is ResponseError and not str(err).startswith(("MISCONF", "BUSY"))
