"""Facts in the past tense: the closed set of events.

Law: a state change and its event are written by the same script. Every number on a screen is a fold over these.
An event holds no phone number (law 6 of the design) and no sensitive digits: `who` is a keyed hash of the number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class EventType(StrEnum):
    """Each with the `data` it carries (all values are strings; `_ms` are milliseconds)."""

    # the call (written with the session by the turn that made them)
    CALL_STARTED = "call_started"  # flow, version, direction (in, out), lang; machine (machine, human, unsure) if we had it listened for
    STEP_ENTERED = "step_entered"  # step, flow
    DIGITS_PRESSED = "digits_pressed"  # step, digits (masked when sensitive)
    INPUT_FAILED = "input_failed"  # step, kind (silence, invalid), attempt
    LANGUAGE_CHANGED = "language_changed"  # lang
    FETCHED = "fetched"  # step, outcome, response_code
    VOICEMAIL_LEFT = "voicemail_left"  # box, url, seconds
    SURVEY_ANSWERED = "survey_answered"  # kind, score
    STEP_FAILED = "step_failed"  # step, why: a mistake in the flow met at run time
    BUDGET_EXCEEDED = "budget_exceeded"  # step, budget
    CALLBACK_OFFERED = "callback_offered"  # step; queue and entry are set; once per entry, when the offer is spoken
    CALL_ENDED = "call_ended"  # outcome, reason, step, seconds, direction (in, out), queued (1: stood in a line), by (caller, us)

    # the line (written by the Lua script that made the change). `wait_ms` is always at_ms - entered_ms of the entry, so
    # that an event that counts an end can be attributed to the day of the entry; `chosen` 1: it had become a callback
    ENTRY_JOINED = "entry_joined"  # who, mode, band, score, entered_ms, position, waiting, p50_s, p80_s, p90_s
    CALLBACK_CHOSEN = "callback_chosen"  # wait_ms (on the line until now), promised_ms, due_ms; follows an entry_joined of mode callback too
    PLACE_TAKEN = "place_taken"  # score: a customer phoned in and waits on the line in the place of the callback
    CALLER_LEFT = "caller_left"  # next, due_ms: he hung up again, the entry is a callback as before
    NUMBER_CHANGED = "number_changed"
    MATCHED = "matched"  # agent, attempt, order, overtaken (waiting entries passed that this agent could have served)
    DIAL_BEGUN = "dial_begun"  # attempt, leg, first (1: leg customer, never rung before for this entry), promised_ms
    DIAL_UNDONE = "dial_undone"  # nothing was dialled: undoes dial_begun. Its leg, first, promised_ms, and begun_ms, when that was
    LEG_ACCEPTED = "leg_accepted"  # attempt, leg
    CONNECTED = "connected"  # agent, attempt, mode, chosen, wait_ms, hold_ms, target_ms (the queue's), line_ms (chosen: on the line before)
    RETURNED = "returned"  # the room never filled: undoes connected, the entry waits again. The data of that connected, and entered_ms
    ATTEMPT_ENDED = "attempt_ended"  # attempt, leg, outcome, next (waiting, scheduled, failed ...), due_ms
    SET_ASIDE = "set_aside"  # until_ms: it is passed over until then, in its place; the caller's part of the network takes no orders
    PROMOTED = "promoted"  # score: a scheduled entry is due and waits again, at this place
    COMPLETED = (
        "completed"  # agent, attempt, talk_ms. One that `transferred` or `handed_over` follows did not come true
    )
    TRANSFERRED = (
        "transferred"  # from (the queue it leaves; `queue` is the new one), to (that, or agent:id), by, score, talk_ms
    )
    HANDED_OVER = (
        "handed_over"  # from (an agent; `agent` is the new one, empty: nobody of ours), talk_ms; the talk goes on
    )
    FELL_BACK = (
        "fell_back"  # agent: it waited for him alone and he has gone; whoever serves the queue gets it, in its place
    )
    ABANDONED = "abandoned"  # wait_ms, short (1 or 0), chosen, target_ms (the queue's)
    FLOWED_OUT = "flowed_out"  # wait_ms, why, chosen
    CANCELLED = "cancelled"  # why (customer, operator), wait_ms, chosen
    FAILED = "failed"  # why (an outcome): attempts exhausted; wait_ms, chosen
    EXPIRED = "expired"  # why, told (1 or 0), dialled (0: was never rung), wait_ms, chosen
    AGENT_CHANGED = "agent_changed"  # agent, was, state, reason, was_ms (how long it was in `was`)
    HANDLED = (
        "handled"  # agent, attempt, talk_ms, wrap_ms, held_ms (0 unless agents can hold): written when the wrap-up ends
    )


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. `at_ms` is when it happened; the ids are empty where they do not apply."""

    type: EventType
    at_ms: int
    call: str = ""
    queue: str = ""
    entry: str = ""
    agent: str = ""
    attempt: str = ""
    data: dict[str, str] = field(default_factory=dict)

    def as_fields(self) -> dict[str, str]:
        """The event as the flat fields of a stream entry: the ids that apply, then the data."""
        ids = {k: v for k in ("call", "queue", "entry", "agent", "attempt") if (v := getattr(self, k))}
        return {"type": self.type.value, "at": str(self.at_ms), **ids, **self.data}

    @classmethod
    def from_fields(cls, fields: dict[str, str]) -> Event:
        """The event that `as_fields`, or a Lua script, wrote."""
        rest = dict(fields)
        kind, at = EventType(rest.pop("type")), int(rest.pop("at"))
        ids = {k: rest.pop(k, "") for k in ("call", "queue", "entry", "agent", "attempt")}
        return cls(kind, at, **ids, data=rest)
