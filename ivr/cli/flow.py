"""`retorno flow`: check, draw and start flows, all without a server.

Law: exit 0 clean, 1 something was found, 2 wrong usage. What is found goes to standard output, what is said about it to
standard error, so that `--format json` can be piped.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

import click

from callback.queues import load_queues
from ivr.flow.fields import NAME
from ivr.flow.lint import Known, check_file
from ivr.flow.load import load_flow
from ivr.flow.mermaid import mermaid
from ivr.flow.model import Flow
from ivr.flow.problems import Format, Problem, Severity, render
from ivr.flow.schema import flow_schema

QUEUES_FILE = "queues.yaml"
STDIN = "-"

_TEMPLATES = resources.files("ivr.flow") / "templates"


def _template_names() -> list[str]:
    return sorted(item.name.removesuffix(".yaml") for item in _TEMPLATES.iterdir() if item.name.endswith(".yaml"))


@click.group()
def flow() -> None:
    """Flows: what callers hear. Check, draw and start them."""


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
    known = {folder: known_here(folder, http_hosts) for folder in set(folders.values())}
    problems = [problem for file in files for problem in _check(file, known[folders[file]])]
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


def _check(path: Path, known: Known) -> list[Problem]:
    text = _read(path)
    if path.name == QUEUES_FILE:
        return load_queues(text, str(path)).problems
    return check_file(text, "<stdin>" if str(path) == STDIN else str(path), known).problems


def known_here(folder: Path, http_hosts: str | None = None) -> Known:
    """What the configuration in `folder` has, for lint. What is not there is not known, and not checked."""
    queues_file = folder / QUEUES_FILE
    prompts = folder / "prompts"
    hosts = frozenset(host.strip() for host in http_hosts.split(",") if host.strip()) if http_hosts else None
    flows = dict(_flows_in(folder)) if folder.is_dir() else None
    audio = prompts if prompts.is_dir() else None
    if not queues_file.is_file():
        return Known(flows=flows, http_hosts=hosts, audio=audio)
    found = load_queues(queues_file.read_bytes(), str(queues_file))
    if any(problem.severity is Severity.ERROR for problem in found.problems):
        return Known(flows=flows, http_hosts=hosts, audio=audio)
    return Known(
        queues={name: frozenset(queue.skills) for name, queue in found.queues.items()},
        hours=frozenset(found.hours),
        flows=flows,
        http_hosts=hosts,
        audio=audio,
    )


def _flows_in(folder: Path) -> Iterator[tuple[str, Flow]]:
    for path in sorted(folder.glob("*.yaml")):
        found = load_flow(path.read_bytes(), str(path)).flow if path.name != QUEUES_FILE else None
        if found is not None:
            yield found.flow, found


def _sum_up(problems: list[Problem], files: int) -> None:
    counts = Counter(problem.severity for problem in problems)
    found = ", ".join(_count(counts[severity], severity.value) for severity in Severity if counts[severity])
    click.echo(f"{found or 'nothing found'} in {_count(files, 'file')}", err=True)


def _count(number: int, word: str) -> str:
    plural = "" if number == 1 or word == "info" else "s"
    return f"{number} {word}{plural}"


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
