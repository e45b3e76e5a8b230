"""What the benchmarks on Asterisk share: a house with a real Asterisk 22 in it, telephones, and the rival's own dialplan.

Law: both sides run on the same Asterisk in the same run, on the same kind of channel: callers of both come in by the trunk, and
which side answers is told by the number that they dial. Ours is `retorno up` with the files that `retorno asterisk config` makes;
the rival's dialplan and modules are added to them. The telephones are those of the tests.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from _measure import HERE, House, answers, house, redis_pid, retorno, setting, tree, until

sys.path.insert(0, str(HERE.parent / "tests" / "asterisk"))
from rig import Answer, Call, Node, Phone, Phones, tone

from callback import worker
from ivr import redis_server
from ivr.app import Parts, build
from ivr.config import load
from ivr.providers.asterisk import passwords
from ivr.providers.asterisk.registry import Registry

MENUS, LINE = "+551130001001", "+551130001002"
"""Numbers that our side answers."""
ONE, TWO, MUSIC, CALLER = 600, 900, 400, 2400
"""What the first menu, the second one, the music and a caller sound like, in Hz."""
PROMPT_S = 2.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """A house, its Asterisk, and who telephones there. `up`: the process of `retorno up`."""

    home: House
    node: Node
    phones: Phones
    parts: Parts
    up: int

    def caller(self, n: int) -> Phone:
        """A telephone somewhere in the world."""
        return self.phones.add(f"55119{40_000_000 + n}", self.node.sip)

    def desk(self, name: str) -> Phone:
        """A registered desk phone, one of those that the exchange was made with, which answers at once."""
        secret = passwords.phone(self.home.settings, name)
        return self.phones.add(name, self.node.sip, secret=secret, registers=True, behaviour=Answer())

    def setting(self) -> str:
        """What was measured with, in one line."""
        version = self.node.cli("core show version").split(" built")[0].removeprefix("Asterisk ")
        return f"{setting(self.home.env['REDIS_URL'])}, Asterisk {version}"

    def webhooks(self) -> tuple[float, float]:
        """How many our web server has answered so far, and the seconds that it took in all."""
        with urllib.request.urlopen(f"{self.home.url}/metrics", timeout=5) as answer:  # noqa: S310 - our own loopback address
            lines = answer.read().decode().splitlines()
        found = dict.fromkeys(("count", "sum"), 0.0)
        for line in lines:
            for name in found:
                if line.startswith(f'retorno_webhook_seconds_{name}{{provider="asterisk"}}'):
                    found[name] = float(line.rpartition(" ")[2])
        return found["count"], found["sum"]

    def processes(self) -> dict[str, list[int]]:
        """The processes that last, by what they are."""
        found = {"Asterisk": tree(self.node.pid), "Redis": [redis_pid(self.home.env["REDIS_URL"])]}
        for pid in tree(self.up):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # somebody spoke a sentence and has ended
            name = next((one for one in _KINDS if one in words), "web" if "gunicorn" in words[0] else "")
            if name:
                found.setdefault(_KINDS[name], []).append(pid)
        return found


_KINDS = {"web": "web", "worker": "workers", "timekeeper": "timekeeper", "asterisk": "control", "up": "supervisor"}


@contextmanager
def exchange(
    *,
    rival: str,
    modules: Sequence[str] = (),
    files: dict[str, str] | None = None,
    phones: Sequence[str] = (),
    channels: int = 200,
    every: str = "60s",
) -> Iterator[Exchange]:
    """All of it, up and ready. `rival`: dialplan, whose context `retorno-in` takes further numbers; `modules` and `files` that it
    needs; `phones`: names of desk phones; `every`: how often a waiting caller is told his place."""
    with house(RETORNO_PROVIDER="asterisk", RETORNO_DEFAULT_FLOW="exchange") as home, Phones() as rig:
        env = home.env | {
            "RETORNO_ASTERISK_FILE": str(home.folder / "asterisk.yaml"),
            "RETORNO_SOUNDS_DIR": str(home.folder / "sounds"),
        }
        home = replace(home, env=env, settings=load(env, None))
        node = Node("node1", home.folder, binary=_binary(), channels=channels)
        try:
            _write(home, node, phones, every)
            _configure(home, node, rival, modules, files or {})
            node.start()
            with home.running(*retorno("up"), ready=lambda: answers(f"{home.url}/readyz")) as up:
                parts = build(home.settings)
                until(lambda: _at_work(parts), "every part is at work")
                yield Exchange(home, node, rig, parts, up.pid)
        finally:
            node.close()


def _binary() -> Path:
    """The Asterisk that the tests use. SystemExit says how to get one."""
    argv = (str(HERE.parent / ".ci" / "asterisk"), "--where")
    found = subprocess.run(argv, check=False, capture_output=True, text=True)
    if found.returncode:
        raise SystemExit(found.stderr.strip())
    return Path(found.stdout.strip())


def _write(home: House, node: Node, phones: Sequence[str], every: str) -> None:
    """The flow, its prompts and rules, the music, and asterisk.yaml."""
    flows = home.folder / "flows"
    (flows / "menus.yaml").unlink()
    (flows / "exchange.yaml").write_text((HERE / "flows" / "exchange.yaml").read_text().replace("EVERY", every))
    (flows / "queues.yaml").write_text((HERE / "flows" / "exchange_queues.yaml").read_text())
    (flows / "prompts").mkdir()
    music = home.folder / "music"
    music.mkdir()
    for file, hertz, seconds in (
        (flows / "prompts" / "one.ulaw", ONE, PROMPT_S),
        (flows / "prompts" / "two.ulaw", TWO, PROMPT_S),
        (node.sounds / "one.ulaw", ONE, PROMPT_S),
        (node.sounds / "two.ulaw", TWO, PROMPT_S),
        (music / "music.ulaw", MUSIC, 60.0),
    ):
        file.write_bytes(tone(hertz, seconds))
    at = f"sip: 127.0.0.1:{node.sip[1]}, rtp: {node.rtp[0]}-{node.rtp[1]}, ami: 127.0.0.1:{node.ami[1]}"
    folders = f"sounds: {home.folder}/sounds, config: {node.etc}, home: {node.root}"
    lines = [
        "version: 1",
        f"webs: [{home.url}]",
        "languages: [en]",
        f"music: {{default: {music}}}",
        f"nodes: {{node1: {{{at}, address: 127.0.0.1, {folders}}}}}",
        "trunks: {world: {host: 127.0.0.1, from: [anyone], codecs: [ulaw]}}",
        "outgoing: world",
        f"phones: {{{', '.join(f'{name}: {{node: node1}}' for name in phones)}}}",
    ]
    (home.folder / "asterisk.yaml").write_text("\n".join(lines) + "\n")


def _configure(home: House, node: Node, rival: str, modules: Sequence[str], files: dict[str, str]) -> None:
    """Our files, by the command that an operator uses, and after them the rival's."""
    words = retorno("asterisk", "config", "--node", node.name, "--out", str(node.etc))
    subprocess.run(words, env=home.env, cwd=home.folder, check=True, stdout=subprocess.DEVNULL)
    for name, text in {"extensions.conf": rival, "modules.conf": "".join(f"load = {m}.so\n" for m in modules)}.items():
        with (node.etc / name).open("a") as file:
            file.write(f"\n{text}")
    node.write(files)


def _at_work(parts: Parts) -> bool:
    """Whether the node takes commands and somebody is there to give them."""
    now = int(time.time() * 1000)
    client = redis_server.connect(parts.settings.redis_url, decode_responses=False)
    there = len(worker.last_seen_ms(client, parts.settings.tenant)) >= parts.settings.workers
    client.close()
    return there and bool(Registry(parts.redis, parts.settings.tenant).view(["node1"], now).alive)


def all_up(calls: Sequence[Call]) -> None:
    """Wait until each is up; AssertionError with its story where one is not."""
    for call in calls:
        call.wait_up()
