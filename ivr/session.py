"""The saved state of one call: a flow, and where it stands in it.

Law: between two inputs a session is plain JSON and nothing else of the call is remembered anywhere. Sensitive variables are
named in `sensitive`: their values stay in here and reach an ask's body, never an event, a log, a prompt or a URL.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Frame:
    """A flow that waits for its subflow to end."""

    flow: str
    version: str
    step: str
    variables: dict[str, Any]
    sensitive: list[str]
    trail: list[str]


@dataclass(slots=True)
class Session:
    """`call` is our id of the call; `number` the other party's number in E.164, empty when withheld; `called` the dialled one.

    `step` is where the session is and `at` what that step remembers of this visit. `trail` are the steps passed that waited
    for the caller, for `back`. `said` is speech as JSON that a turn made before it had to ask. `entry` is the place in line
    that this call holds, in `queue`; `queue_step` is the step that will go on after the talk, `queue_depth` how many subflows
    deep it is. `queued`: it has had a place. `offered` is the entry for which a callback was last offered. `attempt` and `leg`
    are set on calls that we placed. `ended` is empty while the call is up.
    """

    call: str
    flow: str
    version: str
    started_ms: int
    lang: str
    number: str = ""
    called: str = ""
    direction: str = "inbound"
    turn: int = 0
    step: str = ""
    at: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    sensitive: list[str] = field(default_factory=list)
    trail: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    visits: dict[str, int] = field(default_factory=dict)
    said: list[dict[str, Any]] = field(default_factory=list)
    entry: str = ""
    queue: str = ""
    queue_step: str = ""
    queue_depth: int = 0
    queued: bool = False
    offered: str = ""
    joined_ms: int = 0
    attempt: str = ""
    leg: str = ""
    room: str = ""
    """The attempt in whose room this call is, empty outside."""
    rooms: list[str] = field(default_factory=list)
    """Every room it has entered: nobody is led into one twice."""
    waits_ms: int = 0
    """Time spent held or talking, which no budget counts."""
    parked_ms: int = 0
    """Since when this session is held or talking, 0 when it is not."""
    failed: int = 0
    """How often the flow had to be rescued; the second time ends the call."""
    ended: str = ""

    def to_json(self) -> str:
        plain = {name: getattr(self, name) for name in _FIELDS}
        return json.dumps(plain, default=asdict, separators=(",", ":"), ensure_ascii=False)  # asdict for the frames

    @classmethod
    def from_json(cls, text: str) -> Session:
        data = json.loads(text)
        data["frames"] = [Frame(**frame) for frame in data["frames"]]
        return cls(**data)


_FIELDS = tuple(one.name for one in fields(Session))
