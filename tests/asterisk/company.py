"""A whole company on a real Asterisk: Redis, the parts that `retorno up` runs, nodes with the files that `retorno asterisk config`
makes, desk phones, and a carrier behind which the customers are.

Law: everything is real but the people. A part may be killed and started again; whatever was started ends with the company,
whatever happens to a test. Tones stand for prompts, so that a phone can tell which one it hears.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import redis as redis_py
from desk import Desk, spoken
from hearing import (
    AGENT,
    CUSTOMER,
    MUSIC,
    OTHER_AGENT,
    PITCH,
    PROMPT_S,
    SUPERVISOR,
    breaks,
    has_tone,
    lasted,
    tone_share,
)
from redis.exceptions import RedisError
from rig import Answer, Behaviour, Call, Node, Phone, Phones, tone, until
from waiting import free_port

from callback import worker
from callback.timekeeper import last_tick_ms
from ivr.app import Parts, build
from ivr.cli.run import parts_of
from ivr.config import Settings, load
from ivr.events import Event, EventType
from ivr.providers.asterisk import passwords
from ivr.providers.asterisk.registry import Registry
from ivr.redis_server import find_binary

__all__ = [
    "AGENT",
    "CUSTOMER",
    "MUSIC",
    "OTHER_AGENT",
    "PITCH",
    "PROMPT_S",
    "SUPERVISOR",
    "Company",
    "Desk",
    "breaks",
    "has_tone",
    "lasted",
    "spoken",
    "tone_share",
]

FLOWS = Path(__file__).parent / "flows"
SECRET = "only for the tests: a secret that is long enough"


def sounds_cache() -> Path:
    """Where what has been spoken is kept from run to run: a sound is named by what it says.

    So a renderer that no longer speaks may go unnoticed where an earlier run has spoken: not with `own_sounds`.
    """
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "retorno" / "test-sounds"


class Company:
    """Started by `with`. `desks`: each has a number to call, a flow and a queue of its own, with the rules given (YAML, as
    `record: true`). `nodes`: how many Asterisks there are; `rtp_timeout`: seconds, unless it is the one that we ship.
    `own_sounds`: nothing has been spoken before."""

    def __init__(
        self,
        desks: Mapping[str, str],
        binary: Path,
        *,
        nodes: int = 1,
        channels: int = 200,
        rtp_timeout: int = 0,
        own_sounds: bool = False,
        workers: int = 2,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rtc-", dir="/tmp"))  # short: sockets are in it
        self.flows = self.folder / "flows"
        self.rules = dict(desks)
        self.names = list(desks)
        self.rtp_timeout, self.own_sounds = rtp_timeout, own_sounds
        self.port = free_port()
        names = [f"node{number}" for number in range(1, nodes + 1)]
        self.nodes = {name: Node(name, self.folder, binary=binary, channels=channels) for name in names}
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("RETORNO_", "REDIS_URL"))}
        self.env = ours | {
            "REDIS_URL": f"unix://{self.folder}/redis.sock",
            "RETORNO_SECRET_KEY": SECRET,
            "RETORNO_DATA_DIR": str(self.folder / "var"),
            "RETORNO_FLOWS_DIR": str(self.flows),
            "RETORNO_DEFAULT_FLOW": "d00",
            "RETORNO_PORT": str(self.port),
            "RETORNO_WORKERS": str(workers),
            "RETORNO_PROVIDER": "asterisk",
            "RETORNO_ASTERISK_FILE": str(self.folder / "asterisk.yaml"),
            "RETORNO_SOUNDS_DIR": str(self.folder / "sounds"),
            **(more or {}),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.phones = Phones()
        self._up = False
        self._parts: Parts | None = None
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._last_event = "-"

    # Coming up

    def __enter__(self) -> Company:
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self) -> None:
        self._write_flows()
        self.phones.__enter__()
        self._up = True
        self.carrier = self.phones.add("carrier", next(iter(self.nodes.values())).sip, lines=10_000)
        (self.folder / "asterisk.yaml").write_text(self._site())
        self.settings: Settings = load(self.env, env_file=None)
        self.start_redis()
        made = [self._configure(name) for name in self.nodes]
        commands = {part.name: part.argv for part in parts_of(self.settings)}
        self.commands = {name: list(command) for name, command in commands.items()}
        for name in self.commands:
            self.start(name)
        for process, name in zip(made, self.nodes, strict=True):
            assert process.wait(60) == 0, (self.folder / f"config-{name}.log").read_text()
            self._patch(name)
            self.nodes[name].start()
        self._parts = build(self.settings)
        until(self.ready, "everything is up", self.told, 60)

    def _write_flows(self) -> None:
        prompts = self.flows / "prompts"
        prompts.mkdir(parents=True)
        for name, hertz in PITCH.items():
            (prompts / f"{name}.ulaw").write_bytes(tone(hertz, PROMPT_S))
        for name in ("callback_agent", "callback_customer"):
            shutil.copy(FLOWS / f"{name}.yaml", self.flows)
        text = (FLOWS / "desk.yaml").read_text()
        for number, name in enumerate(self.names):
            desk = Desk(self, name, number)
            made = text.replace("DESK", desk.queue).replace("NUMBER", desk.number)
            (self.flows / f"{desk.queue}.yaml").write_text(made.replace("ELSEWHERE", desk.elsewhere))
        self._write_rules()
        if self.own_sounds:
            (self.folder / "sounds").mkdir()
        else:
            sounds_cache().mkdir(parents=True, exist_ok=True)
            (self.folder / "sounds").symlink_to(sounds_cache())
        music = self.folder / "music"
        music.mkdir()
        (music / "music.ulaw").write_bytes(tone(MUSIC, 20.0))

    def _write_rules(self) -> None:
        rules = ""
        for desk in map(self.desk, self.names):
            rules += f"  {desk.queue}: {{{self.rules[desk.name]}}}\n  {desk.other_queue}: {{}}\n"
        new = self.flows / "queues.new"
        new.write_text((FLOWS / "queues.yaml").read_text().replace("  RULES\n", rules))
        new.replace(self.flows / "queues.yaml")

    def _site(self) -> str:
        lines = [
            "version: 1",
            f"webs: [http://127.0.0.1:{self.port}]",
            "fallback: {dial: reserve}",
            "languages: [en]",
            f"music: {{default: {self.folder}/music}}",
            "nodes:",
        ]
        for name, node in self.nodes.items():
            at = f"sip: 127.0.0.1:{node.sip[1]}, rtp: {node.rtp[0]}-{node.rtp[1]}, ami: 127.0.0.1:{node.ami[1]}"
            folders = f"sounds: {self.folder}/sounds, config: {node.etc}, home: {node.root}"
            lines.append(f"  {name}: {{{at}, address: 127.0.0.1, {folders}}}")
        silent = f", rtp_timeout: {self.rtp_timeout}" if self.rtp_timeout else ""
        trunk = f"  carrier: {{host: 127.0.0.1:{self.carrier.port}, from: [anyone]{silent}}}"
        lines += ["trunks:", trunk, "outgoing: carrier", "phones:"]
        lines += [f'  "{name}": {{node: {next(iter(self.nodes))}}}' for name in ("reserve", "7001")]
        for desk in map(self.desk, self.names):
            lines += [f'  "{desk.phone_of(who)}": {{node: {desk.node_of(who).name}}}' for who in "absfkn"]
        return "\n".join(lines) + "\n"

    def _configure(self, name: str) -> subprocess.Popen[bytes]:
        """The files of a node, by the command that an operator uses."""
        words = ("asterisk", "config", "--node", name, "--out", str(self.nodes[name].etc))
        with (self.folder / f"config-{name}.log").open("wb") as log:
            command = [sys.executable, "-m", "ivr.cli", *words]
            return subprocess.Popen(command, env=self.env, cwd=self.folder, stdout=log, stderr=log)

    def _patch(self, name: str) -> None:
        """The one thing that tests have no time for: how long a telephone may be silent that has gone without a word."""
        if self.rtp_timeout:
            file = self.nodes[name].etc / "pjsip_retorno.conf"
            text = file.read_text()
            assert text.count("rtp_timeout = 30\n") == 1
            file.write_text(text.replace("rtp_timeout = 30\n", f"rtp_timeout = {self.rtp_timeout}\n"))

    # Its parts

    def start_redis(self) -> None:
        """Redis with all it had, whatever happened to it."""
        folder = self.folder / "redis"
        folder.mkdir(exist_ok=True)
        keeps = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
        with (self.folder / "redis.log").open("ab") as log:
            words = [
                str(find_binary(self.folder)),
                "--port",
                "0",
                "--unixsocket",
                str(self.folder / "redis.sock"),
                *keeps,
            ]
            words = ["setpriv", "--pdeathsig", "KILL", *words]
            self.processes["redis"] = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
        client = redis_py.Redis.from_url(self.env["REDIS_URL"])
        until(lambda: _answers(client), "Redis answers", patience_s=30)
        client.close()

    def start(self, part: str) -> None:
        """A part, as `retorno up` would run it."""
        with (self.folder / f"{part}.log").open("ab") as log:
            self.processes[part] = subprocess.Popen(
                self.commands[part], env=self.env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, part: str) -> None:
        """kill -9 of a part (or `redis`, or a node), with its children; it stays dead until `restart`."""
        if part in self.nodes:
            self.nodes[part].kill()
            return
        process = self.processes.pop(part)
        if part == "redis":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def restart(self, part: str) -> None:
        """After a kill; of a part that runs: an orderly end, and a new beginning."""
        if part in self.nodes:
            self.nodes[part].stop()
            self.nodes[part].start()
            return
        if part in self.processes:
            process = self.processes.pop(part)
            process.terminate()
            process.wait(30)
        if part == "redis":
            self.start_redis()
        else:
            self.start(part)

    def retorno(self, *words: str) -> str:
        """What a short command says; AssertionError when it fails."""
        command = [sys.executable, "-m", "ivr.cli", *words]
        done = subprocess.run(command, env=self.env, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"retorno {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def ready(self) -> bool:
        """Whether every part has said that it is at work."""
        return not self.missing()

    def missing(self) -> list[str]:
        """The parts that are not at work (yet)."""
        now = int(time.time() * 1000)
        beats = Registry(self.parts.redis, self.settings.tenant).view(self.nodes, now).alive
        plain = redis_py.Redis.from_url(self.env["REDIS_URL"])
        working = worker.last_seen_ms(plain, self.settings.tenant)
        plain.close()
        tick = last_tick_ms(self.parts.redis, self.settings.tenant) or 0
        lacks = [name for name in self.nodes if name not in beats]
        lacks += [] if now - tick < 5_000 else ["timekeeper"]
        lacks += [] if len(working) >= self.settings.workers else ["workers"]
        return lacks + ([] if self._web() else ["web"])

    def _web(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as reply:
                return bool(json.load(reply)["ok"])
        except OSError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._up:
            self.phones.__exit__(kind, error, trace)
        for name in [name for name in self.processes if name != "redis"]:
            self.processes[name].terminate()
        for node in self.nodes.values():
            node.close()
        for name in [*(name for name in self.processes if name != "redis"), "redis"]:
            process = self.processes.get(name)
            if process is None:
                continue
            try:
                process.terminate()
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        if self._parts:
            self._parts.redis.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Looking

    @property
    def parts(self) -> Parts:
        assert self._parts, "the company has not come up"
        return self._parts

    def events(self, *kinds: str) -> list[Event]:
        """All that has happened, or what is of these kinds. Raises ValueError for a kind that there is not."""
        wanted = set(map(EventType, kinds))
        with self._lock:
            for name, event in self.parts.line.store.events(self._last_event):
                self._last_event = name
                self._events.append(event)
            return [event for event in self._events if not wanted or event.type in wanted]

    def told(self) -> str:
        """For people: what does not work and what the parts have said of late."""
        lines = [f"not at work: {', '.join(self.missing()) or 'none'}"] if self._parts else []
        for file in sorted(self.folder.glob("*.log")):
            last = file.read_text(errors="replace").splitlines()[-15:]
            lines += [f"--- {file.name}", *last]
        return "\n".join([*lines, *(f"--- {node.name}\n{node.log(30)}" for node in self.nodes.values())])

    def errors(self) -> list[str]:
        """Lines of the parts' logs, and of the nodes', that tell of an error."""
        logs = {file.name: file.read_text(errors="replace") for file in self.folder.glob("*.log")}
        logs |= {
            name: (node.root / "log" / "messages").read_text(errors="replace") for name, node in self.nodes.items()
        }
        words = ("[error", " error ", "Traceback", "ERROR[")
        # Of an Asterisk on a busy machine: the clock of a call's RTP ran before the call had its channel.
        known = "channel.c: name must be provided"
        lines = [(name, line) for name, text in logs.items() for line in text.splitlines()]
        return [f"{name}: {line}" for name, line in lines if any(word in line for word in words) and known not in line]

    def desk_phone(self, name: str, behaviour: Behaviour | None = None) -> Phone:
        """A desk phone of nobody's, at the first node; it answers at once unless told otherwise."""
        secret = passwords.phone(self.settings, name)
        node = next(iter(self.nodes.values()))
        phone = self.phones.add(name, node.sip, secret=secret, registers=True, behaviour=behaviour or Answer())
        node.wait_phone(name)
        return phone

    def set_rules(self, desk: str, rules: str) -> None:
        """Change the rules of a desk's queue, as an operator would: by its file."""
        with self._lock:
            self.rules[desk] = rules
            self._write_rules()

    def desk(self, name: str) -> Desk:
        return Desk(self, name, self.names.index(name))

    # The people behind the carrier

    def rung(self, number: str, patience_s: float = 20.0) -> Call:
        """The next call to this number that nobody has taken yet, ringing there."""

        def calls() -> list[Call]:
            return [call for call in self.carrier.calls() if f"{number}@" in call.shown("To")]

        until(lambda: len(calls()) > self._taken[number], f"{number} is rung", self.carrier.log, patience_s)
        self._taken[number] += 1
        return calls()[self._taken[number] - 1]


def _answers(client: redis_py.Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False
