"""`/metrics`: the line for Prometheus, in its text format.

Law: figures of the line are read when Prometheus asks, from the same board that people look at, so every process answers the
same. Labels are queues and states: no numbers, no ids of calls or agents. Totals are of the business day and begin anew
with it, which Prometheus takes as a counter's reset.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from callback.board import Board, QueueRow
from callback.model import AgentState
from dashboards.access import may_read
from dashboards.live import Feed
from dashboards.parts import Parts
from dashboards.problems import Problem
from ivr.ports import Node, Unsure

OURS: Final = frozenset({"board", "api", "health", "metrics"})
BUCKETS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
)  # seconds; a phone network gives up at 5 to 15

SPOKEN: Final = ("made", "failed", "late", "stood_in")

QueueFigure = Callable[[QueueRow, int], float | None]

GAUGES: Final[dict[str, tuple[str, QueueFigure]]] = {
    "waiting": ("Live callers waiting", lambda row, at_ms: row.now.live_waiting),
    "longest_wait_seconds": (
        "How long the longest-waiting live caller has waited",
        lambda row, at_ms: (at_ms - row.now.oldest_live_ms) / 1000 if row.now.oldest_live_ms else 0,
    ),
    "estimated_wait_p50_seconds": (
        "Wait of a newcomer that half of them will not exceed",
        lambda row, _: row.now.p50_s,
    ),
    "estimated_wait_p80_seconds": ("Wait of a newcomer that 4 of 5 will not exceed", lambda row, _: row.now.p80_s),
    "in_progress": ("Entries reserved, dialing or connected", lambda row, _: row.now.in_progress),
    "agents_ready": ("Agents ready for this queue", lambda row, _: row.now.agents_ready),
    "agents_staffed": ("Agents signed in for this queue and not paused", lambda row, _: row.now.agents_staffed),
    "oldest_callback_seconds": (
        "How long ago the oldest callback that is due now entered the queue",
        lambda row, at_ms: (at_ms - row.now.oldest_callback_ms) / 1000 if row.now.oldest_callback_ms else 0,
    ),
    "service_level": ("Share of today's live calls answered within the target", lambda row, _: row.today.service_level),
    "abandonment": ("Share of today's offered calls abandoned, short ones apart", lambda row, _: row.today.abandonment),
}
COUNTERS: Final[dict[str, tuple[str, Callable[[QueueRow], float]]]] = {
    "entered": ("Calls that entered", lambda row: row.today.offered),
    "answered": ("Live calls answered by an agent", lambda row: row.today.answered),
    "abandoned": ("Calls abandoned, short ones apart", lambda row: row.today.abandoned),
    "short_abandoned": ("Calls abandoned within the short limit", lambda row: row.today.short),
    "callbacks_accepted": ("Callers who chose a callback", lambda row: row.today.callback_accepted),
    "callbacks_connected": ("Callbacks that reached an agent", lambda row: row.today.callback_connected),
}


class LineCollector(Collector):
    """The line's figures, read when asked."""

    def __init__(self, board: Board, nodes: tuple[Node, ...], streams: int) -> None:
        self._board, self._nodes = board, nodes
        self._streams = streams

    def collect(self) -> Iterator[Metric]:
        board = self._board
        for name, (help_text, figure) in GAUGES.items():
            gauge = GaugeMetricFamily(f"retorno_queue_{name}", help_text, labels=["queue"])
            for row in board.queues:
                if (value := figure(row, board.at_ms)) is not None:
                    gauge.add_metric([row.queue], value)
            yield gauge
        for name, (help_text, count) in COUNTERS.items():
            counter = CounterMetricFamily(f"retorno_queue_{name}", f"{help_text}, today", labels=["queue"])
            for row in board.queues:
                counter.add_metric([row.queue], count(row))
            yield counter
        yield _callbacks(board)
        yield _agents(board)
        yield from _nodes(self._nodes)
        yield GaugeMetricFamily("retorno_streams", "Open boards of this process", value=self._streams)


def _callbacks(board: Board) -> Metric:
    callbacks = GaugeMetricFamily(
        "retorno_callbacks", "Callbacks not reached yet; late ones are due or scheduled too", labels=["queue", "state"]
    )
    for row in board.queues:
        now = row.now
        for state, n in (
            ("due", now.callbacks_waiting),
            ("scheduled", now.callbacks_scheduled),
            ("late", now.callbacks_late),
        ):
            callbacks.add_metric([row.queue, state], n)
    return callbacks


def _agents(board: Board) -> Metric:
    agents = GaugeMetricFamily("retorno_agents", "Agents by state", labels=["state"])
    for state in AgentState:
        agents.add_metric([state], sum(agent.state is state for agent in board.agents))
    return agents


def _nodes(nodes: tuple[Node, ...]) -> Iterator[Metric]:
    """Nothing where the phone network is somebody else's."""
    figures: dict[str, tuple[str, Callable[[Node], float | None]]] = {
        "up": ("1 when the node takes commands", lambda node: node.up),
        "calls": ("Calls on the node, as it said last", lambda node: node.calls),
        "heartbeat_age_seconds": (
            "How long ago the node's control process was heard of",
            lambda node: None if node.silent_ms is None else node.silent_ms / 1000,
        ),
    }
    for name, (help_text, figure) in figures.items() if nodes else ():
        gauge = GaugeMetricFamily(f"retorno_asterisk_node_{name}", help_text, labels=["node"])
        for node in nodes:
            if (value := figure(node)) is not None:
                gauge.add_metric([node.name], value)
        yield gauge


class Spoken:
    """A tally as a counter, for several web processes share theirs and a tally is of one. Thread-safe."""

    def __init__(self, tally: Mapping[str, int], registry: CollectorRegistry) -> None:
        help_text = (
            "Sounds that the web made, failed to make, had too late for a caller, or put another in the place of"
        )
        self._counter = Counter("retorno_sounds", help_text, ["what"], registry=registry)
        self._tally, self._told = tally, dict.fromkeys(SPOKEN, 0)
        self._lock = threading.Lock()
        self.count()

    def count(self) -> None:
        """Take over what the tally has more than when it was last looked at."""
        with self._lock:
            for what, told in self._told.items():
                self._told[what] = self._tally.get(what, 0)
                self._counter.labels(what).inc(self._told[what] - told)


def blueprint(app: Flask, parts: Parts, feed: Feed, tally: Mapping[str, int] | None = None) -> Blueprint:
    """`/metrics`, and a stopwatch on every webhook of `app`: any request to a blueprint that is not a screen's."""
    metrics = Blueprint("metrics", __name__)
    registry = CollectorRegistry()
    webhooks = Histogram(
        "retorno_webhook_seconds",
        "Time to answer a phone network's webhook",
        ["provider"],
        registry=registry,
        buckets=BUCKETS,
    )
    spoken = Spoken(tally, registry) if tally is not None else None

    @app.before_request
    def start() -> None:
        g.begun = time.perf_counter()

    @app.after_request
    def stop(response: Response) -> Response:
        if request.blueprint and request.blueprint not in OURS:
            webhooks.labels(request.blueprint).observe(time.perf_counter() - g.begun)
            if spoken:
                spoken.count()
        return response

    @metrics.get("/metrics")
    def text() -> Response:
        may_read(request, parts.settings)
        reading = feed.now()
        if reading.down or reading.board is None:
            raise Problem(503, "redis_down", "The line cannot be read: Redis does not answer.")
        line = CollectorRegistry()
        line.register(LineCollector(reading.board, _known_nodes(parts), feed.listeners))
        body = generate_latest(line) + generate_latest(_processes(registry))
        return Response(body, content_type=CONTENT_TYPE_LATEST)

    @metrics.errorhandler(Problem)
    def problem(err: Problem) -> Response:
        return err.response()

    return metrics


def _known_nodes(parts: Parts) -> tuple[Node, ...]:
    try:
        return parts.provider.nodes()
    except Unsure as err:
        raise Problem(503, "redis_down", str(err)) from err


def _processes(own: CollectorRegistry) -> CollectorRegistry:
    """Where the histograms are: in this process, or in the files that several web processes share."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return own
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared
