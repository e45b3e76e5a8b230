"""What a node can say and play when nobody tells it anything: `<sounds>/retorno/`.

Law: these files are there before the first call, and none of them needs a licence. The sentences are rendered by the engine of
`ivr.speech` (where it fails, its two tones stand in, and the caller of `prepare` is told); tones and music are our own, each note
computed.

    one-moment-<lang>.ulaw   no web server answers: please wait
    fallback-<lang>.ulaw     still none: the caller goes to the fallback
    sorry-<lang>.ulaw        there is no fallback, or nobody answers there: goodbye
    missing.ulaw             a sound that was to be played is not there
    wait/                    music class `retorno-wait`: 1.2 s of silence, then the music, so that a quick answer makes no blip
    music/                   music class `default`, where asterisk.yaml names no folder of its own
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

from ivr import words
from ivr.instructions import Say
from ivr.providers.asterisk.nodes import Node, Site
from ivr.speech import tones
from ivr.speech.sounds import Sounds
from ivr.whole_file import whole_file

FOLDER = "retorno"
WAIT_SILENCE_MS = 1_200
RENDER_S = 30.0

# A pentatonic phrase over four slow chords: nothing in it is the note of a busy or a ringing line (425, 440, 480 Hz).
_BEAT_MS = 600
_CHORDS = (("C3", "E3", "G3"), ("A2", "C3", "E3"), ("F2", "A2", "C3"), ("G2", "B2", "D3"))
_MELODY = ("E4 . G4 . C5 . G4 . E4 . C4 . E4 . . . ", "D4 . F4 . C5 . F4 . D4 . G4 . B4 . . .")  # a beat each
_LEVEL = 0.11  # below speech, so that an announcement is understood
_SEMITONES = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}


def prepare(site: Site, node: Node, sounds: Sounds, folder: Path | None = None) -> list[str]:
    """Write all files below `folder` (the node's own folder of sounds). Returns the names of the sentences for which tones stand in.

    Raises OSError when the folder cannot be written, and NoSounds when that of `sounds` cannot.
    """
    home = (folder or node.sounds) / FOLDER
    for part in (home, home / "wait", home / "music"):
        part.mkdir(parents=True, exist_ok=True)
        part.chmod(part.stat().st_mode | 0o055)  # Asterisk runs as another user, and the umask may keep it out
    sentences = {
        f"{name}-{lang}": Say(text, words.spoken(lang))
        for lang in site.languages
        for name, text in _sentences(lang).items()
    }
    spoken = sounds.ensure(sentences.values(), within_s=RENDER_S)
    unspoken = []
    for (name, sentence), sound in zip(sentences.items(), spoken, strict=True):
        said = sound == sounds.sound_of(sentence)
        _write(home / f"{name}.ulaw", sounds.path(sound).read_bytes() if said else tones.earcon())
        unspoken += [] if said else [name]
    _write(home / "missing.ulaw", tones.earcon())
    _write(home / "wait" / "wait.ulaw", tones.silence(WAIT_SILENCE_MS) + music())
    _write(home / "music" / "music.ulaw", music())
    return unspoken


@cache
def music() -> bytes:
    """About 19 s of soft music that can be played round and round, as 8 kHz u-law."""
    beat = tones.RATE * _BEAT_MS // 1000
    melody = "".join(_MELODY).split()
    samples = [0.0] * (beat * len(melody))
    for at, note in enumerate(melody):
        if note != ".":
            _ring(samples, at * beat, _hertz(note), 3 * beat, 1.0)
    per_chord = len(samples) // len(_CHORDS)
    for at, chord in enumerate(_CHORDS):
        for voice, note in enumerate(chord):
            _ring(samples, at * per_chord + voice * beat // 2, _hertz(note), per_chord, 0.6)
    return bytes(tones.ulaw(round(max(-1.0, min(1.0, sample * _LEVEL)) * 32_767)) for sample in samples)


def _ring(samples: list[float], start: int, hertz: float, length: int, loudness: float) -> None:
    """Add a note that is struck and fades, with two softer overtones. What is past the end goes on at the beginning."""
    attack = tones.RATE // 50
    for n in range(length):
        fade = min(1.0, n / attack) * math.exp(-2.0 * n / length) * min(1.0, (length - n) / attack)
        turn = 2 * math.pi * hertz * n / tones.RATE
        wave = math.sin(turn) + 0.3 * math.sin(2 * turn) + 0.1 * math.sin(3 * turn)
        samples[(start + n) % len(samples)] += wave * fade * loudness


def _hertz(note: str) -> float:
    """The frequency of `C4`, in equal temperament with A4 at 440 Hz."""
    return float(440.0 * 2 ** ((_SEMITONES[note[0]] + 12 * (int(note[1]) - 4)) / 12))


def _sentences(lang: str) -> dict[str, str]:
    apology = words.sentence("apology", lang)
    return {
        "one-moment": words.sentence("one_moment", lang),
        "fallback": f"{apology} {words.sentence('to_a_person', lang)}",
        "sorry": f"{apology} {words.sentence('goodbye', lang)}",
    }


def _write(file: Path, content: bytes) -> None:
    """The file whole or not at all, for a node may be playing it."""
    with whole_file(file) as part:
        part.write_bytes(content)
