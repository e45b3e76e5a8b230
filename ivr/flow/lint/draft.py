"""What every lint rule reads: the flow, where its words stand in the file, and what the running configuration has.

Law: a rule is a function from a Draft to problems. It never raises, and reports one mistake once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TypeVar

from ivr.flow.fields import Audio, Words
from ivr.flow.graph import Graph, graph_of
from ivr.flow.lint.marks import marked
from ivr.flow.model import Flow
from ivr.flow.problems import Problem, Severity
from ivr.flow.source import Loaded, Path
from ivr.flow.steps.base import Step
from ivr.flow.steps.menu import Menu
from ivr.flow.steps.survey import Survey

Kind = TypeVar("Kind", bound=Step)


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of mistake. `code` is stable: it stands in files (`# lint: ignore=code`), in docs and in tests.

    `whole`: certain only when every step could be read, so not told while one cannot.
    """

    code: str
    severity: Severity
    about: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the running configuration has. None: not known here, so what depends on it is not checked.

    `queues`: each queue's skills. `hours`: names of hours that every flow may use beside its own. `flows`: all flows by name. `http_hosts`: the
    allow-list of data dips. `audio`: the folder that `audio:` paths start from.
    """

    queues: Mapping[str, frozenset[str]] | None = None
    boxes: frozenset[str] | None = None
    hours: frozenset[str] = frozenset()
    flows: Mapping[str, Flow] | None = None
    http_hosts: frozenset[str] | None = None
    audio: FilePath | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What the flow's own tests showed: the steps that they came to, and those that failed (number from 0, and why)."""

    visited: frozenset[str]
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spoken:
    """One prompt as a step speaks it: its name ("" when written in place), its words, and where they stand."""

    name: str
    words: Words
    path: Path
    field: str
    """The field of the step that speaks it: `intro`, `prompt`, `silence` ..."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One flow under the lint."""

    flow: Flow
    loaded: Loaded
    known: Known
    graph: Graph
    tried: Tried | None = None

    def problem(self, rule: Rule, path: Path, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem at the value of `path`, or at its key."""
        return self.loaded.problem(path, message, rule.code, rule.severity, hint, key=key)

    @property
    def placed_by_us(self) -> bool:
        """The flow of a call that we place for an attempt: nobody there looks for a person, we bring one."""
        return "attempt" in self.flow.inputs

    def reachable(self) -> dict[str, None]:
        """The steps that some call may come to."""
        return self.graph.reached(self.graph.entries)

    def served(self, name: str) -> bool:
        """Whether a caller at this step has reached a person, leaves word for one, or is asked how he was served."""
        return self.flow.steps[name].human or isinstance(self.flow.steps[name], Survey)

    def inbound(self) -> dict[str, None]:
        """The steps that a caller may come to before he is served, and those at which he is."""
        return self.graph.reached(self.graph.entries, lambda name: not self.served(name))

    def spoken(self, name: str) -> Iterator[Spoken]:
        """What the step called `name` speaks in the author's words, labels apart. Unknown prompts are left out."""
        for path, ref in marked(self.flow.steps[name], "prompt"):
            where: Path = ("steps", name, *path)
            if not isinstance(ref, str):
                yield Spoken("", ref, where, str(path[0]))
            elif ref in self.flow.prompts:
                yield Spoken(ref, self.flow.prompts[ref], ("prompts", ref), str(path[0]))

    def prompt_names(self, name: str) -> Iterator[tuple[Path, str]]:
        """Where the step called `name` speaks a prompt by name, and which."""
        for path, ref in marked(self.flow.steps[name], "prompt"):
            if isinstance(ref, str):
                yield ("steps", name, *path), ref

    def all_words(self) -> Iterator[Spoken]:
        """Every text of the flow that can be spoken, each once: prompts, prompts in place, labels of menus."""
        for name, words in self.flow.prompts.items():
            yield Spoken(name, words, ("prompts", name), "prompt")
        for name, step in self.flow.steps.items():
            yield from (spoken for spoken in self.spoken(name) if not spoken.name)
            if isinstance(step, Menu):
                for key, choice in step.keys.items():
                    if choice.label is not None:
                        yield Spoken("", choice.label, ("steps", name, "keys", key, "label"), "label")


Check = Callable[[Draft], Iterable[Problem]]


def draft_of(flow: Flow, loaded: Loaded, known: Known, tried: Tried | None = None) -> Draft:
    return Draft(flow, loaded, known, graph_of(flow), tried)


def text_of(value: str | Audio) -> str:
    """What is heard: the text, or the transcript of a recording."""
    return value.text if isinstance(value, Audio) else value


def steps_of(flow: Flow, kind: type[Kind]) -> Iterator[tuple[str, Kind]]:
    """The steps of one type, with their names."""
    return ((name, step) for name, step in flow.steps.items() if isinstance(step, kind))
