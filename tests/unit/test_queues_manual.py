"""docs/queues.md is true: its example loads, its tables name every rule with its default, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from callback import queues
from callback.model import RETRIES, Queue
from callback.queues import load_queues

MANUAL = (Path(__file__).parents[2] / "docs/queues.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z_.]+)` \|[^|]*\| *`?([^|`]*)`? *\|[^|]*\|$", MANUAL, flags=re.M))
OUTCOMES = re.findall(r"^\| `(\w+)` \| `(\d+)` \| `(\w+)` \| `(\w+)` \|", MANUAL, flags=re.M)


def rules(model: type[BaseModel], before: str = "") -> set[str]:
    """Every rule by its dotted name in the file; those of an outcome have a table of their own."""
    found = set()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if name == "retries":
            continue
        nested = isinstance(kind, type) and issubclass(kind, BaseModel)
        found |= rules(kind, f"{before}{name}.") if nested else {before + name}  # type: ignore[arg-type]
    return found


def loaded(*written: str) -> Queue:
    """The queue q with these lines, `a.b: value` each."""
    text = "version: 1\nqueues:\n  q:\n    title: {}\n"
    for line in written:
        path, _, value = line.partition(": ")
        *outer, last = path.split(".")
        for depth, name in enumerate(outer):
            text += "    " + "  " * depth + f"{name}:\n"
        text += "    " + "  " * len(outer) + f"{last}: {value}\n"
    found = load_queues(text, "q.yaml")
    assert found.problems == []
    return found.queues["q"]


def test_the_tables_name_every_rule_and_nothing_else() -> None:
    assert set(ROWS) == rules(queues._Queue)


@pytest.mark.parametrize("name", [name for name, default in ROWS.items() if default])
def test_a_default_is_what_a_queue_has_without_it(name: str) -> None:
    assert loaded(f"{name}: {ROWS[name]}") == Queue("q")


def test_what_has_no_default_is_empty() -> None:
    bare = Queue("q")
    assert [name for name, default in ROWS.items() if not default] == ["title", "hours", "skills", "caller_id"]
    assert (bare.title, bare.hours, bare.skills, bare.caller_id) == ({}, "", frozenset(), "")


def test_the_outcomes_have_the_rules_that_the_table_says() -> None:
    assert [name for name, *_ in OUTCOMES] == [outcome.value for outcome in RETRIES]
    for name, attempts, delay, place in OUTCOMES:
        rule = f"callbacks.retries.{name}: {{attempts: {attempts}, delay: {delay}, place: {place}}}"
        assert loaded(rule) == Queue("q"), name


def test_its_example_loads() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", MANUAL, flags=re.M | re.S)
    found = load_queues(example, "queues.yaml")
    assert found.problems == []
    assert found.queues["sales"].record
    assert found.queues["sales"].hours == "office"
