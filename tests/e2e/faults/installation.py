"""An installation in a folder of its own: Redis, web, workers and timekeepers, each a process that may be killed at any time.

What has died is started again, as a supervisor would; how soon is the nemesis's choice.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis as redis_py
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from ivr.config import Settings, load
from ivr.redis_server import find_binary

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PARTS = {
    "web": ["web"],
    "worker-1": ["worker"],
    "worker-2": ["worker"],
    "timekeeper-1": ["timekeeper"],
    "timekeeper-2": ["timekeeper"],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_of(session: int) -> list[int]:
    """The processes of a part: gunicorn has two."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(words[3]) == session and words[0] != "Z":
            found.append(int(stat.parent.name))
    return sorted(found)


@dataclass
class Installation:
    """Started by `with`. `points`: share of passes at which a part kills itself, by part; `planted`: the fault in all of them."""

    seed: int
    speed: float
    points: Mapping[str, Mapping[str, float]]
    planted: str = ""
    folder: Path = field(
        default_factory=lambda: Path(tempfile.mkdtemp(prefix="rtf-", dir="/tmp"))
    )  # short: a socket in it
    port: int = field(default_factory=free_port)
    network_port: int = field(default_factory=free_port)
    pids: dict[str, int] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)  # part -> when it is to be started again, monotonic
    delay: dict[str, float] = field(default_factory=dict)  # part -> how long it stays dead next time
    deaths: Counter[str] = field(default_factory=Counter)
    diary: list[tuple[int, str, str]] = field(default_factory=list)  # (epoch ms, part, started or how it ended)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        base = int(time.time() * 1000)
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("RETORNO_", "REDIS_URL"))}
        self.env = ours | {
            "RETORNO_DEMO": "1",
            "RETORNO_CLOCK": f"scaled:{base}:{self.speed:g}",
            "RETORNO_DATA_DIR": str(self.folder / "var"),
            "RETORNO_FLOWS_DIR": str(self.folder / "flows"),
            "RETORNO_DEFAULT_FLOW": "faults",
            "RETORNO_PORT": str(self.port),
            "RETORNO_WEB_THREADS": "12",
            "RETORNO_SIMULATOR_URL": f"http://127.0.0.1:{self.network_port}",
            "RETORNO_LOG_LEVEL": "warning",
            "REDIS_URL": f"unix://{self.folder}/redis.sock",
            "FAULTS_ASLEEP_S": f"{75 / self.speed:g}",  # longer than any leg of flows/queues.yaml may take
        }
        self.settings: Settings = load(self.env, env_file=None)

    def __enter__(self) -> Installation:
        flows = self.folder / "flows"
        shutil.copytree(HERE / "flows", flows)
        for name in ("callback_agent.yaml", "callback_customer.yaml"):
            shutil.copy(ROOT / "flows" / name, flows)
        self.nursery = subprocess.Popen(
            [sys.executable, "-m", "faults.nursery"],
            cwd=HERE.parent,
            env=self.env | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{ROOT}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lock = threading.RLock()
        self.start_redis()
        for name in PARTS:
            self._start(name)
        self.told = threading.Thread(target=self._listen, daemon=True, name="nursery")
        self.told.start()
        self.keeper = threading.Thread(target=self._keep, daemon=True, name="supervisor")
        self.keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.keeper.join(20)
        for name in PARTS:
            self.kill(name, signal.SIGKILL)
        assert self.nursery.stdin
        self.nursery.stdin.close()
        self.nursery.wait(20)
        self.redis.kill()
        self.redis.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def notes(self) -> Path:
        return self.folder / "notes"

    def worst(self) -> Counter[str]:
        """How often each worst point was acted upon."""
        return Counter(self.notes.read_text().split()) if self.notes.exists() else Counter()

    def said(self) -> str:
        """The last words of each part."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n" + "\n".join(log.read_text().splitlines()[-15:]) for log in logs)

    # Redis

    def client(self) -> redis_py.Redis:
        """A client that does not wait."""
        return redis_py.Redis(
            unix_socket_path=f"{self.folder}/redis.sock",
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=5,
        )

    def start_redis(self) -> None:
        """The engine as our launcher starts it, but for the fork, so that its end is noticed."""
        home = self.folder / "redis"
        home.mkdir(exist_ok=True)
        (self.folder / "redis.sock").unlink(missing_ok=True)
        options = {"port": 0, "unixsocket": self.folder / "redis.sock", "unixsocketperm": 700, "dir": home, "save": ""}
        options |= {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        argv = [
            str(find_binary(home)),
            *(word for name, value in options.items() for word in (f"--{name}", str(value))),
        ]
        with (self.folder / "redis.log").open("a") as log:
            self.redis = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False

    # parts

    def kill(self, part: str, number: signal.Signals, *, whole: bool = True) -> None:
        """Send `number` to a part: all of its processes, or (gunicorn) only the one that does the work."""
        pid = self.redis.pid if part == "redis" else self.pids.get(part)
        if pid is None:
            return
        found = [pid] if part == "redis" else processes_of(pid)
        for one in found if whole else found[-1:]:
            try:
                os.kill(one, number)
            except ProcessLookupError:
                continue

    def _start(self, part: str) -> None:
        order: dict[str, Any] = {
            "argv": PARTS[part],
            "env": self.env,
            "log": str(self.folder / f"{part}.log"),
            "seed": f"{self.seed}/{part}/{self.deaths[part]}",
            "points": dict(self.points.get(part.partition("-")[0], {})),
            "planted": self.planted,
            "notes": str(self.notes),
        }
        assert self.nursery.stdin
        with self.lock:
            self.started = getattr(self, "started", [])
            self.started.append(part)
            self.nursery.stdin.write(json.dumps(order) + "\n")
            self.nursery.stdin.flush()

    def _listen(self) -> None:
        """What the nursery says: who was started, in the order asked for, and who has ended."""
        assert self.nursery.stdout
        for line in self.nursery.stdout:
            said = json.loads(line)
            with self.lock:
                if "pid" in said:
                    part = self.started.pop(0)
                    self.pids[part] = said["pid"]
                    self._write(part, "started")
                    continue
                part = next((name for name, pid in self.pids.items() if pid == said["ended"]), "")
                if part:
                    for one in processes_of(said["ended"]):  # what gunicorn has left behind holds the port
                        os.kill(one, signal.SIGKILL)
                    del self.pids[part]
                    self._write(part, f"ended with {said['code']}")
                    self.deaths[part] += 1
                    self.due[part] = time.monotonic() + self.delay.pop(part, 0.0)

    def _write(self, part: str, what: str) -> None:
        self.diary.append((int(time.time() * 1000), part, what))

    def _keep(self) -> None:
        """Start again what has ended, when its time has come."""
        while not self.ended.wait(0.02):
            now = time.monotonic()
            with self.lock:
                for part in [name for name, when in self.due.items() if when <= now]:
                    del self.due[part]
                    if part == "redis":
                        self.start_redis()
                        self._write("redis", "started")
                    else:
                        self._start(part)
                if self.redis.poll() is not None and "redis" not in self.due:
                    self._write("redis", "ended")
                    self.deaths["redis"] += 1
                    self.due["redis"] = now + self.delay.pop("redis", 0.0)
