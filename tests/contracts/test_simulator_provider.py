"""The simulated network keeps the contract of every provider, over HTTP both ways."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from random import Random

import pytest
from flask import Flask
from provider import Desk, ProviderContract
from waiting import until

from ivr.cli.simulate import run
from ivr.clock import SystemClock
from ivr.inputs import Outcome
from ivr.ports import Gone, Outgoing, Refused, Unsure
from ivr.providers.simulator import client
from ivr.providers.simulator.client import SimulatorProvider
from ivr.providers.simulator.link import Pooled, Webhooks, control, serve
from ivr.providers.simulator.network import Network
from ivr.providers.simulator.people import AgentPhone
from ivr.providers.simulator.telephone import Call
from ivr.providers.simulator.webhooks import blueprint

KEY = b"the key that both know"


class Phone(AgentPhone):
    """A telephone that does the one thing it is for."""

    answer: tuple[int, Outcome] = (20, Outcome.ANSWERED)

    def rings(self, call: Call, ring_ms: int) -> tuple[int, Outcome]:
        return self.answer


class Simulated:
    """The network on a thread of its own, between our webhooks and its control API, both on loopback."""

    def __init__(self) -> None:
        self.desk = Desk()
        ours = Flask("ours")
        ours.register_blueprint(blueprint(self.desk, KEY))  # type: ignore[arg-type]
        self.web = serve(ours, "127.0.0.1", 0)
        self.pool = Pooled(Webhooks(f"http://127.0.0.1:{self.web.port}", KEY), threads=4)
        self.network = Network(SystemClock(), self.pool)
        self.control = serve(control(self.network, KEY), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.control.port}"
        self.provider = SimulatorProvider(self.url, KEY)
        self.over = threading.Event()
        self.running = threading.Thread(target=run, args=(self.network, self.over), daemon=True)
        self.running.start()
        for kind, answer in (
            ("answers", (20, Outcome.ANSWERED)),
            ("busy", (20, Outcome.BUSY)),
            ("rings", (60_000, Outcome.NO_ANSWER)),
        ):
            phone = Phone(Random(1))
            phone.answer = answer
            self.network.people[self.phone(kind)] = phone

    def phone(self, kind: str) -> str:
        return f"sim:{kind}"

    def comes_in(self, number: str, called: str) -> str:
        self.network.dial_in("in-1", Phone(Random(1)), number, called)
        until(lambda: self.desk.of("in-1") != [], "the call has come in")
        return "in-1"

    def puts_down(self, call: str) -> None:
        self.network.puts_down(call)

    def stop(self) -> None:
        self.control.shutdown()
        self.control.server_close()
        self.provider = SimulatorProvider(self.url, KEY)  # a kept connection would still be served

    def close(self) -> None:
        self.over.set()
        self.running.join(10)
        self.pool.close()
        self.web.shutdown()
        self.control.shutdown()


@pytest.fixture
def far() -> Iterator[Simulated]:
    made = Simulated()
    yield made
    made.close()


class TestSimulator(ProviderContract):
    """The simulator."""


# what is its own


def test_a_network_that_takes_the_request_and_never_answers_leaves_us_unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TIMEOUT_S", (0.2, 0.2))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        provider = SimulatorProvider(f"http://127.0.0.1:{deaf.getsockname()[1]}", KEY)
        with pytest.raises(Unsure):
            provider.originate(Outgoing("t1-a", "sim:answers", "", 1_000))


def test_a_network_with_another_key_does_nothing_and_says_what_to_mend(far: Simulated) -> None:
    stranger = SimulatorProvider(far.url, b"another key")
    for act in (
        lambda: stranger.originate(Outgoing("t1-a", "sim:answers", "", 1_000)),
        lambda: stranger.redirect("t1-a", "t7"),
        lambda: stranger.hangup("t1-a"),
        lambda: stranger.find("t1-a"),
    ):
        with pytest.raises(Unsure, match="RETORNO_SECRET_KEY"):
            act()
    assert far.network.calls == {}


def answering(code: int, body: str) -> Flask:
    """A network that answers everything so."""
    app = Flask("odd")
    app.add_url_rule("/", "odd", lambda: (body, code))
    app.add_url_rule("/<path:_any>", "any", lambda _any: (body, code), methods=["GET", "POST", "DELETE"])
    return app


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (201, "{}", None),
        (409, '{"error": "there already"}', Refused),
        (422, '{"error": "no such phone"}', Refused),
        (400, "{}", Unsure),
        (500, "oops", Unsure),
        (502, "<html>", Unsure),
        (201, "<html>", Unsure),
    ],
)
def test_only_a_clear_no_is_a_refusal(code: int, body: str, expected: type[Exception] | None) -> None:
    server = serve(answering(code, body), "127.0.0.1", 0)
    provider = SimulatorProvider(f"http://127.0.0.1:{server.port}", KEY)
    try:
        if expected is None:
            provider.originate(Outgoing("t1-a", "sim:answers", "", 1_000))
        else:
            with pytest.raises(expected):
                provider.originate(Outgoing("t1-a", "sim:answers", "", 1_000))
    finally:
        server.shutdown()


@pytest.mark.parametrize(("code", "expected"), [(404, Gone), (400, Unsure), (500, Unsure)])
def test_only_a_404_means_that_the_call_is_gone(code: int, expected: type[Exception]) -> None:
    server = serve(answering(code, '{"error": "?"}'), "127.0.0.1", 0)
    try:
        with pytest.raises(expected):
            SimulatorProvider(f"http://127.0.0.1:{server.port}", KEY).redirect("t1-a", "t7")
    finally:
        server.shutdown()
