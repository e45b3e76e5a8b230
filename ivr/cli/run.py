"""`retorno up` and `retorno demo`: the whole installation under one supervisor.

Law: `up` runs exactly the commands that an operator can run singly (`web`, `worker`, `timekeeper`), so systemd or containers do
the same thing another way. The supervisor itself imports none of them: it must not die of what they die of.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from urllib.parse import urlsplit

import click

from callback.queues import QueuesFile, read_queues
from callback.timekeeper import last_tick_ms
from ivr import redis_server, supervise
from ivr.clock import SystemClock
from ivr.config import CLOCK_FILE, Settings, load
from ivr.errors import ConfigError
from ivr.providers.asterisk.nodes import Site, read_site
from ivr.supervise import Part, Stop

DEMO_SPEED = 10.0
AHEAD_MS = 2 * 3_600_000  # of open hours that a demo wants before it
SETTLED_MS = 1_800_000
DAYS_AHEAD = 14
WORKER_GRACE_S = 25.0  # longer than an errand may take (callback.jobs.JOB_SECONDS)


@click.command()
def up() -> None:
    """Run everything: Redis (embedded unless REDIS_URL is set), web, workers, timekeeper. Ctrl-C ends all in order."""
    settings = load()
    with supervise.alone(settings.data_dir):
        _run_all(settings, dict(os.environ), parts_of(settings), "Retorno")


@click.command()
@click.option(
    "--speed", type=click.FloatRange(2, 20), default=DEMO_SPEED, show_default=True, help="Times the wall clock."
)
def demo(speed: float) -> None:
    """`up`, and a busy simulated day: callers who dial in, wait, take callbacks, and agents who answer."""
    env = dict(os.environ) | {"RETORNO_DEMO": "1"}
    settings = load(env)
    network = urlsplit(settings.simulator_url)
    with supervise.alone(settings.data_dir):
        supervise.free_port(network.hostname or "", network.port or 80, "RETORNO_SIMULATOR_URL")
        env["RETORNO_CLOCK"] = _demo_clock(settings, speed)
        parts = [*parts_of(settings), Part("simulator", (*_retorno(), "simulate", "--speed", f"{speed:g}"))]
        _run_all(settings, env, parts, "The Retorno demo")


def parts_of(settings: Settings) -> list[Part]:
    """In the order of starting."""
    workers = [
        Part(f"worker-{number}", (*_retorno(), "worker"), WORKER_GRACE_S) for number in range(1, settings.workers + 1)
    ]
    controls = [
        Part(f"asterisk-{node}", (*_retorno(), "asterisk", "--node", node))
        for node in (
            nodes_here(settings, read_site(settings.asterisk_file, settings.secrets))
            if settings.provider == "asterisk"
            else ()
        )
    ]
    return [Part("web", (*_retorno(), "web")), *workers, Part("timekeeper", (*_retorno(), "timekeeper")), *controls]


def nodes_here(settings: Settings, site: Site) -> list[str]:
    """The nodes whose control process runs on this machine: the one that is set; else those of which the manager interface is
    open to other machines, or which are on this one."""
    if settings.asterisk_node:
        if settings.asterisk_node not in site.nodes:
            there = ", ".join(site.nodes)
            raise ConfigError([f"RETORNO_ASTERISK_NODE={settings.asterisk_node}: asterisk.yaml has {there}"])
        return [settings.asterisk_node]
    return [
        node.name
        for node in site.nodes.values()
        if not node.ami.host.startswith("127.") or not node.address or _is_ours(node.address)
    ]


def _is_ours(address: str) -> bool:
    """Whether this machine has `address`: only then can it be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def demo_clock(wall_ms: int, shown_ms: int, speed: float) -> str:
    """A clock (RETORNO_CLOCK) that shows `shown_ms` now, at `wall_ms`, and runs `speed` times as fast."""
    base = int((wall_ms * speed - shown_ms) // (speed - 1))  # solves base + (wall - base) * speed = shown
    return f"scaled:{base}:{speed:g}"


def business_time(now_ms: int, file: QueuesFile) -> int:
    """`now_ms` if every queue is open then and for `AHEAD_MS` more, else a while after they next open: at night a demo would
    show an empty house."""
    for _ in range(DAYS_AHEAD * len(file.queues)):
        for queue in file.queues.values():
            opening = file.opening(queue, now_ms)
            if not opening.is_open:
                now_ms = opening.opens_ms + SETTLED_MS
                break
            if opening.closes_ms and opening.closes_ms - now_ms < AHEAD_MS:
                now_ms = opening.closes_ms + 1
                break
        else:
            return now_ms
    return now_ms


def _demo_clock(settings: Settings, speed: float) -> str:
    """The demo's clock, in business hours. It stands still while the demo is stopped, so that nothing that waits finds itself
    overdue by hours. Left in the data directory too, for commands that are called while the demo runs."""
    client = redis_server.connect(redis_server.ensure(settings))
    last = last_tick_ms(client, settings.tenant) or 0
    client.close()
    wall = SystemClock().now_ms()
    shown = business_time(max(wall, last), read_queues(settings.flows_dir / "queues.yaml"))
    text = demo_clock(wall, shown, speed)
    (settings.data_dir / CLOCK_FILE).write_text(text)
    return text


def _retorno() -> tuple[str, ...]:
    return (sys.executable, "-m", "ivr.cli")


def _run_all(settings: Settings, env: dict[str, str], parts: list[Part], name: str) -> None:
    supervise.free_port(settings.host, settings.port, "RETORNO_PORT")
    stop = Stop()
    stop.listen()
    env["REDIS_URL"] = redis_server.ensure(settings)
    where = env["REDIS_URL"] if settings.embedded else "the one of REDIS_URL"
    click.echo(f"{name} is starting (Redis: {where})")
    try:
        supervise.run(parts, env, stop, _Watch(settings, name))
    finally:
        redis_server.release(settings)
    click.echo(f"{name} has ended. Nothing is lost: start it again and it goes on.")


class _Watch:
    """Keeps the embedded Redis up and tells, once, that the web server answers."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.name, self.said = settings, name, False

    def __call__(self) -> None:
        if self.settings.embedded and not redis_server.listens(self.settings):
            click.echo("Redis has ended; starting it again", err=True)
            redis_server.ensure(self.settings)
        if not self.said and _answers(self.settings):
            self.said = True
            click.echo(f"{self.name} is ready: http://{_address(self.settings)}/  (Ctrl-C ends it)")


def _answers(settings: Settings) -> bool:
    connection = http.client.HTTPConnection(_address(settings), timeout=1)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _address(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - read, not bound
    return f"{host}:{settings.port}"
