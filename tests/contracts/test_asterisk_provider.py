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
from rig import Answer, Behaviour, Node, Phone, Phones, Reject, Ring, tone
from werkzeug.serving import BaseWSGIServer, make_server

from ivr.clock import SystemClock
from ivr.config import Settings
from ivr.providers.asterisk import control, passwords, webhooks
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.commands import Commands
from ivr.providers.asterisk.delivery import Delivery
from ivr.providers.asterisk.files import generate
from ivr.providers.asterisk.nodes import Address, Site
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


@dataclass
class Stage:
    """The nodes that outlive a test, and the web server that they ask; which desk answers there is the test's."""

    nodes: dict[str, Node]
    site: Site
    web: BaseWSGIServer


@pytest.fixture(scope="module")
def stage(asterisk_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    web = make_server("127.0.0.1", 0, Flask("nobody"), threaded=True)
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    folder = tmp_path_factory.mktemp("nodes")
    nodes = {name: Node(name, folder, binary=asterisk_binary, channels=40) for name in ("node1", "node2")}
    here = {
        name: SiteNode(
            name, Address(*node.sip), node.rtp, Address(*node.ami), node.sounds, node.etc, address="127.0.0.1"
        )
        for name, node in nodes.items()
    }
    phones = {name: SitePhone(name, home) for name, home in HOMES.items()}
    site = Site((f"http://127.0.0.1:{web.server_port}",), here, phones=phones, languages=("en",))
    try:
        for name, node in nodes.items():
            node.write(generate(site, name, SETTINGS))
            for music in ("wait", "music"):
                (node.sounds / "retorno" / music).mkdir(parents=True)
                (node.sounds / "retorno" / music / "a.ulaw").write_bytes(tone(MUSIC_HZ, 2))
            node.start()
        yield Stage(nodes, site, web)
    finally:
        for node in nodes.values():
            node.close()
        web.shutdown()
        web.server_close()


@dataclass(frozen=True)
class Hands:
    """What a control process works with."""

    settings: Settings
    redis: Redis
    calls: Desk


@dataclass
class Real:
    """The far end: phones, and a control process for each node on a thread of its own."""

    stage: Stage
    redis: Redis
    phones: Phones
    folder: Path
    desk: Desk = field(default_factory=Desk)

    def __post_init__(self) -> None:
        settings = replace(SETTINGS, data_dir=self.folder)
        site = self.stage.site
        self.registry = Registry(self.redis, settings.tenant)
        key = settings.key("asterisk commands")
        self.provider = AsteriskProvider(self.redis, settings.tenant, key, site)
        self.stage.web.app = self._app(settings, Commands(self.redis, settings.tenant, key, CLOCK))
        self.at: dict[str, Phone] = {
            name: self.phones.add(
                name,
                self.stage.nodes[home].sip,
                secret=passwords.phone(settings, name),
                registers=True,
                behaviour=BEHAVIOUR[name],
            )
            for name, home in HOMES.items()
        }
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

    def puts_down(self, call: str) -> None:
        next(one for phone in self.at.values() for one in phone.calls() if one.up).hang_up()

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
        for phone in self.at.values():
            for call in phone.calls():
                if call.ended is None:
                    call.hang_up()
        return bool(node.channels())


@pytest.fixture
def far(stage: Stage, redis: Redis, tmp_path: Path) -> Iterator[Real]:
    with Phones() as phones:
        made = Real(stage, redis, phones, tmp_path)
        yield made
        made.close()


class TestAsterisk(ProviderContract):
    """A node of our own configuration."""
