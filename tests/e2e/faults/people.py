"""Who phones and who answers in a fault run: callers who wait, give up, take callbacks and phone in again, and agents.

What each of them is like is drawn from the seed before the run begins, so the same seed has the same people.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from redis.exceptions import RedisError

from callback.service import Line
from ivr.cli.replay.stage import CALLED
from ivr.clock import Clock, real_seconds
from ivr.providers.simulator.network import Network
from ivr.providers.simulator.people import AgentPhone, Customer, Habits

log = structlog.get_logger()


ORDINARY = Habits(busy=0.08, voicemail=0.06, answers=0.76, refuses=0.05, wrong_key=0.02, silent=0.02)


@dataclass(frozen=True, slots=True)
class Town:
    """What its people are like. Shares between 0 and 1: `wants` a callback, leaves `another` number than his own, and that
    one is the `same` that somebody else has left."""

    habits: Habits = ORDINARY
    wants: float = 0.6
    another: float = 0.25
    same: float = 0.5


LINES = ("1", "1", "1", "2", "2", "2", "3", "4")
"""The key of the first menu, and with it the line."""
ASKED_AGAIN = ("1", "1", "2", "3", "4")
"""What somebody says who phones in while we owe him a call: wait in that place, keep it, another number, cancel."""


CROWDED = 40


def number_of(index: int) -> str:
    return f"+55119{70_000_000 + index:08d}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody phones, `at_ms` after the run has begun. `puts_down_ms`: ends the call then, whatever is going on."""

    at_ms: int
    call: str
    number: str
    person: Customer
    puts_down_ms: int = 0


def crowd(seed: int, callers: int, every_ms: int, town: Town) -> list[Arrival]:
    """`callers` people, one every `every_ms` on average; some of them phone twice, and some leave a number that another
    has left already."""
    chance = random.Random(seed)
    found: list[Arrival] = []
    typed: list[tuple[str, str]] = []  # (line, number) that somebody asked us to ring
    at = 0
    for index in range(callers):
        at += int(chance.expovariate(1 / every_ms))
        number, line = number_of(index), chance.choice(LINES)
        plan = [line]
        wants = chance.random() < town.wants
        if wants and chance.random() < town.another:
            shared = [other for on, other in typed[-6:] if on == line]
            other = chance.choice(shared) if shared and chance.random() < town.same else number_of(500_000 + index)
            typed.append((line, other))
            plan += ["2", f"0{other.removeprefix('+55')}#"]
        puts_down = chance.randrange(200, 40_000) if chance.random() < 0.08 else 0
        found.append(Arrival(at, f"in-{index}", number, _person(chance, plan, town.habits, wants), puts_down))
        if wants and len(plan) == 1 and chance.random() < 0.2:
            again = [line, chance.choice(ASKED_AGAIN)]
            if again[1] == "3":
                again += [f"0{number_of(700_000 + index).removeprefix('+55')}#", "1"]
            later = at + chance.randrange(20_000, 70_000)
            found.append(Arrival(later, f"again-{index}", number, _person(chance, again, town.habits)))
    return sorted(found, key=lambda one: one.at_ms)


def _person(chance: random.Random, plan: list[str], habits: Habits, wants: bool = False) -> Customer:
    return Customer(
        random.Random(chance.random()),
        plan,
        patience_ms=5_000 + int(chance.weibullvariate(300_000, 0.8)),
        service_ms=chance.randrange(3_000, 14_000),
        habits=habits,
        wants_callback=wants,
    )


@dataclass
class Street:
    """Where the callers come from. They come no faster than their calls are dealt with, so that a slow machine makes a long day
    and not a hopeless one: while `CROWDED` webhooks are on their way, nobody new phones."""

    network: Network
    arrivals: list[Arrival]
    under_way: Callable[[], int]
    stop: threading.Event = field(default_factory=threading.Event)
    all_came: bool = False

    def fill(self) -> None:
        """In a thread of its own: everybody phones in his turn."""
        clock = self.network.clock
        late_ms = clock.now_ms()
        for one in self.arrivals:
            while (wait_ms := late_ms + one.at_ms - clock.now_ms()) > 0 or self.under_way() >= CROWDED:
                late_ms += max(0, -wait_ms)
                if self.stop.wait(min(0.1, max(0.005, real_seconds(clock, wait_ms)))):
                    return
            self._phone(one)
        self.all_came = True

    def _phone(self, one: Arrival) -> None:
        network = self.network
        network.people.setdefault(one.number, one.person)
        for number in _left_numbers(one.person.plan):
            network.people.setdefault(number, _person(one.person.random, [], one.person.habits))
        network.dial_in(one.call, one.person, one.number, CALLED)
        if one.puts_down_ms:
            network.at(network.clock.now_ms() + one.puts_down_ms, lambda: network.puts_down(one.call))


def _left_numbers(plan: list[str]) -> list[str]:
    return ["+55" + keys[1:-1] for keys in plan if keys.endswith("#")]


SERVES: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = (
    (("sales",), frozenset()),
    (("support",), frozenset()),
    (("sales", "support"), frozenset()),
    (("sales", "support"), frozenset({"english"})),
)
"""The queues and skills of every fourth agent."""


def crew_of(agents: int) -> dict[str, tuple[tuple[str, ...], frozenset[str]]]:
    return {f"agent-{index:02d}": SERVES[index % len(SERVES)] for index in range(agents)}


@dataclass
class Floor:
    """The agents and whoever walks between them: calls back those whom the line has paused, lets some go for a while.

    Runs in a thread of its own, for Redis may be away; `agents` of them work.
    """

    line: Line
    network: Network
    clock: Clock
    seed: int
    agents: int
    stop: threading.Event = field(default_factory=threading.Event)
    quiet: bool = False
    paused: int = 0

    def seat(self) -> None:
        """Everybody signs in."""
        for name, (queues, skills) in crew_of(self.agents).items():
            phone = AgentPhone(
                random.Random(f"{self.seed}/{name}"), answer_ms=(800, 2_500), misses=0.04, refuses=0.02, press_ms=800
            )
            self.network.people[f"sim:{name}"] = phone
            self.line.add_agent(name, name, f"sim:{name}", queues, skills, "pt-BR")
            self.line.sign_in(name)

    def walk(self) -> None:
        """Until `stop`: whoever is paused or away is called back, now and then somebody goes. Redis away: later."""
        chance = random.Random(f"{self.seed}/floor")
        while not self.stop.wait(real_seconds(self.clock, 5_000)):
            try:
                for agent in self.line.agents():
                    if agent.state == "paused":
                        self.paused += 1
                        self.line.ready(agent.id)
                    elif agent.state == "offline":
                        self.line.sign_in(agent.id)
                    elif not self.quiet and chance.random() < 0.004:
                        self.line.pause(agent.id, "break")
                    elif not self.quiet and chance.random() < 0.002:
                        self.line.sign_out(agent.id)
            except RedisError as error:
                log.info("the floor walker finds no Redis", why=str(error))
