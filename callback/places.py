"""What a call asks of the line: to stand in it, to be rung instead, to leave it; and what it may be told of its place.

Law: every ask may be carried out twice with the same answer. What is said of a wait is the estimate at the caller's
present position, never the first figure minus the time gone by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from callback import policy
from callback.estimate import Estimate
from callback.model import Closing, EntryState, Mode, Queue
from callback.rows import Ahead, Choice, NewEntry
from callback.states import ENTRY
from ivr.asks import (
    BookCallback,
    CancelPlace,
    ChangeNumber,
    CheckNumber,
    FindPlace,
    JoinLine,
    LeaveLine,
    TakePlace,
)
from ivr.facts import PlaceFacts, QueueFacts
from ivr.inputs import Answer
from ivr.ports import Caller

if TYPE_CHECKING:
    from callback.service import Line

HEARD_MS = 60_000  # a caller who has joined or accepted holds, and is heard of again, within this


def estimate(line: Line, queue: Queue, seen: Ahead) -> Estimate | None:
    """The wait of whoever stands where `seen` was taken; None where nothing can be said: a queue's wait says nothing of one
    agent's."""
    if seen.alone:
        return None
    return line.estimator.predict(
        queue, line.clock.now_ms(), seen.ahead, seen.ahead_live, seen.staffed, ready=seen.ready
    )


def queue_facts(line: Line, name: str) -> QueueFacts:
    """The queue as a newcomer without priority would find it."""
    queue = line.queue(name)
    seen = line.store.ahead(name, line.clock.now_ms())
    wait = estimate(line, queue, seen)
    return QueueFacts(seen.waiting, seen.staffed, policy.announce_s(wait.p80_s) if wait else None)


def place_facts(line: Line, entry_id: str) -> PlaceFacts | None:
    """None when it does not wait any more."""
    now = line.clock.now_ms()
    entry = line.store.entry(entry_id)
    seen = line.store.place(entry, now) if entry else None
    if not entry or not seen:
        return None
    queue = line.queue(entry.queue)
    wait = estimate(line, queue, seen)
    opening = line.opening(queue, now)
    p80_s = wait.p80_s if wait else None
    clears = policy.clears_before_close(opening, now, wait.p90_s if wait else None)
    # Even the middle one of all outcomes comes after closing time: it is kinder to say so now than at the door.
    late = bool(wait and opening.closes_ms and now + wait.p50_s * 1000 >= opening.closes_ms)
    return PlaceFacts(
        seen.position,
        policy.announce_s(p80_s),
        offer=not entry.chosen_ms and policy.offer(queue, now - entry.entered_ms, p80_s, clears),
        closing=not opening.is_open or late,
    )


def _told(line: Line, entry_id: str, outcome: str, **more: object) -> Answer:
    """An answer with the place as it is now; position 0 when it does not wait (an agent is on his way, or it is due later)."""
    place = place_facts(line, entry_id)
    values: dict[str, object] = {
        "entry": entry_id,
        "position": place.position if place else 0,
        "wait_s": place.wait_s if place else None,
    }
    if outcome == "joined":
        values["offer"] = bool(place and place.offer)
    return Answer(outcome, {**values, **more})


def _waits(wait: Estimate | None) -> tuple[int | None, int | None, int | None]:
    return (wait.p50_s, wait.p80_s, wait.p90_s) if wait else (None, None, None)


def find(line: Line, ask: FindPlace) -> Answer:
    entry = line.store.callback_of(ask.queue, ask.number)
    return _told(line, entry, "found") if entry else Answer("none")


def join(line: Line, ask: JoinLine, caller: Caller) -> Answer:
    """Stand in line; matches at once. `closed` by the queue's hours, `no_agents` if he then does not want to wait."""
    queue, now = line.queue(ask.queue), line.clock.now_ms()
    band, credit_ms = policy.rank(ask.priority, queue)
    skills = tuple(sorted(set(ask.skills)))
    seen = line.store.ahead(queue.name, now, band, credit_ms, "+".join(skills))
    refuse = "" if line.opening(queue, now).is_open else "closed"
    code, entry = line.store.join(
        NewEntry(
            id=line.new_id(),
            queue=queue.name,
            mode=Mode.LIVE,
            call=caller.call,
            number=ask.number,
            lang=ask.lang,
            skills=skills,
            band=band,
            credit_ms=credit_ms,
            limit=queue.max_waiting,
            heard_by_ms=now + HEARD_MS,
            waits=_waits(estimate(line, queue, seen)),
            refuse=refuse or ("no_agents" if ask.needs_agents and not seen.able else ""),
        ),
        now,
    )
    if code == "over":  # the call has ended: nobody hears this answer
        return Answer("closed")
    if not entry:
        return Answer(code)
    line.match()
    if code == "joined":
        line.observe("join", queue, entry, ahead=seen.ahead, ahead_live=seen.ahead_live, credit_ms=credit_ms)
    return _told(line, entry, "joined")


def book(line: Line, ask: BookCallback, caller: Caller) -> Answer:
    """Be rung instead of waiting: in the place of `ask.entry`, or in a new one."""
    checked = line.numbers.check(ask.number)
    if checked.kind != "ok":
        return Answer("blocked", {"why": checked.why})
    held = line.store.entry(ask.entry) if ask.entry else None
    if held and ENTRY[held.state].ended:
        held = None
    # One whom an agent has sent on stands in another queue than the one that his flow names.
    queue, now = line.queue(held.queue if held else ask.queue), line.clock.now_ms()
    band, credit_ms = policy.rank(ask.priority, queue)
    skills = tuple(sorted(set(ask.skills)))
    here = line.store.place(held, now) if held else None
    seen = here or line.store.ahead(queue.name, now, band, credit_ms, "+".join(skills))
    wait = estimate(line, queue, seen)
    opening = line.opening(queue, now)
    due_ms = _due(line, queue, ask.due_ms, now)
    if due_ms <= now and not policy.clears_before_close(opening, now, wait.p90_s if wait else None):
        if queue.closing is not Closing.NEXT_OPENING or not (opening.is_open or opening.opens_ms):
            return Answer("late")
        due_ms = 0 if opening.is_open else opening.opens_ms
    due_ms = due_ms if due_ms > now else 0
    choice = Choice(
        number=checked.number,
        limit=queue.callbacks.max_open,
        due_ms=due_ms,
        promised_ms=due_ms if due_ms else (now + wait.p90_s * 1000 if wait else 0),
        expires_ms=max(now, due_ms) + (ask.expires_ms or queue.callbacks.expires_ms),
        order=ask.mode,
        max_attempts=ask.attempts,
        retry_ms=ask.retry_ms,
    )
    code, entry = ("gone", "")
    if held:
        code, other = line.store.choose(held.id, choice, now)
        entry = other or held.id
    if code == "gone":  # no place to keep, or he was taken for gone: a new one, so that nobody is lost
        code, entry = line.store.join(
            _as_new(line, queue, ask, caller, choice, (band, credit_ms), skills, _waits(wait)), now
        )
    return _booked(line, queue, code, entry, due_ms)


def _booked(line: Line, queue: Queue, code: str, entry: str, due_ms: int) -> Answer:
    if code in ("full", "taken"):
        return Answer(code)
    if code == "over":
        return Answer("taken")
    if code == "duplicate":
        place = place_facts(line, entry)
        return Answer("duplicate", {"entry": entry, "position": place.position if place else 0})
    line.match()
    line.observe("tick", queue)
    return _told(line, entry, "booked", due_ms=due_ms)


def _due(line: Line, queue: Queue, asked_ms: int, now: int) -> int:
    """The time asked for, or the first opening after it when the queue is closed then; 0: now."""
    if asked_ms <= now:
        return 0
    opening = line.opening(queue, asked_ms)
    return asked_ms if opening.is_open else opening.opens_ms or asked_ms


def _as_new(
    line: Line,
    queue: Queue,
    ask: BookCallback,
    caller: Caller,
    choice: Choice,
    rank: tuple[int, int],
    skills: tuple[str, ...],
    waits: tuple[int | None, int | None, int | None],
) -> NewEntry:
    return NewEntry(
        id=line.new_id(),
        queue=queue.name,
        mode=Mode.CALLBACK,
        call=caller.call,
        number=choice.number,
        lang=ask.lang,
        skills=skills,
        band=rank[0],
        credit_ms=rank[1],
        limit=choice.limit,
        due_ms=choice.due_ms,
        promised_ms=choice.promised_ms,
        expires_ms=choice.expires_ms,
        order=choice.order,
        max_attempts=choice.max_attempts,
        retry_ms=choice.retry_ms,
        waits=waits,
    )


def take(line: Line, ask: TakePlace, caller: Caller) -> Answer:
    """Wait on the line in the place of one's own callback; matches at once, for it may have been due later."""
    now = line.clock.now_ms()
    if line.store.resume(ask.entry, caller.call, now + HEARD_MS, now) == "gone":
        return Answer("gone")
    line.match()
    return _told(line, ask.entry, "joined")


def check(line: Line, ask: CheckNumber) -> Answer:
    checked = line.numbers.check(ask.number)
    if checked.kind == "ok":
        return Answer("ok", {"number": checked.number})
    return Answer(checked.kind, {"why": checked.why} if checked.kind == "blocked" else {})


def renumber(line: Line, ask: ChangeNumber) -> Answer:
    """Raises ValueError for a number that we may not ring: the flow has to `CheckNumber` first."""
    checked = line.numbers.check(ask.number)
    if checked.kind != "ok":
        raise ValueError(f"the number is {checked.kind} ({checked.why}); ask CheckNumber before ChangeNumber")
    return Answer(line.store.renumber(ask.entry, checked.number, line.clock.now_ms()))


def leave(line: Line, ask: LeaveLine) -> Answer:
    entry = line.store.entry(ask.entry)
    answer = line.store.leave(ask.entry, ask.why, line.clock.now_ms())
    if entry and entry.state is EntryState.WAITING:
        line.observe("tick", line.queue(entry.queue))
    return Answer(answer)


def give_up(line: Line, ask: CancelPlace, caller: Caller) -> Answer:
    return Answer("cancelled" if line.cancel(ask.entry, "customer", asked_by=caller.call) else "gone")
