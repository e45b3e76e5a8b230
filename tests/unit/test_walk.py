"""A random caller walks the shipped flows: whatever he presses, however the line and the hosts answer, he gets to an end.

Each call is one seed, so a failure is replayed by its number. The caller presses wild keys, says nothing, waits, hangs up; agents
answer or are not there; the line is full, closed, quicker than he; hosts fail or answer nonsense.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ivr import engine
from ivr.engine import MAX_STEPS, MAX_VISITS
from ivr.events import EventType
from ivr.flow.load import load_flow
from ivr.inputs import HungUp, Joined, Machine, Outcome, Started
from ivr.instructions import Dial, Gather, Hold, Join, Record, as_json, from_json
from ivr.session import Session
from ivr.trial import Shelf
from ivr.trial.phone import Exchange, Phone
from ivr.trial.world import OUTCOMES, World
from ivr.turning import Published

FLOWS = Path(__file__).parents[2] / "flows"
INBOUND = ("telecom", "clinic", "starter")
PLACED = ("callback_agent", "callback_customer")
OPEN_MS = 1_773_147_600_000  # a Tuesday, 10:00 in São Paulo
HOLIDAY_MS = 1_795_179_600_000  # 20 November, 10:00
WEEK_MS = 7 * 86_400_000
MAX_ACTS = 200
"""After so many acts the caller hangs up: the budgets have long ended a call that only we keep alive."""

SECRETS = ("52998224725", "28021980")
NUMBERS = ("1133334444", "12", "0900", "5550100200")
BODIES: tuple[Any, ...] = (
    {"name": "Ana", "tier": "vip", "bill": "120.5", "due_on": "2026-03-17"},
    {"name": "João", "tier": "basic", "bill": "80", "due_on": "soon", "ready_on": "2026-03-01", "needs_talk": "false"},
    {"bill": {"amount": "1"}, "ready_on": ["x"]},
    "text",
    None,
)


@cache
def shelf() -> Shelf:
    flows = [load_flow((FLOWS / f"{name}.yaml").read_bytes(), name).flow for name in (*INBOUND, *PLACED)]
    return Shelf({flow.flow: Published(flow, "v1") for flow in flows if flow is not None})


def world_of(chance: random.Random) -> World:
    world = World(chance.choice([OPEN_MS, OPEN_MS, OPEN_MS, HOLIDAY_MS, OPEN_MS + chance.randrange(WEEK_MS)]))
    for name, answers in OUTCOMES.items():
        world.line[name] = chance.choices(answers, [8, *[1] * (len(answers) - 1)], k=6)
    steps = {name for published in shelf().flows.values() for name in published.flow.steps}
    world.mock = {
        step: {"body": chance.choice(BODIES), "fail": chance.choice(["true", "false", "false"])} for step in steps
    }
    shuffle(world, chance)
    return world


def shuffle(world: World, chance: random.Random) -> None:
    """The line stands otherwise now."""
    at = world.at
    at.position, at.wait_s = chance.randrange(4), chance.choice([None, 30, 300, 5400])
    at.offer, at.closing = chance.random() < 0.7, chance.random() < 0.05


def call_of(chance: random.Random) -> Phone:
    name = chance.choice((*INBOUND, *INBOUND, *PLACED))
    placed, world = name in PLACED, world_of(chance)
    leg = "agent" if name == "callback_agent" else "customer"
    given = {"queue_title": "Vendas", "waited_min": chance.randrange(90), "on_line": chance.randrange(2)}
    given["purpose"] = chance.choice(["connect", "tell"])
    session = Session(
        "c1",
        name,
        "v1",
        world.now_ms,
        chance.choice(["pt-BR", "en", "es", ""]),
        number=chance.choice(["+5511987654321", ""]) if leg == "customer" or not placed else "",
        called=chance.choice(["+551130001000", "+15550100200", "4000"]),
        direction="outbound" if placed else "inbound",
        variables=given if placed else {},
        attempt="a1" if placed else "",
        leg=leg if placed else "",
    )
    return Phone(shelf(), engine.start(shelf(), session).to_json(), world)


def act(phone: Phone, chance: random.Random) -> None:
    """Something that can happen now. It need not be wise."""
    shuffle(phone.world, chance)
    roll = chance.random()
    if roll < 0.02:
        phone.hang_up()
        return
    match phone.instruction:
        case Gather() as told if roll < 0.75:
            phone.press(keys_for(told, chance))
        case Hold() as told if roll < 0.45 and told.keys:
            phone.press(chance.choice(told.keys))
        case Hold() if roll < 0.6 and (phone.session.entry or phone.session.attempt):
            phone.agent_answers("a1")
        case Join() | Dial():
            phone.talk(chance.randrange(600_000), chance.choice([*Outcome, *[Outcome.ANSWERED] * 6]))
        case Record() if roll < 0.6:
            phone.leave_message(chance.randrange(60_000))
        case Hold() | Gather() | Record():
            phone.silence()


def keys_for(told: Gather, chance: random.Random) -> str:
    """One key; of many digits something that may be right. Secrets are typed only where a secret is asked for."""
    if told.max_digits <= 2:
        return chance.choice("11122233456789900*#")
    typed = SECRETS if told.sensitive and told.max_digits < 15 else (*NUMBERS, "1234567")
    fitting = [digits for digits in typed if len(digits) <= told.max_digits]
    return chance.choice(fitting) if chance.random() < 0.8 else chance.choice(fitting)[:-1] or "0"


def walk(seed: int) -> Phone:
    chance = random.Random(seed)
    phone = call_of(chance)
    heard = chance.choice([None, *Machine]) if phone.session.leg == "customer" else None
    phone.wake(Started(heard)) if chance.random() < 0.95 else phone.wake(HungUp(Outcome.BUSY))
    for _ in range(MAX_ACTS):
        if phone.session.ended:
            return phone
        act(phone, chance)
    phone.hang_up()
    return phone


def judge(phone: Phone, seed: int) -> None:
    """What must hold of every call."""
    assert phone.session.ended, seed
    assert phone.session.failed <= 2, seed
    events = phone.events
    assert [event.type for event in events].count(EventType.CALL_ENDED) == 1, seed
    assert events[-1].type is EventType.CALL_ENDED, seed
    written = json.dumps([event.as_fields() for event in events])
    said = json.dumps([as_json(exchange.instruction) for exchange in phone.exchanges], ensure_ascii=False)
    assert not [digits for digits in (*SECRETS, "+5511987654321", "1133334444") if digits in written], seed
    assert not [digits for digits in SECRETS if digits in said or " ".join(digits) in said], seed
    assert "{{" not in said, seed
    assert "None" not in said, seed
    assert not any(f"{word} 0 " in said for word in ("número", "number", "lugar")), seed
    for exchange in phone.exchanges:
        judge_turn(exchange, seed)


def judge_turn(exchange: Exchange, seed: int) -> None:
    visits = Counter(event.data["step"] for event in exchange.events if event.type is EventType.STEP_ENTERED)
    assert visits.total() <= MAX_STEPS, seed
    assert all(count <= 2 * MAX_VISITS for count in visits.values()), seed
    assert from_json(json.loads(json.dumps(as_json(exchange.instruction)))) == exchange.instruction, seed


@pytest.mark.parametrize("block", range(20))
def test_a_hundred_random_calls_all_come_to_an_end(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        judge(walk(seed), seed)


def test_a_seed_walks_the_same_way_twice() -> None:
    assert [walk(seed).saved for seed in range(30)] == [walk(seed).saved for seed in range(30)]


def test_the_walker_gets_about() -> None:
    """Else the rest would prove little: in 600 calls he comes to nearly every step, and to talks, callbacks and messages."""
    phones = [walk(seed) for seed in range(600)]
    came = {
        (event.data["flow"], event.data["step"])
        for phone in phones
        for event in phone.events
        if event.type is EventType.STEP_ENTERED
    }
    steps = {(name, step) for name, published in shelf().flows.items() for step in published.flow.steps}
    assert len(came) > 0.9 * len(steps), sorted(steps - came)
    joined = sum(isinstance(exchange.given, Joined) for phone in phones for exchange in phone.exchanges)
    booked = sum(given.outcome == "booked" for phone in phones for _, given in phone.world.asked)
    left = sum(event.type is EventType.VOICEMAIL_LEFT for phone in phones for event in phone.events)
    assert min(joined, booked, left) > 20, (joined, booked, left)
