"""What the line in Redis looks like: entries, attempts and agents, who waits and in what order, what falls due.

Law: nothing is changed here. Times are epoch ms and passed in; what was read may be otherwise a moment later, so whoever acts on it
acts by a script, which looks again.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from redis import Redis

from callback.keys import Keys
from callback.model import Agent, Attempt, Entry, EntryState
from callback.rows import Ahead, QueueCounts, agent_of, ahead_of, attempt_of, entry_of, pairs
from callback.scripts import Scripts, text
from ivr.events import Event

_DUE = (
    ("entries", "reserved"),
    ("entries", "dialing"),
    ("entries", "connected"),
    ("entries", "scheduled"),
    ("agents", "wrap_up"),
    ("expiries", ""),
    ("live", ""),
)
"""The indexes whose scores are deadlines."""


class Reads:
    """The reads of one tenant. `secret` keys the hash under which a number is known outside its own entry."""

    def __init__(
        self, redis: Redis, tenant: str = "retorno", secret: bytes = b"", texts: Mapping[str, str] | None = None
    ) -> None:
        self.redis = redis
        self.keys = Keys(tenant)
        self._secret = secret
        self._run = Scripts(redis, self.keys, texts).run

    def who(self, number: str) -> str:
        """The keyed hash that stands for `number` in events and in the one-callback-per-number index."""
        return hmac.new(self._secret, number.encode(), hashlib.sha256).hexdigest()[:24] if number else ""

    def next_due_ms(self) -> int | None:
        """When the next sweep has something to do; None: not before somebody acts. One round trip."""
        reads = self.redis.pipeline(transaction=False)
        for name, part in _DUE:
            reads.zrange(self.keys.of(name, part), 0, 0, withscores=True)
        heads = [head[0][1] for head in reads.execute() if head]
        return int(min(heads)) if heads else None

    def entry(self, entry: str) -> Entry | None:
        fields = self._hash("entry", entry)
        return entry_of(entry, fields) if fields else None

    def attempt(self, attempt: str) -> Attempt | None:
        fields = self._hash("attempt", attempt)
        return attempt_of(attempt, fields) if fields else None

    def agent(self, agent: str) -> Agent | None:
        fields = self._hash("agent", agent)
        return agent_of(agent, fields) if fields else None

    def _hash(self, name: str, part: str) -> dict[str, str]:
        found: Any = self.redis.hgetall(self.keys.of(name, part))
        return {text(key): text(value) for key, value in found.items()}

    def ahead(self, queue: str, now_ms: int, band: int = 1, credit_ms: int = 0, skills: str = "") -> Ahead:
        """The queue as a newcomer with this rank would find it. `skills`: a+b, sorted."""
        return ahead_of(self._run("ahead", self.keys.of("lanes", queue), now_ms, queue, band, credit_ms, skills, ""))

    def place(self, entry: Entry, now_ms: int) -> Ahead | None:
        """The queue from the place of `entry`, or, when it waits for one agent, what that agent has before it; None when it does not
        wait."""
        found = self._run("ahead", self.keys.of("lanes", entry.queue), now_ms, entry.queue, 0, 0, "", entry.id)
        return ahead_of(found) if found else None

    def queue_counts(self, queue: str) -> tuple[int, int, int]:
        """(waiting, live among them, agents staffed)."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.zcard(self.keys.of("callers", queue))
            pipe.zcard(self.keys.of("callbacks", queue))
            pipe.scard(self.keys.of("staffed", queue))
            live, callbacks, staffed = pipe.execute()
        return live + callbacks, live, staffed

    def callback_of(self, queue: str, number: str) -> str:
        """The open callback of `number` in `queue`, or empty."""
        found: Any = self.redis.hget(self.keys.of("phones", queue), self.who(number)) if number else None
        return str(text(found)) if found else ""

    def snapshot(self, queues: Sequence[str], now_ms: int) -> tuple[list[QueueCounts], list[Agent]]:
        """The counts of `queues`, in that order, and all agents, by id."""
        counts, agents = self._run("snapshot", self.keys.of("everyone"), now_ms, *queues)
        return [QueueCounts(*map(int, row)) for row in counts], [agent_of(name, pairs(flat)) for name, flat in agents]

    def waiting(self, queue: str, limit: int) -> list[Entry]:
        """Those who wait in `queue`, in order, the first `limit`."""
        lanes: Any = self.redis.smembers(self.keys.of("lanes", queue))
        with self.redis.pipeline(transaction=True) as pipe:
            for lane in sorted(map(text, lanes)):
                pipe.zrange(self.keys.of("waiting", lane), 0, limit - 1, withscores=True)
            heads = [(score, text(member)) for lane in pipe.execute() for member, score in lane]
            ids = [member.split(":", 1)[1] for _, member in sorted(heads)[:limit]]
            for name in ids:
                pipe.hgetall(self.keys.of("entry", name))
            rows = pipe.execute()
        found = [(name, {text(k): text(v) for k, v in row.items()}) for name, row in zip(ids, rows, strict=True) if row]
        return [entry_of(name, fields) for name, fields in found if fields["state"] == EntryState.WAITING]

    def entry_on(self, call: str) -> Entry | None:
        """The entry of a customer's call: one that phoned in, or that we placed for an attempt."""
        found: Any = self.redis.get(self.keys.of("call", call))
        tried = None if found else self.attempt(call.removesuffix("-c"))
        name = str(text(found)) if found else tried.entry if tried else ""
        return self.entry(name) if name else None

    def connected(self) -> list[tuple[Entry, Attempt]]:
        """Everybody who talks."""
        ids: Any = self.redis.zrange(self.keys.of("entries", EntryState.CONNECTED), 0, -1)
        entries = [entry for entry in (self.entry(text(name)) for name in ids) if entry]
        pairs = [(entry, self.attempt(entry.attempt)) for entry in entries if entry.state is EntryState.CONNECTED]
        return [(entry, attempt) for entry, attempt in pairs if attempt]

    def scheduled(self, queue: str, limit: int) -> list[Entry]:
        """The scheduled callbacks of `queue`, the next due first, the first `limit`."""
        ids: Any = self.redis.zrange(self.keys.of("entries", EntryState.SCHEDULED), 0, -1)
        found = (self.entry(text(name)) for name in ids)
        return [entry for entry in found if entry and entry.queue == queue][:limit]

    def events(self, after: str = "-", limit: int = 1_000_000) -> list[tuple[str, Event]]:
        """The events after stream id `after` with their stream ids, oldest first."""
        start = "-" if after == "-" else f"({after}"
        found: Any = self.redis.xrange(self.keys.of("events"), min=start, count=limit)
        return [(text(name), Event.from_fields({text(k): text(v) for k, v in row.items()})) for name, row in found]
