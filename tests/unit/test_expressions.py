"""Expressions: what they mean, and that nothing an author writes can hurt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.facts import QueueFacts
from ivr.flow.expressions import Environment, ExpressionError, Sensitive, Slot, parse, parse_template
from ivr.flow.hours import Hours

CPF = "52998224725"
OFFICE = Hours.model_validate({"timezone": "America/Sao_Paulo", "mon-fri": "08:00-18:00"})
TUESDAY_10H = 1_773_147_600_000  # 2026-03-10 10:00 in Sao Paulo

ENVIRONMENT = Environment(
    variables={
        "customer": {"tier": "gold", "debt": 12.5, "disputed": False, "tags": ["new", 7], "none": None},
        "age": "42",
        "zero": "0",
        "empty": "",
        "cpf": Sensitive(CPF),
        "huge": 10**400,
        "nan": float("nan"),
        "items": ["a", "3"],
    },
    lang="pt-BR",
    caller="+5511988887777",
    called="+551130001000",
    now_ms=TUESDAY_10H,
    hours={"office": OFFICE},
    queue=lambda name: QueueFacts(waiting=4, agents=2, wait_s=None if name == "new" else 240),
    own_queue="sales",
)


def value(text: str) -> Any:
    return parse(text).evaluate(ENVIRONMENT)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("customer.tier in ['gold', 'vip'] and not customer.disputed", True),
        ("'en' if lang == 'pt-BR' else 'pt-BR'", "en"),
        ("lang", "pt-BR"),
        ("starts(caller, '+5511')", True),
        ("ends(called, '1000')", True),
        ("now", TUESDAY_10H),
        ("now.time", "10:00"),
        ("now.date", "2026-03-10"),
        ("now.weekday", "tue"),
        ("now.hour * 60 + now.minute", 600),
        ("now.year", 2026),
        ("hours.office", True),
        ("open('office')", True),
        ("open(office)", True),
        ("queue.billing.waiting", 4),
        ("queue.billing.agents", 2),
        ("queue.billing.wait > 120", True),
        ("queue.new.wait > 120", False),
        ("queue.wait", 240),
        # a number equals its text; two texts are compared as texts
        ("age == 42", True),
        ("42 == age", True),
        ("age == '042'", False),
        ("age != 41", True),
        ("zero == false", False),
        ("true == 1", False),
        ("customer.debt == '12.5'", True),
        # order: numbers by size, also as text; unlike things and None never
        ("age < 100", True),
        ("'9' < '10'", True),
        ("'b' > 'a'", True),
        ("'2026-03-09' < now.date", True),
        ("null < 3", False),
        ("null >= null", False),
        ("customer.none > 0", False),
        ("'abc' < 3", False),
        ("customer < 3", False),
        ("1 < age < 50", True),
        # missing parts are None, not errors
        ("customer.address", None),
        ("customer.address.city == null", True),
        ("age.part", None),
        ("customer.address or 'nobody'", "nobody"),
        ("'new' in customer.tags", True),
        ("'7' in customer.tags", True),
        ("3 in items", True),
        ("'x' not in null", True),
        ("'tier' in customer", True),
        ("'go' in customer.tier", True),
        ("1 + 2 * 3 - 4", 3),
        ("7 // 2 + 7 % 2", 4),
        ("-age", -42),
        ("age / 4", 10.5),
        ("digits('(11) 98888-7777')", "11988887777"),
        ("digits(null)", ""),
        ("len('abc') + len(customer.tags) + len(null)", 5),
        ("int(' 7 ')", 7),
        ("int(customer.debt)", 12),
        ("round(customer.debt)", 13),
        ("round(-2.5)", -3),
        ("round(1.005, 1)", 1.0),
        ("lower('ÁB')", "áb"),
        ("upper(lang)", "PT-BR"),
        ("contains(customer.tags, 'new')", True),
        ("between(age, 18, 65)", True),
        ("between(now.time, '08:00', '18:00')", True),
        ("between(now.time, '22:00', '06:00')", False),
        ("between('23:10', '22:00', '06:00')", True),
        ("between('06:00', '22:00', '06:00')", True),
        ("between(null, 1, 2)", False),
        ("empty or zero", "0"),
        ("none", None),
        ("huge > 3", False),
        ("nan == nan", False),
        ("customer.tier in [\n  'gold'\n]", True),
    ],
)
def test_what_an_expression_means(text: str, result: Any) -> None:
    found = value(text)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("customer.tier == tier and not open('office')", {"customer", "tier", "hours.office"}),
        ("queue.sales.wait > queue.wait", {"queue.sales.wait", "queue.wait"}),
        ("lang == 'en' or now.hour > 8", {"lang", "now.hour"}),
        ("true and 'customer' and len([])", set()),
    ],
)
def test_the_names_are_known_before_a_call(text: str, names: set[str]) -> None:
    assert parse(text).names == names


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("().__class__", "parts can be taken of names only", 1),
        ("customer.__class__", "is not a name", 1),
        ("lang.__class__.__mro__", "is not a name", 1),
        ("_secret", "is not a name", 1),
        ("__import__('os')", "unknown function", 1),
        ("eval('1')", "unknown function", 1),
        ("print(1)", "unknown function; expected one of open, starts", 1),
        ("customer.get('x')", "unknown function", 1),
        ("'x'.join(items)", "unknown function", 1),
        ("(lambda: 1)()", "unknown function", 1),
        ("lambda: 1", "a lambda cannot be used here", 1),
        ("9**9**9", "this operator cannot be used here", 1),
        ("1 << 90", "this operator cannot be used here", 1),
        ("~1", "this operator cannot be used here", 1),
        ("[x for x in items]", "a comprehension cannot be used here", 1),
        ("{1: 2}", "a mapping cannot be used here", 1),
        ("(1, 2)", "a tuple", 1),
        ("f'{lang}'", "an f-string cannot be used here", 1),
        ("b'x'", "expected text, a number", 1),
        ("...", "expected text, a number", 1),
        ("1j", "expected text, a number", 1),
        ("1e999", "the number is too large", 1),
        ("9" * 40, "the number is too large", 1),
        ("(x := 1)", ":= cannot be used here", 2),
        ("items[0]", "[ ] after a value cannot be used here", 1),
        ("lang is null", "write == or != instead of is", 1),
        ("age = 3", "one = sets, two compare: write ==", 5),
        ("a && b", "write and instead of &&", 4),
        ("a || b", "write or instead of ||", 4),
        ("1 +", "not an expression here", 1),
        ("", "empty; expected an expression", 1),
        ("'ó' == é", "is not a name", 8),
        ("len(1, 2)", "len() takes 1 argument", 1),
        ("round()", "round() takes 1 or 2 arguments", 1),
        ("len(x=1)", "arguments have no names here", 1),
        ("len", "len is a function", 1),
        ("open(3)", 'open() takes the name of an hours object: open("office")', 6),
        ("now > 5", "compare now.time", 1),
        ("between(now, 1, 2)", "use now.time", 9),
        ("now.epoch", "now has only date, time", 1),
        ("queue.sales", "write queue.<name>.waiting", 1),
        ("hours", "write hours.<name>", 1),
        ("lang.x", "lang has no parts", 1),
        ("a\\b", "a backslash cannot be used", 2),
        ("not " * 60 + "1", "too long or nested too deep", 85),
        ("1" + "+1" * 149, "too long or nested too deep", 1),
        ("x" * 301, "longer than 300 characters", 301),
        ("\x00", "not an expression here", 1),
    ],
)
def test_what_cannot_be_written_is_refused_at_its_column(text: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.column == column or not column


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nobody", '"nobody" is not set'),
        ("'a' * 1000000", "numbers are needed here, not text"),
        ("'a' + 'b'", "numbers are needed here, not text"),
        ("[1] * 3", "numbers are needed here, not a list"),
        ("true + 1", "numbers are needed here, not true or false"),
        ("null + 1", "numbers are needed here, not nothing"),
        ("huge + 1", "numbers are needed here, not a number"),
        ("999999999999999 * 999999999999999", "the number is too large"),
        ("1 / 0", "division by zero"),
        ("1 // zero", "division by zero"),
        ("1 % 0", "division by zero"),
        ("int('seven')", "int() needs a number, not text"),
        ("round(1, 99)", "round() keeps 0 to 6 decimals"),
        ("open('shop')", 'there is no hours object "shop"'),
        ("int(cpf)", "int() needs a number, not a sensitive value"),
        ("cpf + 1", "a sensitive value cannot be calculated with"),
        ("[cpf]", "a sensitive value cannot stand in a list"),
    ],
)
def test_what_has_no_value_is_said_without_showing_values(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text)
    assert message in str(caught.value)
    assert CPF not in str(caught.value)


def test_a_number_too_large_for_us_is_told_as_such() -> None:
    with pytest.raises(ExpressionError, match="needs a number"):
        value("int(huge)")


def test_a_queue_of_ones_own_exists_only_in_a_queue() -> None:
    elsewhere = Environment({}, "en", "", "", TUESDAY_10H)
    with pytest.raises(ExpressionError, match="means the queue in which the caller waits"):
        parse("queue.wait").evaluate(elsewhere)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (f"cpf == '{CPF}'", True),
        ("cpf == '1'", False),
        ("cpf in ['1', '2']", False),
        ("len(cpf) == 11", True),
        ("starts(cpf, '529')", True),
        ("contains(cpf, '9822')", True),
        ("between(cpf, 1, 99999999999)", True),
        ("true if cpf else false", True),
    ],
)
def test_a_sensitive_value_is_compared(text: str, result: bool) -> None:
    assert value(text) is result


@pytest.mark.parametrize("text", ["cpf", "digits(cpf)", "upper(cpf)", "cpf or 'x'", "cpf if true else 1"])
def test_a_sensitive_value_stays_hidden_on_its_way(text: str) -> None:
    found = value(text)
    assert isinstance(found, Sensitive)
    assert found.reveal() == CPF
    for shown in (str(found), repr(found), f"{found}", f"{[found]}", "%s" % found):  # noqa: UP031
        assert CPF not in shown
        assert "•••" in shown
    with pytest.raises(TypeError):
        json.dumps(found)


def test_an_answer_nested_without_end_is_told() -> None:
    first: list[Any] = []
    second: list[Any] = []
    for _ in range(100_000):
        first, second = [first], [second]
    with pytest.raises(ExpressionError, match="nested too deep"):
        parse("a == b").evaluate(Environment({"a": first, "b": second}, "en", "", "", 0))


def test_a_template_is_text_and_slots() -> None:
    template = parse_template("Olá, {{ customer.name }}: {{ queue.wait|minutes }}.")
    texts = [part for part in template.parts if isinstance(part, str)]
    slots = [part for part in template.parts if isinstance(part, Slot)]
    assert texts == ["Olá, ", ": ", "."]
    assert [(s.expression.text, s.filter, s.column) for s in slots] == [
        ("customer.name", "", 9),
        ("queue.wait", "minutes", 30),
    ]
    assert template.names == {"customer", "queue.wait"}


def test_quotes_hide_bars_and_braces() -> None:
    (slot,) = parse_template("{{ 'a|b}}' | spell }}").slots
    assert slot.expression.evaluate(ENVIRONMENT) == "a|b}}"
    assert slot.filter == "spell"


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("a {{ b", "{{ is opened and not closed with }}", 3),
        ("a {{ b | shout }}", 'unknown filter "shout"; expected one of minutes', 9),
        ("a {{ b | minutes | digits }}", "unknown filter", 9),
        ("a {{ b | }}", 'unknown filter ""', 9),
        ("a {{ 1 + }}", "not an expression", 6),
        ("a {{ }}", "empty", 6),
        ("a {{ x.__class__ }}", "is not a name", 6),
    ],
)
def test_a_bad_template_is_refused_at_its_column(text: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_template(text)
    assert message in caught.value.message
    assert caught.value.column == column


WORDS = st.sampled_from(
    """customer customer.tier cpf age items huge nan nobody now now.time queue.wait queue.x.agents hours.office lang null
    true 1 2.5 'a' '' [] [1,'x'] ( ) , . + - * / // % ** < <= == != >= in not and or if else is len( int( round( digits(
    starts( between( open( lower( [ ] { } lambda : := f'' __class__ @ ~ & | \\""".split()  # noqa: SIM905
)


@given(st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=310))
def test_any_text_has_a_value_or_an_expression_error(text: str) -> None:
    try:
        result = parse(text).evaluate(ENVIRONMENT)
    except ExpressionError as error:
        result = error
    assert CPF not in repr(result)


@given(st.lists(st.sampled_from(["{{", "}}", "|", " ", "minutes", "a", "'", '"', "lang", "x", "{", "}"]), max_size=20))
def test_any_text_is_a_template_or_an_expression_error(parts: list[str]) -> None:
    text = "".join(parts)
    try:
        slots = len(parse_template(text).slots)
        column = 1
    except ExpressionError as error:
        slots, column = text.count("{{"), error.column
    assert 1 <= column <= len(text) + 1
    assert bool(slots) == ("{{" in text)
