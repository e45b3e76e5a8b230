"""`retorno replay` from the command line: days through the real stack, the same for the same seed."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REAL_DAY = ROOT.parent / "shared" / "data" / "replay" / "1999-01-13.jsonl.gz"
RETORNO = Path(sys.executable).with_name("retorno")
CALLERS, AGENTS = 60, 3
WALL = ("seconds", "calls_per_second")


def rows_at_noon() -> list[dict[str, Any]]:
    """Sixty callers of the shipped day from noon on, when half of the agents are away; here half of those again."""
    packed = (files("ivr.cli.replay") / "busy_day.jsonl.gz").read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    calls = [row for row in rows if row["ev"] == "call" and row["t"] >= 12 * 3600][:CALLERS]
    begin = {"t": 12 * 3600, "ev": "agents", "n": AGENTS}
    return [begin, *calls, {"t": calls[-1]["t"] + 3600, "ev": "agents", "n": 0}]


def retorno_replay(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RETORNO, "replay", *words], check=False, capture_output=True, text=True, timeout=1_200, cwd=ROOT
    )


@cache
def replay(*options: str, run: int = 1) -> dict[str, Any]:
    """The report of the sixty with these options; `run` tells apart runs of the same."""
    with TemporaryDirectory() as folder:
        file, out = Path(folder, "noon.jsonl"), Path(folder, "report.json")
        file.write_text("".join(json.dumps(row) + "\n" for row in rows_at_noon()))
        done = retorno_replay(str(file), "--quiet", "--json", str(out), *options)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(out.read_text())
        assert f"entered              {found['entered']}\n" in done.stdout, "the report is printed, too"
        return found


def without_the_wall(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in WALL}


def clean(report: dict[str, Any], callers: int) -> None:
    """Nobody lost, nobody rung twice, nobody overtaken, and everybody accounted for."""
    assert {name: report[name] for name in ("lost", "double_dials", "overtakes")} == {
        "lost": 0,
        "double_dials": 0,
        "overtakes": 0,
    }
    assert report["balanced"]
    assert report["entered"] == callers
    assert report["entered"] == report["ivr_abandoned"] + report["ivr_left"] + report["offered"]
    live = ("answered", "abandoned", "short", "callback_accepted", "flow_out", "waiting")
    assert report["offered"] == sum(report[name] for name in live)
    assert report["callback_accepted"] == sum(report["callbacks"].values())


@pytest.mark.parametrize(
    "options",
    [("--seed", "1"), ("--seed", "2"), ("--seed", "1", "--callbacks", "off"), ("--seed", "1", "--agents", "1")],
)
def test_every_day_comes_out_clean(options: tuple[str, ...]) -> None:
    clean(replay(*options), CALLERS)


def test_the_same_seed_gives_the_same_report_and_another_does_not() -> None:
    first, second = (without_the_wall(replay("--seed", "1", run=run)) for run in (1, 2))
    assert first == second
    assert first != without_the_wall(replay("--seed", "2"))


def test_the_cut_tests_something() -> None:
    report = replay("--seed", "1")
    assert report["callback_accepted"] >= 5
    assert report["callbacks"]["connected"] >= 5
    assert report["answered"] >= 10
    assert report["contending_pairs"] >= 50
    assert report["estimate"]["n"] >= 10


def test_without_callbacks_nobody_takes_one() -> None:
    report = replay("--seed", "1", "--callbacks", "off")
    assert report["callback_accepted"] == 0
    assert report["abandoned"] > replay("--seed", "1")["abandoned"], "they gave up instead"


def test_one_agent_more_shortens_the_wait() -> None:
    before, after = replay("--seed", "1"), replay("--seed", "1", "--agents", "1")
    assert after["asa"] < before["asa"]
    assert after["virtual_wait"]["mean"] < before["virtual_wait"]["mean"]
    assert after["service_level"] >= before["service_level"]


def test_a_bad_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"t": 1, "ev": "agents", "n": 1}\n{"t": 2, "ev": "call"}\n')
    done = retorno_replay(str(file))
    assert done.returncode == 1
    assert f"Error: {file}:2: the field 'id' is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("nowhere.jsonl",), ("--callbacks", "maybe"), ("--watch", "0"), ("--agents", "x")])
def test_a_wrong_word_is_a_wrong_usage(words: tuple[str, ...]) -> None:
    assert retorno_replay(*words).returncode == 2


@pytest.mark.slow
@pytest.mark.skipif(not REAL_DAY.exists(), reason="the recorded day of 1999 lies beside the checkout and is not there")
def test_a_real_day_comes_out_clean_and_the_wait_is_told_better_than_asterisk_tells_it(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = retorno_replay(str(REAL_DAY), "--quiet", "--json", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(out.read_text())
    with gzip.open(REAL_DAY, "rt") as lines:
        callers = sum(json.loads(line)["ev"] == "call" for line in lines)
    clean(report, callers)
    estimate = report["estimate"]
    assert estimate["n"] >= 100
    assert estimate["mae"] <= 0.8 * estimate["asterisk_mae"]


def test_a_replay_that_is_ended_leaves_nothing_behind() -> None:
    """Its Redis and its folder go with it, on SIGTERM as on Ctrl-C."""
    argv = [sys.executable, "-m", "ivr.cli", "replay", "--quiet"]
    with TemporaryDirectory(prefix="rt-") as folder:  # a short path: a Redis socket will be in it
        env = os.environ | {"TMPDIR": folder}
        with subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL) as playing:
            while not list(Path(folder).glob("retorno-replay-*/var/redis/appendonlydir")):
                assert playing.poll() is None, "it ended by itself"
            playing.terminate()
            assert playing.wait() == 143
        assert not list(Path(folder).iterdir())
