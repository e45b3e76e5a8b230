"""The control process without its node: what it does when a part of it dies."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from ivr.calls import Calls
from ivr.clock import SystemClock
from ivr.config import Settings
from ivr.inputs import Outcome
from ivr.providers.asterisk import ami, commands, heart, link
from ivr.providers.asterisk.acts import Acts
from ivr.providers.asterisk.control import Control
from ivr.providers.asterisk.ends import Ends
from ivr.providers.asterisk.events import ACTION
from ivr.providers.asterisk.forms import Address
from ivr.providers.asterisk.nodes import Node, Site
from ivr.providers.asterisk.registry import Registry
from ivr.providers.asterisk.webs import Webs

NODE = Node("node1", Address("127.0.0.1", 5060), ami=Address("127.0.0.1", 1))


@dataclass(frozen=True)
class Hands:
    settings: Settings
    redis: Redis
    calls: Calls


def die(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def joined(*names: str) -> None:
    """The threads of these names have ended."""
    for thread in threading.enumerate():
        if thread.name in names:
            thread.join(10)
            assert not thread.is_alive()


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
    try:
        with pytest.raises(RuntimeError, match=thread):
            control.serve(stop)
    finally:
        stop.set()
        late.cancel()
        joined("commands", "heartbeat")  # they read from the client that is closed after this test


def test_a_stop_in_the_midst_of_a_round_is_no_death(
    redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands(
        Settings(secret_key="a secret key of forty characters, for tests", data_dir=tmp_path), redis, cast(Calls, None)
    )
    control, stop = Control(hands, Site((), {"node1": NODE}), NODE, lambda *_: None, lambda *_: None), threading.Event()

    def turn(_: Control) -> None:
        stop.set()
        joined("heartbeat")

    monkeypatch.setattr(Control, "_turn", turn)
    control.serve(stop)


@pytest.mark.parametrize(
    ("refused", "heard_s", "alone", "buried"),
    [
        (False, 70, True, True),
        (True, 70, True, False),
        (False, 30, True, False),
        (False, 70, False, False),
    ],
    ids=["gone", "it does not let us in", "its dialplan asks", "another process serves it"],
)
def test_calls_are_buried_only_with_an_asterisk_that_gives_no_sign_of_life(
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: bool,
    heard_s: int,
    alone: bool,
    buried: bool,
) -> None:
    hands = Hands(
        Settings(secret_key="a secret key of forty characters, for tests", data_dir=tmp_path), redis, cast(Calls, None)
    )
    control = Control(hands, Site((), {"node1": NODE}), NODE, lambda *_: None, lambda *_: None)
    done: list[str] = []
    monkeypatch.setattr(control._phones, "lost", lambda: done.append("phones lost"))
    monkeypatch.setattr(control._ends, "bury", lambda: done.append("buried"))
    monkeypatch.setattr(control._ami, "refused", refused)
    monkeypatch.setattr(control._heart, "alone", alone)
    control._registry.heard("node1", SystemClock().now_ms() - heard_s * 1000)
    for away_s in (1.0, 6.0, 61.0, 62.0):
        control._mourn(away_s)
    assert done == (["phones lost"] if alone else []) + (["buried"] if buried else [])


def test_a_call_that_never_had_a_channel_is_told_of_at_once(redis: Redis) -> None:
    """As on a trunk whose carrier does not answer: Asterisk says that it failed, and nothing else ever."""

    class Nothing:
        up = True

        def act(self, *_: object, **__: object) -> link.Pack:
            raise link.AmiRefused("No such channel")

    told: list[tuple[str, Outcome]] = []

    class Told:
        def records(self, call: str) -> int | None:
            return None

        def ended(self, call: str, outcome: Outcome) -> None:
            told.append((call, outcome))

    registry = Registry(redis, "t")
    acts = Acts(cast(ami.Ami, Nothing()), registry, Site((), {"node1": NODE}), NODE, SystemClock(), Webs(()))
    ends = Ends(cast(Calls, Told()), registry, acts, NODE)
    registry.register_outgoing("t1-c", "node1", "+5511999990001", SystemClock().now_ms())
    acts.placed.placed("t1-c")
    ends.originated({"Event": "OriginateResponse", "Response": "Failure", "ActionID": f"{ACTION}t1-c"})
    end = time.monotonic() + 10
    while not told and time.monotonic() < end:
        ends.turn()
        time.sleep(0.01)  # as the control process turns
    ends.teller.stop()
    assert told == [("t1-c", Outcome.FAILED)]
