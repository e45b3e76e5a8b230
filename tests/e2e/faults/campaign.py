"""One fault run: people phone, the nemesis strikes, it stops, the line drains, the judge reads.

Law: nothing is asserted of the wall clock. The run waits for facts, with a deadline that only a standstill reaches.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from callback.keys import Keys
from callback.model import EntryState
from faults.installation import Installation
from faults.judge import Record, Told, Violation, judge
from faults.nemesis import Nemesis, mumble
from faults.people import Floor, Street, Town, crew_of, crowd
from ivr.app import Parts, build
from ivr.cli.simulate import run as run_network
from ivr.events import EventType
from ivr.ports import CallState
from ivr.providers.simulator.link import Pooled, Webhooks, control, serve
from ivr.providers.simulator.network import Faults, Network

SPEED = 20.0
NETWORK = Faults(double=0.08, double_ms=20_000, late=0.08, late_ms=6_000, lost=0.1, unheard=0.02)
POINTS: Mapping[str, Mapping[str, float]] = {
    "worker": {"begun": 0.01, "originated": 0.01, "frozen": 0.003, "rung_twice": 0.05, "not_rung": 0.02},
    "web": {"answered": 0.003, "saved": 0.001, "matched": 0.005, "rung_twice": 0.05, "not_rung": 0.02},
    "timekeeper": {"swept": 0.1, "matched": 0.01, "rung_twice": 0.05, "not_rung": 0.02},
}
IDLE = ("ready", "paused", "offline")


class Counted(Pooled):
    """The network's messengers; how many are on their way."""

    under_way = 0

    def __call__(self, path: str, body: dict[str, Any], then: Callable[[dict[str, Any] | None], None]) -> None:
        def back(answer: dict[str, Any] | None) -> None:
            with self.lock:
                self.under_way -= 1
            then(answer)

        with self.lock:
            self.under_way += 1
        super().__call__(path, body, back)

    lock = threading.Lock()


@dataclass(frozen=True)
class Result:
    """What a run came to. `figures` is for the report; `history`: where it is kept, empty when all was well."""

    violations: list[Violation]
    figures: dict[str, Any]
    history: Path | None

    def kinds(self) -> Counter[str]:
        return Counter(one.kind for one in self.violations)

    def told(self) -> str:
        first = "\n".join(f"  {one.kind}: {one.what}" for one in self.violations[:20])
        return f"{dict(self.kinds())}\n{first}\nhistory: {self.history}\n{json.dumps(self.figures, indent=1)}"


@dataclass
class Campaign:
    """`callers` people, one every `every_ms`; the nemesis strikes every `strike_s` seconds of the wall clock, 0: never.
    After the day, what does not come to its end within `patience_s` never will."""

    seed: int
    callers: int
    agents: int
    every_ms: int = 700
    strike_s: float = 0.5
    patience_s: float = 180.0
    planted: str = ""
    faults: Faults = NETWORK
    town: Town = field(default_factory=Town)
    points: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: POINTS)

    def run(self) -> Result:
        begun = time.monotonic()
        with ExitStack() as stack:
            house = stack.enter_context(Installation(self.seed, SPEED, self.points, self.planted))
            _until(house.answers, "Redis answers", house)
            parts = build(house.settings)
            webhooks = Webhooks(house.settings.public_url, house.settings.key("webhooks"), timeout_s=1.5)
            pool = Counted(webhooks)
            stack.callback(pool.close)
            network = Network(parts.clock, pool, seed=self.seed, faults=self.faults)
            network.again_ms, network.tries = (
                20_000,
                8,
            )  # a web server that is started again takes its time on this clock
            app = control(network, house.settings.key("webhooks"))
            mumbled = mumble(app, self.seed, 0.03)
            server = serve(app, "127.0.0.1", house.network_port)
            stack.callback(server.shutdown)
            floor = Floor(parts.line, network, parts.clock, self.seed, self.agents)
            floor.seat()
            street = Street(network, crowd(self.seed, self.callers, self.every_ms, self.town), lambda: pool.under_way)
            nemesis = Nemesis(house, self.seed, self.strike_s)
            ended = threading.Event()
            acts = [
                lambda: run_network(network, ended),
                floor.walk,
                street.fill,
                *([nemesis.strike] if self.strike_s else []),
            ]
            threads = [threading.Thread(target=act) for act in acts]
            for thread in threads:
                thread.start()
            try:
                while not street.all_came and threads[2].is_alive():
                    time.sleep(0.1)  # the day goes on
                day_s = time.monotonic() - begun
                nemesis.stop.set()
                floor.quiet = True
                left = self._drain(parts, network)
            finally:
                for stop in (nemesis.stop, floor.stop, street.stop, ended):
                    stop.set()
                for thread in threads:
                    thread.join(30)
            record = _record(parts, network, self.agents, left)
            violations, told = judge(record)
            figures = {
                "callers": self.callers,
                "calls": len(street.arrivals),
                "seconds": round(time.monotonic() - begun, 1),
                "day seconds": round(day_s, 1),
                "webhooks": webhooks.sent,
                "nemesis": dict(nemesis.counts()),
                "deaths": dict(house.deaths),
                "worst points": dict(house.worst()),
                "mumbled": dict(mumbled),
                **_figures(record, told, network),
            }
            keep = bool(violations) or "FAULTS_KEEP" in os.environ
            history = self._keep(record, violations, figures, nemesis, house) if keep else None
        return Result(violations, figures, history)

    def _drain(self, parts: Parts, network: Network) -> list[str]:
        """Wait until nobody is on the phone, in line, due or in an attempt. What there still is, if that never comes."""
        end, left = time.monotonic() + self.patience_s, ["nothing was looked at"]
        while left and time.monotonic() < end:
            time.sleep(0.2)  # between two looks
            try:
                left = _left(parts, network)
            except RedisError as error:
                left = [f"Redis is away: {error}"]
        return left

    def _keep(
        self, record: Record, found: list[Violation], figures: dict[str, Any], nemesis: Nemesis, house: Installation
    ) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="retorno-faults-"))
        path = folder / f"seed-{self.seed}.json"
        history = {
            "seed": self.seed,
            "planted": self.planted,
            "violations": [[one.kind, one.what] for one in found],
            "figures": figures,
            "nemesis": nemesis.done,
            "diary": house.diary,
            "base": int(house.env["RETORNO_CLOCK"].split(":")[1]),
            "events": [event.as_fields() for event in record.events],
            "born": {name: dict(row) for name, row in record.born.items()},
            "dials": record.dials,
            "doubled": record.doubled,
            "talks": record.talks,
            "outcomes": dict(record.outcomes),
        }
        path.write_text(json.dumps(history))
        (folder / "said.txt").write_text(house.said())
        return path


def _until(fact: Any, what: str, house: Installation) -> None:
    end = time.monotonic() + 60
    while not fact():
        if time.monotonic() > end:
            raise AssertionError(f"still not: {what}\n{house.said()}")
        time.sleep(0.02)  # between two looks


def _left(parts: Parts, network: Network) -> list[str]:
    keys, redis = Keys(parts.settings.tenant), parts.redis
    with network.lock:
        left = [
            f"call {call.id} is {call.state}: {call.do.get('do')}, turn {call.turn}, room {call.room!r}"
            for call in network.calls.values()
            if call.state is not CallState.ENDED
        ]
    for queue in parts.line.queues():
        left += [f"{entry.id} waits in {queue}" for entry in parts.line.waiting(queue, 100)]
    for state in (EntryState.RESERVED, EntryState.DIALING, EntryState.CONNECTED, EntryState.SCHEDULED):
        left += [f"{entry} is {state}" for entry in redis.zrange(keys.of("entries", state), 0, 100)]
    return left + [f"{agent.id} is {agent.state}" for agent in parts.line.agents() if agent.state not in IDLE]


def _record(parts: Parts, network: Network, agents: int, left: list[str]) -> Record:
    keys = Keys(parts.settings.tenant)
    events = [event for _, event in parts.line.store.events()]
    joined = [event.entry for event in events if event.type is EventType.ENTRY_JOINED]
    rows = parts.redis.pipeline(transaction=False)
    for entry in joined:
        rows.hgetall(keys.of("entry", entry))
    return Record(
        events,
        dict(zip(joined, rows.execute(), strict=True)),
        parts.line.queues(),
        crew_of(agents),
        network.dials,
        network.doubled,
        network.talks,
        network.moved,
        {call.id: call.outcome or "" for call in network.calls.values()},
        left,
        slowest_ms=int(SPEED * 30_000),
    )


def _figures(record: Record, told: Told, network: Network) -> dict[str, Any]:
    kinds = Counter(event.type.value for event in record.events)
    names = (
        "entry_joined",
        "callback_chosen",
        "place_taken",
        "matched",
        "dial_begun",
        "connected",
        "returned",
        "completed",
    )
    ends = ("abandoned", "flowed_out", "cancelled", "failed", "expired")
    recovered = sorted(told.recovered_ms)
    return {
        **{name: kinds[name] for name in (*names, *ends)},
        "rung": len(record.dials),
        "talks": len(record.talks),
        "events": len(record.events),
        "hung up on the way": len(told.on_the_way),
        "leases run out": len(recovered),
        "found after ms": {"median": recovered[len(recovered) // 2], "most": recovered[-1]} if recovered else {},
    }
