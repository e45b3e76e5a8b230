"""Join: connect the two sides of an attempt.

Law: only in the flows that we place calls with (`callback_agent`, `callback_customer`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from ivr.asks import Accept, LeaveLine
from ivr.facts import TalkFacts
from ivr.flow.fields import Target
from ivr.flow.steps.base import On, OptionalTarget, Step
from ivr.flow.steps.queue import QUIET, QUIET_MS
from ivr.inputs import Answer, DialEnded, Joined, NoInput, Outcome
from ivr.instructions import Hold
from ivr.moves import AskFor, Go, Wait

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


class JoinExits(On):
    gone: OptionalTarget = None


class JoinStep(Step):
    """The person accepted. Enters the room of the attempt, or holds until the other leg has. `next` follows the talk;
    `gone`: the other side is not there any more; unless named, he is told so and goes on to `next`."""

    waits: ClassVar[bool] = True
    human: ClassVar[bool] = True

    type: Literal["join"]
    music: str = "default"
    next: Target
    on: JoinExits = JoinExits()

    def enter(self, turning: Turning) -> Move:
        return AskFor(Accept(turning.session.attempt, turning.session.leg))

    def resume(self, turning: Turning, given: Input) -> Move:
        s = turning.session
        if isinstance(given, Answer) and given.outcome == "gone":
            return self._gone(turning)
        if isinstance(given, Joined) or (isinstance(given, Answer) and given.outcome == "room"):
            return Wait(turning.room())
        talk = turning.facts.talk(s.attempt) if isinstance(given, DialEnded) and s.leg != "agent" else None
        if talk is not None and talk.entry:
            return self._sent_on(turning, talk)
        if isinstance(given, DialEnded) and (s.leg == "agent" or given.outcome is Outcome.ANSWERED):
            s.entry = ""
            return Go(self.next)
        if isinstance(given, DialEnded) and turning.at.get("stage") != "hold":
            return self._gone(
                turning
            )  # the agent had left before him: his place is a callback's again, and he is rung for it
        if turning.at.get("stage") == "leave" and isinstance(given, Answer):
            return self._lost(turning, "closed_now") if given.outcome == "left" else self._hold(turning)
        if turning.at.get("stage") == "hold" and s.entry and isinstance(given, NoInput):
            return self._wait_on(turning)
        if isinstance(given, Answer):
            s.entry = str(given.values.get("entry", ""))
            turning.stand_in_line(s.queue)
            turning.tell("connecting")
        return self._hold(turning)

    def _hold(self, turning: Turning) -> Move:
        turning.at["stage"] = "hold"  # as `Joined` finds every caller who holds
        return Wait(Hold(turning.take_speech(), self.music, QUIET_MS))

    def _sent_on(self, turning: Turning, talk: TalkFacts) -> Move:
        """The agent has sent this customer on: he holds in the place that he has now."""
        s = turning.session
        s.entry, turning.at["quiet"] = talk.entry, 0
        turning.stand_in_line(talk.queue)
        turning.tell("transfer_failed" if talk.unknown else "transferred")
        return self._hold(turning)

    def _wait_on(self, turning: Turning) -> Move:
        """One who was sent on still waits: not past the closing of that queue, and for no place that is not there any more."""
        place, at = turning.facts.place(turning.session.entry), turning.at
        if place is not None and place.closing:
            at["stage"] = "leave"
            return AskFor(LeaveLine(turning.session.entry, "closed"))
        at["quiet"] = 0 if place is not None else at.get("quiet", 0) + 1
        if at["quiet"] > QUIET:
            return self._lost(turning, "apology")
        return self._hold(turning)

    def _lost(self, turning: Turning, why: str) -> Move:
        """Nobody will take him now."""
        turning.session.entry = ""
        turning.tell(why)
        return Go(self.next)

    def _gone(self, turning: Turning) -> Move:
        if self.on.gone is None:
            turning.tell("other_gone")
        return Go(self.on.gone or self.next)
