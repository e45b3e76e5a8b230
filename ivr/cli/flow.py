"""`retorno flow`: check, test, draw and start flows, all without a server.

Law: exit 0 clean, 1 something was found, 2 wrong usage. What is found goes to standard output, what is said about it to
standard error, so that `--format json` can be piped.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import click

from callback.queues import load_queues
from ivr.cli.speech import speak
from ivr.flow.fields import NAME
from ivr.flow.lint import Known, check_file
from ivr.flow.load import load_flow, version_of
from ivr.flow.mermaid import mermaid
from ivr.flow.problems import Format, Problem, Severity, has_errors, render
from ivr.flow.schema import flow_schema
from ivr.flow.steps.subflow import Subflow
from ivr.trial import Report, try_flow
from ivr.turning import Published

QUEUES_FILE = "queues.yaml"
STDIN = "-"

_TEMPLATES = resources.files("ivr.flow") / "templates"


def _template_names() -> list[str]:
    return sorted(item.name.removesuffix(".yaml") for item in _TEMPLATES.iterdir() if item.name.endswith(".yaml"))


@click.group()
def flow() -> None:
    """Flows: what callers hear. Check, test, draw, speak and start them."""


flow.add_command(speak)


@flow.command("lint")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--format", "form", type=click.Choice([f.value for f in Format]), default="text", show_default=True)
@click.option(
    "--flows-dir",
    envvar="RETORNO_FLOWS_DIR",
    default="flows",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Where queues.yaml, prompts and the other flows are, for files that have no queues.yaml beside them.",
)
@click.option("--http-hosts", envvar="RETORNO_HTTP_HOSTS", help="Hosts that http steps may ask, with commas between.")
def lint_files(paths: tuple[Path, ...], form: str, flows_dir: Path, http_hosts: str | None) -> None:
    """Tell everything that is wrong with flow files, all at once.

    PATHS are files, folders, or - for standard input; the flows folder if none is given.
    """
    if not paths and not flows_dir.is_dir():
        raise click.UsageError(f"there is no folder {flows_dir}; name the files to check")
    files = list(_files(paths or (flows_dir,)))
    if not files:
        raise click.UsageError("no .yaml files there")
    folders = {file: file.parent if (file.parent / QUEUES_FILE).is_file() else flows_dir for file in files}
    around = {folder: surroundings(folder, http_hosts) for folder in set(folders.values())}
    problems = [problem for file in files for problem in _check(file, around[folders[file]])]
    click.echo(render(problems, Format(form)), nl=bool(problems) or form == Format.JSON)
    _sum_up(problems, len(files))
    sys.exit(1 if problems else 0)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.yaml")) if path.is_dir() else [path]


def _read(path: Path) -> bytes:
    if str(path) == STDIN:
        return sys.stdin.buffer.read()
    return path.read_bytes()


def _check(path: Path, around: Surroundings) -> list[Problem]:
    text = _read(path)
    name = "<stdin>" if str(path) == STDIN else str(path)
    if path.name == QUEUES_FILE:
        return load_queues(text, name).problems
    return _play(text, name, around.beside(path))[0]


def _play(text: bytes, name: str, around: Surroundings) -> tuple[list[Problem], Report | None]:
    """What lint says of a flow, and of its tests, which are played only when nothing else is an error."""
    problems = check_file(text, name, around.known).problems
    if has_errors(problems):
        return problems, None
    report = try_flow(load_flow(text, name), around.published)
    return check_file(text, name, around.known, report.tried).problems, report


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a flow is checked against: what the configuration has, and the flows that it may call."""

    known: Known
    published: Mapping[str, Published]

    def beside(self, path: Path) -> Surroundings:
        """The same for the flow in `path`, which may call those in its folder too."""
        siblings = dict(_flows_in(path.parent)) if str(path) != STDIN else {}
        callable_flows = {**siblings, **self.published}
        called = {s.flow for one in siblings.values() for s in one.flow.steps.values() if isinstance(s, Subflow)}
        known = {name: one.flow for name, one in callable_flows.items() if name in self.published or name in called}
        return Surroundings(replace(self.known, flows=known), callable_flows)


def surroundings(folder: Path, http_hosts: str | None = None) -> Surroundings:
    """What `folder` has. What is not there is not known, and not checked."""
    published = dict(_flows_in(folder)) if folder.is_dir() else {}
    queues_file = folder / QUEUES_FILE
    queues = load_queues(queues_file.read_bytes(), str(queues_file)) if queues_file.is_file() else None
    skills = {name: frozenset(queue.skills) for name, queue in queues.queues.items()} if queues else None
    prompts = folder / "prompts"
    known = Known(
        queues=skills or None,
        hours=frozenset(),  # the engine asks a flow's own hours only
        http_hosts=frozenset(host.strip() for host in http_hosts.split(",")) if http_hosts else None,
        audio=prompts if prompts.is_dir() else None,
    )
    return Surroundings(known, published)


def _flows_in(folder: Path) -> Iterator[tuple[str, Published]]:
    for path in sorted(folder.glob("*.yaml")):
        checked = load_flow(path.read_bytes(), str(path)) if path.name != QUEUES_FILE else None
        if checked is not None and checked.flow is not None:
            yield checked.flow.flow, Published(checked.flow, version_of(checked.loaded.text))


def _sum_up(problems: list[Problem], files: int) -> None:
    counts = Counter(problem.severity for problem in problems)
    found = ", ".join(_count(counts[severity], severity.value) for severity in Severity if counts[severity])
    click.echo(f"{found or 'nothing found'} in {_count(files, 'file')}", err=True)


def _count(number: int, word: str) -> str:
    plural = "" if number == 1 or word == "info" else "s"
    return f"{number} {word}{plural}"


@flow.command("test")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--flows-dir", envvar="RETORNO_FLOWS_DIR", default="flows", show_default=True, type=click.Path(path_type=Path)
)
def play_tests(paths: tuple[Path, ...], flows_dir: Path) -> None:
    """Play the tests that stand in flow files, by the production engine in virtual time.

    PATHS are files or folders; the flows folder if none is given. Subflows are looked for beside each file.
    """
    if not paths and not flows_dir.is_dir():
        raise click.UsageError(f"there is no folder {flows_dir}; name the files to test")
    files = [file for file in _files(paths or (flows_dir,)) if file.name != QUEUES_FILE]
    if not files:
        raise click.UsageError("no .yaml files there")
    around = surroundings(flows_dir)
    passed = True
    for file in files:
        problems, report = _play(file.read_bytes(), str(file), around.beside(file))
        click.echo(f"{report or render(problems)}\n")
        passed = passed and report is not None and report.passed
    sys.exit(0 if passed else 1)


@flow.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of flow files, for editors.

    With YAML for VS Code: save it as flow.v1.json and begin a flow with "# yaml-language-server: $schema=flow.v1.json".
    """
    click.echo(json.dumps(flow_schema(), ensure_ascii=False, indent=2))


@flow.command("graph")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
def draw(file: Path) -> None:
    """Draw FILE as a Mermaid diagram. Dotted: ways out that the file leaves to its defaults."""
    checked = load_flow(_read(file), str(file))
    if checked.flow is None:
        click.echo(render(checked.problems), err=True)
        sys.exit(1)
    click.echo(mermaid(checked.flow), nl=False)


@flow.command("new")
@click.argument("name")
@click.option("--template", type=click.Choice(_template_names()), default="starter", show_default=True)
@click.option(
    "--flows-dir",
    envvar="RETORNO_FLOWS_DIR",
    default="flows",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
)
def start(name: str, template: str, flows_dir: Path) -> None:
    """Start the flow NAME from a template. An existing file is never touched."""
    if not re.fullmatch(NAME, name):
        raise click.BadParameter(
            "use a-z, 0-9 and _, beginning with a letter, at most 40 characters", param_hint="NAME"
        )
    path = flows_dir / f"{name}.yaml"
    text = (
        (_TEMPLATES / f"{template}.yaml").read_text(encoding="utf-8").replace(f"flow: {template}\n", f"flow: {name}\n")
    )
    flows_dir.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{path} exists; choose another name or remove it") from None
    click.echo(str(path))
    click.echo(f"next: change its words, then run `retorno flow lint {path}`", err=True)
