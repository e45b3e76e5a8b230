"""Where a call can go: written exits, the exits that nobody wrote, and what reserved targets stand for."""

from __future__ import annotations

import pytest

from ivr.flow.graph import END, UNKNOWN, Cause, cause_of, effective_exits, fallback, graph_of
from ivr.flow.load import load_flow
from ivr.flow.model import Flow

FLOW = """\
version: 1
flow: demo
languages: [en]
entry: {default: main}
%s
steps:
  main: {type: menu, keys: {1: ask, 2: opening, star: repeat, hash: back, 9: restart}}
  ask: {type: collect, prompt: {en: Your number.}, save: account, digits: 4, next: told}
  told: {type: menu, keys: {1: line, hash: back}, on_fail: main, on_silence: bye}
  opening: {type: hours, hours: office, open: line, closed: bye}
  line: {type: queue, queue: sales, callback: {offer_after: 60s}, next: bye, on: {callback: ring, timeout: desk}}
  other: {type: queue, queue: sales, next: bye}
  ring: {type: callback, queue: sales, next: bye, on: {declined: line}}
  desk: {type: transfer, to: "200", next: bye, on: {busy: word}}
  word: {type: voicemail, box: front, prompt: {en: Your message.}, next: bye}
  bye: {type: hangup}
"""


def flow(defaults: str = "defaults: {on_fail: other}\noperator: desk") -> Flow:
    text = FLOW % f"{defaults}\nhours: {{office: {{timezone: America/Sao_Paulo, mon-fri: 08:00-18:00}}}}"
    checked = load_flow(text, "demo.yaml")
    assert checked.flow is not None, checked.problems
    return checked.flow


@pytest.mark.parametrize(
    ("step", "exit_name", "target"),
    [
        ("main", "key 1", "ask"),
        ("main", "on_silence", "other"),
        ("main", "on_invalid", "other"),
        ("main", "operator", "desk"),
        ("told", "on_silence", "bye"),
        ("told", "on_invalid", "main"),
        ("ask", "on_fail", "other"),
        ("opening", "holiday", "bye"),
        ("line", "timeout", "desk"),
        ("line", "full", "desk"),
        ("line", "closed", "desk"),
        ("line", "exit", None),
        ("other", "timeout", "other"),
        ("ring", "declined", "line"),
        ("ring", "duplicate", "other"),
        ("desk", "busy", "word"),
        ("desk", "no_answer", "other"),
        ("word", "empty", "bye"),
        ("word", "failed", "other"),
    ],
)
def test_an_exit_that_nobody_wrote_falls_back_in_one_order(step: str, exit_name: str, target: str | None) -> None:
    demo = flow()

    assert fallback(demo, demo.steps[step], exit_name) == target


def test_without_a_default_a_failure_leads_nowhere() -> None:
    demo = flow("")

    assert fallback(demo, demo.steps["main"], "on_silence") is None
    assert fallback(demo, demo.steps["other"], "full") is None
    assert fallback(demo, demo.steps["word"], "failed") == "bye"


def test_effective_exits_are_the_written_ones_and_those_that_a_call_may_still_take() -> None:
    exits = {found.name: (found.target, bool(found.path)) for found in effective_exits(flow(), "line")}

    assert exits == {
        "next": ("bye", True),
        "callback": ("ring", True),
        "timeout": ("desk", True),
        "full": ("desk", False),
        "closed": ("desk", False),
    }


def test_reserved_targets_are_the_steps_they_stand_for() -> None:
    """`back` is the nearest menu or collect before, `repeat` the step itself, `restart` the entry."""
    edges = graph_of(flow()).edges

    assert [edge.target for edge in edges["main"] if edge.named == "repeat"] == ["main"]
    assert [edge.target for edge in edges["main"] if edge.named == "restart"] == ["main"]
    assert [edge.target for edge in edges["told"] if edge.named == "back"] == ["ask"]
    assert [edge.target for edge in edges["bye"]] == [END]


def test_a_misspelt_target_stands_for_the_step_it_resembles() -> None:
    text = FLOW.replace("1: line, hash", "1: lien, 3: qqqq, hash") % "defaults: {on_fail: other}\nhours: {}"
    checked = load_flow(text, "demo.yaml")
    assert checked.flow is not None

    targets = {edge.named: edge.target for edge in graph_of(checked.flow).edges["told"]}
    assert (targets["lien"], targets["qqqq"]) == ("line", UNKNOWN)


@pytest.mark.parametrize(
    ("step", "exit_name", "cause"),
    [
        ("opening", "closed", Cause.AT_ONCE),
        ("line", "full", Cause.AT_ONCE),
        ("line", "timeout", Cause.CALLER),
        ("line", "next", Cause.CALLER),
        ("main", "key 1", Cause.CALLER),
        ("main", "on_silence", Cause.SILENCE),
        ("main", "on_invalid", Cause.CALLER),
        ("ask", "on_fail", Cause.SILENCE),
        ("ring", "declined", Cause.SILENCE),
        ("ring", "full", Cause.AT_ONCE),
        ("word", "empty", Cause.SILENCE),
        ("word", "next", Cause.CALLER),
    ],
)
def test_what_makes_a_call_leave(step: str, exit_name: str, cause: Cause) -> None:
    assert cause_of(flow().steps[step], exit_name) is cause


def test_a_loop_is_found_once_by_its_shortest_way_round() -> None:
    graph = graph_of(flow())

    assert graph.cycles(lambda _, edge: edge.cause is Cause.AT_ONCE) == [("other",)]
    assert "bye" in graph.reached(["word"])
    assert "desk" in graph.leading_to([END])
