"""What all benchmarks share: a house of our own to measure in, percentiles, tables.

Law: a benchmark compares within one run, alternating, and says with what; a figure from another run is never in it. Servers
listen on loopback, files lie in a folder that is gone afterwards.
"""

from __future__ import annotations

import logging
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from ivr import redis_server
from ivr.config import Settings, load

HERE = Path(__file__).parent
FLOWS = HERE.parent / "flows"
SECRET = "a secret of thirty-two characters and more, for measuring"
PATIENCE_S = 60.0

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@dataclass(frozen=True, slots=True)
class House:
    """An installation in a folder of its own. `env` starts processes in it, `settings` are the same for this process."""

    folder: Path
    env: dict[str, str]
    settings: Settings

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    @contextmanager
    def running(self, *argv: str, ready: Callable[[], bool] = lambda: True) -> Iterator[subprocess.Popen[bytes]]:
        """A process of the house, up when `ready` says so, ended by SIGTERM. Raises RuntimeError with its last words."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(argv, env=self.env, cwd=self.folder, stdout=log, stderr=log)
        try:
            until(lambda: ready() or process.poll() is not None, " ".join(argv))
            if process.poll() is not None:
                said = (self.folder / "log").read_text(errors="replace").splitlines()[-15:]
                raise RuntimeError("\n".join([f"{' '.join(argv)} ended with {process.returncode}:", *said]))
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextmanager
def house(*, fsync: str = "always", **more: str) -> Iterator[House]:
    """A house with an embedded Redis that runs until the block ends, and one line that is open day and night. `more`: further
    variables."""
    with TemporaryDirectory(prefix="rt-bench-", dir="/tmp") as name:  # a Unix socket's path must be short
        folder = Path(name)
        _write_flows(folder / "flows")
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("RETORNO_", "REDIS_URL"))}
        env = {
            "RETORNO_SECRET_KEY": SECRET,
            "RETORNO_DATA_DIR": str(folder / "var"),
            "RETORNO_FLOWS_DIR": str(folder / "flows"),
            "RETORNO_DEFAULT_FLOW": "menus",
            "RETORNO_PORT": str(free_port()),
            "RETORNO_SIMULATOR_URL": f"http://127.0.0.1:{free_port()}",
            "RETORNO_LOG_LEVEL": "warning",
            **more,
        }
        embedded = load(env, None)
        env["REDIS_URL"] = redis_server.ensure(embedded)
        redis_server.connect(env["REDIS_URL"]).config_set("appendfsync", fsync)
        try:
            yield House(folder, ours | env, load(env, None))
        finally:
            redis_server.release(embedded)


def _write_flows(folder: Path) -> None:
    """The replay's one queue, with room for more; the menus; the flows of the calls that we place."""
    folder.mkdir()
    rules = (files("ivr.cli.replay") / "queues.yaml").read_text()
    (folder / "queues.yaml").write_text(rules.replace("max_waiting: 5000", "max_waiting: 100000"))
    for flow in (HERE / "flows" / "menus.yaml", *FLOWS.glob("callback_*.yaml")):
        shutil.copy(flow, folder)


def retorno(*words: str) -> tuple[str, ...]:
    """The command line of a part of Retorno."""
    return (sys.executable, "-m", "ivr.cli", *words)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(fact: Callable[[], bool], what: str) -> None:
    """Look until `fact` holds. Raises TimeoutError after a minute, naming `what` was waited for."""
    end = time.monotonic() + PATIENCE_S
    while not fact():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}")
        time.sleep(0.005)


def answers(url: str) -> bool:
    """Whether `url` answers a GET with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile: the smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as they need; the first to the left, the others to the right."""
    texts = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[n]) for row in texts) for n in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in texts
    )


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell >= 1000 else f"{cell:.3g}" if cell < 10 else f"{cell:.1f}"
    return str(cell)


def setting(redis_url: str) -> str:
    """What was measured with, in one line."""
    info = redis_server.connect(redis_url).info("server")
    packages = ", ".join(f"{name} {version(name)}" for name in ("flask", "gunicorn", "redis", "rq", "twilio"))
    return (
        f"{date.today()}, {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"Redis {info['redis_version']}, {packages}; load {os.getloadavg()[0]:.1f}"
    )


def tree(pid: int) -> list[int]:
    """The process and all below it (Linux)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time that these processes have used so far (Linux), in seconds; nothing is known of one that has ended."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pids: Sequence[int]) -> tuple[float, float]:
    """(PSS, RSS) of these processes (Linux), in MB."""
    pss = rss = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        for line in lines:
            name, _, rest = line.partition(":")
            pss += int(rest.split()[0]) if name == "Pss" else 0
            rss += int(rest.split()[0]) if name == "Rss" else 0
    return pss / 1024, rss / 1024


def redis_pid(redis_url: str) -> int:
    return int(redis_server.connect(redis_url).info("server")["process_id"])
