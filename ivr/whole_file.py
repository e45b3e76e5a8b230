"""A file that is there whole or not at all, under whatever umask.

Law: nobody ever reads half of it, for it has its name only when it is written; what a failure leaves behind is taken away.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PART: Final = ".part"
"""The end of the name of a file that is being written; one that a crash left behind keeps it."""
FOR_ALL: Final = 0o644


@contextmanager
def whole_file(path: Path, mode: int = FOR_ALL) -> Iterator[Path]:
    """A path to write to, which becomes `path` with this mode unless something is raised. Until then its owner alone may read it.

    Raises OSError when the folder cannot be written. Any number of processes and threads may write the same file: the last one stays.
    """
    handle, name = tempfile.mkstemp(PART, f".{path.name}.", path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(mode)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()
