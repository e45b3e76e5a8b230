"""The API: what it describes is what it does."""

from __future__ import annotations

import json
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis as redis_py
from flask.testing import FlaskClient
from house import House, busy_hours
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from screens import BEARER, application, local_client
from shell import Scripted
from werkzeug.test import TestResponse

from callback import board
from dashboards.api.table import ROUTES
from ivr.clock import ManualClock
from ivr.ports import Refused, Unsure

NUMBER = "+5511987650001"


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/openapi.json").json
    return found


def fits(document: dict[str, Any], answer: TestResponse, method: str, path: str) -> Any:
    """The answer's JSON, after holding it against what the document says of it."""
    operation = document["paths"]["/api/v1" + path][method]
    media = answer.content_type.split(";")[0]
    where = f"#/paths/{('/api/v1' + path).replace('/', '~1')}/{method}/responses/{answer.status_code}/content/{media.replace('/', '~1')}/schema"
    assert media in operation["responses"][str(answer.status_code)]["content"]
    registry: Registry[Any] = Registry().with_resource("urn:api", Resource(document, DRAFT202012))
    Draft202012Validator({"$ref": f"urn:api{where}"}, registry=registry).validate(answer.json)
    return answer.json


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_the_document_describes_every_route_and_no_other(client: FlaskClient, document: dict[str, Any]) -> None:
    rules = {
        (method.lower(), re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in client.application.url_map.iter_rules()
        if rule.rule.startswith("/api/v1")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    } - {("get", "/api/v1/openapi.json")}
    described = {(method, path) for path, operations in document["paths"].items() for method in operations}
    assert rules == described
    assert len(described) == len(ROUTES)


def test_reads_answer_as_described(client: FlaskClient, document: dict[str, Any], house: House) -> None:
    house.staff()
    busy_hours(house, 0.3)
    while board.project(house.redis, "retorno", ZoneInfo("America/Sao_Paulo")):
        pass
    whole = fits(document, client.get("/api/v1/board"), "get", "/board")
    assert len(whole["history"]) == board.BARS
    queues = fits(document, client.get("/api/v1/queues"), "get", "/queues")["queues"]
    assert {row["queue"] for row in queues} == set(house.queues)
    assert sum(row["today"]["offered"] for row in queues) > 30
    agents = fits(document, client.get("/api/v1/agents"), "get", "/agents")["agents"]
    assert {agent["id"] for agent in agents} >= {"ana", "bruno"}


def test_no_answer_holds_a_number_or_a_phone(client: FlaskClient, house: House) -> None:
    house.staff("gabriela")
    house.call_in("nurse")
    house.call_in("nurse", NUMBER)
    for path in ("/board", "/queues", "/agents", "/queues/nurse/entries"):
        text = client.get("/api/v1" + path).text
        assert NUMBER not in text
        assert NUMBER[1:] not in text
        assert "sim:" not in text


def test_entries_stand_in_line_with_numbers_masked(client: FlaskClient, document: dict[str, Any], house: House) -> None:
    house.staff("gabriela")
    house.call_in("nurse")
    first, second, third = (house.call_in("nurse", f"{NUMBER[:-1]}{n}") for n in (1, 2, 3))
    house.book("nurse", second, f"{NUMBER[:-1]}2")
    path = "/queues/{queue}/entries"
    found = fits(document, client.get("/api/v1/queues/nurse/entries?limit=2"), "get", path)["entries"]
    assert [(entry["id"], entry["position"], entry["mode"]) for entry in found] == [
        (first, 1, "live"),
        (second, 2, "callback"),
    ]
    assert found[0]["number"] == "+55…0001"
    assert len(client.get("/api/v1/queues/nurse/entries").json["entries"]) == 3
    assert third
    for bad in ("0", "501", "many"):
        answer = client.get(f"/api/v1/queues/nurse/entries?limit={bad}")
        assert fits(document, answer, "get", path)["code"] == "bad_limit"
    assert fits(document, client.get("/api/v1/queues/nowhere/entries"), "get", path)["code"] == "no_such_queue"


@pytest.mark.parametrize(
    ("before", "act", "body", "after"),
    [
        ((), "sign-in", None, ("ready", "")),
        (("sign_in",), "sign-out", None, ("offline", "")),
        (("sign_in",), "pause", {"reason": "almoço"}, ("paused", "almoço")),
        (("sign_in",), "pause", None, ("paused", "")),
        (("sign_in", "pause"), "ready", None, ("ready", "")),
        (("sign_in",), "wrap-up-done", None, ("ready", "")),
    ],
)
def test_an_agent_acts(
    client: FlaskClient,
    document: dict[str, Any],
    house: House,
    before: tuple[str, ...],
    act: str,
    body: dict[str, str] | None,
    after: tuple[str, str],
) -> None:
    house.line.add_agent("ana", "Ana Souza", "sim:ana", ("sales",))
    for verb in before:
        getattr(house.line, verb)("ana", *(("",) if verb == "pause" else ()))
    answer = client.post(f"/api/v1/agents/ana/{act}", json=body, headers=BEARER)
    shown = fits(document, answer, "post", "/agents/{agent}/" + act)
    assert (shown["state"], shown["reason"]) == after
    assert house.line.agents()[0].state == after[0]


@pytest.mark.parametrize(
    ("agent", "act", "body", "http", "code"),
    [
        ("nobody", "ready", None, 404, "no_such_agent"),
        ("ana", "pause", None, 409, "not_signed_in"),
        ("ana", "pause", {"reason": 5}, 400, "bad_body"),
        ("ana", "pause", {"reason": "phone_gone"}, 400, "reserved_reason"),
        ("ana", "pause", ["almoço"], 400, "bad_body"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(
    client: FlaskClient, document: dict[str, Any], house: House, agent: str, act: str, body: Any, http: int, code: str
) -> None:
    house.line.add_agent("ana", "Ana Souza", "sim:ana", ("sales",))
    answer = client.post(f"/api/v1/agents/{agent}/{act}", json=body, headers=BEARER)
    assert answer.status_code == http
    assert fits(document, answer, "post", "/agents/{agent}/" + act)["code"] == code


def test_a_callback_is_cancelled_once(client: FlaskClient, document: dict[str, Any], house: House) -> None:
    house.staff("gabriela")
    house.call_in("nurse")
    live = house.call_in("nurse", "+5511987650002")
    entry = house.call_in("nurse", NUMBER)
    house.book("nurse", entry, NUMBER)
    path = "/callbacks/{entry}"
    for name, http, code in (
        (entry, 200, None),
        (entry, 409, "not_open"),
        (live, 409, "not_open"),
        ("x", 404, "no_such_callback"),
    ):
        answer = client.delete(f"/api/v1/callbacks/{name}", headers=BEARER)
        assert answer.status_code == http
        assert fits(document, answer, "delete", path).get("code") == code
    found = house.line.entry(entry)
    assert found is not None
    assert found.state == "cancelled"


def talking(house: House) -> str:
    """Gabriela talks to somebody; the talk. Their calls are up in the network."""
    house.staff("gabriela")
    house.call_in("nurse", NUMBER)
    house.answer_all()
    (talk,) = house.line.talks()
    for call, number in ((talk.agent_call, "sim:gabriela"), (talk.customer_call, NUMBER)):
        house.provider.dial_in(call, Scripted(), number, "")
    return talk.attempt


def test_talks_are_listed_with_numbers_masked(client: FlaskClient, document: dict[str, Any], house: House) -> None:
    attempt = talking(house)
    (found,) = fits(document, client.get("/api/v1/talks"), "get", "/talks")["talks"]
    assert (found["attempt"], found["queue"], found["agent"], found["number"]) == (
        attempt,
        "nurse",
        "gabriela",
        "+55…0001",
    )


def test_a_customer_is_sent_on(client: FlaskClient, document: dict[str, Any], house: House) -> None:
    attempt = talking(house)
    path = "/talks/{talk}/transfer"
    for name, to, http, code in (
        (attempt, "nowhere", 409, "unknown_target"),
        (attempt, "agent:bruno", 409, "unknown_target"),
        (attempt, "sales", 200, None),
        (attempt, "sales", 404, "no_such_talk"),
        ("x", "sales", 404, "no_such_talk"),
    ):
        answer = client.post(f"/api/v1/talks/{name}/transfer", json={"to": to}, headers=BEARER)
        assert answer.status_code == http
        shown = fits(document, answer, "post", path)
        assert shown.get("code") == code
        if http == 200:
            assert (shown["queue"], shown["state"]) == ("sales", "waiting")
    assert client.post(f"/api/v1/talks/{attempt}/transfer", json={}, headers=BEARER).status_code == 400
    assert client.post(f"/api/v1/talks/{attempt}/transfer", json={"to": "sales"}).status_code in (401, 403)


def test_a_talk_is_recorded_and_listened_to(client: FlaskClient, document: dict[str, Any], house: House) -> None:
    attempt = talking(house)
    house.provider.people["sim:boss"] = house.provider.people["+19005550100"] = Scripted()
    recording, listening = "/talks/{talk}/recording", "/talks/{talk}/listeners"
    for path, body, http, code in (
        (recording, {"on": True}, 200, None),
        (recording, {"on": "perhaps"}, 400, "bad_body"),
        (listening, {"phone": "sim:boss", "mode": "whisper"}, 200, None),
        (listening, {"phone": "sim:boss", "mode": "shout"}, 400, "bad_body"),
        (listening, {"phone": "sim:nobody"}, 409, "refused"),
        (listening, {"phone": "+19005550100"}, 409, "refused"),
    ):
        answer = client.post(f"/api/v1{path.format(talk=attempt)}", json=body, headers=BEARER)
        assert answer.status_code == http
        assert fits(document, answer, "post", path).get("code") == code
    assert [on for *_, on in house.provider.recorded] == [True]
    assert [mode for *_, mode in house.provider.listened] == ["whisper"]
    for path, body in ((recording, {"on": True}), (listening, {"phone": "sim:boss"})):
        answer = client.post(f"/api/v1{path.format(talk='x')}", json=body, headers=BEARER)
        assert (answer.status_code, fits(document, answer, "post", path)["code"]) == (404, "no_such_talk")


@pytest.mark.parametrize(
    ("raised", "http", "code"), [(Unsure("no answer"), 503, "network_silent"), (Refused("?"), 409, "not_recorded")]
)
def test_a_network_that_does_not_answer_or_cannot_begin_to_record_is_no_success(
    client: FlaskClient,
    document: dict[str, Any],
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    http: int,
    code: str,
) -> None:
    attempt = talking(house)

    def fails(*_: object) -> None:
        raise raised

    monkeypatch.setattr(house.provider, "record", fails)
    answer = client.post(f"/api/v1/talks/{attempt}/recording", json={"on": True}, headers=BEARER)
    assert answer.status_code == http
    assert fits(document, answer, "post", "/talks/{talk}/recording")["code"] == code


def test_the_stream_begins_with_the_board(client: FlaskClient, document: dict[str, Any], house: House) -> None:
    answer = client.get("/api/v1/stream")
    assert answer.content_type.startswith("text/event-stream")
    assert answer.headers["X-Accel-Buffering"] == "no"
    frames = answer.iter_encoded()
    assert next(frames) == b"retry: 2000\n\n"
    first = next(frames).decode()
    assert first.startswith("id: ")
    assert "event: board\n" in first
    data = json.loads(first.split("data: ", 1)[1])
    assert {row["queue"] for row in data["queues"]} == set(house.queues)
    answer.close()


def test_a_stream_that_nobody_reads_frees_its_place(redis: redis_py.Redis) -> None:
    app = application(House(redis, ManualClock()))
    client = local_client(app)
    for _ in range(100):  # more than the threads of a web process
        answer = client.head("/api/v1/stream")
        assert answer.status_code == 200
        answer.close()  # as the web server does, without having read


def test_without_redis_it_says_so(dead_redis: redis_py.Redis) -> None:
    client = local_client(application(House(dead_redis, ManualClock())))
    for answer in (
        client.get("/api/v1/board"),
        client.get("/api/v1/agents"),
        client.post("/api/v1/agents/ana/ready", headers=BEARER),
    ):
        assert (answer.status_code, answer.json["code"]) == (503, "redis_down")
