"""One turn under way: what a step may look at and do.

Law: the only mutable things in the core are this object and the session copy inside it; both die with the turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ivr import measures, prompts, words
from ivr.events import Event, EventType
from ivr.facts import Facts
from ivr.flow.expressions import Environment, Sensitive, parse
from ivr.flow.fields import PromptRef
from ivr.flow.graph import fallback
from ivr.flow.model import Flow
from ivr.flow.steps.base import Step
from ivr.instructions import Gather, Join, Say, Speech
from ivr.moves import End, Go, Move, Wait
from ivr.session import Session


@dataclass(frozen=True, slots=True)
class Published:
    """One version of a flow. `version` is the hash of its text."""

    flow: Flow
    version: str


class UnknownFlow(LookupError):
    """No flow has this name, or no such version of it is kept."""


class Flows(Protocol):
    def get(self, name: str, version: str = "") -> Published:
        """The version asked for, or the current one. Raises UnknownFlow."""
        ...


@dataclass(slots=True)
class Turning:
    """What a step works with. `speech` is what the caller will hear before the turn's instruction."""

    flow: Flow
    flows: Flows
    session: Session
    facts: Facts
    speech: list[Speech] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def now_ms(self) -> int:
        return self.facts.now_ms

    @property
    def at(self) -> dict[str, Any]:
        """What the present step remembers of this visit."""
        return self.session.at

    def event(self, kind: EventType, /, in_queue: str = "", **data: object) -> None:
        s = self.session
        self.events.append(
            Event(
                kind,
                self.now_ms,
                call=s.call,
                queue=in_queue,
                entry=s.entry,
                attempt=s.attempt,
                data={k: str(v) for k, v in data.items()},
            )
        )

    def environment(self) -> Environment:
        """The names that an expression may use now; sensitive variables are wrapped so that they cannot be spoken."""
        s = self.session
        variables = {k: Sensitive(str(v)) if k in s.sensitive else v for k, v in s.variables.items()}
        return Environment(
            variables=variables,
            lang=s.lang,
            caller=s.number,
            called=s.called,
            now_ms=self.now_ms,
            hours=self.flow.hours,
            queue=self.facts.queue,
            own_queue=s.queue,
        )

    def evaluate(self, expression: str) -> Any:
        """The value of an expression. Raises ExpressionError."""
        return parse(expression).evaluate(self.environment())

    def fill(self, template: str) -> str:
        """A template's text for a header. Raises ExpressionError, also for a sensitive value."""
        return prompts.filled(template, self.environment())

    def fill_url(self, template: str) -> str:
        """The same with values percent-encoded."""
        return prompts.filled(template, self.environment(), in_url=True)

    def fill_body(self, template: str) -> str:
        """The same for a request's body, the one place where a sensitive value may go."""
        return prompts.filled(template, self.environment(), in_body=True)

    def minutes(self, seconds: float) -> str:
        return measures.minutes_words(seconds, self.session.lang)

    def phone(self, number: str) -> str:
        return prompts.phone_words(number, self.session.lang)

    def digits(self, digits: str) -> str:
        return words.digit_words(digits, self.session.lang)

    def key_name(self, key: str) -> str:
        return words.key_name(key, self.session.lang)

    def day(self, at_ms: int) -> str:
        return prompts.on_day_words(at_ms, self.session.lang, prompts.timezone(self.flow), now_ms=self.now_ms)

    def clock_time(self, at_ms: int) -> str:
        return prompts.at_time_words(at_ms, self.session.lang, prompts.timezone(self.flow))

    def say(self, prompt: PromptRef | None, *, barge_in: bool = True) -> None:
        """Speak a prompt of the author, by name or in place. Raises ExpressionError."""
        if prompt is not None:
            self.speech.append(prompts.speak(self.flow, prompt, self.environment(), barge_in=barge_in))

    def tell(self, key: str, /, **values: object) -> None:
        """Speak one of the built-in sentences."""
        self.speech.append(Say(words.sentence(key, self.session.lang, **values), self.session.lang))

    def option(self, label: Mapping[str, Any], key: str) -> None:
        """Speak one choice of a menu: "For sales, press 1"."""
        s = self.session
        label_words = prompts.plain(label, self.environment())
        self.speech.append(Say(words.option(label_words, self.key_name(key), s.lang), s.lang))

    def leave(self, step: Step, exit_name: str) -> Move:
        """Out of `step` by one of its exits, or by what it falls back on."""
        target = fallback(self.flow, step, exit_name)
        if target is not None:
            return Go(target)
        return self.rescue()

    def rescue(self) -> Move:
        """Something of ours went wrong: apologise and take the caller to a person, once; a second time, say goodbye.

        A subflow that knows no person leaves that to the flow that called it.
        """
        s = self.session
        s.failed += 1
        while (target := self.flow.defaults.on_fail or self.flow.operator) is None and s.frames:
            self.out_of_subflow()
        if s.failed > 1 or target is None:
            return self.give_up()
        s.visits = {}
        self.tell("apology")
        self.tell("to_a_person")
        return Go(target)

    def give_up(self) -> End:
        self.tell("apology")
        self.tell("goodbye")
        return End("failed", final=True)

    def stand_in_line(self, queue: str) -> None:
        """From now on this step is where the call waits, and where it goes on after the talk."""
        s = self.session
        s.queue, s.queue_step, s.queue_depth = queue, s.step, len(s.frames)

    def waits_here(self) -> bool:
        """Whether this step is where the call waits."""
        s = self.session
        return s.queue_step == s.step and s.queue_depth == len(s.frames)

    def back_in_line(self) -> None:
        """To the step at which this call waits, out of any subflow: an agent has the caller, and `Joined` will find him."""
        s = self.session
        while len(s.frames) > s.queue_depth:
            self.out_of_subflow()
        s.step, s.at = s.queue_step, {"stage": "hold"}

    def room(self) -> Join:
        """Into the room of the attempt, to talk."""
        s = self.session
        host = s.leg == "agent"
        record = not host and self.facts.talk(s.attempt).record
        return Join(self.take_speech(), s.attempt, host=host, record=record)

    def out_of_subflow(self) -> None:
        """Into the flow that called this one, at the step that did."""
        s = self.session
        frame = s.frames.pop()
        s.flow, s.version, s.step, s.trail = frame.flow, frame.version, frame.step, frame.trail
        s.variables, s.sensitive, s.at = frame.variables, frame.sensitive, {}
        self.flow = self.flows.get(s.flow, s.version).flow

    def take_speech(self) -> tuple[Speech, ...]:
        """The speech so far, for an instruction; nothing is said twice."""
        said, self.speech = tuple(self.speech), []
        return said

    def gather(
        self,
        digits: int,
        *,
        timeout_ms: int | None = None,
        inter_digit_ms: int | None = None,
        finish: str = "",
        barge_in: bool | None = None,
        sensitive: bool = False,
    ) -> Wait:
        """Speak what has been said so far and wait for keys, with the flow's defaults."""
        defaults = self.flow.defaults
        return Wait(
            Gather(
                self.take_speech(),
                digits,
                timeout_ms or defaults.timeout,
                inter_digit_ms or defaults.inter_digit,
                finish,
                defaults.barge_in if barge_in is None else barge_in,
                sensitive,
            )
        )


def copy_session(session: Session) -> Session:
    """A deep copy by way of JSON: what does not survive that, a session may not hold."""
    return Session.from_json(session.to_json())
