"""How a caller reaches a person: whether, how soon, and through how many choices.

Law: leaving word (a mailbox, a callback) counts as a person. Calls that we place ourselves bring their person with them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from ivr.flow.fields import RESERVED
from ivr.flow.graph import END, UNKNOWN, Cause, Edge
from ivr.flow.lint.draft import Draft, Rule, steps_of, text_of
from ivr.flow.lint.spoken import LABEL_WORDS, seconds
from ivr.flow.problems import Problem, Severity
from ivr.flow.steps.menu import Menu

NO_HUMAN = Rule("no-human", Severity.WARNING, "from here no person, callback or mailbox can be reached", whole=True)
TIME_TO_HUMAN = Rule(
    "time-to-human", Severity.WARNING, "too much is said before the first person can be reached", whole=True
)
MENU_DEPTH = Rule("menu-depth", Severity.WARNING, "a menu lies behind too many menus", whole=True)
MENU_WIDTH = Rule("menu-width", Severity.WARNING, "a menu offers too many choices to keep in mind")

MAX_SECONDS_TO_HUMAN = 40
MAX_DEPTH = 3
MAX_WIDTH = 5

_FAILURES = ("on_silence", "on_invalid", "on_fail")


def no_human(draft: Draft) -> Iterator[Problem]:
    """At the step where the way to people ends, and at the exit that hangs up on who has pressed nothing yet. Not for
    steps from which nothing leads anywhere: that is another rule's."""
    if draft.placed_by_us:
        return
    steps = draft.flow.steps
    helped = draft.graph.leading_to([UNKNOWN, *(name for name, step in steps.items() if step.human)])
    inbound = draft.inbound()
    ending = draft.graph.leading_to([END])
    hopeless = [
        name for name in inbound if name in ending - helped and not (steps[name].terminal or draft.served(name))
    ]
    led_to = {edge.target for name in hopeless for edge in draft.graph.edges[name] if edge.target != name}
    for name in [name for name in hopeless if name not in led_to] or hopeless[:1]:
        message = f'from step "{name}" no person can be reached'
        hint = "lead an exit to a queue, transfer, callback or voicemail"
        yield draft.problem(NO_HUMAN, ("steps", name), message, hint, key=True)
    for name in _without_keys(draft):
        if name in helped:
            yield from _hung_up_on(draft, name, helped)


def _without_keys(draft: Draft) -> Iterator[str]:
    """The steps that a caller may come to before he has pressed any key, and before he has reached a person."""
    waiting = list(draft.graph.entries)
    found: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in found or name not in draft.flow.steps:
            continue
        found.add(name)
        yield name
        if not draft.served(name):
            waiting += [edge.target for edge in draft.graph.edges[name] if edge.cause is not Cause.CALLER]


def _hung_up_on(draft: Draft, name: str, helped: set[str]) -> Iterator[Problem]:
    lost: dict[tuple[str | int, ...], list[str]] = {}
    for edge in draft.graph.edges[name]:
        if edge.exit in _FAILURES and edge.target not in helped and edge.target != name:
            lost.setdefault(edge.path, []).append(edge.exit)
    for path, exits in lost.items():
        message = f'step "{name}" hangs up on {" and ".join(exits)}: a caller without a keypad reaches nobody'
        hint = "lead it to a queue, transfer, callback or voicemail"
        yield draft.problem(NO_HUMAN, path or ("steps", name), message, hint, key=not path)


def time_to_human(draft: Draft) -> Iterator[Problem]:
    """Once per first step, in the language that takes longest."""
    if draft.placed_by_us:
        return
    told: set[str] = set()
    for key, entry in draft.flow.entry.items():
        if entry.to in told or entry.to not in draft.flow.steps:
            continue
        told.add(entry.to)
        times = {lang: seconds_to_human(draft, entry.to, lang) for lang in draft.flow.languages}
        slow = [(took, lang) for lang, took in times.items() if took is not None and took > MAX_SECONDS_TO_HUMAN]
        if slow:
            took, lang = max(slow)
            message = f"a caller hears {took:.0f} s of prompts ({lang}) before the first person can be reached"
            hint = f"at most {MAX_SECONDS_TO_HUMAN} s: say less, or offer people sooner"
            yield draft.problem(TIME_TO_HUMAN, ("entry", key, "to"), message, hint)


def seconds_to_human(draft: Draft, start: str, lang: str) -> float | None:
    """Seconds of speech on the shortest way from `start` to a person or a mailbox; None when there is no way."""
    waiting = [(0.0, start)]
    done: set[str] = set()
    while waiting:
        spent, name = heapq.heappop(waiting)
        if name in done or name not in draft.flow.steps:
            continue
        done.add(name)
        if draft.flow.steps[name].human:
            return spent
        for edge in draft.graph.edges[name]:
            if edge.target not in (END, UNKNOWN):
                heapq.heappush(waiting, (spent + _heard(draft, name, edge, lang), edge.target))
    return None


def _heard(draft: Draft, name: str, edge: Edge, lang: str) -> float:
    """What is said at a step before it is left by `edge`. In a menu: up to the label of the key, or to the end."""
    step = draft.flow.steps[name]
    first = ("prompts", "prompt", "intro")
    total = sum(_seconds(spoken.words, lang) for spoken in draft.spoken(name) if spoken.field in first)
    if isinstance(step, Menu):
        for key, choice in step.keys.items():
            if choice.label:
                total += _seconds(choice.label, lang) + seconds(LABEL_WORDS)
            if edge.exit == f"key {key}" and (choice.label or step.intro):
                break
        if edge.exit in _FAILURES:
            tries = step.tries or draft.flow.defaults.tries
            total = tries * (total + (step.timeout or draft.flow.defaults.timeout) / 1000)
    return total


def _seconds(words: object, lang: str) -> float:
    if not isinstance(words, dict) or not words:
        return 0.0
    return seconds(text_of(words.get(lang) or next(iter(words.values()))))


def menu_depth(draft: Draft) -> Iterator[Problem]:
    """At the first menu that is too deep, by the way with the fewest menus."""
    depth: dict[str, int] = {}
    waiting = [(0, name) for name in draft.graph.entries if name in draft.flow.steps]
    while waiting:
        above, name = heapq.heappop(waiting)
        if name in depth or name not in draft.flow.steps:
            continue
        depth[name] = above + isinstance(draft.flow.steps[name], Menu)
        for edge in draft.graph.edges[name]:
            heapq.heappush(waiting, (depth[name], edge.target))
    for name, _ in steps_of(draft.flow, Menu):
        if depth.get(name) == MAX_DEPTH + 1:
            message = f'menu "{name}" is the {MAX_DEPTH + 1}th menu that a caller must go through'
            hint = f"at most {MAX_DEPTH} deep"
            yield draft.problem(MENU_DEPTH, ("steps", name), message, hint, key=True)


def menu_width(draft: Draft) -> Iterator[Problem]:
    """Counted: keys that lead to a step of their own; not 0, dialled extensions, `repeat` and the like."""
    for name, step in steps_of(draft.flow, Menu):
        choices = [k for k, choice in step.keys.items() if choice.to not in RESERVED and k != "0" and len(k) == 1]
        if len(choices) > MAX_WIDTH:
            message = f'menu "{name}" offers {len(choices)} choices'
            yield draft.problem(MENU_WIDTH, ("steps", name), message, f"at most {MAX_WIDTH}: group them", key=True)
