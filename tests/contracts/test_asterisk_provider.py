"""A real Asterisk keeps the contract of every provider: our configuration, control process and webhooks, real phones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from flask import Flask
from provider import Desk, ProviderContract, until
from redis import Redis
from rig import Answer, Behaviour, Call, Node, Phone, Phones, Reject, Ring, tone
from werkzeug.serving import BaseWSGIServer, make_server

from ivr.clock import SystemClock
from ivr.config import Settings
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
MUSIC_HZ = 600
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
        until(lambda: len(self.registry.alive(site.nodes, CLOCK.now_ms())) == len(site.nodes), "the nodes are up")

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
