"""What an author wrote, read and typed: Flow, its entries, defaults, prompts, hours, steps and tests.

Law: shape only. Whether names point somewhere is for lint; what a step does is in its own file under `steps/`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from ivr.flow.fields import (
    Duration,
    HoursName,
    Lang,
    Marker,
    Model,
    Name,
    StepName,
    Target,
    Template,
    VariableName,
    Words,
)
from ivr.flow.hours import Hours
from ivr.flow.steps.branch import Branch
from ivr.flow.steps.callback import CallbackStep
from ivr.flow.steps.collect import Collect
from ivr.flow.steps.hangup import HangupStep
from ivr.flow.steps.hours import HoursStep
from ivr.flow.steps.http import Http
from ivr.flow.steps.join import JoinStep
from ivr.flow.steps.menu import Menu
from ivr.flow.steps.queue import QueueStep
from ivr.flow.steps.say import Say
from ivr.flow.steps.set import SetStep
from ivr.flow.steps.subflow import Subflow
from ivr.flow.steps.survey import Survey
from ivr.flow.steps.transfer import Transfer
from ivr.flow.steps.voicemail import Voicemail

AnyStep = Annotated[
    Say
    | Menu
    | Collect
    | HoursStep
    | Branch
    | SetStep
    | Http
    | QueueStep
    | CallbackStep
    | Transfer
    | Voicemail
    | Survey
    | Subflow
    | JoinStep
    | HangupStep,
    Field(discriminator="type"),
]


class Entry(Model):
    """Where a call to one dialled number begins, and in which language."""

    to: Target
    lang: Lang | None = None


def _entry(value: Any) -> Any:
    return {"to": value} if isinstance(value, str) else value


EntryKey = Annotated[
    str,
    StringConstraints(pattern=r"^(\+[1-9][0-9]{6,14}|[0-9]{2,8}|default)$"),
    Marker("entry", 'a dialled number with + ("+551130001000"), a short number (2 to 8 digits) or default'),
]


class Defaults(Model):
    """What menus and collects do when they do not say otherwise."""

    timeout: Annotated[Duration, Field(ge=1_000, le=60_000)] = 5_000
    inter_digit: Annotated[Duration, Field(ge=500, le=30_000)] = 3_000
    tries: int = Field(default=3, ge=1, le=10)
    barge_in: bool = True
    on_fail: Target | None = None


class TestCall(Model):
    """The call that a test makes. `at` is local time in the zone of the first hours object, else UTC. `from: withheld` hides
    the caller's number. `leg`: whose phone rings, in the flow of a call that we place."""

    to: str = "default"
    caller: str = Field(default="+5511987654321", alias="from")
    at: Annotated[
        str,
        StringConstraints(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d$"),
        Marker("moment", "a local time: 2026-03-10 10:00"),
    ] = "2026-03-10 10:00"
    lang: Lang | None = None
    leg: Literal["", "agent", "customer"] = ""


class FlowTest(Model):
    """A scripted call (see docs/flows.md). `with`: variables that the call begins with. `mock`: answers by http step. `line`: what
    the line answers when asked (`join: full`). Script items are checked by the test runner, `ivr.trial`."""

    name: str
    call: TestCall = TestCall()
    given: dict[VariableName, Any] = Field(default={}, alias="with")
    mock: dict[Name, dict[str, Any]] = {}
    line: dict[str, Any] = {}
    script: list[Any] = Field(min_length=1)


class Flow(Model):
    version: Literal["1"]
    flow: Name
    title: str = ""
    languages: list[Lang] = Field(min_length=1)
    entry: dict[EntryKey, Annotated[Entry, BeforeValidator(_entry, json_schema_input_type=Target | Entry)]] = Field(
        min_length=1
    )
    inputs: list[VariableName] = []
    operator: Target | None = None
    hours: dict[HoursName, Hours] = {}
    defaults: Defaults = Defaults()
    prompts: dict[Name, Words] = {}
    steps: dict[StepName, AnyStep] = Field(min_length=1)
    tests: list[FlowTest] = []
    note: Template | None = None
