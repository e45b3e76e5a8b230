"""What a control process makes of an Asterisk that refuses."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis import Redis

from ivr.calls import Calls
from ivr.clock import SystemClock
from ivr.inputs import Outcome
from ivr.ports import CallState
from ivr.providers.asterisk.acts import FALLBACK, Acts
from ivr.providers.asterisk.ami import Ami, AmiRefused, Pack
from ivr.providers.asterisk.commands import Command, Result
from ivr.providers.asterisk.ends import ABSENT_S, Ends
from ivr.providers.asterisk.forms import Address
from ivr.providers.asterisk.nodes import Node, Site
from ivr.providers.asterisk.registry import Registry
from ivr.providers.asterisk.webs import Webs

NODE = Node("node1", Address("127.0.0.1", 5060))
CALL = "node1-1.1"


class Refuses:
    """A manager interface that says no to everything, with these words."""

    up = True

    def __init__(self, words: str) -> None:
        self.words = words

    def act(self, *_: object, **__: object) -> Pack:
        raise AmiRefused(self.words)


def acts(redis: Redis, words: str) -> Acts:
    return Acts(
        cast(Ami, Refuses(words)), Registry(redis, "t"), Site((), {"node1": NODE}), NODE, SystemClock(), Webs(())
    )


def command(do: str, **data: Any) -> Command:
    return Command("c1", do, 0, {"call": CALL, **data})


@pytest.mark.parametrize(("do", "data"), [("redirect", {"attempt": "a1"}), ("find", {}), ("recording", {"on": True})])
def test_who_may_not_ask_does_not_take_a_call_for_gone(redis: Redis, do: str, data: dict[str, Any]) -> None:
    """Its caller, who is on hold, would lose his place and stay on hold. The worker is unsure instead."""
    with pytest.raises(AmiRefused):
        acts(redis, "Permission denied").handlers[do](command(do, **data))


def test_a_call_without_a_channel_is_gone(redis: Redis) -> None:
    made = acts(redis, "No such channel")
    assert made.redirect(command("redirect", attempt="a1")).result is Result.GONE
    assert made.find(command("find")).state == "none"


@pytest.mark.parametrize(("joined", "result"), [("a1", Result.OK), (FALLBACK, Result.GONE)])
def test_who_is_where_he_is_wanted_or_with_the_fallback_is_not_moved(redis: Redis, joined: str, result: Result) -> None:
    """The web servers were away, so the node gave him to a person: an agent of the line must not tear him away."""

    def act(action: str, **fields: str) -> Pack:
        assert action == "Getvar", "he is moved"
        return {"Value": joined if fields["Variable"] == "RT_JOINED" else "Up"}

    made = acts(redis, "")
    made._ami = cast(Ami, SimpleNamespace(act=act))
    assert made.redirect(command("redirect", attempt="a1")).result is result


@pytest.mark.parametrize(("words", "over"), [("Permission denied", False), ("No such channel", True)])
def test_only_a_call_without_a_channel_is_ended_by_a_look(redis: Redis, words: str, over: bool) -> None:
    made, told = acts(redis, words), list[str]()
    calls = SimpleNamespace(records=lambda call: None, ended=lambda call, outcome: told.append(call))
    registry = Registry(redis, "t")
    registry.register_incoming(CALL, "node1", 0)
    ends = Ends(cast(Calls, calls), registry, made, NODE)
    ends.absent({CALL: Outcome.ANSWERED})
    end = time.monotonic() + ABSENT_S + 10
    while ends._doubted and time.monotonic() < end:
        ends.turn()
        time.sleep(0.01)
    ends.teller.stop()
    known = registry.find(CALL)
    assert known is not None
    assert (told, known.state is CallState.ENDED) == ([CALL] if over else [], over)
