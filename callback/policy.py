"""The rules of the line: who stands where, what a failed attempt costs, what is offered and said, whom we may ring.

Law: pure. Time, numbers and the queue's own rules come in; a decision goes out. Nothing here is read or stored.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

import phonenumbers
from phonenumbers import PhoneNumberType

from callback.model import Entry, EntryState, Place, Queue
from ivr.inputs import Outcome

LONGEST_MS: Final = 900_000
"""Between two tries of what failed by our own doing."""

OURS: Final = frozenset({Outcome.FAILED, Outcome.CANCELED})
"""Outcomes that are our own doing (trunk, agent gone): they never use up the customer's attempts."""


def rank(priority: int, queue: Queue) -> tuple[int, int]:
    """Where `priority` lets a newcomer stand in `queue`: (band, credit_ms). Lower bands are served first.

    0 is normal. 1 to 9 give a time credit, subtracted once from the time of entry, so nobody waits for ever behind
    them (the bank of `science.md` 1 worked so, with 90 s). 10 is a band of its own, before everybody.
    Raises ValueError outside 0..10.
    """
    if not 0 <= priority <= 10:
        raise ValueError(f"priority {priority} is out of range; expected 0 (normal) to 9 (time credit), or 10 (first)")
    return (0, 0) if priority == 10 else (1, priority * queue.credit_ms)


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of an entry: `waiting` or `scheduled` (due at `due_ms`, in the old place or a new one), or `failed`."""

    state: EntryState
    due_ms: int
    keep_place: bool


def after_attempt(queue: Queue, entry: Entry, outcome: Outcome, now_ms: int) -> Next:
    """What follows when the customer's leg came out as `outcome`; `entry.tries` does not count it yet.

    Each outcome has its own limit and delay (`queue.callbacks.retries`); what fails by our own doing, a trunk that is down, is tried
    less and less often, so that an hour of it ends nobody's callback. `max_attempts` limits the outcomes that are
    the customer's, all together; the entry's own `max_attempts` and `retry_ms` stand before the queue's there.
    A call that we cancelled ourselves costs nothing. An outcome without a rule fails at once.
    Raises ValueError for `answered`, which is no failure.
    """
    if outcome is Outcome.ANSWERED:
        raise ValueError("after_attempt() is for legs that were not accepted; an answered leg is connected instead")
    if outcome is Outcome.CANCELED:
        return Next(EntryState.WAITING, now_ms, keep_place=True)
    rules = queue.callbacks
    retry = rules.retries.get(outcome)
    tries = entry.tries.get(outcome.value, 0) + 1
    if retry is None or tries >= retry.attempts:
        return Next(EntryState.FAILED, 0, keep_place=False)
    delay_ms = retry.delay_ms
    if outcome in OURS:
        delay_ms = max(delay_ms, min(delay_ms << min(tries - 1, 20), LONGEST_MS))
    else:
        total = 1 + sum(n for name, n in entry.tries.items() if name not in OURS)
        if total >= (entry.max_attempts or rules.max_attempts):
            return Next(EntryState.FAILED, 0, keep_place=False)
        delay_ms = entry.retry_ms or delay_ms
    state = EntryState.SCHEDULED if delay_ms else EntryState.WAITING
    return Next(state, now_ms + delay_ms, keep_place=retry.place is Place.KEEP)


@dataclass(frozen=True, slots=True)
class Opening:
    """A queue's hours at one moment. `closes_ms`: the end of this opening, `opens_ms`: the next one (0: never)."""

    is_open: bool
    closes_ms: int = 0
    opens_ms: int = 0


ALWAYS_OPEN: Final = Opening(is_open=True)


def clears_before_close(opening: Opening, now_ms: int, p90_s: int | None) -> bool:
    """Can somebody who stands here still be served before the queue closes? `p90_s`: nine of ten wait no longer.

    An unknown wait counts as none: as long as the queue is open he is not turned away for want of an estimate.
    """
    if not opening.is_open:
        return False
    return opening.closes_ms == 0 or now_ms + (p90_s or 0) * 1000 < opening.closes_ms


def offer(queue: Queue, waited_ms: int, p80_s: int | None, clears_before_close: bool) -> bool:
    """May a callback be offered now, to a caller who has waited `waited_ms` and still has `p80_s` (unknown: None) to go?

    `p80_s` is compared as estimated, before the ladder of `announce_s` rounds it up.
    """
    rules = queue.callbacks
    if not rules.enabled or not clears_before_close:
        return False
    long_wait = p80_s is not None and p80_s * 1000 >= rules.offer.min_wait_ms
    return long_wait or waited_ms >= rules.offer.after_ms


LADDER_S: Final = tuple(60 * minutes for minutes in (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90))
"""What is said: kept for 89 of 100 callers on real data when P80 is rounded up to it (`science.md` 2.4)."""

SHORT_S: Final = 30


def announce_s(p80_s: int | None) -> int | None:
    """The wait to say ("less than"), in seconds: `p80_s` up the ladder, above it up to whole hours.

    None, say nothing: unknown, or too short to be worth the words.
    """
    if p80_s is None or p80_s <= SHORT_S:
        return None
    if p80_s > LADDER_S[-1]:
        return -(-p80_s // 3600) * 3600
    return LADDER_S[bisect_left(LADDER_S, p80_s)]


class NumberType(StrEnum):
    """The types of number that may be allowed at all. Premium, shared cost, UAN, toll free and pager cannot be named."""

    FIXED_LINE = "fixed_line"
    MOBILE = "mobile"
    FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile"
    VOIP = "voip"


_TYPES: Final = {
    PhoneNumberType.FIXED_LINE: NumberType.FIXED_LINE,
    PhoneNumberType.MOBILE: NumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP: NumberType.VOIP,
}

ORDINARY: Final = frozenset({NumberType.FIXED_LINE, NumberType.MOBILE, NumberType.FIXED_LINE_OR_MOBILE})


@dataclass(frozen=True, slots=True)
class Checked:
    """`number` is E.164 when `ok`, else empty. `why`: empty, unreadable, not_in_use, short, region, type or denied."""

    kind: Literal["ok", "invalid", "blocked"]
    number: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class NumberRules:
    """Which numbers we ring, against toll fraud: an allow-list of regions and of types, then a list of refused prefixes.

    A region is not a country code: +1 876 is Jamaica's, so it stays out unless JM is allowed. Satellite networks
    (region 001) are never rung: they pass as valid mobiles and cost like nothing else.
    """

    home: str = "BR"
    regions: frozenset[str] = frozenset({"BR"})
    types: frozenset[NumberType] = field(default=ORDINARY)
    deny_prefixes: tuple[str, ...] = ()

    def check(self, text: str) -> Checked:
        """May we ring `text`, as E.164 or as dialled in the home country?"""
        if not any(mark.isdigit() for mark in text):
            return Checked("invalid", why="empty")
        try:
            number = phonenumbers.parse(text, self.home)
        except phonenumbers.NumberParseException:
            return Checked("invalid", why="unreadable")
        if number.extension or any(mark.isalpha() for mark in text):
            return Checked("invalid", why="unreadable")
        if phonenumbers.is_valid_short_number_for_region(number, self.home) or phonenumbers.is_emergency_number(
            text, self.home
        ):
            return Checked("blocked", why="short")
        if not phonenumbers.is_valid_number(number):
            return Checked("invalid", why="not_in_use")
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if phonenumbers.region_code_for_number(number) not in self.regions - {"001"}:
            return Checked("blocked", why="region")
        if _TYPES.get(phonenumbers.number_type(number)) not in self.types:
            return Checked("blocked", why="type")
        if self.deny_prefixes and e164.startswith(self.deny_prefixes):
            return Checked("blocked", why="denied")
        return Checked("ok", e164)
