"""A flow as a diagram in Mermaid's text form, which GitHub, GitLab and most editors draw.

Law: pure; the same flow gives the same text, in the order of the file. Exits that nobody wrote are dotted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ivr.flow.fields import RESERVED
from ivr.flow.graph import effective_exits
from ivr.flow.lint.draft import text_of
from ivr.flow.model import AnyStep, Flow
from ivr.flow.steps.menu import Menu

_SHAPES = {
    "menu": ("{{", "}}"),
    "collect": ("{{", "}}"),
    "branch": ("{", "}"),
    "hours": ("{", "}"),
    "queue": ("[(", ")]"),
    "callback": ("[(", ")]"),
    "hangup": ("([", "])"),
}


def mermaid(flow: Flow) -> str:
    """`flowchart TD`, ending with a newline: entries first, then every step with its ways out."""
    return "\n".join(["flowchart TD", *_entries(flow), *_steps(flow)]) + "\n"


def _entries(flow: Flow) -> Iterator[str]:
    starts: dict[str, list[str]] = {}
    for number, entry in flow.entry.items():
        starts.setdefault(entry.to, []).append(number)
    for count, (target, numbers) in enumerate(starts.items()):
        yield f"  entry{count}(({_quoted(', '.join(numbers))})) --> {_node(target)}"


def _steps(flow: Flow) -> Iterator[str]:
    for name, step in flow.steps.items():
        opening, closing = _SHAPES.get(step.type, ("[", "]"))
        yield f"  {_node(name)}{opening}{_quoted(f'{name}: {step.type}')}{closing}"
        ways: dict[tuple[str, bool], list[str]] = {}
        for way in effective_exits(flow, name):
            ways.setdefault((way.target, bool(way.path)), []).append(_said(flow, step, way.name))
        for (target, written), labels in ways.items():
            to = _node(name if target == "repeat" else target)
            arrow = "-->" if written else "-.->"
            label = "" if labels == ["next"] else f"|{_quoted(', '.join(labels))}|"
            yield f"  {_node(name)} {arrow}{label} {to}"
    yield from (f"  {_node(word)}([{_quoted(word)}])" for word in _reserved(flow))


def _said(flow: Flow, step: AnyStep, exit_name: str) -> str:
    """A key with its label in the first language, so that the diagram reads as callers hear it."""
    if isinstance(step, Menu) and exit_name.startswith("key "):
        label = step.keys[exit_name.removeprefix("key ")].label or {}
        word = label.get(flow.languages[0])
        return f"{exit_name.removeprefix('key ')} {text_of(word)}" if word is not None else exit_name
    return exit_name


def _reserved(flow: Flow) -> Iterable[str]:
    used = {way.target for name in flow.steps for way in effective_exits(flow, name)}
    return (word for word in RESERVED if word in used and word != "repeat")


def _node(name: str) -> str:
    return f"s_{name}"  # a step may be called `end`, which Mermaid takes for a word of its own


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "#quot;").replace("\n", " ") + '"'
