"""How a worker has a node's control process do something, through Redis: a list of commands, and one answer to each.

Law: a command is never done late. It names the moment at which whoever sent it gives up; from then on it is dropped unread, so
`Unsure` means that it was done by that moment, or is being done, or never will be. What lies in Redis is not trusted:
commands and answers are signed, and only the words of the server's table are carried out. Doing one twice harms nobody
(the handlers see to that). The moments are epoch milliseconds of the wall: the machines' clocks must agree within a second.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, cast

import structlog
from redis import Redis
from redis.exceptions import RedisError

from ivr.clock import Clock
from ivr.inputs import Outcome
from ivr.ports import Away, Unsure
from ivr.providers.asterisk.registry import Registry

log = structlog.get_logger(__name__)

PATIENCE_MS = 2_500
"""How long a command may take, from being sent to being answered."""
SLICE_S = 0.5
"""One wait for an answer or a command: shorter than any socket timeout of ours, so that what Redis hands over is never lost."""
AWAY_S = 0.5
THREADS = 8
KEEP_REPLY_S = 60
KEEP_COMMANDS_S = 60


class Forged(Exception):
    """What lay in Redis is not signed with our key."""


class Result(StrEnum):
    """How a command came out. `refused`: nothing was done. `away`: nor was it, for Asterisk is not there. `gone`: the call is not
    up. `error`: we cannot tell."""

    OK = "ok"
    REFUSED = "refused"
    AWAY = "away"
    GONE = "gone"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the control process says. `outcome` and `permanent` go with `refused` (as in `ivr.ports.Refused`), `state` (ringing,
    up, none) with the answer to `find`; `data` (base64) and `size` with a piece of a recording."""

    result: Result
    why: str = ""
    outcome: Outcome = Outcome.FAILED
    permanent: bool = False
    state: str = ""
    data: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """`do` and its data; what each word means and needs is said where it is done (`acts.py`). `expires_ms`: not to be begun from
    then on."""

    id: str
    do: str
    expires_ms: int
    data: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A text of the data. Raises ValueError when there is none of this name."""
        value = self.data.get(name)
        if not isinstance(value, str):
            raise ValueError(f"the command {self.do} has no {name}; expected a text")
        return value

    def number(self, name: str) -> int:
        """A whole number of the data. Raises ValueError when there is none of this name."""
        value = self.data.get(name)
        if not isinstance(value, int):
            raise ValueError(f"the command {self.do} has no {name}; expected a whole number")
        return value


Handler = Callable[[Command], Answer]


@dataclass(frozen=True, slots=True)
class Commands:
    """The worker's end. `key` is `settings.key("asterisk commands")`. `clock` must be the wall's."""

    redis: Redis
    tenant: str
    key: bytes
    clock: Clock
    patience_ms: int = PATIENCE_MS

    def ask(self, node: str, do: str, **data: str | int | bool) -> Answer:
        """Have `node` do it. Raises Away: the node takes no commands now, so nothing was done. Raises Unsure: Redis is away, there
        was no answer in time, or the control process could not tell what came of it."""
        now = self.clock.now_ms()
        try:
            beat = Registry(self.redis, self.tenant).beat(node)
            if beat is None or not beat.takes_commands(now):
                raise Away(f"node {node} is not up: is `retorno asterisk` running there, and Asterisk?")
            answer = self._exchange(node, Command(secrets.token_hex(12), do, now + self.patience_ms, data))
        except RedisError as error:
            raise Unsure(f"Redis is away, so node {node} could not be asked: {type(error).__name__}") from error
        except (Forged, UnicodeDecodeError) as error:
            raise Unsure(f"an answer of node {node} is not to be trusted: {error}") from error
        if answer.result is Result.AWAY:
            raise Away(answer.why)
        if answer.result is Result.ERROR:
            raise Unsure(f"node {node} cannot tell what came of `{do}`: {answer.why}")
        return answer

    def _exchange(self, node: str, command: Command) -> Answer:
        commands = _commands(self.tenant, node)
        with self.redis.pipeline() as pipe:
            pipe.rpush(commands, _signed(self.key, f"command {node}", asdict(command)))
            pipe.expire(commands, KEEP_COMMANDS_S)  # those of a node that is taken away are not kept for ever
            pipe.execute()
        reply = _reply(self.tenant, command.id)
        while (left_ms := command.expires_ms - self.clock.now_ms()) > 0:
            popped = self.redis.blpop([reply], min(SLICE_S, max(left_ms / 1000, 0.01)))  # 0 would be for ever
            if popped:
                return _answer(_verified(self.key, f"answer {command.id}", cast(list[Any], popped)[1]))
        raise Unsure(f"node {node} did not answer to `{command.do}` within {self.patience_ms} ms")


def serve(
    redis: Redis,
    tenant: str,
    node: str,
    key: bytes,
    clock: Clock,
    handlers: Mapping[str, Handler],
    stop: threading.Event,
) -> None:
    """The control process's end: do what comes for `node` until `stop`; then what has been begun is finished, and this returns.

    Commands about one call are done in the order in which they came, those about others beside them. A handler that raises
    answers `error`. While Redis is away this waits for it.
    """
    with ThreadPoolExecutor(THREADS, thread_name_prefix=f"{node}-command") as pool:
        errands = _Errands(pool)
        while not stop.is_set():
            try:
                command = _next(redis, tenant, node, key)
            except RedisError as error:
                log.warning("commands_wait_for_redis", node=node, why=type(error).__name__)
                stop.wait(AWAY_S)
                continue
            except Forged as error:
                log.warning("command_refused", node=node, why=str(error))
                continue
            if command is None:
                continue
            about = str(command.data.get("call") or command.id)
            errands.add(about, _Errand(redis, tenant, node, key, clock, handlers, command))


def _next(redis: Redis, tenant: str, node: str, key: bytes) -> Command | None:
    """The next command; None when none has come in a while. Raises Forged and RedisError."""
    try:
        popped = redis.blpop([_commands(tenant, node)], SLICE_S)
    except UnicodeDecodeError as error:
        raise Forged("it is not text") from error
    return _command(_verified(key, f"command {node}", cast(list[Any], popped)[1])) if popped else None


@dataclass(frozen=True, slots=True)
class _Errand:
    """One command, and what is needed to do and to answer it."""

    redis: Redis
    tenant: str
    node: str
    key: bytes
    clock: Clock
    handlers: Mapping[str, Handler]
    command: Command

    def __call__(self) -> None:
        late_ms = self.clock.now_ms() - self.command.expires_ms
        if late_ms >= 0:
            log.warning("command_dropped_late", node=self.node, do=self.command.do, late_ms=late_ms)
            return
        reply = _reply(self.tenant, self.command.id)
        text = _signed(self.key, f"answer {self.command.id}", asdict(self._done()))
        try:
            with self.redis.pipeline() as pipe:
                pipe.rpush(reply, text)
                pipe.expire(reply, KEEP_REPLY_S)
                pipe.execute()
        except RedisError as error:
            log.warning("answer_lost", node=self.node, do=self.command.do, why=type(error).__name__)

    def _done(self) -> Answer:
        handler = self.handlers.get(self.command.do)
        if handler is None:
            log.warning("command_unknown", node=self.node)
            expected = ", ".join(sorted(self.handlers))
            return Answer(
                Result.REFUSED, f"this node does not know the command; expected one of {expected}", permanent=True
            )
        try:
            return handler(self.command)
        except Exception as error:
            log.exception("command_failed", node=self.node, do=self.command.do)
            return Answer(Result.ERROR, type(error).__name__)


class _Errands:
    """Threads that do errands; those about one thing one after the other."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._lines: dict[str, deque[Callable[[], None]]] = {}
        self._lock = threading.Lock()

    def add(self, about: str, errand: Callable[[], None]) -> None:
        with self._lock:
            line = self._lines.setdefault(about, deque())
            line.append(errand)
            first = len(line) == 1
        if first:
            self._pool.submit(self._run, about)

    def _run(self, about: str) -> None:
        while True:
            with self._lock:
                errand = self._lines[about][0]
            try:
                errand()
            except Exception:
                log.exception("errand_failed")
            with self._lock:
                self._lines[about].popleft()
                if not self._lines[about]:
                    del self._lines[about]
                    return


def _commands(tenant: str, node: str) -> str:
    return "{" + tenant + "}:ast:node:" + node + ":commands"


def _reply(tenant: str, command: str) -> str:
    return "{" + tenant + "}:ast:reply:" + command


def _signed(key: bytes, about: str, data: Mapping[str, Any]) -> str:
    """`<hex HMAC-SHA256>:<json>`, good only for what it is about: a node's commands, or the answer to one command."""
    body = json.dumps(data, separators=(",", ":"))
    return f"{_signature(key, about, body)}:{body}"


def _verified(key: bytes, about: str, text: bytes | str) -> dict[str, Any]:
    """What `_signed` wrote. Raises Forged."""
    signature, _, body = (text.decode("utf-8", "replace") if isinstance(text, bytes) else text).partition(":")
    expected = _signature(key, about, body)
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()):
        raise Forged("it is not signed with our key: both ends must run with the same RETORNO_SECRET_KEY")
    found: dict[str, Any] = json.loads(body)
    return found


def _signature(key: bytes, about: str, body: str) -> str:
    return hmac.new(key, f"{about}:{body}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _command(data: dict[str, Any]) -> Command:
    return Command(data["id"], data["do"], data["expires_ms"], data["data"])


def _answer(data: dict[str, Any]) -> Answer:
    return Answer(**{**data, "result": Result(data["result"]), "outcome": Outcome(data["outcome"])})
