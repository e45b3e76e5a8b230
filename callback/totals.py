"""What happened to a queue in a day: sums and histograms, folded from events one at a time.

Law: a fold over the events and nothing else, so that figures can be recomputed from the stream at any time. Totals add up
(`a + b`: queues of a house, days of a week). No entry is remembered, so an event carries all that it adds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from callback.model import AgentState, Leg, Queue
from callback.waits import NOBODY, Waits
from ivr.events import Event, EventType
from ivr.inputs import Outcome

TARGET_MS: Final = Queue("").target_ms


@dataclass(frozen=True, slots=True)
class Totals:
    """One queue's day, or the sum of several. Counts, milliseconds, and `Waits`.

    Agents' own time (`ready_ms` ...) belongs to no queue: it is folded from events without one, so it stands in the
    house's totals (queue "") as do the calls that ended before any queue.
    """

    ivr_abandoned: int = 0  # hung up before any queue
    joined: int = 0
    transferred: int = 0  # of the joined: sent here by an agent after a talk
    # live callers; a short abandon is in `short` and not in `abandoned`
    answered: Waits = NOBODY
    answered_in_target: int = 0
    abandoned: Waits = NOBODY
    short: Waits = NOBODY
    lost_in_target: int = 0  # abandoned or short, within the target time
    abandoned_past_target: int = 0  # without the short ones
    flowed_out: Waits = NOBODY
    # callbacks: entries that were turned into one, or were one from the start
    callback_offered: int = 0
    callback_accepted: Waits = NOBODY  # time on the line before accepting
    callback_connected: Waits = NOBODY  # the virtual wait: from entry to agent
    callback_hold: Waits = NOBODY  # from the customer's answer to the agent
    callback_line_ms: int = 0  # of those connected: time on the line before accepting
    callback_failed: int = 0
    callback_dropped: int = 0  # of the failed: answered, then hung up before an agent was there
    callback_cancelled: int = 0
    callback_expired: int = 0
    callback_untold: int = 0  # of the expired: nobody told them. Must stay 0
    dialled: int = 0
    dial_answered: int = 0
    first_dials: int = 0
    promises_kept: int = 0
    promises_missed: int = 0  # also by never dialling
    # the order
    matched: int = 0
    overtaken: int = 0
    # work
    handled: int = 0
    talk_ms: int = 0
    held_ms: int = 0
    wrap_ms: int = 0
    ready_ms: int = 0
    reserved_ms: int = 0
    on_call_ms: int = 0
    wrap_up_ms: int = 0
    paused_ms: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Totals:
        """What `as_json` gave, through JSON (which turns the steps of a histogram into text)."""
        return cls(**{name: _from_json(value) for name, value in data.items()})


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return Waits(value["n"], value["sum_ms"], {int(step): n for step, n in value["histogram"].items()})


def day_ms(event: Event) -> int:
    """The moment whose day `event` counts for. What becomes of an entry counts for the day in which it was entered, so
    that every day balances; talk, wrap-up and agents' time count when they end."""
    if "entered_ms" in event.data:
        return int(event.data["entered_ms"])
    return event.at_ms - int(event.data.get("wait_ms", 0))


def fold(totals: Totals, event: Event) -> Totals:
    """`totals` with `event` in them. Events that no figure needs change nothing."""
    change = FOLDS.get(event.type)
    return change(totals, event) if change else totals


def _ms(event: Event, name: str, default: int = 0) -> int:
    return int(event.data.get(name, default))


def _is(event: Event, name: str) -> bool:
    return event.data.get(name) == "1"


def _in_target(event: Event) -> bool:
    return _ms(event, "wait_ms") <= _ms(event, "target_ms", TARGET_MS)


def _call_ended(totals: Totals, event: Event) -> Totals:
    left = event.data.get("direction") == "in" and event.data.get("by") == "caller" and not _is(event, "queued")
    return replace(totals, ivr_abandoned=totals.ivr_abandoned + left)


def _connected(totals: Totals, event: Event, count: int = 1) -> Totals:
    wait_ms = _ms(event, "wait_ms")
    if not _is(event, "chosen"):
        return replace(
            totals,
            answered=totals.answered.plus(wait_ms, count),
            answered_in_target=totals.answered_in_target + count * _in_target(event),
        )
    return replace(
        totals,
        callback_connected=totals.callback_connected.plus(wait_ms, count),
        callback_hold=totals.callback_hold.plus(_ms(event, "hold_ms"), count),
        callback_line_ms=totals.callback_line_ms + count * _ms(event, "line_ms"),
    )


def _returned(totals: Totals, event: Event) -> Totals:
    return _connected(totals, event, -1)


def _abandoned(totals: Totals, event: Event) -> Totals:
    wait_ms, in_target = _ms(event, "wait_ms"), _in_target(event)
    if _is(event, "chosen"):
        return replace(
            totals,
            callback_failed=totals.callback_failed + 1,
            callback_dropped=totals.callback_dropped + 1,
        )
    if _is(event, "short"):
        return replace(totals, short=totals.short.plus(wait_ms), lost_in_target=totals.lost_in_target + in_target)
    return replace(
        totals,
        abandoned=totals.abandoned.plus(wait_ms),
        lost_in_target=totals.lost_in_target + in_target,
        abandoned_past_target=totals.abandoned_past_target + (not in_target),
    )


def _flowed_out(totals: Totals, event: Event) -> Totals:
    if _is(event, "chosen"):  # phoned in again, then chose another way: he no longer wants the call
        return replace(totals, callback_cancelled=totals.callback_cancelled + 1)
    return replace(totals, flowed_out=totals.flowed_out.plus(_ms(event, "wait_ms")))


def _expired(totals: Totals, event: Event) -> Totals:
    return replace(
        totals,
        callback_expired=totals.callback_expired + 1,
        callback_untold=totals.callback_untold + (not _is(event, "told")),
        promises_missed=totals.promises_missed + (event.data.get("dialled") == "0"),
    )


def _dial_begun(totals: Totals, event: Event, count: int = 1) -> Totals:
    if event.data.get("leg") != Leg.CUSTOMER:
        return totals
    totals = replace(totals, dialled=totals.dialled + count)
    if not _is(event, "first"):
        return totals
    promised_ms = _ms(event, "promised_ms")
    kept = _ms(event, "begun_ms", event.at_ms) <= promised_ms
    return replace(
        totals,
        first_dials=totals.first_dials + count,
        promises_kept=totals.promises_kept + count * (promised_ms > 0 and kept),
        promises_missed=totals.promises_missed + count * (promised_ms > 0 and not kept),
    )


def _dial_undone(totals: Totals, event: Event) -> Totals:
    return _dial_begun(totals, event, -1)


def _customer_answered(totals: Totals, event: Event) -> Totals:
    """A person took the call: he accepted, or he answered and refused."""
    refused = event.type is EventType.ATTEMPT_ENDED and event.data.get("outcome") == Outcome.REFUSED
    answered = event.data.get("leg") == Leg.CUSTOMER and (event.type is EventType.LEG_ACCEPTED or refused)
    return replace(totals, dial_answered=totals.dial_answered + answered)


def _matched(totals: Totals, event: Event) -> Totals:
    return replace(totals, matched=totals.matched + 1, overtaken=totals.overtaken + _ms(event, "overtaken"))


def _handled(totals: Totals, event: Event) -> Totals:
    return replace(
        totals,
        handled=totals.handled + 1,
        talk_ms=totals.talk_ms + _ms(event, "talk_ms"),
        held_ms=totals.held_ms + _ms(event, "held_ms"),
        wrap_ms=totals.wrap_ms + _ms(event, "wrap_ms"),
    )


def _agent_changed(totals: Totals, event: Event) -> Totals:
    was = AgentState(event.data["was"])
    if was is AgentState.OFFLINE:
        return totals
    name = f"{was}_ms"
    changed: dict[str, Any] = {name: getattr(totals, name) + _ms(event, "was_ms")}
    return replace(totals, **changed)


FOLDS: Final[dict[EventType, Callable[[Totals, Event], Totals]]] = {
    EventType.CALL_ENDED: _call_ended,
    EventType.CALLBACK_OFFERED: lambda t, _: replace(t, callback_offered=t.callback_offered + 1),
    EventType.ENTRY_JOINED: lambda t, _: replace(t, joined=t.joined + 1),
    EventType.TRANSFERRED: lambda t, _: replace(t, joined=t.joined + 1, transferred=t.transferred + 1),
    EventType.CALLBACK_CHOSEN: lambda t, e: replace(t, callback_accepted=t.callback_accepted.plus(_ms(e, "wait_ms"))),
    EventType.MATCHED: _matched,
    EventType.DIAL_BEGUN: _dial_begun,
    EventType.DIAL_UNDONE: _dial_undone,
    EventType.LEG_ACCEPTED: _customer_answered,
    EventType.ATTEMPT_ENDED: _customer_answered,
    EventType.CONNECTED: _connected,
    EventType.RETURNED: _returned,
    EventType.ABANDONED: _abandoned,
    EventType.FLOWED_OUT: _flowed_out,
    EventType.CANCELLED: lambda t, _: replace(t, callback_cancelled=t.callback_cancelled + 1),
    EventType.FAILED: lambda t, _: replace(t, callback_failed=t.callback_failed + 1),
    EventType.EXPIRED: _expired,
    EventType.HANDLED: _handled,
    EventType.AGENT_CHANGED: _agent_changed,
}


@dataclass(frozen=True, slots=True)
class Ledger:
    """Law 2: everybody who entered came to exactly one end, or waits. `waiting` and `callbacks_waiting` are what the ends
    leave over; `balanced`: that is what the line itself counts, or at least not less than nobody."""

    entered: int
    ivr_abandoned: int
    answered: int
    abandoned: int
    short: int
    callback_accepted: int
    flow_out: int
    waiting: int
    callbacks_connected: int
    callbacks_failed: int
    callbacks_cancelled: int
    callbacks_expired: int
    callbacks_waiting: int
    balanced: bool


def ledger(totals: Totals, waiting: int | None = None, callbacks_waiting: int | None = None) -> Ledger:
    """The books of `totals`. Give `waiting` (live) and `callbacks_waiting` as counted in the line, talks that have begun not
    among them, to have them compared; without them the books balance when nobody ended twice. A callback may not expire untold."""
    t = totals
    live = t.joined - t.answered.n - t.abandoned.n - t.short.n - t.callback_accepted.n - t.flowed_out.n
    ends = t.callback_connected.n + t.callback_failed + t.callback_cancelled + t.callback_expired
    callbacks = t.callback_accepted.n - ends
    agrees = (waiting is None or waiting == live) and (callbacks_waiting is None or callbacks_waiting == callbacks)
    return Ledger(
        entered=t.joined + t.ivr_abandoned,
        ivr_abandoned=t.ivr_abandoned,
        answered=t.answered.n,
        abandoned=t.abandoned.n,
        short=t.short.n,
        callback_accepted=t.callback_accepted.n,
        flow_out=t.flowed_out.n,
        waiting=live,
        callbacks_connected=t.callback_connected.n,
        callbacks_failed=t.callback_failed,
        callbacks_cancelled=t.callback_cancelled,
        callbacks_expired=t.callback_expired,
        callbacks_waiting=callbacks,
        balanced=live >= 0 and callbacks >= 0 and agrees and not t.callback_untold,
    )
