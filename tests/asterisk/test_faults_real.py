"""A hundred calls on two real Asterisks while everything is killed: nobody is lost, rung twice or overtaken, no end goes untold,
and whoever is on the phone hears something. And the judge looks: planted faults are found by the harm that they do.

FAULTS_SEED=7 has other people and other harm. What fails prints its seed and the stories of those who were wronged.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from company import AGENT, Company
from fault_court import kept, left_over, story, trial
from fault_people import People
from fault_plant import HARM
from faults.judge import Violation
from redis.exceptions import RedisError
from rig import until

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SEED = int(os.environ.get("FAULTS_SEED", "1"))
PEOPLE = int(os.environ.get("FAULTS_PEOPLE", "124"))
DESKS = max(2, PEOPLE // 20)
CROWD = {"waits": 64, "callback": 16, "menu": 14, "gives up": 4, "vanishes": 2}
DOWN_S = 20.0
RTP_TIMEOUT_S = 6


def pause(seconds: float) -> None:
    """Let the day go on: what is judged is what happens meanwhile."""
    assert not threading.Event().wait(seconds)


class Strikes:
    """What is killed, in an order of the seed. `done`: what and when; `crowd`: how many calls there were each time."""

    def __init__(self, company: Company, people: People, seed: int) -> None:
        self.company, self.people, self.random = company, people, random.Random(seed)
        self.began = time.monotonic()
        self.done: list[str] = []
        self.crowd: list[int] = []

    def all(self) -> None:
        parts = ["web", "worker-1", "worker-2", "timekeeper", "asterisk-node1", "asterisk-node2", "redis"]
        for part in self.random.sample(parts, len(parts)):
            self.kill(part, self.random.uniform(0.2, 2.0))
            pause(self.random.uniform(1.0, 2.0))

    def kill(self, part: str, dead_s: float) -> None:
        self.crowd.append(self.people.calls_up)
        at = time.monotonic() - self.began
        self.done.append(f"{at:.0f} s: {part} for {dead_s:.1f} s, {self.crowd[-1]} calls")
        self.company.kill(part)
        pause(dead_s)
        self.company.restart(part)
        until(lambda: not self.missing(), f"all works after {part} was killed", self.company.told, 30, 0.2)

    def missing(self) -> list[str]:
        try:
            return self.company.missing()
        except RedisError:
            return ["redis"]

    def node(self, name: str) -> None:
        """Asterisk itself: its calls are gone, everybody else's go on."""
        self.crowd.append(self.people.calls_up)
        others = self.people.hold_elsewhere(name)
        self.people.killed.append((name, int(time.time() * 1000)))
        self.company.kill(name)
        self.people.node_has_died(name)
        pause(0.5)
        assert len(others) > PEOPLE // 12
        lost = [call for call in others if not call.up and call.first_heard(AGENT) is None]
        assert not lost, f"{len(lost)} of {len(others)} who were on another node: {[call.ended for call in lost]}"
        self.company.restart(name)
        until(lambda: not self.missing(), f"all works after {name} was killed", self.company.told, 30, 0.2)


def drained(company: Company, people: People, closes_s: float, patience_s: float) -> None:
    """Wait until nobody is in line, rung or on the phone, or the patience is over: the judge tells who was left. Whoever still waits
    when `closes_s` are over goes home."""
    people.day_is_over, people.closes_at = True, time.monotonic() + closes_s
    end = time.monotonic() + patience_s
    while left_over(company) and time.monotonic() < end:
        pause(0.3)


def few(found: list[Violation]) -> list[Violation]:
    """Two of each kind."""
    return [one for kind in {one.kind for one in found} for one in [v for v in found if v.kind == kind][:2]]


def test_nobody_is_lost_rung_twice_overtaken_or_left_in_silence(asterisk_binary: Path) -> None:
    desks = {f"desk{at}": "" for at in range(DESKS)}
    with Company(
        desks, asterisk_binary, nodes=2, rtp_timeout=RTP_TIMEOUT_S, more={"RETORNO_LOG_LEVEL": "info"}
    ) as company:
        with People(company, SEED, PEOPLE, CROWD) as people:
            until(lambda: people.calls_up >= PEOPLE * 0.8, "a hundred calls", company.told, 60, 0.2)
            strikes = Strikes(company, people, SEED)
            strikes.all()
            strikes.kill("web", DOWN_S)
            strikes.node("node2")
            pause(3)
            drained(company, people, 8, 60)
            found, record = trial(company, people)
        counts = Counter(event.type.value for event in record.events)
        told = f"seed {SEED}: {strikes.done}\n{dict(counts)}\n{Counter(one.kind for one in found)}\n"
        told += f"came late by {sum(late for _, late in people.late):.1f} s in all\n"
        told += "\n".join(story(people, record, one) for one in few(found))
        if found:
            told += f"\nall of it: {kept(company, told)}"
        print(told)
        assert not found, told
        assert people.faults == []
        assert min(strikes.crowd) >= PEOPLE * 0.6, told
        assert counts["completed"] > PEOPLE // 3, told


class Planted(Company):
    """Its parts have the faults of `fault_plant`."""

    def start(self, part: str) -> None:
        python, _module, _name, *words = self.commands[part]
        self.commands[part] = [python, "-m", "fault_plant", *words]
        super().start(part)


def test_planted_faults_are_found(asterisk_binary: Path) -> None:
    company = Planted({f"desk{at}": "" for at in range(3)}, asterisk_binary)
    company.env |= {"PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent / "e2e", HERE.parents[1])))}
    with company, People(company, SEED, 18, {"waits": 4, "gives up": 2}, refuses=0.4) as people:
        pause(14)
        drained(company, people, 3, 10)
        found, record = trial(company, people)
        assert people.faults == []
        for queue, harm in HARM.items():
            entries = {entry for entry, born in record.born.items() if born["queue"] == queue}
            attempts = {event.attempt for event in record.events if event.entry in entries and event.attempt}
            calls = {event.call for event in record.events if event.data.get("flow") == queue}
            kinds = {
                one.kind for one in found if any(name in one.what for name in (*entries, *attempts, *calls, queue))
            }
            assert kinds & harm, f"{queue}: {kinds}\n" + "\n".join(map(str, found[:30]))
