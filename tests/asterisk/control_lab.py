"""A node with its control process, and all that they need: Redis that can be restarted, our webhooks, phones, a carrier.

Law: everything is real. The control process runs on threads of the test's own, or as a process that can be killed.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rig import Behaviour, Call, Node, Phone, Phones, Ring, until
from werkzeug.serving import make_server

from ivr.app import Parts, build
from ivr.clock import SystemClock
from ivr.config import Settings
from ivr.inputs import Outcome
from ivr.ports import Away, CallState, Outgoing
from ivr.providers.asterisk import control, files, passwords, standby, webhooks
from ivr.providers.asterisk.ami import Ami
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.commands import Commands
from ivr.providers.asterisk.delivery import Delivery
from ivr.providers.asterisk.nodes import Site, load_site
from ivr.providers.asterisk.registry import Beat, Known, Registry
from ivr.redis_server import find_binary
from ivr.speech.sounds import sounds_from

CLOCK = SystemClock()
FLOW = """version: 1
flow: lab
languages: [en]
entry: {default: main}
inputs: [attempt]
prompts:
  hello: {en: Hello.}
steps:
  main: {type: menu, intro: hello, timeout: 60s, tries: 1, keys: {1: bye, 2: message}, on_fail: bye}
  message: {type: voicemail, box: lab, prompt: hello, next: bye}
  bye: {type: hangup}
"""
PROCESS = """
import sys, threading
from pathlib import Path
from ivr import log
from ivr.providers.asterisk import control
from ivr.providers.asterisk.nodes import read_site
import control_lab
settings = control_lab.settings(Path(sys.argv[1]))
log.set_up("info")
site = read_site(settings.asterisk_file)
parts = control_lab.parts(settings, site)
control.run(parts, site, "node1", threading.Event(), phone=lambda *_: None, handed_over=lambda *_: None)
"""


def settings(folder: Path) -> Settings:
    return Settings(
        redis_url=f"unix://{folder}/redis.sock",
        secret_key="a secret key of the control tests, forty characters",
        data_dir=folder / "var",
        flows_dir=folder / "flows",
        default_flow="lab",
        sounds_dir=folder / "sounds",
        asterisk_file=folder / "asterisk.yaml",
        timezone="America/Sao_Paulo",
    )


def parts(own: Settings, site: Site) -> Parts:
    client = Redis.from_url(own.redis_url, decode_responses=True)
    provider = AsteriskProvider(client, own.tenant, own.key("asterisk commands"), site)
    return build(own, provider=provider)


@dataclass
class Lab:
    """`told`: what the line would have heard of phones and hand-overs, in order."""

    folder: Path
    binary: Path
    phones: Phones = field(default_factory=Phones)
    told: list[tuple[str, ...]] = field(default_factory=list)
    numbers: count[int] = field(default_factory=lambda: count(1))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Lab:
        self.settings = settings(self.folder)
        (self.folder / "flows").mkdir()
        (self.folder / "flows" / "lab.yaml").write_text(FLOW)
        (self.folder / "flows" / "queues.yaml").write_text("version: 1\nqueues: {lab: {}}\n")
        self.start_redis()
        self.phones.__enter__()
        self.node = Node("node1", self.folder, binary=self.binary, channels=60)
        self.carrier = self.phones.add("carrier", self.node.sip, lines=1000)
        self.web = make_server("127.0.0.1", 0, Flask("nobody"), threaded=True)
        threading.Thread(target=self.web.serve_forever, args=(0.05,), daemon=True).start()
        self._configure()
        self.parts = parts(self.settings, self.site)
        self.registry = Registry(self.parts.redis, self.settings.tenant)
        self.web.app = self._app()
        self.node.start()
        return self

    def _configure(self) -> None:
        (self.folder / "asterisk.yaml").write_text(
            f"""version: 1
webs: [http://127.0.0.1:{self.web.server_port}]
languages: [en]
nodes:
  node1:
    sip: 127.0.0.1:{self.node.sip[1]}
    rtp: {self.node.rtp[0]}-{self.node.rtp[1]}
    ami: 127.0.0.1:{self.node.ami[1]}
    sounds: {self.folder}/sounds
    config: {self.node.etc}
    home: {self.node.root}
trunks:
  carrier: {{host: "127.0.0.1:{self.carrier.port}", from: [anyone]}}
outgoing: carrier
phones:
  ana: {{node: node1}}
  bia: {{node: node1}}
  cai: {{node: node1}}
  ghost: {{node: node1}}
"""
        )
        site, problems = load_site((self.folder / "asterisk.yaml").read_text(), "asterisk.yaml")
        assert site is not None, problems
        self.site = site
        self.node.write({k: v for k, v in files.generate(site, "node1", self.settings).items() if k != "asterisk.conf"})
        standby.prepare(site, site.nodes["node1"], sounds_from(self.settings))

    def _app(self) -> Flask:
        own, clock = self.settings, CLOCK
        keys = {"node1": bytes.fromhex(passwords.webhook(own, "node1"))}
        delivery = Delivery(sounds_from(own), self.commands(), self.site)
        ours = Flask("ours")
        desk = webhooks.Desk(self.parts.calls, self.site, keys, delivery, self.registry, clock, "BR")
        ours.register_blueprint(webhooks.blueprint(desk))
        return ours

    # its parts

    def start_redis(self) -> None:
        """With all that it had: nothing acknowledged is lost."""
        keeps = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
        words = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            str(find_binary(self.folder)),
            "--port",
            "0",
            "--unixsocket",
            str(self.folder / "redis.sock"),
            *keeps,
        ]
        out = subprocess.DEVNULL
        self.redis = subprocess.Popen(words, cwd=self.folder, stdout=out, stderr=out)
        client = Redis.from_url(self.settings.redis_url)

        def answers() -> bool:
            try:
                return bool(client.ping())
            except RedisError:
                return False

        until(answers, "Redis answers")
        client.close()

    def stop_redis(self) -> None:
        self.redis.kill()
        self.redis.wait(10)

    def start_control(self) -> None:
        self.stop = threading.Event()
        self.control = threading.Thread(
            target=control.run,
            args=(self.parts, self.site, "node1", self.stop),
            kwargs={
                "phone": lambda *words: self.told.append(words),
                "handed_over": lambda *words: self.told.append(words),
            },
            daemon=True,
        )
        self.control.start()
        self.wait_up()

    def stop_control(self) -> None:
        self.stop.set()
        self.control.join(20)
        assert not self.control.is_alive()

    def start_process(self) -> subprocess.Popen[bytes]:
        """The control process, to be killed. It dies with us in any case."""
        with (self.folder / "control.log").open("ab") as out:
            words = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", PROCESS, str(self.folder)]
            process = subprocess.Popen(words, cwd=Path(__file__).parent, stdout=out, stderr=out, env=self._env())
        self.processes.append(process)
        return process

    def end_processes(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(10)
        self.processes.clear()

    def _env(self) -> Mapping[str, str]:
        here = Path(__file__).parent
        return {"PYTHONPATH": f"{here}:{here.parent}:{here.parents[1]}", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}

    def commands(self) -> Commands:
        """The workers' end."""
        own = self.settings
        return Commands(self.parts.redis, own.tenant, own.key("asterisk commands"), CLOCK)

    def beat(self) -> Beat:
        found = self.registry.beat("node1")
        assert found is not None
        return found

    def wait_up(self) -> None:
        since = int(time.time() * 1000)

        def up() -> bool:
            beat = self.registry.beat("node1")
            return bool(beat and beat.up and beat.at_ms >= since)

        until(up, "the control process is at work")

    def __exit__(self, *_: object) -> None:
        self.phones.__exit__(None, None, None)
        self.end_processes()
        self.node.close()
        self.web.shutdown()
        self.web.server_close()
        self.stop_redis()

    @contextmanager
    def no_web(self) -> Iterator[None]:
        """For a while the web server has nothing behind it."""
        ours, self.web.app = self.web.app, lambda _, begin: begin("503 Service Unavailable", []) and []
        try:
            yield
        finally:
            self.web.app = ours

    def originates(self) -> bool:
        """Whether the node rings anybody now. What it rings is put down again."""
        try:
            self.parts.provider.hangup(self.place("+5511988880009"))
        except Away:
            return False
        return True

    def rung(self, call: str) -> Call:
        """That call, as it arrives at the carrier."""
        until(lambda: [one for one in self.carrier.calls() if one.shown("X-Retorno-Call") == call], f"{call} arrives")
        return next(one for one in self.carrier.calls() if one.shown("X-Retorno-Call") == call)

    # its people

    def phone(self, name: str, behaviour: Behaviour | None = None) -> Phone:
        secret = passwords.phone(self.settings, name)
        how = behaviour or Ring()
        phone = self.phones.add(name, self.node.sip, secret=secret, registers=True, behaviour=how, lines=5)
        self.node.wait_phone(name)
        return phone

    def hang_up_all(self) -> None:
        """What a test has left: a crowd that stays would be in the way of the next one."""
        self.node.cli("channel request hangup all")

    def last_told(self, address: str) -> str:
        """What the line heard last of this phone; a look at all phones now and then tells each again."""
        return next((state for phone, state, *_ in reversed(self.told) if phone == address), "")

    # what is placed, and what is known of it

    def place(self, to: str, ring_ms: int = 20_000) -> str:
        """Place a call as a worker does. Its id. Raises as the provider does."""
        call = f"call{next(self.numbers)}-a"
        self.parts.calls.place(
            Outgoing(call, to, "+551130001000", ring_ms), "lab", attempt="", leg="agent", lang="en", values={}
        )
        return call

    def known(self, call: str) -> Known:
        found = self.registry.find(call)
        assert found is not None, f"{call} is not registered"
        return found

    def wait_state(self, call: str, state: CallState) -> Known:
        until(lambda: self.known(call).state is state, f"{call} is {state}: {self.known(call)}")
        return self.known(call)

    def wait_over(self, call: str) -> Outcome:
        """The outcome, once the registry has it; then the session has been told before."""
        outcome = self.wait_state(call, CallState.ENDED).outcome
        saved = self.parts.calls.sessions.load(call)
        assert saved is not None
        assert saved.session.ended, f"the session of {call} was not told"
        assert outcome is not None
        return outcome

    def incoming(self) -> str:
        """The ids of calls that came in and are up, the latest."""
        return sorted(call for call, known in self.registry.calls("node1").items() if not known.to)[-1]

    # what the tests do on the node themselves

    def ami(self) -> Ami:
        """A connection of the tests' own, as the control process has one."""
        made = Ami(
            self.node.ami,
            control.USER,
            passwords.ami(self.settings, "node1"),
            hears=frozenset(),
            on_event=lambda _: None,
            on_up=lambda: None,
            on_down=lambda: None,
        )
        made.start()
        until(lambda: made.up, "the tests are logged in")
        return made

    def bridge(self, one: str, other: str) -> None:
        """Let two calls talk."""
        ami = self.ami()
        ami.act("Bridge", Channel1=one, Channel2=other)
        ami.stop()

    def on_disk(self, key: str) -> bool:
        """Whether a restart of the node finds a key that begins so in its own database."""
        (file,) = self.node.root.glob("**/astdb.sqlite3")
        found = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            return bool(found.execute("SELECT 1 FROM astdb WHERE key LIKE ?", (key + "%",)).fetchone())
        except sqlite3.OperationalError:  # it is being written
            return False
        finally:
            found.close()

    def uniqueids(self) -> set[str]:
        ami = self.ami()
        found = {channel["Uniqueid"] for channel in ami.act_list("CoreShowChannels")}
        ami.stop()
        return found
