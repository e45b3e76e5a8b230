"""`retorno up`, `retorno demo`, and the parts they are made of.

Law: `up` runs exactly the commands that an operator can run singly (`web`, `worker`, `timekeeper`), so systemd or containers do
the same thing another way. Every part builds its own world from the settings and ends in order on SIGTERM.
"""

from __future__ import annotations

import functools
import http.client
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from callback import board, dispatch, jobs, verbs
from callback import timekeeper as timekeeping
from callback import worker as working
from ivr import log, redis_server, supervise
from ivr.app import build, create_app
from ivr.clock import SystemClock
from ivr.config import CLOCK_FILE, Settings, load
from ivr.supervise import Part, Stop

DEMO_SPEED = 10.0
STOP_SSE_S = 3  # an open board never ends by itself


@click.command()
def up() -> None:
    """Run everything: Redis (embedded unless REDIS_URL is set), web, workers and timekeeper. Ctrl-C ends all in order."""
    settings = load()
    with supervise.alone(settings.data_dir):
        _run_all(settings, dict(os.environ), _parts(settings), "Retorno")


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
        parts = [*_parts(settings), Part("simulator", (*_retorno(), "simulate", "--speed", f"{speed:g}"))]
        _run_all(settings, env, parts, "The Retorno demo")


@click.command()
def web() -> None:
    """The web server alone: webhooks, API and screens."""
    settings = _begin()
    _Web(settings).run()


@click.command()
def worker() -> None:
    """One worker alone: places the calls that the line asks for."""
    settings = _begin()
    parts = build(settings)
    client = redis_server.connect(redis_server.ensure(settings), decode_responses=False)
    bound = {verb: functools.partial(act, parts) for verb, act in verbs.VERBS.items()}
    working.run(working.build(client, settings.tenant, jobs.signed_json(settings.key("jobs")), bound))
    redis_server.release(settings)


@click.command()
def timekeeper() -> None:
    """One timekeeper alone: sees to what is overdue. Several may run, one acts."""
    settings = _begin()
    parts = build(settings)
    stop = Stop()
    stop.listen()
    acts: dict[str, Callable[[], object]] = {
        "sweep": lambda: dispatch.reconcile(parts.line, parts.provider, dispatch.sweep(parts.line)),
        "match": parts.line.match,
        "project": functools.partial(board.project, parts.redis, settings.tenant, ZoneInfo(settings.timezone)),
    }
    timekeeping.run(parts.redis, settings.tenant, parts.clock, acts, stop.asked)
    redis_server.release(settings)


def _begin() -> Settings:
    """What every part does first."""
    supervise.end_with_parent()
    settings = load()
    log.set_up(settings.log_level, settings.log_format)
    return settings


def _parts(settings: Settings) -> list[Part]:
    """In the order of starting. A worker may need its longest errand's time to end."""
    workers = [
        Part(f"worker-{number}", (*_retorno(), "worker"), grace_s=jobs.JOB_SECONDS + 5)
        for number in range(1, settings.workers + 1)
    ]
    return [Part("web", (*_retorno(), "web")), *workers, Part("timekeeper", (*_retorno(), "timekeeper"))]


def _retorno() -> tuple[str, ...]:
    return (sys.executable, "-m", "ivr.cli")


def _run_all(settings: Settings, env: dict[str, str], parts: list[Part], name: str) -> None:
    supervise.free_port(settings.host, settings.port, "RETORNO_PORT")
    stop = Stop()
    stop.listen()
    env["REDIS_URL"] = redis_server.ensure(settings)
    click.echo(f"{name} is starting (Redis: {env['REDIS_URL'] if settings.embedded else 'REDIS_URL'})")
    watch = _Watch(settings, name)
    try:
        supervise.run(parts, env, stop, watch)
    finally:
        redis_server.release(settings)
    click.echo(f"{name} has ended. Nothing is lost: start it again and it goes on.")


class _Watch:
    """Keeps the embedded Redis up and tells, once, that the web server answers."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.name, self.said = settings, name, False

    def __call__(self) -> None:
        if self.settings.embedded and not redis_server.answers(
            redis_server.socket_path(redis_server.home_of(self.settings))
        ):
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
    last = timekeeping.last_tick_ms(client, settings.tenant) or 0
    client.close()
    text = demo_clock(SystemClock().now_ms(), last, speed)
    (settings.data_dir / CLOCK_FILE).write_text(text)
    return text


class _Log(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's log goes through ours, so that it is masked too."""

    def setup(self, cfg: Any) -> None:
        self.error_log.handlers, self.error_log.propagate = [], True
        self.access_log.handlers, self.access_log.disabled = [], True


class _Web(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn with threads; each web process builds its own application after the fork."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        own = self.settings
        values = {
            "bind": f"{own.host}:{own.port}",
            "workers": own.web_processes,
            "worker_class": "gthread",
            "threads": own.web_threads,
            "graceful_timeout": STOP_SSE_S,
            "keepalive": 30,
            "logger_class": _Log,
            "loglevel": "warning",
            "control_socket_disable": True,
            "worker_tmp_dir": _memory_dir(),
            "proc_name": "retorno-web",
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(self.settings)


def _memory_dir() -> str | None:
    """Where gunicorn keeps its heartbeat: on a disk that hangs, it would kill healthy workers."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes a private file in it
