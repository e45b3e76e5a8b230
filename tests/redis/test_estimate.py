"""The wait estimate in Redis: the script against its twin, what it keeps, and when it is silent."""

from __future__ import annotations

import random
from dataclasses import replace

import redis as redis_py

from callback.estimate import Estimate, Estimator
from callback.model import Queue
from callback.wait_model import ENOUGH_STARTS, Kind, Observation, Said, WaitModel, observed

SALES = Queue("sales", handle_ms=150_000)


def observe(estimator: Estimator, seen: Observation) -> None:
    estimator.observe(
        seen.kind,
        SALES,
        seen.now_ms,
        seen.waiting,
        seen.live,
        seen.agents,
        seen.entry,
        seen.wait_ms,
        seen.ahead,
        seen.ahead_live,
        seen.credit_ms,
    )


def random_day(seed: int, events: int) -> list[Observation]:
    """A queue as it may behave: joins (some with a credit), starts, abandons, agents coming and going; messages may be late."""
    dice = random.Random(seed)
    now, agents, line, seen = 1_773_147_600_000, 3, list[tuple[str, int]](), list[Observation]()
    for n in range(events):
        now += dice.choice((0, 300, 2_000, 9_000, 40_000, 400_000 if n % 50 == 0 else 1_000))
        kind: Kind = dice.choices(("join", "start", "abandon", "agents", "tick"), (45, 35, 10, 5, 5))[0]
        entry, wait_ms, ahead, credit_ms = "", 0, 0, 0
        if kind in ("start", "abandon") and not line:
            kind = "tick"
        if kind == "join":
            entry, ahead = f"e{n}", dice.randint(0, len(line))
            credit_ms = dice.choice((0, 0, 0, 90_000))
            line.insert(ahead, (entry, now))
        elif kind in ("start", "abandon"):
            entry, since = line.pop(0 if kind == "start" else dice.randrange(len(line)))
            wait_ms = now - since
            entry = entry if dice.random() > 0.1 else ""
        elif kind == "agents":
            agents = dice.randint(0, 6)
        at_once = kind == "join" and len(line) == 1 and dice.random() < 0.3
        waiting = 0 if at_once else len(line)
        live = dice.randint(0, waiting)
        late = dice.choice((0, 0, 0, 700))
        seen.append(
            Observation(
                kind, now - late, waiting, live, agents, entry, wait_ms, ahead, dice.randint(0, ahead), credit_ms
            )
        )
    return seen


def test_script_and_twin_agree_on_two_thousand_random_events(redis: redis_py.Redis) -> None:
    estimator = Estimator(redis, "t")
    model: WaitModel | None = None
    expectations: dict[str, Said] = {}
    furthest, compared = 0.0, 0
    for seen in random_day(seed=5, events=2_000):
        model = model or WaitModel.fresh(SALES.handle_ms, seen.now_ms)
        observe(estimator, seen)
        model, said = observed(model, seen, expectations.pop(seen.entry, None))
        if said and seen.entry:
            expectations[seen.entry] = said
        found = estimator.wait(SALES, seen.now_ms, 4, 3, 5)
        assert (found is None) == (model.starts_ever < ENOUGH_STARTS)
        if found:
            twin = model.advanced(seen.now_ms).wait(4, 3, 5)
            pairs = zip(
                (found.base_s, found.mean_s, *found.quantiles), (twin.base_s, twin.mean_s, *twin.quantiles), strict=True
            )
            furthest = max(furthest, *(abs(a - b) for a, b in pairs))
            compared += 1
    assert compared > 1_500
    assert furthest < 0.8
    assert furthest < 1e-6  # they are the same sums in the same order, so nearly nothing is left


def backlog(estimator: Estimator, starts: int, queue: Queue = SALES, now_ms: int = 0) -> None:
    """So many callers who each waited a minute for one of two agents."""
    for n in range(starts):
        at_ms = now_ms + n * 60_000
        estimator.observe("join", queue, at_ms, 2, 2, 2, entry=f"{queue.name}{n}", ahead=1)
        estimator.observe("start", queue, at_ms + 60_000, 1, 1, 2, entry=f"{queue.name}{n}", wait_ms=60_000)


def test_it_is_silent_until_it_knows_enough_and_while_nobody_is_there(redis: redis_py.Redis) -> None:
    estimator = Estimator(redis, "t")
    assert estimator.predict(SALES, 0, 2, 2, 3) is None
    backlog(estimator, ENOUGH_STARTS - 1)
    assert estimator.predict(SALES, 300_000, 2, 2, 3) is None
    backlog(estimator, 1, now_ms=300_000)
    assert estimator.predict(SALES, 400_000, 2, 2, 3) is not None
    assert estimator.predict(SALES, 400_000, 2, 2, 0) is None


def test_an_idle_agent_makes_the_wait_nothing(redis: redis_py.Redis) -> None:
    estimator = Estimator(redis, "t")
    assert estimator.predict(SALES, 0, 0, 0, 3, ready=1) == Estimate(0, 0, 0, 0)
    assert estimator.predict(SALES, 0, 1, 1, 3, ready=1) is None


def test_what_was_learnt_outlives_the_process_and_each_queue_learns_for_itself(redis: redis_py.Redis) -> None:
    first = Estimator(redis, "t")
    backlog(first, 20)
    redis.script_flush()  # as a restarted server, and another process, find it
    again = Estimator(redis, "t")
    assert again.predict(SALES, 1_300_000, 3, 3, 2) == first.predict(SALES, 1_300_000, 3, 3, 2) is not None
    assert again.predict(replace(SALES, name="support"), 1_300_000, 3, 3, 2) is None
    assert Estimator(redis, "other").predict(SALES, 1_300_000, 3, 3, 2) is None


def test_a_prediction_changes_nothing(redis: redis_py.Redis) -> None:
    estimator = Estimator(redis, "t")
    backlog(estimator, 10)
    before = {key: redis.dump(key) for key in redis.scan_iter()}
    estimator.predict(SALES, 9_000_000, 3, 3, 2)
    assert {key: redis.dump(key) for key in redis.scan_iter()} == before


def test_nothing_is_left_of_an_entry_that_has_ended(redis: redis_py.Redis) -> None:
    estimator = Estimator(redis, "t")
    for n, kind in enumerate(("start", "abandon")):
        estimator.observe("join", SALES, 0, 1, 1, 1, entry=f"e{n}")
        assert redis.pttl(f"{{t}}:said:e{n}") > 0
        estimator.observe(kind, SALES, 60_000, 0, 0, 1, entry=f"e{n}", wait_ms=60_000)
    assert redis.keys("*said*") == []


def test_all_keys_share_the_hash_tag_of_the_tenant(redis: redis_py.Redis) -> None:
    backlog(Estimator(redis, "t"), 3)
    assert all(key.startswith("{t}:") for key in redis.scan_iter())
