"""Collect: digits from the caller, checked and, if asked for, read back."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from ivr.flow.fields import Duration, Key, PromptRef, Target, VariableName
from ivr.flow.steps.base import OptionalTarget, Step


class Collect(Step):
    """Asks for digits and saves them under `save`.

    `digits`: `11` exactly, `4-8` between. `validate`: luhn, cpf, cnpj, date (ddmmyyyy), time (hhmm), phone, pin or
    /a regular expression/. `confirm`: read back, 1 right, 2 again. `sensitive`: never spoken, logged, traced or put in a URL.
    """

    waits: ClassVar[bool] = True

    type: Literal["collect"]
    prompt: PromptRef
    save: VariableName
    digits: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,2}(-[0-9]{1,2})?$")]
    end: Key | None = None
    check: Annotated[str | None, Field(alias="validate")] = None
    confirm: bool = False
    sensitive: bool = False
    timeout: Duration | None = None
    inter_digit: Duration | None = None
    tries: int | None = Field(default=None, ge=1, le=10)
    silence: list[PromptRef] = []
    invalid: list[PromptRef] = []
    next: Target
    on_fail: OptionalTarget = None
