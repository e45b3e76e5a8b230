"""What came of a day of faults on real telephones: the judge of the simulator's fault run reads the events, and here the record
is made from what the telephones saw; besides, whether somebody on the phone was left in silence.

Law: an attempt was rung as often as a phone got an INVITE for it, which says so itself, and two have met when the agent's phone
heard the customer's voice. The line's own word counts for nothing but the events, which are what is judged.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from company import CUSTOMER, Company
from fault_people import Leg, People, Person
from faults.judge import Record, Violation, judge
from rig import Call

from callback.keys import Keys
from callback.model import EntryState
from ivr.events import Event, EventType
from ivr.providers.asterisk.registry import Registry

SILENCE_S = 5.0
"""Nobody on the phone hears nothing for longer. The music for a slow step begins with 1.2 s of silence; who types ahead of the
prompts, as these people do, passes three steps without hearing one; and a menu waits for a key for 1 s."""
LATE_MS = 30_000
"""A lease that runs out is found so much later, with everything being killed."""
NAME = "X-Retorno-Call"
"""The header of an INVITE that says which call it is."""
IDLE = ("ready", "paused", "offline")


def trial(company: Company, people: People) -> tuple[list[Violation], Record]:
    """All that went wrong, and what is known of the day."""
    events = company.events()
    record, doubled = _record(company, people, events)
    found, _ = judge(record)
    return [*found, *doubled, *_silences(people)], record


def left_over(company: Company) -> list[str]:
    """Who is still in line, due, in an attempt or on the phone."""
    line, keys = company.parts.line, Keys(company.settings.tenant)
    left = [f"{entry.id} waits in {queue}" for queue in line.queues() for entry in line.waiting(queue, 100)]
    for state in (EntryState.RESERVED, EntryState.DIALING, EntryState.CONNECTED, EntryState.SCHEDULED):
        left += [
            f"{entry} is {state}" for entry in map(str, company.parts.redis.zrange(keys.of("entries", state), 0, 100))
        ]
    left += [f"{agent.id} is {agent.state}" for agent in line.agents() if agent.state not in IDLE]
    registry = Registry(company.parts.redis, company.settings.tenant)
    for name, node in company.nodes.items():
        left += [f"call {call} is registered at {name}" for call in registry.calls(name)]
        left += [f"up: {channel}" for channel in node.cli("core show channels concise").splitlines() if "!" in channel]
    return left


def story(people: People, record: Record, wronged: Violation) -> str:
    """For people: what is known of the caller or entry that a violation names."""
    began = people.people[0].story[0][0]
    entries = {event.entry for event in record.events if event.entry and event.entry in wronged.what}
    entries |= {event.entry for event in record.events if event.attempt and event.attempt in wronged.what} - {""}
    lines = [
        f"    {e.at_ms} {e.type} {e.call} {e.attempt} {e.agent} {e.data}" for e in record.events if e.entry in entries
    ]
    numbers = {record.born[entry]["number"] for entry in entries if entry in record.born}
    for person in people.people:
        if person.number in numbers or person.number in wronged.what:
            lines += [f"    {at - began:7.2f} {person.number} ({person.kind}) {what}" for at, what in person.story]
    return "\n".join([f"{wronged.kind}: {wronged.what}", *lines[-40:]])


def kept(company: Company, told: str) -> Path:
    """Where all that the parts, the nodes and Redis have written of a day is kept, for whoever looks into it."""
    folder = Path(tempfile.mkdtemp(prefix="retorno-faults-")) / "company"
    ignored = shutil.ignore_patterns("*.sock", "music", "sounds", "data")
    shutil.copytree(company.folder, folder, symlinks=True, ignore=ignored)
    (folder / "told.txt").write_text(told)
    return folder


def _record(company: Company, people: People, events: list[Event]) -> tuple[Record, list[Violation]]:
    keys, line = Keys(company.settings.tenant), company.parts.line
    joined = [event.entry for event in events if event.type is EventType.ENTRY_JOINED]
    rows = company.parts.redis.pipeline(transaction=False)
    for entry in joined:
        rows.hgetall(keys.of("entry", entry))
    born = dict(zip(joined, rows.execute(), strict=True))
    offset = time.time() - time.monotonic()
    rung = [(int((leg.call.began_at + offset) * 1000), leg, leg.call.shown(NAME)) for leg in people.legs]
    record = Record(
        events,
        born,
        line.queues(),
        {agent.id: (agent.queues, frozenset()) for agent in line.agents()},
        [(at_ms, leg.number, call) for at_ms, leg, call in rung],
        list(_twice(people.legs, offset)),
        [
            (int((heard + offset) * 1000), call.rpartition("-")[0], ())
            for _, leg, call in rung
            if call.endswith("-a") and (heard := leg.call.first_heard(CUSTOMER)) is not None
        ],
        _on_the_way(events) | _cut(company, people, events) | _vanished(people, events, born),
        {},
        left_over(company),
        slowest_ms=LATE_MS,
    )
    often: defaultdict[str, list[str]] = defaultdict(list)
    for at_ms, leg, call in rung:
        often[call].append(f"{leg.number} at {at_ms}, {leg.call.state}, {leg.call.ended}, {leg.call.shown('Call-ID')}")
    begun = {event.call for event in events if event.type is EventType.DIAL_BEGUN}
    doubled = [Violation("rung twice", f"{call}: {rings}") for call, rings in often.items() if len(rings) > 1]
    doubled += [Violation("rung unasked", f"{call}: {rings}") for call, rings in often.items() if call not in begun]
    return record, doubled


def _twice(legs: Iterable[Leg], offset: float) -> Iterator[tuple[int, str, str]]:
    """INVITEs to a phone that was still rung, or talking, by another call of ours."""
    by_number: defaultdict[str, list[Call]] = defaultdict(list)
    for leg in legs:
        by_number[leg.number].append(leg.call)
    for number, calls in by_number.items():
        for first, second in itertools.pairwise(sorted(calls, key=lambda call: call.began_at)):
            if first.ended is None or first.ended.at > second.began_at:
                yield int((second.began_at + offset) * 1000), number, number


def _on_the_way(events: list[Event]) -> set[tuple[str, str]]:
    """(customer's call, attempt) of talks that ended within a second: somebody put down on his way into the room."""
    connected = {event.attempt: event.at_ms for event in events if event.type is EventType.CONNECTED}
    return {
        (event.call, event.attempt)
        for event in events
        if event.type is EventType.COMPLETED and event.at_ms - connected.get(event.attempt, 0) < 1_000
    }


def _cut(company: Company, people: People, events: list[Event]) -> set[tuple[str, str]]:
    """(customer's call, attempt) of talks that ended with their node. The two may have been on their way into the room, for as long as
    no web server could lead them there."""
    connected = {event.attempt: event.at_ms for event in events if event.type is EventType.CONNECTED}

    def node(event: Event) -> str:
        came_in = next((name for name in company.nodes if event.call.startswith(f"{name}-")), "")
        return came_in or company.desk(company.names[int(event.queue[1:3])]).node.name

    return {
        (event.call, event.attempt)
        for event in events
        if event.type is EventType.COMPLETED
        for name, at_ms in people.killed
        if node(event) == name and connected.get(event.attempt, 0) < at_ms <= event.at_ms
    }


def _vanished(people: People, events: list[Event], born: dict[str, dict[str, str]]) -> set[tuple[str, str]]:
    """(customer's call, attempt) of talks with people who vanish: until `rtp_timeout` nobody can know that nobody is there."""
    numbers = {person.number for person in people.people if person.vanished}
    done = (event for event in events if event.type is EventType.COMPLETED)
    return {(event.call, event.attempt) for event in done if born[event.entry]["number"] in numbers}


def _silences(people: People) -> Iterator[Violation]:
    for person in people.people:
        for number, call in enumerate(person.calls, start=1):
            yield from _silence(call, person.number, person.vanished.get(number, float("inf")), person)
    for leg in people.legs:
        if leg.phone.name not in people.agents:
            yield from _silence(leg.call, leg.number, float("inf"), None)


def _silence(call: Call, number: str, until: float, person: Person | None) -> Iterator[Violation]:
    """Stretches without a sound while the call was up."""
    if not call.up_at:
        return
    end = min(call.ended.at if call.ended else time.monotonic(), until)
    edges = [call.up_at, *(edge for _, since, to in call.heard() for edge in (since, to) if edge < end), end]
    for since, to in zip(edges[::2], edges[1::2], strict=False):
        if to - since > SILENCE_S:
            kind = person.kind if person else "rung back"
            heard = [f"{hertz} for {b - a:.2f}" for hertz, a, b in call.heard() if since - 2 < b and a < to + 2]
            breaks = sum(gap > 0.5 for gap in call.gaps())
            yield Violation(
                "silence",
                f"{number} ({kind}): {to - since:.1f} s, {since - call.up_at:.1f} s after it was up, at {since:.1f}; "
                f"round it {heard[:12]}; {breaks} breaks of the stream, the worst {call.worst_gap:.1f} s",
            )
