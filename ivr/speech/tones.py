"""Sounds that we make ourselves, without any engine: silence, and the tones that stand in for a sentence.

Law: pure; 8 kHz mono u-law (ITU-T G.711), the first sample first. The tones use none of the frequencies of North American or
European call progress (350, 425, 440, 480, 620 Hz), so that no exchange and no listener takes them for busy or ringing.
"""

from __future__ import annotations

import math

RATE = 8_000
SILENT = b"\xff"
"""u-law of the sample 0."""
MAX_PAUSE_MS = 60_000

_BIAS, _CLIP = 0x84, 32_635
_TONES = ((784.0, 160), (0.0, 40), (587.0, 280))  # Hz, ms: g'' falling to d'', "that did not work"
_LEVEL = 0.25  # -12 dB
_RAMP_MS = 8  # without it each tone would begin and end with a click


def silence(ms: int) -> bytes:
    """`ms` of silence, at least one frame of 20 ms and at most `MAX_PAUSE_MS`."""
    return SILENT * (RATE * min(max(ms, 20), MAX_PAUSE_MS) // 1000)


def earcon() -> bytes:
    """Two falling tones, half a second: something was to be said here and could not be."""
    return b"".join(_tone(hertz, ms) for hertz, ms in _TONES)


def _tone(hertz: float, ms: int) -> bytes:
    count, ramp = RATE * ms // 1000, RATE * _RAMP_MS // 1000
    samples = (
        math.sin(2 * math.pi * hertz * n / RATE) * _LEVEL * min(1.0, n / ramp, (count - n) / ramp) for n in range(count)
    )
    return bytes(ulaw(round(sample * 32_767)) for sample in samples)


def ulaw(sample: int) -> int:
    """A 16-bit sample as its u-law byte (G.711: sign, three bits of exponent, four of mantissa, all inverted)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 0x0F) & 0xFF


def linear(byte: int) -> int:
    """A u-law byte as a 16-bit sample."""
    value = ~byte & 0xFF
    magnitude = ((value & 0x0F) << 3 | _BIAS) << (value >> 4 & 7)
    return _BIAS - magnitude if value & 0x80 else magnitude - _BIAS


def audible(sound: bytes) -> bool:
    """Whether there is anything to hear: a mean amplitude above -50 dB of full scale in some tenth of a second."""
    window = RATE // 10
    return any(
        sum(_LOUDNESS[byte] for byte in sound[start : start + window]) > 100 * window
        for start in range(0, len(sound), window)
    )


_LOUDNESS = tuple(abs(linear(byte)) for byte in range(256))
