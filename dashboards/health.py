"""Is this process alive, and is the installation ready to take calls?

Law: `/livez` asks nothing of anybody else; `/readyz` names every part, says 503 when one of them fails, and shows nothing of
callers, so both are open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from flask import Blueprint, Response, jsonify
from redis.exceptions import RedisError

from callback.timekeeper import last_tick_ms
from dashboards.parts import Parts
from ivr.clock import speed_of
from ivr.ports import Unsure

TICK_LATE_MS = 15_000  # of clock time, at the wall's speed; it ticks once a second and another one takes over after 5 s


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the installation. `why` says what is wrong and what to do."""

    ok: bool
    why: str = ""


def blueprint(parts: Parts) -> Blueprint:
    health = Blueprint("health", __name__)

    @health.get("/livez")
    def livez() -> Response:
        return jsonify({"ok": True})

    @health.get("/readyz")
    def readyz() -> tuple[Response, int]:
        found = {name: check(parts) for name, check in CHECKS.items()}
        ok = all(part.ok for part in found.values())
        return jsonify({"ok": ok, "parts": {name: asdict(part) for name, part in found.items()}}), 200 if ok else 503

    return health


def redis_part(parts: Parts) -> Part:
    try:
        parts.redis.ping()
    except RedisError as err:
        return Part(False, f"Redis does not answer ({type(err).__name__}): start it, or mend REDIS_URL")
    return Part(True)


def flows_part(parts: Parts) -> Part:
    folder = parts.settings.flows_dir.name
    try:
        names = parts.flows.names()
    except RedisError:
        return Part(False, "unknown while Redis does not answer")
    if not names:
        return Part(False, f"no flow is published: put one into {folder}/ and look at it with `retorno flow lint`")
    return Part(True)


def queues_part(parts: Parts) -> Part:
    if not parts.line.queues():
        return Part(False, f"no queue is loaded: {parts.settings.flows_dir.name}/queues.yaml describes them")
    return Part(True)


def timekeeper_part(parts: Parts) -> Part:
    try:
        told_ms = last_tick_ms(parts.redis, parts.settings.tenant)
    except RedisError:
        return Part(False, "unknown while Redis does not answer")
    if told_ms is None:
        return Part(False, "the timekeeper has never run: start it with `retorno timekeeper`")
    late_ms = parts.clock.now_ms() - told_ms
    if late_ms > TICK_LATE_MS * speed_of(parts.clock):
        return Part(False, f"the timekeeper last ticked {late_ms // 1000} s ago: start it with `retorno timekeeper`")
    return Part(True)


def telephone_part(parts: Parts) -> Part:
    """Ready as long as one of the network's nodes is; those that are not are named all the same."""
    try:
        nodes = parts.provider.nodes()
    except Unsure:
        return Part(False, "unknown while Redis does not answer")
    silent = [node.name for node in nodes if not node.up]
    if not silent:
        return Part(True)
    why = f"no answer from {', '.join(silent)}: start Asterisk and `retorno asterisk` there; `retorno doctor` says more"
    return Part(len(silent) < len(nodes), why)


CHECKS: dict[str, Callable[[Parts], Part]] = {
    "redis": redis_part,
    "flows": flows_part,
    "queues": queues_part,
    "timekeeper": timekeeper_part,
    "telephone": telephone_part,
}
