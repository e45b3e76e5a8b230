"""The two ends of a call's sound: Voice makes a phone's RTP packets, Ear keeps what arrives and says what was heard.

Law: no socket. Voice is asked once in 20 ms and gives what to send then. Times are monotonic seconds and passed in.
The network thread writes, the test's thread reads: an Ear's lists only ever grow, `times` last.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from . import sound

KEYS = "0123456789*#ABCD"
_STEPS = 5  # a key is held for 100 ms, as five packets
_FRAME_S = sound.FRAME / sound.RATE
_PAUSE = 3  # and 60 ms lie between two keys


@dataclass
class Voice:
    """What one phone says on one call: silence, a sound (once or over and over), and key presses as RFC 4733."""

    ssrc: int
    sequence: int = 0
    timestamp: int = 0
    text: bytes = b""
    repeats: bool = False
    at: int = 0
    keys: deque[str] = field(default_factory=deque)
    pressed: list[tuple[str, float]] = field(default_factory=list)
    _step: int = 0

    def say(self, ulaw: bytes, repeats: bool) -> None:
        self.text, self.repeats, self.at = ulaw, repeats, 0

    def packets(self, now: float, key_payload: int) -> list[bytes]:
        """The packets of this 20 ms. A key's last packet goes out three times, as RFC 4733 asks; its time is kept."""
        self.timestamp = (self.timestamp + sound.FRAME) & 0xFFFFFFFF
        if self.keys:
            return self._key(now, key_payload)
        return [self._packet(0, self._sound(), self.timestamp)]

    def _sound(self) -> bytes:
        frame = self.text[self.at : self.at + sound.FRAME]
        self.at += sound.FRAME
        if self.repeats and self.at >= len(self.text):
            self.at = 0
        return frame.ljust(sound.FRAME, b"\xff")

    def _key(self, now: float, payload: int) -> list[bytes]:
        self._step += 1
        if self._step > _STEPS:
            if self._step >= _STEPS + _PAUSE:
                self._step = 0
                self.keys.popleft()
            return [self._packet(0, sound.SILENCE, self.timestamp)]
        number = KEYS.index(self.keys[0])
        began = (self.timestamp - (self._step - 1) * sound.FRAME) & 0xFFFFFFFF
        last = self._step == _STEPS
        body = struct.pack("!BBH", number, 0x8A if last else 0x0A, self._step * sound.FRAME)
        if last:
            self.pressed.append((self.keys[0], now))
        marker = 0x80 if self._step == 1 else 0
        return [self._packet(payload | marker, body, began) for _ in range(3 if last else 1)]

    def _packet(self, payload: int, body: bytes, timestamp: int) -> bytes:
        self.sequence = (self.sequence + 1) & 0xFFFF
        return struct.pack("!BBHII", 0x80, payload, self.sequence, timestamp, self.ssrc) + body


@dataclass
class Ear:
    """What one phone received on one call. With `keeps` False it only counts: for crowds."""

    keeps: bool = True
    count: int = 0
    last: float = 0.0
    worst_gap: float = 0.0
    frames: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)  # of RTP: the sender's clock, in samples
    digits: list[tuple[str, float]] = field(default_factory=list)
    _key_at: int = -1
    _tones: dict[float, list[bool]] = field(default_factory=dict)
    _starts: dict[float, tuple[list[int], list[int]]] = field(default_factory=dict)
    _quiet: list[bool] = field(default_factory=list)

    def packet(self, data: bytes, now: float, key_payload: int) -> None:
        """Take one RTP packet; anything else (RTCP that strayed to this port) is left."""
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        payload = data[1] & 0x7F
        if payload == 0:
            self._frame(data[12:], int.from_bytes(data[4:8], "big"), now)
        elif payload == key_payload and len(data) >= 16:
            timestamp = int.from_bytes(data[4:8], "big")
            if data[13] & 0x80 and timestamp != self._key_at and data[12] < len(KEYS):
                self._key_at = timestamp
                self.digits.append((KEYS[data[12]], now))

    def _frame(self, body: bytes, stamp: int, now: float) -> None:
        if self.count:
            self.worst_gap = max(self.worst_gap, now - self.last)
        self.count += 1
        self.last = now
        if self.keeps:
            self.frames.append(body)
            self.stamps.append(stamp)
            self.times.append(now)

    def with_tone(self, hertz: float) -> list[bool]:
        """For each frame up to now: does it carry the tone?"""
        known = self._tones.setdefault(hertz, [])
        if new := self.frames[len(known) : len(self.times)]:
            known.extend(sound.has_tone(sound.framed(new), hertz).tolist())
        return known

    def quiet(self) -> list[bool]:
        """For each frame up to now: is it quiet?"""
        if new := self.frames[len(self._quiet) : len(self.times)]:
            self._quiet.extend(sound.is_quiet(sound.framed(new)).tolist())
        return self._quiet

    def first(self, hertz: float, after: float) -> float | None:
        """When the tone was first heard after that moment, for 60 ms on end: the time of the first of these frames.

        Asked over and over while a test waits, so what has been looked through is not looked through again.
        """
        there = self.with_tone(hertz)
        starts, looked = self._starts.setdefault(hertz, ([], [0]))
        for index in range(looked[0], len(there) - 2):
            if there[index] and there[index + 1] and there[index + 2]:
                starts.append(index)
        looked[0] = max(looked[0], len(there) - 2)
        at = bisect_left(starts, bisect_left(self.times, after))
        return self.times[starts[at]] if at < len(starts) else None

    def hears(self, hertz: float, fresh: float, frames: int = 3) -> bool:
        """Whether the latest frames carry the tone, and the last of them came after `fresh`."""
        latest = self.with_tone(hertz)[-frames:]
        return len(latest) == frames and all(latest) and self.last > fresh

    def silent_since(self, after: float) -> bool:
        """Whether nothing but silence (or nothing at all) came after that moment."""
        return all(self.quiet()[bisect_left(self.times, after) :])

    def due(self) -> list[float]:
        """When each frame would have come if this machine had always had the time to read it: its arrival, less what it was late
        by the sender's clock. Where that clock jumps, another source begins, which is not late."""
        found, late_s = self.times[:1], 0.0
        for at in range(1, len(self.times)):
            went_by_s = ((self.stamps[at] - self.stamps[at - 1]) & 0xFFFFFFFF) / sound.RATE
            late_s = max(0.0, late_s + self.times[at] - self.times[at - 1] - went_by_s)
            found.append(self.times[at] - late_s)
        return found

    def runs(self, times: list[float] | None = None) -> list[tuple[int, float, float]]:
        """What was heard, in order: (frequency in Hz, 0 for anything that is no tone; from; to). Silence is left out.

        A run is no shorter than its frames, which come all at once to a machine that stood still. `times`: of the frames; when
        they arrived unless given.
        """
        until = len(self.times)
        if not until:
            return []
        rows = sound.framed(self.frames[:until])
        found: list[tuple[int, float, float]] = []
        for hertz, quiet, at in zip(
            sound.strongest(rows).tolist(), sound.is_quiet(rows), times or self.times, strict=False
        ):
            if quiet:
                continue
            if found and abs(found[-1][0] - hertz) <= 10 and at - found[-1][2] < 0.1:
                found[-1] = (found[-1][0], found[-1][1], max(at, found[-1][2]) + _FRAME_S)
            else:
                found.append((hertz, at, at + _FRAME_S))
        return found

    def gaps(self) -> list[float]:
        """Seconds between one frame's arrival and the next one's."""
        times: list[float] = np.diff(self.times).tolist()
        return times

    def ulaw(self, after: float = 0.0) -> bytes:
        """All sound received after that moment, frames in order of arrival, waits between them left out."""
        return b"".join(self.frames[bisect_left(self.times, after) :])
