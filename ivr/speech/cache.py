"""The bound of the folder of sounds.

Law: nothing that was played or made in the last hour goes, and nothing that the caller of `prune` wants kept; of the rest the
sounds that were not used for longest go first. A sound that is gone is simply made again.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ivr.whole_file import PART

IN_USE_S = 3_600
TOUCH_S = 600
"""How often the use of a sound is noted: its file's time is at most so old while it is played."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """`bytes_left`: the size of the folder afterwards."""

    removed: int
    bytes_left: int


def note_use(path: Path, now_s: float) -> bool:
    """Whether the sound is there; if so its use is noted, now and then. `now_s`: epoch seconds."""
    try:
        found = path.stat()
    except OSError:
        return False
    if found.st_size and now_s - found.st_mtime > TOUCH_S:
        with suppress(OSError):  # a folder that we may only read is as good for playing
            os.utime(path, (now_s, now_s))
    return found.st_size > 0


def prune(folder: Path, keep: Collection[str], max_bytes: int, now_s: float) -> Pruned:
    """Remove the sounds longest unused, apart from `keep` (ids), until `max_bytes` are left; and what crashes left behind."""
    sounds, left = [], 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # another process prunes too
            found = path.stat()
            if path.suffix == ".ulaw":
                left += found.st_size
                # Who plays them from another machine cannot note it; the day of the last reading is then known all the same.
                sounds.append((max(found.st_mtime, found.st_atime), found.st_size, path))
            elif path.suffix == PART and now_s - found.st_mtime > IN_USE_S:
                path.unlink()
    removed = 0
    for used_s, size, path in sorted(sounds):
        if left <= max_bytes or now_s - used_s < IN_USE_S:
            break
        if path.stem not in keep:
            path.unlink(missing_ok=True)
            removed, left = removed + 1, left - size
    return Pruned(removed, left)
