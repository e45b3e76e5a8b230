"""The two tables of states: what an entry, and what an agent, may be, and where each may go from there.

Law: state is membership. Every entry and every agent is in exactly one index, that of its state; `score` says what its
score there means, `overdue` what the sweep does when that moment has passed. The scripts get `moves` as a Lua table
(`lua_moves()`) and refuse a move that is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from callback.model import AgentState, EntryState


@dataclass(frozen=True, slots=True)
class Row:
    """One state. `score` empty: in no index. `overdue` empty: nothing falls due."""

    score: str
    overdue: str
    moves: frozenset[str]
    ended: bool = False


def _to(*states: EntryState | AgentState) -> frozenset[str]:
    return frozenset(state.value for state in states)


_E = EntryState
ENTRY: Final[Mapping[EntryState, Row]] = {
    _E.WAITING: Row(
        "place in line: band * 1e13 + entered - credit; never changes while it waits",
        "a live caller not heard of in time is looked for at the provider; a callback past its expiry is told",
        # waiting -> waiting: the mode changes (a callback is chosen, a customer takes his place), the place does not
        _to(_E.WAITING, _E.RESERVED, _E.SCHEDULED, _E.ABANDONED, _E.FLOWED_OUT, _E.CANCELLED, _E.FAILED),
    ),
    _E.RESERVED: Row(
        "deadline of the lease",
        "back to the old place, the agent is ready: nothing was dialled",
        _to(_E.WAITING, _E.DIALING, _E.SCHEDULED, _E.ABANDONED, _E.CANCELLED, _E.FAILED, _E.EXPIRED),
    ),
    _E.DIALING: Row(
        "deadline of the leg that rings",
        "reconciled with the provider; never dialled again blindly",
        # dialing -> dialing: the next leg rings
        _to(
            _E.DIALING,
            _E.WAITING,
            _E.CONNECTED,
            _E.SCHEDULED,
            _E.ABANDONED,
            _E.CANCELLED,
            _E.FAILED,
            _E.EXPIRED,
        ),
    ),
    _E.CONNECTED: Row(
        "when the talk is to be looked at",
        "reconciled with the provider: still up, or completed",
        # connected -> connected: the agent hands the talk over to another; -> waiting: he sends the customer on
        _to(_E.CONNECTED, _E.COMPLETED, _E.WAITING, _E.SCHEDULED, _E.FAILED, _E.ABANDONED),
    ),
    _E.SCHEDULED: Row(
        "due time",
        "waits in line",
        _to(_E.WAITING, _E.SCHEDULED, _E.CANCELLED, _E.RESERVED),
    ),
    # The end of the agent's call may be told before the word that he sent the customer on, or handed him over (`reopen`).
    _E.COMPLETED: Row("", "", _to(_E.WAITING, _E.CONNECTED), ended=True),
    _E.ABANDONED: Row("", "", frozenset(), ended=True),
    _E.FLOWED_OUT: Row("", "", frozenset(), ended=True),
    _E.CANCELLED: Row("", "", frozenset(), ended=True),
    _E.FAILED: Row("", "", frozenset(), ended=True),
    _E.EXPIRED: Row("", "", frozenset(), ended=True),
}

_A = AgentState
AGENT: Final[Mapping[AgentState, Row]] = {
    _A.OFFLINE: Row("since", "", _to(_A.READY, _A.PAUSED)),
    # -> on call from any state but offline: a colleague hands him a talk over
    _A.READY: Row(
        "idle since: the longest idle is served first", "", _to(_A.OFFLINE, _A.PAUSED, _A.RESERVED, _A.ON_CALL)
    ),
    _A.RESERVED: Row("deadline, that of the entry", "with the entry", _to(_A.READY, _A.ON_CALL, _A.PAUSED, _A.OFFLINE)),
    _A.ON_CALL: Row(
        "when the talk is to be looked at, that of the entry",
        "with the entry",
        _to(_A.WRAP_UP, _A.READY, _A.PAUSED, _A.OFFLINE),
    ),
    _A.WRAP_UP: Row(
        "deadline",
        "ready, or what was asked for during the call",
        _to(_A.READY, _A.PAUSED, _A.OFFLINE, _A.ON_CALL),
    ),
    _A.PAUSED: Row("since", "", _to(_A.READY, _A.OFFLINE, _A.PAUSED, _A.ON_CALL)),
}


def lua_moves() -> str:
    """Both tables as the Lua table `MOVES`: `MOVES.entry.waiting.reserved` is true, and so is `MOVES.ended.completed`."""

    def rows(table: Mapping[EntryState, Row] | Mapping[AgentState, Row]) -> str:
        return ", ".join(
            f"{state.value} = {{" + ", ".join(f"{to} = true" for to in sorted(row.moves)) + "}"
            for state, row in table.items()
        )

    ended = ", ".join(f"{state.value} = true" for state, row in ENTRY.items() if row.ended)
    return f"local MOVES = {{entry = {{{rows(ENTRY)}}}, agent = {{{rows(AGENT)}}}, ended = {{{ended}}}}}\n"
