"""Who may see and who may act."""

from __future__ import annotations

import pytest
import redis as redis_py
from flask import Flask
from flask.testing import FlaskClient
from house import TOKEN, House
from screens import application

from ivr.clock import ManualClock
from ivr.config import Settings
from ivr.errors import ConfigError

READS = ["/", "/now", "/metrics", "/api/v1/board", "/api/v1/agents", "/api/v1/openapi.json"]
HERE = ("127.0.0.1", "127.0.0.1:8000", {})


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    ("address", "host", "headers", "code"),
    [
        (*HERE, 200),
        ("127.0.0.1", "localhost:8000", {}, 200),
        ("::1", "[::1]:8000", {}, 200),
        ("192.0.2.7", "127.0.0.1:8000", {}, 401),  # from outside
        ("127.0.0.1", "retorno.ngrok.example", {}, 401),  # a tunnel, or a page that points its name at us
        ("127.0.0.1", "127.0.0.1.example.com", {}, 401),
        ("127.0.0.1", "127.0.0.1:8000", {"X-Forwarded-For": "192.0.2.7"}, 401),  # a proxy on this machine
        ("127.0.0.1", "127.0.0.1:8000", {"Forwarded": "for=192.0.2.7"}, 401),
        ("192.0.2.7", "board.example.com", {"Authorization": f"Bearer {TOKEN}"}, 200),
        ("192.0.2.7", "board.example.com", {"Authorization": "Bearer wrong"}, 401),
    ],
)
def test_reading_is_open_to_this_machine_and_to_the_token(
    client: FlaskClient, path: str, address: str, host: str, headers: dict[str, str], code: int
) -> None:
    environ = {"REMOTE_ADDR": address, "HTTP_HOST": host}
    assert client.get(path, headers=headers, environ_overrides=environ).status_code == code


def test_a_browser_from_outside_is_asked_for_the_token_as_a_password(client: FlaskClient) -> None:
    outside = {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "board.example.com"}
    refused = client.get("/", environ_overrides=outside)
    assert (refused.status_code, refused.headers["WWW-Authenticate"].split()[0]) == (401, "Basic")
    assert client.get("/", auth=("anybody", TOKEN), environ_overrides=outside).status_code == 200
    assert client.get("/", auth=("anybody", "wrong"), environ_overrides=outside).status_code == 401


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": f"Bearer {TOKEN}"}, 200)],
)
def test_acting_needs_the_token_also_on_this_machine(
    client: FlaskClient, house: House, headers: dict[str, str], code: int
) -> None:
    house.staff("ana")
    assert client.post("/api/v1/agents/ana/pause", headers=headers).status_code == code
    assert (house.line.agents()[0].state == "paused") == (code == 200)


def test_a_password_is_no_bearer(client: FlaskClient, house: House) -> None:
    """A browser sends a password by itself, so a foreign page could act in its user's name."""
    house.staff("ana")
    assert client.post("/api/v1/agents/ana/pause", auth=("anybody", TOKEN)).status_code == 401


def test_without_a_token_nobody_acts_and_reading_stays_on_this_machine(redis: redis_py.Redis) -> None:
    client = application(House(redis, ManualClock(), Settings())).test_client()
    acting = client.post("/api/v1/agents/ana/pause", headers={"Authorization": "Bearer "})
    assert acting.status_code == 403
    assert "RETORNO_API_TOKEN" in acting.json["detail"]
    outside = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/", auth=("", ""), environ_overrides=outside).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "board.example.com"])  # noqa: S104 - that is the point
def test_the_screens_refuse_to_open_to_a_network_without_a_token(redis: redis_py.Redis, host: str) -> None:
    with pytest.raises(ConfigError, match="RETORNO_API_TOKEN"):
        application(House(redis, ManualClock(), Settings(host=host)))
    assert isinstance(application(House(redis, ManualClock(), Settings(host=host, api_token=TOKEN))), Flask)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_open_to_balancers(client: FlaskClient, path: str) -> None:
    outside = {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "board.example.com"}
    assert client.get(path, environ_overrides=outside).status_code in (200, 503)


@pytest.mark.parametrize("path", [*READS, "/livez", "/static/board/board.css", "/nowhere"])
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in policy
