"""What every step type is: fields, exits, and what it does in a turn.

Law: a step is read-only. It acts only through the `Turning` it is given and says in a `Move` how the turn goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, get_args

from ivr.flow.fields import Exit, Marker, Model, Target

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


def is_target(metadata: Any) -> bool:
    return any(isinstance(mark, Marker) and mark.kind == "target" for mark in metadata)


class On(Model):
    """The exceptional exits of a step, all optional: an exit not named leads where `Step.fallback` says."""


class Step(Model):
    """A step of a flow. Subclasses add `type: Literal[...]`, their fields and their exits (fields of type `Target`)."""

    terminal: ClassVar[bool] = False
    """The flow may end here."""
    waits: ClassVar[bool] = False
    """The caller may act, or time passes, while the session is at this step."""
    human: ClassVar[bool] = False
    """Here the caller reaches a person, or leaves word for one."""

    type: str
    note: str | None = None

    def exits(self) -> tuple[Exit, ...]:
        """Every way out that the author wrote, in the order of the fields."""
        found: list[Exit] = []
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is None:
                continue
            optional = (is_target(getattr(member, "__metadata__", ())) for member in get_args(field.annotation))
            if isinstance(value, str) and (is_target(field.metadata) or any(optional)):
                found.append(Exit(name, value, (name,)))
            elif isinstance(value, On):
                found += [Exit(key, to, (name, key)) for key, to in value if to is not None]
        return tuple(found)

    def masks(self, digits: str) -> bool:
        """Whether these digits, pressed here, may not stand in an event."""
        return False

    def returned(self, turning: Turning, last: str, variables: dict[str, Any], sensitive: list[str]) -> Move:
        """The subflow that this step called has ended at step `last`. Only `subflow` calls any."""
        raise NotImplementedError(type(self).__name__)

    def enter(self, turning: Turning) -> Move:
        """The session comes to this step."""
        raise NotImplementedError(type(self).__name__)

    def resume(self, turning: Turning, given: Input) -> Move:
        """The session waited at this step and was woken."""
        raise NotImplementedError(type(self).__name__)


OptionalTarget = Target | None
