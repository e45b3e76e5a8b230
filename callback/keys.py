"""Every key name of the line, once, for Python and for Lua.

Law: no other file spells a key. All keys share the hash tag of their tenant, so that one script may touch any of them
on a cluster too. `lua_names()` is the same table as Lua text; the store puts it before every script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NAMES: Final[dict[str, str]] = {
    # the truth
    "entry": "entry:",  # HASH of an entry id; an ended one lives on for a day
    "agent": "agent:",  # HASH of an agent id
    "attempt": "attempt:",  # HASH of an attempt id; an ended one lives on for a day
    "events": "events",  # STREAM of everything that happened
    "seq": "seq",  # INCR: breaks ties of equal scores, first come first
    # an entry is in exactly one of these, that of its state (ended: in none)
    "waiting": "waiting:",  # ZSET of a lane (queue|skill+skill): member -> place in line
    "entries": "entries:",  # ZSET of a state: entry id -> deadline; scheduled: due time
    # an agent is in exactly one of these
    "agents": "agents:",  # ZSET of a state: agent id -> idle since (ready), deadline (reserved, on_call, wrap_up), since
    # what follows from those, kept by the same scripts so that a read need not scan
    "lanes": "lanes:",  # SET of a queue: its lanes that are not empty
    "queues": "queues",  # SET: the queues with a lane that is not empty
    "personal": "personal",  # SET: the lanes (queue|agent:id) that only one agent serves and that are not empty
    "aside": "aside",  # ZSET: member of a waiting entry that is passed over -> until
    "callers": "callers:",  # ZSET of a queue: member of a waiting live caller -> entered
    "callbacks": "callbacks:",  # ZSET of a queue: member of a waiting callback -> place in line
    "promises": "promises:",  # ZSET of a queue: callback, waiting or scheduled -> promised by
    "expiries": "expiries",  # ZSET: callback that has not ended -> expires
    "live": "live",  # ZSET: entry whose caller is on the line -> to be heard of again by
    "phones": "phones:",  # HASH of a queue: keyed hash of a number -> its one open callback
    "call": "call:",  # STRING of a call id: the entry it stands for, or talks to (handed over); empty: the call is over
    "crew": "crew:",  # SET of a queue: its agents that are signed in
    "staffed": "staffed:",  # SET of a queue: its agents that are signed in and not paused
    "everyone": "everyone",  # SET of all agent ids
    "telephones": "telephones",  # HASH of the address of an agent's telephone -> free, in_use, gone; not there: never heard
    # what is folded from the events, by callback.board
    "folded": "folded",  # STRING: id of the last event folded
    "day": "day:",  # STRING of yyyy-mm-dd:queue: the day's totals as JSON
    "bars": "bars:",  # HASH of the start of five minutes: queue:figure -> count
    # the wait estimate
    "estimate": "estimate:",  # HASH of a queue: the wait model, as numbers
    "said": "said:",  # STRING of an entry id: what was expected for it when it joined
    # the timekeepers
    "lock": "timekeeper",  # STRING: token of the one that acts; expires
    "tick": "tick",  # STRING: when the last whole tick was done
}


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one tenant: `Keys("retorno").of("entry", "e1")` is `{retorno}:entry:e1`."""

    tenant: str

    def __post_init__(self) -> None:
        if not self.tenant or set(self.tenant) & set("{}:"):
            raise ValueError(f"tenant {self.tenant!r} cannot be a hash tag; expected a name without {{ }} and :")

    @property
    def prefix(self) -> str:
        return "{" + self.tenant + "}:"

    def of(self, name: str, part: str = "") -> str:
        return self.prefix + NAMES[name] + part


def lua_names() -> str:
    """`NAMES` as the Lua table `KEY`."""
    return "local KEY = {" + ", ".join(f"{name} = '{text}'" for name, text in NAMES.items()) + "}\n"
