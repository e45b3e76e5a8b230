"""Places in line: what each ask does to an order that must never move by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_py
from line_world import NUMBERS, World, audit, rules

from callback.model import Callbacks, Closing, EntryState, Mode
from callback.policy import Opening
from ivr.asks import CancelPlace, ChangeNumber, CheckNumber, FindPlace, JoinLine, LeaveLine
from ivr.inputs import Answer
from ivr.ports import Caller


@pytest.fixture
def world(redis: redis_py.Redis) -> Iterator[World]:
    """A queue whose one agent is paused: signed in, so that callers may join, and nobody is served."""
    made = World(redis, rules())
    made.agent("ana", "q r")
    made.line.pause("ana", "lunch")
    yield made
    audit(made)


def test_first_come_first_in_line_and_ties_by_arrival(world: World) -> None:
    first, second = world.join("c1"), world.join("c2")
    world.clock.advance(1)
    third = world.join("c3")
    assert world.order() == [first, second, third]


@pytest.mark.parametrize(
    ("priority", "place"),
    [(0, 3), (1, 3), (2, 1), (9, 1), (10, 0)],
    ids=["normal", "30 s are not enough", "60 s pass the second", "but never the vip", "first of all"],
)
def test_a_credit_counts_from_entry_and_band_0_stands_before_all(world: World, priority: int, place: int) -> None:
    vip = world.join("v", priority=10)
    if priority == 10:
        world.line.answer(LeaveLine(vip, "exit"), Caller("v"))
    for call in ("c1", "c2"):
        world.join(call)
    world.clock.advance(45_000)
    mine = world.join("mine", priority=priority)
    assert world.order().index(mine) == place


def test_joining_again_with_the_same_call_finds_the_same_place(world: World) -> None:
    entry = world.join("c1")
    world.clock.advance(5_000)
    world.join("c2")
    assert world.ask_join("c1").values["entry"] == entry
    assert world.count("entry_joined") == 2


def test_a_call_that_left_may_join_again_at_the_end(world: World) -> None:
    entry = world.join("c1")
    assert world.line.answer(LeaveLine(entry, "exit"), Caller("c1")).outcome == "left"
    assert world.state(entry) is EntryState.FLOWED_OUT
    other = world.join("c2")
    again = world.join("c1")
    assert world.order() == [other, again]


def test_a_join_that_arrives_after_the_hang_up_makes_no_ghost(world: World) -> None:
    world.hang_up("c1")
    assert world.ask_join("c1").outcome == "closed"
    assert world.order() == []


def test_a_full_queue_a_closed_one_and_one_without_agents_refuse_with_their_names(redis: redis_py.Redis) -> None:
    world = World(redis, rules(max_waiting=1))
    assert world.ask_join("c0").outcome == "no_agents"
    world.agent("ana", "q")
    world.line.pause("ana", "lunch")
    assert world.ask_join("c0", skills="libras").outcome == "no_agents"
    entry = world.join("c1")
    assert world.ask_join("c2").outcome == "full"
    world.openings["q"] = Opening(False)
    assert world.ask_join("c2").outcome == "closed"
    assert world.ask_join("c1").values["entry"] == entry, "who stands in line already is not refused"


def test_who_does_not_mind_waits_for_agents_to_come(redis: redis_py.Redis) -> None:
    world = World(redis, rules())
    answer = world.line.answer(JoinLine("q", NUMBERS[0], "pt-BR", 0, ()), Caller("c1"))
    assert (answer.outcome, answer.values["position"], answer.values["wait_s"]) == ("joined", 1, None)


def test_no_queue_of_that_name_is_an_error_that_lists_those_there_are(world: World) -> None:
    with pytest.raises(LookupError, match="expected one of q, r"):
        world.ask_join("c1", queue="sales")


def test_choosing_a_callback_changes_how_and_never_where(world: World) -> None:
    entries = [world.join(f"c{n}") for n in range(3)]
    before = world.entry(entries[1])
    world.clock.advance(30_000)
    answer = world.book(entries[1], NUMBERS[1])
    after = world.entry(entries[1])
    assert (answer.outcome, answer.values["entry"], answer.values["position"]) == ("booked", entries[1], 2)
    assert (after.mode, after.score, after.member, after.number) == (
        Mode.CALLBACK,
        before.score,
        before.member,
        NUMBERS[1],
    )
    assert world.order() == entries
    event = world.last("callback_chosen")
    assert event.data["wait_ms"] == "30000"
    assert all(NUMBERS[1] not in str(event) for event in world.events())


def test_booking_twice_books_once(world: World) -> None:
    entry = world.join("c1")
    assert [world.book(entry, NUMBERS[1]).outcome for _ in range(2)] == ["booked", "booked"]
    assert world.count("callback_chosen") == 1


def test_hanging_up_after_booking_keeps_the_callback(world: World) -> None:
    entry = world.join("c1")
    world.book(entry, NUMBERS[1])
    world.hang_up("c1", entry)
    assert world.state(entry) is EntryState.WAITING


def test_one_open_callback_per_number_and_queue(world: World) -> None:
    first, second = world.join("c1"), world.join("c2")
    world.book(first, NUMBERS[1])
    answer = world.book(second, NUMBERS[1])
    assert (answer.outcome, answer.values["entry"]) == ("duplicate", first)
    assert world.entry(second).mode is Mode.LIVE
    other = world.join("c3", queue="r")
    assert world.book(other, NUMBERS[1], queue="r").outcome == "booked"


@pytest.mark.parametrize(("number", "outcome"), [("+18765550123", "blocked"), ("190", "blocked"), ("abc", "blocked")])
def test_a_number_we_may_not_ring_is_not_booked(world: World, number: str, outcome: str) -> None:
    entry = world.join("c1")
    assert world.book(entry, number).outcome == outcome
    assert world.entry(entry).mode is Mode.LIVE


def test_a_callback_without_waiting_takes_a_place_of_its_own(world: World) -> None:
    first = world.join("c1")
    answer = world.book("", NUMBERS[1], call="c2")
    again = world.book("", NUMBERS[1], call="c2")
    assert (answer.outcome, answer.values["position"]) == ("booked", 2)
    assert again.values["entry"] == answer.values["entry"]
    assert world.order() == [first, answer.values["entry"]]


def test_a_callback_for_later_is_due_then_with_a_place_as_if_entered_then(world: World) -> None:
    due = world.clock.now_ms() + 3_600_000
    answer = world.book("", NUMBERS[1], call="c1", due_ms=due)
    entry = world.entry(str(answer.values["entry"]))
    assert (answer.values["due_ms"], entry.state, entry.score) == (due, EntryState.SCHEDULED, 1e13 + due)


def test_a_caller_taken_for_gone_who_books_is_not_lost(world: World) -> None:
    entry = world.join("c1")
    world.clock.advance(60_000)
    world.hang_up("c1", entry)
    answer = world.book(entry, NUMBERS[1], call="c2")
    assert answer.outcome == "booked"
    assert world.state(str(answer.values["entry"])) is EntryState.WAITING


@pytest.mark.parametrize(
    ("closing", "opens", "outcome", "state"),
    [
        (Closing.NEXT_OPENING, 50_000_000, "booked", EntryState.SCHEDULED),
        (Closing.NEXT_OPENING, 0, "late", None),
        (Closing.MESSAGE, 50_000_000, "late", None),
    ],
)
def test_booking_when_closed_goes_to_the_next_opening_if_the_queue_allows(
    redis: redis_py.Redis, closing: Closing, opens: int, outcome: str, state: EntryState | None
) -> None:
    world = World(redis, rules(closing=closing))
    opens = opens and world.clock.now_ms() + opens
    world.openings["q"] = Opening(False, 0, opens)
    answer = world.book("", NUMBERS[1], call="c1")
    assert answer.outcome == outcome
    if state:
        entry = world.entry(str(answer.values["entry"]))
        assert (entry.state, entry.due_ms) == (state, opens)


def test_a_queue_takes_so_many_callbacks_and_no_more(redis: redis_py.Redis) -> None:
    world = World(redis, rules(callbacks=Callbacks(max_open=1)))
    assert world.book("", NUMBERS[1], call="c1").outcome == "booked"
    assert world.book("", NUMBERS[2], call="c2").outcome == "full"


def test_phoning_in_again_finds_the_place_takes_it_and_gives_it_back_by_hanging_up(world: World) -> None:
    entry = world.join("c1")
    world.join("c2")
    world.book(entry, NUMBERS[1])
    found = world.line.answer(FindPlace("q", NUMBERS[1]), Caller("c9"))
    assert (found.outcome, found.values["entry"], found.values["position"]) == ("found", entry, 1)
    assert world.line.answer(FindPlace("q", NUMBERS[2]), Caller("c9")) == Answer("none")
    before = world.entry(entry)

    assert [world.take(entry, "c9").outcome for _ in range(2)] == ["joined", "joined"]
    assert world.entry(entry).mode is Mode.LIVE
    assert world.take(entry, "c8").outcome == "gone", "somebody holds this place already"
    world.hang_up("c9", entry)
    after = world.entry(entry)
    assert (after.mode, after.state, after.score, after.member) == (
        Mode.CALLBACK,
        before.state,
        before.score,
        before.member,
    )
    assert (world.count("place_taken"), world.count("caller_left"), world.count("abandoned")) == (1, 1, 0)


def test_leaving_the_line_in_the_place_of_a_callback_keeps_the_callback(world: World) -> None:
    entry = world.join("c1")
    world.book(entry, NUMBERS[1])
    world.take(entry, "c9")
    assert world.line.answer(LeaveLine(entry, "exit"), Caller("c9")).outcome == "left"
    assert (world.entry(entry).mode, world.state(entry)) == (Mode.CALLBACK, EntryState.WAITING)


def test_taking_a_place_that_is_due_later_is_not_worse_than_joining_anew(world: World) -> None:
    other = world.join("c1")
    due = world.clock.now_ms() + 3_600_000
    entry = str(world.book("", NUMBERS[1], call="c2", due_ms=due).values["entry"])
    world.clock.advance(1_000)
    world.take(entry, "c9")
    third = world.join("c3")
    assert world.order() == [other, entry, third]


def test_another_number_for_a_callback(world: World) -> None:
    first, second = world.join("c1"), world.join("c2")
    world.book(first, NUMBERS[1])
    world.book(second, NUMBERS[2])
    assert world.line.answer(ChangeNumber(first, NUMBERS[2]), Caller("c9")).outcome == "duplicate"
    assert world.line.answer(ChangeNumber(first, NUMBERS[3]), Caller("c9")).outcome == "changed"
    assert world.line.answer(ChangeNumber(first, NUMBERS[3]), Caller("c9")).outcome == "changed"
    assert world.entry(first).number == NUMBERS[3]
    assert world.line.answer(FindPlace("q", NUMBERS[1]), Caller("c9")).outcome == "none"
    with pytest.raises(ValueError, match="CheckNumber"):
        world.line.answer(ChangeNumber(first, "190"), Caller("c9"))


def test_a_cancelled_callback_is_over_and_its_number_free(world: World) -> None:
    entry = world.join("c1")
    assert world.line.answer(CancelPlace(entry), Caller("c1")).outcome == "gone", "a live caller has no callback"
    world.book(entry, NUMBERS[1])
    outcomes = [world.line.answer(CancelPlace(entry), Caller("c9")).outcome for _ in range(2)]
    assert outcomes == ["cancelled", "gone"]
    assert world.state(entry) is EntryState.CANCELLED
    assert world.book("", NUMBERS[1], call="c9").outcome == "booked"


@pytest.mark.parametrize(("waited_ms", "short"), [(5_000, "1"), (5_001, "0")])
def test_hanging_up_is_an_abandon_short_within_the_queues_limit(world: World, waited_ms: int, short: str) -> None:
    entry = world.join("c1")
    world.clock.advance(waited_ms)
    for _ in range(2):
        world.hang_up("c1", entry)
    assert (world.state(entry), world.count("abandoned")) == (EntryState.ABANDONED, 1)
    assert world.last("abandoned").data == {
        "wait_ms": str(waited_ms),
        "short": short,
        "chosen": "0",
        "target_ms": "20000",
    }


def test_numbers_are_checked_as_dialled_at_home(world: World) -> None:
    assert world.line.answer(CheckNumber("11 98000-0000"), Caller("c1")) == Answer("ok", {"number": "+5511980000000"})
    assert world.line.answer(CheckNumber("xx"), Caller("c1")).outcome == "invalid"


def test_facts_are_the_same_when_asked_twice_in_a_turn(world: World) -> None:
    facts = world.line.facts()
    entry = world.join("c1")
    assert facts.place(entry)
    world.hang_up("c1", entry)
    assert facts.place(entry), "this turn began before"
    assert world.line.facts().place(entry) is None


def test_positions_count_all_lanes_of_the_queue(world: World) -> None:
    world.line.add_agent("bia", "Bia", "sim:bia", ("q",), frozenset({"libras", "es"}))
    world.line.sign_in("bia")
    world.line.pause("bia", "lunch")
    entries = [world.join(f"c{n}", skills=skills) for n, skills in enumerate(["", "es", "libras", "es libras", ""])]
    assert [world.line.facts().place(entry).position for entry in entries] == [1, 2, 3, 4, 5]  # type: ignore[union-attr]
    assert world.order() == entries
