"""The real stack in virtual time: web server, engine, Redis, RQ, sweep, with the simulated network for the far side.

Law: the clock moves only when nothing is in flight, and then to the next thing that is due: the network's, or the line's own.
So the result depends on the day and the seed and not on the machine.
"""

from __future__ import annotations

import functools
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis
from rq import Queue as RqQueue

from callback import dispatch, jobs, verbs
from callback import worker as working
from callback.model import AgentState
from ivr import redis_server
from ivr.app import Parts, build, create_app
from ivr.cli.replay.recorded import Arrival, Day
from ivr.clock import ManualClock
from ivr.config import Settings
from ivr.ids import maker
from ivr.providers.simulator.faults import Faults
from ivr.providers.simulator.link import Webhooks, serve
from ivr.providers.simulator.network import Network
from ivr.providers.simulator.people import AgentPhone, Customer, Habits

MIDNIGHT_MS = 1_773_111_600_000
"""2026-03-10 00:00 in Sao Paulo, a Tuesday: the day on which every recorded day is played."""
AFTER_MS = 4 * 3_600_000
"""How long the day goes on after the last thing recorded, so that who waits is seen to."""
CALLED = "+551130001000"
STEADY = Habits(wrong_key=0.0, silent=0.0, hangs_up_in_menu=0.0)
"""The recorded caller does what is recorded; only at the return call chance comes in."""


@dataclass
class Stage:
    """A day being played. `people` are its callers by call id, in the order of the day."""

    parts: Parts
    clock: ManualClock
    network: Network
    webhooks: Webhooks
    worker: working.SimpleWorker
    jobs: RqQueue
    day: Day
    seed: int
    people: dict[str, Customer] = field(default_factory=dict)
    on_duty: list[str] = field(default_factory=list)
    stirred: bool = True
    """Something has reached us since all was last settled."""

    def prepare(self) -> None:
        """Put the day on the network's heap."""
        line = self.parts.line
        crew = [f"a{number:03d}" for number in range(1, self.day.agents + 1)]
        for name in crew:
            phone = AgentPhone(random.Random(f"{self.seed}/{name}"), answer_ms=(500, 500), misses=0.0, refuses=0.0)
            phone.press_ms = 500
            self.network.people[f"sim:{name}"] = phone
            line.add_agent(name, name, f"sim:{name}", ("line",), frozenset(), "pt-BR")
        for change in self.day.staffing:
            self.network.at(MIDNIGHT_MS + change.at_ms, functools.partial(self._staff, crew, change.agents))
        for arrival in self.day.arrivals:
            self.network.at(MIDNIGHT_MS + arrival.at_ms, functools.partial(self._arrive, arrival))

    def _staff(self, crew: list[str], agents: int) -> None:
        line = self.parts.line
        self.stirred = True
        while len(self.on_duty) < agents:
            name = next(one for one in crew if one not in self.on_duty)
            self.on_duty.append(name)
            line.sign_in(name)
            line.ready(name)
        while len(self.on_duty) > agents:
            idle = {agent.id for agent in line.agents() if agent.state is AgentState.READY}
            name = next((one for one in reversed(self.on_duty) if one in idle), self.on_duty[-1])
            self.on_duty.remove(name)
            line.sign_out(name)

    def _arrive(self, arrival: Arrival) -> None:
        chance = random.Random(f"{self.seed}/{arrival.id}")
        number = f"+55119{40_000_000 + len(self.people):08d}"
        person = Customer(
            chance,
            ["1"],
            arrival.patience_ms,
            arrival.service_ms,
            STEADY,
            press_at_ms=MIDNIGHT_MS + arrival.at_ms + arrival.ivr_ms,
            wants_callback=chance.random() < STEADY.takes_callback,
        )
        call = f"sim-{arrival.id}"
        self.people[call] = person
        self.network.people[number] = person
        self.network.dial_in(call, person, number, CALLED)

    def play(self, each: Callable[[Stage], None] = lambda _stage: None, *, pace: float = 0.0) -> None:
        """Play the day to its end. `each` is called after every step; `pace`: times the wall clock, 0 as fast as it goes."""
        end_ms = MIDNIGHT_MS + self.day.end_ms + AFTER_MS
        begun, from_ms = time.monotonic(), None
        line_ms: int | None = None
        while True:
            if self.stirred or (line_ms is not None and line_ms <= self.clock.now_ms()):
                line_ms = self._settle()
                self.stirred = False
            due = min((at for at in (line_ms, self.network.next_ms()) if at is not None), default=None)
            if due is None or due > end_ms:
                return
            from_ms = due if from_ms is None else from_ms
            if pace:
                time.sleep(max(0.0, (due - from_ms) / 1000 / pace - (time.monotonic() - begun)))
            self.clock.advance(max(0, due - self.clock.now_ms()))
            self.network.run_due()
            each(self)

    def _settle(self) -> int | None:
        """Until nothing is in flight: jobs done, what is due swept, whoever is free matched. When the line is due next."""
        while True:
            if self._work():
                continue
            due = self.parts.line.store.next_due_ms()
            if due is None or due > self.clock.now_ms():
                return due
            swept = dispatch.sweep(self.parts.line)
            dispatch.reconcile(self.parts.line, self.network, swept)
            self.parts.line.match()

    def _work(self) -> bool:
        """Do the next job. False when there is none."""
        found = self.worker.dequeue_job_and_maintain_ttl(None)
        if found is not None:
            self.worker.execute_job(*found)
        return found is not None


@contextmanager
def stage(day: Day, settings: Settings, *, callbacks: bool, seed: int, faults: Faults | None = None) -> Iterator[Stage]:
    """A stage with a Redis server, a web server and a worker of its own; all gone afterwards."""
    with TemporaryDirectory(prefix="retorno-replay-") as folder, ExitStack() as ends:
        home = Path(folder)
        _write_flows(home / "flows", settings.flows_dir, callbacks=callbacks)
        settings = _settings(settings, home)
        clock = ManualClock(MIDNIGHT_MS)
        webhooks = Webhooks("http://127.0.0.1:1", settings.key("webhooks"))

        def deliver(path: str, body: dict[str, Any], then: Callable[[dict[str, Any] | None], None]) -> None:
            made.stirred = True
            then(webhooks.post(path, body))

        network = Network(clock, deliver, seed=seed, faults=faults)
        ends.callback(redis_server.release, settings)
        forgetful(redis_server.connect(redis_server.ensure(settings)))
        parts = build(settings, clock=clock, provider=network, new_id=maker(clock, random.Random(seed)))
        server = serve(create_app(settings, parts), "127.0.0.1", 0)
        ends.callback(server.shutdown)
        webhooks.aim(f"http://127.0.0.1:{server.port}")
        client = redis_server.connect(redis_server.ensure(settings), decode_responses=False)
        made = Stage(parts, clock, network, webhooks, *_worker(client, settings, parts), day, seed)
        made.prepare()
        yield made


def forgetful(client: Redis) -> None:
    """A server that is thrown away afterwards need not write every change to the disk."""
    client.config_set("appendfsync", "no")
    client.config_set("appendonly", "no")


def _worker(client: Redis, settings: Settings, parts: Parts) -> tuple[working.SimpleWorker, RqQueue]:
    bound = {verb: functools.partial(act, parts) for verb, act in verbs.VERBS.items()}
    worker = working.build(client, settings.tenant, jobs.signed_json(settings.key("jobs")), bound, "replay")
    worker.register_birth()
    return worker, jobs.queue_for(client, settings.tenant, settings.key("jobs"))


def _settings(settings: Settings, home: Path) -> Settings:
    return replace(
        settings,
        redis_url="",
        tenant="replay",
        data_dir=home / "var",
        flows_dir=home / "flows",
        default_flow="day",
        provider="simulator",
        demo=True,
        log_level="error",
    )


def _write_flows(folder: Path, own: Path, *, callbacks: bool) -> None:
    here = files("ivr.cli.replay")
    folder.mkdir(parents=True)
    (folder / "day.yaml").write_text((here / "day.yaml").read_text())
    rules = (here / "queues.yaml").read_text()
    (folder / "queues.yaml").write_text(rules if callbacks else rules.replace("enabled: true", "enabled: false"))
    for name in ("callback_agent.yaml", "callback_customer.yaml"):
        shutil.copy(own / name, folder / name)
