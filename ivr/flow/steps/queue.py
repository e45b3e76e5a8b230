"""Queue: wait in line for an agent, with music, news of the wait, and a callback for those who want one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ivr.asks import FindPlace, JoinLine, LeaveLine
from ivr.events import EventType
from ivr.facts import WAIT_LADDER_S, PlaceFacts, TalkFacts
from ivr.flow.fields import Duration, Model, OneKey, PromptRef, QueueName, SkillName, Target
from ivr.flow.steps.base import On, OptionalTarget, Step
from ivr.flow.steps.kept_place import KEPT, ask_about_place, resume_about_place
from ivr.inputs import Answer, DialEnded, Digits, Joined, Outcome
from ivr.instructions import Hold
from ivr.moves import AskFor, Go, Wait

if TYPE_CHECKING:
    from ivr.inputs import Input
    from ivr.moves import Move
    from ivr.turning import Turning


QUIET_MS, QUIET = 20_000, 15
"""How long one stretch of music is while an agent is being rung, and how many of them may follow each other."""


class Announce(Model):
    """What a waiting caller hears and how often."""

    position: bool = True
    wait: bool = True
    every: Annotated[Duration, Field(ge=10_000)] = 60_000


class CallbackOffer(Model):
    """When the flow offers a callback (the queue's own rules must allow it too): on entry when the announced wait is at
    least `min_wait`, else once the caller has waited `offer_after`. `key` takes it."""

    offer_after: Duration | None = None
    min_wait: Duration | None = None
    prompt: PromptRef | None = None
    key: OneKey = "1"


class QueueExits(On):
    callback: OptionalTarget = None
    full: OptionalTarget = None
    timeout: OptionalTarget = None
    no_agents: OptionalTarget = None
    closed: OptionalTarget = None
    exit: OptionalTarget = None


class QueueStep(Step):
    """Joins `queue` and holds until an agent takes the call; `next` follows the talk.

    An exceptional exit that is not named: `closed` and `full` lead where `timeout` does, `timeout` to
    `defaults.on_fail`. Who already has a callback in this queue is told his place and may keep it, wait in it, change the
    number or cancel.
    """

    waits: ClassVar[bool] = True
    human: ClassVar[bool] = True

    type: Literal["queue"]
    queue: QueueName
    priority: int = Field(default=0, ge=0, le=10)
    skills: list[SkillName] = []
    music: str = "default"
    announce: Announce = Announce()
    max_wait: Duration | None = None
    callback: CallbackOffer | None = None
    exit_key: OneKey | None = None
    next: Target
    on: QueueExits = QueueExits()

    def masks(self, digits: str) -> bool:
        return len(digits) > 1  # a telephone number, typed to change the one that we will ring

    def enter(self, turning: Turning) -> Move:
        s = turning.session
        if s.entry and (s.queue == self.queue or turning.waits_here()):  # here, and sent on: in another queue by now
            turning.stand_in_line(s.queue)
            return self._hold(turning, turning.facts.place(s.entry))
        if s.entry:
            turning.at["stage"] = "move"
            return AskFor(LeaveLine(s.entry, "moved"))
        return self._stand(turning)

    def _stand(self, turning: Turning) -> Move:
        s = turning.session
        turning.stand_in_line(self.queue)
        if s.number:
            turning.at["stage"] = "find"
            return AskFor(FindPlace(self.queue, s.number))
        return self._join(turning)

    def _join(self, turning: Turning) -> Move:
        s = turning.session
        turning.at["stage"] = "join"
        needs_agents = self.on.no_agents is not None
        return AskFor(JoinLine(self.queue, s.number, s.lang, self.priority, tuple(self.skills), needs_agents))

    def resume(self, turning: Turning, given: Input) -> Move:
        s = turning.session
        if isinstance(given, Joined):
            return Wait(turning.room())
        if isinstance(given, DialEnded):
            talk, s.attempt, s.leg = turning.facts.talk(s.attempt), "", ""
            if talk.entry:
                return self._sent_on(turning, talk)
            if given.outcome is Outcome.ANSWERED:
                s.entry = ""
                return Go(self.next)
            turning.at["stage"] = "hold"  # the agent was not there after all: the place is the old one
        if turning.at.get("stage") in KEPT:
            return resume_about_place(turning, given, rejoin=lambda: self._join(turning), joined=self._joined)
        if isinstance(given, Answer):
            return self._answered(turning, given)
        place = turning.facts.place(s.entry)
        if isinstance(given, Digits) and given.digits:
            offer = self.callback if self.on.callback is not None else None
            if offer is not None and given.digits == offer.key and place is not None and place.offer:
                return turning.leave(self, "callback")
            if given.digits == self.exit_key:
                return self._leave(turning, "exit")
        return self._hold(turning, place)

    def _sent_on(self, turning: Turning, talk: TalkFacts) -> Move:
        """The agent has sent him on: he stands in another queue (or in his own again), and goes on waiting here."""
        s = turning.session
        s.entry, s.queue, s.joined_ms = talk.entry, talk.queue, turning.now_ms
        turning.at.clear()
        turning.tell("transfer_failed" if talk.unknown else "transferred")
        return self._hold(turning, turning.facts.place(s.entry))

    def _answered(self, turning: Turning, given: Answer) -> Move:
        stage = turning.at["stage"]
        if stage == "find":
            if given.outcome == "found":
                return ask_about_place(turning, given)
            return self._join(turning)
        if stage == "join":
            if given.outcome == "joined":
                return self._joined(turning, given)
            return turning.leave(self, given.outcome)
        if given.outcome == "left":
            turning.session.entry = ""
            return self._stand(turning) if stage == "move" else turning.leave(self, turning.at["exit"])
        turning.back_in_line()
        return Wait(Hold(turning.take_speech(), self.music, 20_000))

    def _joined(self, turning: Turning, given: Answer) -> Move:
        s = turning.session
        s.entry, s.joined_ms, s.queued = str(given.values["entry"]), turning.now_ms, True
        values = given.values
        if not values["position"]:  # an agent is being rung for him already
            turning.tell("hold")
            return self._hold(turning, None)
        place = PlaceFacts(values["position"], values.get("wait_s"), bool(values.get("offer")))
        return self._hold(turning, place)

    def _leave(self, turning: Turning, exit_name: str) -> Move:
        turning.at.update(stage="leave", exit=exit_name)
        return AskFor(LeaveLine(turning.session.entry, exit_name))

    def _hold(self, turning: Turning, place: PlaceFacts | None) -> Move:
        """Music until there is news. Without a place an agent is being rung for this caller: nothing is said then."""
        turning.at["stage"] = "hold"
        if place is None:
            return self._hold_quietly(turning)
        turning.at["quiet"] = 0
        waited = turning.now_ms - turning.session.joined_ms
        if place.closing:
            return self._leave(turning, "closed")
        if self.max_wait is not None and waited >= self.max_wait:
            return self._leave(turning, "timeout")
        self._announce(turning, place)
        self._offer(turning, place, waited)
        keys = (self.callback.key if self.callback is not None and self.on.callback else "") + (self.exit_key or "")
        return Wait(Hold(turning.take_speech(), self.music, self._until_news(waited), keys))

    def _hold_quietly(self, turning: Turning) -> Move:
        """An agent is being rung for him. No ringing lasts so long as `QUIET`: then the place is gone, whatever the reason,
        and he stands in line anew rather than in nobody's."""
        turning.at["quiet"] = turning.at.get("quiet", 0) + 1
        if turning.at["quiet"] > QUIET:
            turning.session.entry = ""
            return self._stand(turning)
        return Wait(Hold(turning.take_speech(), self.music, QUIET_MS))

    def _until_news(self, waited: int) -> int:
        """How long the music may play before there is something to say or do."""
        marks = [self.max_wait, self.callback.offer_after if self.callback is not None else None]
        return min([self.announce.every, *(mark - waited for mark in marks if mark is not None and mark > waited)])

    def _announce(self, turning: Turning, place: PlaceFacts) -> None:
        """The place when it has changed; the wait when it is lower than what was said, or clearly worse, once."""
        at = turning.at
        if self.announce.position and place.position != at.get("told_position"):
            at["told_position"] = place.position
            turning.tell("position_first" if place.position == 1 else "position", position=place.position)
        told, wait_s = at.get("told_s"), place.wait_s
        if not self.announce.wait or wait_s is None:
            return
        if told is None or wait_s < told:
            at["told_s"] = wait_s
            turning.tell("wait", minutes=turning.minutes(wait_s))
        elif _rung(wait_s) >= _rung(told) + 2 and not at.get("apologised"):
            at.update(told_s=wait_s, apologised=True)
            turning.tell("wait_longer", minutes=turning.minutes(wait_s))

    def _offer(self, turning: Turning, place: PlaceFacts, waited: int) -> None:
        offer, at = self.callback, turning.at
        if offer is None or self.on.callback is None or not place.offer or at.get("offers", 0) >= 2:
            return
        long_wait = offer.min_wait is not None and (place.wait_s or 0) * 1000 >= offer.min_wait
        long_waited = offer.offer_after is not None and waited >= offer.offer_after
        either = offer.min_wait is None and offer.offer_after is None
        if not (long_wait or long_waited or either) or (at.get("offers") and not long_waited):
            return
        at["offers"] = at.get("offers", 0) + 1
        s = turning.session
        if s.offered != s.entry:
            s.offered = s.entry
            turning.event(EventType.CALLBACK_OFFERED, in_queue=s.queue, step=s.step)
        if offer.prompt is not None:
            turning.say(offer.prompt)
        else:
            turning.tell("offer", key=turning.key_name(offer.key))


def _rung(wait_s: int) -> int:
    """Where on the ladder of announced waits this one stands."""
    return sum(1 for step in WAIT_LADDER_S if step < wait_s)
