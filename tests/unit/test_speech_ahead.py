"""Rendering ahead: what is made before anybody calls is what callers hear; and the bound of what is kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.cli.speech import speak
from ivr.flow.fields import Audio
from ivr.flow.load import load_flow
from ivr.flow.model import Flow
from ivr.instructions import Play, Say
from ivr.speech.ahead import sentences, static_parts
from ivr.speech.cache import IN_USE_S, TOUCH_S, note_use, prune

ROOT = Path(__file__).parents[2]
FLOW_TEXT = """version: 1
flow: f
languages: [pt-BR, en]
entry: {default: hello}
operator: team
prompts:
  hello: {pt-BR: Olá., en: Hello.}
  you: {pt-BR: "Olá, {{ caller | phone }}.", en: Hello again.}
  song: {pt-BR: {audio: pt-BR/song.wav, text: Uma canção.}, en: A song.}
steps:
  hello: {type: say, prompts: [hello, you, {pt-BR: Bem-vindo., en: Welcome.}, song], next: main}
  main:
    type: menu
    keys:
      1: {to: team, label: {pt-BR: vendas, en: sales}}
      star: {to: hangup, label: {pt-BR: sair, en: to leave}}
      2: {to: team, label: {pt-BR: "{{ called }}", en: others}}
      0: team
  team: {type: queue, queue: sales, next: hangup, on: {timeout: hangup}}
"""

SMALL_FLOW = """version: 1
flow: f
languages: [en]
entry: {default: bye}
steps: {bye: {type: say, prompts: [{en: Good evening.}], next: hangup}}
"""


def flow_of(text: str) -> Flow:
    flow = load_flow(text, "f.yaml").flow
    assert flow is not None
    return flow


def test_all_that_has_no_values_is_found_in_each_language() -> None:
    ours = {part for lang in ("pt-BR", "en") for part in sentences(lang)}
    assert static_parts(flow_of(FLOW_TEXT)) - ours == {
        Say("Olá.", "pt-BR", "hello"),
        Say("Hello.", "en", "hello"),
        Say("Hello again.", "en", "you"),
        Play("pt-BR/song.wav", "Uma canção.", "pt-BR", "song"),
        Say("A song.", "en", "song"),
        Say("Bem-vindo.", "pt-BR"),
        Say("Welcome.", "en"),
        Say("Para vendas, digite 1.", "pt-BR"),
        Say("For sales, press 1.", "en"),
        Say("Para sair, digite estrela.", "pt-BR"),
        Say("To leave, press star.", "en"),
        Say("For others, press 2.", "en"),
    }


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("pt-BR", "Você é o número 20 da fila."),
        ("pt-BR", "A espera é de menos de uma hora e meia."),
        ("pt-BR", "Para receber uma ligação sem perder o seu lugar, digite estrela."),
        ("en", "We have saved your place. We will call you in less than seven minutes. You can hang up."),
        ("en", "Sorry, we have a technical problem."),
        ("es", "Guardamos su lugar: usted ocupa el número 2 de la fila. Puede colgar; le llamaremos cuando llegue su turno."),
    ],
)  # fmt: skip
def test_our_own_sentences_are_found_with_their_usual_values(lang: str, said: str) -> None:
    assert Say(said, lang) in set(sentences(lang))


@pytest.mark.parametrize("path", sorted((ROOT / "flows").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_flow_has_its_fixed_words_ahead_letter_for_letter(path: Path) -> None:
    if path.name == "queues.yaml":
        pytest.skip("no flow")
    flow = flow_of(path.read_text(encoding="utf-8"))
    found = {part.text for part in static_parts(flow)}
    fixed = {
        text.text if isinstance(text, Audio) else text for texts in flow.prompts.values() for text in texts.values()
    }
    assert {text for text in fixed if "{{" not in text} <= found


# --- the bound


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five sounds of 100 bytes, used 5, 4, 3, 2 hours and a minute before 100,000 s."""
    for name, ago in (("a", 18_000), ("b", 14_400), ("c", 10_800), ("d", 7_200), ("e", 60)):
        path = tmp_path / f"{name}.ulaw"
        path.write_bytes(bytes(100))
        os.utime(path, (100_000 - ago, 100_000 - ago))
    return tmp_path


@pytest.mark.parametrize(
    ("keep", "max_bytes", "left"),
    [
        ((), 500, "abcde"),
        ((), 300, "cde"),
        (("a", "c"), 300, "ace"),
        ((), 0, "e"),
        (("a", "b", "c", "d"), 0, "abcde"),
    ],
)
def test_the_longest_unused_go_first_and_nothing_in_use(
    folder: Path, keep: tuple[str, ...], max_bytes: int, left: str
) -> None:
    pruned = prune(folder, keep, max_bytes, 100_000)
    assert "".join(sorted(path.stem for path in folder.iterdir())) == left
    assert (pruned.removed, pruned.bytes_left) == (5 - len(left), 100 * len(left))


def test_what_a_crash_left_behind_goes_when_it_is_old(folder: Path) -> None:
    for name, ago in (("old.part", IN_USE_S + 1), ("new.part", 5)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (100_000 - ago, 100_000 - ago))
    prune(folder, (), 10_000, 100_000)
    assert [path.name for path in folder.glob("*.part")] == ["new.part"]


def test_using_a_sound_keeps_it(folder: Path) -> None:
    assert note_use(folder / "a.ulaw", 100_000)
    prune(folder, (), 0, 100_000 + TOUCH_S)
    assert (folder / "a.ulaw").is_file()


def test_an_empty_or_missing_file_is_no_sound(folder: Path) -> None:
    (folder / "empty.ulaw").write_bytes(b"")
    assert not note_use(folder / "empty.ulaw", 100_000)
    assert not note_use(folder / "none.ulaw", 100_000)


# --- the command

MISSING = [name for name in ("espeak-ng", "sox") if shutil.which(name) is None]


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "f.yaml").write_text(SMALL_FLOW, encoding="utf-8")
    for name, value in {"SECRET_KEY": "x" * 40, "DATA_DIR": str(tmp_path / "var"), "FLOWS_DIR": str(flows)}.items():
        monkeypatch.setenv(f"RETORNO_{name}", value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(
    bool(MISSING) and "CI" not in os.environ, reason=f"install {' and '.join(MISSING)} to hear what is said"
)
def test_the_command_makes_all_sounds_once_and_lets_you_listen(installation: Path) -> None:
    first = CliRunner().invoke(speak, ["--out", "listen"])
    assert (first.exit_code, first.stdout) == (0, "")
    made = sorted((installation / "var" / "sounds").iterdir())
    assert f"{len(made)} sounds of 1 flow(s)" in first.stderr
    assert f"{len(made)} new, 0 failed" in first.stderr
    assert len(list((installation / "listen").glob("en-*.wav"))) == len(made)
    again = CliRunner().invoke(speak, ["f"])
    assert "0 new, 0 failed" in again.stderr


def test_the_command_tells_what_cannot_be_spoken_and_what_to_do(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETORNO_SPEECH_COMMAND", "no-such-engine")
    result = CliRunner().invoke(speak, [])
    assert result.exit_code == 1
    assert result.stdout.startswith("cannot be spoken in en: ")
    assert "no-such-engine is not installed: install it" in result.stderr


def test_the_command_knows_the_flows(installation: Path) -> None:
    result = CliRunner().invoke(speak, ["sails"])
    assert result.exit_code == 2
    assert "there is no flow sails; there are: f" in result.stderr
