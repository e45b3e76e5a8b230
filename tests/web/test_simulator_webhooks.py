"""The simulator's webhooks: nothing unsigned is read, what is malformed is refused, each answer is an instruction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ivr.calls import Reply
from ivr.inputs import DialEnded, Digits, NoInput, Outcome, Recorded
from ivr.instructions import Hold, Say, as_json
from ivr.providers.simulator.webhooks import blueprint
from ivr.providers.simulator.wire import SIGNATURE, encode, input_json, read_input, sign

KEY = b"the key that both know"
MUSIC = Hold((Say("Você é o número 3 da fila.", "pt-BR"),), "default", 20_000, "1")


@dataclass
class Calls:
    """The verbs of `ivr.calls.Calls`: notes what is asked of it."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    again: bool = False

    def _reply(self, call: str, turn: int) -> Reply:
        return Reply(call, turn, MUSIC, self.again)

    def incoming(self, call: str, number: str, called: str) -> Reply:
        self.asked.append(("incoming", call, number, called))
        return self._reply(call, 1)

    def answered(self, call: str) -> Reply:
        self.asked.append(("answered", call))
        return self._reply(call, 1)

    def wake(self, call: str, turn: int, given: object) -> Reply:
        self.asked.append(("wake", call, turn, given))
        return self._reply(call, turn + 1)

    def joined(self, call: str, attempt: str) -> Reply:
        self.asked.append(("joined", call, attempt))
        return self._reply(call, 8)

    def ended(self, call: str, outcome: Outcome) -> None:
        self.asked.append(("ended", call, outcome))


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def client(calls: Calls) -> FlaskClient:
    app = Flask("test")
    app.register_blueprint(blueprint(calls, KEY))  # type: ignore[arg-type]
    return app.test_client()


def post(client: FlaskClient, path: str, data: bytes, signature: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"}
    if signature != "":
        headers[SIGNATURE] = signature or sign(KEY, path, data)
    return client.post(path, data=data, headers=headers)


IN = {"call": "c1", "from": "+5511998887766", "to": "+551130001000"}
ROUTES: list[tuple[str, dict[str, Any], tuple[Any, ...], int | None]] = [
    ("/sim/calls", IN, ("incoming", "c1", IN["from"], IN["to"]), 1),
    ("/sim/calls", {**IN, "from": ""}, ("incoming", "c1", "", IN["to"]), 1),
    ("/sim/calls/c1/answered", {}, ("answered", "c1"), 1),
    ("/sim/calls/c1/turns/3", {"input": "digits", "digits": "12"}, ("wake", "c1", 3, Digits("12")), 4),
    (
        "/sim/calls/c1/turns/3",
        {"input": "digits", "digits": "1", "finished": True},
        ("wake", "c1", 3, Digits("1", True)),
        4,
    ),
    ("/sim/calls/c1/turns/0", {"input": "no_input"}, ("wake", "c1", 0, NoInput()), 1),
    (
        "/sim/calls/c1/turns/3",
        {"input": "recorded", "url": "sim:c1", "seconds": 7},
        ("wake", "c1", 3, Recorded("sim:c1", 7)),
        4,
    ),
    (
        "/sim/calls/c1/turns/3",
        {"input": "dial_ended", "outcome": "busy"},
        ("wake", "c1", 3, DialEnded(Outcome.BUSY)),
        4,
    ),
    ("/sim/calls/c1/joined", {"attempt": "t1"}, ("joined", "c1", "t1"), 8),
    ("/sim/calls/c1/ended", {"outcome": "no_answer"}, ("ended", "c1", Outcome.NO_ANSWER), None),
]


@pytest.mark.parametrize(("path", "body", "asked", "turn"), ROUTES)
def test_each_webhook_asks_its_verb_and_answers_an_instruction(
    client: FlaskClient, calls: Calls, path: str, body: dict[str, Any], asked: tuple[Any, ...], turn: int | None
) -> None:
    answer = post(client, path, encode(body))
    assert calls.asked == [asked]
    if turn is None:
        assert (answer.status_code, answer.data) == (204, b"")
    else:
        assert answer.status_code == 200
        assert answer.get_json() == {"call": "c1", "turn": turn, "do": as_json(MUSIC)}


def test_what_is_to_be_sent_again_says_so(client: FlaskClient, calls: Calls) -> None:
    calls.again = True
    assert post(client, "/sim/calls", encode(IN)).get_json()["again"] is True


@pytest.mark.parametrize(("path", "body"), [(row[0], row[1]) for row in ROUTES])
@pytest.mark.parametrize(
    "signature",
    ["", "0" * 64, sign(b"another key", "/sim/calls", encode(IN)), sign(KEY, "/sim/calls/c2/answered", b"{}"), "é"],
    ids=["none", "zeros", "another key", "another path", "not even ASCII"],
)
def test_nothing_unsigned_is_read(
    client: FlaskClient, calls: Calls, path: str, body: dict[str, Any], signature: str
) -> None:
    assert post(client, path, encode(body), signature).status_code == 403
    assert calls.asked == []


def test_a_signature_holds_for_one_body(client: FlaskClient, calls: Calls) -> None:
    for_this = sign(KEY, "/sim/calls", encode(IN))
    assert post(client, "/sim/calls", encode({**IN, "from": "+5511900000000"}), for_this).status_code == 403
    assert calls.asked == []


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/sim/calls", b""),
        ("/sim/calls", b"not json"),
        ("/sim/calls", b"[]"),
        ("/sim/calls", encode({"call": "c1", "from": "x"})),
        ("/sim/calls", encode({**IN, "from": 5511998887766})),
        ("/sim/calls", encode({**IN, "call": None})),
        ("/sim/calls/c1/turns/1", b"{}"),
        ("/sim/calls/c1/turns/1", encode({"input": "dance"})),
        ("/sim/calls/c1/turns/1", encode({"input": ["digits"]})),
        ("/sim/calls/c1/turns/1", encode({"input": "digits"})),
        ("/sim/calls/c1/turns/1", encode({"input": "recorded", "url": "x", "seconds": "long"})),
        ("/sim/calls/c1/turns/1", encode({"input": "recorded", "url": "x", "seconds": None})),
        ("/sim/calls/c1/turns/1", encode({"input": "dial_ended", "outcome": "vanished"})),
        ("/sim/calls/c1/joined", b"{}"),
        ("/sim/calls/c1/ended", encode({"outcome": "vanished"})),
        ("/sim/calls/c1/ended", b"null"),
    ],
)
def test_what_is_malformed_is_refused(client: FlaskClient, calls: Calls, path: str, data: bytes) -> None:
    assert post(client, path, data).status_code == 400
    assert calls.asked == []


@pytest.mark.parametrize("path", ["/sim/calls/c1/turns/-1", "/sim/calls/c1/turns/x", "/sim/calls/c1/dance"])
def test_there_is_no_other_webhook(client: FlaskClient, calls: Calls, path: str) -> None:
    assert post(client, path, encode({"input": "no_input"})).status_code == 404
    assert calls.asked == []


@pytest.mark.parametrize(
    "given", [Digits("123"), Digits("1", True), NoInput(), Recorded("sim:c1", 4), DialEnded(Outcome.NO_ANSWER, 9)]
)
def test_an_input_survives_the_wire(given: Digits | NoInput | Recorded | DialEnded) -> None:
    assert read_input(input_json(given)) == given
