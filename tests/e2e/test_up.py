"""`retorno up`, whole: it comes up, mends itself, ends in order, loses nothing, goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from waiting import free_port, until

from callback.keys import Keys
from ivr import redis_server
from ivr.config import Settings

pytestmark = pytest.mark.slow

RETORNO = (sys.executable, "-m", "ivr.cli")
FLOWS = Path(__file__).parents[2] / "flows"


class House:
    """An installation in a folder of its own, on ports of its own."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder, self.port = folder, free_port()
        self.network = free_port()
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("RETORNO_", "REDIS_URL"))}
        self.env = ours | {
            "RETORNO_SECRET_KEY": "a secret long enough to be believed in",
            "RETORNO_DATA_DIR": str(folder),
            "RETORNO_FLOWS_DIR": str(FLOWS),
            "RETORNO_PORT": str(self.port),
            "RETORNO_SIMULATOR_URL": f"http://127.0.0.1:{self.network}",
            **more,
        }
        self.settings = Settings(data_dir=folder, secret_key="x" * 32)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A short command, to its end."""
        return subprocess.run(
            [*RETORNO, *words], check=False, env=self.env, capture_output=True, text=True, cwd=self.folder
        )

    @contextmanager
    def up(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """The installation, ready; ended, if it has not been, when the block ends."""
        log = (self.folder / "log").open("a")
        process = subprocess.Popen(
            [*RETORNO, *(words or ("up",))], env=self.env, stdout=log, stderr=log, text=True, cwd=self.folder
        )
        try:
            until(lambda: self.ready() or process.poll() is not None, f"ready\n{self.said()}")
            assert process.poll() is None, self.said()
            yield process
        finally:
            process.terminate()
            process.wait(60)
            log.close()

    def said(self) -> str:
        return (self.folder / "log").read_text() if (self.folder / "log").exists() else ""

    def ready(self) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as reply:
                return dict(json.load(reply))
        except (urllib.error.URLError, OSError):
            return None

    def redis(self) -> redis_py.Redis:
        path = redis_server.socket_path(redis_server.home_of(self.settings))
        return redis_py.Redis(unix_socket_path=str(path), decode_responses=True)

    def children(self, process: subprocess.Popen[str]) -> dict[str, int]:
        """The running parts by the command that they are."""
        found = {}
        for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if len(words) < 4:  # it has ended and nobody has asked after it yet
                continue
            name = words[3].decode()
            found[f"{name} {pid}" if name in found else name] = int(pid)
        return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_it_comes_up_and_the_doctor_finds_nothing_that_fails(house: House) -> None:
    with house.up():
        ready = until(house.ready, "ready")
        assert ready["ok"] is True
        found = house.run("doctor")
        assert found.returncode == 0, found.stdout + found.stderr
        assert "fail" not in found.stdout
        for line in (
            "RETORNO_SECRET_KEY is our own",
            "appendfsync always",
            "the timekeeper ticked",
            "2 worker(s) listen",
        ):
            assert line in found.stdout
    assert "Retorno is ready" in house.said()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_each_part_that_is_killed_runs_again_redis_too(house: House) -> None:
    with house.up() as process:
        keys = Keys("retorno")
        for part in ("web", "worker", "timekeeper"):
            before = house.children(process)[part]
            os.kill(before, signal.SIGKILL)
            until(lambda p=part, b=before: house.children(process).get(p, b) != b, f"another {part}")
        until(house.ready, "ready again")
        client = house.redis()
        server = int(client.info("server")["process_id"])
        os.kill(server, signal.SIGKILL)
        until(
            lambda: redis_server.answers(redis_server.socket_path(redis_server.home_of(house.settings))),
            "another Redis",
        )
        tick = client.get(keys.of("tick"))
        until(lambda: client.get(keys.of("tick")) != tick, "the timekeeper goes on")
        until(house.ready, "ready again")
        assert int(client.info("server")["process_id"]) != server
        client.close()


def test_it_ends_in_order_loses_nothing_and_goes_on_where_it_was(house: House) -> None:
    added = house.run("agent", "add", "ana", "--name", "Ana", "--phone", "sim:ana", "--queue", "sales")
    assert added.returncode == 0, added.stderr
    path = redis_server.socket_path(redis_server.home_of(house.settings))
    assert not redis_server.answers(path), "a short command leaves no server behind"
    with house.up() as process:
        assert house.run("agent", "sign-in", "ana").returncode == 0
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert not redis_server.answers(path)
    assert "Retorno has ended. Nothing is lost" in house.said()
    with house.up():
        listed = house.run("agent", "list").stdout
        assert "sim:ana" in listed
        assert "ready" in listed


def test_a_second_one_on_the_same_directory_says_so_and_harms_nothing(house: House) -> None:
    with house.up():
        second = house.run("up")
        assert second.returncode == 1
        assert "already runs on" in second.stderr
        assert house.ready()


def test_a_port_in_use_is_said(house: House) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", house.port))
        other.listen()
        told = house.run("up")
    assert told.returncode == 1
    assert f"cannot listen on 127.0.0.1:{house.port}" in told.stderr
    assert "RETORNO_PORT" in told.stderr


def test_every_mistake_of_the_settings_is_said_at_once(tmp_path: Path) -> None:
    house = House(tmp_path, RETORNO_SECRET_KEY="", RETORNO_REGIONS="brazil")
    told = house.run("up")
    assert told.returncode == 1
    assert "RETORNO_SECRET_KEY is not set" in told.stderr
    assert "RETORNO_REGIONS=brazil" in told.stderr
    assert "Traceback" not in told.stderr
    examined = house.run("doctor")
    assert examined.returncode == 1
    assert examined.stdout.count("fail") == 2


def test_agents_and_queues_from_the_command_line(house: House) -> None:
    assert "no agents" in house.run("agent", "list").stdout
    wrong = house.run("agent", "add", "ana", "--name", "Ana", "--phone", "sim:ana", "--queue", "sails")
    assert wrong.returncode == 2
    assert "sails is not in queues.yaml; expected one of" in wrong.stderr
    assert (
        house.run("agent", "add", "ana", "--name", "Ana", "--phone", "+5511999998888", "--queue", "sales").returncode
        == 0
    )
    assert house.run("agent", "pause", "bia").returncode == 2
    assert house.run("agent", "sign-in", "ana").returncode == 0
    assert house.run("agent", "pause", "ana", "--reason", "lunch").returncode == 0
    listed = house.run("agent", "list").stdout
    assert "paused (lunch)" in listed
    assert "+55…8888" in listed
    assert "5511999998888" not in listed
    assert "sales" in house.run("queue", "list").stdout
    assert "no callbacks" in house.run("callback", "list").stdout
    assert house.run("callback", "cancel", "nobody").returncode == 2


def test_the_demo_shows_callers_within_a_minute(tmp_path: Path) -> None:
    """And a short command finds the demo's own line, clock and folder."""
    house = House(tmp_path, RETORNO_DEMO="1")
    house.env.pop("RETORNO_SECRET_KEY")
    with house.up("demo", "--speed", "20"):
        client = house.redis()
        events = Keys("demo").of("events")
        until(lambda: any(f["type"] == "connected" for _, f in client.xrange(events)), f"a talk\n{house.said()}")
        assert "sim:ana" in house.run("agent", "list").stdout
        client.close()
