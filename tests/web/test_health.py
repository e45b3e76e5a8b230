"""Alive and ready: each part by name, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis as redis_py
from flask.testing import FlaskClient
from house import House
from screens import application

from dashboards import health
from ivr.clock import ManualClock


@pytest.fixture
def ticking(house: House, clock: ManualClock) -> House:
    house.redis.set("{retorno}:tick", clock.now_ms())
    return house


def test_alive_asks_nobody(dead_redis: redis_py.Redis) -> None:
    client = application(House(dead_redis, ManualClock())).test_client()
    assert client.get("/livez").json == {"ok": True}


def test_ready_when_every_part_is(client: FlaskClient, ticking: House) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["ok"] is True
    assert set(answer.json["parts"]) == {"redis", "flows", "queues", "timekeeper"}


def test_without_redis_it_is_not_ready_and_says_so(dead_redis: redis_py.Redis) -> None:
    answer = application(House(dead_redis, ManualClock())).test_client().get("/readyz")
    assert answer.status_code == 503
    assert "start it" in answer.json["parts"]["redis"]["why"]
    assert not answer.json["parts"]["timekeeper"]["ok"]
    assert "/nonexistent" not in json.dumps(answer.json)  # where Redis is, is nobody's business


def test_without_queues_it_is_not_ready(ticking: House, clock: ManualClock) -> None:
    house = House(ticking.redis, clock, queues={})
    answer = application(house).test_client().get("/readyz")
    assert (answer.status_code, answer.json["parts"]["queues"]["ok"]) == (503, False)
    assert "queues.yaml" in answer.json["parts"]["queues"]["why"]


def test_without_a_flow_it_is_not_ready(ticking: House, clock: ManualClock, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("flow: [", encoding="utf-8")
    answer = application(House(ticking.redis, clock, folder=tmp_path)).test_client().get("/readyz")
    assert (answer.status_code, answer.json["parts"]["flows"]["ok"]) == (503, False)
    assert "retorno flow lint" in answer.json["parts"]["flows"]["why"]


def test_a_timekeeper_that_never_ran_or_stopped_is_missed(
    client: FlaskClient, house: House, clock: ManualClock
) -> None:
    assert "never run" in client.get("/readyz").json["parts"]["timekeeper"]["why"]
    house.redis.set("{retorno}:tick", clock.now_ms())
    clock.advance(health.TICK_LATE_MS)
    assert client.get("/readyz").status_code == 200
    clock.advance(1)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "15 s ago" in answer.json["parts"]["timekeeper"]["why"]
