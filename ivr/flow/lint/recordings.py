"""Recordings: how long they are and what would make them sound wrong on a telephone.

Law: an answer for any file, however broken; nothing is played or changed.
"""

from __future__ import annotations

import array
import sys
import wave
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 5 * 1024 * 1024
RATES = (8000, 16000)
_FULL_SCALE = 32_760
_CLIPPED_SHARE = 0.001
"""A sample in a thousand at full scale is heard as distortion; fewer are peaks."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`seconds`: 0 when the format does not say. `faults`: in words that follow "is"."""

    seconds: float = 0.0
    faults: tuple[str, ...] = ()


def measure(folder: Path, name: str) -> Measured | None:
    """What `folder/name` is like; None when it is not there, or not below `folder`."""
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        return None
    size = file.stat().st_size
    if size > MAX_BYTES:
        return Measured(0.0, (f"{size / 1024 / 1024:.1f} MB",))
    if size == 0:
        return Measured(0.0, ("empty",))
    if file.suffix == ".ulaw":
        return Measured(size / 8000)
    return _wave(file) if file.suffix == ".wav" else Measured()


def _wave(file: Path) -> Measured:
    try:
        with wave.open(str(file), "rb") as sound:
            rate, channels, width = sound.getframerate(), sound.getnchannels(), sound.getsampwidth()
            frames = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        return Measured(0.0, (f"not a WAV file of plain samples ({str(error) or 'it is cut off'})",))
    faults = []
    if channels != 1:
        faults.append(f"not mono but {channels} channels")
    if rate not in RATES:
        faults.append(f"at {rate / 1000:g} kHz")
    if width != 2:
        faults.append(f"{8 * width} bit")
    elif _clipped(frames):
        faults.append("clipped")
    seconds = len(frames) / (rate * channels * width) if rate and channels and width else 0.0
    return Measured(seconds, tuple(faults))


def _clipped(frames: bytes) -> bool:
    samples = array.array("h", frames[: len(frames) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    loud = sum(1 for sample in samples if abs(sample) >= _FULL_SCALE)
    return bool(samples) and loud / len(samples) > _CLIPPED_SHARE
