"""Rendering ahead: all that a flow can say without knowing the caller, and our own sentences with their usual values.

Law: what is found here is, letter for letter, what a turn will say; then its sound is there before anybody calls.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import structlog

from ivr import measures, words
from ivr.facts import WAIT_LADDER_S
from ivr.flow.expressions import parse_template
from ivr.flow.fields import Audio, Spoken, Words
from ivr.flow.lint.marks import marked
from ivr.flow.model import Flow
from ivr.flow.steps.menu import Menu
from ivr.instructions import Play, Say
from ivr.speech.cache import Pruned, prune
from ivr.speech.sounds import Sounds, apology_in
from ivr.speech.workshop import AT_ONCE, NoSounds

log = structlog.get_logger(__name__)

TURN_FILE = "ahead.lock"
POSITIONS = range(1, 21)
KEYS = "0123456789*#"
_FRAGMENTS = frozenset({"option", "option_to", "key *", "key #", "today", "tomorrow"})
"""Sentences that are only ever spoken inside others."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """`parts`: all that was wanted, by the id of its sound; `made`: how many were not there before; `failed`: what could not be
    made."""

    parts: Mapping[str, Say | Play]
    made: int
    failed: tuple[Say | Play, ...]


def render_ahead(flows: Iterable[Flow], sounds: Sounds, at_once: int = AT_ONCE) -> Rendered:
    """Make every sound of `flows` that can be known now, apologies first. Raises NoSounds."""
    wanted = _wanted(flows, sounds)
    missing = [part for sound, part in wanted.items() if not sounds.path(sound).is_file()]
    for start in range(0, len(missing), at_once):
        sounds.ensure(missing[start : start + at_once], sounds.longest_s)
    failed = tuple(part for part in missing if not sounds.path(sounds.sound_of(part)).is_file())
    return Rendered(wanted, len(missing) - len(failed), failed)


def render_behind(flows: Iterable[Flow], sounds: Sounds) -> threading.Thread:
    """The same for flows just published, in a thread of its own: one by one, and in one process at a time, so that calls find
    the engine free and what one has made the next finds."""
    thread = threading.Thread(target=_render_behind, args=(tuple(flows), sounds), name="speech-ahead", daemon=True)
    thread.start()
    return thread


def _render_behind(flows: tuple[Flow, ...], sounds: Sounds) -> None:
    try:
        sounds.folder.mkdir(parents=True, exist_ok=True)
        with (sounds.folder / TURN_FILE).open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # given back when the file is closed, or its process dies
            rendered = render_ahead(flows, sounds, at_once=1)
    except (NoSounds, OSError) as error:
        log.error("nothing can be rendered ahead", why=str(error))
        return
    names = [flow.flow for flow in flows]
    log.info("flows rendered ahead", flows=names, made=rendered.made, failed=len(rendered.failed))


def tidy(flows: Iterable[Flow], sounds: Sounds, max_bytes: int, now_s: float) -> Pruned:
    """Keep the folder of sounds below `max_bytes`, all that `flows` say to every caller apart. `now_s`: epoch seconds."""
    return prune(sounds.folder, _wanted(flows, sounds).keys(), max_bytes, now_s)


def _wanted(flows: Iterable[Flow], sounds: Sounds) -> dict[str, Say | Play]:
    found = sorted({part for flow in flows for part in static_parts(flow)}, key=lambda part: (part.lang, part.text))
    apologies = [apology_in(lang) for lang in dict.fromkeys(part.lang for part in found)]
    return {sounds.sound_of(part): part for part in (*apologies, *found)}


def static_parts(flow: Flow) -> set[Say | Play]:
    """All that `flow` says without values, in each of its languages, and our own sentences with their usual values."""
    found: set[Say | Play] = set()
    for name, texts in flow.prompts.items():
        found.update(_prompt(texts, name))
    for step in flow.steps.values():
        for _, prompt in marked(step, "prompt"):
            if not isinstance(prompt, str):
                found.update(_prompt(prompt, ""))
        if isinstance(step, Menu):
            found.update(_options(step, flow))
    for lang in flow.languages:
        found.update(sentences(lang))
    return found


def sentences(lang: str) -> Iterator[Say]:
    """The built-in sentences in `lang`: those without values, every place up to 20, every wait that is announced, every key."""
    usual: dict[str, list[object]] = {
        "position": list(POSITIONS),
        "minutes": [measures.minutes_words(seconds, lang) for seconds in WAIT_LADDER_S],
        "key": [words.key_name(key, lang) for key in KEYS],
    }
    for key in words.SENTENCES[words.spoken(lang)].keys() - _FRAGMENTS:
        match sorted(words.places(key, lang)):
            case []:
                yield Say(words.sentence(key, lang), lang)
            case [name]:
                yield from (Say(words.sentence(key, lang, **{name: value}), lang) for value in usual.get(name, ()))


def _prompt(texts: Words, name: str) -> Iterator[Say | Play]:
    for lang, text in texts.items():
        if not _fixed(text):
            continue
        if isinstance(text, Audio):
            yield Play(text.audio, text.text, lang, name)
        else:
            yield Say(text, lang, name)


def _options(menu: Menu, flow: Flow) -> Iterator[Say]:
    """The sentences that a menu makes of its labels."""
    for key, choice in menu.keys.items():
        if choice.label is None:
            continue
        for lang in flow.languages:
            label = choice.label.get(lang, next(iter(choice.label.values())))
            if _fixed(label):
                said = label.text if isinstance(label, Audio) else label
                yield Say(words.option(said, words.key_name(key, lang), lang), lang)


def _fixed(text: Spoken) -> bool:
    """Whether it is the same for every caller."""
    template = parse_template(text.text if isinstance(text, Audio) else text)
    return all(isinstance(part, str) for part in template.parts)
