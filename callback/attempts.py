"""What becomes of an attempt: its legs are rung, accepted, end; the two talk; one hangs up.

Law: a message may be late, double or out of order; the script it ends in compares and answers, and a change is followed
by what it asks for (a call to hang up, the next leg to ring, the next match), which may be lost or done twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from callback import policy
from callback.jobs import Task
from callback.model import Agent, Attempt, Entry, EntryState, Leg, Mode, Queue
from callback.places import HEARD_MS
from callback.policy import Next
from callback.store import MARGIN_MS
from ivr.asks import Accept
from ivr.inputs import Answer, Outcome
from ivr.ports import Caller

if TYPE_CHECKING:
    from callback.service import Line

log = structlog.get_logger()

OLD_PLACE: Final = Next(EntryState.WAITING, 0, keep_place=True)
GIVEN_UP: Final = Next(EntryState.CANCELLED, 0, keep_place=True)
TOLD: Final = Next(EntryState.EXPIRED, 0, keep_place=True)

# A flow's own word for how its call ended is taken for the outcome when it is one of these.
SAID: Final = {o.value: o for o in (Outcome.REFUSED, Outcome.MACHINE, Outcome.BUSY, Outcome.NO_ANSWER)}


@dataclass(frozen=True, slots=True)
class Begun:
    """What the winner of `begin` needs to place the call. `send_by_ms`: later than this he must not send it any more.

    `left_up`: a call that we placed to this phone before and that is not known to have ended; it is hung up first.
    `tell`: nobody is to be connected; the customer is told that he will not be served (`why`: closed, expired).
    """

    call: str
    to: str
    caller_id: str
    ring_ms: int
    send_by_ms: int
    leg: Leg
    lang: str
    queue: Queue
    entry: Entry
    attempt: Attempt
    agent: Agent | None
    left_up: str = ""
    tell: bool = False


def begin(line: Line, attempt: str, leg: str) -> Begun | None:
    """None: somebody else has begun this leg, or the attempt is over. The one winner gets the call to place."""
    won = line.store.begin(attempt, leg, line.queues(), line.clock.now_ms())
    if won is None:
        log.info("begin_lost", attempt=attempt, leg=leg)
        return None
    entry, tried, agent, left_up = won
    queue = line.queue(entry.queue)
    to_agent = leg == Leg.AGENT and agent is not None
    ring_ms = queue.ring_agent_ms if to_agent else queue.ring_customer_ms
    return Begun(
        call=tried.agent_call if to_agent else tried.customer_call,
        to=agent.phone if to_agent and agent else entry.number,
        caller_id=queue.caller_id,
        ring_ms=ring_ms,
        send_by_ms=tried.deadline_ms - ring_ms - queue.accept_ms - MARGIN_MS // 2,
        leg=Leg(leg),
        lang=(agent.lang if to_agent and agent else "") or entry.lang,
        queue=queue,
        entry=entry,
        attempt=tried,
        agent=agent,
        left_up=left_up,
        tell=agent is None,
    )


def accept(line: Line, ask: Accept) -> Answer:
    now = line.clock.now_ms()
    answer, task = line.store.accept(ask.attempt, ask.leg, now + HEARD_MS, line.queues(), now)
    if task == "connect":
        line.enqueue(Task("connect", attempt=ask.attempt))
    elif task:
        line.enqueue(Task("dial", attempt=ask.attempt, leg=task))
    if answer == "gone":
        log.info("accept_late", attempt=ask.attempt, leg=ask.leg)
    return Answer(answer)


def leg_ended(line: Line, attempt: str, leg: str, outcome: Outcome, reason: str = "") -> str:
    """A leg that did not become a talk. Returns the entry's state now, or `late`.

    An answered leg without an accept is `refused`, or what the flow says it was (`reason`: machine, busy ...; cancelled: the
    customer no longer wants it).
    """
    if outcome is Outcome.ANSWERED or outcome is Outcome.CANCELED:
        outcome = SAID.get(reason, Outcome.REFUSED if outcome is Outcome.ANSWERED else outcome)
    tried = line.store.attempt(attempt)
    entry = line.store.entry(tried.entry) if tried else None
    if not tried or not entry:
        log.info("leg_ended_unknown", attempt=attempt, leg=leg)
        return "late"
    now = line.clock.now_ms()
    then = OLD_PLACE
    if leg == Leg.CUSTOMER and not tried.agent and outcome is Outcome.REFUSED:
        then = TOLD  # he answered, heard the message, and nothing was to be accepted
    elif leg == Leg.CUSTOMER and reason == "cancelled":
        then = GIVEN_UP  # he answered, and no longer needs the call
    elif leg == Leg.CUSTOMER:
        then = policy.after_attempt(line.queue(entry.queue), entry, outcome, now)
    state, calls = line.store.leg_ended(
        attempt, leg, outcome, then, counts=then is not TOLD, queues=line.queues(), now_ms=now
    )
    return _after(line, entry, state, calls, "leg_ended", attempt)


def never_dialled(line: Line, attempt: str, leg: str) -> str:
    """Our own failure before anything rang: the old place, and it costs nobody anything."""
    tried = line.store.attempt(attempt)
    entry = line.store.entry(tried.entry) if tried else None
    if not entry:
        return "late"
    state, calls = line.store.leg_ended(
        attempt, leg, Outcome.CANCELED, OLD_PLACE, counts=False, queues=line.queues(), now_ms=line.clock.now_ms()
    )
    return _after(line, entry, state, calls, "never_dialled", attempt)


def out_of_reach(line: Line, attempt: str, leg: str, *, phone: bool = False) -> str:
    """The part of the network that this leg needs takes no orders now, and nothing was dialled. Whoever is there is passed over for
    a moment: the caller who holds there; else the agent whose phone, or the customer whose line out, is there. `phone`: it is the
    phone itself, on which an older call of ours cannot be ended."""
    tried = line.store.attempt(attempt)
    entry = line.store.entry(tried.entry) if tried else None
    if not entry:
        return "late"
    whose = "agent" if leg == Leg.AGENT and (phone or entry.mode is Mode.CALLBACK) else "entry"
    state, calls = line.store.set_aside(attempt, leg, whose, line.queues(), line.clock.now_ms())
    return _after(line, entry, state, calls, "out_of_reach", attempt)


def caller_gone(line: Line, entry: Entry, call: str, *, never_met: bool = False, ours: bool = False) -> str:
    """The caller on the line hung up, or (`ours`) was hung up for want of a word from us. Returns the entry's state now, or `late`."""
    now = line.clock.now_ms()
    # One whom we rang and who gave up holding for the agent has not had his talk: as if he had refused it.
    outcome = Outcome.CANCELED if ours else Outcome.REFUSED
    then = policy.after_attempt(line.queue(entry.queue), entry, outcome, now)
    state, calls = line.store.caller_gone(entry.id, call, never_met, outcome, then, line.queues(), now)
    if state == EntryState.ABANDONED:
        line.observe("abandon", line.queue(entry.queue), entry.id, wait_ms=now - entry.entered_ms)
    return _after(line, entry, state, calls, "caller_gone", entry.attempt)


def talk_ended(line: Line, caller: Caller, outcome: Outcome) -> None:
    """`answered`: the other side left the talk. Anything else: this side found the room empty."""
    attempt, leg = _talk_of(line, caller)
    if not attempt:
        log.info("talk_ended_late", call=caller.call)
        return
    entry = line.store.entry(attempt.entry)
    if leg is Leg.AGENT and attempt.agent_call != caller.call:
        log.info("talk_goes_on_without", call=caller.call, attempt=attempt.id)  # he has handed it over
        return
    # An agent has waited in the room while the customer was rung, and the room has sent him away: nobody may be led to it now.
    left_early = leg is Leg.AGENT and entry and entry.attempt == attempt.id and entry.state is EntryState.DIALING
    if left_early and leg_ended(line, attempt.id, leg, Outcome.CANCELED) != "late":
        return
    if entry:
        side_gone(line, attempt, entry, leg, met=outcome is Outcome.ANSWERED)


def side_gone(line: Line, attempt: Attempt, entry: Entry, leg: Leg, *, met: bool = True) -> str:
    """One side of a connected attempt is gone, or (not `met`) the side that tells found the room empty. Returns the entry's
    state now: completed, or waiting when the customer had not been in the room; or `late`."""
    now = line.clock.now_ms()
    state, calls = line.store.talk_ended(attempt, leg, met, now + HEARD_MS, line.queues(), now)
    return _after(line, entry, state, calls, "talk_ended", attempt.id)


def ended(line: Line, caller: Caller, outcome: Outcome, reason: str) -> None:
    """A call is over: a leg of an attempt, or a call that phoned in. Every way it can matter ends in one script."""
    stood_for = "" if caller.leg == Leg.AGENT else line.store.hung_up(caller.call, line.clock.now_ms())
    if not caller.attempt:
        entry_id = stood_for or caller.entry
        entry = line.store.entry(entry_id) if entry_id else None
        if entry and entry.mode is Mode.LIVE and entry.call == caller.call:
            caller_gone(line, entry, caller.call, never_met=caller.room != entry.attempt)
        elif entry and entry.state is EntryState.CONNECTED and entry.attempt:
            _other_side_gone(line, entry, caller.call)
        return
    line.store.phone_down(caller.attempt, caller.leg, caller.call, line.clock.now_ms())
    attempt = line.store.attempt(caller.attempt)
    entry = line.store.entry(attempt.entry) if attempt else None
    if not attempt or not entry:
        log.info("ended_unknown", call=caller.call, attempt=caller.attempt)
        return
    if entry.mode is Mode.LIVE and entry.call == caller.call:
        # a customer we rang, who holds, perhaps in a later attempt than his own
        ours = outcome is Outcome.CANCELED
        caller_gone(line, entry, caller.call, never_met=caller.room != entry.attempt, ours=ours)
    elif entry.state is EntryState.CONNECTED and entry.attempt == attempt.id:
        # One whose session is not in the room has left it before, alone, or has never reached it.
        talk_ended(line, caller, Outcome.ANSWERED if caller.room == attempt.id else Outcome.FAILED)
    else:
        leg_ended(line, attempt.id, caller.leg or Leg.CUSTOMER, outcome, reason)


def _other_side_gone(line: Line, entry: Entry, call: str) -> None:
    """The call of the one to whom the talk was handed over has ended, if this is the one."""
    attempt = line.store.attempt(entry.attempt)
    if attempt and attempt.agent_call == call:
        side_gone(line, attempt, entry, Leg.AGENT)


def gone(line: Line, attempt: str) -> None:
    """The held caller was not there any more when he was to be moved to the agent who had accepted. An errand that comes late may
    find that he has been moved, has talked and has hung up: the line knows whether the two have met."""
    tried = line.store.attempt(attempt)
    entry = line.store.entry(tried.entry) if tried else None
    if entry and entry.attempt == attempt and entry.mode is Mode.LIVE:
        caller_gone(line, entry, entry.call)


def _talk_of(line: Line, caller: Caller) -> tuple[Attempt | None, Leg]:
    """The attempt that this call talks in, and as which leg: its own, or the one it was moved into while it held."""
    tells_of = caller.room or caller.attempt  # a room he left late is not the one that he is wanted in now
    attempt = line.store.attempt(tells_of) if tells_of else None
    if attempt and (caller.room or not attempt.over):
        return attempt, Leg(caller.leg or Leg.CUSTOMER)  # a caller who was moved into the room has no leg of his own
    entry_id = attempt.entry if attempt else caller.entry
    entry = line.store.entry(entry_id) if entry_id else None
    if not entry or not entry.attempt or entry.call != caller.call:
        return None, Leg.CUSTOMER
    return line.store.attempt(entry.attempt), Leg.CUSTOMER


def _after(line: Line, entry: Entry, state: str, calls: list[str], what: str, attempt: str) -> str:
    """What every end is followed by: calls that lost their purpose are hung up, and whoever is free is matched."""
    if state == "late":
        log.info(what + "_late", entry=entry.id, attempt=attempt)
        return state
    for call in calls:
        line.enqueue(Task("hang_up", call=call))
    if line.match() == 0 and state in (EntryState.WAITING, EntryState.SCHEDULED, EntryState.FAILED):
        line.observe("tick", line.queue(entry.queue))
    return state
