"""Menu: one key, one way.

Law: a menu speaks its own labels unless it has an `intro` that does, so words and keys cannot drift apart.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ivr.flow.fields import Duration, Exit, Expr, Key, Model, PromptRef, Target, Words
from ivr.flow.steps.base import OptionalTarget, Step


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
    keys: dict[Key, Annotated[Choice, BeforeValidator(_choice)]] = Field(min_length=1)
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
