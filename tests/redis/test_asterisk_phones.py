"""What is told of telephones, and when one node speaks for another that has fallen silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from ivr.clock import ManualClock
from ivr.providers.asterisk.ami import Ami
from ivr.providers.asterisk.nodes import Address, Node, Phone, Site
from ivr.providers.asterisk.phones import MUTE_MS, Phones
from ivr.providers.asterisk.registry import REGISTERED, Registry

NODES = {name: Node(name, Address("127.0.0.1", port)) for port, name in ((5060, "node1"), (5061, "node2"))}
SITE = Site((), NODES, phones={"ana": Phone("ana", "node1"), "bia": Phone("bia", "node2")})


class Seen:
    """Node 1's view of the phones, with what it told the line."""

    def __init__(self, redis: Redis) -> None:
        self.clock = ManualClock()
        self.registry = Registry(redis, "retorno")
        self.told: list[tuple[str, str]] = []
        ami = Ami(
            ("127.0.0.1", 1),
            "u",
            "s",
            hears=frozenset(),
            on_event=lambda _: None,
            on_up=lambda: None,
            on_down=lambda: None,
        )
        self.phones = Phones(
            ami, self.registry, SITE, "node1", self.clock, lambda device, state: self.told.append((device, state))
        )

    def beats(self, *nodes: str) -> None:
        for node in nodes:
            self.registry.heartbeat(node, self.clock.now_ms(), up=True)

    def says(self, device: str, state: str) -> None:
        self.phones.heard({"Event": "DeviceStateChange", "Device": device, "State": state})

    def all_told(self) -> list[tuple[str, str]]:
        end = time.monotonic() + 10
        while self.phones._teller.waiting:
            assert time.monotonic() < end
            time.sleep(0.002)
        return self.told


@pytest.fixture
def seen(redis: Redis) -> Iterator[Seen]:
    made = Seen(redis)
    yield made
    made.phones.stop()


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["NOT_INUSE"], ["free"]),
        (["NOT_INUSE", "RINGING", "INUSE", "ONHOLD", "NOT_INUSE"], ["free", "in_use", "free"]),
        (["UNAVAILABLE", "NOT_INUSE", "UNAVAILABLE"], ["gone", "free", "gone"]),
        (["INUSE", "INUSE", "BUSY"], ["in_use"]),
    ],
)
def test_the_line_hears_of_changes_only(seen: Seen, states: list[str], told: list[str]) -> None:
    for state in states:
        seen.says("PJSIP/ana", state)
    assert seen.all_told() == [("PJSIP/ana", state) for state in told]
    assert seen.registry.view((), 0, device="PJSIP/ana").homes == (("node1",) if states[-1] in REGISTERED else ())


@pytest.mark.parametrize("device", ["PJSIP/bia", "PJSIP/carrier", "PJSIP/nobody", "Local/ana", ""])
def test_a_node_speaks_only_of_its_own_phones(seen: Seen, device: str) -> None:
    seen.says(device, "NOT_INUSE")
    assert seen.all_told() == []
    assert seen.registry.view((), 0, device=device).homes == ()


@pytest.mark.parametrize(("state", "told"), [("NOT_INUSE", "free"), ("UNAVAILABLE", "gone"), ("INUSE", "in_use")])
@pytest.mark.parametrize("once", ["NOT_INUSE", "INUSE", "UNAVAILABLE"])
def test_what_the_node_said_at_which_a_phone_was_before_counts_no_more(
    seen: Seen, once: str, state: str, told: str
) -> None:
    """asterisk.yaml gives the phone to another node: what the first one said last is there for ever."""
    seen.registry.device("PJSIP/ana", "node2", once)
    seen.says("PJSIP/ana", state)
    assert seen.all_told() == [("PJSIP/ana", told)]


def test_the_phones_of_a_node_that_was_silent_twice_are_gone(seen: Seen) -> None:
    seen.registry.device("PJSIP/bia", "node2", "NOT_INUSE")
    seen.beats("node1", "node2")
    steps: list[tuple[int, Callable[[], None], list[tuple[str, str]]]] = [
        (MUTE_MS, seen.phones.watch, []),
        (1, seen.phones.watch, []),
        (1, seen.phones.watch, [("PJSIP/bia", "gone")]),
        (1, seen.phones.watch, [("PJSIP/bia", "gone")]),
    ]
    for ms, act, told in steps:
        seen.clock.advance(ms)
        act()
        assert seen.all_told() == told
    assert seen.registry.view((), 0, device="PJSIP/bia").homes == ()


def test_a_node_that_beats_again_in_time_keeps_its_phones(seen: Seen) -> None:
    """As after an absence of Redis, in which nobody could beat."""
    seen.beats("node2")
    seen.clock.advance(MUTE_MS + 1)
    seen.phones.watch()
    seen.beats("node2")
    seen.phones.watch()
    seen.clock.advance(MUTE_MS + 1)
    seen.phones.watch()
    assert seen.all_told() == []


def test_when_its_own_asterisk_is_away_its_phones_are_gone_and_no_others(seen: Seen) -> None:
    seen.says("PJSIP/ana", "NOT_INUSE")
    seen.phones.lost()
    assert seen.all_told() == [("PJSIP/ana", "free"), ("PJSIP/ana", "gone")]
