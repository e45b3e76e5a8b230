"""What of a call and of its flow is kept in Redis: sessions, and every version of a flow that a call may still be on.

Law: a session is saved only over the turn it was read at; a flow's text is kept under the hash of that text, so a call in
progress stays on the version it began with, in every process, whatever happens to the file.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import structlog
from redis import Redis
from redis.exceptions import RedisError

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
REMEMBERED = 2_000
"""How many calls a process keeps in mind to save itself reading them again."""
FRESH_MS = 1_000
"""How old our knowledge of the flow files may be."""
QUEUES_FILE = "queues.yaml"
"""Beside the flows; what lint holds them against, so a change of it is a reason to look at them again."""

Stamp = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Saved:
    """A session as stored, with the instruction that its last turn gave (None before the first)."""

    session: Session
    instruction: Instruction | None


class Sessions:
    """The sessions of one tenant. Thread-safe."""

    def __init__(self, redis: Redis, tenant: str) -> None:
        self._redis = redis
        self._prefix = "{" + tenant + "}:"
        self._remembered: OrderedDict[str, Saved] = OrderedDict()
        self._remembering = threading.Lock()
        self._save = redis.register_script((files("ivr") / "lua" / "save_turn.lua").read_text())
        self._claim = redis.register_script((files("ivr") / "lua" / "claim_turn.lua").read_text())

    def load(self, call: str) -> Saved | None:
        session, reply = cast(list[Any], self._redis.hmget(f"{self._prefix}session:{call}", "session", "reply"))
        if session is None:
            return None
        return Saved(Session.from_json(_text(session)), from_json(json.loads(_text(reply))) if reply else None)

    def at(self, call: str, turn: int) -> Saved | None:
        """The session of `call` at `turn`, from this process's memory when it saved it last, else as stored, at any turn.

        A turn is saved once, so what was saved at this one is what is stored at it; should the call be further by now,
        thanks to another process, the save will say so, and whoever saves `load`s then.
        """
        with self._remembering:
            known = self._remembered.get(call)
        return known if known is not None and known.session.turn == turn else self.load(call)

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
        saved = bool(self._save(keys=keys, args=args))
        self._remember(Saved(session, instruction) if saved else None, session.call)
        return saved

    def claim(self, call: str, turn: int, run: str, ms: int) -> bool:
        """Have `turn` of the call to ourselves (`run`, a name that no other run has) for `ms` from now: to do what must not be
        done twice at a time. Again by the same run: from now anew. It ends with its time, also when the run has crashed.
        False: another run is at it, or has saved it; what we remember of the call is forgotten, for that one knows better."""
        keys = [f"{self._prefix}session:{call}", f"{self._prefix}claim:{call}:{turn}"]
        claimed = bool(self._claim(keys=keys, args=[turn, run, ms]))
        if not claimed:
            self._remember(None, call)
        return claimed

    def _remember(self, saved: Saved | None, call: str) -> None:
        with self._remembering:
            self._remembered.pop(call, None)
            if saved is not None and not saved.session.ended:
                self._remembered[call] = saved
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


@dataclass(slots=True)
class FlowShelf:
    """The published flows: files in `folder`, put on the shelf when `check` finds no error in them.

    A file that turns bad, or is gone, is told in the log, and the version last published (by any process) stays in force.
    `on_publish` is called with each flow of ours that is taken up, at the start and when its file has changed; it must not wait.
    """

    redis: Redis
    tenant: str
    folder: Path
    check: Callable[[str, str], tuple[Flow | None, list[Problem]]]
    clock: Clock
    default: str
    on_publish: Callable[[Flow], object] = lambda _flow: None
    behind: bool = False  # later looks are a thread's, so that no call waits while flows are checked anew
    _versions: dict[str, Published] = field(default_factory=dict)
    _files: dict[Path, tuple[str, str]] = field(default_factory=dict)
    """What our own files say: the flow, and its version, that stood in each when it was last good."""
    _stamps: dict[Path, Stamp] = field(default_factory=dict)
    _looked_ms: int = -FRESH_MS
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str, version: str = "") -> Published:
        """The version asked for, or the current one. Raises UnknownFlow, which says the flows that there are."""
        if version:
            return self._version(name, version)
        self.refresh()
        version = self._filed().get(name, "") or _text(cast(bytes, self.redis.hget(self._key("flows"), name) or b""))
        if not version:
            raise UnknownFlow(f"no flow is called '{name}'; there are: {', '.join(self.names()) or 'none'}")
        return self._version(name, version)

    def for_number(self, called: str) -> Published:
        """The flow that answers a dialled number: the one whose `entry` names it, else the default flow.

        Flows that have a good file come first: one that was renamed leaves its number to its new name.
        """
        self.refresh()
        for source in (self._filed, self._left_over):
            for published in map(self._usable, source().items()):
                if published is not None and called in published.flow.entry:
                    return published
        return self.get(self.default)

    def names(self) -> tuple[str, ...]:
        self.refresh()
        return tuple(sorted({*self._filed(), *self._left_over()}))

    def refresh(self) -> None:
        """Look at the folder, at most once a second, and publish what has changed and is right."""
        first = self._looked_ms < 0
        if not self._looking.acquire(blocking=first):
            return  # somebody looks: a new rule for a queue has every flow checked anew, and no caller is to wait for that
        if 0 <= self.clock.now_ms() - self._looked_ms < FRESH_MS:
            self._looking.release()
        elif self.behind and not first:
            threading.Thread(target=self._look_behind, name="flows", daemon=True).start()
        else:
            self._look_now()

    def _look_now(self) -> None:
        """Look, holding `_looking`, which is given back."""
        try:
            now = self.clock.now_ms()
            self._look()
            self._looked_ms = now
        finally:
            self._looking.release()

    def _look_behind(self) -> None:
        try:
            self._look_now()
        except RedisError as error:
            log.warning("flows not looked at: what was published stays", why=type(error).__name__)

    def _look(self) -> None:
        rules = _stamp(self.folder / QUEUES_FILE)
        found = {path: (_stamp(path), rules) for path in self.folder.glob("*.yaml") if path.name != QUEUES_FILE}
        for path in sorted(found):
            if self._stamps.get(path) != found[path]:
                self._publish(path)
                self._stamps[path] = found[path]
        for path in self._stamps.keys() - found.keys():
            del self._stamps[path]
            log.error("a flow's file is gone: the version published last stays", file=str(path))
            self._files.pop(path, None)

    def _publish(self, path: Path) -> None:
        """Put the flow in `path` on the shelf; if that is not to be, say why in the log. Raises RedisError."""
        try:
            text = path.read_text(encoding="utf-8")
            flow, problems = self.check(text, str(path))
        except (OSError, UnicodeDecodeError) as error:
            log.error("flow not published: its file cannot be read", file=str(path), why=str(error))
            return
        except Exception:
            log.exception("flow not published: looking for mistakes in it failed", file=str(path))
            return
        if flow is None or has_errors(problems):
            log.error(
                "flow not published: the version before it stays", file=str(path), problems=[str(p) for p in problems]
            )
            return
        version = version_of(text)
        if self._filed().get(flow.flow) != version:
            self.redis.set(self._key(f"flow:{version}"), text)
            self.redis.hset(self._key("flows"), flow.flow, version)
            log.info("flow published", flow=flow.flow, version=version)
            self.on_publish(flow)
        self._versions[version] = Published(flow, version)
        self._files[path] = (flow.flow, version)

    def _version(self, name: str, version: str) -> Published:
        if version not in self._versions:
            text = self.redis.get(self._key(f"flow:{version}"))
            if text is None:
                raise UnknownFlow(f"no flow version {version} of '{name}' is stored")
            flow, problems = self.check(_text(cast(bytes, text)), f"{name}@{version}")
            if flow is None:
                raise UnknownFlow(f"stored version {version} of '{name}' does not load: {problems[0]}")
            self._versions[version] = Published(flow, version)
        return self._versions[version]

    def _usable(self, stored: tuple[str, str]) -> Published | None:
        """A flow and its version; None when that version does not load any more."""
        try:
            return self._version(*stored)
        except UnknownFlow as error:
            log.error("a stored flow cannot be used", flow=stored[0], why=str(error))
            return None

    def _filed(self) -> dict[str, str]:
        """What our own files say: flow -> version."""
        return dict(tuple(self._files.values()))

    def _left_over(self) -> dict[str, str]:
        """What any process has published and no good file of ours says: flow -> version."""
        stored, filed = cast(dict[bytes, bytes], self.redis.hgetall(self._key("flows"))), self._filed()
        return {_text(n): _text(v) for n, v in sorted(stored.items()) if _text(n) not in filed}

    def _key(self, name: str) -> str:
        return "{" + self.tenant + "}:" + name


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when the file does; zeros for one that is not there."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
