"""What the API answers: frozen dataclasses, from which the OpenAPI schemas are made.

Law: a field is named as the line names it; times are epoch milliseconds. A number is masked, an agent's phone never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from callback.board import AgentRow, Bar, QueueRow, Today
from callback.model import Entry, EntryState, Mode, QueueSnapshot
from dashboards.board.attention import Attention, Level, Reason, worst_first
from dashboards.live import Reading
from ivr.log import mask_number


@dataclass(frozen=True, slots=True)
class QueueJson:
    """A queue: its targets, how it stands, how its day went, and whether it needs attention."""

    queue: str
    title: dict[str, str]
    target_ms: int
    target_share: float
    short_ms: int
    now: QueueSnapshot
    today: Today
    level: Level
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class QueuesJson:
    at_ms: int
    queues: tuple[QueueJson, ...]


@dataclass(frozen=True, slots=True)
class BoardJson:
    """The whole line. `down`: it cannot be read now, and these are the last figures known."""

    at_ms: int
    day: str
    zone: str
    speed: float
    down: bool
    queues: tuple[QueueJson, ...]
    agents: tuple[AgentRow, ...]
    history: tuple[Bar, ...]


BOARD = TypeAdapter(BoardJson)


@dataclass(frozen=True, slots=True)
class AgentsJson:
    agents: tuple[AgentRow, ...]


@dataclass(frozen=True, slots=True)
class EntryJson:
    """A place in line. `number` is masked."""

    id: str
    position: int
    mode: Mode
    state: EntryState
    entered_ms: int
    number: str
    lang: str
    skills: tuple[str, ...]
    promised_ms: int


@dataclass(frozen=True, slots=True)
class EntriesJson:
    queue: str
    entries: tuple[EntryJson, ...]


@dataclass(frozen=True, slots=True)
class PauseBody:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CancelledJson:
    entry: str
    cancelled: Literal[True] = True


def as_board(reading: Reading) -> BoardJson:
    """A reading as the API gives it. The reading has a board."""
    board = reading.board
    if board is None:
        raise ValueError("this reading has no board")
    queues = tuple(_queue(row, reading.attention[row.queue]) for row in worst_first(board, reading.attention))
    return BoardJson(board.at_ms, board.day, board.zone, board.speed, reading.down, queues, board.agents, board.history)


def _queue(row: QueueRow, attention: Attention) -> QueueJson:
    return QueueJson(
        row.queue,
        row.title,
        row.target_ms,
        row.target_share,
        row.short_ms,
        row.now,
        row.today,
        attention.level,
        attention.reasons,
    )


def entry_json(position: int, entry: Entry) -> EntryJson:
    return EntryJson(
        entry.id,
        position,
        entry.mode,
        entry.state,
        entry.entered_ms,
        mask_number(entry.number) if entry.number else "",
        entry.lang,
        entry.skills,
        entry.promised_ms,
    )
