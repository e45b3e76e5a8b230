"""The rules of the line, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.model import Callbacks, Entry, EntryState, Mode, Offer, Place, Queue, Retry
from callback.policy import (
    ALWAYS_OPEN,
    LADDER_S,
    Next,
    NumberRules,
    NumberType,
    Opening,
    after_attempt,
    announce_s,
    clears_before_close,
    offer,
    rank,
)
from ivr.inputs import Outcome

NOW = 1_773_147_600_000
QUEUE = Queue("sales")
ENTRY = Entry("e1", "sales", Mode.CALLBACK, EntryState.DIALING, 1e13 + NOW, "0000000000001:e1", NOW - 60_000)


@pytest.mark.parametrize(("priority", "band", "credit_ms"), [(0, 1, 0), (1, 1, 30_000), (9, 1, 270_000), (10, 0, 0)])
def test_priority_is_a_time_credit_and_ten_is_a_band_of_its_own(priority: int, band: int, credit_ms: int) -> None:
    assert rank(priority, QUEUE) == (band, credit_ms)


@pytest.mark.parametrize("priority", [-1, 11])
def test_a_priority_out_of_range_is_refused_with_the_range(priority: int) -> None:
    with pytest.raises(ValueError, match="expected 0"):
        rank(priority, QUEUE)


FAILED = Next(EntryState.FAILED, 0, False)


def scheduled(delay_ms: int, *, keep: bool = False) -> Next:
    return Next(EntryState.SCHEDULED, NOW + delay_ms, keep)


@pytest.mark.parametrize(
    ("tries", "outcome", "expected"),
    [
        ({}, Outcome.BUSY, scheduled(300_000)),
        ({"busy": 1}, Outcome.BUSY, scheduled(300_000)),
        ({"busy": 2}, Outcome.BUSY, FAILED),
        ({}, Outcome.NO_ANSWER, scheduled(900_000)),
        ({"no_answer": 2}, Outcome.NO_ANSWER, FAILED),
        ({"machine": 1}, Outcome.MACHINE, FAILED),
        ({}, Outcome.REFUSED, FAILED),
        ({"busy": 2, "no_answer": 2}, Outcome.MACHINE, FAILED),  # the fifth attempt of five
        ({"busy": 2, "no_answer": 1}, Outcome.MACHINE, scheduled(900_000)),
        ({}, Outcome.FAILED, scheduled(15_000, keep=True)),
        ({"busy": 2, "no_answer": 2}, Outcome.FAILED, scheduled(15_000, keep=True)),  # our failure costs no attempt
        ({"failed": 3, "busy": 1}, Outcome.BUSY, scheduled(300_000)),
        ({"failed": 3}, Outcome.FAILED, scheduled(120_000, keep=True)),  # a trunk that is down: less and less often
        ({"failed": 10}, Outcome.FAILED, scheduled(900_000, keep=True)),
        ({"failed": 11}, Outcome.FAILED, FAILED),
        ({"busy": 2}, Outcome.CANCELED, Next(EntryState.WAITING, NOW, True)),
    ],
)
def test_each_outcome_costs_what_the_queue_says(tries: dict[str, int], outcome: Outcome, expected: Next) -> None:
    assert after_attempt(QUEUE, replace(ENTRY, tries=tries), outcome, NOW) == expected


@pytest.mark.parametrize(
    ("own", "outcome", "expected"),
    [
        ({"max_attempts": 1}, Outcome.NO_ANSWER, FAILED),
        ({"max_attempts": 1}, Outcome.FAILED, scheduled(15_000, keep=True)),
        ({"retry_ms": 60_000}, Outcome.NO_ANSWER, scheduled(60_000)),
        ({"retry_ms": 60_000}, Outcome.FAILED, scheduled(15_000, keep=True)),
    ],
)
def test_the_entry_s_own_attempts_and_delay_stand_before_the_queue_s(
    own: dict[str, int], outcome: Outcome, expected: Next
) -> None:
    assert after_attempt(QUEUE, replace(ENTRY, **own), outcome, NOW) == expected


@pytest.mark.parametrize(("place", "keep"), [(Place.KEEP, True), (Place.DUE, False)])
def test_without_a_delay_it_waits_again_at_once(place: Place, keep: bool) -> None:
    queue = replace(QUEUE, callbacks=Callbacks(retries={Outcome.BUSY: Retry(3, 0, place)}))
    assert after_attempt(queue, ENTRY, Outcome.BUSY, NOW) == Next(EntryState.WAITING, NOW, keep)


def test_an_outcome_without_a_rule_fails_and_an_answer_is_no_failure() -> None:
    queue = replace(QUEUE, callbacks=Callbacks(retries={}))
    assert after_attempt(queue, ENTRY, Outcome.BUSY, NOW) == FAILED
    with pytest.raises(ValueError, match="connected instead"):
        after_attempt(QUEUE, ENTRY, Outcome.ANSWERED, NOW)


@given(st.lists(st.sampled_from([o for o in Outcome if o not in {Outcome.ANSWERED, Outcome.CANCELED}]), max_size=40))
def test_every_run_of_bad_luck_ends_within_the_attempts_of_queue_and_trunk(outcomes: list[Outcome]) -> None:
    entry = ENTRY
    for n, outcome in enumerate(outcomes, start=1):
        following = after_attempt(QUEUE, entry, outcome, NOW)
        if following.state is EntryState.FAILED:
            return
        assert n < QUEUE.callbacks.max_attempts + QUEUE.callbacks.retries[Outcome.FAILED].attempts
        entry = replace(entry, tries={**entry.tries, outcome.value: entry.tries.get(outcome.value, 0) + 1})


@pytest.mark.parametrize(
    ("waited_ms", "p80_s", "clears", "expected"),
    [
        (0, 179, True, False),
        (0, 180, True, True),
        (0, None, True, False),
        (119_999, None, True, False),
        (120_000, None, True, True),
        (120_000, 10, True, True),
        (500_000, 900, False, False),
    ],
)
def test_a_callback_is_offered_for_a_long_wait_to_come_or_behind(
    waited_ms: int, p80_s: int | None, clears: bool, expected: bool
) -> None:
    assert offer(QUEUE, waited_ms, p80_s, clears) is expected


def test_no_callback_is_offered_where_the_queue_has_none() -> None:
    queue = replace(QUEUE, callbacks=Callbacks(enabled=False, offer=Offer(0, 0)))
    assert not offer(queue, 900_000, 900, clears_before_close=True)


@pytest.mark.parametrize(
    ("p80_s", "said"),
    [
        (None, None),
        (0, None),
        (30, None),
        (31, 60),
        (60, 60),
        (61, 120),
        (181, 300),
        (3_601, 5_400),
        (5_400, 5_400),
        (5_401, 7_200),
        (7_201, 10_800),
    ],
)
def test_the_wait_is_said_up_the_ladder(p80_s: int | None, said: int | None) -> None:
    assert announce_s(p80_s) == said


@given(st.integers(31, 100_000))
def test_what_is_said_is_never_shorter_than_the_estimate(p80_s: int) -> None:
    said = announce_s(p80_s)
    assert said is not None
    assert said >= p80_s
    assert said in LADDER_S or said % 3_600 == 0


@pytest.mark.parametrize(
    ("opening", "p90_s", "expected"),
    [
        (ALWAYS_OPEN, 99_999, True),
        (Opening(False, 0, NOW + 1), 0, False),
        (Opening(True, NOW + 600_000), 599, True),
        (Opening(True, NOW + 600_000), 600, False),
        (Opening(True, NOW + 600_000), None, True),
        (Opening(True, NOW), None, False),
    ],
)
def test_who_can_still_be_served_before_the_queue_closes(opening: Opening, p90_s: int | None, expected: bool) -> None:
    assert clears_before_close(opening, NOW, p90_s) is expected


WORLD = NumberRules(regions=frozenset({"BR", "US", "GB", "001"}), deny_prefixes=("+1415",))


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        (NumberRules(), "11988887777", "+5511988887777"),
        (NumberRules(), "011988887777", "+5511988887777"),
        (NumberRules(), "01511988887777", "+5511988887777"),  # through carrier 15
        (NumberRules(), "(11) 3000-1000", "+551130001000"),
        (NumberRules(), "5511988887777", "+5511988887777"),
        (NumberRules(), "+5511988887777", "+5511988887777"),
        (WORLD, "+12125552671", "+12125552671"),
        (WORLD, "0015 12125552671", "+12125552671"),  # abroad as dialled in Brazil
        (NumberRules(types=frozenset(NumberType), regions=frozenset({"GB"})), "+445600123456", "+445600123456"),
    ],
)
def test_an_ordinary_number_is_read_as_dialled_at_home(rules: NumberRules, text: str, expected: str) -> None:
    checked = rules.check(text)
    assert (checked.kind, checked.number, checked.why) == ("ok", expected, "")


@pytest.mark.parametrize(
    ("rules", "text", "kind", "why"),
    [
        (NumberRules(), "", "invalid", "empty"),
        (NumberRules(), "anonymous", "invalid", "empty"),
        (NumberRules(), "0800FLOWERS", "invalid", "unreadable"),
        (NumberRules(), "11988887777x5", "invalid", "unreadable"),
        (NumberRules(), "9" * 40, "invalid", "unreadable"),
        (NumberRules(), "988887777", "invalid", "not_in_use"),
        (NumberRules(), "190", "blocked", "short"),
        (NumberRules(), "911", "blocked", "short"),
        (NumberRules(), "08007771234", "blocked", "type"),  # toll free
        (NumberRules(), "0900123456", "blocked", "type"),  # premium
        (NumberRules(), "03001234567", "blocked", "type"),  # shared cost
        (NumberRules(), "+14155552671", "blocked", "region"),
        (WORLD, "+14155552671", "blocked", "denied"),
        (WORLD, "+18762345678", "blocked", "region"),  # Jamaica, inside +1
        (WORLD, "+881612345678", "blocked", "region"),  # satellite, even where somebody lists 001
        (WORLD, "+449012345678", "blocked", "type"),  # premium
        (WORLD, "+443001234567", "blocked", "type"),  # UAN
        (WORLD, "+447640123456", "blocked", "type"),  # pager
        (WORLD, "+445600123456", "blocked", "type"),  # VoIP, by choice only
    ],
)
def test_a_number_that_could_cost_us_is_refused_with_the_reason(
    rules: NumberRules, text: str, kind: str, why: str
) -> None:
    checked = rules.check(text)
    assert (checked.kind, checked.number, checked.why) == (kind, "", why)


@given(st.text(max_size=40))
def test_whatever_is_typed_gets_an_answer(text: str) -> None:
    checked = NumberRules().check(text)
    assert (checked.number != "") == (checked.kind == "ok")
