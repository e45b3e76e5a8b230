"""A busy day at a telephone company, made up as it goes: who calls when, and what they want."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from ivr.providers.simulator.people import Customer, Habits

NUMBER = "+551130001000"
"""The number that the demo's callers dial; no flow names it, so the default flow answers."""
CPFS = ("52998224725", "11144477735", "12345678909", "98765432100")

_TOPICS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.30, ("1",)),
    (0.25, ("2", CPFS[0])),
    (0.15, ("2", CPFS[1])),
    (0.20, ("3", "1")),
    (0.10, ("0",)),
)
"""What people want, as the keys of `flows/telecom.yaml` that lead there."""


@dataclass(frozen=True, slots=True)
class Crew:
    """One agent of the demo."""

    id: str
    name: str
    queues: tuple[str, ...]


CREW = tuple(
    Crew(name.lower(), name, queues)
    for name, queues in (
        ("Ana", ("sales", "front_desk")),
        ("Bruno", ("sales", "billing")),
        ("Carla", ("billing", "front_desk")),
        ("Diego", ("support",)),
        ("Elisa", ("support", "front_desk")),
        ("Fabio", ("billing", "sales")),
        ("Gabi", ("support", "billing")),
        ("Hugo", ("front_desk", "sales", "billing", "support")),
        ("Iris", ("sales", "billing")),
        ("Joana", ("support", "front_desk")),
        ("Kaio", ("billing", "sales")),
        ("Lia", ("sales", "support")),
    )
)


def next_call_ms(random: Random, now_ms: int, per_hour: float) -> int:
    """Milliseconds until the next call: Poisson arrivals, with a slow swell of two hours around the mean."""
    swell = 1 + 0.35 * math.sin(now_ms / 7_200_000 * 2 * math.pi)
    return int(random.expovariate(per_hour * swell / 3_600_000))


def customer(random: Random, habits: Habits) -> Customer:
    """A caller with a wish, patience (half give up within five minutes) and a need for an agent's time."""
    pick = random.random()
    plan: list[str] = []
    for share, keys in _TOPICS:
        plan = list(keys)
        pick -= share
        if pick < 0:
            break
    return Customer(
        random,
        plan,
        patience_ms=int(random.weibullvariate(480_000, 0.8)) + 5_000,
        service_ms=int(min(900_000, random.lognormvariate(math.log(140_000), 0.7))),
        habits=habits,
        wants_callback=random.random() < habits.takes_callback,
    )


def mobile(random: Random) -> str:
    """A mobile number of Sao Paulo."""
    return f"+55119{random.randrange(40_000_000, 99_999_999)}"
