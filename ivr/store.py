"""What of a call and of its flow is kept in Redis: sessions, and every version of a flow that a call may still be on.

Law: a session is saved only over the turn it was read at; a flow's text is kept under the hash of that text, so a call in
progress stays on the version it began with, in every process, whatever happens to the file.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import structlog
from redis import Redis

from ivr.clock import Clock
from ivr.events import Event
from ivr.flow.load import version_of
from ivr.flow.model import Flow
from ivr.flow.problems import Problem, has_errors
from ivr.instructions import Instruction, as_json, from_json
from ivr.session import Session
from ivr.turning import Published, UnknownFlow

log = structlog.get_logger(__name__)

KEEP_S = 86_400
"""How long the session of a call is kept after its last turn."""
KEEP_ENDED_S = 3_600
FRESH_MS = 1_000
"""How old our knowledge of the flow files may be."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A session as stored, with the instruction that its last turn gave (None before the first)."""

    session: Session
    instruction: Instruction | None


class Sessions:
    """The sessions of one tenant."""

    def __init__(self, redis: Redis, tenant: str) -> None:
        self._redis = redis
        self._prefix = "{" + tenant + "}:"
        self._save = redis.register_script((files("ivr") / "lua" / "save_turn.lua").read_text())

    def load(self, call: str) -> Saved | None:
        session, reply = cast(list[Any], self._redis.hmget(f"{self._prefix}session:{call}", "session", "reply"))
        if session is None:
            return None
        return Saved(Session.from_json(_text(session)), from_json(json.loads(_text(reply))) if reply else None)

    def save(
        self, session: Session, instruction: Instruction | None, events: Iterable[Event], *, read_at: int | None
    ) -> bool:
        """Save a turn over the one it was `read_at` (None: a new call). False: somebody else's turn came first."""
        rows = [[part for pair in event.as_fields().items() for part in pair] for event in events]
        keys = [f"{self._prefix}session:{session.call}", f"{self._prefix}events"]
        args = [
            "-1" if read_at is None else read_at,
            session.turn,
            session.to_json(),
            json.dumps(as_json(instruction), ensure_ascii=False) if instruction is not None else "",
            KEEP_ENDED_S if session.ended else KEEP_S,
            json.dumps(rows),
        ]
        return bool(self._save(keys=keys, args=args))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@dataclass(slots=True)
class FlowShelf:
    """The published flows: files in `folder`, put on the shelf when `check` finds no error in them.

    A file that turns bad is reported in the log and the version before it stays in force.
    """

    redis: Redis
    tenant: str
    folder: Path
    check: Callable[[str, str], tuple[Flow | None, list[Problem]]]
    clock: Clock
    default: str
    _versions: dict[str, Published] = field(default_factory=dict)
    _current: dict[str, str] = field(default_factory=dict)
    _stamps: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _looked_ms: int = -FRESH_MS
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str, version: str = "") -> Published:
        """The version asked for, or the current one. Raises UnknownFlow, which says the flows that there are."""
        if not version:
            self.refresh()
            version = self._current.get(name) or self._stored_version(name)
        if version not in self._versions:
            text = self.redis.get(self._key(f"flow:{version}"))
            if text is None:
                raise UnknownFlow(f"no flow version {version} of '{name}' is stored")
            flow, problems = self.check(_text(cast(bytes, text)), f"{name}@{version}")
            if flow is None:
                raise UnknownFlow(f"stored version {version} of '{name}' does not load: {problems[0]}")
            self._versions[version] = Published(flow, version)
        return self._versions[version]

    def for_number(self, called: str) -> Published:
        """The flow that answers a dialled number: the one whose `entry` names it, else the default flow."""
        self.refresh()
        for version in self._current.values():
            if called in self._versions[version].flow.entry:
                return self._versions[version]
        return self.get(self.default)

    def names(self) -> tuple[str, ...]:
        self.refresh()
        return tuple(sorted(self._current))

    def refresh(self) -> None:
        """Look at the folder, at most once a second, and publish what has changed and is right."""
        with self._looking:  # the first callers of a process wait for the first look
            now = self.clock.now_ms()
            if not 0 <= now - self._looked_ms < FRESH_MS:
                self._looked_ms = now
                self._look()

    def _look(self) -> None:
        for path in sorted(self.folder.glob("*.yaml")):
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if self._stamps.get(path) != stamp and path.name != "queues.yaml":
                self._stamps[path] = stamp
                self._publish(path)

    def _publish(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8", errors="replace")
        version = version_of(text)
        flow, problems = self.check(text, str(path))
        if flow is None or has_errors(problems):
            log.error(
                "flow not published: the version before it stays", file=str(path), problems=[str(p) for p in problems]
            )
            return
        self.redis.set(self._key(f"flow:{version}"), text)
        self.redis.hset(self._key("flows"), flow.flow, version)
        self._versions[version] = Published(flow, version)
        self._current[flow.flow] = version
        log.info("flow published", flow=flow.flow, version=version)

    def _stored_version(self, name: str) -> str:
        """The version last published by any process: what is in force when our file is gone or broken since the start."""
        version = self.redis.hget(self._key("flows"), name)
        if version is None:
            raise UnknownFlow(f"no flow is called '{name}'; there are: {', '.join(sorted(self._current)) or 'none'}")
        return _text(cast(bytes, version))

    def _key(self, name: str) -> str:
        return "{" + self.tenant + "}:" + name
