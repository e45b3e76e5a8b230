"""Whether this machine can speak: what the checks and `retorno flow speak` say when it cannot.

Law: the engine is tried, not looked at, and nothing is kept of the trial.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ivr.speech.engine import SpeechFailed
from ivr.speech.sounds import Sounds, apology_in
from ivr.speech.text import spoken_form

INSTALL: Final = "install it (Debian: apt install espeak-ng sox), or set RETORNO_SPEECH_COMMAND; see docs/speech.md"


@dataclass(frozen=True, slots=True)
class Fault:
    """`what` is wrong, and what to do."""

    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.what}: {self.advice}"


def faults(sounds: Sounds, langs: Iterable[str]) -> tuple[Fault, ...]:
    """What keeps these languages from being spoken; none when all is well."""
    found = []
    program = sounds.engine.command[0]
    for name in dict.fromkeys((program, "sox")):
        if shutil.which(name) is None:
            found.append(Fault(f"{name} is not installed", INSTALL))
    if not found:
        found += [fault for lang in langs if (fault := _unspoken(sounds, lang))]
    if fault := _unwritable(sounds.folder):
        found.append(fault)
    return tuple(found)


def _unspoken(sounds: Sounds, lang: str) -> Fault | None:
    apology = apology_in(lang)
    with tempfile.TemporaryDirectory(prefix="retorno-speech-") as room:
        try:
            sounds.engine.speak(spoken_form(apology.text, lang), lang, Path(room) / "sound", sounds.longest_s)
        except SpeechFailed as error:
            advice = "try RETORNO_SPEECH_COMMAND by hand, look at RETORNO_SPEECH_VOICES"
            return Fault(f"{lang} cannot be spoken: {error}", advice)
    return None


def _unwritable(folder: Path) -> Fault | None:
    """Looked at from the nearest folder that there is: the rest is made when the first sound is."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        advice = f"let uid {os.geteuid()} write there, or set RETORNO_SOUNDS_DIR"
        return Fault(f"{there} cannot be written: {error.strerror}", advice)
