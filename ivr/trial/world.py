"""The world of a test: a line and hosts that answer as the author's test says, in virtual time.

Law: it decides nothing a caller could hear; every answer is one of those listed at the ask (`ivr/asks.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import phonenumbers

from ivr.asks import (
    Accept,
    Ask,
    BookCallback,
    CancelPlace,
    ChangeNumber,
    CheckNumber,
    Fetch,
    FindPlace,
    JoinLine,
    LeaveLine,
    TakePlace,
)
from ivr.facts import PlaceFacts, QueueFacts, TalkFacts
from ivr.flow.fields import read_duration
from ivr.inputs import Answer

OUTCOMES: dict[str, tuple[str, ...]] = {
    "find": ("none", "found"),
    "join": ("joined", "full", "no_agents", "closed"),
    "leave": ("left", "taken"),
    "number": ("ok", "invalid", "blocked"),
    "book": ("booked", "duplicate", "full", "blocked", "taken", "late"),
    "take": ("joined", "gone"),
    "change": ("changed", "duplicate", "gone"),
    "cancel": ("cancelled", "gone"),
    "accept": ("room", "wait", "gone"),
}
"""What a test may say of the line under `line:`, and the answers it may give. The first is given unasked."""

_NAMES: dict[type[Ask], str] = {
    FindPlace: "find",
    JoinLine: "join",
    LeaveLine: "leave",
    CheckNumber: "number",
    BookCallback: "book",
    TakePlace: "take",
    ChangeNumber: "change",
    CancelPlace: "cancel",
    Accept: "accept",
}

HOME = "BR"
"""The country in which a test's numbers are read as dialled."""


@dataclass(slots=True)
class Place:
    """Where the caller would stand. `position` 0: an agent is being rung for him. `wait_s`: announced, None says nothing."""

    position: int = 3
    wait_s: int | None = None
    offer: bool = True
    closing: bool = False
    waiting: int = 2
    agents: int = 2


@dataclass(slots=True)
class World:
    """`line`: answers by name in `OUTCOMES`, used up one after another, the last for good. `mock`: by http step."""

    now_ms: int
    line: dict[str, list[str]] = field(default_factory=dict)
    mock: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    at: Place = field(default_factory=Place)
    asked: list[tuple[Ask, Answer]] = field(default_factory=list)
    talked: TalkFacts = field(default_factory=TalkFacts)
    """What became of the talk that has ended."""
    ringing: bool = False
    """An agent has this caller already: his place is not in the line any more."""

    def tell(self, line: Mapping[str, Any]) -> None:
        """What a test says of the line: answers by name, and under `queue` how the caller would stand in it."""
        self.stand(line.get("queue", {}))
        self.line |= {name: list(t) if isinstance(t, list) else [t] for name, t in line.items() if name != "queue"}

    def stand(self, place: Mapping[str, str]) -> None:
        """How the line stands from now on. `wait` in seconds, or none."""
        for name, told in place.items():
            match name:
                case "wait":
                    self.at.wait_s = None if told == "none" else int(told)
                case "offer" | "closing":
                    setattr(self.at, name, told == "true")
                case _:
                    setattr(self.at, name, int(told))

    def queue(self, name: str) -> QueueFacts:
        return QueueFacts(self.at.waiting, self.at.agents, self.at.wait_s)

    def place(self, entry: str) -> PlaceFacts | None:
        if self.ringing or not self.at.position:
            return None
        return PlaceFacts(self.at.position, self.at.wait_s, self.at.offer, self.at.closing)

    def talk(self, attempt: str) -> TalkFacts:
        return self.talked

    def answer(self, ask: Ask) -> Answer:
        given = self._fetched(ask) if isinstance(ask, Fetch) else self._line(ask)
        self.asked.append((ask, given))
        return given

    def _line(self, ask: Ask) -> Answer:
        name = _NAMES[type(ask)]
        told = self.line.get(name, [])
        outcome = told.pop(0) if len(told) > 1 else told[0] if told else ""
        if isinstance(ask, CheckNumber):
            return checked(ask.number, outcome)
        if isinstance(ask, JoinLine) and outcome == "no_agents" and not ask.needs_agents:
            outcome = "joined"  # he did not ask whether anybody is there
        outcome = outcome or OUTCOMES[name][0]
        self.ringing = outcome == "taken"
        at = self.at
        stands = {"entry": "kept-1" if name in ("find", "take") else "entry-1", "position": at.position}
        match outcome:
            case "joined":
                return Answer(outcome, {**stands, "wait_s": at.wait_s, "offer": at.offer})
            case "found":
                return Answer(outcome, {**stands, "wait_s": at.wait_s})
            case "booked":
                due_ms = ask.due_ms if isinstance(ask, BookCallback) else 0
                return Answer(outcome, {**stands, "wait_s": at.wait_s, "due_ms": due_ms})
            case "duplicate":
                return Answer(outcome, stands)
            case _:
                return Answer(outcome)

    def _fetched(self, ask: Fetch) -> Answer:
        mock = self.mock.get(ask.step)
        if mock is None or mock.get("fail") == "true":
            return Answer("failed", {"code": 0, "why": "failed" if mock else "no mock"})
        delay_ms = read_duration(mock.get("delay", "0s"))
        self.now_ms += min(delay_ms, ask.timeout_ms)
        if delay_ms > ask.timeout_ms:
            return Answer("failed", {"code": 0, "why": "timeout"})
        code = int(mock.get("code", 200))
        return Answer("ok" if 200 <= code < 300 else "failed", {"code": code, "body": typed(mock.get("body"))})


def checked(number: str, outcome: str = "") -> Answer:
    """What the line says of a number when no test says otherwise: ok when its country has such numbers."""
    if outcome == "blocked":
        return Answer(outcome, {"why": "not allowed"})
    try:
        read = phonenumbers.parse(number, HOME)
    except phonenumbers.NumberParseException:
        return Answer("invalid")
    if outcome == "invalid" or (not outcome and not phonenumbers.is_possible_number(read)):
        return Answer("invalid")
    return Answer("ok", {"number": phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)})


def typed(value: Any) -> Any:
    """A mocked body as a host would send it: the file's scalars are text, JSON's are not. `0800` stays text."""
    if isinstance(value, dict):
        return {key: typed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [typed(part) for part in value]
    words = {"true": True, "false": False, "null": None, "none": None}
    if not isinstance(value, str) or value in words:
        return words.get(value, value) if isinstance(value, str) else value
    whole, _, part = value.removeprefix("-").partition(".")
    if not whole.isdecimal() or (len(whole) > 1 and whole[0] == "0") or not (part.isdecimal() or "." not in value):
        return value
    return float(value) if part else int(value)
