"""`retorno web`, `worker`, `timekeeper`: one process each, for `up`, systemd or containers.

Law: a part builds its own world from the settings, imports all that it needs before it begins, and ends in order on SIGTERM.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from redis.exceptions import RedisError

from callback import board, dispatch, jobs, verbs
from callback import timekeeper as timekeeping
from callback import worker as working
from ivr import log, redis_server, supervise
from ivr.app import Parts, build, create_app
from ivr.config import Settings, load

STOP_STREAMS_S = 3  # an open board never ends by itself


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
    _look_at_flows(parts)
    client = redis_server.connect(redis_server.ensure(settings), decode_responses=False)
    bound = {verb: functools.partial(act, parts) for verb, act in verbs.VERBS.items()}
    working.run(working.build(client, settings.tenant, jobs.signed_json(settings.key("jobs")), bound))
    redis_server.release(settings)


@click.command()
def timekeeper() -> None:
    """One timekeeper alone: sees to what is overdue. Several may run, one acts."""
    settings = _begin()
    parts = build(settings)
    zone = ZoneInfo(settings.timezone)
    stop = supervise.Stop()
    stop.listen()
    acts: dict[str, Callable[[], object]] = {
        "sweep": lambda: dispatch.reconcile(parts.line, parts.provider, dispatch.sweep(parts.line)),
        "match": parts.line.match,
        "project": lambda: _project_all(parts.redis, settings.tenant, zone),
    }
    timekeeping.run(parts.redis, settings.tenant, parts.clock, acts, stop.asked)
    redis_server.release(settings)


def _begin() -> Settings:
    """What every part does first."""
    supervise.end_with_parent()
    settings = load()
    log.set_up(settings.log_level, settings.log_format)
    return settings


def _look_at_flows(parts: Parts) -> None:
    """Every flow is checked before the first call, which would wait for it, and later by a thread. Without Redis, the first call
    after it is back waits."""
    parts.flows.behind = True
    try:
        parts.flows.refresh()
    except RedisError as err:
        structlog.get_logger().warning("flows_not_looked_at", why=type(err).__name__)


def _project_all(client: Any, tenant: str, zone: ZoneInfo) -> None:
    """Fold batch after batch until nothing is left: after an outage there is much."""
    while board.project(client, tenant, zone) == board.BATCH:
        pass


class _Log(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's log goes through ours, so that it is masked too."""

    def setup(self, cfg: Any) -> None:
        self.error_log.handlers, self.error_log.propagate = [], True
        self.error_log.setLevel("WARNING")
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
            "graceful_timeout": STOP_STREAMS_S,
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
        parts = build(self.settings, patience=redis_server.WEB)
        app = create_app(self.settings, parts)
        _look_at_flows(parts)  # the application has what is published rendered ahead
        return app


def _memory_dir() -> str | None:
    """Where gunicorn keeps its heartbeat: on a disk that hangs, it would kill healthy workers."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes a private file in it
