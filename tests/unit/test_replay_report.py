"""The report of a replayed day on logs made by hand: each of its proofs catches the fault it is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from callback.fairness import Left, Stood, Taken, fairness
from callback.model import EntryState
from ivr.cli.replay.report import Said, left_before_the_line, lost, places_log, said, scoreboard, talked_twice
from ivr.events import Event, EventType


@dataclass
class Log:
    """Events as the stream has them, a second after each other unless told otherwise."""

    events: list[Event] = field(default_factory=list)
    at_ms: int = 0

    def add(self, kind: EventType, entry: str, /, after_s: float = 1, **data: Any) -> Log:
        self.at_ms += int(after_s * 1000)
        texts = {name: str(value) for name, value in data.items()}
        self.events.append(Event(kind, self.at_ms, queue="line", entry=entry, data=texts))
        return self

    def join(self, entry: str, score: float, /, after_s: float = 1, **data: Any) -> Log:
        return self.add(EventType.ENTRY_JOINED, entry, after_s, score=score, **data)

    def match(self, entry: str, /, after_s: float = 1) -> Log:
        return self.add(EventType.MATCHED, entry, after_s)

    def connect(self, entry: str, wait_s: float = 0, /, after_s: float = 0) -> Log:
        return self.add(EventType.CONNECTED, entry, after_s, wait_ms=int(wait_s * 1000))


# lost


def played(states: dict[str, EntryState], outcomes: dict[str, str] | None = None) -> Any:
    """As much of a stage as is asked: the entries that the line still knows, and how the network saw calls end."""
    calls = {call: SimpleNamespace(outcome=outcome) for call, outcome in (outcomes or {}).items()}
    entries = {name: SimpleNamespace(state=state) for name, state in states.items()}
    line = SimpleNamespace(entry=entries.get)
    return SimpleNamespace(
        parts=SimpleNamespace(line=line), network=SimpleNamespace(calls=calls), people=dict.fromkeys(calls)
    )


@pytest.mark.parametrize(
    ("ends", "state", "expected"),
    [
        pytest.param([EventType.COMPLETED], EntryState.COMPLETED, 0, id="served"),
        pytest.param([], EntryState.WAITING, 0, id="still standing"),
        pytest.param([], EntryState.SCHEDULED, 0, id="due later"),
        pytest.param([], None, 1, id="gone without an end"),
        pytest.param([], EntryState.ABANDONED, 1, id="ended without an event"),
        pytest.param([EventType.ABANDONED, EventType.COMPLETED], EntryState.COMPLETED, 1, id="ended twice"),
        pytest.param([EventType.COMPLETED] * 2, EntryState.COMPLETED, 1, id="the same end twice"),
    ],
)
def test_an_entry_is_lost_unless_it_stands_or_came_to_one_end(
    ends: list[EventType], state: EntryState | None, expected: int
) -> None:
    log = Log().join("e1", 1)
    for end in ends:
        log.add(end, "e1")
    assert lost(played({"e1": state} if state else {}), log.events) == expected


def test_a_caller_whom_the_network_gave_up_is_lost() -> None:
    assert lost(played({}, {"c1": "answered", "c2": "failed", "c3": "failed"}), []) == 2


# served twice


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([EventType.DIAL_BEGUN, EventType.DIAL_BEGUN, EventType.CONNECTED, EventType.COMPLETED], 0),
        ([EventType.DIAL_BEGUN, EventType.COMPLETED, EventType.DIAL_BEGUN], 1),
        ([EventType.COMPLETED, EventType.DIAL_BEGUN, EventType.COMPLETED, EventType.DIAL_BEGUN], 2),
    ],
)
def test_dialling_after_a_talk_is_counted(kinds: list[EventType], expected: int) -> None:
    log = Log()
    for kind in kinds:
        log.add(kind, "e1")
    log.add(EventType.DIAL_BEGUN, "e2")
    assert talked_twice(log.events) == expected


# the order


def test_who_is_taken_before_one_further_ahead_has_overtaken() -> None:
    log = Log().join("first", 100).join("second", 200).match("second").match("first")
    order = fairness(places_log(log.events))
    assert (order.overtakes, order.contending) == (1, 1)


def test_in_order_nobody_is_overtaken() -> None:
    log = Log().join("first", 100).join("second", 200).match("first").match("second")
    assert fairness(places_log(log.events)).overtakes == 0


def test_of_equal_places_the_one_who_came_first_is_first() -> None:
    right = Log().join("first", 100).join("second", 100).match("first").match("second")
    wrong = Log().join("first", 100).join("second", 100).match("second").match("first")
    assert [fairness(places_log(log.events)).overtakes for log in (right, wrong)] == [0, 1]


def test_a_credit_moves_the_place_and_is_no_overtaking() -> None:
    log = Log().join("plain", 100).join("credited", 50).match("credited").match("plain")
    assert fairness(places_log(log.events)).overtakes == 0


def test_who_is_given_back_stands_in_his_old_place() -> None:
    log = Log().join("first", 100).join("second", 200).match("first")
    log.add(EventType.ATTEMPT_ENDED, "first", next="waiting").match("second").match("first")
    assert fairness(places_log(log.events)).overtakes == 1
    kept = Log().join("first", 100).join("second", 200).match("first")
    kept.add(EventType.RETURNED, "first").match("first").match("second")
    assert fairness(places_log(kept.events)).overtakes == 0


@pytest.mark.parametrize("kind", [EventType.ABANDONED, EventType.FLOWED_OUT, EventType.CANCELLED, EventType.EXPIRED])
def test_who_has_left_cannot_be_overtaken(kind: EventType) -> None:
    log = Log().join("first", 100).join("second", 200).add(kind, "first").match("second")
    assert fairness(places_log(log.events)).overtakes == 0


def test_who_is_due_later_is_overtaken_only_once_he_is_promoted() -> None:
    log = Log().join("later", 100).join("now", 200).add(EventType.CALLBACK_CHOSEN, "later", due_ms=9_000)
    log.match("now").join("next", 300).add(EventType.PROMOTED, "later", score=100).match("next").match("later")
    assert fairness(places_log(log.events)).overtakes == 1


def test_a_scheduled_callback_does_not_stand_at_first() -> None:
    log = Log().join("later", 100, due_ms=9_000).join("now", 200).match("now")
    assert fairness(places_log(log.events)).overtakes == 0


def test_a_callback_that_keeps_its_place_in_line_goes_on_standing() -> None:
    log = Log().join("first", 100).add(EventType.CALLBACK_CHOSEN, "first", due_ms=0).join("second", 200)
    log.match("second").match("first")
    assert fairness(places_log(log.events)).overtakes == 1


def test_the_log_of_places_is_told_in_the_words_of_fairness() -> None:
    log = Log().join("e1", 100).match("e1").join("e2", 200).add(EventType.ABANDONED, "e2")
    assert places_log(log.events) == [
        Stood("e1", "line", (100.0, "0000000000000")),
        Taken("e1", frozenset({"line"})),
        Stood("e2", "line", (200.0, "0000000000002")),
        Left("e2"),
    ]


# what was said of the wait


def test_every_estimator_is_judged_on_the_same_callers_by_what_it_knew_when_they_came() -> None:
    told = {"p50_s": 30, "p80_s": 50, "p90_s": 60}
    log = Log()
    log.join("a", 1).match("a", 0).connect("a", 4)  # did not wait: teaches the others, is not judged
    log.join("b", 2, **told).match("b", 10).connect("b", 40)
    log.join("c", 3).match("c", 10).connect("c", 50)  # nothing was said to him
    log.join("d", 4, **told).add(EventType.ABANDONED, "d")
    log.join("e", 5, **told).match("e", 10).connect("e", 70)
    first, second = said(log.events)
    assert (first.waited_s, first.asterisk_s, first.constant_s) == (40, 1, 4)
    assert (second.waited_s, second.asterisk_s, second.constant_s) == (70, 20, 40)


def test_the_scoreboard_is_means_and_shares() -> None:
    rows = [Said(30, 50, 60, 10, 20, 40), Said(30, 50, 60, 100, 20, 55), Said(30, 50, 60, 0, 20, 65)]
    assert scoreboard(rows) == {
        "n": 3,
        "mae": pytest.approx(70 / 3, abs=1e-4),
        "asterisk_mae": pytest.approx(140 / 3, abs=1e-4),
        "constant_mae": pytest.approx(100 / 3, abs=1e-4),
        "p80_kept": pytest.approx(1 / 3, abs=1e-4),
        "p90_kept": pytest.approx(2 / 3, abs=1e-4),
    }


def test_nobody_told_is_no_figure() -> None:
    assert scoreboard([]) == {
        "n": 0,
        "mae": None,
        "asterisk_mae": None,
        "constant_mae": None,
        "p80_kept": None,
        "p90_kept": None,
    }


# who never stood in line


def test_callers_whom_the_flow_let_go_before_any_line_are_counted() -> None:
    def ended(**data: str) -> Event:
        return Event(EventType.CALL_ENDED, 1, data={"direction": "in", "queued": "0", "by": "us", **data})

    log = [ended(), ended(by="caller"), ended(queued="1"), ended(direction="out"), ended()]
    assert left_before_the_line(log) == 2
