"""`retorno simulate`: a busy day on a telephone network in memory, by the clock of the installation."""

from __future__ import annotations

import random
import threading
from urllib.parse import urlsplit

import click
import structlog
from redis.exceptions import RedisError

from callback.agents import NotSignedIn
from callback.service import Line
from ivr import log, supervise
from ivr.app import build
from ivr.clock import real_seconds
from ivr.config import load
from ivr.ids import maker
from ivr.inputs import Outcome
from ivr.providers.simulator import day
from ivr.providers.simulator.faults import Faults
from ivr.providers.simulator.link import Pooled, Webhooks, control, serve
from ivr.providers.simulator.network import Network
from ivr.providers.simulator.people import AgentPhone, Habits
from ivr.providers.simulator.telephone import Call

logger = structlog.get_logger()

LONGEST_SLEEP_S = 0.2


@click.command()
@click.option("--speed", type=float, default=1.0, help="Told by `retorno demo`; the clock itself is RETORNO_CLOCK.")
@click.option("--per-hour", type=click.FloatRange(1, 5_000), default=270.0, show_default=True, help="Calls an hour.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--double", type=click.FloatRange(0, 1), default=0.0, help="Share of webhooks that come twice.")
@click.option("--late", type=click.FloatRange(0, 1), default=0.0, help="Share of webhooks that come late.")
@click.option("--lost", type=click.FloatRange(0, 1), default=0.0, help="Share of hang-ups that are never told.")
def simulate(speed: float, per_hour: float, seed: int, double: float, late: float, lost: float) -> None:
    """A phone network with callers and agents, at the address RETORNO_SIMULATOR_URL."""
    supervise.end_with_parent()
    settings = load()
    log.set_up(settings.log_level, settings.log_format)
    parts = build(settings)
    stop = supervise.Stop()
    stop.listen()
    key = settings.key("webhooks")
    pool = Pooled(Webhooks(settings.public_url, key))
    network = Network(parts.clock, pool, seed=seed, faults=Faults(double=double, late=late, lost=lost))
    address = urlsplit(settings.simulator_url)
    server = serve(control(network, key), address.hostname or "127.0.0.1", address.port or 8001)
    chance = random.Random(seed)
    new_id = maker(parts.clock)
    for crew in day.CREW:
        seat(network, parts.line, crew, chance)

    def call() -> None:
        now = parts.clock.now_ms()
        number = day.mobile(chance)
        person = day.customer(chance, Habits())
        network.people[number] = person
        network.dial_in(f"sim-{new_id()}", person, number, day.NUMBER)
        network.at(now + day.next_call_ms(chance, now, per_hour), call)

    network.at(parts.clock.now_ms() + 1_000, call)
    logger.info("simulating", per_hour=per_hour, agents=len(day.CREW), speed=speed)
    run(network, stop.asked)
    server.shutdown()
    pool.close()


def run(network: Network, stop: threading.Event) -> None:
    """Do what is due as it becomes due, until `stop`."""
    while not stop.is_set():
        network.run_due()
        due = network.next_ms()
        ahead = real_seconds(network.clock, due - network.clock.now_ms()) if due is not None else LONGEST_SLEEP_S
        stop.wait(min(max(ahead, 0.001), LONGEST_SLEEP_S))


class Desk(AgentPhone):
    """An agent at a desk: takes a breath after each call, a break now and then, and comes back when a missed call has
    made the line pause him."""

    line: Line
    network: Network
    id: str

    def ended(self, call: Call, outcome: Outcome, now_ms: int) -> None:
        self.network.at(now_ms + self.random.randrange(4_000, 25_000), self.next)

    def next(self) -> None:
        """What comes after a call. While Redis is away it is put off; who was signed out meanwhile stays out."""
        try:
            self._next()
        except RedisError as error:
            logger.warning("the agent's screen does not answer", agent=self.id, why=str(error))
            self.network.at(self.network.clock.now_ms() + 5_000, self.next)
        except NotSignedIn:
            logger.info("the agent was signed out", agent=self.id)

    def _next(self) -> None:
        agent = next(a for a in self.line.agents() if a.id == self.id)
        if agent.state == "wrap_up":
            self.line.wrap_up_done(self.id)
        if agent.state == "paused":
            self.line.ready(self.id)
        elif self.random.random() < 0.03:
            self.line.pause(self.id, self.random.choice(("break", "lunch", "training")))
            self.network.at(self.network.clock.now_ms() + self.random.randrange(120_000, 600_000), self.next)


def seat(network: Network, line: Line, crew: day.Crew, chance: random.Random) -> None:
    """Put an agent at a phone and sign him in; one who was at work when the demo stopped goes on."""
    phone = f"sim:{crew.id}"
    desk = Desk(chance)
    desk.line, desk.network, desk.id = line, network, crew.id
    network.people[phone] = desk
    line.add_agent(crew.id, crew.name, phone, crew.queues, frozenset(), "pt-BR")
    line.sign_in(crew.id)
    line.ready(crew.id)
