"""The table of the API: every operation, once.

Law: the Flask routes and the OpenAPI document are both made from `ROUTES`, so neither can say what the other does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from callback.board import AgentRow
from dashboards.api import views
from dashboards.api.answers import (
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
)
from dashboards.api.views import ENTRIES_MAX

PREFIX = "/api/v1"


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


LIMIT = (
    "limit",
    "How many, from the head of the line.",
    {"type": "integer", "minimum": 1, "maximum": ENTRIES_MAX, "default": 100},
)

ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/board", "readBoard", "The whole line now, its day and the last two hours", views.read_board, BoardJson
    ),
    Route(
        "GET",
        "/queues",
        "readQueues",
        "Every queue, the one that most needs attention first",
        views.read_queues,
        QueuesJson,
    ),
    Route(
        "GET",
        "/queues/{queue}/entries",
        "readEntries",
        "Who waits in a queue, in line; numbers masked",
        views.read_entries,
        EntriesJson,
        query=(LIMIT,),
        refusals=(400, 404),
    ),
    Route("GET", "/agents", "readAgents", "Every agent and what he does", views.read_agents, AgentsJson),
    Route(
        "POST",
        "/agents/{agent}/sign-in",
        "signIn",
        "Sign an agent in; he is ready",
        views.sign_in,
        AgentRow,
        refusals=(404, 409),
    ),
    Route(
        "POST",
        "/agents/{agent}/sign-out",
        "signOut",
        "Sign an agent out; in a talk, after it",
        views.sign_out,
        AgentRow,
        refusals=(404, 409),
    ),
    Route("POST", "/agents/{agent}/ready", "ready", "Take calls", views.ready, AgentRow, refusals=(404, 409)),
    Route(
        "POST",
        "/agents/{agent}/pause",
        "pause",
        "Take no calls for a while; in a talk, after it",
        views.pause,
        AgentRow,
        body=PauseBody,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST",
        "/agents/{agent}/wrap-up-done",
        "wrapUpDone",
        "End the wrap-up before its limit",
        views.wrap_up_done,
        AgentRow,
        refusals=(404, 409),
    ),
    Route(
        "DELETE",
        "/callbacks/{entry}",
        "cancelCallback",
        "Cancel a callback",
        views.cancel_callback,
        CancelledJson,
        refusals=(404, 409),
    ),
    Route("GET", "/talks", "readTalks", "Who talks with whom now; numbers masked", views.read_talks, TalksJson),
    Route(
        "POST",
        "/talks/{talk}/transfer",
        "transfer",
        "Send a customer on to another queue or agent; he keeps his place",
        views.transfer,
        TransferredJson,
        body=TransferBody,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST",
        "/talks/{talk}/recording",
        "record",
        "Stop recording a talk for a while, and go on",
        views.record,
        RecordingJson,
        body=RecordingBody,
        refusals=(400, 404, 409),
    ),
    Route(
        "POST",
        "/talks/{talk}/listeners",
        "listen",
        "Ring a supervisor, who listens, whispers or takes part",
        views.listen,
        ListeningJson,
        body=ListenBody,
        refusals=(400, 404, 409),
    ),
    Route(
        "GET",
        "/stream",
        "readStream",
        "The board as server-sent events: `board` (as GET /board) when it changes, `beat` in between, at most one a second",
        views.read_stream,
        None,
        media="text/event-stream",
    ),
)
