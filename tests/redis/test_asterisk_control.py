"""The control process without its node: what it does when a part of it dies."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from ivr.calls import Calls
from ivr.config import Settings
from ivr.providers.asterisk import ami, commands, heart, link
from ivr.providers.asterisk.control import Control
from ivr.providers.asterisk.forms import Address
from ivr.providers.asterisk.nodes import Node, Site

NODE = Node("node1", Address("127.0.0.1", 5060), ami=Address("127.0.0.1", 1))


@dataclass(frozen=True)
class Hands:
    settings: Settings
    redis: Redis
    calls: Calls


def die(*_: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("where", "what", "thread"),
    [
        (commands, "serve", "commands"),
        (heart.Heart, "beat", "heartbeat"),
        (link.Link, "connect", "ami-supervisor"),
        (ami.Ami, "_tell", "ami-events"),
    ],
)
def test_a_process_that_has_lost_a_thread_ends(
    redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, what: str, thread: str
) -> None:
    """It must not say each second that the node takes commands when nobody carries them out."""
    monkeypatch.setattr(where, what, die)
    hands = Hands(
        Settings(secret_key="a secret key of forty characters, for tests", data_dir=tmp_path), redis, cast(Calls, None)
    )
    control = Control(hands, Site((), {"node1": NODE}), NODE, lambda *_: None, lambda *_: None)
    stop = threading.Event()
    late = threading.Timer(10, stop.set)
    late.start()
    with pytest.raises(RuntimeError, match=thread):
        control.serve(stop)
    stop.set()
    late.cancel()


def test_a_stop_in_the_midst_of_a_round_is_no_death(
    redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands(
        Settings(secret_key="a secret key of forty characters, for tests", data_dir=tmp_path), redis, cast(Calls, None)
    )
    control, stop = Control(hands, Site((), {"node1": NODE}), NODE, lambda *_: None, lambda *_: None), threading.Event()

    def turn(_: Control) -> None:
        stop.set()
        for thread in threading.enumerate():
            if thread.name == "heartbeat":
                thread.join(10)

    monkeypatch.setattr(Control, "_turn", turn)
    control.serve(stop)
