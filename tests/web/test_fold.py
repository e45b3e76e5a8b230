"""The figures of the day on real Redis: every event is folded once, whoever folds."""

from __future__ import annotations

import threading
from zoneinfo import ZoneInfo

import redis as redis_py
from house import House, busy_hours

from callback import board
from callback.metrics import fold, ledger
from callback.totals import Totals
from ivr.clock import ManualClock

ZONE = ZoneInfo("America/Sao_Paulo")
TENANT = "retorno"


def fold_all(redis: redis_py.Redis, batch: int = board.BATCH) -> int:
    folded = 0
    while n := board.project(redis, TENANT, ZONE, batch):
        folded += n
    return folded


def test_the_days_figures_are_the_fold_of_its_events(redis: redis_py.Redis, house: House) -> None:
    house.staff()
    busy_hours(house, 0.5)
    events = [event for _, event in house.line.store.events()]
    assert fold_all(redis, batch=7) == len(events)
    totals = board.totals_of(redis, TENANT, "2026-03-10", list(house.queues))
    for queue, folded in totals.items():
        expected = Totals()
        for event in events:
            expected = fold(expected, event) if event.queue == queue else expected
        assert folded == expected
        assert ledger(folded).balanced
    assert sum(one.joined for one in totals.values()) == sum(event.type == "entry_joined" for event in events) > 50


def test_nothing_new_folds_nothing(redis: redis_py.Redis, house: House) -> None:
    assert board.project(redis, TENANT, ZONE) == 0
    house.staff("ana")
    fold_all(redis)
    before = {key: redis.get(key) for key in redis.keys("{retorno}:day:*")}
    assert board.project(redis, TENANT, ZONE) == 0
    assert {key: redis.get(key) for key in redis.keys("{retorno}:day:*")} == before


def test_projectors_at_the_same_time_count_nothing_twice(redis: redis_py.Redis, redis_url: str, house: House) -> None:
    house.staff()
    busy_hours(house, 0.3)
    end = threading.Event()

    def fold_until_the_end() -> None:
        own = redis_py.Redis.from_url(redis_url, decode_responses=True)
        while not end.is_set():
            board.project(own, TENANT, ZONE, batch=3)

    threads = [threading.Thread(target=fold_until_the_end) for _ in range(4)]
    for thread in threads:
        thread.start()
    last = house.line.store.events()[-1][0]
    while redis.get("{retorno}:folded") != last:
        assert all(thread.is_alive() for thread in threads)
    end.set()
    for thread in threads:
        thread.join()
    joined = sum(event.type == "entry_joined" for _, event in house.line.store.events())
    totals = board.totals_of(redis, TENANT, "2026-03-10", list(house.queues))
    assert sum(one.joined for one in totals.values()) == joined


def test_an_end_counts_for_the_business_day_of_the_entry(
    redis: redis_py.Redis, house: House, clock: ManualClock
) -> None:
    clock.at_ms = 1_773_197_999_000  # 23:59:59 in Sao Paulo, the 11th already in UTC
    house.staff("gabriela")
    house.call_in("nurse")
    waits = house.call_in("nurse")
    clock.advance(10_000)
    house.hang_up(waits)
    fold_all(redis)
    for day, expected in (("2026-03-10", (2, 1)), ("2026-03-11", (0, 0))):
        today = board.today(board.totals_of(redis, TENANT, day, ["nurse"])["nurse"])
        assert (today.offered, today.abandoned) == expected, day


def test_the_history_has_five_minutes_a_bar_and_ends_now(
    redis: redis_py.Redis, house: House, clock: ManualClock
) -> None:
    house.staff("gabriela")
    first = house.call_in("nurse")
    assert house.answer_all()
    clock.advance(board.BAR_MS)
    left = house.call_in("nurse")
    clock.advance(10_000)
    house.hang_up(left)
    fold_all(redis)
    bars = board.history_of(redis, TENANT, clock.now_ms())
    assert len(bars) == board.BARS
    assert [(bar.arrivals, bar.answered, bar.abandoned) for bar in bars[-2:]] == [(1, 1, 0), (1, 0, 1)]
    assert bars[-1].start_ms <= clock.now_ms() < bars[-1].start_ms + board.BAR_MS
    assert all(bar == board.Bar(bar.start_ms) for bar in bars[:-2])
    assert house.line.entry(first) is not None


def test_figures_that_are_not_needed_any_more_expire(redis: redis_py.Redis, house: House) -> None:
    house.staff("gabriela")
    house.call_in("nurse")
    fold_all(redis)
    assert 0 < redis.ttl("{retorno}:day:2026-03-10:nurse") <= board.KEEP_TOTALS_S
    assert [0 < redis.ttl(key) <= board.KEEP_BARS_S for key in redis.keys("{retorno}:bars:*")] == [True]


def test_the_board_joins_what_stands_with_what_was(redis: redis_py.Redis, house: House, clock: ManualClock) -> None:
    house.staff("gabriela")
    answered = house.call_in("nurse")
    house.answer_all()
    house.call_in("nurse")
    chosen = house.call_in("nurse", "+5511987650001")
    house.book("nurse", chosen, "+5511987650001")
    clock.advance(30_000)
    fold_all(redis)
    shown = board.read(house.line, redis, TENANT, "America/Sao_Paulo")
    nurse = next(row for row in shown.queues if row.queue == "nurse")
    assert (shown.at_ms, shown.day, shown.speed) == (clock.now_ms(), "2026-03-10", 1.0)
    assert (nurse.now.live_waiting, nurse.now.callbacks_waiting, nurse.now.in_progress) == (1, 1, 1)
    assert nurse.now.oldest_live_ms == clock.now_ms() - 30_000
    assert (nurse.today.offered, nurse.today.answered, nurse.today.callback_accepted) == (3, 1, 1)
    assert nurse.today.service_level == 1.0
    assert [(agent.id, agent.state) for agent in shown.agents] == [("gabriela", "on_call")]
    assert house.line.entry(answered) is not None


def test_a_house_without_calls_has_no_shares(redis: redis_py.Redis, house: House) -> None:
    shown = board.read(house.line, redis, TENANT, "America/Sao_Paulo")
    assert {(row.today.service_level, row.today.abandonment) for row in shown.queues} == {(None, None)}
    assert shown.agents == ()
