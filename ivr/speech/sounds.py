"""The sounds: what each thing that we say is called, and that its file is there when it is to be played.

Law: a sound's id follows from what is said and how, so a file once written is right for ever. `ensure` answers in time with
files that exist: what cannot be had is the apology, spoken earlier; without that, two tones of our own.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import structlog

from ivr import words
from ivr.config import Settings
from ivr.instructions import Pause, Play, Say, Speech
from ivr.speech import tones
from ivr.speech.cache import note_use
from ivr.speech.engine import Engine, SpeechFailed, convert
from ivr.speech.text import spoken_form
from ivr.speech.workshop import NoSounds, Workshop

log = structlog.get_logger(__name__)

FORMAT = "1"
"""Part of every id: raise it when the same words are to sound differently."""
IN_CALL_S = 2.0
LONGEST_S = 10.0
"""When an engine is given up. What comes between the two limits is too late for this caller, and there for the next."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """`folder`: the files, `<id>.ulaw`, all in this one folder. `recordings`: where `Play.audio` begins. Thread-safe.

    A process has one, made after it forked.
    """

    folder: Path
    engine: Engine
    recordings: Path
    in_call_s: float = IN_CALL_S
    longest_s: float = LONGEST_S
    _shop: Workshop = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_shop", Workshop(self.folder))

    @property
    def tally(self) -> Counter[str]:
        """Since the process began: sounds `made` and `failed`; parts that came too `late`, and that something `stood_in` for."""
        return self._shop.tally

    def path(self, sound: str) -> Path:
        return self._shop.path(sound)

    def sound_of(self, part: Speech) -> str:
        """The id of the sound for `part`, 32 hexadecimal digits; of its transcript when the recording is not there."""
        if isinstance(part, Pause):
            return _id("pause", str(len(tones.silence(part.ms))))
        if isinstance(part, Play):
            digest = self._digest(part)
            return _id("play", digest) if digest else self.sound_of(_transcript(part))
        text = spoken_form(part.text, part.lang)
        return _id("say", *self.engine.identity(part.lang), text) if text else self.sound_of(Pause(0))

    def ensure(self, parts: Iterable[Speech], within_s: float | None = None) -> tuple[str, ...]:
        """Ids of files that exist, one for each part, within `within_s` seconds (`in_call_s`). Raises NoSounds.

        Of several parts that cannot be had, the first is replaced by the apology and each other by a very short pause.
        """
        deadline = time.monotonic() + (self.in_call_s if within_s is None else within_s)
        begun = [(part, self.begin(part)) for part in parts]
        found = [self._outcome(part, future, deadline) for part, future in begun]
        first = next((at for at, sound in enumerate(found) if sound is None), -1)
        return tuple(
            sound or (self._stand_in(part) if at == first else self._silence(0))
            for at, ((part, _), sound) in enumerate(zip(begun, found, strict=True))
        )

    def begin(self, part: Speech) -> Future[str]:
        """Have the sound of `part` made, without waiting. The future gives its id, or raises SpeechFailed or NoSounds."""
        sound = self.sound_of(part)
        if note_use(self.path(sound), time.time()):
            return _done(sound)
        if isinstance(part, Pause):
            return _done(self._silence(part.ms))
        if isinstance(part, Play) and self._digest(part):
            recording = self.recordings / part.audio
            return self._shop.order(
                sound, lambda into: convert(recording, into, self.longest_s), by_engine=False, recording=part.audio
            )
        if isinstance(part, Play):
            log.warning("a recording is not there: its transcript is spoken", recording=part.audio)
        text = spoken_form(part.text, part.lang)
        if not text:
            return _done(self._silence(0))
        return self._shop.order(
            sound,
            lambda into: self.engine.speak(text, part.lang, into, self.longest_s),
            by_engine=True,
            lang=part.lang,
            prompt=part.prompt,
        )

    def _outcome(self, part: Speech, future: Future[str], deadline: float) -> str | None:
        """What came of it by the deadline. A recording that is no good is given up for its transcript."""
        try:
            return future.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            self.tally["late"] += 1
            log.warning("a sound was not ready in time", sound=self.sound_of(part))
        except NoSounds as error:
            log.error("a sound could not be kept", why=str(error))
        except SpeechFailed:
            if isinstance(part, Play) and self._digest(part):
                said = _transcript(part)
                return self._outcome(said, self.begin(said), deadline)
        return None

    def _stand_in(self, part: Speech) -> str:
        """Never silence: the apology in the language of the part if we have it, else two tones."""
        self.tally["stood_in"] += 1
        lang = part.lang if isinstance(part, Say | Play) else next(iter(words.SENTENCES))
        apology = self.sound_of(apology_in(lang))
        if note_use(self.path(apology), time.time()):
            return apology
        return self._shop.keep(_id("earcon"), tones.earcon())

    def _silence(self, ms: int) -> str:
        return self._shop.keep(self.sound_of(Pause(ms)), tones.silence(ms))

    def _digest(self, part: Play) -> str:
        """The hash of a recording's bytes; empty when it is not there, or not below the folder of recordings."""
        file = (self.recordings / part.audio).resolve()
        try:
            if not file.is_relative_to(self.recordings.resolve()) or not file.is_file():
                return ""
            found = file.stat()
            return _hashed(file, found.st_mtime_ns, found.st_size)
        except OSError:
            return ""


def sounds_from(settings: Settings) -> Sounds:
    """The sounds of this installation, as its settings say."""
    voices = dict(pair.split("=", 1) for pair in settings.speech_voices.split(","))
    engine = Engine(tuple(shlex.split(settings.speech_command)), voices, settings.speech_speed)
    return Sounds(settings.sounds_dir, engine, settings.flows_dir / "prompts")


def apology_in(lang: str) -> Say:
    """What stands in for a sentence that cannot be spoken; rendered ahead of all others."""
    return Say(words.sentence("apology", lang), words.spoken(lang))


def _transcript(part: Play) -> Say:
    return Say(part.text, part.lang, part.prompt, part.barge_in)


def _id(kind: str, *parts: str) -> str:
    return hashlib.sha256(json.dumps([FORMAT, kind, *parts]).encode()).hexdigest()[:32]


def _done(sound: str) -> Future[str]:
    future: Future[str] = Future()
    future.set_result(sound)
    return future


@lru_cache(maxsize=4096)
def _hashed(file: Path, _mtime_ns: int, _size: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
