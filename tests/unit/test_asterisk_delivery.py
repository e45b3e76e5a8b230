"""Sounds get to the node that is to play them, in time or not at all, and nobody waits for them twice."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ivr.instructions import Say, Speech
from ivr.ports import Unsure
from ivr.providers.asterisk import delivery
from ivr.providers.asterisk.commands import Answer, Result
from ivr.providers.asterisk.delivery import Delivery
from ivr.providers.asterisk.nodes import Address, Node, Site

PARTS = (Say("um", "pt-BR"), Say("dois", "pt-BR"), Say("um", "pt-BR"))
IDS = ("1" * 32, "2" * 32, "1" * 32)


@dataclass
class Sounds:
    """Of `ivr.speech.Sounds` what a delivery uses; what `um` sounds like is ones."""

    folder: Path
    broken: bool = False

    def path(self, sound: str) -> Path:
        return self.folder / f"{sound}.ulaw"

    def sound_of(self, part: Speech) -> str:
        assert isinstance(part, Say)
        return IDS[0] if part.text == "um" else IDS[1]

    def ensure(self, parts: Iterable[Speech], _: float) -> tuple[str, ...]:
        if self.broken:
            raise OSError("No space left on device")
        made = tuple(map(self.sound_of, parts))
        for sound in made:
            self.path(sound).write_bytes(sound.encode())
        return made


@dataclass
class Commands:
    """Of the commands' client: what was asked, and what the node says to it."""

    answers: Iterator[Answer | Exception]
    patience_ms: int = 0
    asked: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    def ask(self, node: str, do: str, id: str, bytes: str) -> Answer:
        assert 0 < self.patience_ms <= 1_500
        self.asked.append((node, do, id, base64.b64decode(bytes)))
        answer = next(self.answers, Answer(Result.OK))
        if isinstance(answer, Exception):
            raise answer
        return answer


def stand(tmp_path: Path, *answers: Answer | Exception) -> tuple[Delivery, Commands, Sounds]:
    """`near` plays from our own folder, `far` from one of its own."""
    sounds, commands = Sounds(tmp_path), Commands(iter(answers))

    def node(name: str, folder: Path) -> Node:
        loopback = Address("127.0.0.1", 5038)
        return Node(name, loopback, (10000, 20000), loopback, folder, Path("/etc/asterisk"))

    nodes = {"near": node("near", tmp_path), "far": node("far", Path("/var/lib/elsewhere"))}
    return Delivery(sounds, commands, Site(("http://127.0.0.1",), nodes)), commands, sounds  # type: ignore[arg-type]


def test_a_node_with_our_folder_needs_nothing_sent(tmp_path: Path) -> None:
    made, commands, _ = stand(tmp_path)
    assert made.speak("near", PARTS) == IDS
    assert commands.asked == []


def test_another_node_gets_each_sound_once(tmp_path: Path) -> None:
    made, commands, _ = stand(tmp_path)
    assert made.speak("far", PARTS) == IDS
    assert made.speak("far", PARTS) == IDS
    assert commands.asked == [("far", "sound", sound, sound.encode()) for sound in IDS[:2]]


def test_a_node_that_lacks_sounds_gets_them_from_then_on(tmp_path: Path) -> None:
    made, commands, _ = stand(tmp_path)
    made.speak("near", PARTS)
    made.missed("near", [IDS[0]])
    made.speak("near", PARTS)
    made.speak("near", PARTS)
    assert [sound for _, _, sound, _ in commands.asked] == list(IDS[:2])
    made.missed("near", [IDS[1]])
    made.speak("near", PARTS)
    assert [sound for _, _, sound, _ in commands.asked] == [*IDS[:2], IDS[1]]


def test_a_node_with_our_folder_in_which_a_sound_is_missing_needs_nothing_sent(tmp_path: Path) -> None:
    made, commands, sounds = stand(tmp_path)
    made.speak("near", PARTS)
    sounds.path(IDS[0]).unlink()
    made.missed("near", [IDS[0]])
    assert made.speak("near", PARTS) == IDS
    assert commands.asked == []


@pytest.mark.parametrize(
    ("answer", "sent"),
    [(Unsure("it does not answer"), 1), (Answer(Result.REFUSED, "no space"), 2)],
    ids=["no answer", "refused"],
)
def test_what_did_not_get_there_is_sent_with_the_next_answer(
    tmp_path: Path, answer: Answer | Exception, sent: int
) -> None:
    """After no answer the rest is not tried: the caller has waited."""
    made, commands, _ = stand(tmp_path, answer)
    assert made.speak("far", PARTS) == IDS
    assert len(commands.asked) == sent
    made.speak("far", PARTS)
    assert IDS[0] in [sound for _, _, sound, _ in commands.asked[sent:]]


def test_a_caller_does_not_wait_longer_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, commands, _ = stand(tmp_path)
    monkeypatch.setattr(delivery, "IN_TIME_S", 0.0)
    assert made.speak("far", PARTS) == IDS
    assert commands.asked == []


def test_without_any_sound_the_node_is_told_what_it_would_have_played(tmp_path: Path) -> None:
    made, _, sounds = stand(tmp_path)
    sounds.broken = True
    assert made.speak("near", PARTS) == IDS  # it may have them; else it plays a tone for each


def test_nothing_to_say_is_nothing(tmp_path: Path) -> None:
    made, _, sounds = stand(tmp_path)
    sounds.broken = True
    assert made.speak("far", ()) == ()


def test_what_we_know_of_a_node_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, commands, _ = stand(tmp_path)
    monkeypatch.setattr(delivery, "REMEMBERED", 1)
    made.speak("far", PARTS)
    made.speak("far", PARTS)
    assert len(commands.asked) == 4
