"""How tests wait, and where they listen. The rig of the telephones has an `until` of its own, which tells what a phone has heard."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 60.0

T = TypeVar("T")


def until(fact: Callable[[], T], what: str = "what the line before began") -> T:
    """Look until the fact holds, and give it. The patience is for a machine that stands still: how long it takes is no matter."""
    end = time.monotonic() + PATIENCE_S
    while not (found := fact()):
        assert time.monotonic() < end, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.01)
    return found


def free_port() -> int:
    """A port of ours that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
