"""A recorded day: who called when, how long they would wait and talk, and how many agents were there.

The file: JSON lines, gzipped or not, in the order of time (`t`, seconds of the day): `{"t", "ev": "agents", "n"}` and `{"t", "ev":
"call", "id", "type", "priority", "ivr_s", "service_s", "patience_s"}`; other fields are kept by who recorded and not read.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ivr.errors import RetornoError


class BadDay(RetornoError):
    """The file is not a recorded day. Says the line and what was expected."""


@dataclass(frozen=True, slots=True)
class Staffing:
    """From `at_ms` of the day on, `agents` are at work."""

    at_ms: int
    agents: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One caller: times in milliseconds. `ivr_ms` in the menu before he asks for the line."""

    at_ms: int
    id: str
    type: str
    priority: int
    ivr_ms: int
    service_ms: int
    patience_ms: int


@dataclass(frozen=True, slots=True)
class Day:
    staffing: tuple[Staffing, ...]
    arrivals: tuple[Arrival, ...]

    @property
    def agents(self) -> int:
        """The most that are at work at once."""
        return max((change.agents for change in self.staffing), default=0)

    def with_agents(self, more: int) -> Day:
        """The same day with so many agents more or fewer whenever anybody was at work."""
        staffing = tuple(Staffing(s.at_ms, max(0, s.agents + more) if s.agents else 0) for s in self.staffing)
        return Day(staffing, self.arrivals)

    @property
    def end_ms(self) -> int:
        return max([change.at_ms for change in self.staffing] + [arrival.at_ms for arrival in self.arrivals])


def read_day(path: Path) -> Day:
    """The day in `path`. Raises BadDay."""
    staffing: list[Staffing] = []
    arrivals: list[Arrival] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = _read(line)
        except KeyError as error:
            raise BadDay(f"{path}:{number}: the field {error} is missing") from error
        except (ValueError, TypeError, OverflowError) as error:
            raise BadDay(f"{path}:{number}: {error}") from error
        if isinstance(row, Staffing):
            staffing.append(row)
            continue
        if (before := lines.setdefault(row.id, number)) != number:
            raise BadDay(f"{path}:{number}: the id {row.id} stands in line {before} already; expected one of its own")
        arrivals.append(row)
    if not arrivals:
        raise BadDay(f'{path}: no caller in it; expected lines like {{"t": 30000, "ev": "call", ...}}')
    return Day(tuple(staffing), tuple(arrivals))


def _lines(path: Path) -> Iterator[str]:
    try:
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadDay(f"{path}: {error}; expected JSON lines, gzipped when the name ends with .gz") from error
    yield from text.splitlines()


def _read(line: str) -> Staffing | Arrival:
    """One line. Raises KeyError for a missing field, ValueError, TypeError or OverflowError for a wrong one."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError('expected an object like {"t": 30000, "ev": "agents", "n": 3}')
    if row["ev"] == "agents":
        return Staffing(_ms(row["t"]), _count(row["n"]))
    if row["ev"] == "call":
        return _arrival(row)
    raise ValueError(f'"ev" is {row["ev"]!r}; expected "agents" or "call"')


def _arrival(row: dict[str, Any]) -> Arrival:
    return Arrival(
        _ms(row["t"]),
        str(row["id"]),
        str(row["type"]),
        int(row["priority"]),
        _length_ms(row["ivr_s"]),
        max(1_000, _length_ms(row["service_s"])),
        _length_ms(row["patience_s"]),
    )


def _ms(seconds: float) -> int:
    return round(float(seconds) * 1000)


def _length_ms(seconds: float) -> int:
    """Recorded by clocks that did not agree, a length may come out below nothing: it was short."""
    return max(0, _ms(seconds))


def _count(given: Any) -> int:
    found = int(given)
    if found < 0:
        raise ValueError(f"{given} agents; expected 0 or more")
    return found


def made_up(seed: int = 1, per_hour: float = 170.0) -> list[dict[str, Any]]:
    """A day of the same shape that nobody recorded: eight to eighteen o'clock, a morning peak, too few agents at noon."""
    random = Random(seed)
    rows: list[dict[str, Any]] = []
    for start, agents in ((8, 6), (9, 10), (10, 12), (12, 6), (14, 11), (16, 9), (18, 3), (19, 0)):
        rows.append({"t": start * 3600, "ev": "agents", "n": agents})
    at = 8 * 3600.0
    number = 0
    while True:
        hour = at / 3600
        rate = per_hour * (1 + 0.5 * math.exp(-((hour - 10.5) ** 2)) + 0.35 * math.exp(-((hour - 15) ** 2)))
        at += random.expovariate(rate / 3600)
        if at >= 18 * 3600:
            break
        number += 1
        rows.append(
            {
                "t": round(at, 1),
                "ev": "call",
                "id": number,
                "type": random.choices(("sales", "billing", "support"), (3, 4, 3))[0],
                "priority": 1 if random.random() < 0.2 else 0,
                "ivr_s": round(5 + random.expovariate(1 / 12), 1),
                "service_s": round(min(1500.0, random.lognormvariate(math.log(130), 0.8)), 1),
                "patience_s": round(4 + random.weibullvariate(520, 0.7), 1),
            }
        )
    return sorted(rows, key=lambda row: float(row["t"]))
