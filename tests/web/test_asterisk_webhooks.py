"""The nodes' webhooks: nothing is read but what a node has signed just now; each answer is an operation."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import ConnectionError as RedisAway
from redis import Redis

from ivr.calls import Reply
from ivr.clock import ManualClock
from ivr.inputs import DialEnded, Digits, Machine, NoInput, Outcome, Recorded
from ivr.instructions import Dial, Hold, Instruction, Say, Speech
from ivr.providers.asterisk.mac import signed
from ivr.providers.asterisk.nodes import Address, Node, Phone, Site, Trunk
from ivr.providers.asterisk.registry import Registry
from ivr.providers.asterisk.webhooks import Desk, blueprint

KEYS = {"node1": b"a key of 32 bytes, of node one..", "node2": b"a key of 32 bytes, of node two.."}
MUSIC = Hold((Say("Você é o número 3 da fila.", "pt-BR"),), "default", 20_000, "1")
CALL = "node1-1763863000.12"


@dataclass
class Calls:
    """The verbs of `ivr.calls.Calls`: notes what is asked of it."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    instruction: Instruction = MUSIC
    again: bool = False

    def _reply(self, call: str, turn: int) -> Reply:
        return Reply(call, turn, self.instruction, self.again)

    def incoming(self, call: str, number: str, called: str) -> Reply:
        self.asked.append(("incoming", call, number, called))
        return self._reply(call, 1)

    def answered(self, call: str, machine: Machine | None = None) -> Reply:
        self.asked.append(("answered", call, machine))
        return self._reply(call, 1)

    def wake(self, call: str, turn: int, given: object) -> Reply:
        self.asked.append(("wake", call, turn, given))
        return self._reply(call, turn + 1)

    def joined(self, call: str, attempt: str) -> Reply:
        self.asked.append(("joined", call, attempt))
        return self._reply(call, 8)

    def transferred(self, call: str, turn: int, to: str) -> Reply:
        self.asked.append(("transferred", call, turn, to))
        return self._reply(call, 9)

    def ended(self, call: str, outcome: Outcome) -> None:
        self.asked.append(("ended", call, outcome))


@dataclass
class Delivery:
    """The sound of a part is its number in the answer."""

    lacking: list[tuple[str, list[str]]] = field(default_factory=list)

    def speak(self, node: str, parts: Iterable[Speech]) -> tuple[str, ...]:
        assert node in KEYS
        return tuple(f"{n:032x}" for n, _ in enumerate(parts))

    def missed(self, node: str, ids: list[str]) -> None:
        self.lacking.append((node, ids))


@dataclass
class World:
    calls: Calls
    delivery: Delivery
    registry: Registry
    clock: ManualClock
    client: FlaskClient

    def post(self, path: str, form: dict[str, str], node: str = "node1", **changed: str) -> Any:
        body = {"node": node, "time": str(self.clock.now_ms() // 1000), "call": CALL, **form, **changed}
        data = signed(KEYS.get(node, b"none"), path, urlencode(body).encode())
        return self.raw(path, data)

    def raw(self, path: str, data: bytes) -> Any:
        return self.client.post(path, data=data, content_type="application/x-www-form-urlencoded")


def node(name: str, port: int) -> Node:
    return Node(name, Address("0.0.0.0", 5060), (10000, 20000), Address("127.0.0.1", port), Path("/s"), Path("/c"))  # noqa: S104


SITE = Site(
    ("http://127.0.0.1:8000",),
    {"node1": node("node1", 5038), "node2": node("node2", 5039)},
    trunks={"carrier": Trunk("carrier", Address("sip.carrier.example", 5060), nodes=("node1",))},
    outgoing="carrier",
    phones={"2001": Phone("2001", "node1"), "2002": Phone("2002", "node2")},
)


@pytest.fixture
def world(redis: Redis) -> World:
    calls, delivery, clock, registry = Calls(), Delivery(), ManualClock(), Registry(redis, "t")
    app = Flask("test")
    app.register_blueprint(blueprint(Desk(calls, SITE, KEYS, delivery, registry, clock, "BR")))  # type: ignore[arg-type]
    return World(calls, delivery, registry, clock, app.test_client())


OPERATION = {"op": "hold", "call": CALL, "music": "default", "secs": "20", "keys": "1", "fixed": "", "open": "0" * 32}
TURN = {"turn": "3"}
ROUTES: list[tuple[str, dict[str, str], tuple[Any, ...], int]] = [
    (
        "incoming",
        {"from": "+5511998887766", "to": "551130001000"},
        ("incoming", CALL, "+5511998887766", "+551130001000"),
        1,
    ),
    ("incoming", {"from": "11998887766", "to": "700"}, ("incoming", CALL, "+5511998887766", "700"), 1),
    ("incoming", {"from": "", "to": "s"}, ("incoming", CALL, "", "s"), 1),
    ("incoming", {"from": "anonymous", "to": "sales"}, ("incoming", CALL, "", "sales"), 1),
    ("answered", {}, ("answered", CALL, None), 1),
    ("answered", {"machine": "machine"}, ("answered", CALL, Machine.MACHINE), 1),
    ("answered", {"machine": "human"}, ("answered", CALL, Machine.HUMAN), 1),
    ("answered", {"machine": "unsure"}, ("answered", CALL, Machine.UNSURE), 1),
    ("turn", {**TURN, "in": "digits", "d": "12"}, ("wake", CALL, 3, Digits("12")), 4),
    ("turn", {**TURN, "in": "digits", "d": "*", "end": "1"}, ("wake", CALL, 3, Digits("*", True)), 4),
    ("turn", {**TURN, "in": "none"}, ("wake", CALL, 3, NoInput()), 4),
    (
        "turn",
        {**TURN, "in": "recorded", "rec": f"{CALL}-3", "secs": "7"},
        ("wake", CALL, 3, Recorded(f"asterisk:node1/{CALL}-3", 7)),
        4,
    ),
    ("turn", {**TURN, "in": "dial", "status": "BUSY", "secs": ""}, ("wake", CALL, 3, DialEnded(Outcome.BUSY)), 4),
    ("turn", {**TURN, "in": "left", "result": "SUCCESS"}, ("wake", CALL, 3, DialEnded(Outcome.ANSWERED)), 4),
    ("joined", {"attempt": "t1"}, ("joined", CALL, "t1"), 8),
    ("transferred", {**TURN, "to": "billing"}, ("transferred", CALL, 3, "billing"), 9),
]


@pytest.mark.parametrize(("path", "form", "asked", "turn"), ROUTES)
def test_each_webhook_asks_its_verb_and_answers_an_operation(
    world: World, path: str, form: dict[str, str], asked: tuple[Any, ...], turn: int
) -> None:
    answer = world.post(f"/asterisk/{path}", form)
    assert world.calls.asked == [asked]
    assert answer.status_code == 200
    assert answer.get_json() == {**OPERATION, "turn": str(turn)}
    assert all(isinstance(value, str) for value in answer.get_json().values())


def test_what_is_to_be_sent_again_says_so(world: World) -> None:
    world.calls.again = True
    assert world.post("/asterisk/turn", {**TURN, "in": "none"}).get_json()["again"] == "1"


FORGED: list[tuple[str, bytes]] = [
    ("empty", b""),
    ("not a form", b"{}"),
    ("not even ASCII", "node=nó".encode()),
    ("percent that is none", b"node=%zz&time=%"),
    ("unsigned", b"node=node1&time=1773147600&call=c1"),
    ("no time", signed(KEYS["node1"], "/asterisk/answered", b"node=node1&call=c1")),
    ("no node", signed(KEYS["node1"], "/asterisk/answered", b"time=1773147600&call=c1")),
    ("another node's key", signed(KEYS["node2"], "/asterisk/answered", b"node=node1&time=1773147600&call=c1")),
    ("a node that is not ours", signed(b"", "/asterisk/answered", b"node=node3&time=1773147600&call=c1")),
    ("another path", signed(KEYS["node1"], "/asterisk/turn", b"node=node1&time=1773147600&call=c1")),
    ("yesterday's", signed(KEYS["node1"], "/asterisk/answered", b"node=node1&time=1773061200&call=c1")),
    ("tomorrow's", signed(KEYS["node1"], "/asterisk/answered", b"node=node1&time=1773234000&call=c1")),
    ("a time that is none", signed(KEYS["node1"], "/asterisk/answered", b"node=node1&time=-1&call=c1")),
    ("a field twice", signed(KEYS["node1"], "/asterisk/answered", b"node=node1&time=1773147600&call=c1&call=c2")),
    ("many fields", signed(KEYS["node1"], "/asterisk/answered", b"node=node1&time=1773147600" + b"&a=1" * 1000)),
    ("after the signature", signed(KEYS["node1"], "/asterisk/answered", b"node=node1&time=1773147600") + b"&call=c1"),
]


@pytest.mark.parametrize("data", [row[1] for row in FORGED], ids=[row[0] for row in FORGED])
def test_nothing_is_read_but_what_a_node_has_signed_just_now(world: World, data: bytes) -> None:
    answer = world.raw("/asterisk/answered", data)
    assert (answer.status_code, answer.data) == (403, b"")
    assert world.calls.asked == []


def test_a_signed_request_is_worth_nothing_later(world: World) -> None:
    body = f"node=node1&time={world.clock.now_ms() // 1000}&call=c1".encode()
    data = signed(KEYS["node1"], "/asterisk/answered", body)
    assert world.raw("/asterisk/answered", data).status_code == 200
    world.clock.advance(301_000)
    assert world.raw("/asterisk/answered", data).status_code == 403


@pytest.mark.parametrize(
    ("path", "form", "expected"),
    [
        ("turn", {**TURN, "in": "dance"}, "expected digits, none"),
        ("turn", {"in": "none"}, "expected turn="),
        ("turn", {"in": "none", "turn": "-1"}, "expected turn="),
        ("turn", {**TURN, "in": "none", "call": "a b"}, "expected call="),
        ("incoming", {"call": ""}, "expected call="),
        ("answered", {"machine": "ghost"}, "expected machine="),
        ("joined", {}, "expected attempt="),
        ("joined", {"attempt": "t 1"}, "expected attempt="),
        ("transferred", {**TURN, "to": "a;b"}, "expected to="),
        ("transferred", {"to": "billing"}, "expected turn="),
    ],
)
def test_what_a_node_signed_and_we_cannot_read_says_what_was_expected(
    world: World, path: str, form: dict[str, str], expected: str
) -> None:
    answer = world.post(f"/asterisk/{path}", form)
    assert answer.status_code == 400
    assert expected in answer.get_data(as_text=True)
    assert world.calls.asked == []


def test_a_call_is_registered_where_it_came_in(world: World) -> None:
    world.post("/asterisk/incoming", {"from": "", "to": "700"}, node="node2")
    world.post("/asterisk/incoming", {"from": "", "to": "700"}, node="node2")  # asked again
    known = world.registry.find(CALL)
    assert known
    assert (known.node, known.state) == ("node2", "up")
    assert [ask[0] for ask in world.calls.asked] == ["incoming", "incoming"]


def test_who_had_hung_up_before_he_was_registered_is_ended(world: World) -> None:
    world.registry.ended(CALL, Outcome.ANSWERED)  # the control process was quicker
    world.post("/asterisk/incoming", {"from": "", "to": "700"})
    assert world.calls.asked[1:] == [("ended", CALL, Outcome.ANSWERED)]


def test_a_call_that_we_placed_is_up_when_it_is_answered(world: World) -> None:
    world.registry.register_outgoing("t1-a", "node1", "PJSIP/2001", world.clock.now_ms())
    world.post("/asterisk/answered", {}, call="t1-a")
    known = world.registry.find("t1-a")
    assert known
    assert known.state == "up"


def test_a_caller_whom_nobody_can_register_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> bool:
        raise RedisAway("Redis is away")

    monkeypatch.setattr(world.registry, "register_incoming", away)
    answer = world.post("/asterisk/incoming", {"from": "", "to": "700"}).get_json()
    assert (answer["op"], answer["again"], answer["turn"]) == ("hold", "1", "1")
    monkeypatch.undo()
    answer = world.post("/asterisk/incoming", {"from": "", "to": "700"}).get_json()
    assert "again" not in answer
    assert world.registry.find(CALL)


@pytest.mark.parametrize(
    ("from_node", "to", "dialled"),
    [
        ("node1", "+551140002000", "+551140002000@carrier"),
        ("node2", "+551140002000", ""),  # it has not that trunk
        ("node1", "sip:ana@sip.carrier.example", "ana@carrier"),
        ("node1", "sip:ana@elsewhere.example", ""),
        ("node1", "2001", "2001"),
        ("node1", "2002", "2002@peer_node2"),
        ("node1", "2003", "2003"),  # of the PBX around us
    ],
)
def test_a_transfer_is_dialled_as_the_node_can(world: World, from_node: str, to: str, dialled: str) -> None:
    world.calls.instruction = Dial((), to, "", 30_000)
    answer = world.post("/asterisk/turn", {**TURN, "in": "none"}, node=from_node).get_json()
    assert (answer["op"], answer["to"]) == ("dial", dialled)


def test_a_node_tells_which_sounds_it_has_not(world: World) -> None:
    ids = ["0" * 31 + "1", "0" * 31 + "2"]
    world.post("/asterisk/turn", {**TURN, "in": "none", "missing": f".{ids[0]}.{ids[1]}.x"})
    world.post("/asterisk/turn", {**TURN, "in": "none", "missing": ""})
    assert world.delivery.lacking == [("node1", ids)]


def test_no_log_has_a_number_or_a_key(
    world: World, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    world.post("/asterisk/incoming", {"from": "+5511998887766", "to": "700", "call": "a b"})
    world.post("/asterisk/turn", {**TURN, "in": "digits", "d": "987654x"})
    world.post("/asterisk/turn", {**TURN, "in": "digits", "d": "987654"})
    told = "".join((*capsys.readouterr(), caplog.text))  # where it goes depends on who set up logging before
    assert "signed webhook that we cannot read" in told
    assert "98887766" not in told
    assert "987654" not in told


def test_an_answer_is_plain_ascii_json(world: World) -> None:
    answer = world.post("/asterisk/answered", {})
    assert answer.content_type == "application/json"
    assert json.loads(answer.data.decode("ascii"))["op"] == "hold"
