"""What is known of the calls, nodes and telephones of the Asterisk side, in Redis.

Law: each transition is one atomic step (`lua/*.lua`), so that the web, the workers and the control processes never disagree. A call
goes ringing -> up -> ended; ended is for ever, and the first end stands. An end that is heard of before its beginning is not
lost: it leaves a note, and whoever registers the call finds it. Times are epoch milliseconds, passed in; no number stands in a key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, cast

from redis import Redis
from redis.commands.core import Script

from ivr.inputs import Outcome
from ivr.ports import CallState

KEEP_S = 7 * 86_400
"""How long a call is kept that never ends: longer than any talk."""
KEEP_ENDED_S = 86_400
"""How long the end of a call answers `find`, as an ended attempt answers late messages."""
GONE_S = 300
"""How long an end waits for the call that it belongs to."""
KEEP_NODE_S = 86_400
FRESH_MS = 5_000
"""A node that beat within this time takes commands; it beats each second."""
DEAD_MS = 60_000
"""A node without a beat for this long is dead, and its calls with it."""
LOOK_TWICE_MS = 4_000
"""Between two looks at a node that seems dead: living ones have beaten several times by then."""

REGISTERED: Final = frozenset({"NOT_INUSE", "INUSE", "BUSY", "RINGING", "RINGINUSE", "ONHOLD"})
"""Device states of a telephone that can be reached; the others are UNAVAILABLE, INVALID and UNKNOWN."""


@dataclass(frozen=True, slots=True)
class Known:
    """A call as registered. `outcome` is set when it has ended. `to` is whom it rings, empty for one that came in.
    `at_ms`: when it was registered. `unwanted`: it was to be ended when its node took no orders."""

    call: str
    node: str
    state: CallState
    outcome: Outcome | None
    to: str
    at_ms: int
    unwanted: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """A node's heartbeat. `up`: its control process is logged in at an Asterisk that has booted. `boot`: when that
    Asterisk started, as it says it itself. `channels`: how many it has."""

    node: str
    at_ms: int
    up: bool
    boot: str
    channels: int

    def takes_commands(self, now_ms: int) -> bool:
        return self.up and now_ms - self.at_ms < FRESH_MS


@dataclass(frozen=True, slots=True)
class View:
    """What decides where a call is placed. `known`: whether its id is. `near`: the node that has the call beside which it is to be,
    empty when that is over or was never known. `homes`: the nodes at which the telephone is registered, by name. `alive`: the nodes
    that take commands now."""

    known: bool
    near: str
    homes: tuple[str, ...]
    alive: Mapping[str, Beat]


class Registry:
    """The registry of one tenant. Thread-safe. Every method may raise RedisError."""

    def __init__(self, redis: Redis, tenant: str) -> None:
        self._redis = redis
        self._prefix = "{" + tenant + "}:ast:"
        self._scripts: dict[str, Script] = {name: redis.register_script(text) for name, text in _texts().items()}

    # calls

    def register_incoming(self, call: str, node: str, now_ms: int) -> bool:
        """A call has come in: nothing -> up. Whether it is up; False: it is over already, and nobody has been told, so the
        caller of this tells `Calls.ended`. To be called after `Calls.incoming`, so that there is a session to end."""
        keys = (self._call(call), self._gone(call), self._calls(node))
        return bool(self._run("register_incoming", keys, call, node, now_ms, KEEP_S, KEEP_ENDED_S))

    def register_outgoing(self, call: str, node: str, to: str, now_ms: int) -> bool:
        """A call is about to be placed: nothing -> ringing. False: the id is known, so it must not be placed again."""
        keys = (self._call(call), self._calls(node))
        return bool(self._run("register_outgoing", keys, call, node, to, now_ms, KEEP_S))

    def call_off(self, call: str, now_ms: int) -> bool:
        """A call is to end: nothing -> ended, so that it is not placed any more. False: it is known, and nothing is changed."""
        return bool(self._run("call_off", (self._call(call),), now_ms, KEEP_ENDED_S))

    def unwant(self, call: str) -> None:
        """A known call is to be ended as soon as its node takes orders."""
        self._redis.hset(self._call(call), "unwanted", 1)

    def answered(self, call: str) -> bool:
        """ringing -> up. Whether the call is up now; False: it is over, or was never known."""
        return bool(self._run("answered", (self._call(call),)))

    def ended(self, call: str, outcome: Outcome) -> Outcome | None:
        """ringing or up -> ended. The outcome that stands: a call that was up has been `answered`, one that had ended
        keeps its first outcome. None: the call is not known; should it be registered as incoming within `GONE_S`, it is over.
        """
        args = (call, outcome.value, self._calls(""), KEEP_ENDED_S, GONE_S)
        stands = self._run("ended", (self._call(call), self._gone(call)), *args)
        return Outcome(stands) if stands else None

    def find(self, call: str) -> Known | None:
        return _known(call, _hash(self._redis.hgetall(self._call(call))))

    def view(self, nodes: Iterable[str], now_ms: int, *, call: str = "", beside: str = "", device: str = "") -> View:
        """All that decides where `call` is placed, in one trip; what is not named is not looked for."""
        named = list(nodes)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.exists(self._call(call))
            pipe.hgetall(self._call(beside))
            pipe.hget(self._devices(), device)
            for node in named:
                pipe.hgetall(self._node(node))
            exists, found, said, *beats = pipe.execute()
        near = _known(beside, _hash(found))
        states = _states(_text(said or "{}"))
        heard = [beat for node, data in zip(named, beats, strict=True) if (beat := _beat(node, _hash(data)))]
        return View(
            bool(exists),
            near.node if near and near.state is not CallState.ENDED else "",
            tuple(sorted(node for node, state in states.items() if state in REGISTERED)),
            {beat.node: beat for beat in heard if beat.takes_commands(now_ms)},
        )

    def calls(self, node: str) -> dict[str, Known]:
        """The calls of a node that have not ended, by id. One that was registered a moment ago may have no channel yet."""
        ids = sorted(map(_text, cast(set[Any], self._redis.smembers(self._calls(node)))))
        with self._redis.pipeline(transaction=False) as pipe:
            for call in ids:
                pipe.hgetall(self._call(call))
            found = {call: _known(call, _hash(data)) for call, data in zip(ids, pipe.execute(), strict=True)}
        if forgotten := [call for call, known in found.items() if known is None]:  # none of them has ended in a week
            self._redis.srem(self._calls(node), *forgotten)
        return {call: known for call, known in found.items() if known and known.state is not CallState.ENDED}

    # nodes

    def heartbeat(self, node: str, now_ms: int, *, up: bool, boot: str = "", channels: int = 0, by: str = "") -> bool:
        """The control process of `node` lives. To be told each second; `up` as in `Beat`, `by`: a name of this process alone.
        False: it is not up, and another one that is serves the node; nothing is changed then."""
        args = (now_ms, int(up), boot, channels, by, FRESH_MS, KEEP_NODE_S)
        return bool(self._run("heartbeat", (self._node(node),), *args))

    def heard(self, node: str, now_ms: int) -> None:
        """The dialplan of `node` has asked us something: its Asterisk is there, whatever its control process says."""
        with self._redis.pipeline() as pipe:
            pipe.hset(self._node(node), "heard", now_ms)
            pipe.hdel(self._node(node), "missed")
            pipe.expire(self._node(node), KEEP_NODE_S)
            pipe.execute()

    def heard_ms(self, node: str) -> int:
        """When that was last, as far as it has been told; 0: not within a day."""
        return int(_text(cast(Any, self._redis.hget(self._node(node), "heard")) or "0"))

    def beat(self, node: str) -> Beat | None:
        """The last heartbeat of a node; None: none within a day."""
        return _beat(node, _hash(self._redis.hgetall(self._node(node))))

    def dead(self, node: str, now_ms: int) -> bool:
        """Whether a node, and every call that was on it, is lost: neither a beat nor a question of its dialplan for `DEAD_MS`, and
        this asked twice, `LOOK_TWICE_MS` apart (the first time it is always False: after an absence of Redis the beats of living nodes look old too)."""
        return bool(self._run("dead", (self._node(node),), now_ms, DEAD_MS, LOOK_TWICE_MS, KEEP_NODE_S))

    # telephones

    def device(self, device: str, node: str, state: str) -> dict[str, str]:
        """`node` says that `device` (`PJSIP/ana`) is in `state` (Asterisk's word, as NOT_INUSE). What each node says of it."""
        return _states(self._run("device", (self._devices(),), device, node, state))

    def _run(self, script: str, keys: Iterable[str], *args: object) -> Any:
        answer = self._scripts[script](keys=list(keys), args=list(map(str, args)))
        return answer.decode() if isinstance(answer, bytes) else answer

    def _call(self, call: str) -> str:
        return f"{self._prefix}call:{call}"

    def _calls(self, node: str) -> str:
        return f"{self._prefix}calls:{node}"

    def _gone(self, call: str) -> str:
        return f"{self._prefix}gone:{call}"

    def _node(self, node: str) -> str:
        return f"{self._prefix}node:{node}"

    def _devices(self) -> str:
        return f"{self._prefix}devices"


@cache
def _texts() -> Mapping[str, str]:
    folder = files("ivr.providers.asterisk") / "lua"
    return {item.name[:-4]: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.name.endswith(".lua")}


def _known(call: str, data: Mapping[str, str]) -> Known | None:
    if "state" not in data:
        return None
    outcome = Outcome(data["outcome"]) if data["outcome"] else None
    return Known(call, data["node"], CallState(data["state"]), outcome, data["to"], int(data["at"]), "unwanted" in data)


def _beat(node: str, data: Mapping[str, str]) -> Beat | None:
    if "at" not in data:
        return None
    return Beat(node, int(data["at"]), data["up"] == "1", data["boot"], int(data["channels"]))


def _states(text: Any) -> dict[str, str]:
    found: dict[str, str] = json.loads(text)
    return found


def _hash(reply: Any) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in reply.items()}


def _text(value: bytes | str) -> str:
    """Replies as text, whether or not the client decodes them."""
    return value.decode() if isinstance(value, bytes) else value
