"""Golden conversations: what the engine says, asks and writes down in every call of `tests/data/calls`.

Each file is a flow with its scripted calls; beside it, `<name>.jsonl` has one line for each turn. The session is saved and
read again between any two inputs. A wanted change: run with --update-golden, and read the diff before committing it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from ivr import engine
from ivr.asks import Ask, Fetch
from ivr.events import Event
from ivr.flow.load import Checked, load_flow
from ivr.flow.model import AnyStep, FlowTest
from ivr.inputs import Answer, Digits, Input
from ivr.instructions import as_json, from_json
from ivr.session import Session
from ivr.trial import Shelf, open_call, try_flow
from ivr.trial.phone import Exchange, Phone
from ivr.trial.script import play
from ivr.turning import Published

CALLS = Path(__file__).parents[1] / "data" / "calls"
FILES = sorted(CALLS.glob("*.yaml"))


@cache
def checked(path: Path) -> Checked:
    return load_flow(path.read_bytes(), path.name)


@cache
def shelf() -> Shelf:
    flows = [checked(path).flow for path in FILES]
    return Shelf({flow.flow: Published(flow, "v1") for flow in flows if flow is not None})


def played(path: Path, test: FlowTest) -> Phone:
    """The whole call of a test."""
    flow = checked(path).flow
    assert flow is not None
    phone = open_call(shelf(), flow, test)
    phone.start()
    for item in test.script:
        play(phone, flow, item)
    return phone


def named(value: Input | Ask) -> dict[str, Any]:
    return {
        "is": type(value).__name__,
        **{k: v for k, v in asdict(value).items() if v not in ("", None, (), {}, 0, False)},
    }


def told(event: Event) -> dict[str, str]:
    """An event without what is the same in all of them."""
    return {k: v for k, v in event.as_fields().items() if k not in ("call", "at_ms", "version")}


def line(test: str, turn: int, exchange: Exchange) -> str:
    asked = [[named(ask), {"is": given.outcome, **given.values}] for ask, given in exchange.asked]
    data = {"call": test, "turn": turn, "given": named(exchange.given)} | ({"asked": asked} if asked else {})
    data |= {"do": as_json(exchange.instruction), "events": [told(event) for event in exchange.events]}
    return json.dumps(data, ensure_ascii=False)


def conversation(path: Path) -> list[str]:
    flow = checked(path).flow
    assert flow is not None, checked(path).problems
    return [
        line(test.name, turn, exchange)
        for test in flow.tests
        for turn, exchange in enumerate(played(path, test).exchanges)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_conversation_goes_as_it_went(path: Path, update_golden: bool) -> None:
    golden = path.with_suffix(".jsonl")
    now = conversation(path)
    if update_golden:
        golden.write_text("".join(f"{one}\n" for one in now), encoding="utf-8")
    assert golden.is_file(), "no golden conversation yet: run with --update-golden and read what it writes"
    before = golden.read_text(encoding="utf-8").splitlines()
    for number, (was, is_now) in enumerate(zip(before, now, strict=False), start=1):
        assert json.loads(is_now) == json.loads(was), f"{golden.name}:{number} has changed"
    assert len(now) == len(before)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_script_of_a_conversation_is_met(path: Path) -> None:
    report = try_flow(checked(path), shelf().flows)
    assert report.passed, str(report)


def test_every_step_type_has_a_conversation() -> None:
    types = {member.model_fields["type"].annotation for member in get_args(get_args(AnyStep)[0])}
    flows = [checked(path).flow for path in FILES]
    spoken = {step.type for flow in flows if flow for step in flow.steps.values()}
    assert spoken == {get_args(kind)[0] for kind in types}


def test_an_instruction_survives_json() -> None:
    for path in FILES:
        for text in conversation(path):
            do = json.loads(text)["do"]
            assert json.loads(json.dumps(as_json(from_json(do)))) == do


@pytest.mark.parametrize("name", ["sensitive", "http", "subflow"])
def test_sensitive_digits_leave_the_session_only_in_the_body_of_a_request(name: str) -> None:
    path = CALLS / f"{name}.yaml"
    flow = checked(path).flow
    assert flow is not None
    for test in flow.tests:
        typed = [item["digits"] for item in test.script if isinstance(item, dict) and "digits" in item]
        phone = played(path, test)
        for exchange in phone.exchanges:
            shown = json.dumps(as_json(exchange.instruction)) + json.dumps(
                [event.as_fields() for event in exchange.events]
            )
            for ask, _ in exchange.asked:
                shown += json.dumps({**asdict(ask), "body": None} if isinstance(ask, Fetch) else asdict(ask))
            assert not [digits for digits in typed if digits in shown]


def test_a_sensitive_value_is_sent_where_it_was_meant_for() -> None:
    path = CALLS / "sensitive.yaml"
    flow = checked(path).flow
    assert flow is not None
    asked = [ask for ask, _ in played(path, flow.tests[0]).world.asked if isinstance(ask, Fetch)]
    assert [ask.body for ask in asked] == [{"cpf": "52998224725"}]
    assert all("52998224725" not in ask.url and not ask.headers for ask in asked)


def test_a_saved_session_reads_as_it_was_written() -> None:
    for path in FILES:
        flow = checked(path).flow
        assert flow is not None
        for test in flow.tests:
            saved = played(path, test).saved
            assert Session.from_json(saved).to_json() == saved


def test_an_answer_can_be_given_twice() -> None:
    """A webhook repeated after a crash asks again: the same session and answer give the same turn."""
    path = CALLS / "callback.yaml"
    flow = checked(path).flow
    assert flow is not None
    phone = open_call(shelf(), flow, flow.tests[0])
    phone.start()
    before = phone.session
    answers: list[Answer] = []
    results = []
    for _ in range(2):
        turn = engine.turn(shelf(), before, Digits("1"), phone.world)
        while turn.ask is not None:
            answers.append(phone.world.answer(turn.ask))
            turn = engine.turn(shelf(), turn.session, answers[-1], phone.world)
        results.append((turn.session.to_json(), turn.instruction, turn.events))
    assert results[0] == results[1]
