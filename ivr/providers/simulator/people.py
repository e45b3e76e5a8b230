"""Who sits at the simulated telephones: customers with patience and mistakes, agents at their desks.

Law: they know what a person knows: what they hear, the time, and what they want. Chance comes from the `random.Random` that
they are given, so a seed makes the same people do the same things.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from ivr.inputs import Outcome
from ivr.providers.simulator.telephone import Act, Call, Leave, Press, Speak, spoken_ms

_OFFERED = re.compile(r"(?:digite|press|marque) ([0-9*#])")
REACTION_MS = 1_200


@dataclass(frozen=True, slots=True)
class Habits:
    """How customers are. Shares are between 0 and 1, times in milliseconds."""

    takes_callback: float = 0.5
    answers: float = 0.85  # the return call
    busy: float = 0.05
    voicemail: float = 0.04
    refuses: float = 0.02  # no longer needs it
    wrong_key: float = 0.05
    silent: float = 0.03
    hangs_up_in_menu: float = 0.02


@dataclass(slots=True)
class Customer:
    """One caller. `plan`: the keys for the menus to come, in order (`""`: says nothing); after it he presses 1.

    `patience_ms`: how long he waits on the line, from when he is told to hold. `talk`: how long he will need an agent.
    """

    random: Random
    plan: list[str]
    patience_ms: int
    service_ms: int
    habits: Habits = Habits()
    press_at_ms: int | None = None
    """When to press the first key of the plan, for a recorded day; None: after listening."""
    wants_callback: bool = False
    held_ms: int = 0
    left: bool = False
    talked: bool = False
    voicemail: bool = False

    def rings(self, call: Call, ring_ms: int) -> tuple[int, Outcome]:
        """The return call: he answers within seconds, or is on the phone, or does not hear it."""
        chance = self.random.random()
        h = self.habits
        self.voicemail = False
        if chance < h.busy:
            return 400, Outcome.BUSY
        if chance < h.busy + h.voicemail:
            self.voicemail = True
            return 15_000, Outcome.ANSWERED
        if chance < 1 - h.answers:
            return ring_ms, Outcome.NO_ANSWER
        return self.random.randrange(3_000, 14_000), Outcome.ANSWERED

    def hears(self, call: Call, do: dict[str, Any], now_ms: int) -> Act:
        if do["do"] == "gather":
            return self._menu(call, do, now_ms)
        if do["do"] == "hold":
            return self._waits(call, do, now_ms)
        if do["do"] == "record":
            return Speak(self.random.randrange(3_000, 25_000))
        return None

    def _menu(self, call: Call, do: dict[str, Any], now_ms: int) -> Act:
        if call.outbound:
            return self._return_call(do)
        if self.random.random() < self.habits.hangs_up_in_menu:
            self.left = True
            return Leave(self.random.randrange(500, 6_000))
        if self.press_at_ms is not None and self.plan:
            return Press(self.plan.pop(0), max(0, self.press_at_ms - now_ms))
        if self.random.random() < self.habits.silent:
            return None
        digits = self.plan.pop(0) if self.plan else _answer_key(do)
        if len(digits) == 1 and self.random.random() < self.habits.wrong_key:
            self.plan.insert(0, digits)
            digits = self.random.choice("78#")
        return Press(digits, _listening(self.random, do)) if digits else None

    def _return_call(self, do: dict[str, Any]) -> Act:
        if self.voicemail:
            return None
        refuses = self.random.random() < self.habits.refuses
        return Press("2" if refuses else "1", spoken_ms(do) * 2 // 3 + self.random.randrange(500, 2_000))

    def _waits(self, call: Call, do: dict[str, Any], now_ms: int) -> Act:
        self.held_ms = self.held_ms or now_ms
        offered = {key for part in do["speech"] for key in _OFFERED.findall(part.get("text", ""))} & set(do["keys"])
        if self.wants_callback and offered and not call.outbound:
            return Press(min(offered), spoken_ms(do) + self.random.randrange(300, 2_500))
        left = self.held_ms + self.patience_ms - now_ms
        if left > spoken_ms(do) + do["ms"] or call.outbound:
            return None
        return Leave(max(0, left))

    def talk_ms(self, call: Call) -> int | None:
        self.talked = True
        return self.service_ms

    def ended(self, call: Call, outcome: Outcome, now_ms: int) -> None:
        self.left = True


def _answer_key(do: dict[str, Any]) -> str:
    """The first key that is offered: yes to a question, 5 in a survey of five."""
    said = " ".join(part.get("text", "") for part in do["speech"])
    found = _OFFERED.search(said)
    return found.group(1) if found else "5"


def _listening(random: Random, do: dict[str, Any]) -> int:
    """Some know the menu and press at once, most hear about half of it."""
    return REACTION_MS + int(spoken_ms(do) * random.betavariate(2, 2))


@dataclass(slots=True)
class AgentPhone:
    """An agent's telephone and the agent at it. `after_talk` is called when a call of his is over."""

    random: Random
    answer_ms: tuple[int, int] = (1_000, 5_000)
    misses: float = 0.01
    refuses: float = 0.005
    press_ms: int = 1_200
    after_call: Callable[[int], None] = field(default=lambda _now_ms: None)

    def rings(self, call: Call, ring_ms: int) -> tuple[int, Outcome]:
        if self.random.random() < self.misses:
            return ring_ms, Outcome.NO_ANSWER
        low, high = self.answer_ms
        return (self.random.randrange(low, high) if high > low else low), Outcome.ANSWERED

    def hears(self, call: Call, do: dict[str, Any], now_ms: int) -> Act:
        if do["do"] != "gather":
            return None
        return Press("2" if self.random.random() < self.refuses else "1", self.press_ms)

    def talk_ms(self, call: Call) -> int | None:
        return None

    def ended(self, call: Call, outcome: Outcome, now_ms: int) -> None:
        self.after_call(now_ms)
