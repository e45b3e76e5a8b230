"""The screens: what people see of the line, and the doors for programs (API, health, metrics).

Law: a screen reads and acts through the line, never past it. `register` is the only thing that the application calls.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask

from callback import board as line_board
from dashboards import access, api, health, prometheus
from dashboards.board import routes
from dashboards.live import Feed
from dashboards.parts import Parts

STREAM_SHARE = 0.5  # of the threads of a web process may hold open boards; the rest are for the telephones


def register(app: Flask, parts: Parts, spoken: Mapping[str, int] | None = None) -> None:
    """Put the board, the API, the health checks and the metrics on `app`. Raises `ConfigError` when the settings would
    open them to a network without a token. `spoken`: the tally of the sounds that this process makes, where it makes any."""
    settings = parts.settings
    access.check_settings(settings)
    limit = max(1, int(settings.web_threads * STREAM_SHARE))
    feed = Feed(
        lambda: line_board.read(parts.line, parts.redis, settings.tenant, settings.timezone),
        limit,
        nodes=parts.provider.nodes,
    )
    app.register_blueprint(routes.blueprint(parts, feed))
    app.register_blueprint(api.blueprint(parts, feed))
    app.register_blueprint(health.blueprint(parts))
    app.register_blueprint(prometheus.blueprint(app, parts, feed, spoken))
    app.after_request(access.add_headers)
