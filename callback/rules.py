"""The queues file as it stands: looked at again when it changes.

Law: a file with a mistake never replaces a good one; what was in force stays, and the log says why. At the start there is
nothing to stay with, so then the mistakes are raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from callback.model import Queue
from callback.policy import Opening
from callback.queues import QueuesError, QueuesFile, read_queues
from ivr.clock import Clock

log = structlog.get_logger()

FRESH_MS = 1_000


class Rules:
    """The queues and their hours, from one file. Raises QueuesError when it is wrong at the start."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._stamp = self._stamped()
        self._file = read_queues(path)
        self._looked_ms = clock.now_ms()

    def queues(self) -> Mapping[str, Queue]:
        """The queues in force; the same object until they change."""
        return self.file().queues

    def opening(self, queue: Queue, now_ms: int) -> Opening:
        return self.file().opening(queue, now_ms)

    def file(self) -> QueuesFile:
        """What the file says, as far as it was right; at most a second old."""
        now = self._clock.now_ms()
        if 0 <= now - self._looked_ms < FRESH_MS:
            return self._file
        self._looked_ms = now
        return self.look()

    def look(self) -> QueuesFile:
        """The same, looked at now: for who must not miss a change that he has seen himself."""
        if (stamp := self._stamped()) != self._stamp:
            self._stamp = stamp
            try:
                self._file = read_queues(self._path)
            except QueuesError as error:
                log.error("queues file refused: the rules before it stay", problems=[str(p) for p in error.problems])
            else:
                log.info("queues file read", file=str(self._path), queues=sorted(self._file.queues))
        return self._file

    def _stamped(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_size)
