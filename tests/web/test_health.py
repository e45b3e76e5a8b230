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
from ivr.ports import Node, Unsure


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
    assert set(answer.json["parts"]) == {"redis", "flows", "queues", "timekeeper", "telephone"}


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


ALONE, BESIDE = Node("node1", True, 3, 200), Node("node2", True, 0, 900)


@pytest.mark.parametrize(
    ("nodes", "code", "why"),
    [
        ((ALONE, BESIDE), 200, ""),
        (
            (ALONE, Node("node2", False, 0, 9_000)),
            200,
            "no answer from node2: start Asterisk and `retorno asterisk` there",
        ),
        ((Node("node1", False), Node("node2", False)), 503, "no answer from node1, node2: start Asterisk"),
    ],
)
def test_ready_while_one_node_of_the_telephone_network_is(
    client: FlaskClient, ticking: House, nodes: tuple[Node, ...], code: int, why: str
) -> None:
    ticking.provider.nodes = lambda: nodes  # type: ignore[method-assign]
    answer = client.get("/readyz")
    part = answer.json["parts"]["telephone"]
    assert (answer.status_code, part["ok"]) == (code, code == 200)
    assert part["why"].startswith(why)
    assert bool(part["why"]) == bool(why)


def test_without_redis_nothing_is_known_of_the_nodes(client: FlaskClient, ticking: House) -> None:
    def away() -> tuple[Node, ...]:
        raise Unsure("Redis is away")

    ticking.provider.nodes = away  # type: ignore[method-assign]
    assert client.get("/readyz").json["parts"]["telephone"] == {
        "ok": False,
        "why": "unknown while Redis does not answer",
    }
