"""Sounds of a node, made before anybody calls: all that the published flows say to every caller.

Law: it is done beside the calls, one sound at a time, and whatever fails here is made when it is asked for.
"""

from __future__ import annotations

import threading
from typing import Final

import structlog
from redis.exceptions import RedisError

from ivr.speech.ahead import render_behind
from ivr.speech.sounds import Sounds
from ivr.store import FlowShelf
from ivr.turning import UnknownFlow

log = structlog.get_logger()

LOOK_S: Final = 5.0


def keep_ahead(flows: FlowShelf, sounds: Sounds, stop: threading.Event) -> None:
    """Until `stop`: render each flow as soon as it has a new version, whoever has published it."""
    rendered: dict[str, str] = {}
    while not stop.is_set():
        try:
            current = {name: flows.get(name) for name in flows.names()}
        except (RedisError, UnknownFlow) as err:
            log.info("rendering_ahead_waits", why=f"{type(err).__name__}: {err}")
            current = {}
        fresh = [new for name, new in current.items() if rendered.get(name) != new.version]
        if fresh:
            behind = render_behind([new.flow for new in fresh], sounds)
            while behind.is_alive() and not stop.is_set():
                behind.join(0.2)
            rendered.update((new.flow.flow, new.version) for new in fresh)
        stop.wait(LOOK_S)
