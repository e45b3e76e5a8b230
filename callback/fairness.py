"""Who was served before whom: overtakes, counted from a day's log and from nothing else.

Law: pure, and independent of the scripts that match: the same log judged by this file tells whether they kept the order.
An overtake happens at a match: the agent took one entry while another waited that he could have served and that stood
further ahead. Priority moves the place itself, so it never counts. O(n log n); a test holds it to the plain count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

Place = tuple[float, str]
"""(score, member): smaller is further ahead."""


@dataclass(frozen=True, slots=True)
class Stood:
    """`entry` waits from now on, in `lane` (a queue and the skills it needs) at `place`."""

    entry: str
    lane: str
    place: Place


@dataclass(frozen=True, slots=True)
class Left:
    """`entry` waits no more, and no agent took it."""

    entry: str


@dataclass(frozen=True, slots=True)
class Taken:
    """An agent who can serve `lanes` was matched with `entry`, which waits no more."""

    entry: str
    lanes: frozenset[str]


Moment = Stood | Left | Taken


@dataclass(frozen=True, slots=True)
class Fairness:
    """`contending`: pairs of which either could have been taken at a match. `most_overtaken`: the times of whom it hit most."""

    overtakes: int = 0
    contending: int = 0
    most_overtaken: int = 0

    @property
    def inverted(self) -> float:
        """The share of contending pairs that was served in the wrong order."""
        return self.overtakes / self.contending if self.contending else 0.0


@dataclass(slots=True)
class _Tree:
    """A Fenwick tree: add at an index, sum below an index."""

    size: int
    sums: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.sums = [0] * (self.size + 1)

    def add(self, index: int, amount: int) -> None:
        index += 1
        while index <= self.size:
            self.sums[index] += amount
            index += index & -index

    def below(self, index: int) -> int:
        total = 0
        while index > 0:
            total += self.sums[index]
            index -= index & -index
        return total


@dataclass(slots=True)
class _Lane:
    """All places that a lane ever had, in order: who stands there now, and how often each was passed."""

    places: list[Place]
    standing: _Tree = field(init=False)
    passed: _Tree = field(init=False)

    def __post_init__(self) -> None:
        self.standing, self.passed = _Tree(len(self.places)), _Tree(len(self.places) + 1)

    def stand(self, place: Place, amount: int) -> int:
        """Enters (1) or leaves (-1) at `place`; how often that place has been passed so far."""
        rank = bisect_left(self.places, place)
        self.standing.add(rank, amount)
        return self.passed.below(rank + 1)

    def pass_by(self, place: Place) -> int:
        """Somebody at `place` is taken: all that stand before it are passed. Says how many."""
        rank = bisect_left(self.places, place)
        self.passed.add(0, 1)
        self.passed.add(rank, -1)
        return self.standing.below(rank)


def fairness(log: Sequence[Moment]) -> Fairness:
    """The overtakes of `log`, which is in the order of time. An entry may stand again after it was taken or left.

    Raises ValueError when an entry stands in two places, or leaves or is taken without standing.
    """
    lanes = _lanes(log)
    standing: dict[str, Stood] = {}
    passed_before: dict[str, int] = {}
    times: defaultdict[str, int] = defaultdict(int)
    overtakes = contending = 0
    for moment in log:
        if isinstance(moment, Stood):
            if moment.entry in standing:
                raise ValueError(f"entry {moment.entry} stands in two places")
            standing[moment.entry] = moment
            passed_before[moment.entry] = lanes[moment.lane].stand(moment.place, 1)
            continue
        stood = standing.pop(moment.entry, None)
        if stood is None:
            raise ValueError(f"entry {moment.entry} does not stand in line")
        passed = lanes[stood.lane].stand(stood.place, -1)
        times[moment.entry] += passed - passed_before[moment.entry]
        if isinstance(moment, Taken):
            for lane in (lanes[name] for name in moment.lanes if name in lanes):
                overtakes += lane.pass_by(stood.place)
                contending += lane.standing.below(len(lane.places))
    for entry, stood in standing.items():
        rank = bisect_left(lanes[stood.lane].places, stood.place)
        times[entry] += lanes[stood.lane].passed.below(rank + 1) - passed_before[entry]
    return Fairness(overtakes, contending, max(times.values(), default=0))


def _lanes(log: Sequence[Moment]) -> dict[str, _Lane]:
    places: defaultdict[str, set[Place]] = defaultdict(set)
    for moment in log:
        if isinstance(moment, Stood):
            places[moment.lane].add(moment.place)
    return {name: _Lane(sorted(found)) for name, found in places.items()}
