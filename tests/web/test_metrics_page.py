"""`/metrics` as Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

import redis as redis_py
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from house import House, busy_hours
from prometheus_client.parser import text_string_to_metric_families
from screens import application, local_client

import dashboards
from callback import board
from callback.model import AgentState
from ivr.clock import ManualClock
from ivr.ports import Node


def scrape(client: FlaskClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_board(client: FlaskClient, house: House, clock: ManualClock) -> None:
    house.staff("gabriela")
    house.call_in("nurse")
    house.answer_all()
    house.call_in("nurse")
    chosen = house.call_in("nurse", "+5511987650001")
    house.book("nurse", chosen, "+5511987650001")
    clock.advance(30_000)
    board.project(house.redis, "retorno", ZoneInfo("America/Sao_Paulo"))
    found = scrape(client)
    nurse = (("queue", "nurse"),)
    assert found["retorno_queue_waiting", nurse] == 1
    assert found["retorno_queue_longest_wait_seconds", nurse] == 30
    assert found["retorno_queue_entered_total", nurse] == 3
    assert found["retorno_queue_answered_total", nurse] == 1
    assert found["retorno_queue_abandoned_total", nurse] == 0
    assert found["retorno_callbacks", (("queue", "nurse"), ("state", "due"))] == 1
    assert {state: found["retorno_agents", (("state", state),)] for state in AgentState} == {
        state: float(state is AgentState.ON_CALL) for state in AgentState
    }


def test_unknown_estimates_and_shares_are_left_out(client: FlaskClient, house: House) -> None:
    names = {name for name, _ in scrape(client)}
    assert "retorno_queue_waiting" in names
    assert not names & {"retorno_queue_estimated_wait_p80_seconds", "retorno_queue_service_level"}


def test_no_number_and_no_id_of_a_call_or_an_agent_stands_in_it(client: FlaskClient, house: House) -> None:
    house.staff()
    busy_hours(house, 0.2)
    board.project(house.redis, "retorno", ZoneInfo("America/Sao_Paulo"))
    text = client.get("/metrics").text
    labels = {
        (key, value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        for key, value in sample.labels.items()
    }
    states = {*AgentState, "due", "scheduled", "late"}
    assert labels == {("queue", queue) for queue in house.queues} | {("state", str(state)) for state in states}


def test_webhooks_are_timed_by_provider_and_screens_are_not(redis: redis_py.Redis) -> None:
    app = application(House(redis, ManualClock()))
    provider = Blueprint("simulator", "simulator")
    provider.add_url_rule("/calls/simulator", view_func=lambda: "", endpoint="webhook")
    app.register_blueprint(provider)
    client = local_client(app)
    for _ in range(3):
        client.get("/calls/simulator")
    client.get("/")
    found = scrape(client)
    counts = {labels: value for (name, labels), value in found.items() if name == "retorno_webhook_seconds_count"}
    assert counts == {(("provider", "simulator"),): 3}


def test_without_redis_it_fails_so_that_prometheus_sees_it(dead_redis: redis_py.Redis) -> None:
    client = local_client(application(House(dead_redis, ManualClock())))
    assert client.get("/metrics").status_code == 503


def test_the_nodes_of_the_telephone_network_are_in_it(client: FlaskClient, house: House) -> None:
    assert not [name for name, _ in scrape(client) if "node" in name]
    nodes = Node("node1", True, 7, 250), Node("node2", False, 3, 61_000), Node("node3", False)
    house.provider.nodes = lambda: nodes  # type: ignore[method-assign]
    found = {
        (name.removeprefix("retorno_asterisk_node_"), dict(labels)["node"]): value
        for (name, labels), value in scrape(client).items()
        if "node" in name
    }
    assert found == {
        ("up", "node1"): 1,
        ("up", "node2"): 0,
        ("up", "node3"): 0,
        ("calls", "node1"): 7,
        ("calls", "node2"): 3,
        ("calls", "node3"): 0,
        ("heartbeat_age_seconds", "node1"): 0.25,
        ("heartbeat_age_seconds", "node2"): 61,
    }


def test_the_sounds_that_the_web_makes_are_counted(redis: redis_py.Redis) -> None:
    tally: Counter[str] = Counter(made=3)
    app = Flask("test")
    dashboards.register(app, House(redis, ManualClock()), tally)
    provider = Blueprint("asterisk", "asterisk")
    provider.add_url_rule("/asterisk/turn", view_func=lambda: "", endpoint="webhook")
    app.register_blueprint(provider)
    client = local_client(app)

    def counted() -> dict[str, float]:
        return {
            dict(labels)["what"]: n for (name, labels), n in scrape(client).items() if name == "retorno_sounds_total"
        }

    assert counted() == {"made": 3, "failed": 0, "late": 0, "stood_in": 0}
    tally.update(made=2, late=1)
    client.get("/asterisk/turn")
    client.get("/asterisk/turn")
    assert counted() == {"made": 5, "failed": 0, "late": 1, "stood_in": 0}
