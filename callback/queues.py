"""The queues file: `flows/queues.yaml`, where an admin says which lines there are and by what rules.

Law: read as flows are, every scalar as text first, and all mistakes told at once, each at its line. A file with a mistake
gives no queues at all: whoever reloads keeps the good ones that he has. What is left out has the default of
`callback.model`, and `defaults:` changes that for every queue of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from callback import policy
from callback.model import RETRIES, Callbacks, Closing, Offer, Order, Place, Queue, Retry, Transfers
from ivr.errors import RetornoError
from ivr.flow.fields import Duration, HoursName, Lang, Marker, Model, QueueName, SkillName, read_duration
from ivr.flow.hours import Hours
from ivr.flow.load import Loaded, load_yaml, validate
from ivr.flow.problems import Problem, expected, has_errors, sort
from ivr.inputs import Outcome

HOUR_MS = 3_600_000
_LEVEL = re.compile(r"(\d{1,3})% in (\S+)")


class QueuesError(RetornoError):
    """The queues file is wrong. `problems` has every mistake."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class QueuesFile:
    """What the file says. `queues` and `hours` are empty when there is an error among the problems."""

    queues: dict[str, Queue] = field(default_factory=dict)
    hours: dict[str, Hours] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def opening(self, queue: Queue, now_ms: int) -> policy.Opening:
        """The opening of `queue` at `now_ms`; always open when it names no hours."""
        return opening(self.hours[queue.hours] if queue.hours else None, now_ms)


def opening(hours: Hours | None, now_ms: int) -> policy.Opening:
    """`hours` at `now_ms`, as the rules of the line need them. No hours: always open."""
    if hours is None:
        return policy.ALWAYS_OPEN
    if not hours.is_open(now_ms):
        return policy.Opening(is_open=False, opens_ms=hours.next_open_ms(now_ms))
    closes_ms = hours.closes_ms(now_ms)
    return policy.Opening(True, closes_ms, hours.next_open_ms(closes_ms) if closes_ms else 0)


def read_queues(path: Path) -> QueuesFile:
    """The file at `path`. Raises QueuesError with every mistake, also when there is no such file."""
    try:
        text = path.read_bytes()
    except OSError as error:
        why = error.strerror or "unreadable"
        raise QueuesError(
            [Problem(str(path), 1, 1, f"cannot be read: {why}", "missing-file", hint="expected a file of queues")]
        ) from error
    found = load_queues(text, str(path))
    if has_errors(found.problems):
        raise QueuesError(found.problems)
    return found


def load_queues(text: str | bytes, filename: str) -> QueuesFile:
    """The queues of a file's text. Never raises: every mistake is in `problems`, in the order of the file."""
    loaded = load_yaml(text, filename)
    written, found = validate(_File, loaded)
    problems = [*loaded.problems, *found]
    if written is not None:
        problems += _loose_ends(written, loaded)
    if written is None or has_errors(problems):
        return QueuesFile(problems=sort(problems))
    queues = {name: _queue(name, written.defaults, rules) for name, rules in written.queues.items()}
    return QueuesFile(queues, dict(written.hours), sort(problems))


def _level(value: Any) -> dict[str, Any]:
    """`80% in 20s`: the share of callers to be answered, and within what time."""
    match = _LEVEL.fullmatch(str(value).strip())
    if match is None or not 1 <= int(match[1]) <= 100:
        raise ValueError(f'"{value}" is not a service level; write the share and the time: 80% in 20s')
    return {"share": int(match[1]) / 100, "within_ms": read_duration(match[2])}


class _Level(Model):
    share: float
    within_ms: int


Attempts = Annotated[int, Field(ge=1, le=20)]
Seconds = Annotated[Duration, Field(ge=1_000, le=HOUR_MS)]


class _Retry(Model):
    attempts: Attempts | None = None
    delay: Annotated[Duration, Field(le=24 * HOUR_MS)] | None = None
    place: Literal["keep", "due"] | None = None


class _Retries(Model):
    busy: _Retry = _Retry()
    no_answer: _Retry = _Retry()
    machine: _Retry = _Retry()
    refused: _Retry = _Retry()
    failed: _Retry = _Retry()


class _Offer(Model):
    min_wait: Annotated[Duration, Field(le=24 * HOUR_MS)] | None = None
    after: Annotated[Duration, Field(le=24 * HOUR_MS)] | None = None


class _Callbacks(Model):
    enabled: bool | None = None
    order: Literal["agent_first", "customer_first"] | None = None
    max_open: Annotated[int, Field(ge=1, le=100_000)] | None = None
    expires: Annotated[Duration, Field(ge=60_000, le=30 * 24 * HOUR_MS)] | None = None
    max_attempts: Attempts | None = None
    offer: _Offer = _Offer()
    retries: _Retries = _Retries()
    detect_machine: bool | None = None


class _Rules(Model):
    """What stands under `defaults:`, and under each queue."""

    skills: list[SkillName] | None = None
    hours: HoursName | None = None
    max_waiting: Annotated[int, Field(ge=1, le=100_000)] | None = None
    credit: Annotated[Duration, Field(le=HOUR_MS)] | None = None
    ring_agent: Seconds | None = None
    ring_customer: Seconds | None = None
    accept: Seconds | None = None
    reserve: Seconds | None = None
    wrap_up: Annotated[Duration, Field(le=HOUR_MS)] | None = None
    talk_limit: Annotated[Duration, Field(ge=60_000, le=24 * HOUR_MS)] | None = None
    max_misses: Annotated[int, Field(ge=1, le=20)] | None = None
    service_level: Annotated[_Level, BeforeValidator(_level), Marker("level", "80% in 20s")] | None = None
    short: Annotated[Duration, Field(le=60_000)] | None = None
    handle: Seconds | None = None
    caller_id: (
        Annotated[
            str,
            StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$"),
            Marker("number", 'a number with +: "+551130001000"'),
        ]
        | None
    ) = None
    record: bool | None = None
    transfers: Literal["keep", "end"] | None = None
    closing: Literal["next_opening", "message"] | None = None
    callbacks: _Callbacks = _Callbacks()


class _Queue(_Rules):
    title: dict[Lang, str] = {}


class _File(Model):
    version: Literal["1"]
    hours: dict[HoursName, Hours] = {}
    defaults: _Rules = _Rules()
    queues: dict[QueueName, _Queue] = Field(min_length=1)


def _loose_ends(written: _File, loaded: Loaded) -> list[Problem]:
    """Names of hours that the file does not define."""
    named: list[tuple[tuple[str, ...], str | None]] = [(("defaults", "hours"), written.defaults.hours)]
    named += [(("queues", name, "hours"), rules.hours) for name, rules in written.queues.items()]
    return [
        loaded.problem(path, f'no hours are named "{name}"', "unknown-hours", hint=expected(written.hours, name))
        for path, name in named
        if name and name not in written.hours
    ]


def _queue(name: str, defaults: _Rules, rules: _Queue) -> Queue:
    """The queue as written over the defaults of the file, and those over the model's."""
    said = _over(_said(defaults), _said(rules))
    level = said.pop("service_level", None)
    callbacks = said.pop("callbacks", {})
    given = {_FIELDS.get(key, key): value for key, value in said.items()}
    if level:
        given |= {"target_share": level["share"], "target_ms": level["within_ms"]}
    if "skills" in given:
        given["skills"] = frozenset(given["skills"])
    if "closing" in given:
        given["closing"] = Closing(given["closing"])
    if "transfers" in given:
        given["transfers"] = Transfers(given["transfers"])
    return Queue(name=name, **given, callbacks=_callbacks(callbacks))


def _callbacks(said: Mapping[str, Any]) -> Callbacks:
    given = {_FIELDS.get(key, key): value for key, value in said.items() if key not in ("offer", "retries")}
    if "order" in given:
        given["order"] = Order(given["order"])
    offer = Offer(**{f"{key}_ms": value for key, value in said.get("offer", {}).items()})
    retries = {outcome: _retry(outcome, said.get("retries", {}).get(outcome.value, {})) for outcome in RETRIES}
    return Callbacks(**given, offer=offer, retries=retries)


def _retry(outcome: Outcome, said: Mapping[str, Any]) -> Retry:
    usual = RETRIES[outcome]
    return Retry(
        said.get("attempts", usual.attempts), said.get("delay", usual.delay_ms), Place(said.get("place", usual.place))
    )


_FIELDS = {
    key: f"{key}_ms"
    for key in (
        *("credit", "ring_agent", "ring_customer", "accept", "reserve", "wrap_up", "talk_limit", "short", "handle"),
        "expires",
    )
}


def _said(rules: Model) -> dict[str, Any]:
    """Only what the author wrote: a `hours:` or `caller_id:` that was left out does not hide the default."""
    return rules.model_dump(exclude_unset=True, exclude_none=True)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, mapping by mapping."""
    merged = dict(below)
    for key, value in above.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _over(merged[key], value) if nested else value
    return merged
