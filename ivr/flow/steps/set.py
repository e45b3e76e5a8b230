"""Set: variables from expressions; `lang` switches the language of the call."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ivr.flow.fields import Expr, Target, VariableName
from ivr.flow.steps.base import Step


class SetStep(Step):
    type: Literal["set"]
    vars: dict[VariableName, Expr] = Field(min_length=1)
    next: Target
