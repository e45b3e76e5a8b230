"""What a node can say and play by itself is there, can be heard, and is never silence where something is to be heard."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ivr.providers.asterisk import standby
from ivr.providers.asterisk.forms import Address
from ivr.providers.asterisk.nodes import Node, Phone, Site
from ivr.speech import tones
from ivr.speech.engine import Engine
from ivr.speech.sounds import Sounds

# An engine that says each text as a tone that lasts as long as the text: what matters here is which text was asked for.
ENGINE = (
    "import sys, wave, math, struct\n"
    "text = sys.stdin.read().strip()\n"
    "out = wave.open(sys.argv[1], 'wb'); out.setparams((1, 2, 8000, 0, 'NONE', ''))\n"
    "out.writeframes(b''.join(struct.pack('<h', int(9000 * math.sin(n / 3))) for n in range(400 * len(text))))\n"
)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node("one", Address("127.0.0.1", 5060), sounds=tmp_path / "node")


@pytest.fixture
def site(node: Node) -> Site:
    return Site(webs=("http://x",), nodes={"one": node}, phones={"ana": Phone("ana", "one")}, fallback="ana")


def sounds(folder: Path, *command: str) -> Sounds:
    return Sounds(folder / "ours", Engine(command or (sys.executable, "-c", ENGINE, "{out}"), {}), folder)


def test_everything_is_there_in_every_language(tmp_path: Path, site: Site, node: Node) -> None:
    if not shutil.which("sox") and not os.environ.get("CI"):
        pytest.skip("sox is not installed: .ci/packages")
    assert standby.prepare(site, node, sounds(tmp_path)) == []
    home = node.sounds / "retorno"
    made = {str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()}
    spoken = {f"{name}-{lang}.ulaw" for name in ("one-moment", "fallback", "sorry") for lang in ("pt-BR", "en", "es")}
    assert made == {*spoken, "missing.ulaw", "wait/wait.ulaw", "music/music.ulaw"}
    assert all(tones.audible((home / name).read_bytes()) for name in made)
    assert {(home / name).stat().st_mode & 0o777 for name in made} == {0o644}


def test_asterisk_which_runs_as_another_user_can_read_them_whatever_the_umask(
    tmp_path: Path, site: Site, node: Node
) -> None:
    node.sounds.mkdir(parents=True)
    before = os.umask(0o077)
    try:
        standby.prepare(site, node, sounds(tmp_path, "/nonexistent/engine"))
    finally:
        os.umask(before)
    made = [node.sounds / "retorno", *(node.sounds / "retorno").rglob("*")]
    assert {one.stat().st_mode & 0o055 for one in made if one.is_dir()} == {0o055}
    assert {one.stat().st_mode & 0o777 for one in made if one.is_file()} == {0o644}


def test_without_an_engine_tones_stand_in_and_it_is_told_for_which(tmp_path: Path, site: Site, node: Node) -> None:
    unspoken = standby.prepare(site, node, sounds(tmp_path, "/nonexistent/engine"))
    assert unspoken == [
        f"{name}-{lang}" for lang in ("pt-BR", "en", "es") for name in ("one-moment", "fallback", "sorry")
    ]
    assert (node.sounds / "retorno" / "one-moment-en.ulaw").read_bytes() == tones.earcon()


def test_the_music_for_slow_steps_is_silent_at_first(tmp_path: Path, site: Site, node: Node) -> None:
    standby.prepare(site, node, sounds(tmp_path, "/nonexistent/engine"))
    wait = (node.sounds / "retorno" / "wait" / "wait.ulaw").read_bytes()
    first = standby.WAIT_SILENCE_MS * tones.RATE // 1000
    assert set(wait[:first]) == {0xFF}
    assert tones.audible(wait[first : first + tones.RATE])


def test_the_music_has_no_click_where_it_begins_again() -> None:
    """From the last sample to the first it moves no more than it does anywhere else."""
    samples = [tones.linear(byte) for byte in standby.music()]
    steps = [abs(a - b) for a, b in pairwise(samples)]
    assert abs(samples[-1] - samples[0]) <= max(steps)
    assert 18 <= len(samples) / tones.RATE <= 20


def test_the_music_is_never_silent_for_long_and_never_loud() -> None:
    music = standby.music()
    window = tones.RATE // 2
    assert all(tones.audible(music[at : at + window]) for at in range(0, len(music), window))
    assert max(abs(tones.linear(byte)) for byte in music) < 32_767 * 0.5


def test_a_folder_that_cannot_be_written_is_an_error_of_the_disk(tmp_path: Path, site: Site) -> None:
    (tmp_path / "file").write_text("")
    node = replace(site.nodes["one"], sounds=tmp_path / "file" / "sounds")
    with pytest.raises(OSError, match="Not a directory"):
        standby.prepare(site, node, sounds(tmp_path, "/nonexistent/engine"))
