"""Loading: every scalar stays text, every mistake is told once, where it is mended."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.load import load_flow, load_yaml, version_of
from ivr.flow.problems import Format, Problem, Severity, closest, expected, render, sort

GOOD = """\
version: 1
flow: small
languages: [en]
entry: {default: hello}
steps:
  hello: {type: say, prompts: [{en: hi}], next: bye}
  bye: {type: hangup}
"""


def told(text: str | bytes) -> list[str]:
    return [str(problem) for problem in load_flow(text, "f.yaml").problems]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} must stand once"
    return GOOD.replace(old, new)


def test_a_good_file_is_a_flow() -> None:
    checked = load_flow(GOOD, "f.yaml")
    assert checked.problems == []
    assert checked.flow is not None
    assert checked.flow.steps["hello"].type == "say"


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("v: 22:00", "22:00"),
        ("v: on", "on"),
        ("v: no", "no"),
        ("v: 0800", "0800"),
        ("v: 2026-12-24", "2026-12-24"),
        ("v: 1e3", "1e3"),
        ("v: null", "null"),
        ("v: ~", "~"),
        ("v: 0x1F", "0x1F"),
        ("v: 1_000", "1_000"),
        ("v:", ""),
    ],
)
def test_a_scalar_stays_as_typed(line: str, read: str) -> None:
    assert load_yaml(line, "f").data == {"v": read}


@pytest.mark.parametrize("key", ["on", "no", "+551130001000", "0800", "22:00", "y", "1"])
def test_a_key_stays_as_typed(key: str) -> None:
    assert load_yaml(f"{key}: x", "f").data == {key: "x"}


def test_numbers_keep_their_plus_and_zeros_as_entries() -> None:
    checked = load_flow(changed("default: hello", "+551130001000: hello, 0800: hello, default: hello"), "f")
    assert checked.flow is not None
    assert list(checked.flow.entry) == ["+551130001000", "0800", "default"]


def test_positions_of_keys_and_values_count_from_one() -> None:
    loaded = load_yaml("a:\n  - b: x\n    c:   é\n", "f")
    assert loaded.positions[("a", 0, "c")] == (3, 10, 3, 5)
    assert loaded.positions[("a", 0)] == (2, 5, 2, 5)
    assert loaded.at(("a", 0, "nowhere", 3)) == loaded.positions[("a", 0)]


def test_star_and_hash_are_found_under_their_signs() -> None:
    loaded = load_yaml("keys: {star: a, hash: b}", "f")
    assert loaded.at(("keys", "*")).col == 14
    assert loaded.at(("keys", "#")).col == 23


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", '2:1: the key "a" is given twice; first given at line 1, column 1 [duplicate-key]'),
        (
            "k: {star: x, '*': y}",
            '1:14: the key "*" is given twice; first given at line 1, column 5 [duplicate-key]',
        ),
        ("a: &x 1", "1:4: the anchor &x is not allowed; write the value out where it is needed [yaml-feature]"),
        ("a: *x", "1:4: the alias *x is not allowed; write the value out; for the star key write star [yaml-feature]"),
        ("a: !!int 3", "1:4: the tag !!int is not allowed; leave it out: every value is read as text [yaml-feature]"),
        ("a: !x 3", "1:4: the tag !x is not allowed; leave it out: every value is read as text [yaml-feature]"),
        ("<<: x", "1:1: the merge key << is not allowed; write the values out where they are needed [yaml-feature]"),
        (
            "a: 1\n---\nb: 2",
            "2:1: a second document is not allowed; one file holds one document: leave `---` out [yaml-feature]",
        ),
        (
            "%YAML 1.1\n---\na: 1",
            "2:1: a directive is not allowed; leave the lines that begin with % out [yaml-feature]",
        ),
        ("a:\n\tb: 1", "2:1: a tab cannot indent; use spaces [syntax]"),
        ("a: 1\n*: repeat", '2:1: a bare * cannot be a key; write `star:` (or "*":) [syntax]'),
        ("k: {1: a, *: b}", '1:11: a bare * cannot be a key; write `star:` (or "*":) [syntax]'),
        ("k:\n  #: back\n  1: b", '2:3: a bare # cannot be a key; write `hash:` (or "#":) [syntax]'),
        ("k: {1: a, #: b}\nc: d", '1:11: a bare # cannot be a key; write `hash:` (or "#":) [syntax]'),
        (
            "t: {{ name }}",
            '1:5: a list or mapping cannot be a key; text that begins with {{ is put in quotes: "{{ name }}" [syntax]',
        ),
        (
            "t: a: b",
            '1:5: not YAML here: mapping values are not allowed here; text with ": " in it is put in quotes: "..." [syntax]',
        ),
        ("", "1:1: the file is empty; start from `retorno flow new` [syntax]"),
        ("  \n# only a comment\n", "1:1: the file is empty; start from `retorno flow new` [syntax]"),
        ("a: x\x01", "1:5: the character U+0001 cannot stand here [syntax]"),
        (b"a: \xff", "1:1: not UTF-8 text (byte 4); save the file as UTF-8 [syntax]"),
        ("a: " + "x" * 300_000, "1:1: 292 KB is too large; at most 256 KB; split it into subflows [syntax]"),
        ("[" * 60 + "]" * 60, "1:22: nested deeper than 20 levels; flatten it, or use subflows [syntax]"),
    ],
)
def test_what_a_file_may_not_do_is_told_once(text: str | bytes, problem: str) -> None:
    assert [str(p) for p in load_yaml(text, "f").problems] == [f"f:{problem}"]


def test_signs_within_a_text_are_only_text() -> None:
    assert load_yaml("t: |\n  one\n  #: back\n  *: two\nb: 1", "f").problems == []
    assert load_yaml("# key: what it does\n#: see the manual\na: 1", "f").problems != [], "a lost key is told"


def test_an_alias_bomb_is_refused_without_growing() -> None:
    bomb = "a: &a [x,x]\n" + "".join(f"{c}: &{c} [*{p},*{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    assert all(p.rule == "yaml-feature" for p in load_yaml(bomb, "f").problems)


def test_a_byte_order_mark_and_crlf_do_not_matter() -> None:
    assert told(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()) == []


ONE_MISTAKE = [
    ("type: say", "type: sya", '6:17: unknown step type "sya"; did you mean "say"? expected one of "say", "menu"'),
    ("type: say, ", "", '6:3: step "hello" has no "type"; expected one of "say", "menu", "collect"'),
    (", next: bye", "", '6:3: say step "hello" has no exit "next" [missing-exit]'),
    ("next: bye", "nxt: bye", '6:43: unknown field "nxt" in say step "hello"; did you mean "next"? expected one of'),
    ("next: bye", "next: ", '6:43: "next" has no value; expected a name'),
    ("next: bye", "next: Bye now", '6:49: "Bye now" is not a name; expected a-z, 0-9 and _'),
    ("en: hi", "en: {audio: x.wav}", '6:33: "en" has no "text" [missing-field]'),
    ("en: hi", "en: {audio: x.doc, text: hi}", '6:45: "x.doc" cannot stand here; expected a file below flows/prompts'),
    ("en: hi", "en: [hi]", "6:37: a list cannot stand here; expected text [bad-value]"),
    ("en: hi", "english: hi", '6:33: "english" cannot stand here; expected a language: pt-BR, en, es [bad-value]'),
    (
        "[{en: hi}]",
        "[Say hello]",
        '6:32: "Say hello" is not the name of a prompt; expected a name, or words by language',
    ),
    ("[{en: hi}]", "[]", "6:31: a list cannot stand here; expected at least 1 [bad-value]"),
    ("[{en: hi}]", "hi", '6:31: "hi" cannot stand here; expected a list: [a, b] [bad-value]'),
    ("bye: {", "Bye: {", '7:3: "Bye" is not a name; expected a-z, 0-9 and _'),
    ("bye: {", "back: {", '7:3: "back" is a target of its own and cannot name a step [reserved-name]'),
    ("{type: hangup}", "hangup", '7:8: "hangup" cannot stand here; expected a mapping'),
    ("version: 1", "version: 2", '1:10: "2" cannot stand here; expected "1" [bad-value]'),
    ("version: 1\n", "", '1:1: the file has no "version" [missing-field]'),
    (
        "flow: small",
        "flow: small\nhours: {o: {timezone: UTC, mno: 24h}}",
        '3:28: "mno" is not a day; did you mean "mon"?',
    ),
    ("flow: small", "flow: small\nhours: {o: {mon: 24h}}", '3:9: "o" has no "timezone" [missing-field]'),
    ("flow: small", "flow: small\ndefaults: {timeout: 5}", '3:21: "5" is not a duration; write a number with its unit'),
    (
        "flow: small",
        "flow: small\ndefaults: {timeout: 5h}",
        '3:21: "5h" cannot stand here; expected at most 1m [bad-value]',
    ),
    ("flow: small", "flow: small\ndefaults: {tries: many}", '3:19: "many" cannot stand here; expected a whole number'),
    ("flow: small", "flow: small\ndefaults: {tries: 99}", '3:19: "99" cannot stand here; expected at most 10'),
    (
        "flow: small",
        "flow: small\ndefaults: {barge_in: maybe}",
        '3:22: "maybe" cannot stand here; expected true or false',
    ),
    (
        "flow: small",
        "flow: small\ninputs: [now]",
        '3:10: "now" has a meaning in expressions and cannot name a variable',
    ),
    ("default: hello", "55 11: hello", '4:9: "55 11" cannot stand here; expected a dialled number with +'),
    ("default: hello", "default: {lang: en}", '4:9: "default" has no exit "to" [missing-exit]'),
    ("{type: hangup}", "{type: menu, keys: {44x: hello}}", '7:28: "44x" is not a key; expected 0-9, star, hash'),
    ("{type: hangup}", "{type: menu, keys: {5-2: hello}}", '7:28: "5-2" is not a range; both ends need as many digits'),
    (
        "{type: hangup}",
        "{type: queue, queue: q, next: hello, on: {ful: hello}}",
        '7:50: unknown field "ful" in "on"; did you mean "full"?',
    ),
    (
        "{type: hangup}",
        "{type: branch, when: [{if: x}], else: hello}",
        '7:30: item 1 of "when" has no exit "to" [missing-exit]',
    ),
    (
        "{type: hangup}",
        "{type: branch, when: [{if: '', to: hello}], else: hello}",
        '7:35: "if" has no value; expected at least 1',
    ),
    (
        "{type: hangup}",
        "{type: survey, kind: cst, prompt: a, next: hello}",
        '7:29: "cst" cannot stand here; did you mean "csat"?',
    ),
    ("{type: hangup}", "{type: transfer, to: 5, next: hello}", '7:29: "5" cannot stand here; expected '),
]


@pytest.mark.parametrize(
    ("old", "new", "problem"), ONE_MISTAKE, ids=[new or f"no {old}" for old, new, _ in ONE_MISTAKE]
)
def test_one_mistake_is_one_problem_at_its_place(old: str, new: str, problem: str) -> None:
    found = told(changed(old, new))
    assert len(found) == 1, found
    assert found[0].startswith(f"f.yaml:{problem}"), found[0]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = changed("{type: hangup}", "{type: survey, kind: x, prompt: A B, scale: 9, next: bye, colour: red}")
    found = load_flow(text.replace("type: say", "type: sya"), "f.yaml").problems
    assert [(p.line, p.rule) for p in found] == [
        (6, "unknown-type"),
        (7, "bad-value"),
        (7, "bad-name"),
        (7, "bad-value"),
        (7, "unknown-field"),
    ]


def test_a_file_with_an_error_is_no_flow() -> None:
    assert load_flow(changed("flow: small", "flow: small\nflow: other"), "f").flow is None


def test_fields_go_by_the_names_of_the_file_only() -> None:
    found = told(changed("{type: hangup}", "{type: branch, when: [{test: x, to: bye}], else: bye}"))
    assert any('unknown field "test"' in problem for problem in found)


def test_the_version_is_a_hash_of_the_text() -> None:
    assert version_of("a") == "ca978112ca1bbdca"
    assert version_of("a") != version_of("a ")


def test_problems_are_rendered_for_people_programs_and_pull_requests() -> None:
    late = Problem("f,1.yaml", 9, 2, "50% wrong", "bad-value", Severity.WARNING, 'expected "a"')
    early = Problem("f,1.yaml", 2, 1, "lost", "syntax")
    assert sort([late, early]) == [early, late]
    assert (
        render([late, early])
        == 'f,1.yaml:2:1: lost [syntax]\nf,1.yaml:9:2: warning: 50% wrong; expected "a" [bad-value]'
    )
    assert [p["line"] for p in json.loads(render([late, early], Format.JSON))] == [2, 9]
    assert render([late], Format.GITHUB) == (
        '::warning file=f%2C1.yaml,line=9,col=2,title=bad-value::50%25 wrong; expected "a"'
    )


def test_what_was_meant_is_guessed_only_when_near() -> None:
    assert closest("q_sale", ["q_sales", "bye"]) == "q_sales"
    assert closest("zzz", ["q_sales", "bye"]) is None
    assert expected(["a", "b"]) == 'expected one of "a", "b"'
    assert expected([]) == "none is defined"


@given(st.text(max_size=200))
def test_no_text_makes_the_loader_raise(text: str) -> None:
    checked = load_flow(text, "f")
    assert checked.flow is None
    assert checked.problems


@given(st.integers(0, len(GOOD) - 1), st.text(alphabet="{}[]:,#*&!|>'\"%@`\t\n -?ax1\\", max_size=3), st.integers(0, 5))
def test_no_damage_makes_the_loader_raise(at: int, put: str, cut: int) -> None:
    text = GOOD[:at] + put + GOOD[at + cut :]
    checked = load_flow(text, "f")
    assert (checked.flow is None) == any(p.severity is Severity.ERROR for p in checked.problems)
    lines = text.count("\n") + 2
    assert all(1 <= p.line <= lines and p.col >= 1 for p in checked.problems)
