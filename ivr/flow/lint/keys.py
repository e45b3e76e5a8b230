"""Keys: which can be told apart, and whether what is said and what can be pressed agree.

Law: a menu speaks its own labels; these rules are about what authors say beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ivr.flow.fields import RESERVED
from ivr.flow.graph import fallback
from ivr.flow.lint.draft import Draft, Rule, Spoken, steps_of, text_of
from ivr.flow.lint.spoken import KeySaid, keys_said
from ivr.flow.problems import Problem, Severity
from ivr.flow.source import Path
from ivr.flow.steps.menu import Menu
from ivr.flow.steps.queue import QueueStep
from ivr.flow.steps.say import Say

AMBIGUOUS_KEYS = Rule("ambiguous-keys", Severity.ERROR, "one key is the beginning of another, or ranges overlap")
KEY_NOT_SPOKEN = Rule("key-not-spoken", Severity.WARNING, "a key works but no words name it", whole=True)
SPOKEN_KEY_MISSING = Rule("spoken-key-missing", Severity.WARNING, "the words name a key that does not work")
OPERATOR_HIDDEN = Rule("operator-hidden", Severity.INFO, "0 leads to a person, but no prompt says so", whole=True)
LABEL_ORDER = Rule("label-order", Severity.INFO, "options are not spoken in the order that is easiest to follow")

_ORDER = "1234567890*#"
_LONGEST = 2
"""Digits of a key that words are taken to name; more are a telephone number: `in an emergency, dial 911`."""


def ambiguous_keys(draft: Draft) -> Iterator[Problem]:
    """In menus; and in queues, where one key takes the callback and another leaves."""
    for name, queue in steps_of(draft.flow, QueueStep):
        if queue.callback and queue.exit_key == queue.callback.key:
            path: Path = ("steps", name, "exit_key")
            message = f'key "{queue.exit_key}" also takes the callback'
            yield draft.problem(AMBIGUOUS_KEYS, path, message, "choose another key for one of them")
    for name, step in steps_of(draft.flow, Menu):
        keys = list(step.keys)
        for index, key in enumerate(keys):
            other = next((earlier for earlier in keys[:index] if _clash(earlier, key)), None)
            if other is not None:
                path = ("steps", name, "keys", key)
                line = draft.loaded.at(("steps", name, "keys", other)).key_line
                hint = f'"{other}" is at line {line}; give them different first digits'
                yield draft.problem(AMBIGUOUS_KEYS, path, f'key "{key}" cannot be told from "{other}"', hint, key=True)


def _clash(one: str, two: str) -> bool:
    """Whether some digits are an instance of one key and the beginning, or all, of an instance of the other."""
    if not (one[0].isdigit() and two[0].isdigit()):
        return one == two
    short, long = sorted((_range(one), _range(two)), key=lambda found: len(found[0]))
    cut = len(short[0])
    return long[0][:cut] <= short[1] and short[0] <= long[1][:cut]


def _range(key: str) -> tuple[str, str]:
    low, _, high = key.partition("-")
    return (low, high) if high else (key.replace("X", "0"), key.replace("X", "9"))


def _matches(key: str, pressed: str) -> bool:
    """Whether pressing `pressed` is `key`, or begins it."""
    return _clash(key, pressed) and len(pressed) <= len(_range(key)[0])


def spoken_keys(draft: Draft) -> Iterator[Problem]:
    """spoken-key-missing and key-not-spoken, for menus and for the callback offers of queues."""
    for name, step in draft.flow.steps.items():
        if isinstance(step, Menu):
            working = [*step.keys, *(["0"] if fallback(draft.flow, step, "operator") else [])]
            fields = ("intro", "silence", "invalid")
            yield from _missing(draft, name, working, [s for s in draft.spoken(name) if s.field in fields])
            yield from _unspoken(draft, name, step)
        elif isinstance(step, QueueStep) and step.callback:
            working = [step.callback.key, *([step.exit_key] if step.exit_key else [])]
            offers = [s for s in draft.spoken(name) if s.field == "callback"]
            yield from _missing(draft, name, working, offers)
            yield from _silent_offer(draft, name, step.callback.key, offers)


def _missing(draft: Draft, name: str, working: list[str], spoken: list[Spoken]) -> Iterator[Problem]:
    told: set[str] = set()
    for prompt in spoken:
        for lang, value in prompt.words.items():
            for said in keys_said(text_of(value)):
                if (
                    len(said.key) <= _LONGEST
                    and said.key not in told
                    and not any(_matches(key, said.key) for key in working)
                ):
                    told.add(said.key)
                    where = (*prompt.path, lang)
                    message = f'"{said.phrase}" is said at step "{name}", which has no key {said.key}'
                    yield draft.problem(SPOKEN_KEY_MISSING, where, message, f"its keys are {', '.join(working)}")


def _said_by(prompts: list[Spoken], lang: str) -> list[KeySaid]:
    found: list[KeySaid] = []
    for prompt in prompts:
        if lang in prompt.words:
            found += keys_said(text_of(prompt.words[lang]))
    return found


def _unspoken(draft: Draft, name: str, menu: Menu) -> Iterator[Problem]:
    """What the intro, and a `say` that leads straight here, do not name and no label does."""
    heard = [prompt for prompt in draft.spoken(name) if prompt.field == "intro"]
    for before, _ in steps_of(draft.flow, Say):
        if any(edge.target == name for edge in draft.graph.edges.get(before, ())):
            heard += draft.spoken(before)
    for key, choice in menu.keys.items():
        if choice.label or choice.to in RESERVED or key == "0" or len(key) > 1:
            continue
        silent = [lang for lang in draft.flow.languages if not any(s.key == key for s in _said_by(heard, lang))]
        if silent:
            langs = "" if len(silent) == len(draft.flow.languages) else f" in {', '.join(silent)}"
            message = f'no words name key {key} of menu "{name}"{langs}'
            yield draft.problem(KEY_NOT_SPOKEN, ("steps", name, "keys", key), message, "give it a label", key=True)


def _silent_offer(draft: Draft, name: str, key: str, offers: list[Spoken]) -> Iterator[Problem]:
    for offer in offers:
        silent = [lang for lang in offer.words if not _said_by([offer], lang)]
        if silent:
            message = f'the callback offer of "{name}" does not say which key takes it ({", ".join(silent)})'
            yield draft.problem(KEY_NOT_SPOKEN, (*offer.path, silent[0]), message, f"name key {key}")


def operator_hidden(draft: Draft) -> Iterator[Problem]:
    """Once for the flow's operator; a menu's own operator or key 0 at that menu."""
    if draft.placed_by_us:
        return
    spoken = any(
        said.key == "0"
        for words in draft.all_words()
        for value in words.words.values()
        for said in keys_said(text_of(value))
    )
    menus = list(steps_of(draft.flow, Menu))
    labelled = any("0" in menu.keys and menu.keys["0"].label for _, menu in menus)
    if spoken or labelled:
        return
    hint = "say so once: digite 0, press 0, marque 0; or label the key"
    if draft.flow.operator and menus:
        yield draft.problem(OPERATOR_HIDDEN, ("operator",), "0 leads to a person, but no prompt says so", hint)
        return
    for name, menu in menus:
        place = ("operator",) if menu.operator else ("keys", "0") if "0" in menu.keys else ()
        if place:
            message = f'0 works in menu "{name}", but no prompt says so'
            yield draft.problem(OPERATOR_HIDDEN, ("steps", name, *place), message, hint, key=True)


def label_order(draft: Draft) -> Iterator[Problem]:
    """The labels of a menu from 1 up, then 0, star and hash; and words that name the key before the option."""
    for name, step in steps_of(draft.flow, Menu):
        keys = [key for key, choice in step.keys.items() if choice.label and len(key) == 1]
        for earlier, key in pairwise(keys):
            if _ORDER.index(key) < _ORDER.index(earlier):
                path = ("steps", name, "keys", key)
                message = f"key {key} is spoken after key {earlier}"
                yield draft.problem(LABEL_ORDER, path, message, "put the labels in the order of the keys", key=True)
                break
        for prompt in draft.spoken(name):
            wrong = [lang for lang in prompt.words for said in _said_by([prompt], lang) if said.before_option]
            if prompt.field == "intro" and wrong:
                message = f"the key is named before its option ({', '.join(dict.fromkeys(wrong))})"
                hint = 'say "for sales, press 1": who hears the option first remembers the key'
                yield draft.problem(LABEL_ORDER, (*prompt.path, wrong[0]), message, hint)
