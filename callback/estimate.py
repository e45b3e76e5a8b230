"""The wait estimate in Redis: one script, one hash of numbers per queue.

Law: one round trip for each call, time is an argument, and what was learnt survives a restart. The arithmetic, its
reasons and its source stand in `callback/wait_model.py`; what was expected for an entry lies in a key of its own until it
starts, and teaches then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

import redis

from callback.keys import Keys
from callback.model import Queue
from callback.wait_model import Estimate, Kind, Wait

__all__ = ["Estimate", "Estimator"]

_LUA: Final = files("callback").joinpath("lua/estimate.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Estimator:
    """The wait estimates of all queues of one tenant. Raises what redis-py raises when Redis is away."""

    redis: redis.Redis
    tenant: str
    _script: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_script", self.redis.register_script(_LUA))

    def predict(
        self, queue: Queue, now_ms: int, ahead: int, ahead_live: int, agents: int, *, ready: int = 0
    ) -> Estimate | None:
        """For somebody with `ahead` before him in `queue`, `ahead_live` of them on the line. Changes nothing.

        `agents`: signed in and not paused; `ready`: idle ones, who make the wait nothing for the first of the line.
        None, nothing can be said: no agent, or fewer than 5 starts out of a backlog ever.
        """
        if ready > ahead:
            return Estimate(0, 0, 0, 0)
        wait = self.wait(queue, now_ms, ahead, ahead_live, agents)
        return wait.rounded() if wait else None

    def wait(self, queue: Queue, now_ms: int, ahead: int, ahead_live: int, agents: int) -> Wait | None:
        """`predict` unrounded, with the formula's own W and all five quantiles."""
        found = self._script(
            keys=[self._model(queue)],
            args=["predict", now_ms, 0, 0, agents, queue.handle_ms, 0, ahead, ahead_live, 0],
        )
        if not found:
            return None
        base_s, mean_s, *quantiles = (float(text) for text in found)
        return Wait(base_s, mean_s, tuple(quantiles))

    def observe(
        self,
        kind: Kind,
        queue: Queue,
        now_ms: int,
        waiting: int,
        live: int,
        agents: int,
        entry: str = "",
        wait_ms: int = 0,
        ahead: int = 0,
        ahead_live: int | None = None,
        credit_ms: int = 0,
    ) -> None:
        """`kind` happened, and `queue` now has `waiting` in line, `live` of them on the line, and `agents` staffed.

        join: after the match that it brought about, so `waiting` 0 says that he did not have to wait; `ahead`,
        `ahead_live` (default: the queue's share) and the `credit_ms` of his priority are his. start: he has an agent
        after `wait_ms`; without `entry` it counts and does not teach (a callback in a later attempt, whose wait is not
        the queue's doing). abandon: a live caller left unserved. agents: somebody came, went or paused. tick: anything
        else that changed who waits.
        """
        if ahead_live is None:
            ahead_live = round(ahead * min(1.0, live / waiting)) if waiting > 0 else 0
        keys = [self._model(queue), *([self._said(entry)] if entry else [])]
        self._script(
            keys=keys,
            args=[kind, now_ms, waiting, live, agents, queue.handle_ms, wait_ms, ahead, ahead_live, credit_ms],
        )

    def _model(self, queue: Queue) -> str:
        return Keys(self.tenant).of("estimate", queue.name)

    def _said(self, entry: str) -> str:
        return Keys(self.tenant).of("said", entry)
