"""Collect: digits from the caller, checked and, if asked for, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from ivr.flow.checks import read_check, valid
from ivr.flow.fields import DigitCount, Duration, Key, Marker, PromptRef, Target, VariableName
from ivr.flow.steps.base import OptionalTarget, Step
from ivr.flow.steps.tries import try_again
from ivr.inputs import Digits
from ivr.moves import Go

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


class Collect(Step):
    """Asks for digits and saves them under `save`.

    `digits`: `11` exactly, `4-8` between. `validate`: luhn, cpf, cnpj, date (ddmmyyyy), time (hhmm), phone, pin or
    /a regular expression/. `confirm`: read back, 1 right, 2 again. `sensitive`: never spoken, logged, traced or put in a URL.
    """

    waits: ClassVar[bool] = True

    type: Literal["collect"]
    prompt: PromptRef
    save: VariableName
    digits: DigitCount
    end: Key | None = None
    check: Annotated[str, AfterValidator(read_check), Marker("check")] | None = Field(default=None, alias="validate")
    confirm: bool = False
    sensitive: bool = False
    timeout: Duration | None = None
    inter_digit: Duration | None = None
    tries: int | None = Field(default=None, ge=1, le=10)
    silence: list[PromptRef] = []
    invalid: list[PromptRef] = []
    next: Target
    on_fail: OptionalTarget = None

    def masks(self, digits: str) -> bool:
        return self.sensitive or self.check in ("cpf", "cnpj", "phone", "pin", "luhn")

    def enter(self, turning: Turning) -> Move:
        return self._ask(turning)

    def _ask(self, turning: Turning) -> Move:
        turning.say(self.prompt)
        longest = int(self.digits.partition("-")[2] or self.digits)
        finish = self.end if self.end is not None else ("#" if "-" in self.digits else "")
        return turning.gather(
            longest, timeout_ms=self.timeout, inter_digit_ms=self.inter_digit, finish=finish, sensitive=self.sensitive
        )

    def resume(self, turning: Turning, given: Input) -> Move:
        tries = self.tries or turning.flow.defaults.tries
        digits = given.digits if isinstance(given, Digits) else ""
        if "heard" in turning.at:
            return self._confirmed(turning, digits, tries)
        if digits and self.accepts(digits):
            if not self.confirm or self.sensitive:  # what is sensitive is not read back either
                return self._keep(turning, digits)
            turning.at["heard"] = digits
            return self._read_back(turning)
        kind, own = ("invalid", self.invalid) if digits else ("silence", self.silence)
        if not try_again(turning, kind, own, "invalid_digits" if digits else "silence_digits", tries):
            return turning.leave(self, "on_fail")
        return self._ask(turning)

    def _read_back(self, turning: Turning) -> Move:
        turning.tell("read_back", digits=turning.digits(turning.at["heard"]))
        return turning.gather(1)

    def _confirmed(self, turning: Turning, digits: str, tries: int) -> Move:
        """1: right; 2: typed again, which counts as an attempt; anything else: read back once more."""
        if digits == "1":
            return self._keep(turning, turning.at["heard"])
        kind = "invalid" if digits else "silence"
        if not try_again(turning, kind, [], "" if digits == "2" else kind, tries):
            return turning.leave(self, "on_fail")
        if digits != "2":
            return self._read_back(turning)
        del turning.at["heard"]
        return self._ask(turning)

    def _keep(self, turning: Turning, digits: str) -> Move:
        s = turning.session
        s.variables = {**s.variables, self.save: digits}
        s.sensitive = [n for n in s.sensitive if n != self.save] + ([self.save] if self.sensitive else [])
        return Go(self.next)

    def accepts(self, digits: str) -> bool:
        low, _, high = self.digits.partition("-")
        return int(low) <= len(digits) <= int(high or low) and valid(self.check, digits)
