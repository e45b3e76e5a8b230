"""Whether a node could play the music of a folder.

Law: what is judged is what Asterisk does with the modules that we load: it takes the files of the folder itself, goes by how their
names end, and passes over what it cannot open. A folder in which it can open nothing is silence, and nobody is told. Tried on 22.10.
"""

from __future__ import annotations

import wave
from pathlib import Path

# How the names of files end that need no look into them (`core show file formats`).
_RAW = frozenset(
    (
        *("ulaw", "ul", "ulw", "mu", "pcm", "alaw", "al", "alw", "au", "g722", "gsm", "sln", "slin", "raw"),
        *(f"sln{khz}" for khz in (12, 16, 24, 32, 44, 48, 96, 192)),
    )
)
_WAV_HZ = {"wav": 8_000, "wav16": 16_000}


def fault(folder: Path) -> str:
    """Why nothing of `folder` could be played; empty when something can."""
    try:
        there = sorted(file for file in folder.iterdir() if file.is_file())
        if any(_playable(file) for file in there):
            return ""
    except OSError as err:
        return f"{err.filename or folder} cannot be read: {err.strerror}"
    kinds = sorted({file.suffix for file in there})
    return f"Asterisk can play nothing in {folder}" + (f" ({', '.join(kinds)})" if kinds else ": it is empty")


def advice(folder: Path) -> str:
    """How such a folder is mended."""
    return (
        f"8 kHz, 16 bits, mono: `sox music.mp3 -r 8000 -b 16 -c 1 {folder}/music.wav`, readable by Asterisk and by us"
    )


def _playable(file: Path) -> bool:
    """Raises OSError when it cannot be looked into."""
    end = file.suffix.removeprefix(".")
    with file.open("rb") as sound:
        if end not in _WAV_HZ:
            return end in _RAW and bool(sound.read(1))
        try:
            with wave.open(sound) as read:
                form = (read.getframerate(), read.getsampwidth(), read.getnchannels())
                return form == (_WAV_HZ[end], 2, 1) and read.getnframes() > 0
        except (wave.Error, EOFError):
            return False
