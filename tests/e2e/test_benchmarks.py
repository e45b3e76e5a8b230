"""Each benchmark runs, in a tiny size, and prints the ratio that it promises. No time is asserted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = {
    "menu_turn.py": ("--seconds", "0.4", "--slice", "0.2", "--callers", "2"),
    "line_ops.py": ("--waiting", "200", "--n", "20"),
    "ready_to_dial.py": ("--n", "5"),
    "memory.py": ("--waiting", "50"),
    "replay.py": ("--n", "10"),
    "asterisk_step.py": ("--callers", "3", "--steps", "2", "--rounds", "1"),
    "asterisk_dispatch.py": ("--talks", "3", "--rounds", "1"),
    "asterisk_hold.py": ("--callers", "6", "--seconds", "5", "--rounds", "1", "--every", "10s", "--leaves", "2"),
}


def test_every_benchmark_has_a_tiny_run() -> None:
    assert {file.name for file in BENCHMARKS.glob("[!_]*.py")} == set(TINY)


@pytest.mark.parametrize("name", TINY)
def test_prints_its_ratio(name: str, request: pytest.FixtureRequest) -> None:
    if name.startswith("asterisk"):
        request.getfixturevalue("asterisk_binary")
    argv = [sys.executable, str(BENCHMARKS / name), *TINY[name]]
    ran = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"^ratio: .* = [\d.,]+", ran.stdout, re.MULTILINE), ran.stdout
