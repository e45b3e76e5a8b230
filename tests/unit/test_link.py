"""How the simulated network reaches us: what counts as an answer, over real HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from flask import Flask, Response, request
from werkzeug.serving import BaseWSGIServer

from ivr.clock import ManualClock
from ivr.providers.simulator.link import Pooled, Webhooks, control, serve
from ivr.providers.simulator.network import Network
from ivr.providers.simulator.wire import SIGNATURE, signed

KEY = b"the key that both know"


class Ours:
    """Our side: answers each webhook as its path says, and remembers what was signed."""

    def __init__(self) -> None:
        self.signed: list[bool] = []
        self.let_go = threading.Event()
        app = Flask("ours")
        app.add_url_rule("/<what>", "any", self.answer, methods=["POST"])
        self.server: BaseWSGIServer = serve(app, "127.0.0.1", 0)

    def answer(self, what: str) -> Response:
        self.signed.append(signed(KEY, request.path, request.get_data(), request.headers.get(SIGNATURE, "")))
        if what == "slow":
            self.let_go.wait(20)
        if what == "closing":
            return Response('{"turn": 1}', headers={"Connection": "close"})
        bodies = {"json": '{"turn": 1}', "empty": "", "html": "<html>"}
        codes = {"refused": 403, "broken": 500, "moved": 302}
        return Response(bodies.get(what, "{}"), codes.get(what, 200))


@pytest.fixture
def ours() -> Iterator[Ours]:
    made = Ours()
    yield made
    made.let_go.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def webhooks(ours: Ours) -> Webhooks:
    return Webhooks(f"http://127.0.0.1:{ours.server.port}", KEY, timeout_s=0.5)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/json", {"turn": 1}),
        ("/empty", {}),
        ("/html", None),
        ("/refused", None),
        ("/broken", None),
        ("/moved", None),
        ("/slow", None),
    ],
)
def test_only_a_good_answer_is_an_answer(
    ours: Ours, webhooks: Webhooks, path: str, answer: dict[str, int] | None
) -> None:
    for _ in range(2):
        assert webhooks.post(path, {"input": "no_input"}) == answer
    assert ours.signed
    assert all(ours.signed)


def test_a_connection_that_was_closed_meanwhile_is_opened_again(ours: Ours, webhooks: Webhooks) -> None:
    for _ in range(3):
        assert webhooks.post("/closing", {}) == {"turn": 1}
    assert webhooks.sent == 3


def test_nobody_there_is_no_answer_and_somebody_new_is_found() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        webhooks = Webhooks(f"http://127.0.0.1:{nobody.getsockname()[1]}", KEY, timeout_s=0.5)
        assert webhooks.post("/json", {}) is None
    ours = Ours()
    try:
        webhooks.aim(f"http://127.0.0.1:{ours.server.port}")
        assert webhooks.post("/json", {}) == {"turn": 1}
    finally:
        ours.server.shutdown()


def test_one_slow_answer_holds_up_nobody_else(ours: Ours) -> None:
    pool = Pooled(Webhooks(f"http://127.0.0.1:{ours.server.port}", KEY), threads=2)
    came: list[str] = []
    both = threading.Barrier(2)

    def then(name: str) -> None:
        came.append(name)
        both.wait(20)

    pool("/slow", {}, lambda _answer: came.append("slow"))
    pool("/json", {}, lambda _answer: then("quick"))
    both.wait(20)
    assert came == ["quick"]
    ours.let_go.set()
    pool.close()


def test_the_control_api_reads_nothing_unsigned_and_the_company_answers_all() -> None:
    network = Network(ManualClock(), lambda path, body, then: None)
    client = control(network, KEY).test_client()
    assert client.post("/calls", json={"call": "t1-a"}).status_code == 403
    assert client.get("/calls/t1-a").status_code == 403
    assert client.delete("/calls/t1-a").status_code == 403
    assert network.calls == {}
    found = client.post("/crm/customers", json={"cpf": "52998224725"}).get_json()
    assert found == client.post("/crm/customers", json={"cpf": "52998224725"}).get_json()
    assert set(found) == {"name", "tier", "disputed"}
