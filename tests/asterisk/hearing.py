"""What is heard in the company: the pitch of each prompt and of each person, and whether a phone, or a recording, has it.

Law: numbers and sound in, an answer out; nothing is waited for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rig import Call, sound

PROMPT_S = 0.4  # how long each prompt is

# What each prompt of the flows sounds like, in Hz. 50 Hz apart is the nearest that a phone tells apart.
PITCH = {
    name: 550 + 50 * number
    for number, name in enumerate(
        [
            *("welcome", "again", "wrong", "sorry", "notice", "after", "code", "right", "offer", "rate", "bye", "busy"),
            *("nobody", "closed", "beep", "whisper", "late", "hello", "told", "message", "cancelled", "lost"),
        ]
    )
}
MUSIC = 400
BREAK_S = 1.0  # on a machine that does many things at once, Asterisk may play late
# What people sound like.
AGENT, OTHER_AGENT, CUSTOMER, SUPERVISOR = 2000, 2200, 2400, 2600


def breaks(call: Call, hertz: float, since: float, to: float) -> list[tuple[str, float]]:
    """Where, between then and then, that tone was not heard: frames that had something else, or none sent for longer than a busy
    machine makes Asterisk late; seconds after `since`."""
    found = []
    heard = call.heard_when_due()
    for pitch, start, end in heard:
        if since < start < to and abs(pitch - hertz) > 20 and end - start > 0.07:
            found.append((f"{pitch} Hz", round(start - since, 2)))
    runs = [(a, b) for pitch, a, b in heard if abs(pitch - hertz) <= 20 and b > since and a < to]
    edges = [since, *(min(max(edge, since), to) for run in runs for edge in run), to]
    pauses = zip(edges[::2], edges[1::2], strict=True)
    return found + [("silence", round(a - since, 2)) for a, b in pauses if b - a > BREAK_S]


def lasted(call: Call, hertz: float) -> float:
    """For how many seconds in all that tone was heard."""
    heard = call.received_ulaw()
    rows = sound.framed([heard[at : at + sound.FRAME] for at in range(0, len(heard), sound.FRAME)])
    return float(np.sum(sound.has_tone(rows, hertz))) * sound.FRAME / sound.RATE


def tone_share(file: Path, hertz: float) -> float:
    """The share of a WAV file (one that is still being written, too) that has that tone."""
    samples = np.frombuffer(file.read_bytes()[44:][: file.stat().st_size // 2 * 2 - 44], dtype="<i2").astype(np.float64)
    rows = samples[: len(samples) // sound.FRAME * sound.FRAME].reshape(-1, sound.FRAME)
    return float(np.mean(sound.has_tone(rows, hertz))) if len(rows) else 0.0


def has_tone(file: Path, hertz: float, share: float = 0.2) -> bool:
    return tone_share(file, hertz) >= share
