"""What the phone side must do: the closed set of instructions.

Law: instructions are data. A turn gives any number of speech instructions (`Say`, `Play`, `Pause`) and then exactly
one that ends the turn (`Gather`, `Hold`, `Record`, `Dial`, `Join`, `Hangup`). A renderer is a pure fold over them.
Times are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `text` in language `lang`. `prompt` is the author's name for it, empty for the built-in sentences.

    Without `barge_in` it is heard to the end, whatever is pressed.
    """

    text: str
    lang: str
    prompt: str = ""
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Play:
    """Play the recording `audio` (path below the prompts folder); `text` is its transcript."""

    audio: str
    text: str
    lang: str
    prompt: str = ""
    barge_in: bool = True


@dataclass(frozen=True, slots=True)
class Pause:
    ms: int


Speech = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Gather:
    """Speak, then wait for keys. Ends at `max_digits`, at `finish_key`, or after `timeout_ms` of silence.

    `inter_digit_ms` applies after the first key. With `barge_in` the first key stops the speech.
    `sensitive`: the provider must not log the digits, and pauses recording.
    """

    speech: tuple[Speech, ...]
    max_digits: int
    timeout_ms: int
    inter_digit_ms: int
    finish_key: str = ""
    barge_in: bool = True
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Speak, then play `music` for `ms`; wakes with `NoInput` when it ends, with `Digits` at one of `keys`,
    with `Joined` when the line takes the call out."""

    speech: tuple[Speech, ...]
    music: str
    ms: int
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    speech: tuple[Speech, ...]
    max_ms: int
    silence_ms: int
    finish_key: str = "#"


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring `to` and connect; wakes with `DialEnded`. `caller_id` empty: the caller's own."""

    speech: tuple[Speech, ...]
    to: str
    caller_id: str
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Join:
    """Enter the room of `attempt` and talk; wakes with `DialEnded` when the other side has left.

    `host`: the agent's side, which may be there first and then waits for the other. `record`: the talk is recorded; said on
    the customer's side only.
    """

    speech: tuple[Speech, ...]
    attempt: str
    host: bool = False
    record: bool = False


@dataclass(frozen=True, slots=True)
class Hangup:
    speech: tuple[Speech, ...]
    reason: str = ""


Instruction = Gather | Hold | Record | Dial | Join | Hangup


def as_json(instruction: Instruction | Speech) -> dict[str, Any]:
    """The instruction as plain JSON with its type's name under `do` (golden calls, stored replies, the simulator)."""
    kind = type(instruction)
    data = {"do": kind.__name__.lower(), **{name: getattr(instruction, name) for name in _FIELDS[kind]}}
    if not isinstance(instruction, Say | Play | Pause):
        data["speech"] = [as_json(part) for part in instruction.speech]
    return data


def from_json(data: dict[str, Any]) -> Instruction:
    """The instruction that `as_json` wrote. Raises KeyError for one that we do not know."""
    given = dict(data)
    kind = _INSTRUCTIONS[given.pop("do")]
    return kind(**{**given, "speech": tuple(speech_from_json(part) for part in given["speech"])})


def speech_from_json(data: dict[str, Any]) -> Speech:
    given = dict(data)
    return _SPEECH[given.pop("do")](**given)


_SPEECH: dict[str, type[Say] | type[Play] | type[Pause]] = {"say": Say, "play": Play, "pause": Pause}
_INSTRUCTIONS: dict[str, type[Instruction]] = {
    "gather": Gather,
    "hold": Hold,
    "record": Record,
    "dial": Dial,
    "join": Join,
    "hangup": Hangup,
}
_FIELDS: dict[type, tuple[str, ...]] = {
    kind: tuple(one.name for one in fields(kind)) for kind in (*_SPEECH.values(), *_INSTRUCTIONS.values())
}
