"""A talk under way: to send its customer on, to hand it over, to record it, to listen to it.

Law: a talk is named by its attempt or its entry. Whoever is sent on stands in line again under the same id, and the word of
it may come before or after the end of the agent's call. What only the network can do (record, listen) is asked of it at
once, so that whoever asked hears whether it is done. A supervisor's phone is rung under the same rules as a customer's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import structlog

from callback.jobs import Task
from callback.model import Agent, AgentState, Attempt, Entry, EntryState, Queue, Talk, Transfers
from callback.places import HEARD_MS
from callback.rows import Move
from ivr.facts import TalkFacts
from ivr.ports import Caller, Gone, Listening, Provider, Refused

if TYPE_CHECKING:
    from callback.service import Line

log = structlog.get_logger()

AGENT: Final = "agent:"
NUMBER: Final = re.compile(r"\+.*|[0-9]{7,}", re.ASCII)
"""What a carrier takes for a number outside: shorter ones are extensions."""
BAND: Final = 1e13  # a place in line is band * 1e13 + the time of its taking


class NotTalking(Exception):
    """There is no such talk now."""


class UnknownTarget(LookupError):
    """Nobody can be sent there."""


def talk_facts(line: Line, attempt: str) -> TalkFacts:
    """What the customer's call must know of its attempt."""
    found = line.store.attempt(attempt)
    if found is None:
        return TalkFacts()
    record = line.queue(found.queue).record
    return TalkFacts(record, found.moved_entry, found.moved_queue, found.moved_unknown)


def talks(line: Line) -> tuple[Talk, ...]:
    found = [_talk(entry, attempt) for entry, attempt in line.store.connected()]
    return tuple(sorted(found, key=lambda talk: (talk.since_ms, talk.attempt)))


def _talk(entry: Entry, attempt: Attempt) -> Talk:
    call = entry.call or attempt.customer_call
    since, number = attempt.connected_ms, entry.number
    return Talk(attempt.id, entry.id, entry.queue, attempt.agent, since, number, attempt.agent_call, call)


def find(line: Line, name: str) -> Talk:
    """The talk of an attempt or an entry. Raises NotTalking."""
    attempt = line.store.attempt(name)
    entry = line.store.entry(attempt.entry if attempt else name)
    attempt = attempt or (line.store.attempt(entry.attempt) if entry and entry.attempt else None)
    if not entry or not attempt or entry.state is not EntryState.CONNECTED or entry.attempt != attempt.id:
        raise NotTalking(f"{name} is no talk that goes on now; `retorno talk list` shows them")
    return _talk(entry, attempt)


# sending on


def transfer(line: Line, name: str, to: str, by: str) -> Entry:
    talk = find(line, name)
    queue, agent = _target(line, to)
    if agent and not _is_there(agent):
        raise UnknownTarget(f"agent {agent.id} is {agent.state}; send the customer to a queue instead")
    moved = _move(line, talk.attempt, talk.customer_call, queue, agent, by)
    if moved is None:
        raise NotTalking(f"{name} has just ended, or its customer is not with the agent yet")
    return moved


def _target(line: Line, to: str) -> tuple[Queue | None, Agent | None]:
    """The queue, or the agent, that `to` names. Raises UnknownTarget."""
    if to.startswith(AGENT):
        agent = line.store.agent(to.removeprefix(AGENT))
        if agent is None:
            raise UnknownTarget(f"no agent {to.removeprefix(AGENT)!r}; `retorno agent list` shows them")
        return None, agent
    queue = line.queues().get(to)
    if queue is None:
        names = ", ".join(sorted(line.queues()))
        raise UnknownTarget(f"no queue {to!r}; expected {AGENT}<id> or one of {names}")
    return queue, None


def transferred(line: Line, caller: Caller, to: str) -> bool:
    attempt = line.store.attempt(caller.room)
    if attempt is None:
        return False
    queue, agent = _dialled(line, to)
    unknown = queue is None and agent is None
    if unknown:
        log.info("transfer_to_nobody", attempt=attempt.id)
    moved = _move(line, attempt.id, caller.call, queue, agent, attempt.agent, unknown=unknown, reopen=True)
    return moved is not None


def _dialled(line: Line, to: str) -> tuple[Queue | None, Agent | None]:
    """Whom an agent means by what he dialled: a queue, a colleague's id, or the end of a colleague's address (`PJSIP/ana`)."""
    if queue := line.queues().get(to):
        return queue, None
    name = to.removeprefix(AGENT)
    there = [agent for agent in line.agents() if _is_there(agent)]
    means = [agent for agent in there if name in (agent.id, agent.phone, agent.phone.rpartition("/")[2])]
    return None, means[0] if means else None


def _is_there(agent: Agent) -> bool:
    """Whether he will be free again before long, as `is_there` in `lua/_common.lua` has it."""
    paused = agent.state is AgentState.PAUSED and agent.reason != "phone_in_use"
    return agent.state is not AgentState.OFFLINE and not paused


def _move(
    line: Line,
    attempt: str,
    call: str,
    queue: Queue | None,
    agent: Agent | None,
    by: str,
    *,
    unknown: bool = False,
    reopen: bool = False,
) -> Entry | None:
    """Into `queue` (None: the one he is in), for `agent` alone if there is one. None: there is no such talk (any more)."""
    tried = line.store.attempt(attempt)
    stands = line.store.entry(tried.entry) if tried else None
    if stands is None:
        return None
    now = line.clock.now_ms()
    to = queue or line.queue(stands.queue)
    stays = to.name == stands.queue
    skills = [skill for skill in stands.needs if stays or skill in to.skills]
    move = Move(
        call=call,
        queue=to.name,
        skills=(AGENT + agent.id,) if agent else tuple(skills),
        heard_by_ms=now + HEARD_MS,
        by=by,
        last=to.transfers is Transfers.END and not stays,
        unknown=unknown,
        reopen=reopen,
    )
    code, agent_call = line.store.transfer(attempt, move, line.queues(), now)
    if code == "late":
        log.info("transfer_late", attempt=attempt)
        return None
    line.enqueue(Task("hang_up", call=agent_call))
    _matched(line, stands.id, to, now)
    return line.store.entry(stands.id)


def _matched(line: Line, name: str, queue: Queue, now_ms: int) -> None:
    """Whoever can be is brought together; then the estimate hears of a newcomer with the place of one who came long ago."""
    entry = line.store.entry(name)
    seen = line.store.place(entry, now_ms) if entry else None
    line.match()
    if entry is None or seen is None or any(skill.startswith(AGENT) for skill in entry.skills):
        line.observe("tick", queue)
        return
    credit_ms = max(0, now_ms - round(entry.score % BAND))
    line.observe("join", queue, name, ahead=seen.ahead, ahead_live=seen.ahead_live, credit_ms=credit_ms)


# handing over


def handed_over(line: Line, call: str, to_phone: str, to_call: str) -> bool:
    entry = line.store.entry_on(call)
    if entry is None or not entry.attempt:
        log.info("hand_over_late", call=call)
        return False
    there = [agent.id for agent in line.agents() if agent.phone == to_phone and agent.state is not AgentState.OFFLINE]
    agent, now = there[0] if there else "", line.clock.now_ms()
    code = line.store.handed_over(entry.attempt, call, agent, to_call, line.queues(), now)
    if code == "handed":
        line.match()
    else:
        log.info("hand_over_" + code, call=call, attempt=entry.attempt)
    return code != "late"


# what only the network can do


def record(line: Line, provider: Provider, name: str, on: bool) -> Talk:
    """Go on recording the talk, or stop for a while (a card number is read out). Raises NotTalking, Unsure,
    and Refused when its queue is not recorded and the network cannot begin now."""
    talk = find(line, name)
    try:
        provider.record(talk.customer_call, on)
    except Gone as err:
        raise NotTalking(f"{name} has just ended") from err
    return talk


def listen(line: Line, provider: Provider, name: str, phone: str, mode: Listening) -> Talk:
    """Ring a supervisor's `phone`, to take part in the talk. In a whisper the agent hears him, the customer does not.
    Raises NotTalking, Refused, Unsure."""
    talk = find(line, name)
    _may_ring(line, phone)
    try:
        provider.listen(phone, talk.agent_call, mode)
    except Gone as err:
        raise NotTalking(f"{name} has just ended") from err
    return talk


def _may_ring(line: Line, phone: str) -> None:
    """Raises Refused for a number outside that our rules do not allow, in a SIP address too: it leads to the same carrier."""
    user = re.sub(r"^sips?:|@.*|[._-]", "", phone)
    if NUMBER.fullmatch(user) and (checked := line.numbers.check(user)).kind != "ok":
        why = f"the number is {checked.kind} ({checked.why}); take a phone of the house, or a number that RETORNO_REGIONS allows"
        raise Refused(why, permanent=True)
