"""Branch: the first condition that is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ivr.flow.fields import Exit, Expr, Model, Target
from ivr.flow.steps.base import Step
from ivr.moves import Go

if TYPE_CHECKING:
    from ivr.moves import Move
    from ivr.turning import Turning


class When(Model):
    """One case of a branch."""

    test: Expr = Field(alias="if")
    to: Target


class Branch(Step):
    type: Literal["branch"]
    when: list[When] = Field(min_length=1)
    otherwise: Target = Field(alias="else")

    def exits(self) -> tuple[Exit, ...]:
        cases = tuple(Exit(f"when {n}", case.to, ("when", n, "to")) for n, case in enumerate(self.when))
        return (*cases, Exit("else", self.otherwise, ("else",)))

    def enter(self, turning: Turning) -> Move:
        for case in self.when:
            if turning.evaluate(case.test):
                return Go(case.to)
        return Go(self.otherwise)
