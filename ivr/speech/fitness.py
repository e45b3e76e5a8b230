"""Whether this machine can speak: what `retorno doctor` and `retorno flow speak` say when it cannot.

Law: the engine is tried, not looked at, and nothing is kept of the trial.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ivr.speech.engine import SpeechFailed
from ivr.speech.sounds import Sounds, apology_in
from ivr.speech.text import spoken_form


def faults(sounds: Sounds, langs: Iterable[str]) -> tuple[str, ...]:
    """What keeps these languages from being spoken, each with what to do; none when all is well."""
    found = []
    program = sounds.engine.command[0]
    for name in dict.fromkeys((program, "sox")):
        if shutil.which(name) is None:
            found.append(f"{name} is not installed: install it (Debian: apt install espeak-ng sox), see docs/speech.md")
    if not found:
        found += [fault for lang in langs if (fault := _unspoken(sounds, lang))]
    if fault := _unwritable(sounds.folder):
        found.append(fault)
    return tuple(found)


def _unspoken(sounds: Sounds, lang: str) -> str:
    apology = apology_in(lang)
    with tempfile.TemporaryDirectory(prefix="retorno-speech-") as room:
        try:
            sounds.engine.speak(spoken_form(apology.text, lang), lang, Path(room) / "sound", sounds.longest_s)
        except SpeechFailed as error:
            return (
                f"{lang} cannot be spoken: {error}; try RETORNO_SPEECH_COMMAND by hand, look at RETORNO_SPEECH_VOICES"
            )
    return ""


def _unwritable(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{folder} cannot be written: {error.strerror}; make it writable, or set RETORNO_SOUNDS_DIR"
