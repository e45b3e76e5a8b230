"""A real Asterisk keeps the contract of every provider: our configuration, control process and webhooks, real phones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from provider import Desk, ProviderContract, found
from redis import Redis
from rig import Answer, Behaviour, Call, Node, Phone, Phones, Reject, Ring, tone
from waiting import until
from werkzeug.serving import BaseWSGIServer, make_server

from ivr.calls import Reply
from ivr.clock import SystemClock
from ivr.config import Settings
from ivr.instructions import Join
from ivr.ports import CallState, Found, Listening, Outgoing
from ivr.providers.asterisk import control, passwords, webhooks
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.commands import Commands
from ivr.providers.asterisk.delivery import Delivery
from ivr.providers.asterisk.files import generate
from ivr.providers.asterisk.nodes import Address, Site, Trunk
from ivr.providers.asterisk.nodes import Node as SiteNode
from ivr.providers.asterisk.nodes import Phone as SitePhone
from ivr.providers.asterisk.registry import Registry
from ivr.speech.engine import Engine
from ivr.speech.sounds import Sounds

pytestmark = pytest.mark.slow

SETTINGS = Settings(secret_key="a secret key of the contract tests, forty characters")
CLOCK = SystemClock()
MUSIC_HZ, AGENT_HZ, CUSTOMER_HZ, SUPERVISOR_HZ, SECRET_HZ = 600, 2000, 2400, 1100, 1500
BEHAVIOUR: dict[str, Behaviour] = {"answers": Answer(), "busy": Reject(486), "rings": Ring(), "far": Answer()}
HOMES = {"answers": "node1", "busy": "node1", "rings": "node1", "far": "node2"}
TRUNK = "carrier"  # behind it are the customers: a phone that no node knows


@dataclass
class Stage:
    """What outlives a test: the nodes, the phones, and the web server that the nodes ask; which desk answers there is the
    test's."""

    nodes: dict[str, Node]
    site: Site
    web: BaseWSGIServer
    phones: dict[str, Phone]


@pytest.fixture(scope="module")
def stage(asterisk_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    web = make_server("127.0.0.1", 0, Flask("nobody"), threaded=True)
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    folder = tmp_path_factory.mktemp("nodes")
    nodes = {name: Node(name, folder, binary=asterisk_binary, channels=40) for name in ("node1", "node2")}
    try:
        with Phones() as phones:
            customer = phones.add("customer", nodes["node1"].sip, behaviour=Answer(), lines=20)
            site = site_of(nodes, customer.port, web.server_port)
            for name, node in nodes.items():
                begin(node, generate(site, name, SETTINGS))
            at = {
                name: phones.add(name, nodes[home].sip, secret=passwords.phone(SETTINGS, name), registers=True)
                for name, home in HOMES.items()
            }
            yield Stage(nodes, site, web, {TRUNK: customer, **at})
    finally:
        for node in nodes.values():
            node.close()
        web.shutdown()
        web.server_close()


def site_of(nodes: dict[str, Node], carrier: int, web: int) -> Site:
    here = {
        name: SiteNode(
            name, Address(*node.sip), node.rtp, Address(*node.ami), node.sounds, node.etc, address="127.0.0.1"
        )
        for name, node in nodes.items()
    }
    return Site(
        (f"http://127.0.0.1:{web}",),
        here,
        trunks={TRUNK: Trunk(TRUNK, Address("127.0.0.1", carrier), sources=("anyone",), nodes=tuple(nodes))},
        outgoing=TRUNK,
        phones={name: SitePhone(name, home) for name, home in HOMES.items()},
        languages=("en",),
    )


def begin(node: Node, files: dict[str, str]) -> None:
    node.write(files)
    for music in ("wait", "music"):
        (node.sounds / "retorno" / music).mkdir(parents=True)
        (node.sounds / "retorno" / music / "a.ulaw").write_bytes(tone(MUSIC_HZ, 2))
    node.start()


@dataclass(frozen=True)
class Hands:
    """What a control process works with."""

    settings: Settings
    redis: Redis
    calls: Desk


@dataclass
class Real:
    """The far end: a control process for each node, on a thread of its own, and our webhooks before `desk`."""

    stage: Stage
    redis: Redis
    folder: Path
    desk: Desk = field(default_factory=Desk)
    came_in: dict[str, Call] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = replace(SETTINGS, data_dir=self.folder)
        site = self.stage.site
        self.registry = Registry(self.redis, settings.tenant)
        key = settings.key("asterisk commands")
        self.provider = AsteriskProvider(self.redis, settings.tenant, key, site)
        self.stage.web.app = self._app(settings, Commands(self.redis, settings.tenant, key, CLOCK))
        for name, phone in self.stage.phones.items():
            phone.behave(BEHAVIOUR.get(name, Answer()))
        self.told: list[tuple[str, str]] = []
        self.over = threading.Event()
        hands = Hands(settings, self.redis, self.desk)
        self.controls = {node: self._control(hands, node) for node in site.nodes}
        until(lambda: len(self.registry.view(site.nodes, CLOCK.now_ms()).alive) == len(site.nodes), "the nodes are up")

    def _app(self, settings: Settings, commands: Commands) -> Flask:
        """Our webhooks, before the suite's desk."""
        site = self.stage.site
        keys = {node: bytes.fromhex(passwords.webhook(settings, node)) for node in site.nodes}
        sounds = Sounds(self.folder / "sounds", Engine(("false",), {}), self.folder)
        ours = Flask("ours")
        desk = webhooks.Desk(self.desk, site, keys, Delivery(sounds, commands, site), self.registry, CLOCK, "BR")  # type: ignore[arg-type]
        ours.register_blueprint(webhooks.blueprint(desk))
        return ours

    def _control(self, hands: Hands, node: str) -> threading.Thread:
        thread = threading.Thread(
            target=control.run,
            args=(hands, self.stage.site, node, self.over),
            kwargs={
                "phone": lambda address, state: self.told.append((address, state)),
                "handed_over": lambda *_: False,
            },
            daemon=True,
        )
        thread.start()
        return thread

    def phone(self, kind: str) -> str:
        return f"PJSIP/{kind}"

    def comes_in(self, number: str, called: str) -> str:
        made = self.stage.phones[TRUNK].dial(called, from_user=number).wait_up()
        until(lambda: len(self.desk.incoming_calls()) > len(self.came_in), "the call has come in")
        call = self.desk.incoming_calls()[-1]
        self.came_in[call] = made
        return call

    def puts_down(self, call: str) -> None:
        next(one for one in self.legs() if one.up and self.came_in.get(call) in (one, None)).hang_up()

    def legs(self) -> list[Call]:
        """All calls of the phones, from their side."""
        return [*self.came_in.values(), *(one for phone in self.stage.phones.values() for one in phone.calls())]

    def stop(self) -> None:
        self.over.set()
        for thread in self.controls.values():
            thread.join(20)

    def close(self) -> None:
        """Leave nobody on a node: the ids of the next test are the same."""
        for node in self.stage.nodes.values():
            until(lambda node=node: not self._busy(node), f"{node.name} is empty")  # type: ignore[misc]
        self.stop()

    def _busy(self, node: Node) -> bool:
        for call in self.legs():
            if call.ended is None:
                call.hang_up()
        return bool(node.channels())


@pytest.fixture
def far(stage: Stage, redis: Redis, tmp_path: Path) -> Iterator[Real]:
    made = Real(stage, redis, tmp_path)
    yield made
    made.close()


class TestAsterisk(ProviderContract):
    """A node of our own configuration."""


# what only a real network has: talks that can be heard


@dataclass
class Rooms(Desk):
    """Whoever is moved is sent into the room of the attempt: its agent's call waits there, the other one comes to it."""

    record: bool = False

    def joined(self, call: str, attempt: str) -> Reply:
        super().joined(call, attempt)
        host = call == f"{attempt}-a"
        return Reply(call, 2, Join((), attempt, host=host, record=self.record and not host))


@dataclass
class Talk:
    """A customer and an agent who hear each other."""

    far: Real
    customer: Call
    agent: Call
    calls: tuple[str, str]

    def hear_each_other(self) -> None:
        since = time.monotonic()
        self.customer.wait_hears(AGENT_HZ, after=since)
        self.agent.wait_hears(CUSTOMER_HZ, after=since)


@pytest.fixture
def rooms(stage: Stage, redis: Redis, tmp_path: Path) -> Iterator[Real]:
    made = Real(stage, redis, tmp_path, Rooms(record=True))
    yield made
    made.close()


def meet(far: Real, room: str, customer_call: str, agent_call: str) -> None:
    for call in (agent_call, customer_call):
        until(lambda call=call: found(far, call) == Found(CallState.UP), "the call is up")  # type: ignore[misc]
        far.provider.redirect(call, room)


def newest(far: Real, phone: str) -> Call:
    return far.stage.phones[phone].calls()[-1].wait_up()


def talk(far: Real, agent: str) -> Talk:
    """A customer who called in is joined with the agent at that phone."""
    caller = far.comes_in("+5511999990001", "+551130001000")
    far.provider.originate(Outgoing("t7-a", far.phone(agent), "", 15_000, beside=caller))
    until(lambda: far.desk.of("t7-a") == [("answered",)], "the agent has answered")
    made = Talk(far, far.came_in[caller], newest(far, agent), (caller, "t7-a"))
    made.customer.say(CUSTOMER_HZ)
    made.agent.say(AGENT_HZ)
    meet(far, "t7", *made.calls)
    made.hear_each_other()
    return made


@pytest.mark.parametrize(("agent", "home"), [("answers", "node1"), ("far", "node2")])
def test_a_caller_and_an_agent_talk_whichever_node_the_agents_phone_is_at(rooms: Real, agent: str, home: str) -> None:
    """Also when the moves are told twice, as after an answer that was lost."""
    made = talk(rooms, agent)
    assert {rooms.registry.view((), 0, beside=call).near for call in made.calls} == {"node1"}
    assert rooms.registry.view((), 0, device=rooms.phone(agent)).homes == (home,)
    meet(rooms, "t7", *made.calls)
    made.hear_each_other()
    assert [rooms.desk.of(call).count(("joined", "t7")) for call in made.calls] == [1, 1]
    made.agent.hang_up()
    until(lambda: rooms.desk.of(made.calls[0])[-2:] == [("wake", "2", "DialEnded"), ("ended", "answered")], "the end")


def test_a_customer_who_is_rung_beside_the_agent_talks_with_him(rooms: Real) -> None:
    rooms.provider.originate(Outgoing("t7-a", rooms.phone("far"), "", 15_000))
    until(lambda: rooms.desk.of("t7-a") == [("answered",)], "the agent has answered")
    rooms.provider.originate(Outgoing("t7-c", "+5511999990002", "+551130001000", 15_000, beside="t7-a"))
    until(lambda: rooms.desk.of("t7-c") == [("answered",)], "the customer has answered")
    assert [rooms.registry.view((), 0, beside=call).near for call in ("t7-a", "t7-c")] == ["node2", "node2"]
    made = Talk(rooms, newest(rooms, TRUNK), newest(rooms, "far"), ("t7-c", "t7-a"))
    assert "+551130001000" in made.customer.shown("From")
    made.customer.say(CUSTOMER_HZ)
    made.agent.say(AGENT_HZ)
    meet(rooms, "t7", *made.calls)
    made.hear_each_other()


@pytest.mark.parametrize("supervisor", ["rings", "far"])
@pytest.mark.parametrize(
    ("mode", "agent_hears", "customer_hears"),
    [(Listening.LISTEN, False, False), (Listening.WHISPER, True, False), (Listening.BARGE, True, True)],
)
def test_a_supervisor_hears_both_and_is_heard_by_whom_he_may(
    rooms: Real, supervisor: str, mode: Listening, agent_hears: bool, customer_hears: bool
) -> None:
    made = talk(rooms, "answers")
    rooms.stage.phones[supervisor].behave(Answer(says=tone(SUPERVISOR_HZ, 1), repeats=True))
    since = time.monotonic()
    rooms.provider.listen(rooms.phone(supervisor), made.calls[1], mode)
    until(lambda: bool(rooms.stage.phones[supervisor].calls()), "the supervisor is rung")
    until(lambda: rooms.stage.phones[supervisor].calls()[-1].began_at > since, "the supervisor is rung")
    ear = newest(rooms, supervisor)
    for side, hears in ((made.agent, agent_hears), (made.customer, customer_hears)):
        if hears:
            side.wait_hears(SUPERVISOR_HZ, after=since)
    ear.wait_hears(AGENT_HZ, after=since)
    ear.wait_hears(CUSTOMER_HZ, after=since)
    made.hear_each_other()
    for side, hears in ((made.agent, agent_hears), (made.customer, customer_hears)):
        assert (side.first_heard(SUPERVISOR_HZ, after=since) is not None) == hears
    ear.hang_up()
    made.hear_each_other()


def test_a_recording_has_what_was_said_but_not_what_was_left_out(rooms: Real) -> None:
    file = rooms.stage.nodes["node1"].root / "spool" / "retorno" / "t7.wav"
    since = (
        file.stat().st_size if file.exists() else 0
    )  # a recording goes on in the file of an earlier talk in that room
    made = talk(rooms, "answers")
    until(lambda: holds(file, AGENT_HZ, since) and holds(file, CUSTOMER_HZ, since), "both are recorded")
    rooms.provider.record(made.calls[0], False)
    made.agent.say(SECRET_HZ)
    until(lambda: lasted(made.customer, SECRET_HZ, 0.3), "the secret is told")
    made.agent.say(AGENT_HZ)
    made.customer.wait_hears(AGENT_HZ)
    before = file.stat().st_size
    rooms.provider.record(made.calls[0], True)
    until(lambda: holds(file, AGENT_HZ, before), "the recording goes on")
    made.agent.hang_up()
    until(lambda: rooms.desk.of(made.calls[0])[-1:] == [("ended", "answered")], "the end")
    assert not holds(file, SECRET_HZ, since)


def lasted(call: Call, hertz: int, seconds: float) -> bool:
    """Whether that tone alone was heard for so long on end."""
    return any(heard == hertz and until_s - from_s >= seconds for heard, from_s, until_s in call.heard())


def holds(file: Path, hertz: int, since: int) -> bool:
    """Whether a WAV of 16 bits and 8 kHz has this tone, after so many of its bytes, in any 40 ms."""
    if not file.exists():
        return False
    samples = np.frombuffer(file.read_bytes()[44:], np.int16, count=-1)[since // 2 :].astype(float)
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    spectrum = np.abs(np.fft.rfft(frames, axis=1))
    return bool(np.any(spectrum[:, hertz // 25] > 0.2 * spectrum.sum(axis=1) + 1e4))
