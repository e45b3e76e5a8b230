"""Sound at 8 kHz in mu-law: making tones, finding tones, finding a recording in what was received.

Law: arrays and bytes in, numbers out; no socket and no clock.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
FRAME = 160  # samples, and bytes of mu-law, in 20 ms
SILENCE = b"\xff" * FRAME

Samples = NDArray[np.float64]

# What counts as quiet: -50 dBFS. A tone frame has the tone in at least this share of its energy (two mixed tones: a half each).
QUIET_RMS = 100.0
TONE_SHARE = 0.2


@cache
def _expanded() -> Samples:
    """The linear value of each mu-law byte (ITU-T G.711)."""
    flipped = ~np.arange(256, dtype=np.uint8)
    magnitude = (((flipped & 0x0F).astype(np.int32) << 3) + 0x84) << ((flipped >> 4) & 7)
    return np.where(flipped & 0x80, 0x84 - magnitude, magnitude - 0x84).astype(np.float64)


def linear(ulaw: bytes) -> Samples:
    """16-bit linear values of mu-law bytes."""
    return _expanded()[np.frombuffer(ulaw, dtype=np.uint8)]


@cache
def _compressing() -> tuple[Samples, NDArray[np.uint8]]:
    """Where one mu-law byte ends and the next begins, in order of value; and the bytes in that order."""
    order = np.argsort(_expanded(), kind="stable").astype(np.uint8)
    values = _expanded()[order]
    return (values[1:] + values[:-1]) / 2, order


def ulaw(samples: Samples) -> bytes:
    """The nearest mu-law bytes."""
    edges, order = _compressing()
    return order[np.searchsorted(edges, samples)].tobytes()


def tone(hertz: float, seconds: float, level: float = 0.3) -> bytes:
    """A sine as mu-law; level is a share of full scale."""
    at = np.arange(round(seconds * RATE)) / RATE
    return ulaw(level * 32767 * np.sin(2 * np.pi * hertz * at))


def recording(source: Path | str | bytes) -> bytes:
    """The mu-law bytes themselves, or those of a headerless .ulaw file."""
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def framed(frames: list[bytes]) -> Samples:
    """One row of 160 samples for each frame; a short frame is filled with silence."""
    whole = b"".join(frame[:FRAME].ljust(FRAME, b"\xff") for frame in frames)
    return linear(whole).reshape(-1, FRAME)


def is_quiet(rows: Samples) -> NDArray[np.bool_]:
    """Which rows are quiet."""
    quiet: NDArray[np.bool_] = np.sqrt(np.mean(rows**2, axis=1)) < QUIET_RMS
    return quiet


@cache
def _wave(hertz: float) -> NDArray[np.complex128]:
    wave: NDArray[np.complex128] = np.exp(-2j * np.pi * hertz * np.arange(FRAME) / RATE)
    return wave


def has_tone(rows: Samples, hertz: float) -> NDArray[np.bool_]:
    """Which rows carry the tone: Goertzel's sum over 20 ms, so 50 Hz apart is the nearest that can be told apart."""
    energy = np.sum(rows**2, axis=1)
    # A pure sine over whole periods has |sum|^2 = energy * FRAME / 2.
    share = 2 * np.abs(rows @ _wave(hertz)) ** 2 / FRAME / np.maximum(energy, 1.0)
    found: NDArray[np.bool_] = (share > TONE_SHARE) & ~is_quiet(rows)
    return found


def strongest(rows: Samples) -> NDArray[np.int64]:
    """The strongest frequency of each row, to 10 Hz; 0 where the row is quiet or has no single one."""
    spectrum = np.abs(np.fft.rfft(rows * np.hanning(FRAME), n=RATE // 10, axis=1)) ** 2
    peak = np.argmax(spectrum, axis=1)
    near = np.abs(np.arange(spectrum.shape[1])[None, :] - peak[:, None]) <= 10
    pure = np.sum(spectrum * near, axis=1) > 0.6 * np.sum(spectrum, axis=1)
    found: NDArray[np.int64] = np.where(pure & ~is_quiet(rows), peak * 10, 0)
    return found


def likeness(heard: bytes, wanted: bytes) -> float:
    """How like the best place of `heard` is to `wanted`: 1 the same, about 0 something else.

    Normalised cross-correlation, so that loudness and what was heard before and after do not matter.
    """
    if not wanted or len(heard) < len(wanted):
        return 0.0
    long, short = linear(heard), linear(wanted)
    size = 1 << (len(long) + len(short)).bit_length()
    product = np.fft.rfft(long, size) * np.conj(np.fft.rfft(short, size))
    places = np.fft.irfft(product, size)[: len(long) - len(short) + 1]
    total = np.concatenate(([0.0], np.cumsum(long**2)))
    energy = total[len(short) :] - total[: -len(short)]
    norm = np.sqrt(np.maximum(energy, QUIET_RMS**2) * np.sum(short**2))
    return float(np.max(places / norm)) if norm.any() else 0.0
