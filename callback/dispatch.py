"""What is overdue: swept in one script, and where only the provider can tell, asked of him.

Law: a crash anywhere is a deadline that passes. Nothing that may have been dialled is dialled again before the provider
has said what became of it; no answer from him is no answer, so it is asked again a little later. Nobody expires untold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from callback import attempts
from callback.jobs import Task
from callback.model import Attempt, Closing, Entry, EntryState, Leg, Mode
from callback.places import HEARD_MS
from callback.rows import Swept
from ivr.inputs import Outcome
from ivr.ports import CallState, Found, Provider, Unsure

if TYPE_CHECKING:
    from callback.service import Line

__all__ = ["Swept", "Task", "reconcile", "sweep"]

log = structlog.get_logger()

LOOK_MS = 120_000  # a talk that is up is looked at this often
MEET_MS = 5_000  # and one whose customer has not been brought to his agent yet, this often
RING_MORE_MS = 10_000  # a leg that still rings past its deadline
UNSURE_MS = 5_000  # the provider did not answer


def sweep(line: Line) -> Swept:
    """Do what is due: leases, retries, wrap-ups, closing and expiry. Returns also what `reconcile` must look for."""
    queues, now = line.queues(), line.clock.now_ms()
    closed: dict[str, tuple[int, Closing]] = {}
    for name, queue in queues.items():
        opening = line.opening(queue, now)
        if not opening.is_open:
            closed[name] = (opening.opens_ms, queue.closing)
    swept = line.store.sweep(closed, queues, now)
    for entry, why in swept.tell:
        _tell(line, entry, why)
    return swept


def _tell(line: Line, entry: str, why: str) -> None:
    attempt = line.new_id()
    if line.store.tell(entry, attempt, why, line.queues(), line.clock.now_ms()):
        line.enqueue(Task("dial", attempt=attempt, leg=Leg.CUSTOMER))


def reconcile(line: Line, provider: Provider, swept: Swept) -> None:
    """Ask the provider for every call that should have been heard of by now, and go by his answer."""
    for name in swept.dialing:
        attempt = line.store.attempt(name)
        entry = line.store.entry(attempt.entry) if attempt else None
        if attempt and entry and entry.attempt == name:
            _look_for_legs(line, provider, attempt, entry)
    for name in swept.connected:
        attempt = line.store.attempt(name)
        entry = line.store.entry(attempt.entry) if attempt else None
        if attempt and entry and entry.attempt == name:
            _look_for_talk(line, provider, attempt, entry)
    for name, call in swept.silent:
        _look_for_caller(line, provider, name, call)


def _find(provider: Provider, call: str) -> Found | None:
    """None: no answer, look again soon."""
    try:
        return provider.find(call)
    except Unsure:
        log.warning("provider_unsure", call=call)
        return None


def _look_for_legs(line: Line, provider: Provider, attempt: Attempt, entry: Entry) -> None:
    """A leg has been ringing, or an accepted one has been alone, past its deadline."""
    now = line.clock.now_ms()
    for leg in (leg for leg in attempt.order.legs if leg in attempt.placed):
        if leg is Leg.CUSTOMER and entry.mode is Mode.LIVE:
            continue  # he holds: he is looked for among the silent ones
        found = _find(provider, attempt.agent_call if leg is Leg.AGENT else attempt.customer_call)
        if found is None:
            line.store.extend(attempt.id, now + UNSURE_MS, now)
            return
        if found.state is CallState.UNKNOWN:
            attempts.never_dialled(line, attempt.id, leg)
            return
        if found.state is CallState.ENDED:
            attempts.leg_ended(line, attempt.id, leg, found.outcome or Outcome.FAILED)
            return
    if not line.store.extend(attempt.id, now + RING_MORE_MS, now):
        return
    if attempt.begun != attempt.leg:
        # The first leg is up and waits, and the errand to ring the second one was lost: nothing was dialled for it.
        line.enqueue(Task("dial", attempt=attempt.id, leg=attempt.leg))


def _look_for_talk(line: Line, provider: Provider, attempt: Attempt, entry: Entry) -> None:
    """The end of a talk may have gone unreported. Up past the queue's limit, it is ended."""
    now = line.clock.now_ms()
    customer = entry.call or attempt.customer_call
    for leg, call in ((Leg.AGENT, attempt.agent_call), (Leg.CUSTOMER, customer)):
        found = _find(provider, call)
        if found is None:
            line.store.extend(attempt.id, now + UNSURE_MS, now)
            return
        if found.state in (CallState.ENDED, CallState.UNKNOWN):
            if leg is Leg.CUSTOMER and entry.mode is Mode.LIVE:
                state = attempts.caller_gone(line, entry, call)
            else:
                state = attempts.side_gone(line, attempt, entry, leg)
            if state == EntryState.COMPLETED:
                line.enqueue(Task("hang_up", call=customer if leg is Leg.AGENT else attempt.agent_call))
            return
    if not attempt.met:  # the errand to bring him was lost, or is on its way: bringing somebody twice is harmless
        line.store.extend(attempt.id, now + MEET_MS, now)
        line.enqueue(Task("connect", attempt=attempt.id))
        return
    line.store.extend(attempt.id, now + LOOK_MS, now)
    if now - attempt.connected_ms > line.queue(entry.queue).talk_limit_ms:
        log.warning("talk_limit", attempt=attempt.id)
        for call in (attempt.agent_call, customer):
            line.enqueue(Task("hang_up", call=call))


def _look_for_caller(line: Line, provider: Provider, name: str, call: str) -> None:
    """A caller on hold has not been heard of: still there, or gone without a word."""
    now = line.clock.now_ms()
    found = _find(provider, call)
    if found is None or found.state in (CallState.RINGING, CallState.UP):
        line.store.held(name, call, now + (UNSURE_MS if found is None else HEARD_MS), now)
        return
    entry = line.store.entry(name)
    if entry and entry.state is not EntryState.CONNECTED:
        attempts.caller_gone(line, entry, call)
