"""The scripts of the line with 50,000 waiting, against the bare commands of Redis that they cannot do without.

One client, the line's own `Store`, a real Redis, once with `appendfsync always` and once with `everysec`. An act of the line is
one script: guards, indexes, the entry's hash and the event in the stream. Beside it stands the cheapest thing that Redis itself
could do, by the same client on the same server, on a bare sorted set of the same 50,000: ZADD for a join or a requeue, ZRANK
for a position, ZPOPMIN for a match. The two alternate, act by act.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from _measure import House, house, quantile, setting, table

from callback.model import Agent, AgentState, EntryState, Leg, Mode, Queue
from callback.policy import Next
from callback.rows import NewEntry
from callback.store import Store
from ivr import redis_server
from ivr.inputs import Outcome

NOW = 1_773_147_600_000
QUEUES = {"line": Queue("line")}
OLD_PLACE = Next(EntryState.WAITING, 0, keep_place=True)
BARE = "bare"
T = TypeVar("T")


class Acts:
    """Each act of the line on its own, timed beside its bare command. `times`: act -> milliseconds."""

    def __init__(self, home: House, waiting: int) -> None:
        self.redis = redis_server.connect(home.env["REDIS_URL"])
        self.redis.flushall()
        self.store = Store(self.redis, "bench", b"key")
        self.entries: list[str] = []
        self.now = NOW
        self.times: dict[str, list[float]] = {}
        while len(self.entries) < waiting:
            self._join()
            self.redis.zadd(BARE, {self.entries[-1]: self.now})
        self.store.add_agent(Agent("ana", AgentState.OFFLINE, 0, "Ana", "sim:ana", "", ("line",)), self.now)

    def _join(self) -> None:
        self.now += 1
        name = f"e{len(self.entries)}"
        new = NewEntry(name, "line", Mode.LIVE, f"c{name}", "", "pt-BR", (), 1, 0, 10**9, self.now + 60_000)
        code, _ = self.store.join(new, self.now)
        assert code == "joined", code
        self.entries.append(name)

    def timed(self, name: str, act: Callable[..., T], *given: object) -> T:
        begun = time.perf_counter()
        found = act(*given)
        self.times.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
        return found

    def joins(self, times: int) -> None:
        for _ in range(times):
            self.timed("join", self._join)
            self.timed("ZADD", self.redis.zadd, BARE, {self.entries[-1]: self.now})

    def positions(self, times: int, chance: random.Random) -> None:
        """Of callers anywhere in the line. The entry is read first, as every question for a place does."""
        for _ in range(times):
            at = chance.randrange(len(self.entries))
            assert self.timed("position", self._position, self.entries[at]) == at + 1
            assert self.timed("ZRANK", self.redis.zrank, BARE, self.entries[at]) == at

    def _position(self, name: str) -> int:
        entry = self.store.entry(name)
        seen = self.store.place(entry, self.now) if entry else None
        return seen.position if seen else 0

    def rounds(self, times: int) -> None:
        """An agent is free, gets the head of the line, his phone cannot be rung, the head has its old place again."""
        self.store.agent_asks("ana", "sign_in", "", self.now)
        self.store.agent_asks("ana", "ready", "", self.now)
        for n in range(times):
            (pair,) = self.timed("match", self.store.match, f"t{n}", 1, QUEUES, self.now)
            assert pair.entry == self.entries[0], "the oldest is taken, every time: a requeue gives the place back"
            self.timed("begin", self.store.begin, pair.attempt, Leg.AGENT, QUEUES, self.now)
            given = (pair.attempt, Leg.AGENT, Outcome.CANCELED, OLD_PLACE, False, QUEUES, self.now)
            self.timed("requeue", self.store.leg_ended, *given)
            popped: Any = self.timed("ZPOPMIN", self.redis.zpopmin, BARE)
            self.timed("ZADD back", self.redis.zadd, BARE, dict(popped))


BESIDE = {"join": "ZADD", "position": "ZRANK", "match": "ZPOPMIN", "begin": "ZADD", "requeue": "ZADD back"}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--waiting", type=int, default=50_000)
    words.add_argument("--n", type=int, default=3_000, help="acts of each kind")
    said = words.parse_args()
    for fsync in ("always", "everysec"):
        with house(fsync=fsync) as home:
            acts = Acts(home, said.waiting)
            acts.joins(said.n)
            acts.positions(said.n, random.Random(1))
            acts.rounds(said.n)
            if fsync == "always":
                print(setting(home.env["REDIS_URL"]))
            print(f"\n{said.waiting:,} waiting, appendfsync {fsync}, {said.n:,} acts of each kind, one client")
            print(table(("act", "ops/s", "p50 ms", "p99 ms", "beside", "ops/s ", "p99 ms ", "times"), rows(acts.times)))
            whole = sum(map(sum, (acts.times[act] for act in BESIDE))) / sum(
                sum(acts.times[bare]) for bare in BESIDE.values()
            )
            print(f"ratio: all acts of the line / bare commands = {whole:.2f} times as long (appendfsync {fsync})")


def rows(times: dict[str, list[float]]) -> list[list[object]]:
    found: list[list[object]] = []
    for act, bare in BESIDE.items():
        own, beside = times[act], times[bare]
        slower = (sum(own) / len(own)) / (sum(beside) / len(beside))
        mine = (act, 1000 * len(own) / sum(own), quantile(own, 0.5), quantile(own, 0.99))
        found.append([*mine, bare, 1000 * len(beside) / sum(beside), quantile(beside, 0.99), slower])
    return found


if __name__ == "__main__":
    main()
