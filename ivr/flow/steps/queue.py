"""Queue: wait in line for an agent, with music, news of the wait, and a callback for those who want one."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ivr.flow.fields import Duration, Key, Model, PromptRef, QueueName, SkillName, Target
from ivr.flow.steps.base import On, OptionalTarget, Step


class Announce(Model):
    """What a waiting caller hears and how often."""

    position: bool = True
    wait: bool = True
    every: Annotated[Duration, Field(ge=10_000)] = 60_000


class CallbackOffer(Model):
    """When the flow offers a callback (the queue's own rules must allow it too): on entry when the announced wait is at
    least `min_wait`, else once the caller has waited `offer_after`. `key` takes it."""

    offer_after: Duration | None = None
    min_wait: Duration | None = None
    prompt: PromptRef | None = None
    key: Key = "1"


class QueueExits(On):
    callback: OptionalTarget = None
    full: OptionalTarget = None
    timeout: OptionalTarget = None
    no_agents: OptionalTarget = None
    closed: OptionalTarget = None
    exit: OptionalTarget = None


class QueueStep(Step):
    """Joins `queue` and holds until an agent takes the call; `next` follows the talk.

    An exceptional exit that is not named: `no_agents`, `closed` and `full` lead where `timeout` does, `timeout` to
    `defaults.on_fail`. Who already has a callback in this queue is told his place and may keep it, wait in it, change the
    number or cancel.
    """

    waits: ClassVar[bool] = True
    human: ClassVar[bool] = True

    type: Literal["queue"]
    queue: QueueName
    priority: int = Field(default=0, ge=0, le=10)
    skills: list[SkillName] = []
    music: str = "default"
    announce: Announce = Announce()
    max_wait: Duration | None = None
    callback: CallbackOffer | None = None
    exit_key: Key | None = None
    next: Target
    on: QueueExits = QueueExits()
