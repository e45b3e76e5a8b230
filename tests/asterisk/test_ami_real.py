"""The manager connection on a real Asterisk: it is there whenever that is, and hears what it does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Node, until

from ivr.providers.asterisk.ami import Ami, AmiDown, AmiRefused, AmiTimeout, Pack

pytestmark = pytest.mark.slow

USER, SECRET = "retorno", "s3cret"
FILES = {
    "modules.conf": "[modules]\nautoload=no\nload=pbx_config.so\nload=app_verbose.so\nload=func_channel.so\n",
    "extensions.conf": "[lab]\nexten => s,1,Answer()\n same => n,Wait(60)\n",
}


class Listener:
    def __init__(self, ami_address: tuple[str, int], secret: str = SECRET, fails: bool = False) -> None:
        self.events: list[Pack] = []
        self.ups, self.downs, self.fails = 0, 0, fails
        self.ami = Ami(
            ami_address,
            USER,
            secret,
            hears=frozenset({"Hangup", "Newchannel", "OriginateResponse"}),
            on_event=self._event,
            on_up=self._up,
            on_down=self._down,
        )
        self.ami.start()

    def _event(self, event: Pack) -> None:
        self.events.append(event)
        if self.fails:
            raise RuntimeError("a listener may fail")

    def _up(self) -> None:
        self.ups += 1

    def _down(self) -> None:
        self.downs += 1

    def local_call(self, call: str) -> None:
        """A call of Asterisk with itself."""
        self.ami.act(
            "Originate",
            Channel="Local/s@lab",
            Context="lab",
            Exten="s",
            Priority="1",
            ChannelId=call,
            OtherChannelId=f"{call}-2",
            Async="true",
        )


@pytest.fixture(scope="module")
def node(asterisk_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    one = Node("ami", tmp_path_factory.mktemp("n"), binary=asterisk_binary, channels=4)
    rights = "read=system,call,user\nwrite=originate,call,reporting\n"
    user = f"[{USER}]\nsecret={SECRET}\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.1/32\n{rights}"
    manager = f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nport={one.ami[1]}\n{user}"
    one.write({**FILES, "manager.conf": manager})
    with one:
        yield one


@pytest.fixture
def listener(node: Node) -> Iterator[Listener]:
    if not node.running:
        node.start()
    one = Listener(node.ami)
    until(lambda: one.ups == 1, "up")
    yield one
    one.ami.stop()


def test_after_longer_quiet_than_the_library_bears_events_still_come(node: Node, listener: Listener) -> None:
    assert not threading.Event().wait(5)  # the quiet itself is what is tested: its socket's time-out is 3 s
    assert (listener.ups, listener.downs) == (1, 0)
    listener.local_call("quiet")
    until(lambda: any(event.get("Uniqueid") == "quiet" for event in listener.events), "its channel is heard of")
    listener.ami.act("Hangup", Channel="quiet")
    until(lambda: {"Hangup"} <= {event["Event"] for event in listener.events}, "its end is heard of")


def test_what_it_may_not_do_is_refused_in_words(listener: Listener) -> None:
    with pytest.raises(AmiRefused, match=r"[Pp]ermission denied"):
        listener.ami.act("Command", Command="core stop now")
    with pytest.raises(AmiRefused, match="No such channel"):
        listener.ami.act("Hangup", Channel="nobody")


def test_a_second_action_in_a_value_is_not_sent(node: Node, listener: Listener) -> None:
    with pytest.raises(ValueError, match="control character"):
        listener.ami.act("Getvar", Variable="X\r\n\r\nAction: Originate\r\nChannel: Local/s@lab")
    listener.ami.act("Ping")
    assert node.channels() == []


def test_a_wrong_secret_is_told_and_never_up(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    told = ""
    one = Listener(node.ami, "wrong")

    def says() -> bool:
        nonlocal told
        told += capsys.readouterr().out
        return "manager.conf: [retorno]" in told

    until(says, "it is told")
    assert not one.ami.up
    one.ami.stop()


def test_an_asterisk_that_was_killed_is_used_as_soon_as_it_is_back(node: Node, listener: Listener) -> None:
    node.kill()
    until(lambda: listener.downs == 1, "down")
    with pytest.raises(AmiDown):
        listener.ami.act("Ping")
    node.start()
    until(lambda: listener.ups == 2, "up again")
    assert listener.ami.act_list("CoreShowChannels") == []


def test_an_asterisk_that_hangs_is_down_and_used_when_it_goes_on(node: Node, listener: Listener) -> None:
    os.kill(node.pid, signal.SIGSTOP)
    try:
        with pytest.raises((AmiTimeout, AmiDown)):
            listener.ami.act("Ping", within_s=0.2)
        until(lambda: listener.downs == 1, "down")
    finally:
        os.kill(node.pid, signal.SIGCONT)
    until(lambda: listener.ups == 2, "up again")
    assert listener.ami.act("Ping")["Response"] == "Success"


def test_a_listener_that_fails_each_time_hears_all_of_a_crowd(node: Node) -> None:
    one = Listener(node.ami, fails=True)
    until(lambda: one.ups == 1, "up")
    for number in range(20):
        one.local_call(f"crowd{number}")
    until(lambda: len(one.ami.act_list("CoreShowChannels")) == 40, "they are all up")
    node.cli("channel request hangup all")
    until(lambda: sum(event["Event"] == "Hangup" for event in one.events) == 40, "all ends are heard of")
    assert one.ami.failures == len(one.events)
    one.ami.stop()
