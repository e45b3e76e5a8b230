"""What the API answers: frozen dataclasses, from which the OpenAPI schemas are made.

Law: a field is named as the line names it; times are epoch milliseconds. A number is masked, an agent's phone never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from callback.board import AgentRow, Bar, QueueRow, Today
from callback.model import Entry, EntryState, Mode, QueueSnapshot, Talk
from dashboards.board.attention import Attention, Level, Reason, worst_first
from dashboards.live import Reading
from ivr.log import mask_number
from ivr.ports import Listening


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


@dataclass(frozen=True, slots=True)
class TalkJson:
    """A talk that goes on. `agent` is empty when it was handed over to somebody else; `number` is masked."""

    attempt: str
    entry: str
    queue: str
    agent: str
    since_ms: int
    number: str


@dataclass(frozen=True, slots=True)
class TalksJson:
    talks: tuple[TalkJson, ...]


@dataclass(frozen=True, slots=True)
class TransferBody:
    """`to`: a queue, or `agent:` and an agent's id."""

    to: str


@dataclass(frozen=True, slots=True)
class TransferredJson:
    """Where the customer waits now, under the same id."""

    entry: str
    queue: str
    state: EntryState


@dataclass(frozen=True, slots=True)
class RecordingBody:
    """Off while a card number is read out, then on again."""

    on: bool


@dataclass(frozen=True, slots=True)
class RecordingJson:
    attempt: str
    on: bool


@dataclass(frozen=True, slots=True)
class ListenBody:
    """`phone`: the supervisor's own, which rings. In a `whisper` the agent hears him, in a `barge` both do."""

    phone: str
    mode: Listening = Listening.LISTEN


@dataclass(frozen=True, slots=True)
class ListeningJson:
    attempt: str
    mode: Listening


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


def talk_json(talk: Talk) -> TalkJson:
    number = mask_number(talk.number) if talk.number else ""
    return TalkJson(talk.attempt, talk.entry, talk.queue, talk.agent, talk.since_ms, number)


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
