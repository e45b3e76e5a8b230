"""The JSON API, version 1: the line as programs see it.

Law: `ROUTES` is the API. The Flask routes and the OpenAPI document are both made from it, and what a view returns is a frozen
dataclass, from which its schema is made. Reading follows `may_read`, acting needs the token. No number is given unmasked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flask import Blueprint, Response, request
from pydantic import TypeAdapter, ValidationError
from redis.exceptions import RedisError

from callback.board import AgentRow, Bar, QueueRow, Today, agent_rows
from callback.model import Agent, Entry, EntryState, Mode, QueueSnapshot
from callback.service import NotSignedIn, UnknownAgent
from dashboards.access import may_act, may_read
from dashboards.board.attention import Attention, Level, Reason, worst_first
from dashboards.board.routes import event_stream
from dashboards.live import Feed, Reading
from dashboards.parts import Parts
from dashboards.problems import Problem
from ivr.log import mask_number

PREFIX = "/api/v1"
ENTRIES_MAX = 500


@dataclass(frozen=True, slots=True)
class QueueJson:
    """A queue: its targets, how it stands, how its day went, and whether it needs attention."""

    queue: str
    title: dict[str, str]
    target_ms: int
    target_share: float
    short_ms: int
    now: QueueSnapshot
    today: Today
    level: Level
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class QueuesJson:
    at_ms: int
    queues: tuple[QueueJson, ...]


@dataclass(frozen=True, slots=True)
class BoardJson:
    """The whole line. `down`: it cannot be read now, and these are the last figures known."""

    at_ms: int
    day: str
    zone: str
    speed: float
    down: bool
    queues: tuple[QueueJson, ...]
    agents: tuple[AgentRow, ...]
    history: tuple[Bar, ...]


BOARD = TypeAdapter(BoardJson)


@dataclass(frozen=True, slots=True)
class AgentsJson:
    agents: tuple[AgentRow, ...]


@dataclass(frozen=True, slots=True)
class EntryJson:
    """A place in line. `number` is masked."""

    id: str
    position: int
    mode: Mode
    state: EntryState
    entered_ms: int
    number: str
    lang: str
    skills: tuple[str, ...]
    promised_ms: int


@dataclass(frozen=True, slots=True)
class EntriesJson:
    queue: str
    entries: tuple[EntryJson, ...]


@dataclass(frozen=True, slots=True)
class PauseBody:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CancelledJson:
    entry: str
    cancelled: Literal[True] = True


@dataclass(frozen=True, slots=True)
class Context:
    """What a view works with."""

    parts: Parts
    feed: Feed


@dataclass(frozen=True, slots=True)
class Route:
    """One operation. `path` names its parameters as `{name}`; `answer` is the dataclass of its 200, None for a stream of text
    or a document; `refusals` are the HTTP codes it may answer besides those of access."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    name: str
    summary: str
    view: Callable[..., Any]
    answer: type[Any] | None
    body: type[Any] | None = None
    query: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    refusals: tuple[int, ...] = ()
    media: str = "application/json"

    @property
    def acts(self) -> bool:
        return self.method != "GET"


# ---- views -------------------------------------------------------------------------------------------------------


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
    return EntriesJson(queue, tuple(_entry(n, entry) for n, entry in enumerate(entries, 1)))


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


def _act(agent: str, verb: Callable[[str], Agent]) -> AgentRow:
    """Do it, and answer with the agent as he is now: a pause asked for in a talk begins after it."""
    try:
        return agent_rows([verb(agent)])[0]
    except UnknownAgent as err:
        raise Problem(404, "no_such_agent", "No agent has this id. GET /api/v1/agents lists them.") from err
    except NotSignedIn as err:
        raise Problem(409, "not_signed_in", "The agent is offline. Sign him in first.") from err


def _reading(context: Context) -> Reading:
    reading = context.feed.now()
    if reading.down or reading.board is None:
        raise Problem(503, "redis_down", "The line cannot be read: Redis does not answer.", {"Retry-After": "2"})
    return reading


def as_board(reading: Reading) -> BoardJson:
    """A reading as the API gives it. The reading has a board."""
    board = reading.board
    if board is None:
        raise ValueError("this reading has no board")
    queues = tuple(_queue(row, reading.attention[row.queue]) for row in worst_first(board, reading.attention))
    return BoardJson(board.at_ms, board.day, board.zone, board.speed, reading.down, queues, board.agents, board.history)


def _queue(row: QueueRow, attention: Attention) -> QueueJson:
    return QueueJson(
        row.queue,
        row.title,
        row.target_ms,
        row.target_share,
        row.short_ms,
        row.now,
        row.today,
        attention.level,
        attention.reasons,
    )


def _entry(position: int, entry: Entry) -> EntryJson:
    return EntryJson(
        entry.id,
        position,
        entry.mode,
        entry.state,
        entry.entered_ms,
        mask_number(entry.number) if entry.number else "",
        entry.lang,
        entry.skills,
        entry.promised_ms,
    )


# ---- the table ---------------------------------------------------------------------------------------------------

LIMIT = (
    "limit",
    "How many, from the head of the line.",
    {"type": "integer", "minimum": 1, "maximum": ENTRIES_MAX, "default": 100},
)

ROUTES: tuple[Route, ...] = (
    Route("GET", "/board", "readBoard", "The whole line now, its day and the last two hours", read_board, BoardJson),
    Route(
        "GET", "/queues", "readQueues", "Every queue, the one that most needs attention first", read_queues, QueuesJson
    ),
    Route(
        "GET",
        "/queues/{queue}/entries",
        "readEntries",
        "Who waits in a queue, in line; numbers masked",
        read_entries,
        EntriesJson,
        query=(LIMIT,),
        refusals=(400, 404),
    ),
    Route("GET", "/agents", "readAgents", "Every agent and what he does", read_agents, AgentsJson),
    Route(
        "POST",
        "/agents/{agent}/sign-in",
        "signIn",
        "Sign an agent in; he is ready",
        sign_in,
        AgentRow,
        refusals=(404, 409),
    ),
    Route(
        "POST",
        "/agents/{agent}/sign-out",
        "signOut",
        "Sign an agent out; in a talk, after it",
        sign_out,
        AgentRow,
        refusals=(404, 409),
    ),
    Route("POST", "/agents/{agent}/ready", "ready", "Take calls", ready, AgentRow, refusals=(404, 409)),
    Route(
        "POST",
        "/agents/{agent}/pause",
        "pause",
        "Take no calls for a while; in a talk, after it",
        pause,
        AgentRow,
        body=PauseBody,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST",
        "/agents/{agent}/wrap-up-done",
        "wrapUpDone",
        "End the wrap-up before its limit",
        wrap_up_done,
        AgentRow,
        refusals=(404, 409),
    ),
    Route(
        "DELETE",
        "/callbacks/{entry}",
        "cancelCallback",
        "Cancel a callback",
        cancel_callback,
        CancelledJson,
        refusals=(404, 409),
    ),
    Route(
        "GET",
        "/stream",
        "readStream",
        "The board as server-sent events: `board` (as GET /board) when it changes, `beat` in between, at most one a second",
        read_stream,
        None,
        media="text/event-stream",
    ),
)


def blueprint(parts: Parts, feed: Feed) -> Blueprint:
    """The API below `/api/v1`, made from `ROUTES`."""
    from dashboards.openapi import document

    api = Blueprint("api", __name__, url_prefix=PREFIX)
    context = Context(parts, feed)

    @api.errorhandler(Problem)
    def problem(err: Problem) -> Response:
        return err.response()

    @api.errorhandler(RedisError)
    def redis_down(err: RedisError) -> Response:
        return Problem(503, "redis_down", "Redis does not answer.", {"Retry-After": "2"}).response()

    for route in ROUTES:
        api.add_url_rule(_rule(route.path), route.name, _view(route, context), methods=[route.method])

    @api.get("/openapi.json")
    def openapi() -> dict[str, Any]:
        may_read(request, parts.settings)
        return document(ROUTES)

    return api


def _rule(path: str) -> str:
    return path.replace("{", "<").replace("}", ">")


def _view(route: Route, context: Context) -> Callable[..., Response]:
    settings = context.parts.settings
    adapter: TypeAdapter[Any] | None = TypeAdapter(route.answer) if route.answer else None

    def view(**path: str) -> Response:
        (may_act if route.acts else may_read)(request, settings)
        given: dict[str, Any] = {**path, "body": _body(route.body)} if route.body else dict(path)
        answer = route.view(context, **given)
        if adapter is None:
            stream: Response = answer
            return stream
        response = Response(adapter.dump_json(answer), content_type="application/json")
        response.headers["Cache-Control"] = "no-store"
        return response

    return view


def _body(kind: type) -> Any:
    """The request's JSON as `kind`; an empty body is its defaults. Raises `Problem` 400 naming every field that is wrong."""
    try:
        return TypeAdapter(kind).validate_json(request.get_data() or b"{}")
    except ValidationError as err:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in err.errors())
        raise Problem(400, "bad_body", f"The body is not as described. {wrong}.") from err
