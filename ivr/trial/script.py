"""The items of a test's script: what the caller does, and what must have happened.

Law: an item that does something acts through the `Phone`; an item that expects something changes nothing. What an item may
say stands in `ITEMS`; every mistake in a script is told before anything is played.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.asks import BookCallback, JoinLine
from ivr.events import EventType
from ivr.flow.fields import read_duration
from ivr.flow.model import Flow
from ivr.flow.problems import expected
from ivr.flow.steps.queue import QueueStep
from ivr.flow.steps.survey import Survey
from ivr.flow.steps.voicemail import Voicemail
from ivr.inputs import Outcome
from ivr.instructions import Dial, Pause
from ivr.trial.forms import BESIDE, FORMS
from ivr.trial.phone import Phone, doing
from ivr.trial.world import typed

MESSAGE_MS = 8_000
"""How long a test's caller speaks into a mailbox."""


class Unmet(Exception):
    """What was expected did not happen. Says what was, and what came instead."""


@dataclass(frozen=True, slots=True)
class Item:
    """A kind of script item: `run(phone, flow, value, whole item)`. `value`: the form of what stands behind its name."""

    run: Callable[[Phone, Flow, Any, Mapping[str, Any]], None]
    value: str
    beside: tuple[str, ...] = ()
    """Other names that may stand in the item."""


def play(phone: Phone, flow: Flow, item: Any) -> None:
    """Do or check one item that `mistakes` found no fault with. Raises Unmet, CannotDo."""
    name, value, whole = _named(item)
    ITEMS[name].run(phone, flow, value, whole)


def mistakes(item: Any) -> Iterator[str]:
    """What is wrong with an item as it is written."""
    if not isinstance(item, str | dict) or not item:
        yield "a script item is a word such as silence, or a mapping such as {press: 1}"
        return
    keys = [item] if isinstance(item, str) else list(item)
    named = [key for key in keys if key in ITEMS]
    if not named:
        yield f'unknown script item "{keys[0]}"; {expected(ITEMS, str(keys[0]))}'
        return
    kind = ITEMS[named[0]]
    for key in keys:
        if key != named[0] and key not in kind.beside:
            hint = f"beside it may stand {', '.join(kind.beside)}" if kind.beside else "it stands alone"
            yield f'"{key}" cannot stand in an item "{named[0]}"; {hint}'
    value = item[named[0]] if isinstance(item, dict) else "true"
    if not FORMS[kind.value].check(value):
        yield f'"{named[0]}" needs {FORMS[kind.value].told}'
    for name in kind.beside:
        if isinstance(item, dict) and name in item and not FORMS[BESIDE[name]].check(item[name]):
            yield f'"{name}" needs {FORMS[BESIDE[name]].told}'


def _named(item: Any) -> tuple[str, Any, Mapping[str, Any]]:
    if isinstance(item, str):
        return item, "true", {}
    name = next(key for key in item if key in ITEMS)
    return name, item[name], item


def _keys(value: Any) -> str:
    return {"star": "*", "hash": "#"}.get(str(value), str(value))


def _press(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    phone.press(_keys(value))


def _silence(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    phone.silence()


def _hang_up(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    phone.hang_up()


def _wait(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    phone.world.stand(whole.get("queue", {}))
    phone.wait(read_duration(value))


def _queue(phone: Phone, flow: Flow, value: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    phone.world.stand(value)


def _line(phone: Phone, flow: Flow, value: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    phone.world.tell(value)


def _answer(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    phone.agent_answers()


def _talk(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    phone.talk(read_duration(value), Outcome(whole.get("outcome", "answered")))


def _hear(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    if not _heard(phone, flow, str(value)):
        raise Unmet(f'expected to hear "{value}", heard {_speech(phone)}')


def _not_hear(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    if _heard(phone, flow, str(value)):
        raise Unmet(f'expected not to hear "{value}", heard {_speech(phone)}')


def _heard(phone: Phone, flow: Flow, wanted: str) -> bool:
    """A prompt by its name, or a piece of what was said."""
    said = [part for part in phone.heard if not isinstance(part, Pause)]
    if wanted in flow.prompts:
        return any(part.prompt == wanted for part in said)
    return _plain(wanted) in _plain(" ".join(part.text for part in said))


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).casefold()


def _speech(phone: Phone) -> str:
    said = " / ".join(part.text for part in phone.heard if not isinstance(part, Pause))
    return f'"{said}"' if said else "nothing"


def _in_queue(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    session = phone.session
    step = phone.flows.get(session.flow, session.version).flow.steps[session.step]
    if not isinstance(step, QueueStep) or not session.entry:
        raise Unmet(f'expected to wait in "{value}", but at step "{session.step}" {doing(phone.instruction)}')
    joined = next((ask for ask, _ in reversed(phone.world.asked) if isinstance(ask, JoinLine)), None)
    _same("queue", value, step.queue)
    if "priority" in whole:
        _same("priority", int(whole["priority"]), joined.priority if joined else None)
    if "skills" in whole:
        _same("skills", sorted(whole["skills"]), sorted(joined.skills) if joined else None)


def _callback(phone: Phone, flow: Flow, value: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    booked = [a for a, given in phone.world.asked if isinstance(a, BookCallback) and given.outcome == "booked"]
    if not booked:
        raise Unmet(f"expected a callback to be booked; none was, and {doing(phone.instruction)}")
    ask = booked[-1]
    for name, wanted in value.items():
        found = {"queue": ask.queue, "number": ask.number, "later": ask.due_ms > 0, "keeps_place": bool(ask.entry)}[
            name
        ]
        _same(name, wanted == "true" if isinstance(found, bool) else wanted, found)


def _voicemail(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    session = phone.session
    step = phone.flows.get(session.flow, session.version).flow.steps[session.step]
    box = step.box if isinstance(step, Voicemail) else step.comment if isinstance(step, Survey) else None
    if box is None:
        raise Unmet(f'expected a message into box "{value}", but at step "{session.step}" {doing(phone.instruction)}')
    _same("box", value, box)
    phone.leave_message(MESSAGE_MS)


def _transfer(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    if not isinstance(phone.instruction, Dial):
        raise Unmet(f"expected {value} to be rung, but {doing(phone.instruction)}")
    _same("number rung", str(value), phone.instruction.to)
    outcome = Outcome(whole.get("outcome", "answered"))
    phone.talk(60_000 if outcome is Outcome.ANSWERED else 0, outcome)


def _survey(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    phone.press(str(value))
    scores = [event.data["score"] for event in phone.exchanges[-1].events if event.type is EventType.SURVEY_ANSWERED]
    _same("score", [str(value)], scores)


def _set(phone: Phone, flow: Flow, value: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    session = phone.session
    for name, wanted in value.items():
        found = session.variables.get(name)
        if found != typed(wanted) and found != wanted:
            shown = "another value" if name in session.sensitive else f'"{found}"'
            raise Unmet(f'expected variable {name} to be "{wanted}", found {shown}')


def _lang(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    _same("language", value, phone.session.lang)


def _at(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    _same("step", value, phone.session.step)


def _ended(phone: Phone, flow: Flow, value: Any, whole: Mapping[str, Any]) -> None:
    ended = phone.session.ended
    if not ended:
        raise Unmet(f"expected the call to have ended: {value}; {doing(phone.instruction)}")
    _same("end", value, ended)


def _same(what: str, wanted: Any, found: Any) -> None:
    if wanted != found:
        raise Unmet(f"expected {what} {wanted}, found {found}")


ITEMS: dict[str, Item] = {
    "press": Item(_press, "key"),
    "digits": Item(_press, "key"),
    "silence": Item(_silence, "word"),
    "hang_up": Item(_hang_up, "word"),
    "wait": Item(_wait, "duration", ("queue",)),
    "queue": Item(_queue, "place"),
    "line": Item(_line, "line"),
    "answer": Item(_answer, "word"),
    "talk": Item(_talk, "duration", ("outcome",)),
    "voicemail": Item(_voicemail, "text"),
    "transfer": Item(_transfer, "text", ("outcome",)),
    "survey": Item(_survey, "key"),
    "hear": Item(_hear, "text"),
    "not_hear": Item(_not_hear, "text"),
    "in_queue": Item(_in_queue, "text", ("priority", "skills")),
    "callback": Item(_callback, "booking"),
    "set": Item(_set, "mapping"),
    "lang": Item(_lang, "text"),
    "at": Item(_at, "text"),
    "ended": Item(_ended, "text"),
}
"""Every item by its name: first what the caller (or the world) does, then what is expected."""
