"""Lint: each rule on its pair of files, silence on good flows, and an answer for any text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.flow.lint import RULES, FileReport, Known, Tried, check_file, seconds_to_human
from ivr.flow.lint.spoken import keys_said
from ivr.flow.load import load_flow
from ivr.flow.problems import Severity, render
from ivr.trial import run_tests

FLOWS = Path(__file__).parent.parent / "data" / "flows"
DOCS = Path(__file__).parent.parent.parent / "docs" / "lint.md"
PAIRS = sorted(FLOWS.glob("err/*.yaml"))
GOOD = sorted(FLOWS.glob("ok/*.yaml"))

OF_SHAPE = {
    "syntax",
    "duplicate-key",
    "yaml-feature",
    "unknown-field",
    "unknown-type",
    "bad-value",
    "missing-field",
    "bad-name",
    "reserved-name",
    "bad-hours",
}
"""What reading a file already finds; `missing-exit` is found there too when a required exit is not written."""

TRIED = {
    "failing-test": Tried(
        visited=frozenset({"main", "sales", "agent", "message", "bye"}),
        failed={0: 'expected "in_queue: front_desk", heard "Welcome."'},
    )
}


def known() -> Known:
    orders = FLOWS / "known" / "orders.yaml"
    flow = check_file(orders.read_bytes(), orders.name).flow
    assert flow is not None
    return Known(
        queues={"sales": frozenset({"english"}), "support": frozenset(), "front_desk": frozenset()},
        boxes=frozenset({"front_desk"}),
        flows={"orders": flow},
        http_hosts=frozenset({"crm.example.com"}),
        audio=FLOWS / "prompts",
    )


def report(path: Path) -> FileReport:
    return check_file(path.read_bytes(), path.name, known(), TRIED.get(path.stem))


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_one_mistake_gives_one_problem(path: Path) -> None:
    """The file named after a rule has one mistake, and lint says what stands beside it."""
    found = report(path)

    assert render(found.problems) + "\n" == path.with_suffix(".out").read_text()
    assert [problem.rule for problem in found.problems] == [path.stem]


def test_every_rule_has_its_pair() -> None:
    assert {path.stem for path in PAIRS} == OF_SHAPE | set(RULES)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_flows_are_clean(path: Path) -> None:
    found = check_file(path.read_bytes(), path.name)

    assert render(found.problems) == ""
    assert found.flow is not None


def test_a_flow_whose_tests_come_to_every_step_is_clean() -> None:
    path = FLOWS / "ok" / "aurora_example.yaml"
    tried = run_tests(path).tried

    assert render(check_file(path.read_bytes(), path.name, tried=tried).problems) == ""


def sections() -> dict[str, str]:
    parts = re.split(r"^### ", DOCS.read_text(), flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].strip("` "): part for part in parts}


def test_docs_explain_every_rule() -> None:
    assert set(sections()) == OF_SHAPE | set(RULES)


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_docs_show_what_lint_says(path: Path) -> None:
    """The example is from the rule's file, the output is what lint prints, the severity is the rule's."""
    section = sections()[path.stem]
    example, output = re.findall(r"^```(?:yaml|text)\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    severity = RULES[path.stem].severity if path.stem in RULES else Severity.ERROR

    assert output == path.with_suffix(".out").read_text()
    assert set(example.splitlines()) <= {*path.read_text().splitlines(), "..."}
    assert f"**{severity}**" in section


BASE = """\
version: 1
flow: demo
languages: [en]
entry: {default: main}
defaults: {on_fail: agent}
steps:
  main:
    type: menu
    keys:
      1: {label: {en: sales}, to: %s}
  agent: {type: queue, queue: front_desk, next: bye, on: {timeout: message}}
  message: {type: voicemail, prompt: {en: Leave a message.}, box: front_desk, next: bye}
  bye: {type: hangup}
%s
tests: [{name: silence, script: [silence]}]
"""


def found_in(to: str, steps: str, text: str = BASE, known: Known | None = None) -> list[str]:
    """The rules that speak for the base flow with more steps, each with its line."""
    problems = check_file(text % (to, steps), "demo.yaml", known).problems
    return [f"{problem.line} {problem.rule}" for problem in problems]


MORE = [
    ("a queue that falls back on itself when it is full", "agent2", "  agent2: {type: queue, queue: a, next: bye, on: {timeout: agent2}}", ["14 silent-loop"]),
    ("two queues that send the caller to and fro when full", "q1", "  q1: {type: queue, queue: a, next: bye, on: {full: q2, timeout: message}}\n  q2: {type: queue, queue: b, next: bye, on: {full: q1, timeout: message}}", ["15 silent-loop"]),
    ("a say that repeats itself", "again", "  again: {type: say, prompts: [{en: Hello.}], next: repeat}", ["14 silent-loop"]),
    ("a branch that counts its rounds is no endless loop", "reset", "  reset: {type: set, vars: {rounds: 0}, next: ask}\n  ask:\n    type: menu\n    keys: {1: {label: {en: yes}, to: agent}}\n    on_fail: count\n  count: {type: set, vars: {rounds: rounds + 1}, next: enough}\n  enough: {type: branch, when: [{if: rounds > 3, to: agent}], else: ask}", []),
    ("star and hash are keys like others, by name or quoted", "ask", "  ask:\n    type: menu\n    keys: {1: {label: {en: yes}, to: agent}, star: repeat, \"#\": back}", []),
    ("ranges of the same length that overlap", "ask", "  ask:\n    type: menu\n    keys: {1000-1999: agent, 15XX: message}", ["16 ambiguous-keys"]),
    ("extensions with another first digit than the keys", "ask", "  ask:\n    type: menu\n    keys: {1: {label: {en: yes}, to: agent}, 2XX: agent}", []),
    ("a variable that every way sets", "ask", "  ask: {type: collect, prompt: {en: Your number.}, save: account, digits: 4, next: told}\n  told: {type: say, prompts: [{en: \"It is {{ account | digits }}.\"}], next: agent}", []),
    ("a set step sets one variable after another", "one", "  one: {type: set, vars: {a: 1, b: a + 1}, next: two}\n  two: {type: branch, when: [{if: b > 1, to: agent}], else: message}", []),
    ("a set step that reads what it sets later", "one", "  one: {type: set, vars: {b: a + 1, a: 1}, next: two}\n  two: {type: branch, when: [{if: b > 1, to: agent}], else: message}", ["14 undefined-variable"]),
    ("a variable that nothing sets, with a likely name", "two", "  two: {type: branch, when: [{if: calller == '1', to: agent}], else: message}", ["14 undefined-variable"]),
    ("a length of a sensitive value gives nothing away", "ask", "  ask: {type: collect, prompt: {en: Your number.}, save: pin, digits: 4-8, sensitive: true, next: one}\n  one: {type: set, vars: {many: len(pin)}, next: told}\n  told: {type: say, prompts: [{en: \"It has {{ many }} digits.\"}], next: agent}", []),
    ("a sensitive value under another name", "ask", "  ask: {type: collect, prompt: {en: Your number.}, save: pin, digits: 4-8, sensitive: true, next: one}\n  one: {type: set, vars: {copy: pin}, next: told}\n  told: {type: say, prompts: [{en: \"It is {{ copy }}.\"}], next: agent}", ["16 sensitive-leak"]),
    ("a sensitive value in the body of a request", "ask", "  ask: {type: collect, prompt: {en: Your number.}, save: pin, digits: 4-8, sensitive: true, next: dip}\n  dip: {type: http, method: POST, url: \"https://crm.example.com/state\", body: {pin: \"{{ pin }}\"}, next: agent, on_error: agent}", []),
    ("a host that comes from a variable", "dip", "  dip: {type: http, url: \"https://{{ called }}.example.com/\", next: agent, on_error: agent}", ["14 url-not-allowed"]),
    ("an address that no library can take apart", "dip", "  dip: {type: http, url: \"https://[\", next: agent, on_error: agent}", ["14 url-not-allowed"]),
    ("a password in the address", "dip", "  dip: {type: http, url: \"https://ana:rosa1234@crm.example.com/\", next: agent, on_error: agent}", ["14 literal-secret"]),
    ("a language that lang never is", "two", "  two: {type: branch, when: [{if: lang == 'fr', to: agent}], else: message}", ["14 unknown-language"]),
    ("a switch to a language that is not declared", "two", "  two: {type: set, vars: {lang: \"'pt-BR' if lang == 'en' else 'en'\"}, next: agent}", ["14 unknown-language"]),
    ("conditions that exclude each other", "two", "  two: {type: branch, when: [{if: caller == '1' and caller == '2', to: agent}], else: message}", ["14 constant-condition"]),
    ("true by its name", "two", "  two: {type: branch, when: [{if: not true, to: agent}], else: message}", ["14 constant-condition"]),
    ("hours that no expression finds", "two", "  two: {type: branch, when: [{if: open('office'), to: agent}], else: message}", ["14 unknown-hours"]),
    ("the caller's own queue before there is one", "two", "  two: {type: branch, when: [{if: queue.wait > 60, to: agent}], else: message}", ["14 undefined-variable"]),
    ("an entry that leads to no step", "mian", "", ["10 unknown-target"]),
    ("an exit that steps of their own lead back into", "back", "", []),
    ("a case that is taken by none before it", "two", "  two: {type: branch, when: [{if: lang == 'en', to: agent}, {if: caller == '1', to: message}], else: bye}", []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "to", "steps", "rules"), MORE, ids=[row[0] for row in MORE])
def test_rules_meet_their_edges(name: str, to: str, steps: str, rules: list[str]) -> None:
    assert found_in(to, steps) == rules


SAID = [
    ("Para vendas, digite 1; para suporte, tecle 2.", ["1", "2"]),
    ("Para ventas, marque 1 o 2. Para salir, oprima la tecla asterisco.", ["1", "2", "*"]),
    ("For sales, press one. For the desk, dial zero.", ["1", "0"]),
    ("Press 1, 2 or 3, then hash.", ["1", "2", "3"]),
    ("Press 1 for sales, 2 for support, or 0 to hear this again.", ["1", "2", "0"]),
    ("Tecle 1 para vendas, 2 para suporte e 0 para falar com alguém.", ["1", "2", "0"]),
    ("Para vendas, digite 1 ou, para suporte, 2.", ["1", "2"]),
    ("Presione la tecla de asterisco.", ["*"]),
    ("Digite 1 para o plano de 2, 3 ou 5 gigas.", ["1"]),
    ("Pressione a tecla jogo da velha.", ["#"]),
    ("Digite os 11 números do seu CPF.", []),
    ("Digite 11 números.", []),
    ("Press one of the keys.", []),
    ("Digite um número.", []),
    ("Aperte três para ouvir de novo.", ["3"]),
    ("We have 3 offices. The press is welcome.", []),
]


@pytest.mark.parametrize(("text", "keys"), SAID, ids=[row[0] for row in SAID])
def test_keys_are_heard_in_three_languages(text: str, keys: list[str]) -> None:
    assert [said.key for said in keys_said(text)] == keys


def test_a_caller_without_a_keypad_is_not_hung_up_on() -> None:
    text = BASE.replace("keys:\n", "on_silence: hangup\n    keys:\n") % ("agent", "")

    assert [(p.line, p.rule) for p in check_file(text, "demo.yaml").problems] == [(9, "no-human")]


def test_who_has_pressed_keys_may_be_hung_up_on() -> None:
    """A menu behind a key: its silence is a caller who has heard enough."""
    steps = "  ask:\n    type: menu\n    keys: {1: {label: {en: yes}, to: agent}}\n    on_silence: hangup"

    assert found_in("ask", steps) == []


def test_a_step_that_cannot_be_read_hides_no_other_mistake() -> None:
    """Errors of shape and of names are told together; what needs the whole flow waits."""
    steps = "  ask: {type: menu, kyes: {1: agent}}\n  lost: {type: say, prompts: [hello], next: buy}"

    assert found_in("ask", steps) == ["14 unknown-field", "15 unknown-prompt", "15 unknown-target"]


def test_a_sensitive_value_is_followed_into_a_subflow() -> None:
    """The flow `orders` speaks the account that it is given."""
    steps = """\
  ask: {type: collect, prompt: {en: Your number.}, save: pin, digits: 4-8, %s next: orders}
  orders: {type: subflow, flow: orders, with: {account: pin}, next: agent}"""

    assert found_in("ask", steps % "sensitive: true,", known=known()) == ["15 sensitive-leak"]
    assert found_in("ask", steps % "", known=known()) == []


def test_a_sensitive_number_is_not_read_back() -> None:
    steps = """\
  ask: {type: collect, prompt: {en: Your number.}, save: pin, digits: 4, sensitive: true, confirm: true, next: look}
  look: {type: branch, when: [{if: len(pin) == 4, to: agent}], else: message}"""

    assert found_in("ask", steps) == ["14 sensitive-leak"]


def test_calls_that_we_place_bring_their_person() -> None:
    """A flow that takes `attempt` may hang up on silence and say no word of an operator."""
    text = BASE.replace("flow: demo\n", "flow: demo\ninputs: [attempt]\n").replace(
        "keys:\n", "on_silence: hangup\n    keys:\n"
    )

    assert [p.rule for p in check_file(text % ("agent", ""), "demo.yaml").problems] == []


@pytest.mark.parametrize(
    ("comment", "rules"),
    [
        ("# lint: ignore=unreachable it is for the spring", []),
        ("# lint: ignore=unreachable", ["14 bad-ignore", "14 unreachable"]),
        ("# lint: ignore=unreachable,no-human for the spring", ["14 unused-ignore"]),
        ("# lint: ignore=no-human for the spring", ["14 unreachable", "14 unused-ignore"]),
    ],
)
def test_a_comment_silences_a_rule_on_its_line_with_a_reason(comment: str, rules: list[str]) -> None:
    found = found_in("agent", f"  spring: {{type: hangup}} {comment}")

    assert sorted(found) == rules


def test_a_comment_alone_is_about_the_next_line() -> None:
    assert found_in("agent", "  # lint: ignore=unreachable it is for the spring\n  spring: {type: hangup}") == []


def test_unreached_steps_are_told_one_by_one() -> None:
    checked = check_file(BASE % ("agent", ""), "demo.yaml", tried=Tried(frozenset({"main", "agent"})))

    assert [(p.line, p.rule) for p in checked.problems] == [(12, "untested-step"), (13, "untested-step")]


def test_time_to_human_adds_up_what_is_said() -> None:
    """`For sales, press 1`: four words at 150 a minute."""
    checked = load_flow(BASE % ("agent", ""), "demo.yaml")
    assert checked.flow is not None

    assert seconds_to_human(checked.flow, checked.loaded) == {"en": pytest.approx(1.6)}


LINES = {path: path.read_text().splitlines() for path in [*GOOD, *PAIRS]}


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A flow file in which lines are dropped, doubled, swapped for lines of other files, or cut and joined."""
    lines = list(draw(st.sampled_from(list(LINES.values()))))
    others = draw(st.sampled_from(list(LINES.values())))
    for _ in range(draw(st.integers(1, 6))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["drop", "double", "replace", "cut", "word"])):
            case "drop":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "replace":
                lines[at] = draw(st.sampled_from(others))
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
            case "word":
                words = re.findall(r"\w+", "\n".join(others)) or ["x"]
                lines[at] = re.sub(r"\w+", draw(st.sampled_from(words)), lines[at], count=1)
    return "\n".join(lines)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mutated())
def test_lint_answers_for_any_file(text: str) -> None:
    """Whatever an editor holds while its author types: problems, never a traceback, each within the file."""
    found = check_file(text, "typing.yaml", known())

    assert found.flow is not None or found.problems
    assert all(1 <= problem.line <= text.count("\n") + 1 and problem.col >= 1 for problem in found.problems)
