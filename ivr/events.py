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
    CALL_STARTED = "call_started"  # flow, version, direction, provider
    STEP_ENTERED = "step_entered"  # step, flow
    DIGITS_PRESSED = "digits_pressed"  # step, digits (masked when sensitive)
    INPUT_FAILED = "input_failed"  # step, kind (silence, invalid), attempt
    LANGUAGE_CHANGED = "language_changed"  # lang
    FETCHED = "fetched"  # step, outcome, response_code
    VOICEMAIL_LEFT = "voicemail_left"  # box, url, seconds
    SURVEY_ANSWERED = "survey_answered"  # kind, score
    BUDGET_EXCEEDED = "budget_exceeded"  # step, budget
    CALL_ENDED = "call_ended"  # outcome, reason, step, seconds

    # the line (written by the Lua script that made the change)
    ENTRY_JOINED = "entry_joined"  # who, mode, band, score, entered_ms, position, waiting, p50_s, p80_s, p90_s
    CALLBACK_CHOSEN = "callback_chosen"  # wait_ms (on the line until now), promised_ms, due_ms
    PLACE_TAKEN = "place_taken"  # a customer phoned in and waits on the line in the place of the callback
    CALLER_LEFT = "caller_left"  # he hung up again: the entry is a callback as before
    NUMBER_CHANGED = "number_changed"
    MATCHED = "matched"  # agent, attempt, order, overtaken (waiting entries passed that this agent could have served)
    DIAL_BEGUN = "dial_begun"  # attempt, leg
    LEG_ACCEPTED = "leg_accepted"  # attempt, leg
    CONNECTED = "connected"  # agent, attempt, mode, chosen (1: had become a callback), wait_ms, hold_ms
    ATTEMPT_ENDED = "attempt_ended"  # attempt, leg, outcome, next (waiting, scheduled, failed ...), due_ms
    PROMOTED = "promoted"  # a scheduled entry is due and waits again
    COMPLETED = "completed"  # agent, attempt, talk_ms
    ABANDONED = "abandoned"  # wait_ms, short (1 or 0)
    FLOWED_OUT = "flowed_out"  # wait_ms, why
    CANCELLED = "cancelled"  # why (customer, operator)
    FAILED = "failed"  # why (an outcome): attempts exhausted
    EXPIRED = "expired"  # why, told
    AGENT_CHANGED = "agent_changed"  # agent, was, state, reason
    HANDLED = "handled"  # agent, attempt, talk_ms, wrap_ms: written when the wrap-up ends


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
