"""The provider over Asterisk nodes: which node is asked, what is told without asking, and when we are unsure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from redis import Redis

from ivr.clock import SystemClock
from ivr.inputs import Outcome
from ivr.ports import Away, CallState, Found, Gone, Listening, Outgoing, Refused, Unsure
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.commands import Answer, Command, Handler, Result, serve
from ivr.providers.asterisk.nodes import Address, Node, Phone, Site, Trunk
from ivr.providers.asterisk.registry import DEAD_MS, LOOK_TWICE_MS, Registry

KEY = b"the key of both ends"
WORDS = ("originate", "redirect", "hangup", "find", "spy", "recording")


@dataclass(slots=True)
class Wall:
    """The wall's clock, and what is added to it."""

    ahead_ms: int = 0

    def now_ms(self) -> int:
        return SystemClock().now_ms() + self.ahead_ms


CLOCK = Wall()


def node(name: str) -> Node:
    return Node(name, Address("127.0.0.1", 5060))


SITE = Site(
    webs=(),
    nodes={name: node(name) for name in ("node1", "node2", "node3")},
    trunks={
        "carrier": Trunk("carrier", Address("sip.carrier.example", 5060), nodes=("node1", "node2")),
        "partner": Trunk("partner", Address("pbx.partner.example", 5060), nodes=("node2",)),
    },
    outgoing="carrier",
    phones={name: Phone(name, home) for name, home in (("ana", "node1"), ("bea", "node2"), ("eva", "node3"))},
)


@dataclass
class World:
    """Three nodes that say yes to everything, and write down what they were asked."""

    redis: Redis
    asked: list[tuple[str, Command]] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.registry = Registry(self.redis, "test")
        self.clock = Wall()
        self.provider = AsteriskProvider(self.redis, "test", KEY, SITE, self.clock)
        self.threads = [threading.Thread(target=self._serve, args=(name,)) for name in SITE.nodes]
        for channels, name in enumerate(SITE.nodes):
            self.beats(name, channels=channels)
        for thread in self.threads:
            thread.start()

    def beats(self, name: str, *, up: bool = True, channels: int = 0) -> None:
        """For the rest of the test."""
        self.registry.heartbeat(name, CLOCK.now_ms() + 30_000, up=up, channels=channels)

    def up(self, call: str, name: str) -> str:
        self.registry.register_incoming(call, name, CLOCK.now_ms())
        return call

    def originate(self, to: str, beside: str = "") -> tuple[str, str]:
        """The node that is asked, and by which other one it is to ring."""
        self.provider.originate(Outgoing(f"t{len(self.asked)}-a", to, "+551130001000", 20_000, beside=beside))
        name, command = self.asked[-1]
        return name, command.text("via")

    def _serve(self, name: str) -> None:
        def handler(command: Command) -> Answer:
            self.asked.append((name, command))
            return self.answers.get(command.do, Answer(Result.OK, state="up"))

        handlers: dict[str, Handler] = dict.fromkeys(WORDS, handler)
        serve(self.redis, "test", name, KEY, CLOCK, handlers, self.stop)


@pytest.fixture
def world(redis: Redis) -> Iterator[World]:
    made = World(redis)
    yield made
    made.stop.set()
    for thread in made.threads:
        thread.join(20)


# where a call is placed


def test_a_phone_is_rung_by_the_node_where_it_is_registered(world: World) -> None:
    assert world.originate("PJSIP/bea") == ("node2", ""), "as asterisk.yaml says, for nothing was heard of it yet"
    world.registry.device("PJSIP/bea", "node3", "NOT_INUSE")
    world.registry.device("PJSIP/bea", "node2", "UNAVAILABLE")
    assert world.originate("PJSIP/bea") == ("node3", "")
    world.registry.device("PJSIP/bea", "node2", "INUSE")
    assert world.originate("PJSIP/bea") == ("node2", ""), "its own node first"
    world.beats("node2", up=False)
    assert world.originate("PJSIP/bea") == ("node3", ""), "one that is up"


def test_a_phone_is_rung_where_the_other_side_of_the_talk_is(world: World) -> None:
    caller = world.up("node1-1.1", "node1")
    assert world.originate("PJSIP/ana", beside=caller) == ("node1", "")
    assert world.originate("PJSIP/bea", beside=caller) == ("node1", "node2")
    world.registry.ended(caller, Outcome.ANSWERED)
    assert world.originate("PJSIP/bea", beside=caller) == ("node2", ""), "nobody is beside it any more"
    assert world.originate("PJSIP/bea", beside="nobody") == ("node2", "")


def test_a_number_is_rung_by_the_node_with_the_fewest_channels_that_has_the_trunk(world: World) -> None:
    assert world.originate("+5511999990001") == ("node1", "")
    world.beats("node1", channels=9)
    assert world.originate("+5511999990001") == ("node2", "")
    assert world.originate("sip:bob@pbx.partner.example") == ("node2", "")
    world.beats("node2", up=False)
    assert world.originate("+5511999990001") == ("node1", "")


def test_a_number_is_rung_where_the_other_side_is_or_not_at_all(world: World) -> None:
    assert world.originate("+5511999990001", beside=world.up("node2-1.1", "node2")) == ("node2", "")
    with pytest.raises(Refused, match="node node3, which has not the trunk carrier") as refused:
        world.originate("+5511999990001", beside=world.up("node3-1.1", "node3"))
    assert not refused.value.permanent


def test_without_a_node_that_could_nothing_is_sent_and_that_is_said(world: World) -> None:
    for name in SITE.nodes:
        world.beats(name, up=False)
    for to in ("+5511999990001", "PJSIP/ana"):
        with pytest.raises(Away):
            world.originate(to)
    with pytest.raises(Away):
        world.originate("PJSIP/ana", beside=world.up("node2-1.1", "node2"))
    assert world.asked == []


def test_a_node_that_has_lost_its_asterisk_says_that_nothing_was_done(world: World) -> None:
    world.answers["originate"] = Answer(Result.AWAY, "node node1 is not connected to its Asterisk")
    with pytest.raises(Away, match="not connected"):
        world.originate("PJSIP/ana")


def test_a_call_that_is_called_off_before_it_is_placed_is_placed_by_no_node(world: World) -> None:
    world.provider.hangup("t1-a")
    with pytest.raises(Refused, match="called off"):
        world.provider.originate(Outgoing("t1-a", "PJSIP/ana", "", 20_000))
    assert not world.registry.register_outgoing("t1-a", "node1", "PJSIP/ana", CLOCK.now_ms()), "nor on its way there"
    assert world.provider.find("t1-a") == Found(CallState.ENDED, Outcome.CANCELED)
    assert world.asked == []


@pytest.mark.parametrize(
    "to", ["PJSIP/nobody", "PJSIP/ana&PJSIP/bea", "sim:ana", "sip:bob@evil.example", "11999990001"]
)
def test_an_address_that_nobody_has_is_refused_for_good_without_asking(world: World, to: str) -> None:
    with pytest.raises(Refused) as refused:
        world.originate(to)
    assert refused.value.permanent
    with pytest.raises(Refused) as refused:
        world.provider.listen(to, world.up("node1-1.1", "node1"), Listening.LISTEN)
    assert refused.value.permanent
    assert world.asked == []


def test_a_call_that_is_known_is_not_placed_again_by_any_node(world: World) -> None:
    world.registry.register_outgoing("t1-a", "node1", "PJSIP/ana", CLOCK.now_ms())
    world.registry.ended("t1-a", Outcome.BUSY)
    with pytest.raises(Refused) as refused:
        world.provider.originate(Outgoing("t1-a", "PJSIP/bea", "", 20_000))
    assert not refused.value.permanent
    assert world.asked == []


def test_what_a_node_refuses_is_refused_as_it_says(world: World) -> None:
    world.answers["originate"] = Answer(
        Result.REFUSED, "the phone is not registered", Outcome.NO_ANSWER, permanent=True
    )
    with pytest.raises(Refused, match="not registered") as refused:
        world.originate("PJSIP/ana")
    assert (refused.value.outcome, refused.value.permanent) == (Outcome.NO_ANSWER, True)


def test_a_node_is_told_all_of_a_call(world: World) -> None:
    world.provider.originate(Outgoing("t1-c", "+5511999990001", "+551130001000", 20_000, detect_machine=True))
    assert world.asked[0][1].data == {
        "call": "t1-c",
        "to": "+5511999990001",
        "caller_id": "+551130001000",
        "ring_ms": 20_000,
        "detect_machine": True,
        "via": "",
    }


# what becomes of it


@pytest.mark.parametrize(("state", "expected"), [("ringing", CallState.RINGING), ("up", CallState.UP)])
def test_a_call_that_has_not_ended_is_what_its_node_says(world: World, state: str, expected: CallState) -> None:
    call = world.up("node2-1.1", "node2")
    world.answers["find"] = Answer(Result.OK, state=state)
    assert world.provider.find(call) == Found(expected)
    assert [name for name, _ in world.asked] == ["node2"]


def test_what_the_registry_knows_is_not_asked(world: World) -> None:
    world.registry.register_outgoing("t1-a", "node1", "PJSIP/ana", CLOCK.now_ms())
    world.registry.ended("t1-a", Outcome.BUSY)
    assert world.provider.find("t1-a") == Found(CallState.ENDED, Outcome.BUSY)
    assert world.provider.find("nobody") == Found(CallState.UNKNOWN)
    for call in ("t1-a", "nobody"):
        world.provider.hangup(call)
        with pytest.raises(Gone):
            world.provider.redirect(call, "t7")
        with pytest.raises(Gone):
            world.provider.record(call, True)
        with pytest.raises(Gone):
            world.provider.listen("PJSIP/ana", call, Listening.BARGE)
    assert world.asked == []


def test_a_call_without_a_channel_whose_end_is_not_told_yet_is_not_known(world: World) -> None:
    call = world.up("node1-1.1", "node1")
    world.answers["find"] = Answer(Result.OK, state="none")
    with pytest.raises(Unsure, match="has not been told"):
        world.provider.find(call)
    world.registry.ended(call, Outcome.ANSWERED)
    assert world.provider.find(call) == Found(CallState.ENDED, Outcome.ANSWERED)


def test_a_talk_is_moved_recorded_heard_and_ended_on_its_node(world: World) -> None:
    call = world.up("node2-1.1", "node2")
    world.provider.redirect(call, "t7")
    world.provider.record(call, False)
    world.provider.listen("PJSIP/ana", call, Listening.WHISPER)
    world.provider.hangup(call)
    assert [(name, command.do, dict(command.data)) for name, command in world.asked] == [
        ("node2", "redirect", {"call": call, "attempt": "t7"}),
        ("node2", "recording", {"call": call, "on": False}),
        ("node2", "spy", {"phone": "PJSIP/ana", "call": call, "mode": "whisper", "via": "node1"}),
        ("node2", "hangup", {"call": call}),
    ]
    world.answers = dict.fromkeys(("redirect", "recording", "spy"), Answer(Result.GONE))
    for act in (
        lambda: world.provider.redirect(call, "t7"),
        lambda: world.provider.record(call, True),
        lambda: world.provider.listen("PJSIP/ana", call, Listening.LISTEN),
    ):
        with pytest.raises(Gone):
            act()


def test_a_node_that_is_down_leaves_us_unsure_and_one_that_is_dead_has_lost_its_calls(world: World) -> None:
    """What was up has been answered, what rang has failed; and that is written down, whatever the node says when it is back."""
    talk = world.up("node1-1.1", "node1")
    world.registry.register_outgoing("t1-a", "node1", "PJSIP/ana", CLOCK.now_ms())
    world.clock.ahead_ms = 30_000 + DEAD_MS - 20_000
    for call in (talk, "t1-a"):
        for act in (world.provider.find, world.provider.hangup):
            with pytest.raises(Unsure):
                act(call)
    world.clock.ahead_ms += 20_000
    with pytest.raises(Unsure):
        world.provider.find(talk)
    world.clock.ahead_ms += LOOK_TWICE_MS
    assert world.provider.find(talk) == Found(CallState.ENDED, Outcome.ANSWERED)
    assert world.provider.find("t1-a") == Found(CallState.ENDED, Outcome.FAILED)
    world.provider.hangup(talk)
    world.clock.ahead_ms = 0
    world.beats("node1")
    assert world.provider.find(talk) == Found(CallState.ENDED, Outcome.ANSWERED)
    assert world.asked == []


def test_without_redis_we_are_unsure_of_everything() -> None:
    provider = AsteriskProvider(Redis.from_url("unix:///nonexistent/redis.sock"), "test", KEY, SITE)
    for act in (
        lambda: provider.originate(Outgoing("t1-a", "PJSIP/ana", "", 20_000)),
        lambda: provider.redirect("t1-a", "t7"),
        lambda: provider.hangup("t1-a"),
        lambda: provider.find("t1-a"),
        lambda: provider.record("t1-a", True),
        lambda: provider.listen("PJSIP/ana", "t1-a", Listening.LISTEN),
    ):
        with pytest.raises(Unsure):
            act()


def test_the_nodes_and_how_they_are(world: World) -> None:
    world.beats("node2", up=False, channels=4)
    world.redis.delete("{test}:ast:node:node3")
    one, two, three = world.provider.nodes()
    assert (one.name, one.up, one.calls, one.silent_ms) == ("node1", True, 0, 0)
    assert (two.name, two.up, two.calls) == ("node2", False, 4)
    assert (three.name, three.up, three.silent_ms) == ("node3", False, None)
    world.clock.ahead_ms = 40_000
    assert [node.up for node in world.provider.nodes()] == [False, False, False]
    silent_ms = world.provider.nodes()[0].silent_ms
    assert silent_ms is not None
    assert 5_000 <= silent_ms <= 40_000
