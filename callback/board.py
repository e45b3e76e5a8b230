"""The board: how the line stands now, joined with what has happened today.

Law: what stands now is read from the line's own indexes; what has happened is folded from the event stream, each event
once: the figures and the cursor are written in one MULTI, and a projector that finds the cursor moved writes nothing.
Holds no phone number.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from redis import Redis
from redis.exceptions import WatchError

from callback import keys
from callback.metrics import value
from callback.model import Agent, AgentState, Queue, QueueSnapshot, Snapshot
from callback.totals import Totals, day_ms, fold
from ivr.clock import Clock, speed_of
from ivr.events import Event, EventType

BATCH = 1_000  # events folded in one transaction
KEEP_TOTALS_S = 62 * 86_400
BAR_MS = 300_000
BARS = 24  # two hours
KEEP_BARS_S = 3 * 3_600
BAR_FIGURES: dict[EventType, tuple[str, int]] = {
    EventType.ENTRY_JOINED: ("arrivals", 1),
    EventType.TRANSFERRED: ("arrivals", 1),
    EventType.CONNECTED: ("answered", 1),
    EventType.RETURNED: ("answered", -1),
    EventType.ABANDONED: ("abandoned", 1),
}


class LineReads(Protocol):
    """What the board needs of `callback.service.Line`."""

    @property
    def clock(self) -> Clock: ...

    def queues(self) -> Mapping[str, Queue]: ...

    def snapshot(self) -> Snapshot: ...


@dataclass(frozen=True, slots=True)
class Today:
    """A queue's business day so far; each field is the metric of that name. Shares are 0 to 1, None when there is nothing to
    divide by."""

    offered: int = 0  # entered the queue
    answered: int = 0  # live callers who reached an agent
    abandoned: int = 0  # short abandons are not in it
    short: int = 0
    callback_accepted: int = 0
    callback_connected: int = 0
    service_level: float | None = None
    abandonment: float | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue: its name in every language, its targets, how it stands and how its day went."""

    queue: str
    title: dict[str, str]
    target_ms: int
    target_share: float
    short_ms: int
    now: QueueSnapshot
    today: Today


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent as others may see him: no phone. `reason` of a pause: what he said himself (lunch), or what the line says:
    no_answer, phone (it could not be rung), phone_in_use, phone_gone."""

    id: str
    name: str
    state: AgentState
    since_ms: int
    reason: str
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """Five minutes of the whole line, from `start_ms`."""

    start_ms: int
    arrivals: int = 0
    answered: int = 0  # by an agent: live callers and callbacks
    abandoned: int = 0


@dataclass(frozen=True, slots=True)
class Board:
    """The whole line at `at_ms` of a clock that runs `speed` times as fast as the wall's (10 in the demo)."""

    at_ms: int
    day: str
    zone: str
    speed: float
    queues: tuple[QueueRow, ...]
    agents: tuple[AgentRow, ...]
    history: tuple[Bar, ...]


def day_of(at_ms: int, zone: tzinfo) -> str:
    """The business day of a moment, as yyyy-mm-dd."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).date().isoformat()


def project(redis: Redis, tenant: str, zone: tzinfo, batch: int = BATCH) -> int:
    """Fold the events that nobody has folded yet, at most `batch`. Returns how many; 0 also when another projector was
    quicker: it has done this very work. Call again while it returns `batch`."""
    names = keys.Keys(tenant)
    pipe: Any  # redis-py types the replies for two clients at once; ours decodes
    with redis.pipeline() as pipe:
        pipe.watch(names.of("folded"))
        cursor = pipe.get(names.of("folded")) or "0-0"
        rows = pipe.xrange(names.of("events"), min=f"({cursor}", count=batch)
        if not rows:
            return 0
        totals, bars = _fold(pipe, names, zone, [Event.from_fields(fields) for _, fields in rows])
        pipe.multi()
        for key, one in totals.items():
            pipe.set(key, json.dumps(one.as_json()), ex=KEEP_TOTALS_S)
        for key, counts in bars.items():
            for figure, n in counts.items():
                pipe.hincrby(key, figure, n)
            pipe.expire(key, KEEP_BARS_S)
        pipe.set(names.of("folded"), rows[-1][0])
        try:
            pipe.execute()
        except WatchError:
            return 0
    return len(rows)


def _fold(
    pipe: Any, names: keys.Keys, zone: tzinfo, events: list[Event]
) -> tuple[dict[str, Totals], dict[str, Counter[str]]]:
    """The totals and the bars that these events change: totals as they become, bars as what is to be added."""
    totals: dict[str, Totals] = {}
    bars: dict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        key = names.of("day", f"{day_of(day_ms(event), zone)}:{event.queue}")
        if key not in totals:
            totals[key] = _totals(pipe.get(key))
        totals[key] = fold(totals[key], event)
        if figure := BAR_FIGURES.get(event.type):
            bars[names.of("bars", str(event.at_ms - event.at_ms % BAR_MS))][f"{event.queue}:{figure[0]}"] += figure[1]
    return totals, bars


def totals_of(redis: Redis, tenant: str, day: str, queues: Sequence[str]) -> dict[str, Totals]:
    """Each queue's totals of a business day, as far as they are folded."""
    if not queues:
        return {}
    names = keys.Keys(tenant)
    texts: Any = redis.mget([names.of("day", f"{day}:{queue}") for queue in queues])
    return {queue: _totals(text) for queue, text in zip(queues, texts, strict=True)}


def _totals(text: str | None) -> Totals:
    return Totals.from_json(json.loads(text)) if text else Totals()


def read(line: LineReads, redis: Redis, tenant: str, zone: str) -> Board:
    """The board now. `zone` is the time zone of the business day. Raises redis errors."""
    snapshot = line.snapshot()
    day = day_of(snapshot.at_ms, ZoneInfo(zone))
    queues = line.queues()
    totals = totals_of(redis, tenant, day, list(queues))
    standing = {queue.queue: queue for queue in snapshot.queues}
    rows = tuple(
        QueueRow(
            name, queue.title, queue.target_ms, queue.target_share, queue.short_ms, standing[name], today(totals[name])
        )
        for name, queue in queues.items()
        if name in standing
    )
    history = history_of(redis, tenant, snapshot.at_ms)
    return Board(snapshot.at_ms, day, zone, speed_of(line.clock), rows, agent_rows(snapshot.agents), history)


def today(totals: Totals) -> Today:
    """The figures of a day that the board shows, by the names and definitions of `callback.metrics`."""
    figures: dict[str, Any] = {figure.name: value(totals, figure.name) for figure in fields(Today)}
    return Today(**figures)


def agent_rows(agents: Sequence[Agent]) -> tuple[AgentRow, ...]:
    """The agents as others may see them."""
    return tuple(AgentRow(a.id, a.name, a.state, a.since_ms, a.reason, a.queues) for a in agents)


def history_of(redis: Redis, tenant: str, at_ms: int) -> tuple[Bar, ...]:
    """The last `BARS` bars of the whole line, the oldest first; the last one is not over yet."""
    names = keys.Keys(tenant)
    last = at_ms - at_ms % BAR_MS
    starts = [last - n * BAR_MS for n in reversed(range(BARS))]
    with redis.pipeline(transaction=False) as pipe:
        for start in starts:
            pipe.hgetall(names.of("bars", str(start)))
        found = pipe.execute()
    return tuple(_bar(start, counts) for start, counts in zip(starts, found, strict=True))


def _bar(start_ms: int, counts: Mapping[str, str]) -> Bar:
    sums: Counter[str] = Counter()
    for field, n in counts.items():
        sums[field.rpartition(":")[2]] += int(n)
    return Bar(start_ms, sums["arrivals"], sums["answered"], sums["abandoned"])
