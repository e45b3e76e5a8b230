"""The heartbeat of a node: once a second, and often while it waits for Asterisk, whether it takes commands.

Law: it beats as long as this process lives, whatever else hangs; so nothing here waits long.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final

import structlog
from redis.exceptions import RedisError

from ivr.clock import Clock
from ivr.providers.asterisk.ami import Ami, AmiDown, AmiRefused, AmiTimeout
from ivr.providers.asterisk.registry import Registry

log = structlog.get_logger()

BEAT_S: Final = 1.0
SOON_S: Final = 0.1
"""How soon it is told that Asterisk is there again: until then nothing is asked of the node."""


class Heart:
    """`beat` is for a thread of its own."""

    def __init__(self, ami: Ami, registry: Registry, node: str, clock: Clock) -> None:
        self._ami, self._registry, self._node, self._clock = ami, registry, node, clock
        self._boot, self._channels, self._away = "", 0, False
        self._name = secrets.token_hex(8)
        self.alone = True
        """Whether no other process serves the node, as far as is known."""

    def beat(self, stop: threading.Event) -> None:
        """Until `stop`; then the node says that it takes no more commands."""
        while not stop.is_set():
            self._feel()
            up = self._ami.up
            self._say(up)
            stop.wait(BEAT_S if up else SOON_S)
        self._say(False)

    def _feel(self) -> None:
        """When Asterisk started and how many calls it has, as far as it says so at once."""
        try:
            told = self._ami.act("CoreStatus", None, BEAT_S / 2)
        except (AmiDown, AmiTimeout, AmiRefused):
            return
        self._boot = f"{told.get('CoreStartupDate', '')}T{told.get('CoreStartupTime', '')}"
        self._channels = int(told.get("CoreCurrentCalls", "0"))

    def _say(self, up: bool) -> None:
        try:
            about = {"boot": self._boot, "channels": self._channels, "by": self._name}
            self.alone = self._registry.heartbeat(self._node, self._clock.now_ms(), up=up, **about)  # type: ignore[arg-type]
        except RedisError as err:
            if not self._away:
                log.warning("heartbeat_not_told", node=self._node, why=type(err).__name__)
            self._away = True
            return
        self._away = False
