"""The speech engine: any command that turns a text on its standard input into a WAV file, and sox behind it.

Law: never a shell, and never the text in an argument, where every user of the machine could read it. A command that fails,
hangs, prints nonsense or says nothing is `SpeechFailed`, within the time given; it is killed with all its children.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ivr.speech.tones import audible

MAX_SECONDS = "180"
_PHONE = ("-t", "ul", "-r", "8000", "-c", "1")
_LIMIT = ("trim", "0", MAX_SECONDS)
_LEVEL = ("norm", "-3")
_VOICE = ("highpass", "150", "compand", "0.005,0.1", "6:-70,-70,-40,-28,-20,-13,0,-6", "0", "-90", "0.02")
"""Speech for a narrow band: without rumble, quiet syllables raised, peaks held. The curve is set
so that espeak-ng comes out near -21 dB of full scale with its pauses, the level of a person on the telephone."""


class SpeechFailed(Exception):
    """No sound came of it. The message says why and holds nothing of the text."""


class Inaudible(SpeechFailed):
    """There is nothing to hear in it. That is about this text or this recording: the engine has done its work."""


@dataclass(frozen=True, slots=True)
class Engine:
    """`command`: words with {lang}, {voice}, {speed} (words per minute), {text_file} (else the text comes on standard
    input) and {out} (else the WAV is expected on standard output). `voices`: by language."""

    command: tuple[str, ...]
    voices: Mapping[str, str]
    speed: int = 150

    def voice(self, lang: str) -> str:
        """The voice for `lang`: its own, that of the nearest language, else the language itself."""
        if lang in self.voices:
            return self.voices[lang]
        base = lang.split("-")[0]
        return next((voice for have, voice in self.voices.items() if have.split("-")[0] == base), lang)

    def identity(self, lang: str) -> tuple[str, ...]:
        """What, beside the text, decides how it sounds."""
        return (*self.command, self.voice(lang), str(self.speed), *_VOICE)

    def speak(self, text: str, lang: str, into: Path, within_s: float) -> None:
        """Write `text` as u-law to `into`. Raises SpeechFailed."""
        deadline = time.monotonic() + within_s
        with tempfile.TemporaryDirectory(prefix="retorno-speech-") as room:
            text_file, out = Path(room) / "text", Path(room) / "out.wav"
            text_file.write_text(text + "\n", encoding="utf-8")
            filled = {"lang": lang, "voice": self.voice(lang), "speed": str(self.speed)}
            paths = {"text_file": str(text_file), "out": str(out)}
            argv = [word.format(**filled, **paths) for word in self.command]
            if any("{out}" in word for word in self.command):
                _run([argv], text_file, deadline)
                source = ["-t", "wav", str(out)]
                _run([_sox(source, into, *_LIMIT, *_VOICE, *_LEVEL)], text_file, deadline)
            else:
                _run([argv, _sox(["-t", "wav", "-"], into, *_LIMIT, *_VOICE, *_LEVEL)], text_file, deadline)
        _judge(into)


def convert(recording: Path, into: Path, within_s: float) -> None:
    """Write a recording as u-law to `into`, at our level; one that is u-law already is taken as it is. Raises SpeechFailed."""
    try:
        if recording.suffix == ".ulaw":
            shutil.copyfile(recording, into)
        else:
            source = ["-t", recording.suffix[1:], str(recording)]
            _run([_sox(source, into, *_LIMIT, *_LEVEL)], Path(os.devnull), time.monotonic() + within_s)
    except OSError as error:
        raise SpeechFailed(f"the recording cannot be read: {error.strerror}") from None
    _judge(into)


def _sox(source: list[str], into: Path, *effects: str) -> list[str]:
    return ["sox", "-V1", "-D", *source, *_PHONE, str(into), *effects]


def _judge(sound: Path) -> None:
    if not audible(sound.read_bytes()):
        raise Inaudible("there is nothing to hear in it")


def _run(commands: list[list[str]], given: Path, deadline: float) -> None:
    """Run commands as a pipe, the first with the file `given` on its standard input. Raises SpeechFailed."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        with given.open("rb") as first_input:
            for number, argv in enumerate(commands):
                last = number == len(commands) - 1
                running.append(_start(argv, running[-1].stdout if running else first_input, last))
        for process in running[:-1]:
            if process.stdout is not None:
                process.stdout.close()  # only the next command reads it, so the one before ends with it
        for process in reversed(running):
            process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise SpeechFailed(f"{_name(error.cmd)} took too long") from None
    finally:
        for process in running:
            _end(process)
    for process in running:
        if process.returncode:
            raise SpeechFailed(f"{_name(process.args)} ended with {process.returncode}")


def _start(argv: list[str], given: IO[bytes] | None, last: bool) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - the operator's command, without a shell
            argv,
            stdin=given,
            stdout=subprocess.DEVNULL if last else subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # an engine may repeat there what it was to say
            env={name: value for name, value in os.environ.items() if not name.startswith(("RETORNO_", "REDIS_"))},
            start_new_session=True,
        )
    except OSError as error:
        raise SpeechFailed(f"{_name(argv)} cannot be started: {error.strerror}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what still runs of a command: itself, and what it started and left behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _name(argv: object) -> str:
    return Path(str(argv[0])).name if isinstance(argv, list) else str(argv)
