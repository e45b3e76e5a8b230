"""Everything put together. This file and the command line are the only ones that know every part.

Law: wiring only. `build` makes the parts that every process has; `create_app` puts the web on top of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

from flask import Flask
from redis import Redis

import dashboards
from callback import jobs
from callback.estimate import Estimator
from callback.jobs import Task
from callback.policy import NumberRules
from callback.queues import QueuesFile
from callback.rules import Rules
from callback.service import Line
from callback.store import Store
from ivr import redis_server
from ivr.calls import Calls
from ivr.clock import Clock, SystemClock
from ivr.config import Settings, clock_from
from ivr.errors import ConfigError
from ivr.fetch import Fetcher
from ivr.flow.lint import Known, check_file
from ivr.flow.model import Flow
from ivr.flow.problems import Problem
from ivr.ids import maker
from ivr.ports import Provider
from ivr.providers.asterisk import webhooks as asterisk_webhooks
from ivr.providers.asterisk.ahead import keep_tidy
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.commands import Commands
from ivr.providers.asterisk.delivery import Delivery
from ivr.providers.asterisk.nodes import Site, read_site
from ivr.providers.asterisk.registry import Registry
from ivr.providers.simulator import webhooks as simulator_webhooks
from ivr.providers.simulator.client import SimulatorProvider
from ivr.speech.ahead import render_behind
from ivr.speech.sounds import sounds_from
from ivr.store import QUEUES_FILE, FlowShelf, Sessions


@dataclass(frozen=True)
class Parts:
    """What a process works with."""

    settings: Settings
    clock: Clock
    redis: Redis
    rules: Rules
    line: Line
    flows: FlowShelf
    calls: Calls
    provider: Provider


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    provider: Provider | None = None,
    new_id: Callable[[], str] | None = None,
    patience: redis_server.Patience = redis_server.WORK,
) -> Parts:
    """The parts for `settings`. Clock, provider and ids are replaced by a replay and by tests. Raises RetornoError."""
    clock = clock or clock_from(settings)
    url = redis_server.ensure(settings)
    redis = redis_server.connect(url, patience)
    rules = Rules(settings.flows_dir / QUEUES_FILE, clock)
    queue = jobs.queue_for(
        redis_server.connect(url, patience, decode_responses=False), settings.tenant, settings.key("jobs")
    )

    def enqueue(task: Task) -> None:
        jobs.enqueue(queue, task)

    line = Line(
        store=Store(redis, settings.tenant, settings.key("numbers")),
        queues=rules.queues,
        clock=clock,
        new_id=new_id or maker(clock),
        enqueue=enqueue,
        opening=rules.opening,
        numbers=NumberRules(home=settings.home_country, regions=settings.regions, deny_prefixes=settings.deny_prefixes),
        estimator=Estimator(redis, settings.tenant),
    )
    provider = provider or _provider(settings, redis)
    flows = FlowShelf(
        redis, settings.tenant, settings.flows_dir, _checker(rules, settings), clock, settings.default_flow
    )
    secrets = {"crm_token": "demo", **settings.secrets} if settings.demo else settings.secrets
    fetch = Fetcher(settings.http_hosts, secrets, _stand_ins(settings))
    calls = Calls(Sessions(redis, settings.tenant), flows, line, clock, fetch, provider, maker(clock))
    return Parts(settings, clock, redis, rules, line, flows, calls, provider)


def create_app(settings: Settings, parts: Parts | None = None) -> Flask:
    """The web application: webhooks, API, screens."""
    parts = parts or build(settings, patience=redis_server.WEB)
    app = Flask("retorno", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 262_144
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    if settings.provider == "simulator":
        app.register_blueprint(simulator_webhooks.blueprint(parts.calls, settings.key("webhooks")))
    spoken = None
    if settings.provider == "asterisk":
        desk = _asterisk_desk(settings, parts)
        app.register_blueprint(asterisk_webhooks.blueprint(desk))
        spoken = desk.delivery.sounds.tally
    dashboards.register(app, parts, spoken)
    return app


def site_of(settings: Settings) -> Site:
    """The Asterisks of this installation. Raises SiteError."""
    return read_site(settings.asterisk_file, settings.secrets)


def _provider(settings: Settings, redis: Redis) -> Provider:
    match settings.provider:
        case "simulator":
            return SimulatorProvider(settings.simulator_url, settings.key("webhooks"))
        case "asterisk":
            return AsteriskProvider(redis, settings.tenant, settings.key("asterisk commands"), site_of(settings))
        case "twilio":
            raise ConfigError(["RETORNO_PROVIDER=twilio: this version has simulator and asterisk"])


def _asterisk_desk(settings: Settings, parts: Parts) -> asterisk_webhooks.Desk:
    """Nodes date what they send by the wall clock, so it is the one that they are held to."""
    site, wall, sounds = site_of(settings), SystemClock(), sounds_from(settings)
    parts.flows.on_publish = lambda flow: render_behind([flow], sounds)
    most = settings.sounds_max_mb * 1_000_000
    tidying = (parts.flows, sounds, most, Event())  # until the process ends
    Thread(target=keep_tidy, args=tidying, name="keep_tidy", daemon=True).start()
    commands = Commands(parts.redis, settings.tenant, settings.key("asterisk commands"), wall)
    return asterisk_webhooks.Desk(
        calls=parts.calls,
        site=site,
        keys={node: settings.key(f"asterisk webhook {node}") for node in site.nodes},
        delivery=Delivery(sounds, commands, site),
        registry=Registry(parts.redis, settings.tenant),
        clock=wall,
        country=settings.home_country,
    )


def _stand_ins(settings: Settings) -> dict[str, str]:
    """In the demo the simulator answers for the company's own servers."""
    return {"crm.aurora.example": f"{settings.simulator_url}/crm"} if settings.demo else {}


def known(file: QueuesFile, settings: Settings) -> Known:
    """What lint may hold a flow against: the queues, skills, hours and hosts of this installation."""
    return Known(
        queues={name: queue.skills for name, queue in file.queues.items()},
        http_hosts=settings.http_hosts or None,
        audio=settings.flows_dir / "prompts",
    )


def _checker(rules: Rules, settings: Settings) -> Callable[[str, str], tuple[Flow | None, list[Problem]]]:
    def check(text: str, filename: str) -> tuple[Flow | None, list[Problem]]:
        report = check_file(text, filename, known(rules.look(), settings))
        return report.flow, report.problems

    return check
