"""Set: variables from expressions; `lang` switches the language of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ivr.events import EventType
from ivr.flow.expressions import Sensitive
from ivr.flow.fields import Expr, Target, VariableName
from ivr.flow.steps.base import Step
from ivr.moves import Go

if TYPE_CHECKING:
    from ivr.moves import Move
    from ivr.turning import Turning


class SetStep(Step):
    type: Literal["set"]
    vars: dict[VariableName, Expr] = Field(min_length=1)
    next: Target

    def enter(self, turning: Turning) -> Move:
        s = turning.session
        for name, expression in self.vars.items():
            value = turning.evaluate(expression)
            if name == "lang":
                if value in turning.flow.languages and value != s.lang:
                    s.lang = value
                    turning.event(EventType.LANGUAGE_CHANGED, lang=value)
                continue
            hidden = isinstance(value, Sensitive)
            s.variables = {**s.variables, name: value.reveal() if hidden else value}
            s.sensitive = [known for known in s.sensitive if known != name] + ([name] if hidden else [])
        return Go(self.next)
