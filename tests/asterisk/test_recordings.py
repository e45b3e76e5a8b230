"""What was recorded on a real Asterisk is found again by `retorno talk recording`; what is spoken was rendered here and now."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from company import AGENT, CUSTOMER, Desk, has_tone, spoken
from rig import until
from stories import Told, story, tell_all

from ivr import words
from ivr.instructions import Say

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, asterisk_binary: Path) -> Iterator[Told]:
    yield from tell_all(request, asterisk_binary, own_sounds=True)


def fetched(desk: Desk, name: str) -> Path:
    out = desk.company.folder / f"{desk.queue}-fetched.wav"
    command = [sys.executable, "-m", "ivr.cli", "talk", "recording", name, "--out", str(out)]
    done = subprocess.run(command, env=desk.company.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_mode & 0o077 == 0, "for its owner's eyes only"
    return out


@story()
def test_a_message_that_its_caller_ended_by_hanging_up(desk: Desk) -> None:
    caller = desk.dial(speaking=False)
    desk.hears(caller, "welcome")
    caller.press("9")
    caller.wait_hears(1000)  # the tone
    caller.say(CUSTOMER)
    file = desk.node.root / "spool" / "retorno"

    def seconds() -> float:
        return max((one.stat().st_size / 16_000 for one in file.glob(f"{desk.node.name}-*.wav")), default=0.0)

    until(lambda: seconds() > 1.5, "a second and a half is recorded", desk.told)
    caller.hang_up()

    def left() -> list[str]:
        found = desk.company.events("voicemail_left")
        return [event.data["url"] for event in found if event.data["box"] == desk.queue]

    until(left, "the message is noted", desk.told)
    assert left()[0].startswith(f"asterisk:{desk.node.name}/")
    assert has_tone(fetched(desk, left()[0]), CUSTOMER)


@story("record: true")
def test_a_recorded_talk_is_found_by_its_attempt(desk: Desk) -> None:
    caller = desk.in_line()
    desk.agent()
    agent = desk.talks()
    desk.both_talk(caller, agent)
    talk = desk.attempt().id
    file = desk.node.root / "spool" / "retorno" / f"{talk}.wav"
    until(lambda: file.exists() and file.stat().st_size > 20_000, "it is being recorded", desk.told)
    agent.hang_up()
    desk.hears(caller, "rate")
    out = fetched(desk, talk)
    assert has_tone(out, CUSTOMER)
    assert has_tone(out, AGENT)


@story()
def test_a_sentence_that_was_never_spoken_before_is_heard(desk: Desk) -> None:
    """The company's folder of sounds was empty: nothing is left of an earlier run."""
    caller = desk.dial(speaking=False)
    desk.hears(caller, "welcome")
    caller.press("0")
    option = spoken(desk, Say(words.option("sales", "1", "en"), "en"))
    assert option.resolve().is_relative_to(desk.company.folder)
    caller.wait_matches(option, seconds=1.0)
