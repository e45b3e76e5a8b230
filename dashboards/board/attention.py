"""Which queues need attention, why, and in what order they stand on the board.

Law: pure. A queue becomes worse at once and better only after `CALM_MS` without the trouble, so that rows do not dance;
queues of one level keep the order of the queues file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from callback.board import Board, QueueRow

CALM_MS = 30_000
LONG_WAIT_MS = 120_000  # nobody should wait longer, whatever the target; sip.io's wallboard turns red here too
LONG_WAIT_TARGETS = 3
JUDGED_MIN = 20  # a service level of fewer calls says more of chance than of the queue


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    CRIT = "crit"


class Reason(StrEnum):
    NO_AGENT = "no_agent"
    LONG_WAIT = "long_wait"
    OVER_TARGET = "over_target"
    LOW_SERVICE = "low_service"
    LATE_CALLBACKS = "late_callbacks"


RANK = {Level.CRIT: 0, Level.WARN: 1, Level.OK: 2}


@dataclass(frozen=True, slots=True)
class Attention:
    """What a queue is in need of. `calm_ms`: since when it would be better than `level` says, 0 while it is not."""

    level: Level = Level.OK
    reasons: tuple[Reason, ...] = ()
    calm_ms: int = 0


def judge(row: QueueRow, at_ms: int) -> Attention:
    """The queue as it stands at `at_ms`, without memory."""
    crit: list[Reason] = []
    warn: list[Reason] = []
    now = row.now
    waited = at_ms - now.oldest_live_ms if now.oldest_live_ms else 0
    if now.live_waiting + now.callbacks_waiting and not now.agents_staffed:
        crit.append(Reason.NO_AGENT)
    if waited > max(LONG_WAIT_MS, LONG_WAIT_TARGETS * row.target_ms):
        crit.append(Reason.LONG_WAIT)
    elif waited > row.target_ms:
        warn.append(Reason.OVER_TARGET)
    today = row.today
    judged = today.answered + today.abandoned
    if today.service_level is not None and judged >= JUDGED_MIN and today.service_level < row.target_share:
        warn.append(Reason.LOW_SERVICE)
    if now.callbacks_late:
        warn.append(Reason.LATE_CALLBACKS)
    level = Level.CRIT if crit else Level.WARN if warn else Level.OK
    return Attention(level, tuple(crit + warn))


def settle(before: Mapping[str, Attention], board: Board) -> dict[str, Attention]:
    """What each queue shows now, given what it showed `before`."""
    return {row.queue: _settled(before.get(row.queue), judge(row, board.at_ms), board.at_ms) for row in board.queues}


def _settled(before: Attention | None, now: Attention, at_ms: int) -> Attention:
    if before is None or RANK[now.level] <= RANK[before.level]:
        return now
    calm_ms = before.calm_ms or at_ms
    if at_ms - calm_ms >= CALM_MS:
        return now
    return Attention(before.level, before.reasons, calm_ms)


def worst_first(board: Board, attention: Mapping[str, Attention]) -> tuple[QueueRow, ...]:
    """The rows in the order of the board."""
    return tuple(sorted(board.queues, key=lambda row: RANK[attention[row.queue].level]))
