"""The scripts of the line, loaded and run.

Law: a script is one file of `lua/`, put together with the tables of `keys.py` and `states.py` and the shared functions.
A server that has forgotten them (restart, failover) is given them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from redis import Redis
from redis.commands.core import Script

from callback.keys import Keys, lua_names
from callback.model import Queue
from callback.states import lua_moves

SHARED: Final = ("_common", "_entries", "_agents", "_attempts")
"""What stands before every script, in this order: each knows those before it."""


@cache
def script_texts() -> dict[str, str]:
    """Every script by name, complete: the generated tables, the shared functions, then its own text."""
    folder = files("callback") / "lua"
    texts = {
        item.name[:-4]: item.read_text(encoding="utf-8") for item in folder.iterdir() if item.name.endswith(".lua")
    }
    shared = lua_names() + lua_moves() + "".join(texts[name] for name in SHARED)
    return {name: shared + text for name, text in sorted(texts.items()) if name not in (*SHARED, "estimate")}


class Scripts:
    """The scripts of one tenant. `texts` stands in for `script_texts()` in tests that plant faults."""

    def __init__(self, redis: Redis, keys: Keys, texts: Mapping[str, str] | None = None) -> None:
        self._prefix = keys.prefix
        self._scripts: dict[str, Script] = {
            name: redis.register_script(script) for name, script in (texts or script_texts()).items()
        }
        self._rules: tuple[Mapping[str, Queue], str] = ({}, rules_json({}))

    def run(self, script: str, key: str, now_ms: int, *args: object, queues: Mapping[str, Queue] | None = None) -> Any:
        """The reply as text. `key` is the thing the script is about; `queues` where it needs their rules."""
        rules = ""
        if queues is not None:
            if self._rules[0] is not queues:
                self._rules = (queues, rules_json(queues))
            rules = self._rules[1]
        return text(self._scripts[script](keys=[key], args=[self._prefix, now_ms, rules, *map(str, args)]))


def rules_json(queues: Mapping[str, Queue]) -> str:
    """What the scripts need of the queues' rules; the empty name has the defaults, for a queue that left the file."""
    return json.dumps(
        {
            name: {
                "order": queue.callbacks.order.value,
                "reserve_ms": queue.reserve_ms,
                "ring_agent_ms": queue.ring_agent_ms,
                "ring_customer_ms": queue.ring_customer_ms,
                "accept_ms": queue.accept_ms,
                "wrap_up_ms": queue.wrap_up_ms,
                "max_misses": queue.max_misses,
                "target_ms": queue.target_ms,
                "short_ms": queue.short_ms,
            }
            for name, queue in {"": Queue(""), **queues}.items()
        }
    )


def text(value: Any) -> Any:
    """Replies as text, whether or not the client decodes them."""
    if isinstance(value, bytes):
        return value.decode()
    return [text(item) for item in value] if isinstance(value, list) else value
