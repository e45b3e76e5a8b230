"""The figures: a worked example by hand, the law of conservation, and the words of every row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.metrics import METRICS, Totals, Waits, day_ms, fold, ledger, value
from ivr.events import Event, EventType

QUEUE = "sales"


def at(seconds: float, kind: EventType, entry: str = "", **data: object) -> Event:
    queue = "" if kind in {EventType.AGENT_CHANGED, EventType.CALL_ENDED} else QUEUE
    texts = {name: str(value) for name, value in data.items()}
    return Event(kind, int(seconds * 1000), queue=queue, entry=entry, data=texts)


def joined(entry: str, t: float) -> Event:
    return at(t, EventType.ENTRY_JOINED, entry, mode="live")


def handled(entry: str, t: float, talk: int, held: int, wrap: int) -> Event:
    return at(t, EventType.HANDLED, entry, talk_ms=talk * 1000, held_ms=held * 1000, wrap_ms=wrap * 1000)


def answered(entry: str, t: float, wait: float, talk: int, held: int, wrap: int) -> Iterator[Event]:
    yield joined(entry, t)
    yield at(t + wait, EventType.CONNECTED, entry, chosen=0, wait_ms=int(wait * 1000), hold_ms=0, target_ms=20_000)
    yield handled(entry, t + wait + talk + held + wrap, talk, held, wrap)


def abandoned(entry: str, t: float, wait: float) -> Iterator[Event]:
    yield joined(entry, t)
    short = int(wait <= 5)
    yield at(t + wait, EventType.ABANDONED, entry, wait_ms=int(wait * 1000), short=short, chosen=0, target_ms=20_000)


def accepted(entry: str, t: float, wait: float, promise: float) -> Iterator[Event]:
    yield joined(entry, t)
    yield at(t + wait, EventType.CALLBACK_OFFERED, entry)
    yield at(t + wait, EventType.CALLBACK_CHOSEN, entry, wait_ms=int(wait * 1000), promised_ms=int(promise * 1000))


def dialled(entry: str, t: float, promise: float, *, first: bool) -> Event:
    return at(t, EventType.DIAL_BEGUN, entry, leg="customer", first=int(first), promised_ms=int(promise * 1000))


def missed(entry: str, t: float, outcome: str) -> Event:
    return at(t, EventType.ATTEMPT_ENDED, entry, leg="customer", outcome=outcome, next="scheduled")


def reached(entry: str, t: float, entered: float, line: float, answer: float, agent: float) -> Iterator[Event]:
    yield at(t, EventType.LEG_ACCEPTED, entry, leg="customer")
    data = {"chosen": 1, "wait_ms": int((agent - entered) * 1000), "hold_ms": int((agent - answer) * 1000)}
    yield at(agent, EventType.CONNECTED, entry, **data, line_ms=int(line * 1000), target_ms=20_000)


def worked_example() -> list[Event]:
    """Thirteen callers, T = 20 s, short = 5 s, three agents for half an hour with 600 s of pauses in all."""
    events = [
        *answered("c01", 0, 0, 120, 0, 30),
        *answered("c02", 30, 12, 200, 20, 30),
        *abandoned("c03", 60, 3),
        *answered("c04", 90, 20, 90, 0, 15),
        *answered("c05", 120, 48, 240, 30, 30),
        *abandoned("c06", 150, 35),
        *accepted("c07", 180, 40, 480),
        dialled("c07", 400, 480, first=True),
        *reached("c07", 412, 180, 40, 412, 415),
        handled("c07", 595, 150, 0, 30),
        *accepted("c08", 200, 25, 500),
        dialled("c08", 430, 500, first=True),
        missed("c08", 460, "no_answer"),
        dialled("c08", 1030, 500, first=False),
        missed("c08", 1060, "no_answer"),
        at(1060, EventType.FAILED, "c08", why="no_answer", wait_ms=860_000, chosen=1),
        joined("c09", 210),
        at(270, EventType.FLOWED_OUT, "c09", wait_ms=60_000, why="voicemail", chosen=0),
        *answered("c10", 240, 90, 60, 0, 15),
        *abandoned("c11", 260, 18),
        *accepted("c12", 300, 30, 540),
        dialled("c12", 500, 540, first=True),
        missed("c12", 505, "busy"),
        dialled("c12", 560, 540, first=False),
        *reached("c12", 570, 300, 30, 570, 581),
        handled("c12", 921, 300, 10, 30),
        at(310, EventType.CALL_ENDED, direction="in", by="caller", queued=0),
        # The agents: 5,400 s signed in, 600 s of them paused, 1,400 s on calls and wrapping up; dialling apart.
        at(1800, EventType.AGENT_CHANGED, was="offline", was_ms=9_999_999),
        at(1800, EventType.AGENT_CHANGED, was="paused", was_ms=600_000),
        at(1800, EventType.AGENT_CHANGED, was="ready", was_ms=3_400_000),
        at(1800, EventType.AGENT_CHANGED, was="on_call", was_ms=1_220_000),
        at(1800, EventType.AGENT_CHANGED, was="wrap_up", was_ms=180_000),
    ]
    return sorted(events, key=lambda event: event.at_ms)


def folded(events: list[Event]) -> Totals:
    totals = Totals()
    for event in events:
        totals = fold(totals, event)
    return totals


EXAMPLE = folded(worked_example())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("entered", 13),
        ("offered", 12),
        ("answered", 5),
        ("abandoned", 2),
        ("short", 1),
        ("callback_accepted", 3),
        ("flow_out", 1),
        ("waiting", 0),
        ("abandonment", 2 / 11),
        ("abandonment_raw", 3 / 12),
        ("service_level", 3 / 7),
        ("sl_strict", 3 / 11),
        ("sl_answered", 3 / 5),
        ("sl_asterisk2", 5 / 8),
        ("sl_ignore_early", 3 / 6),
        ("asa", 34.0),
        ("asa_p50", 20.0),
        ("asa_p90", 90.0),
        ("awt", 31.75),
        ("virtual_wait", 258.0),
        ("virtual_wait_p90", 280.0),  # 281 s: above 256 s the histogram steps by 2 s
        ("blended_asa", 98.0),
        ("take_rate", 1.0),
        ("callback_connected", 2),
        ("callback_failed", 1),
        ("callback_waiting", 0),
        ("callback_success", 2 / 3),
        ("attempt_answer_rate", 2 / 5),
        ("promise_kept", 1.0),
        ("hold_after_answer", 7.0),
        ("hold_after_answer_p90", 11.0),
        ("line_time_saved", 432.0),
        ("aht", 200.0),
        ("handled", 7),
        ("service_reached", 7 / 11),
        ("occupancy", 1400 / 4800),
        ("overtaken", 0),
    ],
)
def test_the_worked_example_gives_every_number(name: str, expected: float) -> None:
    assert value(EXAMPLE, name) == pytest.approx(expected, abs=1e-9)


def test_the_books_of_the_worked_example_balance() -> None:
    books = ledger(EXAMPLE, waiting=0, callbacks_waiting=0)
    assert books.balanced
    assert books.entered == 13 == books.ivr_abandoned + 12
    assert (books.answered, books.abandoned, books.short, books.callback_accepted, books.flow_out) == (5, 2, 1, 3, 1)
    assert not ledger(EXAMPLE, waiting=1).balanced
    assert not ledger(EXAMPLE, callbacks_waiting=1).balanced


def test_nothing_to_divide_by_is_none_and_not_nought() -> None:
    nothing = {name for name, metric in METRICS.items() if metric.value(Totals()) is None}
    assert nothing == {name for name, metric in METRICS.items() if metric.unit != "count"}


def test_totals_go_through_json_whole() -> None:
    assert Totals.from_json(json.loads(json.dumps(EXAMPLE.as_json()))) == EXAMPLE


def test_the_totals_of_two_parts_of_a_day_add_up_to_the_day_s() -> None:
    events = worked_example()
    assert folded(events[:20]) + folded(events[20:]) == EXAMPLE


def test_a_room_that_never_filled_is_as_if_it_had_not_been() -> None:
    before = folded([joined("e", 0)])
    connected = at(30, EventType.CONNECTED, "e", chosen=0, wait_ms=30_000, hold_ms=0, target_ms=20_000)
    returned = at(50, EventType.RETURNED, "e", chosen=0, wait_ms=30_000, hold_ms=0, target_ms=20_000, entered_ms=0)
    assert fold(fold(before, connected), returned) == before
    assert day_ms(returned) == 0


def test_what_becomes_of_an_entry_counts_for_the_day_in_which_it_was_entered() -> None:
    assert day_ms(at(86_405, EventType.ABANDONED, "e", wait_ms=10_000)) == 86_395_000
    assert day_ms(at(86_405, EventType.HANDLED, "e", talk_ms=10_000, wrap_ms=0)) == 86_405_000


@pytest.mark.parametrize(
    ("event", "figures"),
    [
        (
            at(9, EventType.EXPIRED, "e", told=1, dialled=0, wait_ms=9_000, chosen=1),
            {"callback_expired": 1, "promise_kept": 0},
        ),
        (
            at(9, EventType.EXPIRED, "e", told=1, dialled=1, wait_ms=9_000, chosen=1),
            {"callback_expired": 1, "promise_kept": None},
        ),
        (at(9, EventType.CANCELLED, "e", why="customer", wait_ms=9_000, chosen=1), {"callback_cancelled": 1}),
        (
            at(9, EventType.FLOWED_OUT, "e", why="exit", wait_ms=9_000, chosen=1),
            {"callback_cancelled": 1, "flow_out": 0},
        ),
        (
            at(9, EventType.ABANDONED, "e", wait_ms=9_000, short=0, chosen=1),
            {"callback_failed": 1, "callback_dropped": 1, "abandoned": 0},
        ),
        (dialled("e", 9, 5, first=True), {"promise_kept": 0}),
        (at(9, EventType.DIAL_BEGUN, "e", leg="agent"), {"attempt_answer_rate": None}),
        (at(9, EventType.MATCHED, "e", overtaken=2), {"overtaken": 2}),
        (at(9, EventType.CALL_ENDED, direction="in", by="us", queued=0), {"entered": 0}),
        (at(9, EventType.CALL_ENDED, direction="in", by="caller", queued=1), {"entered": 0}),
    ],
)
def test_an_event_counts_where_it_belongs(event: Event, figures: dict[str, float | None]) -> None:
    totals = fold(Totals(), event)
    assert {name: value(totals, name) for name in figures} == figures


def test_a_refusal_is_an_answered_attempt() -> None:
    totals = folded([dialled("e", 1, 5, first=True), missed("e", 9, "refused")])
    assert value(totals, "attempt_answer_rate") == 1.0


def test_a_callback_that_expires_untold_unbalances_the_books() -> None:
    events = [*accepted("e", 0, 10, 100), at(999, EventType.EXPIRED, "e", told=0, dialled=0, wait_ms=999_000, chosen=1)]
    assert not ledger(folded(events)).balanced


ENDS = (
    "answered",
    "abandoned",
    "short",
    "flowed_out",
    "connected",
    "failed",
    "cancelled",
    "expired",
    "waiting",
    "open",
)


@given(st.lists(st.sampled_from(ENDS), max_size=40))
def test_entered_is_the_sum_of_its_ends_whatever_they_are(ends: list[str]) -> None:
    number = count()
    events: list[Event] = []
    for end in ends:
        entry = f"e{next(number)}"
        chosen = {"wait_ms": 60_000, "chosen": 1}
        events += {
            "answered": lambda e: list(answered(e, 0, 10, 60, 0, 0)),
            "abandoned": lambda e: list(abandoned(e, 0, 30)),
            "short": lambda e: list(abandoned(e, 0, 2)),
            "flowed_out": lambda e: [joined(e, 0), at(9, EventType.FLOWED_OUT, e, wait_ms=9_000, chosen=0)],
            "connected": lambda e: [*accepted(e, 0, 9, 99), *reached(e, 50, 0, 9, 50, 55)],
            "failed": lambda e, c=chosen: [*accepted(e, 0, 9, 99), at(60, EventType.FAILED, e, **c)],
            "cancelled": lambda e, c=chosen: [*accepted(e, 0, 9, 99), at(60, EventType.CANCELLED, e, **c)],
            "expired": lambda e, c=chosen: [
                *accepted(e, 0, 9, 99),
                at(60, EventType.EXPIRED, e, told=1, dialled=1, **c),
            ],
            "waiting": lambda e: [joined(e, 0)],
            "open": lambda e: list(accepted(e, 0, 9, 99)),
        }[end](entry)
    books = ledger(folded(events), waiting=ends.count("waiting"), callbacks_waiting=ends.count("open"))
    assert books.balanced
    parts = (books.answered, books.abandoned, books.short, books.callback_accepted, books.flow_out, books.waiting)
    assert books.entered == sum(parts) == len(ends)


@given(st.lists(st.integers(0, 4 * 3_600_000), min_size=1, max_size=60), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_quantile_is_that_of_the_sorted_waits_within_a_second_or_a_hundredth(
    waits_ms: list[int], share: float
) -> None:
    waits = Waits()
    for ms in waits_ms:
        waits = waits.plus(ms)
    exact = next(ms for rank, ms in enumerate(sorted(waits_ms), start=1) if rank >= share * len(waits_ms)) / 1000
    found = waits.quantile_s(share)
    assert found is not None
    assert exact - max(1, exact / 100) <= found <= exact
    assert sum(waits.histogram.values()) == waits.n == len(waits_ms)


def test_every_figure_has_its_title_and_definition_in_three_languages() -> None:
    for metric in METRICS.values():
        assert metric.title.keys() == metric.definition.keys() == {"pt-BR", "en", "es"}
        assert all(text.strip() for text in (*metric.title.values(), *metric.definition.values()))
    for lang in ("pt-BR", "en", "es"):
        titles = [metric.title[lang] for metric in METRICS.values()]
        assert len(set(titles)) == len(titles)
