"""What came of a run: every way in which a caller, an agent or the books may have been wronged, from the record alone.

Law: the order, the places and the attempts are told anew from the event stream; who rang, met and talked from the network's
memory. Of the line's own keys only what an entry was given at birth is read, its number, and what is left over at the end.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from callback.fairness import Place
from callback.model import Place as Rule
from callback.model import Queue
from callback.totals import Totals, fold, ledger
from ivr.events import Event, EventType
from ivr.inputs import Outcome

ENDS = {
    EventType.COMPLETED,
    EventType.ABANDONED,
    EventType.FLOWED_OUT,
    EventType.CANCELLED,
    EventType.FAILED,
    EventType.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Violation:
    """`kind`: lost, ended twice, rung twice, rung after talk, order, place, agent twice, phone twice, books, untrue, unheard,
    left over, slow."""

    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of a run. Times are clock time in ms. `born`: what Redis keeps of each entry (an ended one too)."""

    events: list[Event]
    born: Mapping[str, Mapping[str, str]]
    queues: Mapping[str, Queue]
    serves: Mapping[str, tuple[tuple[str, ...], frozenset[str]]]
    dials: list[tuple[int, str, str]]
    doubled: list[tuple[int, str, str]]
    talks: list[tuple[int, str, tuple[str, ...]]]
    moved: set[tuple[str, str]]
    outcomes: Mapping[str, str]
    left_over: list[str]
    slowest_ms: int  # a lease may be found so much later than it ran out


@dataclass(slots=True)
class Told:
    """The line, told anew. `place`: (score, order of coming); `waits`: who stands in line; `booked`: agent -> attempt."""

    record: Record
    place: dict[str, Place] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)  # entry -> queue
    booked: dict[str, str] = field(default_factory=dict)
    matched: dict[str, Event] = field(default_factory=dict)  # attempt -> its match
    begun: set[str] = field(default_factory=set)  # attempts of which a leg was dialled
    aside: dict[str, int] = field(default_factory=dict)  # entry -> it may be passed over until then
    recovered_ms: list[int] = field(default_factory=list)  # how long each lease that ran out had lasted
    on_the_way: list[str] = field(default_factory=list)  # attempts whose caller hung up on the way into the room
    found: list[Violation] = field(default_factory=list)

    def hear(self, number: int, event: Event) -> None:
        entry = event.entry
        match event.type:
            case EventType.ENTRY_JOINED:
                self._stands(event, self._rank(entry, int(event.data["entered_ms"])), number)
            case EventType.CALLBACK_CHOSEN if int(event.data.get("due_ms") or 0) > event.at_ms:
                self._moves(entry, int(event.data["due_ms"]))
            case EventType.CALLER_LEFT:
                self._goes_on(event, Outcome.REFUSED)
            case EventType.PLACE_TAKEN:
                old, newcomer = self.place[entry][0], self._rank(entry, event.at_ms)
                self._stands(event, old if entry in self.waits else min(old, newcomer))
            case EventType.PROMOTED:
                self._stands(event, self.place[entry][0])
            case EventType.MATCHED:
                self._match(event)
            case EventType.DIAL_BEGUN:
                self.begun.add(event.attempt)
            case EventType.ATTEMPT_ENDED:
                self._attempt_ended(event)
            case EventType.SET_ASIDE:
                self.aside[entry] = int(event.data["until_ms"])
            case EventType.COMPLETED:
                self._free(event)
            case (
                EventType.ABANDONED | EventType.FLOWED_OUT | EventType.CANCELLED | EventType.FAILED | EventType.EXPIRED
            ):
                self.waits.pop(entry, None)

    def _wrong(self, kind: str, what: str) -> None:
        self.found.append(Violation(kind, what))

    def _rank(self, entry: str, at_ms: int) -> float:
        """The score of a place taken at that time: what the entry was given at birth decides."""
        born = self.record.born[entry]
        return int(born["band"]) * 1e13 + at_ms - int(born["credit_ms"])

    def _stands(self, event: Event, expected: float, number: int | None = None) -> None:
        """It stands in line from now on, at the place that the event says, which must be the one expected."""
        score = float(event.data["score"])
        if score != expected:
            self._wrong("place", f"{event.type} {event.entry}: at {score:.0f}, expected {expected:.0f}")
        tie = f"{number:013d}" if number is not None else self.place[event.entry][1]
        self.place[event.entry] = (score, tie)
        self.waits[event.entry] = event.queue

    def _moves(self, entry: str, due_ms: int) -> None:
        """It leaves the line until `due_ms` and will stand there as one who comes then."""
        self.waits.pop(entry, None)
        self.place[entry] = (self._rank(entry, due_ms), self.place[entry][1])

    def _goes_on(self, event: Event, outcome: Outcome) -> None:
        """After an attempt: back in line at the old place, or due later, in the place that the queue's rule gives."""
        entry, becomes = event.entry, event.data["next"]
        if becomes == "waiting":
            self.waits[entry] = event.queue
        elif becomes == "scheduled":
            rule = self.record.queues[event.queue].callbacks.retries[outcome]
            self.waits.pop(entry, None)
            if rule.place is Rule.DUE:
                self._moves(entry, int(event.data["due_ms"]))

    def _match(self, event: Event) -> None:
        entry, agent = event.entry, event.agent
        if entry not in self.waits:
            self._wrong("order", f"{entry} was matched and does not stand in line")
        if agent in self.booked:
            self._wrong("agent twice", f"{agent} got {event.attempt} while in {self.booked[agent]}")
        there = [other for other in self._served_by(agent) if self.aside.get(other, 0) <= event.at_ms]
        passed = [other for other in there if self.place[other] < self.place[entry]]
        if passed:
            self._wrong("order", f"{agent} took {entry} before {', '.join(passed[:3])} ({len(passed)} in all)")
        self.waits.pop(entry, None)
        self.booked[agent] = event.attempt
        self.matched[event.attempt] = event

    def _served_by(self, agent: str) -> Iterator[str]:
        queues, skills = self.record.serves[agent]
        for entry, queue in self.waits.items():
            needs = {skill for skill in self.record.born[entry]["skills"].split("+") if skill}
            if queue in queues and needs <= skills:
                yield entry

    def _attempt_ended(self, event: Event) -> None:
        outcome = Outcome(event.data["outcome"])
        if outcome is Outcome.CANCELED and event.attempt in self.matched and event.attempt not in self.begun:
            self.recovered_ms.append(event.at_ms - self.matched[event.attempt].at_ms)
        if outcome is Outcome.CANCELED and event.data["next"] == "scheduled":
            outcome = Outcome.REFUSED  # one who held and gave up: as if he had refused
        self._goes_on(event, outcome)
        self._free(event)

    def _free(self, event: Event) -> None:
        if event.agent and self.booked.get(event.agent) == event.attempt:
            del self.booked[event.agent]


def judge(record: Record) -> tuple[list[Violation], Told]:
    """Everything that went wrong, and the line as told anew."""
    told = Told(record)
    for number, event in enumerate(record.events):
        told.hear(number, event)
    found = [
        *told.found,
        *_ends(record, told),
        *_dials(record, told),
        *_talks(record, told),
        *_phones(record),
        *_books(record),
    ]
    found += [Violation("unheard", call) for call, outcome in record.outcomes.items() if outcome == Outcome.FAILED]
    found += [Violation("left over", what) for what in record.left_over]
    return found, told


def _ends(record: Record, told: Told) -> Iterator[Violation]:
    """Everybody who joined came to one end, in the place that he was last given; no lease was forgotten."""
    ends = Counter(event.entry for event in record.events if event.type in ENDS)
    for entry, place in told.place.items():
        if ends[entry] == 0:
            yield Violation("lost", f"{entry} ({record.born[entry]['state']})")
        elif ends[entry] > 1:
            yield Violation("ended twice", entry)
        if float(record.born[entry]["score"]) != place[0]:
            yield Violation("place", f"{entry} ended at {record.born[entry]['score']}, expected {place[0]:.0f}")
    for lasted_ms in told.recovered_ms:
        if lasted_ms > max(queue.reserve_ms for queue in record.queues.values()) + record.slowest_ms:
            yield Violation("slow", f"a lease that ran out was found after {lasted_ms} ms")


def _dials(record: Record, told: Told) -> Iterator[Violation]:
    """No number is rung while it is on a call that we placed, no call is placed twice, nobody is rung who has talked."""
    for at_ms, number, call in record.doubled:
        yield Violation("agent rung twice" if number.startswith("sim:") else "rung twice", f"{call} at {at_ms}")
    talked = {told.matched[room].entry: at_ms for at_ms, room, _ in record.talks if room in told.matched}
    for at_ms, _, call in record.dials:
        attempt, _, leg = call.rpartition("-")
        entry = told.matched[attempt].entry if leg == "c" and attempt in told.matched else ""
        if at_ms > talked.get(entry, at_ms):
            yield Violation("rung after talk", f"{call} at {at_ms}, talked at {talked[entry]}")


def _talks(record: Record, told: Told) -> Iterator[Violation]:
    """A contact that is completed was a talk between two, and a talk between two is a contact completed. One who hung up on
    his way into the room has had his talk as far as we can know."""
    met = {room for _, room, _ in record.talks}
    completed = {event.attempt: event.call for event in record.events if event.type is EventType.COMPLETED}
    for attempt, call in completed.items():
        if attempt not in met and (call, attempt) in record.moved:
            told.on_the_way.append(attempt)
        elif attempt not in met:
            yield Violation("untrue", f"{attempt} is completed; the two never met")
    yield from (Violation("untrue", f"{attempt} was a talk; it is not completed") for attempt in met - completed.keys())


def _phones(record: Record) -> Iterator[Violation]:
    """One open callback for a number in a queue, at any time."""
    since: dict[str, int] = {}
    until: dict[str, int] = {}
    for event in record.events:
        if event.type in (EventType.CALLBACK_CHOSEN, EventType.NUMBER_CHANGED):
            since[event.entry] = event.at_ms
        elif event.type in ENDS:
            until[event.entry] = event.at_ms
    open_for: defaultdict[tuple[str, str], list[tuple[int, int, str]]] = defaultdict(list)
    for entry, at_ms in since.items():
        born = record.born[entry]
        open_for[born["queue"], born["number"]].append((at_ms, until.get(entry, 2**63), entry))
    for (queue, _), spans in open_for.items():
        spans.sort()
        for (_, end_ms, first), (begin_ms, _, second) in itertools.pairwise(spans):
            if begin_ms < end_ms:
                yield Violation("phone twice", f"{first} and {second} in {queue}")


def _books(record: Record) -> Iterator[Violation]:
    """Law 2, per queue: whoever entered came to one end that is counted."""
    totals: defaultdict[str, Totals] = defaultdict(Totals)
    for event in record.events:
        totals[event.queue] = fold(totals[event.queue], event)
    for queue in record.queues:
        books = ledger(totals[queue], 0, 0)
        if not books.balanced:
            yield Violation("books", f"{queue}: {books}")
