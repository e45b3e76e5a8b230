"""`retorno flow ...`: exit codes, formats, and what goes to which stream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli import main
from ivr.flow.lint import check_file
from ivr.flow.load import load_flow
from ivr.flow.mermaid import mermaid
from ivr.flow.schema import flow_schema

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "ivr/flow/templates"
CLEAN = TEMPLATES / "office.yaml"


def run(*args: str | Path, given: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["flow", *map(str, args)], input=given)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.yaml"
    path.write_text(CLEAN.read_text(encoding="utf-8").replace("to: sales", "to: sale"), encoding="utf-8")
    return path


def test_a_clean_file_exits_with_0_and_prints_nothing(tmp_path: Path) -> None:
    found = run("lint", CLEAN, "--flows-dir", tmp_path)
    assert (found.exit_code, found.stdout, found.stderr) == (0, "", "nothing found in 1 file\n")


def test_findings_exit_with_1_and_name_their_place(bad: Path) -> None:
    found = run("lint", bad, "--flows-dir", bad.parent)
    assert found.exit_code == 1
    assert f'{bad}:29:62: there is no step "sale"; did you mean "sales"?' in found.stdout
    assert "1 error" in found.stderr


def test_findings_as_json_can_be_piped(bad: Path) -> None:
    found = run("lint", bad, "--format", "json", "--flows-dir", bad.parent)
    assert {problem["rule"] for problem in json.loads(found.stdout)} >= {"unknown-target"}
    assert json.loads(run("lint", CLEAN, "--format", "json", "--flows-dir", bad.parent).stdout) == []


def test_findings_annotate_a_pull_request(bad: Path) -> None:
    found = run("lint", bad, "--format", "github", "--flows-dir", bad.parent)
    assert found.stdout.startswith(f"::error file={bad},line=29,col=62")


@pytest.mark.parametrize(
    "args", [["lint", "no/such.yaml"], ["lint", "--flows-dir", "no-such"], ["lint", "--format", "xml"]]
)
def test_wrong_usage_exits_with_2(args: list[str]) -> None:
    assert run(*args).exit_code == 2


def test_a_folder_without_flows_is_wrong_usage(tmp_path: Path) -> None:
    assert run("lint", tmp_path).exit_code == 2


def test_standard_input_is_a_file_too(bad: Path) -> None:
    found = run("lint", "-", "--flows-dir", bad.parent, given=bad.read_bytes())
    assert found.stdout.startswith("<stdin>:29:62:")


def test_bytes_that_are_no_text_are_a_finding(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    found = run("lint", tmp_path)
    assert found.exit_code == 1
    assert "not UTF-8" in found.stdout


def test_queues_beside_a_flow_are_what_it_is_checked_against(tmp_path: Path) -> None:
    (tmp_path / "queues.yaml").write_text("version: 1\nqueues: {other: {}}\n", encoding="utf-8")
    (tmp_path / "office.yaml").write_text(CLEAN.read_text(encoding="utf-8"), encoding="utf-8")
    found = run("lint", tmp_path, "--format", "json")
    assert "unknown-queue" in {problem["rule"] for problem in json.loads(found.stdout)}


def test_the_schema_is_printed() -> None:
    assert json.loads(run("schema").stdout) == flow_schema()


def test_a_flow_is_drawn_with_what_callers_hear(bad: Path) -> None:
    found = run("graph", CLEAN)
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0] == "flowchart TD"
    assert '  entry0(("default")) --> s_open_now' in lines
    assert '  s_main -->|"1 vendas"| s_sales' in lines
    assert '  s_main -.->|"on_silence, on_invalid"| s_front_desk' in lines


def test_the_diagram_of_every_template_names_every_step() -> None:
    for path in TEMPLATES.glob("*.yaml"):
        flow = load_flow(path.read_text(encoding="utf-8"), path.name).flow
        assert flow is not None
        text = mermaid(flow)
        assert all(f"s_{name}" in text for name in flow.steps)


def test_drawing_a_broken_flow_tells_why(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: 1\n", encoding="utf-8")
    found = run("graph", tmp_path / "x.yaml")
    assert found.exit_code == 1
    assert 'the file has no "steps"' in found.stderr


@pytest.mark.parametrize("template", sorted(path.stem for path in TEMPLATES.glob("*.yaml")))
def test_a_new_flow_is_clean_and_has_its_name(template: str, tmp_path: Path) -> None:
    made = run("new", "shop", "--template", template, "--flows-dir", tmp_path / "flows")
    path = tmp_path / "flows/shop.yaml"
    assert (made.exit_code, made.stdout) == (0, f"{path}\n")
    report = check_file(path.read_bytes(), str(path))
    assert report.problems == []
    assert report.flow is not None
    assert report.flow.flow == "shop"


def test_a_new_flow_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("mine", encoding="utf-8")
    made = run("new", "shop", "--flows-dir", tmp_path)
    assert made.exit_code == 1
    assert "choose another name" in made.stderr
    assert (tmp_path / "shop.yaml").read_text(encoding="utf-8") == "mine"


def test_a_new_flow_needs_a_name_that_flows_may_have(tmp_path: Path) -> None:
    assert run("new", "My Shop", "--flows-dir", tmp_path).exit_code == 2


def test_the_tests_of_a_flow_are_played() -> None:
    played = run("test", CLEAN)
    assert played.exit_code == 0
    assert "office: 4 of 4 tests passed, 11 of 11 steps reached" in played.stdout


def test_a_failing_test_is_told_by_both_commands(tmp_path: Path) -> None:
    path = tmp_path / "office.yaml"
    path.write_text(CLEAN.read_text(encoding="utf-8").replace("{in_queue: support}", "{in_queue: sales}"), "utf-8")
    played = run("test", path)
    assert played.exit_code == 1
    assert "expected queue sales, found support" in played.stdout
    linted = run("lint", path, "--format", "json", "--flows-dir", tmp_path)
    assert "failing-test" in {problem["rule"] for problem in json.loads(linted.stdout)}


def test_a_flow_with_errors_is_told_and_not_played(bad: Path) -> None:
    played = run("test", bad)
    assert played.exit_code == 1
    assert 'there is no step "sale"' in played.stdout


def test_a_subflow_is_found_beside_its_caller() -> None:
    folder = ROOT / "tests/data/flows/ok"
    played = run("test", folder / "every_step.yaml", "--flows-dir", folder)
    assert "every_step: 5 of 5 tests passed" in played.stdout


def test_a_subflow_that_is_nowhere_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "alone.yaml"
    path.write_bytes((ROOT / "tests/data/flows/ok/every_step.yaml").read_bytes())
    found = run("lint", path, "--flows-dir", tmp_path)
    assert 'there is no flow "order_state"' in found.stdout


def test_shared_hours_are_no_hours_of_the_flow(tmp_path: Path) -> None:
    text = CLEAN.read_text(encoding="utf-8").replace("  office: {timezone", "  shop: {timezone")
    (tmp_path / "office.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "queues.yaml").write_text(
        "version: 1\nhours: {office: {timezone: UTC, daily: 24h}}\nqueues: {sales: {}, support: {}, front_desk: {}}\n",
        "utf-8",
    )
    found = run("lint", tmp_path, "--format", "json")
    assert {problem["rule"] for problem in json.loads(found.stdout)} == {"unknown-hours"}
