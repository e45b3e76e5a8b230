"""Callback: keep the place and be rung, instead of waiting on the line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ivr.asks import BookCallback, CheckNumber, LeaveLine
from ivr.flow.fields import Duration, HoursName, Model, QueueName, SkillName, Target
from ivr.flow.steps.base import On, OptionalTarget, Step
from ivr.flow.steps.tries import try_again
from ivr.inputs import Answer, Digits
from ivr.instructions import Hold
from ivr.moves import AskFor, Go, Wait

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


class Schedule(Model):
    """Times to choose from when the caller would rather be rung later: slots of `slot` within the opening `hours`, up to
    `within` from now."""

    hours: HoursName
    slot: Annotated[Duration, Field(ge=900_000)] = 1_800_000
    within: Duration = 259_200_000


class CallbackExits(On):
    declined: OptionalTarget = None
    invalid: OptionalTarget = None
    duplicate: OptionalTarget = None
    full: OptionalTarget = None
    blocked: OptionalTarget = None


class CallbackStep(Step):
    """Settles the number and books the callback. With `keep_place`, a caller who waits keeps his place.

    `number`: `caller` rings the caller's number unasked, `confirm` reads it back (1 right, 2 another), `ask` asks.
    Zero values (`attempts` ...) leave the queue's own rule. An exit that is not named leads to `defaults.on_fail`.
    """

    waits: ClassVar[bool] = True
    human: ClassVar[bool] = True

    type: Literal["callback"]
    queue: QueueName
    keep_place: bool = True
    number: Literal["caller", "confirm", "ask"] = "confirm"
    schedule: Schedule | None = None
    priority: int = Field(default=0, ge=0, le=10)
    skills: list[SkillName] = []
    attempts: int = Field(default=0, ge=0, le=10)
    retry_after: Duration = 0
    expires: Duration = 0
    mode: Literal["", "agent_first", "customer_first"] = ""
    next: Target
    on: CallbackExits = CallbackExits()

    def masks(self, digits: str) -> bool:
        return len(digits) > 1  # a telephone number

    def enter(self, turning: Turning) -> Move:
        number = turning.session.number
        if self.number == "ask" or not number:
            return self._ask_number(turning)
        turning.at["stage"] = "check"
        return AskFor(CheckNumber(number))

    def resume(self, turning: Turning, given: Input) -> Move:
        stage = turning.at["stage"]
        if isinstance(given, Answer):
            return {"check": self._checked, "leave": self._book, "book": self._booked}[stage](turning, given)
        digits = given.digits if isinstance(given, Digits) else ""
        if digits == "*":
            return turning.leave(self, "declined")
        return {"number": self._typed, "confirm": self._confirmed, "when": self._chosen}[stage](turning, digits)

    def _ask_number(self, turning: Turning) -> Move:
        turning.at.update(stage="number", typed=True)
        turning.tell("ask_number")
        return turning.gather(15, finish="#", timeout_ms=10_000, sensitive=True)

    def _typed(self, turning: Turning, digits: str) -> Move:
        if not digits:
            return self._again(turning, "silence", "silence_digits", "declined")
        turning.at["stage"] = "check"
        return AskFor(CheckNumber(digits))

    def _again(self, turning: Turning, kind: str, sentence: str, exit_name: str) -> Move:
        if try_again(turning, kind, [], sentence, turning.flow.defaults.tries):
            return self._ask_number(turning)
        return turning.leave(self, exit_name)

    def _checked(self, turning: Turning, given: Answer) -> Move:
        if given.outcome == "ok":
            turning.at["number"] = given.values["number"]
            if self.number == "caller" and not turning.at.get("typed"):
                return self._when(turning)
            return self._confirm(turning)
        refused = "blocked" if given.outcome == "blocked" else "invalid"
        sentence = "blocked_number" if refused == "blocked" else "bad_number"
        if self.number == "caller" and not turning.at.get("typed"):
            turning.tell(sentence)
            return turning.leave(self, refused)
        return self._again(turning, "invalid", sentence, refused)

    def _confirm(self, turning: Turning) -> Move:
        turning.at["stage"] = "confirm"
        turning.tell("confirm_number", number=turning.phone(turning.at["number"]))
        turning.tell("decline")
        return turning.gather(1)

    def _confirmed(self, turning: Turning, digits: str) -> Move:
        if digits == "1":
            return self._when(turning)
        if digits == "2":
            return self._ask_number(turning)
        kind = "invalid" if digits else "silence"
        if try_again(turning, kind, [], kind, turning.flow.defaults.tries):
            return self._confirm(turning)
        return turning.leave(self, "declined")

    def _when(self, turning: Turning) -> Move:
        if self.schedule is None:
            return self._place(turning, 0)
        slots = self._slots(turning)
        if not slots:
            return self._place(turning, 0)
        turning.at.update(stage="when", slots=slots)
        turning.tell("when_soon")
        for key, slot in enumerate(slots, start=2):
            turning.tell("when_slot", day=turning.day(slot), time=turning.clock_time(slot), key=key)
        return turning.gather(1)

    def _slots(self, turning: Turning) -> list[int]:
        """Up to three times to choose from, at least two slots from now and an hour and a half apart, within the hours."""
        assert self.schedule is not None  # noqa: S101 - only asked for with a schedule
        hours, slot = turning.flow.hours[self.schedule.hours], self.schedule.slot
        at = (turning.now_ms // slot + 2) * slot
        found: list[int] = []
        while len(found) < 3 and at <= turning.now_ms + self.schedule.within:
            if not hours.is_open(at):
                at = max(at + slot, hours.next_open_ms(at) or at + self.schedule.within)
                continue
            found.append(at)
            at += max(slot, 5_400_000)
        return found

    def _chosen(self, turning: Turning, digits: str) -> Move:
        slots: list[int] = turning.at["slots"]
        if digits == "1":
            return self._place(turning, 0)
        if digits.isdigit() and 2 <= int(digits) < 2 + len(slots):
            return self._place(turning, slots[int(digits) - 2])
        kind = "invalid" if digits else "silence"
        if try_again(turning, kind, [], kind, turning.flow.defaults.tries):
            return self._when(turning)
        return self._place(turning, 0)

    def _place(self, turning: Turning, due_ms: int) -> Move:
        s = turning.session
        turning.at["due_ms"] = due_ms
        if s.entry and not self.keep_place:
            turning.at["stage"] = "leave"
            return AskFor(LeaveLine(s.entry, "callback"))
        return self._book(turning, Answer("left"))

    def _book(self, turning: Turning, given: Answer) -> Move:
        s, at = turning.session, turning.at
        if given.outcome == "taken":
            return self._taken(turning)
        if not self.keep_place:
            s.entry = ""
        at["stage"] = "book"
        return AskFor(
            BookCallback(
                self.queue,
                s.entry,
                at["number"],
                s.lang,
                self.priority,
                tuple(self.skills),
                at["due_ms"],
                self.attempts,
                self.retry_after,
                self.expires,
                self.mode,
            )
        )

    def _booked(self, turning: Turning, given: Answer) -> Move:
        values = given.values
        if given.outcome == "taken":
            return self._taken(turning)
        if given.outcome == "duplicate":
            turning.tell("number_duplicate")
            return turning.leave(self, "duplicate")
        if given.outcome != "booked":
            return turning.leave(self, "blocked" if given.outcome == "blocked" else "full")
        turning.session.entry, turning.session.queued = "", True
        if values.get("due_ms"):
            due = int(values["due_ms"])
            turning.tell("booked_later", day=turning.day(due), time=turning.clock_time(due))
        elif values.get("wait_s") is not None:
            turning.tell("booked_wait", minutes=turning.minutes(values["wait_s"]))
        elif values.get("position"):
            turning.tell("booked", position=values["position"])
        else:
            turning.tell("booked_soon")
        return Go(self.next)

    def _taken(self, turning: Turning) -> Move:
        """An agent has this caller at this very moment: back to the hold, where `Joined` will find him."""
        turning.back_in_line()
        turning.tell("connecting")
        return Wait(Hold(turning.take_speech(), "default", 20_000))
