"""A node's sounds are made for each version of each flow, once, whoever has published it. How they are made: test_speech*."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from redis import Redis
from waiting import until

from ivr.clock import ManualClock
from ivr.flow.lint import check_file
from ivr.flow.model import Flow
from ivr.flow.problems import Problem
from ivr.instructions import Say
from ivr.providers.asterisk import ahead
from ivr.speech.engine import Engine
from ivr.speech.sounds import Sounds
from ivr.store import FlowShelf

FRONT = """\
version: 1
flow: front
languages: [en]
entry: {"+15550100400": hello}
steps:
  hello: {type: hangup, prompt: {en: "Hello."}}
"""


def check(text: str, filename: str) -> tuple[Flow | None, list[Problem]]:
    report = check_file(text, filename)
    return report.flow, report.problems


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was given to the workshop, as flow and its words; and looks come quickly."""
    given: list[str] = []

    def render(flows: Iterable[Flow], sounds: Sounds) -> threading.Thread:
        given.extend(f"{flow.flow} {'again' in flow.model_dump_json()}" for flow in flows)
        thread = threading.Thread(target=lambda: None)
        thread.start()
        return thread

    monkeypatch.setattr(ahead, "render_behind", render)
    monkeypatch.setattr(ahead, "LOOK_S", 0.01)
    return given


def test_each_version_is_rendered_once_also_that_of_another_process(
    redis: Redis, tmp_path: Path, rendered: list[str]
) -> None:
    ours, theirs, clock = tmp_path / "ours", tmp_path / "theirs", ManualClock()
    ours.mkdir()
    theirs.mkdir()
    (ours / "front.yaml").write_text(FRONT)
    shelf, other = (FlowShelf(redis, "test", folder, check, clock, "front") for folder in (ours, theirs))
    stop = threading.Event()
    sounds = Sounds(tmp_path / "sounds", Engine(("false",), {}), tmp_path)
    thread = threading.Thread(target=ahead.keep_ahead, args=(shelf, sounds, stop), daemon=True)
    thread.start()
    try:
        until(lambda: rendered == ["front False"])
        (ours / "front.yaml").write_text(FRONT.replace("Hello.", "Hello again."))
        clock.advance(1_000)
        until(lambda: rendered == ["front False", "front True"])
        (theirs / "second.yaml").write_text(FRONT.replace("front", "second").replace("400", "500"))
        other.refresh()
        until(lambda: rendered[2:] == ["second False"])
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_the_folder_stays_bounded_and_keeps_what_the_flows_say_to_everybody(
    redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "SOON_S", 0.01)
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "front.yaml").write_text(FRONT)
    shelf = FlowShelf(redis, "test", flows, check, ManualClock(), "front")
    sounds = Sounds(tmp_path / "sounds", Engine(("false",), {}), tmp_path)
    sounds.folder.mkdir()
    hello = sounds.path(sounds.sound_of(Say("Hello.", "en")))
    old = [sounds.path(f"{n:032x}") for n in range(10)]
    for age, file in enumerate([hello, *old]):
        file.write_bytes(b"\xff" * 1000)
        os.utime(file, (age, age))
    stop = threading.Event()
    thread = threading.Thread(target=ahead.keep_tidy, args=(shelf, sounds, 4_000, stop), daemon=True)
    thread.start()
    try:
        until(lambda: len(list(sounds.folder.glob("*.ulaw"))) == 4)
    finally:
        stop.set()
        thread.join(10)
    assert {path for path in (hello, *old) if path.exists()} == {hello, *old[-3:]}
