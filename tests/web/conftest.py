"""The screens on the real line: a house at work, and a Flask application that shows it."""

from __future__ import annotations

import pytest
import redis as redis_py
from flask import Flask
from flask.testing import FlaskClient
from house import TOKEN, House

import dashboards
from ivr.clock import ManualClock

LOCAL = {"HTTP_HOST": "127.0.0.1:8000", "REMOTE_ADDR": "127.0.0.1"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def application(parts: House) -> Flask:
    app = Flask("test")
    dashboards.register(app, parts)
    return app


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def house(redis: redis_py.Redis, clock: ManualClock) -> House:
    return House(redis, clock)


@pytest.fixture
def client(house: House) -> FlaskClient:
    client = application(house).test_client()
    client.environ_base.update(LOCAL)
    return client


@pytest.fixture
def dead_redis() -> redis_py.Redis:
    """A client of a server that is not there."""
    return redis_py.Redis(unix_socket_path="/nonexistent/redis.sock", decode_responses=True)
