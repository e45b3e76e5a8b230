"""The screens of a house, as a Flask application, for tests; and who asks."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from house import TOKEN, House

import dashboards

LOCAL = {"HTTP_HOST": "127.0.0.1:8000", "REMOTE_ADDR": "127.0.0.1"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def application(parts: House) -> Flask:
    app = Flask("test")
    dashboards.register(app, parts)
    return app


def local_client(app: Flask) -> FlaskClient:
    """Somebody on this machine."""
    client = app.test_client()
    client.environ_base.update(LOCAL)
    return client
