"""The timekeeper: looks once a second of clock time for what is overdue, and sees to it.

Law: several may run, one acts. The lock spares work and nothing more: every act is a script that compares before it moves, so
two that act at once do no harm. A part that fails is told with its traceback and does not keep the others from their turn; the
tick counts as done (`last_tick_ms`) only when all of it went well. Redis being away is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import redis
import structlog
from redis.exceptions import LockError
from redis.lock import Lock

from callback.keys import Keys
from ivr.clock import Clock, real_seconds

log = structlog.get_logger()

TICK_MS = 1_000  # of clock time
LOCK_SECONDS = 5.0  # of wall time: how long after kill -9 of the one that acts another one takes over
AWAY_SECONDS = 0.5

Acts = Mapping[str, Callable[[], object]]


def run(client: redis.Redis, tenant: str, clock: Clock, acts: Acts, stop: threading.Event) -> None:
    """Tick until `stop` is set, then give the lock back. `acts` are done in order, each tick."""
    keys = Keys(tenant)
    lock = Lock(client, keys.of("lock"), timeout=LOCK_SECONDS, thread_local=False)
    period = real_seconds(clock, TICK_MS)
    leading = away = False
    while not stop.is_set():
        begun = time.monotonic()
        try:
            acts_now = _lead(lock)
            if acts_now != leading:
                log.info("timekeeper_acts" if acts_now else "timekeeper_stands_by")
            if away:
                log.info("redis_is_back")
            leading, away = acts_now, False
            if leading and tick(acts):
                client.set(keys.of("tick"), clock.now_ms())
        except redis.RedisError as err:  # also one that has just restarted, twice, and has lost the lock's script again
            if not away:
                log.warning("redis_is_away", why=str(err))
            away = True
        wait = AWAY_SECONDS if away else period if leading else LOCK_SECONDS / 5
        stop.wait(max(0.0, wait - (time.monotonic() - begun)))
    _let_go(lock)


def tick(acts: Acts) -> bool:
    """Do each act once. False when one of them failed (told, with its traceback). Raises only redis connection errors."""
    whole = True
    for name, act in acts.items():
        try:
            act()
        except (redis.ConnectionError, redis.TimeoutError):
            raise
        except Exception:
            log.exception("tick_failed", act=name)
            whole = False
    return whole


def last_tick_ms(client: redis.Redis, tenant: str) -> int | None:
    """When the last whole tick was done, in clock time; None when never. Read by `/readyz` and `retorno doctor`."""
    told = client.get(Keys(tenant).of("tick"))
    return int(told) if told else None


def _lead(lock: Lock) -> bool:
    """Keep the lock if it is ours, else try to get it."""
    try:
        return bool(lock.reacquire())
    except LockError:
        return bool(lock.acquire(blocking=False))


def _let_go(lock: Lock) -> None:
    """So that another may act at once, not only when the lock expires. Not ours, or no Redis: nothing to give back."""
    try:
        lock.release()
    except (LockError, redis.ConnectionError, redis.TimeoutError) as err:
        log.debug("lock_not_given_back", why=str(err))
