"""Where sounds are made: a few at once, each by one thread, none twice at the same time.

Law: a file is there whole or not at all, so any number of processes may make the same one; all may read it. What failed is told in the
log once, is not tried again at once, and keeps nobody waiting.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ivr.errors import RetornoError
from ivr.speech.cache import note_use
from ivr.speech.engine import Inaudible, SpeechFailed
from ivr.whole_file import whole_file

log = structlog.get_logger(__name__)

AT_ONCE = 4
AGAIN_S = 60.0
"""How long a sound that failed is not tried again."""
TIRED, REST_S = 3, 10.0
"""After so many failures of its own in a row the engine is left alone for so long: callers are not kept waiting for nothing."""
REMEMBERED = 10_000

Maker = Callable[[Path], None]
"""Writes a sound to a path. Raises SpeechFailed."""


class NoSounds(RetornoError):
    """The folder of sounds cannot be used."""


def _refused(why: str) -> Future[str]:
    future: Future[str] = Future()
    future.set_exception(SpeechFailed(why))
    return future


@dataclass(slots=True)
class Workshop:
    """What a process has under way and knows of failures. Times are monotonic seconds. Thread-safe."""

    folder: Path
    tally: Counter[str] = field(default_factory=Counter)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="speech"))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _under_way: dict[str, Future[str]] = field(default_factory=dict)
    _failed: dict[str, float] = field(default_factory=dict)
    _in_a_row: int = 0
    _rests_until: float = 0.0

    def path(self, sound: str) -> Path:
        return self.folder / f"{sound}.ulaw"

    def order(self, sound: str, make: Maker, *, by_engine: bool, **about: str) -> Future[str]:
        """Have `sound` made without waiting. The future gives its id, or raises SpeechFailed or NoSounds.

        `about`: what the log says of it when it fails; no text, which may be a caller's.
        """
        with self._lock:
            if (under_way := self._under_way.get(sound)) is not None:
                return under_way
            now = time.monotonic()
            if self._failed.get(sound, 0.0) > now or (by_engine and self._rests_until > now):
                return _refused("it failed a moment ago")
            try:
                future = self._under_way[sound] = self._pool.submit(self._work, sound, make, by_engine, about)
            except RuntimeError as error:  # this process ends, or may have no more threads
                return _refused(str(error))
            return future

    def keep(self, sound: str, content: bytes) -> str:
        """Write a sound that needs no making. Raises NoSounds."""
        if not note_use(self.path(sound), time.time()):

            def write(into: Path) -> None:
                into.write_bytes(content)

            self._write(sound, write)
        return sound

    def _work(self, sound: str, make: Maker, by_engine: bool, about: dict[str, str]) -> str:
        try:
            self._write(sound, make)
        except (SpeechFailed, NoSounds) as error:
            by_engine = by_engine and not isinstance(error, Inaudible | NoSounds)
            self._note_failure(sound, str(error), by_engine, about)
            raise
        else:
            with self._lock:
                self.tally["made"] += 1
                self._failed.pop(sound, None)
                self._in_a_row = 0 if by_engine else self._in_a_row
            return sound
        finally:
            with self._lock:
                self._under_way.pop(sound, None)

    def _note_failure(self, sound: str, why: str, by_engine: bool, about: dict[str, str]) -> None:
        now = time.monotonic()
        with self._lock:
            self.tally["failed"] += 1
            known = sound in self._failed
            if len(self._failed) >= REMEMBERED:
                self._failed.clear()
            self._failed[sound] = now + AGAIN_S
            self._in_a_row += by_engine
            if self._in_a_row >= TIRED:
                self._rests_until = now + REST_S
        if not known:
            log.error("a sound could not be made", sound=sound, why=why, **about)

    def _write(self, sound: str, make: Maker) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self.path(sound)) as part:
                make(part)
        except OSError as error:
            raise NoSounds(
                f"sounds cannot be written to {self.folder}: {error.strerror}; "
                "make it writable, or set RETORNO_SOUNDS_DIR to a folder that is"
            ) from None
