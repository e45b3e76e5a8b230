"""The screens on the real line: a house at work, and a Flask application that shows it."""

from __future__ import annotations

import pytest
import redis as redis_py
from flask.testing import FlaskClient
from house import House
from screens import application, local_client

from ivr.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def house(redis: redis_py.Redis, clock: ManualClock) -> House:
    return House(redis, clock)


@pytest.fixture
def client(house: House) -> FlaskClient:
    return local_client(application(house))


@pytest.fixture
def dead_redis() -> redis_py.Redis:
    """A client of a server that is not there."""
    return redis_py.Redis(unix_socket_path="/nonexistent/redis.sock", decode_responses=True)
