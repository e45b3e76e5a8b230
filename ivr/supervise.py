"""One supervisor for the parts of an installation: starts them, restarts what dies, ends them in order.

Law: a part may die at any time and is simply started again, later each time it dies young. Ending goes backwards through the
order of starting, so that nothing loses what it stands on; what does not end within its grace is killed. The parts have their
own session, so that a Ctrl-C in the terminal reaches the supervisor alone; and they ask to be ended with it (`end_with_parent`).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

import click

from ivr.errors import Busy

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
GROWN_UP_S = 30.0  # having lived so long, a part that dies is restarted at once again
LOOK_S = 0.1
PARENT = "SUPERVISOR_PID"


@dataclass(frozen=True, slots=True)
class Part:
    """A process of the installation. `grace_s`: how long it may take to end before it is killed."""

    name: str
    argv: tuple[str, ...]
    grace_s: float = 10.0


@dataclass(slots=True)
class Running:
    """A part and the process that it is at present; `deaths` in a row, each within `GROWN_UP_S` of its start."""

    part: Part
    process: subprocess.Popen[str] | None = None
    begun: float = 0.0
    again_at: float = 0.0
    deaths: int = 0


@dataclass(slots=True)
class Stop:
    """Set by SIGINT and SIGTERM. The second signal means: without waiting."""

    asked: threading.Event = field(default_factory=threading.Event)
    hurry: bool = False

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.hurry = self.asked.is_set()
        self.asked.set()


def run(parts: Sequence[Part], env: Mapping[str, str], stop: Stop, watch: Callable[[], None]) -> None:
    """Keep `parts` running until `stop` is asked for, then end them, the last one first.

    `watch` is called at every look: it keeps what the parts stand on alive and says when all is up.
    """
    children = [Running(part) for part in parts]
    env = {**env, PARENT: str(os.getpid())}
    try:
        while not stop.asked.is_set():
            watch()
            for child in children:
                _look_after(child, env)
            stop.asked.wait(LOOK_S)
    finally:
        for child in reversed(children):
            _end(child, stop)


def delay_s(deaths: int) -> float:
    """How long to wait before a part is started again after so many early deaths in a row."""
    return 0.0 if deaths == 0 else float(min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (deaths - 1)))


def end_with_parent() -> None:
    """Have the kernel end this process when the supervisor that started it is killed (Linux; elsewhere it stays)."""
    parent = os.environ.get(PARENT)
    if parent is None or not sys.platform.startswith("linux"):
        return
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """One supervisor for a data directory. Raises Busy, naming the one that is there."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise Busy(f"Retorno already runs on {data_dir} (process {pid}): end that one first") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def free_port(host: str, port: int, variable: str, patience_s: float = 5.0) -> None:
    """Raise Busy when something else listens there. A part of an installation that was just killed gets time to let go."""
    end = time.monotonic() + patience_s
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as err:
                if time.monotonic() > end:
                    raise Busy(f"cannot listen on {host}:{port} ({err.strerror}): set {variable} to another") from None
            else:
                return
        time.sleep(0.1)


def _look_after(child: Running, env: Mapping[str, str]) -> None:
    """Start the part if it is not there and its time has come; notice its death."""
    now = time.monotonic()
    if child.process is None:
        if now >= child.again_at:
            _start(child, env)
        return
    code = child.process.poll()
    if code is None:
        return
    child.deaths = child.deaths + 1 if now - child.begun < GROWN_UP_S else 0
    wait = delay_s(child.deaths)
    child.process, child.again_at = None, now + wait
    _say(child.part.name, f"ended ({_how(code)}); starting it again" + (f" in {wait:.1f} s" if wait else ""))


def _start(child: Running, env: Mapping[str, str]) -> None:
    child.process = subprocess.Popen(  # noqa: S603 - our own command line
        child.part.argv,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    child.begun = time.monotonic()
    threading.Thread(target=_repeat, args=(child.part.name, child.process.stdout), daemon=True).start()


def _end(child: Running, stop: Stop) -> None:
    if child.process is None:
        return
    child.process.terminate()
    end = time.monotonic() + child.part.grace_s
    while child.process.poll() is None:
        if stop.hurry or time.monotonic() > end:
            _say(child.part.name, "does not end: killed")
            child.process.kill()
            child.process.wait()
            return
        time.sleep(0.02)


def _repeat(name: str, lines: IO[str] | None) -> None:
    for line in lines or ():
        _say(name, line.rstrip())


def _say(name: str, line: str) -> None:
    click.echo(f"{name:<11}| {line}", err=True)


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"
