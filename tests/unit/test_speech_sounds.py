"""Sounds by the real engine: what a telephone gets is speech, at its level, in time, whatever breaks."""

from __future__ import annotations

import errno
import math
import multiprocessing
import os
import shutil
import sys
import time
import wave
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from waiting import until

from ivr.flow.load import load_flow
from ivr.instructions import Pause, Play, Say, Speech
from ivr.speech import tones
from ivr.speech.ahead import render_behind, static_parts, tidy
from ivr.speech.engine import Engine, SpeechFailed
from ivr.speech.fitness import faults
from ivr.speech.sounds import Sounds, apology_in
from ivr.speech.tones import linear
from ivr.speech.workshop import TIRED, NoSounds

ESPEAK = ("espeak-ng", "--stdin", "--stdout", "-v", "{voice}", "-s", "{speed}")
VOICES = {"pt-BR": "pt-br", "en": "en-us", "es": "es-419"}
MENU = Say("Obrigado por ligar. Para vendas, digite 1. Para suporte, digite 2.", "pt-BR")
MISSING = [name for name in ("espeak-ng", "sox") if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(
    bool(MISSING) and "CI" not in os.environ, reason=f"install {' and '.join(MISSING)} to hear what is said"
)


@pytest.fixture
def sounds(tmp_path: Path) -> Sounds:
    return Sounds(tmp_path / "sounds", Engine(ESPEAK, VOICES), tmp_path / "prompts")


def with_engine(sounds: Sounds, code: str, *more: str) -> Sounds:
    """The same with an engine of a few lines of Python."""
    return replace(sounds, engine=Engine((sys.executable, "-c", code, *more), VOICES))


def heard(sounds: Sounds, sound: str) -> bytes:
    return sounds.path(sound).read_bytes()


def level_db(content: bytes) -> float:
    """Root mean square below full scale."""
    samples = [linear(byte) for byte in content]
    return 10 * math.log10(sum(s * s for s in samples) / len(samples) / 32_768**2)


@pytest.mark.parametrize(
    ("part", "least_s", "most_s"),
    [
        (MENU, 4, 8),
        (Say("Thank you for calling. For sales, press 1.", "en"), 2.5, 5.5),
        (Say("Gracias por llamar. Hasta luego.", "es"), 1.5, 4.5),
    ],
)
def test_a_text_becomes_speech_of_its_length_at_the_level_of_a_telephone(
    sounds: Sounds, part: Say, least_s: float, most_s: float
) -> None:
    (sound,) = sounds.ensure([part], 20)
    content = heard(sounds, sound)
    assert sound == sounds.sound_of(part)
    assert least_s < len(content) / tones.RATE < most_s
    assert -26 < level_db(content) < -15
    loudest = max(abs(linear(byte)) for byte in content)
    assert 32_768 * 0.5 < loudest < 32_768 * 0.8  # -3 dB: neither faint nor clipped


def test_what_is_there_is_not_made_again(sounds: Sounds) -> None:
    first, again = sounds.ensure([MENU], 20), sounds.ensure([MENU, MENU], 0)
    assert again == first * 2
    assert sounds.tally == {"made": 1}


def test_a_later_process_finds_what_an_earlier_one_made_even_without_an_engine(sounds: Sounds) -> None:
    made = sounds.ensure([MENU], 20)
    later = Sounds(sounds.folder, sounds.engine, sounds.recordings)
    assert later.ensure([MENU], 0) == made
    assert later.tally == {}


def test_languages_voices_and_speeds_sound_different(sounds: Sounds) -> None:
    quick = replace(sounds, engine=replace(sounds.engine, speed=200))
    other = replace(sounds, engine=replace(sounds.engine, voices={"en": "en-gb"}))
    say = Say("Total", "en")
    assert (
        len({sounds.sound_of(say), sounds.sound_of(Say("Total", "es")), quick.sound_of(say), other.sound_of(say)}) == 4
    )
    assert sounds.sound_of(Say("Total", "en", "name", barge_in=False)) == sounds.sound_of(say)


def test_a_pause_is_made_by_ourselves(sounds: Sounds) -> None:
    (sound,) = with_engine(sounds, "raise SystemExit(1)").ensure([Pause(700)])
    assert heard(sounds, sound) == b"\xff" * 5600


def test_whoever_is_to_play_a_sound_can_read_it_whatever_the_umask(sounds: Sounds) -> None:
    before = os.umask(0o077)
    try:
        made = sounds.ensure([MENU, Pause(700)], 20)
    finally:
        os.umask(before)
    assert {sounds.path(sound).stat().st_mode & 0o777 for sound in made} == {0o644}


@pytest.mark.parametrize("nothing", ["", "  ", "...", "\u202e\u200b", "[[]]"])
def test_a_text_without_words_is_a_moment_of_silence_and_no_failure(sounds: Sounds, nothing: str) -> None:
    (sound,) = sounds.ensure([Say(nothing, "en")])
    assert heard(sounds, sound) == b"\xff" * 160
    assert sounds.tally == {}


# --- what breaks


BROKEN: dict[str, str] = {
    "ends with an error": "raise SystemExit(3)",
    "prints nonsense": "print('this is no sound' * 100)",
    "prints nothing": "",
    "prints nonsense without end": "import sys\nwhile True: sys.stdout.write('nonsense' * 1000)",
    "is silent": "import sys, wave\nw = wave.open(sys.stdout.buffer, 'wb')\nw.setparams((1, 2, 8000, 8000, 'NONE', ''))\nw.writeframes(bytes(16000))",
}  # fmt: skip


@pytest.mark.parametrize("code", BROKEN.values(), ids=BROKEN.keys())
def test_when_the_engine_is_broken_callers_hear_the_apology_that_was_rendered_earlier(
    sounds: Sounds, code: str
) -> None:
    apology = sounds.ensure([apology_in("pt-BR")], 20)
    broken = with_engine(sounds, code)
    kept = broken.path(broken.sound_of(apology_in("pt-BR")))
    kept.write_bytes(heard(sounds, apology[0]))
    assert broken.ensure([MENU], 20) == (kept.stem,)
    assert broken.tally == {"failed": 1, "stood_in": 1}


@pytest.mark.parametrize("code", BROKEN.values(), ids=BROKEN.keys())
def test_without_even_an_apology_callers_hear_two_tones(sounds: Sounds, code: str) -> None:
    broken = with_engine(sounds, code)
    (sound,) = broken.ensure([MENU], 20)
    assert heard(broken, sound) == tones.earcon()
    assert tones.audible(tones.earcon())


def test_an_engine_that_is_not_installed_is_a_broken_one(sounds: Sounds) -> None:
    none = replace(sounds, engine=Engine(("no-such-engine-here",), VOICES))
    (sound,) = none.ensure([MENU])
    assert heard(none, sound) == tones.earcon()
    with pytest.raises(SpeechFailed, match="no-such-engine-here cannot be started: No such file"):
        none.engine.speak("x", "en", sounds.folder / "x", 1)


def test_of_many_parts_that_fail_one_is_stood_in_for_and_the_others_keep_their_places(sounds: Sounds) -> None:
    broken = with_engine(sounds, "raise SystemExit(1)")
    first, pause, second = broken.ensure([MENU, Pause(500), Say("More.", "en")], 20)
    assert heard(broken, first) == tones.earcon()
    assert len(heard(broken, pause)) == 4000
    assert heard(broken, second) == b"\xff" * 160


def test_an_engine_that_hangs_keeps_the_caller_no_longer_than_the_limit_and_is_ended(sounds: Sounds) -> None:
    pids = sounds.folder.parent / "pids"
    code = "import os, sys, subprocess, time\nchild = subprocess.Popen(['sleep', '600'])\nopen(sys.argv[1], 'w').write('%d %d' % (os.getpid(), child.pid))\ntime.sleep(600)"
    hanging = replace(with_engine(sounds, code, str(pids)), in_call_s=0.2, longest_s=5.0)
    (sound,) = hanging.ensure([MENU])
    assert heard(hanging, sound) == tones.earcon()
    assert hanging.tally["late"] == 1
    with pytest.raises(SpeechFailed, match="took too long"):
        hanging.begin(MENU).result(20)
    # What was killed and is no child of ours, the kernel ends when it comes to it.
    until(lambda: not any(running(int(pid)) for pid in pids.read_text().split()), "the engine and its child are ended")


def running(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet buried does not."""
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] not in "ZX"


def test_what_comes_too_late_for_this_caller_is_there_for_the_next(sounds: Sounds) -> None:
    begun = sounds.begin(MENU)
    sounds.ensure([MENU], 0)
    assert begun.result(20) == sounds.sound_of(MENU)
    assert sounds.ensure([MENU], 0) == (sounds.sound_of(MENU),)


def test_what_failed_is_not_tried_again_at_once_and_a_tired_engine_rests(sounds: Sounds) -> None:
    broken = with_engine(sounds, "raise SystemExit(1)")
    for n in range(TIRED + 4):
        broken.ensure([Say(f"Number {n}", "en"), Say("Number 0", "en")], 20)
    assert broken.tally["failed"] <= TIRED + 1
    assert broken.tally["stood_in"] == TIRED + 4


SILENT_OF_NUMBERS = """
import sys, wave
level = 0 if "Number" in sys.stdin.read() else 90
out = wave.open(sys.stdout.buffer, "wb")
out.setparams((1, 2, 8000, 4000, "NONE", ""))
out.writeframes((bytes([0, level]) * 8 + bytes([0, 256 - level & 255]) * 8) * 250)
"""


def test_texts_in_which_there_is_nothing_to_hear_do_not_silence_the_engine_for_others(sounds: Sounds) -> None:
    picky = with_engine(sounds, SILENT_OF_NUMBERS)
    picky.ensure([Say(f"Number {n}", "en") for n in range(TIRED)], 20)
    assert picky.tally["failed"] == TIRED
    assert picky.ensure([MENU], 20) == (picky.sound_of(MENU),)


def test_a_full_disk_is_not_the_engines_failure(sounds: Sounds, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(Engine, "speak", fail_with(OSError(errno.ENOSPC, "No space left on device")))
        for n in range(TIRED):
            with pytest.raises(NoSounds):
                sounds.begin(Say(f"Number {n}", "en")).result(20)
    assert sounds.ensure([MENU], 20) == (sounds.sound_of(MENU),)


def fail_with(error: Exception) -> Callable[..., None]:
    def act(*_: object) -> None:
        raise error

    return act


def test_a_folder_that_cannot_be_written_says_what_to_do(sounds: Sounds, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = replace(sounds, folder=tmp_path / "file" / "sounds")
    with pytest.raises(
        NoSounds, match=r"cannot be written to .*: Not a directory; make it writable, or set RETORNO_SOUNDS_DIR"
    ):
        nowhere.ensure([MENU], 20)


def test_what_keeps_a_machine_from_speaking_is_told_with_what_to_do(sounds: Sounds, tmp_path: Path) -> None:
    assert faults(sounds, VOICES) == ()
    assert not sounds.folder.exists(), "looking changes nothing"
    (none,) = faults(replace(sounds, engine=Engine(("no-such-engine-here",), VOICES)), ["en"])
    assert str(none).startswith("no-such-engine-here is not installed: install it")
    broken = faults(with_engine(sounds, "raise SystemExit(3)"), ["en", "es"])
    assert [fault.what for fault in broken] == [
        f"{lang} cannot be spoken: {Path(sys.executable).name} ended with 3" for lang in ("en", "es")
    ]
    (tmp_path / "file").write_text("")
    (unwritable,) = faults(replace(sounds, folder=tmp_path / "file" / "sounds"), [])
    assert unwritable.what == f"{tmp_path / 'file'} cannot be written: Not a directory"
    assert "set RETORNO_SOUNDS_DIR" in unwritable.advice


def test_rendering_behind_leaves_the_engine_to_callers_and_ends_with_everything_there(sounds: Sounds) -> None:
    flow = load_flow(
        "version: 1\nflow: f\nlanguages: [en]\nentry: {default: a}\n"
        "steps: {a: {type: say, prompts: [{en: Good evening.}], next: hangup}}\n",
        "f.yaml",
    ).flow
    assert flow is not None
    thread = render_behind([flow], sounds)
    (caller,) = sounds.ensure([Say("Your balance is ten reais.", "en")], 20)
    thread.join(120)
    assert sounds.path(caller).is_file()
    wanted = {sounds.sound_of(part) for part in static_parts(flow)}
    assert sorted(path.stem for path in sounds.folder.glob("*.ulaw")) == sorted({caller, *wanted})
    far = time.time() + 86_400
    assert tidy([flow], sounds, 0, far).removed == 1
    assert {path.stem for path in sounds.folder.glob("*.ulaw")} == wanted


# --- recordings


def record(path: Path, rate: int, channels: int, seconds: float = 1.0) -> Path:
    """A recording of a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        one = (round(9000 * math.sin(2 * math.pi * 500 * n / rate)) for n in range(int(rate * seconds)))
        file.writeframes(b"".join(s.to_bytes(2, "little", signed=True) * channels for s in one))
    return path


def test_a_recording_in_stereo_at_44100_hz_is_played_at_8000(sounds: Sounds) -> None:
    record(sounds.recordings / "pt-BR" / "hi.wav", 44_100, 2, 1.5)
    play = Play("pt-BR/hi.wav", "Olá.", "pt-BR")
    (sound,) = sounds.ensure([play], 20)
    content = heard(sounds, sound)
    assert sound == sounds.sound_of(play)
    assert abs(len(content) - 12_000) < 20
    crossings = sum(linear(a) < 0 <= linear(b) for a, b in pairwise(content))
    assert abs(crossings - 750) < 5  # 500 Hz


def test_a_recording_in_ulaw_is_played_as_it_is(sounds: Sounds) -> None:
    sounds.recordings.mkdir()
    (sounds.recordings / "tone.ulaw").write_bytes(tones.earcon())
    (sound,) = sounds.ensure([Play("tone.ulaw", "Tone.", "en")], 20)
    assert heard(sounds, sound) == tones.earcon()


def test_a_recording_that_changes_is_another_sound(sounds: Sounds) -> None:
    play = Play("hi.wav", "Hello.", "en")
    record(sounds.recordings / "hi.wav", 8000, 1)
    before = sounds.sound_of(play)
    record(sounds.recordings / "hi.wav", 8000, 1, 2.0)
    assert sounds.sound_of(play) != before


def broken_file(folder: Path) -> str:
    folder.mkdir()
    (folder / "bad.wav").write_bytes(b"RIFF not a wave at all" * 10)
    return "bad.wav"


def silent_file(folder: Path) -> str:
    folder.mkdir()
    (folder / "silent.ulaw").write_bytes(tones.silence(2000))
    return "silent.ulaw"


def outside(folder: Path) -> str:
    folder.mkdir()
    record(folder.parent / "secret.wav", 8000, 1)
    return "../secret.wav"


@pytest.mark.parametrize("make", [lambda _: "missing.wav", broken_file, silent_file, outside])
def test_in_place_of_a_recording_that_cannot_be_played_its_words_are_spoken(
    sounds: Sounds, make: Callable[[Path], str]
) -> None:
    play = Play(make(sounds.recordings), "Welcome to our company.", "en")
    (sound,) = sounds.ensure([play], 20)
    assert sound == sounds.sound_of(Say("Welcome to our company.", "en"))
    assert len(heard(sounds, sound)) > 8000


# --- several at once


def render(folder: Path, parts: list[Speech], results: object) -> None:
    sounds = Sounds(folder, Engine(ESPEAK, VOICES), folder)
    results.put(sounds.ensure(parts, 20))  # type: ignore[attr-defined]


def test_two_processes_making_the_same_sounds_at_once_agree_and_leave_whole_files(sounds: Sounds) -> None:
    parts: list[Speech] = [Say(f"Você é o número {n} da fila.", "pt-BR") for n in range(2, 8)]
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    both = [context.Process(target=render, args=(sounds.folder, parts, results)) for _ in range(2)]
    for process in both:
        process.start()
    found = [results.get(timeout=60) for _ in both]
    for process in both:
        process.join(30)
    assert found[0] == found[1] == tuple(map(sounds.sound_of, parts))
    assert sorted(path.name for path in sounds.folder.iterdir()) == sorted(f"{sound}.ulaw" for sound in found[0])
    lengths = [len(heard(sounds, sound)) for sound in found[0]]
    assert min(lengths) > 8000


def test_the_same_sound_asked_for_at_once_is_made_once(sounds: Sounds) -> None:
    futures = [sounds.begin(MENU) for _ in range(20)]
    assert {future.result(20) for future in futures} == {sounds.sound_of(MENU)}
    assert sounds.tally == {"made": 1}


def test_text_and_settings_reach_the_engine_neither_as_arguments_nor_as_environment(
    sounds: Sounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETORNO_SECRET_KEY", "the secret")
    seen = sounds.folder.parent / "seen"
    code = "import os, sys\nopen(sys.argv[1], 'w').write(repr((sys.argv, dict(os.environ), sys.stdin.read())))"
    with_engine(sounds, code, str(seen), "{lang}", "{voice}").ensure([Say("Olá [[h@loU]] Ana", "pt-BR")], 20)
    argv, environment, given = eval(seen.read_text())  # noqa: S307 - our own repr
    assert argv[2:] == ["pt-BR", "pt-br"]
    assert "the secret" not in environment.values()
    assert given == "Olá h@loU Ana\n"


def test_an_engine_may_take_its_text_from_a_file_and_write_to_another(sounds: Sounds) -> None:
    filed = replace(sounds, engine=Engine(("espeak-ng", "-f", "{text_file}", "-w", "{out}", "-v", "{voice}"), VOICES))
    (sound,) = filed.ensure([MENU], 20)
    assert level_db(heard(filed, sound)) > -26
