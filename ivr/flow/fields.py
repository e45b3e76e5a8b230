"""The kinds of value that stand in a flow file.

Law: every scalar arrives as text (the loader decides nothing) and is read here, once, with an error that says what was
expected. Durations become milliseconds.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
)
from pydantic_core import CoreSchema, PydanticCustomError

RESERVED = ("repeat", "back", "restart", "hangup")
"""Targets that are no steps: say this step again, the step before, the flow's entry, the end."""

BUILTINS = ("caller", "called", "now", "queue", "hours", "place")
"""What every expression can read and no step can set (`lang` can be set: it switches the language)."""

NAME = r"[a-z][a-z0-9_]{0,39}"
_NAME_FORM = "a name: a-z, 0-9 and _, beginning with a letter, at most 40 characters"
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS_MS = (86_400_000, 3_600_000, 60_000, 1_000, 1)


class Model(BaseModel):
    """A mapping in a flow file: no unknown keys, never changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Marker:
    """What a field means beyond its type, for lint, schema and completion: target, prompt, queue, hours, flow, expr ...

    `form` says how it is written, for the message when it is not.
    """

    kind: str
    form: str = ""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """In the JSON Schema the meaning stands as `x-means`."""
        return {**handler(core_schema), "x-means": self.kind}


def read_duration(value: Any) -> int:
    """`5s`, `2m`, `1h30m`, `3d`, `500ms` in milliseconds. Raises ValueError that says the form."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(f'"{text}" is not a duration; write a number with its unit: 5s, 2m, 1h30m, 3d')
    return sum(int(part) * unit for part, unit in zip(found.groups(), _UNITS_MS, strict=True) if part)


def _key_name(value: Any) -> str:
    return {"star": "*", "hash": "#"}.get(str(value), str(value))


def _key(value: str) -> str:
    if not re.fullmatch(r"[0-9*#]|[0-9]{1,6}|[0-9]{1,6}-[0-9]{1,6}|[0-9]{1,5}X{1,4}", value):
        raise ValueError(f'"{value}" is not a key; expected 0-9, star, hash, 10, 2-5, 1000-1999 or 2XX')
    low, _, high = value.partition("-")
    if high and (len(low) != len(high) or low >= high):
        raise ValueError(f'"{value}" is not a range; both ends need as many digits, and the first is the smaller')
    return value


def _unreserved_step(value: str) -> str:
    if value in RESERVED:
        raise PydanticCustomError(
            "reserved_name", "{name} is a target of its own and cannot name a step", {"name": f'"{value}"'}
        )
    return value


def _unreserved_variable(value: str) -> str:
    if value in BUILTINS or keyword.iskeyword(value) or value in ("true", "false", "null", "none"):
        raise PydanticCustomError(
            "reserved_name", "{name} has a meaning in expressions and cannot name a variable", {"name": f'"{value}"'}
        )
    return value


def _digit_count(value: str) -> str:
    low, _, high = value.partition("-")
    if not 1 <= int(low) <= int(high or low) <= 30:
        raise ValueError(f'"{value}" is no number of digits; write 11, or 4-8 (at most 30)')
    return value


def _one_key(value: str) -> str:
    if not re.fullmatch(r"[0-9*#]", value):
        raise ValueError(f"'{value}' is not one key; expected 0-9, star or hash: it is pressed while music plays")
    return value


Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("name", _NAME_FORM)]
StepName = Annotated[
    str, StringConstraints(pattern=f"^{NAME}$"), AfterValidator(_unreserved_step), Marker("step", _NAME_FORM)
]
Target = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("target", _NAME_FORM)]
QueueName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("queue", _NAME_FORM)]
HoursName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("hours", _NAME_FORM)]
FlowName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("flow", _NAME_FORM)]
BoxName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("box", _NAME_FORM)]
SkillName = Annotated[str, StringConstraints(pattern=f"^{NAME}$"), Marker("skill", _NAME_FORM)]
VariableName = Annotated[
    str, StringConstraints(pattern=f"^{NAME}$"), AfterValidator(_unreserved_variable), Marker("variable", _NAME_FORM)
]
Lang = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$"), Marker("lang", "a language: pt-BR, en, es")]
DigitCount = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,2}(-[0-9]{1,2})?$"),
    AfterValidator(_digit_count),
    Marker("digits", "a number of digits: 11, or 4-8"),
]
Expr = Annotated[str, Field(min_length=1, max_length=300), Marker("expr")]
Template = Annotated[str, Field(max_length=2000), Marker("template")]
Duration = Annotated[int, BeforeValidator(read_duration), Marker("duration")]
Key = Annotated[str, BeforeValidator(_key_name), AfterValidator(_key), Marker("key")]
OneKey = Annotated[str, BeforeValidator(_key_name), AfterValidator(_one_key), Marker("key")]


class Audio(Model):
    """A recording below `flows/prompts/`, and what it says (read aloud when the recording is missing)."""

    audio: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9_./-]+\.(wav|mp3|ulaw)$"),
        Marker("audio", "a file below flows/prompts: pt-BR/welcome.wav (.wav, .mp3 or .ulaw)"),
    ]
    text: Template


def _spoken_shape(value: Any) -> str:
    return "audio" if isinstance(value, dict | Audio) else "text"


def _prompt_shape(value: Any) -> str:
    return "words" if isinstance(value, dict) else "name"


# The shape of what was written picks the member, so that a mistake in one gives one error, not one for each.
Spoken = Annotated[Annotated[Template, Tag("text")] | Annotated[Audio, Tag("audio")], Discriminator(_spoken_shape)]
Words = dict[Lang, Spoken]
"""What is said, per language."""

PromptRef = Annotated[
    Annotated[Name, Tag("name")] | Annotated[Words, Tag("words")], Discriminator(_prompt_shape), Marker("prompt")
]
"""The name of a prompt, or its words in place."""


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out of a step. `path`: where its target stands below the step, for line and column."""

    name: str
    target: str
    path: tuple[str | int, ...]
