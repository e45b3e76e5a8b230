"""A caller phones in while we owe him a call: he hears his place and says what he wants.

Law: nothing happens to the place unless he asks for it; silence keeps it. Part of the `queue` step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.asks import CancelPlace, ChangeNumber, CheckNumber, TakePlace
from ivr.flow.steps.tries import try_again
from ivr.inputs import Answer, Digits
from ivr.moves import AskFor, End

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning

KEPT = ("found", "take", "number", "check", "confirm", "change", "cancel")
"""The stages of this conversation, as the queue step's `at["stage"]`."""


def ask_about_place(turning: Turning, found: Answer) -> Move:
    """Say the place and the four choices."""
    turning.session.queued = True
    turning.at.update(stage="found", kept=found.values["entry"], position=found.values.get("position"))
    position = turning.at["position"]
    if position:
        turning.tell("place_found", position=position)
    else:
        turning.tell("place_found_later")
    turning.tell("place_choices")
    return turning.gather(1)


def resume_about_place(
    turning: Turning, given: Input, *, rejoin: Callable[[], Move], joined: Callable[[Turning, Answer], Move]
) -> Move:
    """`rejoin`: the place is gone, so stand in line anew; `joined`: the caller now waits on the line in it."""
    at, stage = turning.at, turning.at["stage"]
    if isinstance(given, Answer):
        if stage == "check" and given.outcome == "ok":
            at["number"] = given.values["number"]
            return _confirm(turning)
        if stage == "check":
            sentence = "blocked_number" if given.outcome == "blocked" else "bad_number"
            return _number_again(turning, "invalid", sentence)
        if given.outcome == "gone":
            turning.tell("place_gone")
            return rejoin()
        return _settled(turning, given, joined)
    digits = given.digits if isinstance(given, Digits) else ""
    if stage == "number":
        if not digits:
            return _number_again(turning, "silence", "silence_digits")
        at["stage"] = "check"
        return AskFor(CheckNumber(digits))
    return _confirmed(turning, digits) if stage == "confirm" else _choose(turning, digits)


def _choose(turning: Turning, digits: str) -> Move:
    at = turning.at
    if digits == "1":
        at["stage"] = "take"
        return AskFor(TakePlace(at["kept"]))
    if digits == "2":
        return _kept(turning)
    if digits == "3":
        return _ask_number(turning)
    if digits == "4":
        at["stage"] = "cancel"
        return AskFor(CancelPlace(at["kept"]))
    kind = "invalid" if digits else "silence"
    if not try_again(turning, kind, [], kind, turning.flow.defaults.tries):
        return _kept(turning)
    turning.tell("place_choices")
    return turning.gather(1)


def _ask_number(turning: Turning) -> Move:
    turning.at["stage"] = "number"
    turning.tell("ask_number")
    return turning.gather(15, finish="#", timeout_ms=10_000, sensitive=True)


def _confirm(turning: Turning) -> Move:
    turning.at["stage"] = "confirm"
    turning.tell("confirm_number", number=turning.phone(turning.at["number"]))
    return turning.gather(1)


def _confirmed(turning: Turning, digits: str) -> Move:
    at = turning.at
    if digits == "1":
        at["stage"] = "change"
        return AskFor(ChangeNumber(at["kept"], at["number"]))
    if digits == "2":
        return _ask_number(turning)
    kind = "invalid" if digits else "silence"
    if try_again(turning, kind, [], kind, turning.flow.defaults.tries):
        return _confirm(turning)
    return _kept(turning)


def _number_again(turning: Turning, kind: str, sentence: str) -> Move:
    if try_again(turning, kind, [], sentence, turning.flow.defaults.tries):
        return _ask_number(turning)
    return _kept(turning)


def _kept(turning: Turning) -> Move:
    turning.tell("place_kept")
    return End("place_kept", final=True)


def _settled(turning: Turning, given: Answer, joined: Callable[[Turning, Answer], Move]) -> Move:
    if given.outcome == "joined":
        return joined(turning, given)
    if given.outcome == "changed":
        turning.tell("number_changed", number=turning.phone(turning.at["number"]))
        return End("number_changed", final=True)
    if given.outcome == "duplicate":
        return _number_again(turning, "invalid", "number_duplicate")
    turning.tell("place_cancelled")
    turning.tell("goodbye")
    return End("place_cancelled", final=True)
