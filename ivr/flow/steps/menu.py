"""Menu: one key, one way.

Law: a menu speaks its own labels unless it has an `intro` that does, so words and keys cannot drift apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ivr.flow.fields import Duration, Exit, Expr, Key, Model, PromptRef, Target, Words
from ivr.flow.steps.base import OptionalTarget, Step
from ivr.flow.steps.tries import try_again
from ivr.inputs import Digits
from ivr.moves import Go

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


class Choice(Model):
    """A key of a menu: where it leads, what it is called, and when it exists."""

    to: Target
    label: Words | None = None
    when: Expr | None = None


def _choice(value: Any) -> Any:
    return {"to": value} if isinstance(value, str) else value


class Menu(Step):
    """Speaks `intro`, then each labelled key in the order of the file, and waits for a key.

    `silence` and `invalid` are prompts by attempt: the first is used after the first failure, the last from then on.
    After `tries` failures the caller goes to `on_silence` or `on_invalid`, else `on_fail`, else the flow's default.
    """

    waits: ClassVar[bool] = True

    type: Literal["menu"]
    intro: PromptRef | None = None
    keys: dict[Key, Annotated[Choice, BeforeValidator(_choice, json_schema_input_type=Target | Choice)]] = Field(
        min_length=1
    )
    timeout: Duration | None = None
    inter_digit: Duration | None = None
    tries: int | None = Field(default=None, ge=1, le=10)
    barge_in: bool | None = None
    silence: list[PromptRef] = []
    invalid: list[PromptRef] = []
    on_fail: OptionalTarget = None
    on_silence: OptionalTarget = None
    on_invalid: OptionalTarget = None
    operator: OptionalTarget = None

    def exits(self) -> tuple[Exit, ...]:
        keys = tuple(Exit(f"key {key}", choice.to, ("keys", key, "to")) for key, choice in self.keys.items())
        return keys + super().exits()

    def choices(self, turning: Turning) -> dict[str, Choice]:
        """The keys that work now: conditions hold, and 0 leads to the operator unless the menu says otherwise."""
        open_now = {key: c for key, c in self.keys.items() if c.when is None or turning.evaluate(c.when)}
        operator = self.operator or turning.flow.operator
        if operator and "0" not in open_now:
            open_now["0"] = Choice(to=operator)
        return open_now

    def enter(self, turning: Turning) -> Move:
        turning.say(self.intro)
        return self._ask(turning)

    def _ask(self, turning: Turning) -> Move:
        choices = self.choices(turning)
        for key, choice in choices.items():
            if choice.label is not None:
                turning.option(choice.label, key)
        longest = max(key_length(key) for key in choices)
        inter = self.inter_digit if longest > 1 else None
        return turning.gather(longest, timeout_ms=self.timeout, inter_digit_ms=inter, barge_in=self.barge_in)

    def resume(self, turning: Turning, given: Input) -> Move:
        tries = self.tries or turning.flow.defaults.tries
        if isinstance(given, Digits) and given.digits:
            chosen = next((c for k, c in self.choices(turning).items() if key_matches(k, given.digits)), None)
            if chosen is not None:
                return Go(chosen.to)
            if not try_again(turning, "invalid", self.invalid, "invalid", tries):
                return turning.leave(self, "on_invalid")
        elif not try_again(turning, "silence", self.silence, "silence", tries):
            return turning.leave(self, "on_silence")
        return self._ask(turning)


def key_length(key: str) -> int:
    """How many digits a key, range (`1000-1999`) or pattern (`2XX`) takes."""
    return len(key.partition("-")[0])


def key_matches(key: str, digits: str) -> bool:
    low, _, high = key.partition("-")
    if len(digits) != len(low):
        return False
    if high:
        return digits.isdigit() and low <= digits <= high
    return all((want == "X" and got.isdigit()) or want == got for want, got in zip(low, digits, strict=True))
