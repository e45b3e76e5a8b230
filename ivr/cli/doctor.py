"""`retorno doctor`: is this installation fit to answer the telephone? And `retorno config`, `retorno secret`.

Law: every finding says what to do. The doctor looks and changes nothing.
"""

from __future__ import annotations

import sys
from secrets import token_urlsafe
from typing import Any

import click
import redis
import requests

from callback import timekeeper, worker
from callback.queues import QueuesError, QueuesFile, read_queues
from ivr import redis_server
from ivr.cli import asterisk_check
from ivr.cli.findings import Finding, Findings, Level, tell
from ivr.clock import SystemClock, real_seconds
from ivr.config import DEMO_SECRET, Settings, clock_from, load
from ivr.errors import ConfigError, NoServer
from ivr.flow.lint import Known, check_file

DRIFT_WARN_MS = 500
DRIFT_FAIL_MS = 5_000
TICK_LATE_S = 10.0
WORKER_LATE_MS = 90_000  # RQ reports at least once per blocking read; a worker silent for longer is not there


@click.command()
def doctor() -> None:
    """Check engine, clock, queues, flows, provider and processes, and say what to do. Exit 1 when something fails."""
    sys.exit(0 if tell(examine()) else 1)


@click.command()
def config() -> None:
    """The settings in force, as variables; secrets masked."""
    for name, value in load().shown().items():
        click.echo(f"{name}={value}")


@click.command()
def secret() -> None:
    """A fresh secret, as a line for .env: `retorno secret >> .env`."""
    click.echo(f"RETORNO_SECRET_KEY={token_urlsafe(36)}")


def examine() -> Findings:
    """Everything that can be said of this installation, most fundamental first."""
    try:
        settings = load()
    except ConfigError as err:
        for problem in err.problems:
            yield Finding(Level.FAIL, problem, "see .env.example and docs/operations.md")
        return
    yield secret_of(settings)
    yield from redis_of(settings)
    queues = None
    try:
        queues = read_queues(settings.flows_dir / "queues.yaml")
        yield Finding(Level.OK, f"queues: {', '.join(queues.queues)}")
    except QueuesError as err:
        yield Finding(Level.FAIL, "the queues file is wrong", str(err))
    yield from flows_of(settings, queues)
    if settings.provider == "asterisk":
        yield from asterisk_check.examine(settings)
    else:
        yield provider_of(settings)


def secret_of(settings: Settings) -> Finding:
    if settings.secret_key == DEMO_SECRET:
        return Finding(
            Level.WARN, "the demo's secret, known to all", "for real calls: unset RETORNO_DEMO, `retorno secret`"
        )
    return Finding(Level.OK, "RETORNO_SECRET_KEY is our own")


def redis_of(settings: Settings) -> Findings:
    """The engine and, if it runs, what it knows of our processes. An embedded one that does not run is not started."""
    url = redis_server.running_url(settings)
    if not url:
        yield binary_of(settings)
        return
    client = redis_server.connect(url, redis_server.WEB, decode_responses=False)
    try:
        yield engine_of(client.info("server"))
        yield from durability_of(_configured(client))
        seconds, micros = client.time()
        yield clock_drift(SystemClock().now_ms() - (int(seconds) * 1000 + int(micros) // 1000))
        yield from processes_of(settings, client)
    except (redis.ConnectionError, redis.TimeoutError) as err:
        yield Finding(Level.FAIL, f"Redis does not answer: {err}", "start it, or mend REDIS_URL")
    except redis.AuthenticationError as err:
        yield Finding(Level.FAIL, f"Redis refuses us: {err}", "put user and password into REDIS_URL")
    finally:
        client.close()


def binary_of(settings: Settings) -> Finding:
    try:
        binary = redis_server.find_binary(redis_server.home_of(settings))
    except NoServer as err:
        return Finding(Level.FAIL, "no Redis server", str(err))
    major, minor = redis_server.version_of(binary)
    return Finding(
        Level.WARN, f"Redis is not running; {binary} {major}.{minor} will be started", "`retorno up` starts everything"
    )


def engine_of(info: dict[str, Any]) -> Finding:
    """`info`: INFO server. A Valkey also tells the Redis version that it is compatible with; its own is said."""
    name, version = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    if tuple(int(part) for part in str(info["redis_version"]).split(".")[:2]) < redis_server.OLDEST:
        return Finding(Level.FAIL, f"{name} {version} is too old", "Retorno needs Redis 6.2 or later, or any Valkey")
    return Finding(Level.OK, f"{name} {version}")


def durability_of(settings: dict[str, str] | None) -> Findings:
    """`settings`: of CONFIG GET; None where the service does not allow that."""
    if settings is None:
        yield Finding(Level.WARN, "this Redis does not tell its settings", "see that it has AOF on and evicts nothing")
        return
    policy, append, sync = (settings.get(name, "") for name in ("maxmemory-policy", "appendonly", "appendfsync"))
    if append != "yes":
        yield Finding(
            Level.FAIL, "a restart of Redis loses the line: appendonly is off", "set `appendonly yes` in redis.conf"
        )
    elif sync == "always":
        yield Finding(Level.OK, "every write is on disk before it is acknowledged (appendfsync always)")
    else:
        yield Finding(
            Level.WARN,
            f"a crash may lose the last seconds: appendfsync {sync}",
            "set `appendfsync always` in redis.conf",
        )
    if policy == "noeviction":
        yield Finding(Level.OK, "nothing is evicted (maxmemory-policy noeviction)")
    else:
        yield Finding(
            Level.FAIL,
            f"callers may be forgotten when memory is full: maxmemory-policy {policy}",
            "set `maxmemory-policy noeviction` in redis.conf",
        )


def clock_drift(ahead_ms: int) -> Finding:
    """`ahead_ms`: our clock minus that of the Redis server."""
    what = f"this machine's clock is {abs(ahead_ms)} ms {'ahead of' if ahead_ms > 0 else 'behind'} that of Redis"
    if abs(ahead_ms) < DRIFT_WARN_MS:
        return Finding(Level.OK, what)
    level = Level.WARN if abs(ahead_ms) < DRIFT_FAIL_MS else Level.FAIL
    return Finding(
        level, what, "all machines of an installation must follow one time server (chrony, systemd-timesyncd)"
    )


def processes_of(settings: Settings, client: redis.Redis) -> Findings:
    clock = clock_from(settings)
    tick = timekeeper.last_tick_ms(client, settings.tenant)
    if tick is None:
        yield Finding(Level.WARN, "no timekeeper has run yet", "`retorno up`, or `retorno timekeeper`")
    elif (late := real_seconds(clock, clock.now_ms() - tick)) > TICK_LATE_S:
        yield Finding(Level.FAIL, f"the last tick was {late:.0f} s ago", "start `retorno timekeeper`, or read its log")
    else:
        yield Finding(Level.OK, f"the timekeeper ticked {max(0.0, late):.1f} s ago")
    now = SystemClock().now_ms()
    alive = [name for name, at in worker.last_seen_ms(client, settings.tenant).items() if now - at < WORKER_LATE_MS]
    if alive:
        yield Finding(Level.OK, f"{len(alive)} worker(s) listen for errands")
    else:
        yield Finding(Level.FAIL, "no worker: nobody is being rung", "start `retorno up`, or `retorno worker`")


def flows_of(settings: Settings, queues: QueuesFile | None) -> Findings:
    """Every flow, read and linted as it would be on publishing."""
    paths = [path for path in sorted(settings.flows_dir.glob("*.yaml")) if path.name != "queues.yaml"]
    if not paths:
        yield Finding(
            Level.FAIL, f"no flows in {settings.flows_dir}", "set RETORNO_FLOWS_DIR, or copy the shipped flows"
        )
    known = Known(http_hosts=settings.http_hosts or None)
    if queues is not None:
        skills = {name: queue.skills for name, queue in queues.queues.items()}
        known = Known(queues=skills, http_hosts=settings.http_hosts or None)
    for path in paths:
        problems = check_file(path.read_bytes(), str(path), known).problems
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            yield Finding(Level.FAIL, f"{path.name} has {len(errors)} mistake(s)", "\n     ".join(map(str, errors)))
        elif problems:
            yield Finding(Level.WARN, f"{path.name} has {len(problems)} warning(s)", f"see `retorno flow lint {path}`")
        else:
            yield Finding(Level.OK, f"{path.name} is clean")


def provider_of(settings: Settings) -> Finding:
    if settings.provider != "simulator":
        return Finding(
            Level.OK, f"the telephone is {settings.provider}, which rings {', '.join(sorted(settings.regions))}"
        )
    try:
        requests.get(settings.simulator_url, timeout=2)
    except requests.RequestException:
        return Finding(
            Level.WARN,
            f"the simulated telephone network does not answer at {settings.simulator_url}",
            "`retorno demo` runs one; for real calls set RETORNO_PROVIDER",
        )
    return Finding(Level.OK, f"the simulated telephone network answers at {settings.simulator_url}")


def _configured(client: redis.Redis) -> dict[str, str] | None:
    try:
        found: dict[Any, Any] = {}
        for name in ("maxmemory-policy", "appendonly", "appendfsync"):
            found |= client.config_get(name)
    except redis.ResponseError:
        return None
    return {_text(name): _text(value) for name, value in found.items()}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
