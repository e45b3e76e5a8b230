"""Subflow: another flow, then on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ivr.flow.fields import Exit, Expr, FlowName, Name, Target, VariableName
from ivr.flow.steps.base import Step


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
