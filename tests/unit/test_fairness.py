"""Overtakes: the quick count against the plain one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callback.fairness import Fairness, Left, Moment, Stood, Taken, fairness


def plain(log: list[Moment]) -> Fairness:
    """The definition, word for word."""
    standing: dict[str, Stood] = {}
    overtakes, contending, times = 0, 0, Counter[str]()
    for moment in log:
        if isinstance(moment, Stood):
            standing[moment.entry] = moment
            continue
        gone = standing.pop(moment.entry)
        if isinstance(moment, Taken):
            others = [other for other in standing.values() if other.lane in moment.lanes]
            passed = [other.entry for other in others if other.place < gone.place]
            contending += len(others)
            overtakes += len(passed)
            times.update(passed)
    return Fairness(overtakes, contending, max(times.values(), default=0))


def stood(entry: str, score: float, lane: str = "sales|") -> Stood:
    return Stood(entry, lane, (score, f"{entry}"))


SALES = frozenset({"sales|"})


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([], Fairness(0, 0, 0)),
        ([stood("a", 1), stood("b", 2), Taken("a", SALES), Taken("b", SALES)], Fairness(0, 1, 0)),
        ([stood("a", 1), stood("b", 2), Taken("b", SALES), Taken("a", SALES)], Fairness(1, 1, 1)),
        ([stood("a", 1), stood("b", 2), stood("c", 3), Taken("c", SALES), Taken("b", SALES)], Fairness(3, 3, 2)),
        # Who leaves by himself passes nobody; who is not in a lane of the agent cannot be passed by him.
        ([stood("a", 1), stood("b", 2), Left("b")], Fairness(0, 0, 0)),
        ([stood("a", 1, "sales|english"), stood("b", 2), Taken("b", SALES)], Fairness(0, 0, 0)),
        ([stood("a", 1, "sales|english"), stood("b", 2), Taken("b", SALES | {"sales|english"})], Fairness(1, 1, 1)),
        # A credit is part of the place: it passes nobody. A requeue to the old place neither.
        ([stood("a", 50), stood("vip", 20), Taken("vip", SALES)], Fairness(0, 1, 0)),
        ([stood("a", 1), Taken("a", SALES), stood("b", 2), stood("a", 1), Taken("a", SALES)], Fairness(0, 1, 0)),
        # Equal scores go by the member.
        ([stood("a", 1), stood("b", 1), Taken("b", SALES)], Fairness(1, 1, 1)),
    ],
)
def test_an_overtake_is_counted_where_agent_and_entry_are_matched(log: list[Moment], expected: Fairness) -> None:
    assert fairness(log) == plain(log) == expected


def test_the_share_of_pairs_in_the_wrong_order() -> None:
    assert fairness([]).inverted == 0.0
    assert fairness([stood("a", 1), stood("b", 2), Taken("b", SALES)]).inverted == 1.0


@st.composite
def logs(draw: st.DrawFn) -> list[Moment]:
    """Any interleaving, over three lanes, with requeues to the old place and to new ones."""
    lanes = ("sales|", "sales|english", "support|")
    log: list[Moment] = []
    standing: list[str] = []
    for step in range(draw(st.integers(0, 60))):
        act = draw(st.integers(0, 4))
        if act <= 2 or not standing:
            entry = f"e{step}"
            gone = sorted({m.entry for m in log if isinstance(m, Stood)} - set(standing))
            if gone and draw(st.booleans()):
                entry = draw(st.sampled_from(gone))
            log.append(stood(entry, draw(st.integers(0, 30)), draw(st.sampled_from(lanes))))
            standing.append(entry)
            continue
        entry = standing.pop(draw(st.integers(0, len(standing) - 1)))
        if act == 3:
            log.append(Left(entry))
        else:
            log.append(Taken(entry, frozenset(draw(st.sets(st.sampled_from(lanes), min_size=1)))))
    return log


@given(logs())
def test_the_quick_count_is_the_plain_one(log: list[Moment]) -> None:
    assert fairness(log) == plain(log)


@pytest.mark.parametrize(
    "log", [[Left("a")], [Taken("a", SALES)], [stood("a", 1), stood("a", 2)], [stood("a", 1), Left("a"), Left("a")]]
)
def test_a_log_that_cannot_have_happened_is_refused(log: list[Moment]) -> None:
    with pytest.raises(ValueError, match="entry a"):
        fairness(log)
