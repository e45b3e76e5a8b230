"""The flows that we ship: clean, tested to every step, complete in three languages, and short where they are to be copied."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from callback.queues import load_queues
from ivr.config import Settings
from ivr.flow.lint import FileReport, Known, check_file
from ivr.flow.load import load_flow, version_of
from ivr.flow.model import Flow
from ivr.flow.steps.collect import Collect
from ivr.flow.steps.http import Http
from ivr.flow.steps.menu import Menu
from ivr.flow.steps.queue import QueueStep
from ivr.instructions import as_json
from ivr.trial import Report, Shelf, open_call, run_tests
from ivr.trial.script import play
from ivr.turning import Published

FLOWS = Path(__file__).parents[2] / "flows"
FILES = sorted(path for path in FLOWS.glob("*.yaml") if path.name != "queues.yaml")
HOSTS = frozenset({"crm.aurora.example", "lab.santaclara.example"})
LANGUAGES = ["pt-BR", "en", "es"]

shipped = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def flow_of(path: Path) -> Flow:
    flow = load_flow(path.read_bytes(), path.name).flow
    assert flow is not None
    return flow


@cache
def known() -> Known:
    queues = load_queues((FLOWS / "queues.yaml").read_bytes(), "queues.yaml").queues
    flows = {flow.flow: flow for flow in map(flow_of, FILES)}
    return Known(
        {name: queue.skills for name, queue in queues.items()}, flows=flows, http_hosts=HOSTS, audio=FLOWS / "prompts"
    )


@cache
def report(path: Path) -> Report:
    return run_tests(path)


@cache
def linted(path: Path) -> FileReport:
    return check_file(path.read_bytes(), path.name, known(), report(path).tried)


def test_the_flows_that_are_promised_are_there() -> None:
    assert {path.stem for path in FILES} >= {"telecom", "clinic", "starter", "callback_agent", "callback_customer"}


@shipped
def test_lint_finds_nothing(path: Path) -> None:
    assert [str(problem) for problem in linted(path).problems] == []


@shipped
def test_its_tests_pass_and_come_to_every_step(path: Path) -> None:
    assert report(path).passed, str(report(path))
    assert report(path).results
    assert report(path).unreached == ()


@shipped
def test_it_is_named_as_its_file_and_speaks_three_languages(path: Path) -> None:
    flow = flow_of(path)
    assert flow.flow == path.stem
    assert flow.languages == LANGUAGES


@shipped
def test_no_two_languages_say_the_same(path: Path) -> None:
    """A prompt copied and not translated reads the same twice. Names (English, internet) may."""
    flow = flow_of(path)
    texts = [list(words.values()) for words in flow.prompts.values()]
    assert [said for said in texts if len({str(text) for text in said}) < len(LANGUAGES)] == []


@shipped
def test_who_presses_nothing_is_not_hung_up_on(path: Path) -> None:
    """Inbound flows only: in the calls that we place, silence is a voicemail."""
    flow = flow_of(path)
    if "attempt" not in flow.inputs:
        assert flow.defaults.on_fail is not None
        assert flow.steps[flow.defaults.on_fail].human


@shipped
def test_what_a_queue_offers_it_can_keep(path: Path) -> None:
    flow = flow_of(path)
    lines = [step for step in flow.steps.values() if isinstance(step, QueueStep)]
    assert all(step.on.callback for step in lines if step.callback)
    assert all(step.max_wait or path.stem == "starter" for step in lines)


@shipped
def test_what_identifies_a_person_is_sensitive_and_travels_in_a_body(path: Path) -> None:
    flow = flow_of(path)
    for step in flow.steps.values():
        if isinstance(step, Collect):
            assert step.sensitive or step.check != "cpf"
        if isinstance(step, Http):
            assert step.method == "POST"
            assert "{{" not in step.url


def test_the_starter_is_short_enough_to_read() -> None:
    assert len((FLOWS / "starter.yaml").read_text(encoding="utf-8").splitlines()) < 25


def test_the_telecom_takes_the_default_calls_of_an_installation() -> None:
    assert Settings().default_flow == "telecom"


def test_zero_is_a_person_in_every_menu_of_the_front_doors() -> None:
    for name in ("telecom", "clinic"):
        flow = flow_of(FLOWS / f"{name}.yaml")
        menus = [step for step in flow.steps.values() if isinstance(step, Menu)]
        assert flow.operator
        assert all("0" not in menu.keys or flow.steps[menu.keys["0"].to].human for menu in menus)


@shipped
def test_no_sensitive_digits_and_no_number_in_what_is_written_down(path: Path) -> None:
    flow = flow_of(path)
    shelf = Shelf({flow.flow: Published(flow, version_of("x"))})
    for test in flow.tests:
        phone = open_call(shelf, flow, test)
        phone.start()
        for item in test.script:
            play(phone, flow, item)
        written = json.dumps([event.as_fields() for event in phone.events])
        spoken = json.dumps([as_json(exchange.instruction) for exchange in phone.exchanges])
        assert "52998224725" not in written + spoken
        assert "28021980" not in written + spoken
        assert phone.session.number == "" or phone.session.number not in written
