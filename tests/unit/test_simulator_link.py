"""The simulated network's HTTP: one connection for many webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, abort, request

from ivr.providers.simulator.link import Webhooks, serve


def app() -> Flask:
    made = Flask("far side")

    @made.post("/port")
    def port() -> dict[str, int]:
        return {"port": int(request.environ["REMOTE_PORT"]), "length": len(request.get_data())}

    @made.post("/nothing")
    def nothing() -> tuple[str, int]:
        return "", 204

    @made.post("/unread")
    def unread() -> Response:
        abort(403)

    return made


@contextmanager
def served() -> Iterator[int]:
    server = serve(app(), "127.0.0.1", 0)
    try:
        yield server.port
    finally:
        server.shutdown()


def test_webhooks_share_a_connection_also_after_an_answer_without_content() -> None:
    with served() as port:
        webhooks = Webhooks(f"http://127.0.0.1:{port}", b"key")
        first = webhooks.post("/port", {"n": 1})
        assert webhooks.post("/nothing", {}) == {}
        again = webhooks.post("/port", {"n": 2})
    assert first is not None
    assert first == again


def test_a_refused_webhook_leaves_the_connection_usable() -> None:
    """What nobody read of a refused request is not taken for the next one."""
    with served() as port:
        webhooks = Webhooks(f"http://127.0.0.1:{port}", b"key")
        first = webhooks.post("/port", {})
        assert webhooks.post("/unread", {"n": "x" * 1_000}) is None
        assert webhooks.post("/port", {}) == first
