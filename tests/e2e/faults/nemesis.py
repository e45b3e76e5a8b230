"""Who does the harm: kills and freezes parts, at random, by a seed; and answers of the network that never arrive."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from flask import Flask, Response, request

from faults.installation import Installation

ACTS: dict[tuple[str, str], float] = {
    ("kill", "worker"): 4.0,
    ("kill", "timekeeper"): 2.0,
    ("kill", "web"): 1.0,
    ("kill one", "web"): 2.0,
    ("kill", "redis"): 0.7,
    ("stop", "worker"): 2.0,
    ("stop", "timekeeper"): 1.0,
    ("stop", "web"): 1.0,
    ("stop", "redis"): 0.6,
}
"""What is done to whom, and how often compared with the others. `kill one`: gunicorn's process that works, not its master."""


@dataclass
class Nemesis:
    """A thread that strikes every `every_s` seconds on average, until `stop`."""

    installation: Installation
    seed: int
    every_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    done: list[tuple[float, str, str, float]] = field(default_factory=list)
    frozen: list[tuple[float, str]] = field(default_factory=list)  # (until, part), monotonic

    def strike(self) -> None:
        chance = random.Random(f"{self.seed}/nemesis")
        begun = time.monotonic()
        next_at = begun
        while not self.stop.wait(0.02):
            self._thaw()
            if time.monotonic() < next_at:
                continue
            next_at = time.monotonic() + chance.expovariate(1 / self.every_s)
            what, kind = chance.choices(list(ACTS), list(ACTS.values()))[0]
            part = f"{kind}-{chance.randint(1, 2)}" if kind in ("worker", "timekeeper") else kind
            away_s = chance.uniform(0.2, 1.5) if chance.random() < 0.5 else 0.0
            self._do(what, part, away_s, chance.uniform(0.2, 1.2 if part == "redis" else 2.0))
            self.done.append((round(time.monotonic() - begun, 3), what, part, round(away_s, 3)))
        for _, part in self.frozen:
            self.installation.kill(part, signal.SIGCONT)

    def _do(self, what: str, part: str, away_s: float, freeze_s: float) -> None:
        if what == "stop":
            self.installation.kill(part, signal.SIGSTOP)
            self.frozen.append((time.monotonic() + freeze_s, part))
            return
        whole = what == "kill"
        if whole:
            self.installation.delay[part] = away_s
        self.installation.kill(part, signal.SIGKILL, whole=whole)

    def _thaw(self) -> None:
        now = time.monotonic()
        for until, part in [one for one in self.frozen if one[0] <= now]:
            self.frozen.remove((until, part))
            self.installation.kill(part, signal.SIGCONT)

    def counts(self) -> Counter[str]:
        """What was done: `kill worker`, `stop redis` ..."""
        return Counter(f"{what.partition(' ')[0]} {part.partition('-')[0]}" for _, what, part, _ in self.done)


def mumble(control: Flask, seed: int, share: float) -> Counter[str]:
    """Of what we ask of the network, this share gets no answer: half of it was done. Returns the count."""
    chance, count = random.Random(f"{seed}/mumble"), Counter[str]()

    @control.before_request
    def unheard() -> Response | None:
        if request.method in ("POST", "DELETE") and chance.random() < share / 2:
            count["not heard"] += 1
            return Response(status=503)
        return None

    @control.after_request
    def unanswered(response: Response) -> Response:
        if request.method in ("POST", "DELETE") and response.status_code < 300 and chance.random() < share / 2:
            count["not answered"] += 1
            return Response(status=503)
        return response

    return count
