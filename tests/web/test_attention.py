"""Which queues need attention: a table of states, and how the rows keep still."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callback.board import Board, QueueRow, Today
from callback.model import QueueSnapshot
from dashboards.board.attention import CALM_MS, Level, Reason, judge, settle, worst_first

AT = 1_773_147_600_000
CALM = QueueSnapshot("q", 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, None, None)


def row(name: str = "q", today: Today | None = None, target_ms: int = 20_000, **now: int) -> QueueRow:
    return QueueRow(name, {}, target_ms, 0.8, 5_000, replace(CALM, queue=name, **now), today or Today())


def waiting(seconds: int) -> dict[str, int]:
    return {"live_waiting": 1, "oldest_live_ms": AT - seconds * 1000}


@pytest.mark.parametrize(
    ("found", "level", "reasons"),
    [
        (row(), Level.OK, ()),
        (row(agents_staffed=0), Level.OK, ()),  # nobody waits for nobody
        (row(**waiting(20)), Level.OK, ()),  # at the target is within it
        (row(**waiting(21)), Level.WARN, (Reason.OVER_TARGET,)),
        (row(**waiting(120)), Level.WARN, (Reason.OVER_TARGET,)),
        (row(**waiting(121)), Level.CRIT, (Reason.LONG_WAIT,)),
        (row(target_ms=60_000, **waiting(180)), Level.WARN, (Reason.OVER_TARGET,)),
        (row(target_ms=60_000, **waiting(181)), Level.CRIT, (Reason.LONG_WAIT,)),
        (row(agents_staffed=0, **waiting(1)), Level.CRIT, (Reason.NO_AGENT,)),
        (row(agents_staffed=0, callbacks_waiting=1), Level.CRIT, (Reason.NO_AGENT,)),
        (row(callbacks_late=1), Level.WARN, (Reason.LATE_CALLBACKS,)),
        (row(today=Today(answered=10, abandoned=9, service_level=0.1)), Level.OK, ()),  # too few to judge
        (row(today=Today(answered=10, abandoned=10, service_level=0.79)), Level.WARN, (Reason.LOW_SERVICE,)),
        (row(today=Today(answered=10, abandoned=10, service_level=0.8)), Level.OK, ()),
        (row(agents_staffed=0, callbacks_late=2, **waiting(200)), Level.CRIT, (Reason.NO_AGENT, Reason.LONG_WAIT, Reason.LATE_CALLBACKS)),
    ],
)  # fmt: skip
def test_a_queue_is_judged_by_what_its_callers_suffer(
    found: QueueRow, level: Level, reasons: tuple[Reason, ...]
) -> None:
    attention = judge(found, AT)
    assert (attention.level, attention.reasons) == (level, reasons)


def board(at_ms: int, *rows: QueueRow) -> Board:
    return Board(at_ms, "2026-03-10", "America/Sao_Paulo", 1.0, rows, (), ())


def test_worse_shows_at_once_and_better_only_after_a_while_without_trouble() -> None:
    bad, good = row(callbacks_late=1), row()
    shown = settle({}, board(AT, good))
    assert shown["q"].level is Level.OK
    shown = settle(shown, board(AT + 1_000, bad))
    assert shown["q"].level is Level.WARN
    shown = settle(shown, board(AT + 2_000, good))
    assert (shown["q"].level, shown["q"].reasons) == (Level.WARN, (Reason.LATE_CALLBACKS,))
    shown = settle(shown, board(AT + 2_000 + CALM_MS - 1, good))
    assert shown["q"].level is Level.WARN
    assert settle(shown, board(AT + 2_000 + CALM_MS, good))["q"].level is Level.OK


def test_trouble_that_comes_back_begins_the_wait_anew() -> None:
    bad, good = row(callbacks_late=1), row()
    shown = settle({}, board(AT, bad))
    shown = settle(shown, board(AT + 1_000, good))
    shown = settle(shown, board(AT + 20_000, bad))
    shown = settle(shown, board(AT + 21_000, good))
    assert settle(shown, board(AT + 1_000 + CALM_MS, good))["q"].level is Level.WARN


def test_the_worst_stand_first_and_equals_keep_the_order_of_the_file() -> None:
    found = board(AT, row("a"), row("b", callbacks_late=1), row("c", agents_staffed=0, callbacks_waiting=1), row("d"))
    assert [one.queue for one in worst_first(found, settle({}, found))] == ["c", "b", "a", "d"]
