"""What each operation of the API does.

Law: a view reads or acts through the line and returns one of `answers`, or raises `Problem`. Who may call it is not its affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Response, request

from callback import talks
from callback.agents import NotSignedIn, ReservedReason, UnknownAgent
from callback.board import AgentRow, agent_rows
from callback.model import Agent
from callback.talks import NotTalking, UnknownTarget
from dashboards.api.answers import (
    BOARD,
    AgentsJson,
    BoardJson,
    CancelledJson,
    EntriesJson,
    ListenBody,
    ListeningJson,
    PauseBody,
    QueuesJson,
    RecordingBody,
    RecordingJson,
    TalksJson,
    TransferBody,
    TransferredJson,
    as_board,
    entry_json,
    talk_json,
)
from dashboards.live import Feed, Reading, event_stream
from dashboards.parts import Parts
from dashboards.problems import Problem
from ivr.ports import Refused, Unsure

ENTRIES_MAX = 500


@dataclass(frozen=True, slots=True)
class Context:
    """What a view works with."""

    parts: Parts
    feed: Feed


def read_board(context: Context) -> BoardJson:
    return as_board(_reading(context))


def read_queues(context: Context) -> QueuesJson:
    board = as_board(_reading(context))
    return QueuesJson(board.at_ms, board.queues)


def read_entries(context: Context, queue: str) -> EntriesJson:
    if queue not in context.parts.line.queues():
        raise Problem(404, "no_such_queue", "No queue has this name. GET /api/v1/queues lists them.")
    text = request.args.get("limit", "100")
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= ENTRIES_MAX:
        raise Problem(400, "bad_limit", f"limit is a whole number from 1 to {ENTRIES_MAX}.")
    entries = context.parts.line.waiting(queue, int(text))
    return EntriesJson(queue, tuple(entry_json(n, entry) for n, entry in enumerate(entries, 1)))


def read_agents(context: Context) -> AgentsJson:
    return AgentsJson(agent_rows(context.parts.line.agents()))


def read_stream(context: Context) -> Response:
    return event_stream(
        context.feed,
        lambda reading: BOARD.dump_python(as_board(reading), mode="json") if reading.board else {"down": True},
    )


def sign_in(context: Context, agent: str) -> AgentRow:
    return _act(agent, context.parts.line.sign_in)


def sign_out(context: Context, agent: str) -> AgentRow:
    return _act(agent, context.parts.line.sign_out)


def ready(context: Context, agent: str) -> AgentRow:
    return _act(agent, context.parts.line.ready)


def pause(context: Context, agent: str, body: PauseBody) -> AgentRow:
    return _act(agent, lambda agent: context.parts.line.pause(agent, body.reason))


def wrap_up_done(context: Context, agent: str) -> AgentRow:
    return _act(agent, context.parts.line.wrap_up_done)


def cancel_callback(context: Context, entry: str) -> CancelledJson:
    line = context.parts.line
    if line.entry(entry) is None:
        raise Problem(404, "no_such_callback", "No callback has this id.")
    if not line.cancel(entry):
        raise Problem(
            409, "not_open", "This is no open callback: it never was one, is in a talk already, or has ended."
        )
    return CancelledJson(entry)


def read_talks(context: Context) -> TalksJson:
    return TalksJson(tuple(talk_json(talk) for talk in context.parts.line.talks()))


def transfer(context: Context, talk: str, body: TransferBody) -> TransferredJson:
    with _about_a_talk():
        entry = context.parts.line.transfer(talk, body.to, "api")
        return TransferredJson(entry.id, entry.queue, entry.state)


def record(context: Context, talk: str, body: RecordingBody) -> RecordingJson:
    with _about_a_talk():
        try:
            found = talks.record(context.parts.line, context.parts.provider, talk, body.on)
        except Refused as err:
            raise Problem(
                409, "not_recorded", "This talk is not recorded: its queue must say so before it begins."
            ) from err
        return RecordingJson(found.attempt, body.on)


def listen(context: Context, talk: str, body: ListenBody) -> ListeningJson:
    with _about_a_talk():
        found = talks.listen(context.parts.line, context.parts.provider, talk, body.phone, body.mode)
        return ListeningJson(found.attempt, body.mode)


@contextmanager
def _about_a_talk() -> Iterator[None]:
    """What may be wrong with a talk, as problems."""
    try:
        yield
    except NotTalking as err:
        raise Problem(404, "no_such_talk", "No such talk goes on now. GET /api/v1/talks lists them.") from err
    except UnknownTarget as err:
        raise Problem(409, "unknown_target", f"{err}.") from err
    except Refused as err:
        raise Problem(
            409,
            "refused",
            "This phone cannot be rung: it is unknown, not connected, in use, or a number outside RETORNO_REGIONS.",
        ) from err
    except Unsure as err:
        raise Problem(503, "network_silent", "The telephone network did not answer; look whether it was done.") from err


def _act(agent: str, verb: Callable[[str], Agent]) -> AgentRow:
    """Do it, and answer with the agent as he is now: a pause asked for in a talk begins after it."""
    try:
        return agent_rows([verb(agent)])[0]
    except UnknownAgent as err:
        raise Problem(404, "no_such_agent", "No agent has this id. GET /api/v1/agents lists them.") from err
    except NotSignedIn as err:
        raise Problem(409, "not_signed_in", "The agent is offline. Sign him in first.") from err
    except ReservedReason as err:
        raise Problem(
            400, "reserved_reason", "The line itself gives this reason, for a telephone. Give another."
        ) from err


def _reading(context: Context) -> Reading:
    reading = context.feed.now()
    if reading.down or reading.board is None:
        raise Problem(503, "redis_down", "The line cannot be read: Redis does not answer.", {"Retry-After": "2"})
    return reading
