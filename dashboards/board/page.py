"""The board as a page: what the template is given, in the reader's language.

Law: the template words every number once, for the first paint and for every update; nothing is worded in the browser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment
from markupsafe import Markup

from callback.board import AgentRow, Bar, QueueRow
from callback.metrics import METRICS
from callback.model import AgentState
from dashboards.board.attention import Level, worst_first
from dashboards.i18n import Words, duration, time_of_day
from dashboards.live import Reading

STATES = (AgentState.READY, AgentState.RESERVED, AgentState.ON_CALL, AgentState.WRAP_UP, AgentState.PAUSED)
COLUMNS = (
    *("waiting", "longest", "estimate", "agents"),
    *("service", "abandonment"),
    *("due", "oldest_due", "late", "scheduled"),
)
FIRST = frozenset({"waiting", "service", "due"})  # each begins a group of columns
DEFINED = {  # columns that no metric defines, and their titles
    "longest": "queues.longest",
    "estimate": "queues.estimate",
    "due": "queues.card.due",
    "late": "queues.card.late",
}
DEFINED_METRICS = ("service_level", "abandonment", "short", "callback_accepted", "callback_connected")
SPOKEN_QUEUES = 3  # a sentence that names more is not read to its end
LABEL_EVERY = 6  # bars between two times under the chart: half an hour


@dataclass(frozen=True, slots=True)
class Heights:
    """One bar of the chart, in percent of its height."""

    arrivals: float
    answered: float
    abandoned: float


@dataclass(frozen=True, slots=True)
class Chart:
    bars: tuple[Heights, ...]
    labels: tuple[str, ...]
    sums: dict[str, int]
    top: int

    @property
    def any(self) -> bool:
        return any(self.sums.values())


def shown(reading: Reading, words: Words, jinja: Environment) -> dict[str, Any]:
    """What the page shows of a reading, as the JSON that the stream carries and the browser puts in place."""
    board = reading.board
    return {
        "at_ms": board.at_ms if board else 0,
        "speed": board.speed if board else 1,
        "down": reading.down,
        "sentence": sentence(reading, words),
        "alarm": bool(reading.silent),
        "html": html(reading, words, jinja),
    }


def html(reading: Reading, words: Words, jinja: Environment) -> Markup:
    """The part of the page that changes by itself."""
    board = reading.board
    if board is None:
        return Markup()
    zone = ZoneInfo(board.zone)
    signed_in = [agent for agent in board.agents if agent.state is not AgentState.OFFLINE]
    text = jinja.get_template("board/live.html").render(
        words=words,
        icon=icon,
        duration=duration,
        clock_time=lambda ms: time_of_day(ms, zone),
        title=lambda row: title(row, words),
        reason=lambda text: words(f"pause.{text}") if words.has(f"pause.{text}") else text,
        at_ms=board.at_ms,
        day=board.day,
        zone=board.zone,
        speed=board.speed,
        columns=COLUMNS,
        first=FIRST,
        queues=[(row, reading.attention[row.queue]) for row in worst_first(board, reading.attention)],
        agents=board.agents,
        states=by_state(signed_in),
        offline=len(board.agents) - len(signed_in),
        history=board.history,
        chart=chart(board.history, zone),
    )
    return Markup(text)  # noqa: S704 - the template has escaped it


def definitions(words: Words) -> list[tuple[str, str]]:
    """What each number of the board means: title and definition."""
    own = [(words(title), words(f"define.{name}")) for name, title in DEFINED.items()]
    rows = [METRICS[name] for name in DEFINED_METRICS]
    return own + [(row.title[words.lang], row.definition[words.lang]) for row in rows]


def icon(name: str) -> Markup:
    """An icon of our sprite; always beside a word, so hidden from those who listen."""
    return Markup(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="/static/board/icons.svg#{}"/></svg>'
    ).format(name)


def title(row: QueueRow, words: Words) -> str:
    """The queue's name in the reader's language, else in the first that it has, else its id."""
    return row.title.get(words.lang) or next(iter(row.title.values()), row.queue)


def by_state(agents: Sequence[AgentRow]) -> list[tuple[AgentState, list[AgentRow]]]:
    """Every state that an agent at work can be in, each with its agents, the longest in it first."""
    in_order = sorted(agents, key=lambda agent: (agent.state, agent.since_ms, agent.id))
    groups = {state: list(group) for state, group in groupby(in_order, key=lambda agent: agent.state)}
    return [(state, groups.get(state, [])) for state in STATES]


def sentence(reading: Reading, words: Words) -> str:
    """The state of the whole in one sentence. No figure that moves stands in it: it is announced when it changes."""
    if reading.down or reading.board is None:
        return words("sentence.down")
    board = reading.board
    if not board.queues:
        return words("sentence.empty")
    rows = worst_first(board, reading.attention)
    needy = [row for row in rows if reading.attention[row.queue].level is Level.CRIT]
    watched = [title(row, words) for row in rows if reading.attention[row.queue].level is Level.WARN]
    said = []
    if reading.silent:
        said.append(words("sentence.nodes", len(reading.silent), list=", ".join(reading.silent)))
    if needy:
        needs = _list([_need(row, reading, words) for row in needy], words)
        said.append(words("sentence.attention", len(needy), list=needs))
    elif watched and said:
        said.append(words("sentence.watch.too", list=_list(watched, words)))
    elif watched:
        said.append(words("sentence.watch", list=_list(watched, words)))
    return " ".join(said) or words("sentence.calm")


def _list(named: list[str], words: Words) -> str:
    rest = len(named) - SPOKEN_QUEUES
    return "; ".join(named[:SPOKEN_QUEUES] + ([words("sentence.more", rest)] if rest > 0 else []))


def _need(row: QueueRow, reading: Reading, words: Words) -> str:
    reasons = ", ".join(words(f"reason.{reason}") for reason in reading.attention[row.queue].reasons)
    return words("sentence.item", queue=title(row, words), reasons=reasons)


def chart(history: Sequence[Bar], zone: tzinfo) -> Chart:
    """Bars scaled to the tallest; its height is rounded up to a number that is easy to read."""
    tallest = max((max(bar.arrivals, bar.answered + bar.abandoned) for bar in history), default=0)
    top = round_up(tallest)
    bars = tuple(Heights(*(round(100 * n / top, 2) for n in (b.arrivals, b.answered, b.abandoned))) for b in history)
    labels = tuple(time_of_day(bar.start_ms, zone) for bar in history[::LABEL_EVERY])
    sums = {name: sum(getattr(bar, name) for bar in history) for name in ("arrivals", "answered", "abandoned")}
    return Chart(bars, labels, sums, top)


def round_up(n: int) -> int:
    """The next number that is easy to read on an axis and not below `n`: 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150 ..."""
    if n <= 5:
        return 5
    unit = 1
    while True:
        for step in (10, 15, 20, 30, 40, 50, 60, 80):
            if step * unit >= n:
                return step * unit
        unit *= 10
