"""A folder of sounds, looked after: what the published flows say to every caller is made before anybody calls, and what nobody
has been told for long goes.

Law: it is done beside the calls, one sound at a time, and whatever fails here is made when it is asked for.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import structlog
from redis.exceptions import RedisError

from ivr.flow.model import Flow
from ivr.speech.ahead import render_behind, tidy
from ivr.speech.sounds import Sounds
from ivr.store import FlowShelf
from ivr.turning import Published, UnknownFlow

log = structlog.get_logger()

LOOK_S: Final = 5.0
TIDY_S: Final = 3_600.0
SOON_S: Final = 60.0


def keep_ahead(flows: FlowShelf, sounds: Sounds, stop: threading.Event) -> None:
    """Until `stop`: render each flow as soon as it has a new version, whoever has published it."""
    rendered: dict[str, str] = {}
    while not stop.is_set():
        current = _current(flows)
        fresh = [new for name, new in current.items() if rendered.get(name) != new.version]
        if fresh:
            behind = render_behind([new.flow for new in fresh], sounds)
            while behind.is_alive() and not stop.is_set():
                behind.join(0.2)
            rendered.update((new.flow.flow, new.version) for new in fresh)
        stop.wait(LOOK_S)


def keep_tidy(flows: FlowShelf, sounds: Sounds, max_bytes: int, stop: threading.Event) -> None:
    """Until `stop`: every hour, keep the folder below `max_bytes`, all that the flows say to every caller apart."""
    wait_s = SOON_S
    while not stop.wait(wait_s):
        current = _current(flows)
        if current:
            _tidy([new.flow for new in current.values()], sounds, max_bytes)
        wait_s = TIDY_S if current else SOON_S


def _tidy(flows: list[Flow], sounds: Sounds, max_bytes: int) -> None:
    try:
        pruned = tidy(flows, sounds, max_bytes, time.time())
    except OSError as err:
        log.warning("the folder of sounds cannot be tidied", folder=str(sounds.folder), why=err.strerror)
        return
    log.info("sounds tidied", folder=str(sounds.folder), removed=pruned.removed, mb_left=pruned.bytes_left // 1_000_000)


def _current(flows: FlowShelf) -> dict[str, Published]:
    """The flows as published now; none while that cannot be known."""
    try:
        return {name: flows.get(name) for name in flows.names()}
    except (RedisError, UnknownFlow) as err:
        log.info("looking_after_sounds_waits", why=f"{type(err).__name__}: {err}")
        return {}
