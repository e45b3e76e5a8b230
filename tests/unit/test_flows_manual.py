"""docs/flows.md is true: its examples are clean, its tables name every field with its default, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ivr.flow.expressions import FILTERS
from ivr.flow.fields import Marker
from ivr.flow.functions import FUNCTIONS
from ivr.flow.grammar import NOW_PARTS
from ivr.flow.lint import Known, check_file
from ivr.flow.load import load_flow
from ivr.flow.model import AnyStep, Defaults, Flow, FlowTest
from ivr.flow.steps.base import is_target
from ivr.trial import try_flow
from ivr.trial.script import ITEMS

MANUAL = (Path(__file__).parents[2] / "docs/flows.md").read_text(encoding="utf-8")
ORDERS = Path(__file__).parents[2] / "tests/data/flows/ok/order_state.yaml"
STEPS = {get_args(step.model_fields["type"].annotation)[0]: step for step in get_args(get_args(AnyStep)[0])}


def blocks(info: str) -> list[str]:
    return re.findall(rf"^```{info}\n(.*?)^```", MANUAL, flags=re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,3}} |\Z)", MANUAL, flags=re.MULTILINE | re.DOTALL)
    assert found, f"docs/flows.md has no section {title}"
    return found[2]


def rows(text: str) -> dict[str, str]:
    """The first column of a table of fields, and its default."""
    return {
        name: default.strip(" `")
        for name, default in re.findall(r"^\| `([a-z_.]+)` \|[^|]*\|([^|]*)\|", text, flags=re.M)
    }


def fields(model: type[BaseModel], before: str = "") -> dict[str, FieldInfo]:
    """Every field that is no mapping of its own, by its dotted name in the file."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        path = before + (field.alias or name)
        several = get_origin(field.annotation) in (list, dict)
        kinds = () if several else (field.annotation, *get_args(field.annotation))
        nested = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        found |= {path: field} if nested is None else fields(nested, f"{path}.")
    return found


def marks(field: FieldInfo) -> list[Any]:
    if get_origin(field.annotation) in (list, dict):
        return []
    return [
        *field.metadata,
        *(mark for kind in get_args(field.annotation) for mark in getattr(kind, "__metadata__", ())),
    ]


def shown(field: FieldInfo) -> str:
    """A default as the manual writes it."""
    value = field.get_default(call_default_factory=True)
    if field.is_required():
        return "needed"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and any(isinstance(mark, Marker) and mark.kind == "duration" for mark in marks(field)):
        unit, ms = next(
            ((u, n) for u, n in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)) if value and value % n == 0),
            ("s", 1000),
        )
        return f"{value // ms}{unit}"
    return str(value) if isinstance(value, int | str) else ""


def test_every_whole_flow_in_the_manual_is_clean() -> None:
    whole = blocks("yaml")
    assert len(whole) >= 2
    for text in whole:
        tried = try_flow(load_flow(text, "manual.yaml")).tried
        assert [str(problem) for problem in check_file(text, "manual.yaml", tried=tried).problems] == []


@pytest.mark.parametrize("example", blocks("yaml steps"), ids=lambda text: text.split(":")[0])
def test_every_step_in_the_manual_is_clean(example: str) -> None:
    (frame,) = blocks("yaml frame")
    first = example.split(":")[0]
    lines = "".join(f"  {line}\n" for line in example.splitlines())
    text = frame.replace("default: agent", f"default: {first}").replace("\nsteps:\n", f"\nsteps:\n{lines}")
    begin = text.index(lines)
    from_line = text[:begin].count("\n") + 1
    orders = load_flow(ORDERS.read_bytes(), ORDERS.name).flow
    assert orders is not None
    known = Known(flows={"order_state": orders}, http_hosts=frozenset({"crm.example.com"}))
    found = check_file(text, "manual.yaml", known)
    assert found.flow is not None, found.problems
    inside = [p for p in found.problems if from_line <= p.line < from_line + lines.count("\n")]
    assert [str(problem) for problem in inside if problem.rule != "untested-step"] == []


def test_the_hours_in_the_manual_are_clean() -> None:
    (hours,) = blocks("yaml hours")
    (frame,) = blocks("yaml frame")
    indented = "".join(f"  {line}\n" for line in hours.splitlines())
    text = re.sub(r"^hours:\n.*\n", f"hours:\n{indented}", frame, flags=re.M)
    assert load_flow(text, "manual.yaml").problems == []


@pytest.mark.parametrize("kind", STEPS)
def test_every_field_of_a_step_is_told_with_its_default(kind: str) -> None:
    text = section(f"`{kind}`")
    all_fields = {path: field for path, field in fields(STEPS[kind]).items() if path not in ("type", "note")}
    exits = {path for path, field in all_fields.items() if is_target(marks(field))}
    told = rows(text)
    assert set(told) == set(all_fields) - exits
    assert told == {path: shown(field) for path, field in all_fields.items() if path not in exits}
    for path in exits:
        assert f"`{path}`" in text, f"{kind} says nothing of its exit {path}"
    assert "```yaml" in text, f"{kind} has no example"


def test_the_fields_of_a_flow_of_its_defaults_and_of_a_test_are_told() -> None:
    file, defaults = section("The file").split("`defaults`:")
    assert set(rows(file)) == {field.alias or name for name, field in Flow.model_fields.items()}
    assert rows(defaults) == {path: shown(field) for path, field in fields(Defaults).items()}
    assert rows(section("Tests")) == {path: shown(field) for path, field in fields(FlowTest).items()}


def test_every_word_of_the_expressions_and_scripts_is_told() -> None:
    expressions = section("Expressions")
    for word in (*(f"{name}(" for name in ("open", *FUNCTIONS)), *(f"`{name}`" for name in FILTERS)):
        assert word in expressions
    for part in NOW_PARTS:
        assert f"now.{part}" in expressions
    for item in ITEMS:
        assert re.search(rf"`\{{?{item}\b", section("Tests")), f"the script item {item} is not told"
