"""The shell round the engine: one call, one input, one saved turn.

Law: whatever happens inside, a caller hears something. No provider is known here, only the ports that `ivr.ports` declares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import structlog
from redis.exceptions import RedisError

from ivr import engine
from ivr.asks import Ask, Fetch
from ivr.clock import Clock
from ivr.engine import Turn
from ivr.events import Event
from ivr.facts import Facts
from ivr.inputs import Answer, DialEnded, HungUp, Input, Joined, Machine, Outcome, Started
from ivr.instructions import Hangup, Hold, Instruction, Record, Say
from ivr.ports import Caller, LinePort, Outgoing, Provider, Unsure
from ivr.session import Session
from ivr.store import FlowShelf, Sessions
from ivr.words import SENTENCES, sentence

log = structlog.get_logger(__name__)

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
MAX_ASKS = 20
AGAIN_MS = 5_000
"""How long a caller is kept before his webhook is tried once more."""
SILENCE_MS = 60_000
"""How long past the end of a stretch of hold music we wait before we ask the network whether the caller is there."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the phone side is to do now. It wakes the session with the same `turn`; a repeated webhook gets this again.

    `again`: we could not do our part (Redis is away). When the hold is over, the network sends the same webhook once more,
    so that nothing that the caller has done is lost.
    """

    call: str
    turn: int
    instruction: Instruction
    again: bool = False


@dataclass(frozen=True, slots=True)
class Calls:
    """The verbs of a call. `fetch` carries out the HTTP requests of flows; `new_run` names a run of a turn, like no other."""

    sessions: Sessions
    flows: FlowShelf
    line: LinePort
    clock: Clock
    fetch: Callable[[Fetch], Answer]
    provider: Provider
    new_run: Callable[[], str]

    def incoming(self, call: str, number: str, called: str) -> Reply:
        """A call has come in. `number` is the caller's as the network gave it: anything but E.164 counts as withheld."""
        return self._keep(call, 0, lambda: self._incoming(call, number, called))

    def answered(self, call: str, machine: Machine | None = None) -> Reply:
        """A call that we placed has been answered. `machine`: what the network heard, where it was to listen."""
        return self._keep(call, 0, lambda: self._wake(call, 0, Started(machine)))

    def wake(self, call: str, turn: int, given: Input) -> Reply:
        """The phone side has done what turn `turn` told it. Repeated, late or unknown: the stored reply, no change."""
        return self._keep(call, turn, lambda: self._wake(call, turn, given))

    def joined(self, call: str, attempt: str) -> Reply:
        """A held call was taken out of its hold for `attempt`."""
        return self._keep(call, -1, lambda: self._wake(call, None, Joined(attempt)))

    def transferred(self, call: str, turn: int, to: str) -> Reply:
        """The agent has sent the customer `call` on to `to` from his own telephone, out of the room of turn `turn`: the customer
        hears so and waits there. Repeated, or so late that he is elsewhere by now: the stored reply, no change."""
        return self._keep(call, turn, lambda: self._transferred(call, turn, to))

    def records(self, call: str) -> int | None:
        """The turn at which `call` leaves a message; None: it does not."""
        saved = self.sessions.load(call)
        leaves = saved is not None and not saved.session.ended and isinstance(saved.instruction, Record)
        return saved.session.turn if saved is not None and leaves else None

    def ended(self, call: str, outcome: Outcome) -> None:
        """The call is over. Idempotent: the line hears of it each time and acts once. One that runs no flow may be the other side
        of a talk that an agent has handed over."""
        while saved := self.sessions.load(call):
            session = saved.session
            if not session.ended:
                turn = engine.turn(self.flows, session, HungUp(outcome), self.line.facts())
                if not self.sessions.save(turn.session, turn.instruction, turn.events, read_at=session.turn):
                    continue
                session = turn.session
            self.line.ended(_caller(session), outcome, session.ended)
            return
        log.info("a call ended that runs no flow", call=call)
        self.line.ended(Caller(call), outcome, "")

    def place(
        self,
        outgoing: Outgoing,
        flow: str,
        *,
        attempt: str,
        leg: str,
        lang: str,
        values: Mapping[str, str | int],
    ) -> None:
        """Ring a phone with `flow` waiting for whoever answers. Raises Refused, Unsure.

        The session is written first: should the network answer before we hear that it has dialled, it finds one.
        """
        published = self.flows.get(flow)
        session = Session(
            outgoing.call,
            published.flow.flow,
            published.version,
            self.clock.now_ms(),
            lang,
            number=outgoing.to if leg == "customer" else "",
            direction="outbound",
            variables={"attempt": attempt, **values},
            attempt=attempt,
            leg=leg,
        )
        self.sessions.save(engine.start(self.flows, session), None, (), read_at=None)
        self.provider.originate(outgoing)

    def _incoming(self, call: str, number: str, called: str) -> Reply:
        published = self.flows.for_number(called)
        shown = number if E164.fullmatch(number) else ""
        session = Session(
            call, published.flow.flow, published.version, self.clock.now_ms(), "", number=shown, called=called
        )
        self.sessions.save(engine.start(self.flows, session), None, (), read_at=None)
        return self._wake(call, 0, Started())

    def _transferred(self, call: str, turn: int, to: str) -> Reply:
        saved = self.sessions.load(call)
        if saved is not None and saved.session.room and saved.session.turn == turn and not saved.session.ended:
            self.line.transferred(_caller(saved.session), to)
            return self._wake(call, saved.session.turn, DialEnded(Outcome.ANSWERED))
        if saved is not None and saved.instruction is not None:
            log.info("late or double transfer", call=call, at=saved.session.turn)
            return Reply(call, saved.session.turn, saved.instruction)
        return _unknown(call)

    def _wake(self, call: str, turn: int | None, given: Input) -> Reply:
        """Run one turn; `turn` None: whichever turn it is at (the line's own moves come when they come)."""
        saved = self.sessions.load(call) if turn is None else self.sessions.at(call, turn)
        while saved is not None:
            session = saved.session
            if saved.instruction is not None and _late(session, turn, given):
                log.info("late or double webhook", call=call, turn=turn, at=session.turn)
                self._enter(session)
                return Reply(call, session.turn, saved.instruction)
            if isinstance(given, DialEnded) and session.attempt:
                self.line.talk_ended(_caller(session), given.outcome)
            result, events = self._turn(session, given)
            assert result.instruction is not None  # noqa: S101 - `_turn` goes on while there is an ask
            if self.sessions.save(result.session, result.instruction, events, read_at=session.turn):
                self._enter(result.session)
                self._hold(result)
                return Reply(call, result.session.turn, result.instruction)
            saved = self.sessions.load(call)
        return _unknown(call)

    def _turn(self, session: Session, given: Input) -> tuple[Turn, list[Event]]:
        """The whole turn. An error of ours sends the caller to a person; one on that way too, ends the call with a word."""
        claim = partial(self.sessions.claim, session.call, session.turn, self.new_run())
        try:
            return self._run(lambda facts: engine.turn(self.flows, session, given, facts), claim)
        except (RedisError, Unsure):
            raise
        except Exception:
            log.exception("a turn failed: the caller goes to a person", call=session.call, step=session.step)
        try:
            return self._run(lambda facts: engine.recover(self.flows, session, facts), claim)
        except (RedisError, Unsure):
            raise
        except Exception:
            log.exception("no way to a person: the call ends", call=session.call, step=session.step)
        return self._run(lambda facts: engine.recover(self.flows, replace(session, failed=1), facts), claim)

    def _run(self, begin: Callable[[Facts], Turn], claim: Callable[[int], bool]) -> tuple[Turn, list[Event]]:
        """Run, carry out what it asks, run on, until there is an instruction."""
        result = begin(self.line.facts())
        events = list(result.events)
        for _ in range(MAX_ASKS):
            if result.ask is None:
                return result, events
            answer = self._carry_out(result.ask, result.session, claim)
            result = engine.turn(self.flows, result.session, answer, self.line.facts())
            events += result.events
        raise RuntimeError(f"{MAX_ASKS} asks in one turn at step {result.session.step}")

    def _carry_out(self, ask: Ask, session: Session, claim: Callable[[int], bool]) -> Answer:
        """A `Fetch` only by the run that has the turn: the network asks again while a server thinks. Raises Unsure."""
        if not isinstance(ask, Fetch):
            return self.line.answer(ask, _caller(session))
        if not claim(ask.longest_ms):
            raise Unsure(f"step {ask.step}: another run is at its request, or has just ended")
        return self.fetch(ask)

    def _enter(self, session: Session) -> None:
        if session.room:
            self.line.entered(_caller(session))

    def _hold(self, result: Turn) -> None:
        session, instruction = result.session, result.instruction
        if isinstance(instruction, Hold) and (session.entry or session.attempt):
            self.line.held(_caller(session), self.clock.now_ms() + instruction.ms + SILENCE_MS)

    def _keep(self, call: str, turn: int, act: Callable[[], Reply]) -> Reply:
        """Do `act`; whatever breaks, the caller hears a sentence and stays: the network asks the same in a few seconds."""
        try:
            return act()
        except Unsure as error:
            log.warning("not known yet: the caller is kept", call=call, why=str(error))
        except Exception:
            log.exception("webhook failed: the caller is kept", call=call)
        speech = tuple(Say(sentence("one_moment", lang), lang) for lang in SENTENCES)
        return Reply(call, turn, Hold(speech, "default", AGAIN_MS), again=True)


def _unknown(call: str) -> Reply:
    log.warning("unknown call", call=call)
    speech = tuple(Say(sentence("apology", lang), lang) for lang in SENTENCES)
    return Reply(call, 0, Hangup(speech, "unknown"))


def _late(session: Session, turn: int | None, given: Input) -> bool:
    """Whether this has been done: the session is at another turn, or has entered that room before."""
    if turn is None:
        return isinstance(given, Joined) and given.attempt in session.rooms
    return session.turn != turn


def _caller(session: Session) -> Caller:
    s = session
    return Caller(s.call, s.number, s.lang, s.entry, s.attempt, s.leg, s.room)
