"""Subflow: another flow, then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ivr.events import EventType
from ivr.flow.expressions import Sensitive
from ivr.flow.fields import Exit, Expr, FlowName, Name, Target, VariableName
from ivr.flow.steps.base import Step
from ivr.moves import Go
from ivr.session import Frame

if TYPE_CHECKING:
    from ivr.moves import Move
    from ivr.turning import Turning


MAX_DEPTH = 5
"""Subflows within subflows."""


class Subflow(Step):
    """Runs `flow` with `with` as its variables and takes back `save: {ours: theirs}`. `next` follows when it ends by
    `hangup`; with `returns`, the child's last step name chooses the exit: `returns: {vip: q_vip}`."""

    type: Literal["subflow"]
    flow: FlowName
    given: dict[VariableName, Expr] = Field(default={}, alias="with")
    save: dict[VariableName, VariableName] = {}
    returns: dict[Name, Target] = {}
    next: Target

    def exits(self) -> tuple[Exit, ...]:
        return tuple(Exit(name, to, ("returns", name)) for name, to in self.returns.items()) + super().exits()

    def enter(self, turning: Turning) -> Move:
        s = turning.session
        if len(s.frames) >= MAX_DEPTH:
            turning.event(EventType.BUDGET_EXCEEDED, step=s.step, budget="depth")
            return turning.rescue()
        given = {name: turning.evaluate(expression) for name, expression in self.given.items()}
        child = turning.flows.get(self.flow)
        s.frames = [*s.frames, Frame(s.flow, s.version, s.step, s.variables, s.sensitive, s.trail)]
        s.flow, s.version, s.trail = child.flow.flow, child.version, []
        s.sensitive = [name for name, value in given.items() if isinstance(value, Sensitive)]
        s.variables = {k: v.reveal() if isinstance(v, Sensitive) else v for k, v in given.items()}
        turning.flow = child.flow
        entry = child.flow.entry
        return Go((entry.get("default") or next(iter(entry.values()))).to)

    def returned(self, turning: Turning, last: str, variables: dict[str, Any], sensitive: list[str]) -> Move:
        s = turning.session
        for ours, theirs in self.save.items():
            s.variables = {**s.variables, ours: variables.get(theirs)}
            s.sensitive = [n for n in s.sensitive if n != ours] + ([ours] if theirs in sensitive else [])
        return Go(self.returns.get(last, self.next))
