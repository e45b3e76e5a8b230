"""What a replayed day came to: the figures, and the proof that nobody was lost, rung twice or overtaken.

Law: counted from the event stream and from what the network saw, never from what the line says of itself.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from callback import metrics
from callback.baselines import AsteriskHold, RunningConstant
from callback.fairness import Left, Moment, Stood, Taken, fairness
from callback.model import EntryState
from callback.totals import Totals, fold, ledger
from ivr.cli.replay.stage import Stage
from ivr.events import Event, EventType

OPEN = {state.value for state in EntryState} & {"waiting", "reserved", "dialing", "connected", "scheduled"}
ENDS = {
    EventType.COMPLETED,
    EventType.ABANDONED,
    EventType.FLOWED_OUT,
    EventType.CANCELLED,
    EventType.FAILED,
    EventType.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What one caller was told at entry (seconds) and the wait that came; the other estimators on the same caller."""

    p50_s: float
    p80_s: float
    p90_s: float
    asterisk_s: float
    constant_s: float
    waited_s: float


def report(stage: Stage, seconds: float) -> dict[str, Any]:
    """The day's report, as `--json` writes it."""
    events = [event for _, event in stage.parts.line.store.events()]
    totals = Totals()
    for event in events:
        totals = fold(totals, event)
    books = ledger(totals)
    order = fairness(places_log(events))
    entered, left = len(stage.people), left_before_the_line(events)

    def figure(name: str) -> float | None:
        found = metrics.value(totals, name)
        return None if found is None else round(found, 4)

    return {
        "entered": entered,
        "ivr_abandoned": books.ivr_abandoned,
        "ivr_left": left,
        "offered": totals.joined,
        "answered": books.answered,
        "abandoned": books.abandoned,
        "short": books.short,
        "callback_accepted": books.callback_accepted,
        "flow_out": books.flow_out,
        "waiting": books.waiting,
        "callbacks": {
            "connected": books.callbacks_connected,
            "failed": books.callbacks_failed,
            "cancelled": books.callbacks_cancelled,
            "expired": books.callbacks_expired,
            "waiting": books.callbacks_waiting,
        },
        "balanced": books.balanced and entered == books.ivr_abandoned + left + totals.joined,
        "lost": lost(stage, events),
        "double_dials": stage.network.doubles + talked_twice(events),
        "overtakes": order.overtakes,
        "contending_pairs": order.contending,
        "asa": figure("asa"),
        "awt": figure("awt"),
        "abandonment": figure("abandonment"),
        "service_level": figure("service_level"),
        "virtual_wait": {"mean": figure("virtual_wait"), "p90": figure("virtual_wait_p90")},
        "estimate": scoreboard(said(events)),
        "webhooks": stage.webhooks.sent,
        "seconds": round(seconds, 1),
        "calls_per_second": round(len(stage.people) / seconds, 1),
    }


def left_before_the_line(events: Sequence[Event]) -> int:
    """Callers whom the flow let go before they stood in any line: no queue's books know of them."""
    return sum(
        event.type is EventType.CALL_ENDED
        and event.data["direction"] == "in"
        and event.data["queued"] == "0"
        and event.data["by"] == "us"
        for event in events
    )


def lost(stage: Stage, events: Sequence[Event]) -> int:
    """Entries that neither came to exactly one end nor stand in the line, and callers whom the network gave up."""
    ends = Counter(event.entry for event in events if event.type in ENDS)
    joined = [event.entry for event in events if event.type is EventType.ENTRY_JOINED]
    strays = 0
    for entry in joined:
        found = stage.parts.line.entry(entry) if not ends[entry] else None
        strays += ends[entry] > 1 or (not ends[entry] and (found is None or found.state not in OPEN))
    dropped = sum(1 for call in stage.people if stage.network.calls[call].outcome == "failed")
    return strays + dropped


def talked_twice(events: Sequence[Event]) -> int:
    """Entries that were connected again after a talk."""
    done: set[str] = set()
    again = 0
    for event in events:
        if event.type is EventType.COMPLETED:
            done.add(event.entry)
        again += event.type is EventType.DIAL_BEGUN and event.entry in done
    return again


def places_log(events: Sequence[Event]) -> list[Moment]:
    """Who stood where and who was taken, from the events alone. Ties go by the order in which they came."""
    place: dict[str, tuple[float, str]] = {}
    standing: set[str] = set()
    log: list[Moment] = []

    def stand(entry: str) -> None:
        if entry not in standing:
            standing.add(entry)
            log.append(Stood(entry, "line", place[entry]))

    for number, event in enumerate(events):
        entry = event.entry
        match event.type:
            case EventType.ENTRY_JOINED:
                place[entry] = (float(event.data["score"]), f"{number:013d}")
                if not event.data.get("due_ms"):
                    stand(entry)
            case EventType.PROMOTED | EventType.TRANSFERRED:
                place[entry] = (float(event.data["score"]), place[entry][1])
                stand(entry)
            case EventType.ATTEMPT_ENDED | EventType.RETURNED if event.data.get("next", "waiting") == "waiting":
                stand(entry)
            case EventType.MATCHED:
                standing.discard(entry)
                log.append(Taken(entry, frozenset({"line"})))
            case EventType.ABANDONED | EventType.FLOWED_OUT | EventType.CANCELLED | EventType.EXPIRED if (
                entry in standing
            ):
                standing.discard(entry)
                log.append(Left(entry))
            case EventType.CALLBACK_CHOSEN if int(event.data.get("due_ms") or 0) > 0 and entry in standing:
                standing.discard(entry)
                log.append(Left(entry))
    return log


def said(events: Sequence[Event]) -> list[Said]:
    """Every caller who had to wait, was told of by our estimate at entry and reached an agent."""
    asterisk, constant = AsteriskHold(), RunningConstant()
    told: dict[str, tuple[float, float, float, float, float]] = {}
    joined: dict[str, int] = {}
    matched: dict[str, int] = {}
    rows: list[Said] = []
    for event in events:
        match event.type:
            case EventType.ENTRY_JOINED:
                joined[event.entry] = event.at_ms
                quantiles = [event.data.get(name, "") for name in ("p50_s", "p80_s", "p90_s")]
                if all(quantiles):
                    p50, p80, p90 = (float(text) for text in quantiles)
                    told[event.entry] = (p50, p80, p90, float(asterisk.hold_s), constant.wait_s)
            case EventType.MATCHED:
                matched.setdefault(event.entry, event.at_ms)
            case EventType.CONNECTED:
                wait_s = int(event.data["wait_ms"]) / 1000
                asterisk.answered(int(wait_s))
                constant.answered(wait_s)
                had_to_wait = matched[event.entry] > joined[event.entry]
                if event.entry in told and had_to_wait:
                    rows.append(Said(*told[event.entry], wait_s))
    return rows


def scoreboard(rows: Sequence[Said]) -> dict[str, Any]:
    """Mean absolute errors in seconds, and how often the promises were kept."""
    n = len(rows)
    if not n:
        return dict.fromkeys(("mae", "asterisk_mae", "constant_mae", "p80_kept", "p90_kept")) | {"n": 0}

    def mean(values: Sequence[float]) -> float:
        return round(math.fsum(values) / n, 4)

    return {
        "n": n,
        "mae": mean([abs(row.p50_s - row.waited_s) for row in rows]),
        "asterisk_mae": mean([abs(row.asterisk_s - row.waited_s) for row in rows]),
        "constant_mae": mean([abs(row.constant_s - row.waited_s) for row in rows]),
        "p80_kept": mean([float(row.waited_s <= row.p80_s) for row in rows]),
        "p90_kept": mean([float(row.waited_s <= row.p90_s) for row in rows]),
    }
