"""What the screens are given to work with.

Law: a screen reads and acts through the line, never past it; `ivr.app` builds the parts and hands them over.
"""

from __future__ import annotations

from typing import Protocol

from redis import Redis

from callback.service import Line
from ivr.clock import Clock
from ivr.config import Settings
from ivr.ports import Provider


class Flows(Protocol):
    """The published flows; `ivr.store.FlowShelf`."""

    def names(self) -> tuple[str, ...]: ...


class Parts(Protocol):
    @property
    def line(self) -> Line: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def redis(self) -> Redis: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def flows(self) -> Flows: ...

    @property
    def provider(self) -> Provider: ...
