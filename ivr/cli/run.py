"""`retorno up` and `retorno demo`: the whole installation under one supervisor.

Law: `up` runs exactly the commands that an operator can run singly (`web`, `worker`, `timekeeper`), so systemd or containers do
the same thing another way. The supervisor itself imports none of them: it must not die of what they die of.
"""

from __future__ import annotations

import http.client
import os
import sys
from urllib.parse import urlsplit

import click

from callback.timekeeper import last_tick_ms
from ivr import redis_server, supervise
from ivr.clock import SystemClock
from ivr.config import CLOCK_FILE, Settings, load
from ivr.supervise import Part, Stop

DEMO_SPEED = 10.0
WORKER_GRACE_S = 25.0  # longer than an errand may take (callback.jobs.JOB_SECONDS)


@click.command()
def up() -> None:
    """Run everything: Redis (embedded unless REDIS_URL is set), web, workers, timekeeper. Ctrl-C ends all in order."""
    settings = load()
    with supervise.alone(settings.data_dir):
        _run_all(settings, dict(os.environ), parts_of(settings), "Retorno")


@click.command()
@click.option(
    "--speed", type=click.FloatRange(1, 20), default=DEMO_SPEED, show_default=True, help="Times the wall clock."
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
    return [Part("web", (*_retorno(), "web")), *workers, Part("timekeeper", (*_retorno(), "timekeeper"))]


def demo_clock(wall_ms: int, last_ms: int, speed: float) -> str:
    """A clock that runs `speed` times as fast and shows `last_ms` now, if that is later than the wall clock: it stood still
    while the demo was stopped, so that nothing that waits finds itself overdue by hours."""
    if speed == 1:
        return ""
    now = max(wall_ms, last_ms)
    base = int((wall_ms * speed - now) // (speed - 1))  # solves base + (wall - base) * speed = now
    return f"scaled:{base}:{speed:g}"


def _demo_clock(settings: Settings, speed: float) -> str:
    """The demo's clock; also left in the data directory, for commands that are called while it runs."""
    client = redis_server.connect(redis_server.ensure(settings))
    last = last_tick_ms(client, settings.tenant) or 0
    client.close()
    text = demo_clock(SystemClock().now_ms(), last, speed)
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
