"""The JSON Schema accepts every good flow as an editor reads it, and underlines each class of mistake."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, SequenceNode

from ivr.flow.load import load_flow
from ivr.flow.model import Flow
from ivr.flow.schema import flow_schema

ROOT = Path(__file__).parents[2]
GOOD = sorted(
    path
    for folder in ("flows", "tests/data/flows/ok", "ivr/flow/templates")
    for path in (ROOT / folder).glob("*.yaml")
    if path.name != "queues.yaml"
)
SCHEMA = Draft7Validator(flow_schema())


def as_an_editor_reads(text: str) -> Any:
    """YAML 1.2 with its types; keys and dates are text to an editor."""
    yaml = YAML(typ="safe", pure=True)

    def plain(node: Any) -> Any:
        if isinstance(node, MappingNode):
            return {key.value: plain(value) for key, value in node.value}
        if isinstance(node, SequenceNode):
            return [plain(item) for item in node.value]
        return node.value if node.tag == "tag:yaml.org,2002:timestamp" else yaml.constructor.construct_object(node)

    return plain(yaml.compose(text))


def told(data: Any) -> list[str]:
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in SCHEMA.iter_errors(data)]


def test_the_schema_is_a_schema() -> None:
    Draft7Validator.check_schema(flow_schema())


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_every_good_flow_is_accepted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert load_flow(text, path.name).problems == []
    assert told(as_an_editor_reads(text)) == []


def test_there_are_good_flows_to_accept() -> None:
    assert len(GOOD) >= 5
    flows = [load_flow(path.read_text(encoding="utf-8"), path.name).flow for path in GOOD]
    used = {step.type for flow in flows if flow for step in flow.steps.values()}
    assert used == set(flow_schema()["properties"]["steps"]["additionalProperties"]["properties"]["type"]["enum"])


BASE = """\
version: 1
flow: base
languages: [en]
entry: {"+15550100200": {to: main, lang: en}, default: main}
hours:
  office: {timezone: UTC, mon-fri: 08:00-18:00, sat: [09:00-12:00, 13:00-15:00], closed: [2026-12-24], special: {2026-12-31: closed}}
defaults: {timeout: 5s, tries: 3, barge_in: yes}
prompts: {hi: {en: Hello}}
steps:
  main: {type: menu, keys: {1: ask, 2-5: {to: main, label: {en: more}}, star: repeat}, timeout: 1m30s}
  ask: {type: collect, prompt: hi, save: pin, digits: 4, validate: pin, next: q, end: hash}
  q: {type: queue, queue: front, next: bye, on: {full: bye}, callback: {key: 1}}
  bye: {type: hangup}
"""


def test_the_base_of_the_mistakes_is_good_to_both() -> None:
    assert load_flow(BASE, "f").problems == []
    assert told(as_an_editor_reads(BASE)) == []


def put(value: Any, *path: str | int) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for part in path[:-1]:
            data = data[part]
        data[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for part in path[:-1]:
            data = data[part]
        del data[path[-1]]

    return change


@pytest.mark.parametrize(
    "mistake",
    [
        put(1, "colour"),
        put(2, "version"),
        drop("languages"),
        drop("steps"),
        put([], "languages"),
        put(["english"], "languages"),
        put("main", "entry", "55 11"),
        put({"lang": "en"}, "entry", "default"),
        put("Main", "entry", "default"),
        put("5", "defaults", "timeout"),
        put(5, "defaults", "timeout"),
        put("5 minutes", "defaults", "timeout"),
        put("many", "defaults", "tries"),
        put(99, "defaults", "tries"),
        put("perhaps", "defaults", "barge_in"),
        put("8-18", "hours", "office", "mon"),
        put("08:00-18:00", "hours", "office", "monday"),
        drop("hours", "office", "timezone"),
        put(["24/12"], "hours", "office", "closed"),
        put("Brazil", "hours", "office", "holidays"),
        put("hello", "prompts", "hi"),
        put({"audio": "x.doc", "text": "x"}, "prompts", "hi", "en"),
        put({"audio": "x.wav"}, "prompts", "hi", "en"),
        put({"type": "hangup"}, "steps", "Bye"),
        put({"type": "hangup"}, "steps", "back"),
        put("hangup", "steps", "bye"),
        put({}, "steps", "bye"),
        put("hangupp", "steps", "bye", "type"),
        put("x", "steps", "bye", "colour"),
        drop("steps", "ask", "next"),
        drop("steps", "ask", "save"),
        put("bye bye", "steps", "ask", "next"),
        put("4 to 8", "steps", "ask", "digits"),
        put("cpff", "steps", "ask", "validate"),
        put({}, "steps", "main", "keys"),
        put("bye", "steps", "main", "keys", "44x"),
        put({"label": {"en": "x"}}, "steps", "main", "keys", "1"),
        put("bye", "steps", "q", "on", "ful"),
        put("yes", "steps", "q", "callback"),
        put(11, "steps", "q", "priority"),
        put("x", "steps", "main", "silence"),
    ],
)
def test_each_class_of_mistake_is_underlined(mistake: Callable[[Any], None]) -> None:
    data = copy.deepcopy(as_an_editor_reads(BASE))
    mistake(data)
    assert told(data)


def test_a_mistake_in_a_step_is_told_where_it_is() -> None:
    data = as_an_editor_reads(BASE)
    data["steps"]["q"]["on"]["ful"] = "bye"
    assert told(data) == ["steps/q/on: Additional properties are not allowed ('ful' was unexpected)"]


def test_every_field_of_the_language_is_in_the_schema() -> None:
    assert set(flow_schema()["properties"]) == {field.alias or name for name, field in Flow.model_fields.items()}
