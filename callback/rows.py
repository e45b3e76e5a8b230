"""What goes into the scripts and comes out of them: records, and the nouns read from Redis hashes.

Law: a field is named here and in the script that writes it, nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callback.model import Agent, AgentState, Attempt, Entry, EntryState, Leg, Mode, Order


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What `join` writes. `limit`: most waiting (live) or most open callbacks; `waits`: p50, p80, p90 in s, None unknown."""

    id: str
    queue: str
    mode: Mode
    call: str
    number: str
    lang: str
    skills: tuple[str, ...]
    band: int
    credit_ms: int
    limit: int
    heard_by_ms: int = 0
    due_ms: int = 0
    promised_ms: int = 0
    expires_ms: int = 0
    order: str = ""
    max_attempts: int = 0
    retry_ms: int = 0
    waits: tuple[int | None, int | None, int | None] = (None, None, None)
    refuse: str = ""  # why nobody new may join now; whoever stands here already is not refused


@dataclass(frozen=True, slots=True)
class Choice:
    """What `choose` writes: a live place becomes a callback to `number`."""

    number: str
    limit: int
    due_ms: int = 0
    promised_ms: int = 0
    expires_ms: int = 0
    order: str = ""
    max_attempts: int = 0
    retry_ms: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """What `transfer` writes: the customer on `call` waits in `queue` from now on. `last`: behind those who wait; `unknown`:
    nobody is what the agent named; `reopen`: also when the end of the agent's call was told before."""

    call: str
    queue: str
    skills: tuple[str, ...]
    heard_by_ms: int
    by: str
    last: bool = False
    unknown: bool = False
    reopen: bool = False


@dataclass(frozen=True, slots=True)
class Ahead:
    """A queue seen from one place in it. `able`: agents signed in, paused ones too, that have the skills
    asked for. `ready`: idle ones, counted no further than `ahead` + 1. `alone`: who stands there waits for one agent, and `ahead`
    counts whom that agent takes before him."""

    ahead: int
    ahead_live: int
    waiting: int
    live: int
    staffed: int
    able: int
    ready: int
    alone: bool

    @property
    def position(self) -> int:
        return self.ahead + 1


@dataclass(frozen=True, slots=True)
class Pair:
    attempt: str
    leg: Leg
    entry: str
    queue: str
    waited_ms: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did, and what it leaves: entries to be told (id, why), attempts and live entries (id, call) to look for."""

    returned: int = 0
    promoted: int = 0
    handled: int = 0
    postponed: int = 0
    tell: tuple[tuple[str, str], ...] = ()
    dialing: tuple[str, ...] = ()
    connected: tuple[str, ...] = ()
    silent: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """The raw numbers of one queue in a snapshot; 0: none."""

    live: int
    oldest_live_ms: int
    callbacks: int
    oldest_callback_ms: int
    late: int
    scheduled: int
    next_due_ms: int
    in_progress: int


def pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def twos(flat: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _list(text: str, mark: str) -> tuple[str, ...]:
    return tuple(text.split(mark)) if text else ()


def ahead_of(row: Sequence[int | str]) -> Ahead:
    ahead, live_ahead, waiting, live, staffed, able, ready, alone = map(int, row)
    return Ahead(ahead, live_ahead, waiting, live, staffed, able, ready, alone == 1)


def entry_of(name: str, row: Mapping[str, str]) -> Entry:
    return Entry(
        id=name,
        queue=row["queue"],
        mode=Mode(row["mode"]),
        state=EntryState(row["state"]),
        score=float(row["score"]),
        member=row["member"],
        entered_ms=int(row["entered_ms"]),
        number=row["number"],
        lang=row["lang"],
        skills=_list(row["skills"], "+"),
        call=row["call"],
        attempt=row["attempt"],
        agent=row["agent"],
        chosen_ms=int(row["chosen_ms"]),
        promised_ms=int(row["promised_ms"]),
        due_ms=int(row["due_ms"]),
        expires_ms=int(row["expires_ms"]),
        order=row["order"],
        max_attempts=int(row["max_attempts"]),
        retry_ms=int(row["retry_ms"]),
        tries={key[len("tries_") :]: int(value) for key, value in row.items() if key.startswith("tries_")},
        held_ms=int(row["held_ms"]),
        needs=_list(row.get("needs", "") if row["skills"].startswith("agent:") else row["skills"], "+"),
    )


def agent_of(name: str, row: Mapping[str, str]) -> Agent:
    return Agent(
        id=name,
        state=AgentState(row["state"]),
        since_ms=int(row["since_ms"]),
        name=row["name"],
        phone=row["phone"],
        lang=row["lang"],
        queues=_list(row["queues"], ","),
        skills=frozenset(_list(row["skills"], ",")),
        reason=row["reason"],
        attempt=row["attempt"],
        entry=row["entry"],
        misses=int(row["misses"]),
        after=row["after"],
    )


def attempt_of(name: str, row: Mapping[str, str]) -> Attempt:
    return Attempt(
        id=name,
        entry=row["entry"],
        agent=row["agent"],
        queue=row["queue"],
        order=Order(row["order"]),
        leg=Leg(row["leg"]),
        begun=row["begun"],
        deadline_ms=int(row["deadline_ms"]),
        agent_call=row["agent_call"],
        customer_call=row["customer_call"],
        placed=frozenset(leg for leg in Leg if row[f"{leg}_placed"] == "1"),
        connected_ms=int(row["connected_ms"]),
        met=row.get("met") == "1",
        over=row["over"],
        moved_entry=row.get("moved_entry", ""),
        moved_queue=row.get("moved_queue", ""),
        moved_unknown=row.get("moved_unknown") == "1",
    )
