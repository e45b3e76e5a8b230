"""Recorded days: what is read, what is refused and at which line, and the day that is shipped."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ivr.cli.replay.recorded import Arrival, BadDay, Day, Staffing, made_up, read_day

CALL: dict[str, Any] = {
    "t": 30_000.5,
    "ev": "call",
    "id": 7,
    "type": "PS",
    "priority": 2,
    "ivr_s": 12.5,
    "service_s": 90,
    "patience_s": 300,
    "actual": "kept by who recorded it",
}
CREW = {"t": 28_800, "ev": "agents", "n": 3}


def write(tmp_path: Path, *rows: Any, name: str = "day.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_a_day_is_its_staffing_and_its_callers_in_milliseconds(tmp_path: Path) -> None:
    day = read_day(write(tmp_path, CREW, CALL))
    assert day == Day((Staffing(28_800_000, 3),), (Arrival(30_000_500, "7", "PS", 2, 12_500, 90_000, 300_000),))
    assert (day.agents, day.end_ms) == (3, 30_000_500)


def test_a_length_below_nothing_was_short(tmp_path: Path) -> None:
    (arrival,) = read_day(write(tmp_path, {**CALL, "ivr_s": -47, "service_s": -1, "patience_s": -0.5})).arrivals
    assert (arrival.ivr_ms, arrival.service_ms, arrival.patience_ms) == (0, 1_000, 0)


def test_a_gzipped_day_is_the_same(tmp_path: Path) -> None:
    plain = write(tmp_path, CREW, CALL)
    packed = tmp_path / "day.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_day(packed) == read_day(plain)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Expecting"),
        ("", "Expecting"),
        ("[]", "expected an object"),
        ("7", "expected an object"),
        ({**CALL, "ev": "dance"}, '"ev" is \'dance\'; expected "agents" or "call"'),
        ({"t": 1}, "the field 'ev' is missing"),
        ({name: value for name, value in CALL.items() if name != "service_s"}, "the field 'service_s' is missing"),
        ({**CALL, "patience_s": "long"}, "could not convert"),
        ({**CALL, "patience_s": None}, "float"),
        ({**CALL, "t": 1e999}, "infinity"),
        ('{"t": NaN, "ev": "agents", "n": 1}', "NaN"),
        ({**CREW, "n": -1}, "-1 agents; expected 0 or more"),
        (CALL, "the id 7 stands in line 2 already"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: Any, said: str) -> None:
    path = write(tmp_path, CREW, CALL, line)
    with pytest.raises(BadDay) as error:
        read_day(path)
    assert str(error.value).startswith(f"{path}:3: ")
    assert said in str(error.value)


def test_a_day_without_callers_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadDay, match="no caller in it"):
        read_day(write(tmp_path, CREW))


@pytest.mark.parametrize(
    "content",
    [b"not gzipped", gzip.compress(b"{}")[:-9], gzip.compress(b"x" * 99)[:12], gzip.compress(b"\xff")],
    ids=["plain", "cut short", "cut shorter", "not UTF-8"],
)
def test_a_file_that_cannot_be_unpacked_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "day.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(BadDay, match="expected JSON lines"):
        read_day(path)


@pytest.mark.parametrize(("more", "expected"), [(0, [3, 0, 5]), (2, [5, 0, 7]), (-4, [0, 0, 1])])
def test_more_agents_come_only_while_anybody_is_at_work(more: int, expected: list[int]) -> None:
    day = Day(tuple(Staffing(n, agents) for n, agents in enumerate((3, 0, 5))), ())
    assert [change.agents for change in day.with_agents(more).staffing] == expected


def test_the_day_that_is_shipped_is_the_one_made_up_with_seed_1() -> None:
    packed = (files("ivr.cli.replay") / "busy_day.jsonl.gz").read_bytes()
    shipped = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    assert shipped == made_up(seed=1)
    assert made_up(seed=2) != shipped
    assert len([row for row in shipped if row["ev"] == "call"]) > 2_000
