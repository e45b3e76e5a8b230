"""The test runner: what a script may say, what a failure tells, and what the report counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.flow.load import load_flow
from ivr.trial import Report, run_tests, try_flow
from ivr.trial.forms import line_mistakes
from ivr.trial.script import ITEMS, mistakes
from ivr.trial.world import checked, typed

FLOW = """version: 1
flow: small
languages: [en]
entry: {default: main}
defaults: {on_fail: sales}
prompts: {hello: {en: Hello there.}}
steps:
  main: {type: menu, intro: hello, keys: {1: {label: {en: sales}, to: sales}, 2: crm, 3: pin}}
  sales: {type: queue, queue: sales, priority: 3, next: rate, on: {timeout: message}}
  crm: {type: http, url: https://crm.example/, timeout: 2s, save: {name: body.name}, next: sales, on_error: message}
  pin: {type: collect, prompt: {en: PIN.}, save: pin, digits: 4, sensitive: true, next: sales}
  rate: {type: survey, kind: csat, prompt: {en: Rate us.}, next: bye}
  message: {type: voicemail, box: desk, prompt: {en: Speak.}, next: bye}
  bye: {type: hangup}
tests:
"""


def report(script: str, **more: str) -> Report:
    extra = "".join(f"    {name}: {value}\n" for name, value in more.items())
    return try_flow(load_flow(f"{FLOW}  - name: one\n{extra}    script: {script}\n", "small.yaml"))


def failure(script: str, **more: str) -> str:
    [result] = report(script, **more).results
    assert len(result.problems) == 1, result
    return str(result.problems[0])


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "[{press: 1}, {hear: hello}]",
            'small.yaml:17:26: expected to hear "hello", heard "You are number 3 in line."; path: main > sales [failing-test]',
        ),
        (
            "[{not_hear: there}]",
            'small.yaml:17:14: expected not to hear "there", heard "Hello there. / For sales, press 1."; path: main [failing-test]',
        ),
        ("[{in_queue: sales}]", 'expected to wait in "sales", but at step "main" 1 digit(s) are waited for'),
        ("[{press: 1}, {in_queue: support}]", "expected queue support, found sales"),
        ("[{press: 1}, {in_queue: sales, priority: 5}]", "expected priority 5, found 3"),
        ("[{digits: 12}]", "2 digits, but 1 are waited for"),
        ("[{press: 1}, {press: 4}]", "key 4 does nothing on hold; keys: none"),
        ("[{wait: 5s}]", "nobody waits in line: 1 digit(s) are waited for"),
        ("[answer]", "the call is not on hold"),
        ("[{talk: 5s}]", "nobody is talked to"),
        ("[{press: 1}, answer, silence]", "silence does nothing: the caller talks to an agent"),
        ("[{voicemail: desk}]", 'expected a message into box "desk", but at step "main"'),
        ("[{press: 2}, {voicemail: other}]", "expected box other, found desk"),
        ("[{ended: done}]", "expected the call to have ended: done; 1 digit(s) are waited for"),
        ("[hang_up, {ended: done}]", "expected end done, found hung_up"),
        ("[hang_up, {press: 1}]", "the call has ended: hung_up"),
        ("[{lang: es}]", "expected language es, found en"),
        ("[{at: bye}]", "expected step bye, found main"),
        ("[{callback: {queue: sales}}]", "expected a callback to be booked; none was"),
        ('[{transfer: "+551130002099"}]', "expected +551130002099 to be rung, but 1 digit(s)"),
        ("[{set: {name: Ana}}]", 'expected variable name to be "Ana", found "None"'),
        ("[{press: 1}, answer, {talk: 5s}, {survey: 9}]", "expected score ['9'], found []"),
    ],
)
def test_a_failure_says_what_was_expected_and_what_came(script: str, told: str) -> None:
    assert told in failure(script)


def test_a_sensitive_value_is_not_told_in_a_failure() -> None:
    told = failure('[{press: 3}, {digits: "4021"}, {set: {pin: "1111"}}]')
    assert 'expected variable pin to be "1111", found another value' in told
    assert "4021" not in told


def test_every_mistake_of_a_script_is_told_and_nothing_is_played() -> None:
    [result] = report("[{pres: 1}, {wait: soon}, {in_queue: sales, prio: 1}, loud, {press: one}]").results
    assert result.path == ()
    told = [str(problem) for problem in result.problems]
    assert [problem.line for problem in result.problems] == [17] * 5
    assert 'unknown script item "pres"; did you mean "press"? expected one of "press"' in told[0]
    assert '"wait" needs a duration: 5s, 2m' in told[1]
    assert '"prio" cannot stand in an item "in_queue"; beside it may stand priority, skills' in told[2]
    assert 'unknown script item "loud"' in told[3]
    assert '"press" needs keys: 0-9, star, hash, or several digits' in told[4]


@pytest.mark.parametrize(
    "item",
    [None, "", 3, [], {}, ["press"], {"queue": {"wait": "long"}}, {"talk": "5s", "outcome": "well"}, {"silence": "5s"}],
)
def test_no_item_however_strange_is_played(item: Any) -> None:
    assert list(mistakes(item))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"joins": "full"}, 'the line is not asked "joins"; did you mean "join"?'),
        ({"join": "busy"}, '"busy" is no answer to "join"; expected one of "joined", "full", "no_agents", "closed"'),
        ({"number": ["ok", "bad"]}, '"bad" is no answer to "number"'),
        ({"queue": {"position": "first"}}, '"queue" needs {position, wait'),
    ],
)
def test_what_the_line_cannot_say_is_told(line: dict[str, Any], told: str) -> None:
    assert told in next(iter(line_mistakes(line)))


def test_answers_of_the_line_are_used_up_and_the_last_one_stays() -> None:
    assert report("[{press: 1}, {hear: Speak.}]", line="{join: full}").passed
    assert report("[{press: 1}, {in_queue: sales}]", line="{join: [joined, full]}").passed


@pytest.mark.parametrize(
    ("mock", "script"),
    [
        ("{crm: {body: {name: Ana}}}", "[{press: 2}, {set: {name: Ana}}, {in_queue: sales}]"),
        ("{crm: {code: 500}}", "[{press: 2}, {hear: Speak.}]"),
        ("{crm: {fail: true}}", "[{press: 2}, {hear: Speak.}]"),
        ("{crm: {delay: 3s}}", "[{press: 2}, {hear: Speak.}]"),
        ("{crm: {delay: 1s}}", "[{press: 2}, {in_queue: sales}]"),
        ("{}", "[{press: 2}, {hear: Speak.}]"),
    ],
)
def test_a_host_answers_as_the_test_says(mock: str, script: str) -> None:
    done = report(script, mock=mock)
    assert done.passed, str(done)


def test_the_report_names_what_no_test_came_to() -> None:
    done = report("[{press: 1}, answer, {talk: 60s}, {survey: 5}, {ended: done}]")
    assert done.passed
    assert done.unreached == ("crm", "pin", "message")
    assert str(done).splitlines() == [
        "ok      one",
        "small: 1 of 1 tests passed, 4 of 7 steps reached",
        "not reached: crm, pin, message",
    ]
    assert (done.tried.visited, done.tried.failed) == (frozenset({"main", "sales", "rate", "bye"}), {})


def test_a_failed_test_is_handed_to_lint() -> None:
    assert list(report("[{ended: done}]").tried.failed) == [0]


def test_a_file_that_does_not_load_tells_why() -> None:
    done = try_flow(load_flow("version: 1\nflow: x\n", "x.yaml"))
    assert not done.passed
    assert "x.yaml:1:1" in str(done)


def test_subflows_are_found_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "child.yaml").write_text(
        "version: 1\nflow: child\nlanguages: [en]\nentry: {default: a}\nsteps: {a: {type: hangup}}\n"
    )
    parent = tmp_path / "parent.yaml"
    parent.write_text(
        "version: 1\nflow: parent\nlanguages: [en]\nentry: {default: a}\n"
        "steps: {a: {type: subflow, flow: child, next: hangup}}\ntests: [{name: one, script: [{ended: done}]}]\n"
    )
    assert run_tests(parent).passed


def test_the_zone_of_the_first_hours_says_when_a_test_is() -> None:
    text = (
        "version: 1\nflow: f\nlanguages: [en]\nentry: {default: a}\n"
        "hours: {desk: {timezone: America/New_York, daily: 09:00-10:00}}\n"
        "steps: {a: {type: hours, hours: desk, open: o, closed: hangup}, o: {type: hangup, reason: open}}\n"
        "tests: [{name: one, call: {at: 2026-07-01 09:00}, script: [{ended: open}]}]\n"
    )
    assert try_flow(load_flow(text, "f.yaml")).passed


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("false", False), ("null", None), ("12", 12), ("-3", -3), ("12.5", 12.5), ("0800", "0800"), ("0", 0),
     ("1.2.3", "1.2.3"), ("2026-03-10", "2026-03-10"), ("", ""), ("12.", "12."), ({"a": ["1"]}, {"a": [1]})],
)  # fmt: skip
def test_a_mocked_body_has_the_types_that_json_has(text: Any, value: Any) -> None:
    assert typed(text) == value
    assert type(typed(text)) is type(value)


@pytest.mark.parametrize(
    ("number", "outcome"),
    [("+5511987654321", "ok"), ("1133334444", "ok"), ("12", "invalid"), ("", "invalid"), ("abc", "invalid")],
)
def test_numbers_are_read_as_dialled_at_home(number: str, outcome: str) -> None:
    assert checked(number).outcome == outcome


def test_every_item_is_explained_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "flows.md").read_text(encoding="utf-8")
    assert [name for name in ITEMS if name not in manual] == []
