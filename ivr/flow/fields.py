"""The kinds of value that stand in a flow file.

Law: every scalar arrives as text (the loader decides nothing) and is read here, once, with an error that says what was
expected. Durations become milliseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

RESERVED = ("repeat", "back", "restart", "hangup")
"""Targets that are no steps: say this step again, the step before, the flow's entry, the end."""

NAME = r"[a-z][a-z0-9_]{0,39}"
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS_MS = (86_400_000, 3_600_000, 60_000, 1_000, 1)


class Model(BaseModel):
    """A mapping in a flow file: no unknown keys, never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Marker:
    """What a field means beyond its type, for lint, schema and completion: target, prompt, queue, hours, flow, expr ..."""

    kind: str


def read_duration(value: Any) -> int:
    """`5s`, `2m`, `1h30m`, `3d`, `500ms` in milliseconds. Raises ValueError that says the form."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"'{text}' is not a duration; write a number with its unit: 5s, 2m, 1h30m, 3d")
    return sum(int(part) * unit for part, unit in zip(found.groups(), _UNITS_MS, strict=True) if part)


def _key_name(value: Any) -> str:
    return {"star": "*", "hash": "#"}.get(str(value), str(value))


def _key(value: str) -> str:
    if not re.fullmatch(r"[0-9*#]|[0-9]{1,6}|[0-9]{1,6}-[0-9]{1,6}|[0-9]{1,5}X{1,4}", value):
        raise ValueError(f"'{value}' is not a key; expected 0-9, star, hash, 10, 2-5, 1000-1999 or 2XX")
    low, _, high = value.partition("-")
    if high and (len(low) != len(high) or low >= high):
        raise ValueError(f"'{value}' is not a range; both ends need as many digits, and the first is the smaller")
    return value


Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Target = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("target")]
QueueName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("queue")]
HoursName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("hours")]
FlowName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("flow")]
BoxName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("box")]
SkillName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("skill")]
VariableName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("variable")]
Lang = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Expr = Annotated[str, Field(min_length=1, max_length=300), Marker("expr")]
Template = Annotated[str, Field(max_length=2000), Marker("template")]
Duration = Annotated[int, BeforeValidator(read_duration), Marker("duration")]
Key = Annotated[str, BeforeValidator(_key_name), AfterValidator(_key), Marker("key")]


class Audio(Model):
    """A recording below `flows/prompts/`, and what it says (read aloud when the recording is missing)."""

    audio: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]+\.(wav|mp3|ulaw)$")]
    text: Template


Words = dict[Lang, Template | Audio]
"""What is said, per language."""

PromptRef = Annotated[Name | Words, Marker("prompt")]
"""The name of a prompt, or its words in place."""


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out of a step. `path`: where its target stands below the step, for line and column."""

    name: str
    target: str
    path: tuple[str | int, ...]
