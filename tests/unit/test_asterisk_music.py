"""Which folders of music a node can play something of."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from ivr.providers.asterisk.music import fault


def wav(file: Path, hertz: int, channels: int = 1, width: int = 2, seconds: int = 1) -> None:
    with wave.open(str(file), "wb") as made:
        made.setframerate(hertz)
        made.setnchannels(channels)
        made.setsampwidth(width)
        made.writeframes(b"\0" * (hertz * channels * width * seconds))


@pytest.mark.parametrize("name", ["a.ulaw", "a.alaw", "a.sln", "a.gsm", "a.g722", "b.c.sln16"])
def test_raw_sound_can_be_played(tmp_path: Path, name: str) -> None:
    (tmp_path / "cover.jpg").write_bytes(b"x")
    (tmp_path / name).write_bytes(b"\xff" * 160)
    assert fault(tmp_path) == ""


@pytest.mark.parametrize(
    ("name", "hertz", "channels", "width", "seconds", "played"),
    [
        ("a.wav", 8000, 1, 2, 1, True),
        ("a.wav16", 16000, 1, 2, 1, True),
        ("a.wav", 44100, 2, 2, 1, False),
        ("a.wav", 16000, 1, 2, 1, False),
        ("a.wav", 8000, 2, 2, 1, False),
        ("a.wav", 8000, 1, 1, 1, False),
        ("a.wav", 8000, 1, 2, 0, False),
    ],
)
def test_a_wav_must_be_of_the_telephone(
    tmp_path: Path, name: str, hertz: int, channels: int, width: int, seconds: int, played: bool
) -> None:
    wav(tmp_path / name, hertz, channels, width, seconds)
    assert fault(tmp_path) == ("" if played else f"Asterisk can play nothing in {tmp_path} ({Path(name).suffix})")


def test_what_cannot_be_played_is_named(tmp_path: Path) -> None:
    assert fault(tmp_path / "away") == f"{tmp_path}/away cannot be read: No such file or directory"
    (tmp_path / "deeper").mkdir()
    assert fault(tmp_path) == f"Asterisk can play nothing in {tmp_path}: it is empty"
    (tmp_path / "a.mp3").write_bytes(b"ID3")
    (tmp_path / "b.ulaw").touch()
    (tmp_path / "c.wav").write_bytes(b"no wav")
    assert fault(tmp_path) == f"Asterisk can play nothing in {tmp_path} (.mp3, .ulaw, .wav)"
