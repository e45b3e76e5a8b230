"""The queues file as it stands: a change is in force within a second, a mistake never."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callback.queues import QueuesError
from callback.rules import Rules
from ivr.clock import ManualClock

GOOD = "version: 1\nqueues:\n  sales: {title: {en: Sales}}\n"
MORE = GOOD + "  support: {title: {en: Support}, max_waiting: 3}\n"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "queues.yaml"
    path.write_text(GOOD)
    return path


def test_a_change_is_in_force_within_a_second(path: Path, clock: ManualClock) -> None:
    rules = Rules(path, clock)
    before = rules.queues()
    path.write_text(MORE)
    assert rules.queues() is before, "our knowledge may be a second old"
    clock.advance(1_000)
    assert rules.queues()["support"].max_waiting == 3
    assert rules.queues() is rules.queues(), "the same object until it changes"


def test_who_has_seen_a_change_need_not_wait_for_it(path: Path, clock: ManualClock) -> None:
    rules = Rules(path, clock)
    path.write_text(MORE)
    assert set(rules.look().queues) == {"sales", "support"}


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BREAKAGES = {
    "syntax": lambda path: path.write_text("queues: ["),
    "a mistake": lambda path: path.write_text(MORE.replace("3", "many")),
    "empty": lambda path: path.write_text(""),
    "no queues": lambda path: path.write_text("version: 1\nqueues: {}\n"),
    "deleted": lambda path: path.unlink(),
    "not a file": _folder,
    "not UTF-8": lambda path: path.write_bytes(GOOD.replace("Sales", "São").encode("latin-1")),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_mistake_leaves_the_good_rules_in_force_and_is_told_once(
    path: Path, clock: ManualClock, breakage: str
) -> None:
    rules = Rules(path, clock)
    before = rules.queues()
    BREAKAGES[breakage](path)
    with capture_logs() as logged:
        for _ in range(3):
            clock.advance(1_000)
            assert rules.queues() is before
    (told,) = logged
    assert told["log_level"] == "error"
    assert told["problems"], "and why"
    assert str(path) in told["problems"][0]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_at_the_start_there_is_nothing_to_stay_with(path: Path, clock: ManualClock, breakage: str) -> None:
    BREAKAGES[breakage](path)
    with pytest.raises(QueuesError):
        Rules(path, clock)


def test_a_mended_file_is_in_force_again(path: Path, clock: ManualClock) -> None:
    rules = Rules(path, clock)
    path.write_text("queues: [")
    clock.advance(1_000)
    assert set(rules.queues()) == {"sales"}
    path.write_text(MORE)
    clock.advance(1_000)
    assert set(rules.queues()) == {"sales", "support"}
