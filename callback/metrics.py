"""Every figure that Retorno shows, one row each: its name, its words, its definition and how it is got from `Totals`.

Law: a figure is defined here and nowhere else; tiles, reports, `/metrics` and the docs read the rows. Two systems that
count "service level" differently may both be right, so every variant has a name of its own. None means that there is
nothing to divide by. The worked example of the project's research is a test that reproduces every number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from callback.metric_words import WORDS, Words
from callback.totals import Ledger, Totals, day_ms, fold, ledger
from callback.waits import Waits

__all__ = ["METRICS", "Ledger", "Metric", "Totals", "Waits", "day_ms", "fold", "ledger", "value"]

Value = Callable[[Totals], float | None]
Unit = Literal["count", "share", "s"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. `share` is 0 to 1, `s` seconds. `title` and `definition` are in pt-BR, en and es."""

    name: str
    unit: Unit
    value: Value
    words: Words

    @property
    def title(self) -> dict[str, str]:
        return {lang: title for lang, (title, _) in self.words.items()}

    @property
    def definition(self) -> dict[str, str]:
        return {lang: definition for lang, (_, definition) in self.words.items()}


def value(totals: Totals, name: str) -> float | None:
    """The figure `name` of `totals`. Raises KeyError for a name that no row has."""
    return METRICS[name].value(totals)


def _offered(t: Totals) -> int:
    return t.joined


def _countable(t: Totals) -> int:
    """Offered without the short abandons, which nobody could have served."""
    return t.joined - t.short.n


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _seconds(ms: int, n: int) -> float | None:
    return ms / 1000 / n if n else None


def _on_the_line(t: Totals) -> Waits:
    """The time on the line of everybody who was offered and has come to an end of it, whatever the end."""
    return t.answered + t.abandoned + t.short + t.flowed_out + t.callback_accepted


def _staffed_ms(t: Totals) -> int:
    return t.ready_ms + t.reserved_ms + t.on_call_ms + t.wrap_up_ms


def _saved_s(t: Totals) -> float | None:
    saved_ms = t.callback_connected.sum_ms - t.callback_line_ms - t.callback_hold.sum_ms
    return saved_ms / 1000 if t.callback_connected.n else None


def _quantile(waits: Callable[[Totals], Waits], share: float) -> Value:
    return lambda t: waits(t).quantile_s(share)


_VALUES: Final[dict[str, tuple[Unit, Value]]] = {
    "entered": ("count", lambda t: ledger(t).entered),
    "offered": ("count", _offered),
    "transferred": ("count", lambda t: t.transferred),
    "answered": ("count", lambda t: t.answered.n),
    "abandoned": ("count", lambda t: t.abandoned.n),
    "short": ("count", lambda t: t.short.n),
    "callback_accepted": ("count", lambda t: t.callback_accepted.n),
    "flow_out": ("count", lambda t: t.flowed_out.n),
    "waiting": ("count", lambda t: ledger(t).waiting),
    "abandonment": ("share", lambda t: _share(t.abandoned.n, _countable(t))),
    "abandonment_raw": ("share", lambda t: _share(t.abandoned.n + t.short.n, _offered(t))),
    "service_level": ("share", lambda t: _share(t.answered_in_target, t.answered.n + t.abandoned.n)),
    "sl_strict": ("share", lambda t: _share(t.answered_in_target, _countable(t))),
    "sl_answered": ("share", lambda t: _share(t.answered_in_target, t.answered.n)),
    "sl_ignore_early": ("share", lambda t: _share(t.answered_in_target, t.answered.n + t.abandoned_past_target)),
    "sl_asterisk2": (
        "share",
        lambda t: _share(t.answered_in_target + t.lost_in_target, t.answered.n + t.abandoned.n + t.short.n),
    ),
    "asa": ("s", lambda t: t.answered.mean_s()),
    "asa_p50": ("s", _quantile(lambda t: t.answered, 0.5)),
    "asa_p90": ("s", _quantile(lambda t: t.answered, 0.9)),
    "awt": ("s", lambda t: _on_the_line(t).mean_s()),
    "awt_p50": ("s", _quantile(_on_the_line, 0.5)),
    "awt_p90": ("s", _quantile(_on_the_line, 0.9)),
    "aht": ("s", lambda t: _seconds(t.talk_ms + t.held_ms + t.wrap_ms, t.handled)),
    "handled": ("count", lambda t: t.handled),
    "occupancy": ("share", lambda t: _share(t.on_call_ms + t.wrap_up_ms, _staffed_ms(t))),
    "occupancy_dialling": ("share", lambda t: _share(_staffed_ms(t) - t.ready_ms, _staffed_ms(t))),
    "callback_offered": ("count", lambda t: t.callback_offered),
    "callback_connected": ("count", lambda t: t.callback_connected.n),
    "callback_failed": ("count", lambda t: t.callback_failed),
    "callback_dropped": ("count", lambda t: t.callback_dropped),
    "callback_cancelled": ("count", lambda t: t.callback_cancelled),
    "callback_expired": ("count", lambda t: t.callback_expired),
    "callback_waiting": ("count", lambda t: ledger(t).callbacks_waiting),
    "take_rate": ("share", lambda t: _share(t.callback_accepted.n, t.callback_offered)),
    "callback_success": (
        "share",
        lambda t: _share(t.callback_connected.n, t.callback_accepted.n - t.callback_cancelled),
    ),
    "attempt_answer_rate": ("share", lambda t: _share(t.dial_answered, t.dialled)),
    "virtual_wait": ("s", lambda t: t.callback_connected.mean_s()),
    "virtual_wait_p90": ("s", _quantile(lambda t: t.callback_connected, 0.9)),
    "promise_kept": ("share", lambda t: _share(t.promises_kept, t.promises_kept + t.promises_missed)),
    "hold_after_answer": ("s", lambda t: t.callback_hold.mean_s()),
    "hold_after_answer_p90": ("s", _quantile(lambda t: t.callback_hold, 0.9)),
    "line_time_saved": ("s", _saved_s),
    "service_reached": ("share", lambda t: _share(t.answered.n + t.callback_connected.n, _countable(t))),
    "blended_asa": ("s", lambda t: (t.answered + t.callback_connected).mean_s()),
    "overtaken": ("count", lambda t: t.overtaken),
}

METRICS: Final[dict[str, Metric]] = {
    name: Metric(name, unit, compute, WORDS[name]) for name, (unit, compute) in _VALUES.items()
}
"""Every figure by its name, in the order in which reports show them."""
