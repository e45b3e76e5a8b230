"""What a session asks of the world and cannot go on without: the closed set of asks.

Law: the engine is pure, so it does not fetch and does not book. A turn that needs either ends with one `Ask`; the shell
carries it out and wakes the session again at once with `Answer(outcome, values)`. The outcomes stand in each docstring.
An ask may be carried out twice (a webhook is repeated after a crash): every one of them is idempotent, but for `Fetch`, whose
server is somebody else's: it is carried out by one run of a turn at a time.
`entry` is an entry id, `number` is E.164, times are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

LOOK_UP_MS = 5_000
"""What the resolver of the machine is given, which has no time limit of ours (resolv.conf: 5 s for each server and try)."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One HTTP request of an `http` step. -> `ok {code, body}` | `failed {code, why}`.

    `secret` names a configured bearer token; the token itself is never in a flow or a session.
    """

    step: str
    method: str
    url: str
    headers: dict[str, str]
    body: dict[str, str] | None
    secret: str
    timeout_ms: int
    retries: int

    @property
    def longest_ms(self) -> int:
        """How long it may take at most: every try its time limit, the answer one more, and the looking up of the name."""
        return self.timeout_ms * (self.retries + 2) + LOOK_UP_MS


@dataclass(frozen=True, slots=True)
class FindPlace:
    """Does this caller already hold an open callback in `queue`? -> `none` | `found {entry, position, wait_s}`."""

    queue: str
    number: str


@dataclass(frozen=True, slots=True)
class JoinLine:
    """Stand in line. -> `joined {entry, position, wait_s, offer}` | `full` | `no_agents` | `closed`.

    `wait_s`: seconds to announce ("less than"), None when unknown or too short to say. `offer`: a callback may be offered now.
    """

    queue: str
    number: str
    lang: str
    priority: int
    skills: tuple[str, ...]
    needs_agents: bool = False
    """Do not wait when nobody is signed in who could serve this caller."""


@dataclass(frozen=True, slots=True)
class LeaveLine:
    """Leave the line for another part of the flow (`why`: exit, timeout, closed, voicemail).
    -> `left` | `taken` (an agent has this caller already: stay, `Joined` is on its way)."""

    entry: str
    why: str


@dataclass(frozen=True, slots=True)
class CheckNumber:
    """May we ring this number? -> `ok {number}` (E.164) | `invalid` | `blocked {why}`. Reads numbers as dialled in the home country."""

    number: str


@dataclass(frozen=True, slots=True)
class BookCallback:
    """Change a live place into a callback in the same place, or take a place as a callback (`entry` empty).

    `due_ms` 0: in line now; else not before that time. `attempts`, `retry_ms`, `expires_ms` 0 and `mode` empty: the queue's own.
    -> `booked {entry, position, wait_s, due_ms}` | `duplicate {entry, position}` | `full` | `blocked {why}` |
    `taken` (an agent has this caller already) | `late` (cannot be served before closing and no later opening is allowed).
    """

    queue: str
    entry: str
    number: str
    lang: str
    priority: int
    skills: tuple[str, ...]
    due_ms: int = 0
    attempts: int = 0
    retry_ms: int = 0
    expires_ms: int = 0
    mode: str = ""


@dataclass(frozen=True, slots=True)
class TakePlace:
    """Wait on the line in the place of one's own callback. -> `joined {entry, position, wait_s, offer}` | `gone`."""

    entry: str


@dataclass(frozen=True, slots=True)
class ChangeNumber:
    """Ring another number for this callback. -> `changed` | `duplicate` | `gone`."""

    entry: str
    number: str


@dataclass(frozen=True, slots=True)
class CancelPlace:
    """The customer no longer wants the call. -> `cancelled` | `gone`."""

    entry: str


@dataclass(frozen=True, slots=True)
class Accept:
    """The person on this leg of an attempt pressed "connect me". -> `room` (talk) | `wait` (the other leg is being rung) |
    `gone` (the other side has left, or the attempt is over)."""

    attempt: str
    leg: str


Ask = (
    Fetch
    | FindPlace
    | JoinLine
    | LeaveLine
    | CheckNumber
    | BookCallback
    | TakePlace
    | ChangeNumber
    | CancelPlace
    | Accept
)
