"""The documents are true: the commands they name exist, the targets too, the examples are clean, the links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from callback.queues import read_queues
from ivr.cli import COMMANDS, main
from ivr.config import VARIABLES
from ivr.flow.lint import Known, check_file
from ivr.flow.problems import Severity

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / ".env.example", *(ROOT / "docs").glob("*.md")])
NAMES = [page.name for page in PAGES]

# `retorno word word`, in code spans, fences and comments. What follows may be options, arguments or prose.
COMMAND = re.compile(r"(?<![\w/.-])retorno((?: +[a-z][a-z-]*)+)")
CODE = re.compile(r"```[a-z]*\n(?P<fence>.*?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code(page: Path) -> str:
    """What stands as code in a page."""
    return "\n".join(found["fence"] or found["span"] for found in CODE.finditer(text(page)))


def command(words: list[str]) -> str | None:
    """Why these words are no command; None when they are. A group needs one of its own commands after it."""
    context = click.Context(main)
    here: click.Command | None = main.get_command(context, words[0]) if isinstance(main, click.Group) else None
    if here is None:
        return f"retorno {words[0]}"
    if isinstance(here, click.Group) and len(words) > 1 and here.get_command(context, words[1]) is None:
        return f"retorno {words[0]} {words[1]}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_named_exists(page: Path) -> None:
    named = [found[1].split() for found in COMMAND.finditer(code(page))]
    assert [wrong for words in named if (wrong := command(words))] == []


def test_the_readme_names_the_commands_one_begins_with() -> None:
    named = {found[1].split()[0] for found in COMMAND.finditer(code(ROOT / "README.md"))}
    assert {"up", "doctor", "secret", "flow", "agent"} <= named


def test_operations_names_every_process_and_every_setting() -> None:
    page = text(ROOT / "docs" / "operations.md")
    for name in ("up", "demo", "web", "worker", "timekeeper", "doctor", "config", "secret"):
        assert f"retorno {name}" in page
    assert [row.name for row in VARIABLES if f"`{row.name}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_make_target_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))
    assert {"setup", "run", "test", "check", "bench", "clean"} <= targets
    assert set(re.findall(r"\bmake ([a-z]+)\b", code(page))) <= targets


@pytest.mark.parametrize("package", ["ivr", "callback", "dashboards", "tests"])
def test_the_house_in_the_design_has_every_room(package: str) -> None:
    (house,) = (found["fence"] for found in CODE.finditer(text(ROOT / "docs" / "design.md")) if found["fence"])
    (rooms,) = re.findall(rf"^{package}/((?:.*\n?)(?:^ .*\n)*)", house, re.MULTILINE)
    there = [one for one in (ROOT / package).iterdir() if one.name[0] not in "_."]
    modules = [one.name for one in there if one.suffix == ".py" and package != "tests"]
    folders = [f"{one.name}/" for one in there if one.is_dir() and any(one.rglob("*.*"))]
    assert [name for name in (*modules, *folders) if not re.search(rf"(?<!\w){re.escape(name)}", rooms)] == []
    assert set(re.findall(r"\b\w+\.py\b", rooms)) <= {one.name for one in (ROOT / package).rglob("*.py")}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_to_a_file(page: Path) -> None:
    missing = [link for link in LINK.findall(text(page)) if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_nothing_of_the_machine_it_was_written_on_is_in_it(page: Path) -> None:
    assert not re.search(r"/(?:work|root|home/\w+|tmp/brief)/", text(page))


def flow_examples() -> list[tuple[str, str]]:
    """Every whole flow that a page shows: a YAML fence with a `flow:` and `steps:` of its own."""
    found = []
    for page in PAGES:
        for number, fence in enumerate(re.findall(r"```yaml\n(.*?)```", text(page), re.DOTALL), 1):
            if re.search(r"^flow:", fence, re.MULTILINE) and re.search(r"^steps:", fence, re.MULTILINE):
                found.append((f"{page.name}#{number}", fence))
    return found


@pytest.mark.parametrize(("name", "example"), flow_examples(), ids=[name for name, _ in flow_examples()])
def test_every_flow_shown_is_clean(name: str, example: str) -> None:
    """No error and no warning, but that it has no tests: an example is short."""
    shipped = read_queues(ROOT / "flows" / "queues.yaml")
    known = Known(queues={name: queue.skills for name, queue in shipped.queues.items()})
    found = check_file(example, name, known).problems
    told = [str(one) for one in found if one.severity is not Severity.INFO and one.rule != "untested-step"]
    assert told == []


def test_some_flow_is_shown() -> None:
    assert flow_examples()


def test_help_has_a_line_for_every_command_and_every_command_is_there() -> None:
    context = click.Context(main)
    assert isinstance(main, click.Group)
    assert [name for name in COMMANDS if main.get_command(context, name) is None] == []
    assert all(line.endswith(".") for _, line in COMMANDS.values())
