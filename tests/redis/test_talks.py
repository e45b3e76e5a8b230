"""Talks that go on: sent to another queue or agent, handed over; the word of it before and after the end of the agent's call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest
import redis as redis_py
from line_world import NUMBERS, World, audit, ordered, rules
from test_estimate import backlog

from callback import attempts, dispatch, talks
from callback.jobs import Task
from callback.metrics import Totals, fold, ledger
from callback.model import Callbacks, Entry, Leg, Order, PhoneState, Queue, Transfers
from callback.policy import Opening
from callback.talks import NotTalking, UnknownTarget
from callback.wait_model import ENOUGH_STARTS
from ivr.asks import LeaveLine
from ivr.inputs import Outcome
from ivr.ports import Caller

MINUTE = 60_000


@pytest.fixture
def world(redis: redis_py.Redis) -> World:
    return World(redis, rules(wrap_up_ms=30_000))


def agent(world: World, name: str) -> tuple[str, str]:
    found = world.line.store.agent(name)
    assert found
    return found.state.value, found.attempt


def talk(world: World) -> tuple[str, str]:
    """Ana, who serves q, talks to a caller who has waited a minute: (entry, attempt). Zoe, who serves r, is on a break."""
    for name, queue in (("ana", "q"), ("zoe", "r")):
        world.agent(name, queue)
        world.line.pause(name, "lunch")
    entry = world.join("c1")
    world.clock.advance(MINUTE)
    world.line.ready("ana")
    attempt = world.talk()
    world.tasks.clear()
    return entry, attempt


@pytest.fixture
def talking(world: World) -> tuple[World, str, str]:
    """(world, entry, attempt) of a talk."""
    return world, *talk(world)


def books(world: World, queue: str) -> Totals:
    totals = Totals()
    for event in world.events():
        if event.queue == queue:
            totals = fold(totals, event)
    return totals


def sent_on(world: World, attempt: str, to: str) -> Entry:
    found = world.line.transfer(attempt, to, "ana")
    audit(world)
    return found


# to a queue


def test_who_is_sent_to_another_queue_waits_there_in_his_old_place(talking: tuple[World, str, str]) -> None:
    world, entry, attempt = talking
    before = world.entry(entry)
    world.join("c2", "r")
    world.clock.advance(90_000)
    after = sent_on(world, attempt, "r")
    assert (after.id, after.state, after.mode, after.queue, after.call) == (entry, "waiting", "live", "r", "c1")
    assert (after.score, after.entered_ms) == (before.score, world.clock.now_ms())
    assert world.order("r")[0] == entry, "he entered a queue before the other"
    assert world.tasks == [Task("hang_up", call=f"{attempt}-a")]
    assert agent(world, "ana") == ("wrap_up", attempt)
    event = world.last("transferred")
    assert (event.queue, event.entry, event.agent, event.attempt) == ("r", entry, "ana", attempt)
    assert event.data | {"score": ""} == {"from": "q", "to": "r", "by": "ana", "talk_ms": "90000", "score": ""}


def test_a_queue_may_put_them_at_its_end(redis: redis_py.Redis) -> None:
    world = World(redis, {"q": Queue("q"), "r": Queue("r", transfers=Transfers.END)})
    entry, attempt = talk(world)
    other = world.join("c2", "r")
    sent_on(world, attempt, "r")
    assert world.order("r") == [other, entry]


def test_the_next_agent_gets_him_and_each_queue_has_its_own_account_of_him(talking: tuple[World, str, str]) -> None:
    world, entry, attempt = talking
    sent_on(world, attempt, "r")
    world.clock.advance(20_000)
    world.agent("bia", "r")
    second = world.talk()
    world.line.talk_ended(Caller(f"{attempt}-a", attempt=attempt, leg="agent", room=attempt), Outcome.ANSWERED)
    assert world.state(entry) == "connected", "the end of the first talk is late"
    world.clock.advance(30_000)
    world.end_leg(second, "agent")
    assert world.state(entry) == "completed"
    world.clock.advance(30_000)
    dispatch.sweep(world.line)
    waits = {queue: books(world, queue).answered.sum_ms for queue in ("q", "r")}
    assert waits == {"q": MINUTE, "r": 20_000}, "in each queue his wait in it"
    for queue in ("q", "r"):
        totals = books(world, queue)
        kept = ledger(totals, 0, 0)
        assert (kept.balanced, kept.entered, kept.answered) == (True, 1, 1), queue
        assert totals.transferred == (queue == "r")
    assert [e.data["talk_ms"] for e in world.events() if e.type == "handled"] == ["0", "30000"]
    audit(world)


def test_who_hangs_up_while_he_waits_again_has_abandoned_the_second_queue(talking: tuple[World, str, str]) -> None:
    world, entry, attempt = talking
    sent_on(world, attempt, "r")
    world.clock.advance(40_000)
    world.hang_up("c1", entry)
    assert world.state(entry) == "abandoned"
    assert (ledger(books(world, "q"), 0, 0).answered, ledger(books(world, "r"), 0, 0).abandoned) == (1, 1)
    assert ledger(books(world, "r"), 0, 0).balanced
    audit(world)


@pytest.mark.parametrize("order", [Order.AGENT_FIRST, Order.CUSTOMER_FIRST])
def test_a_customer_whom_we_rang_waits_as_a_caller_on_the_line(redis: redis_py.Redis, order: Order) -> None:
    world = World(redis, ordered(order))
    world.agent("ana")
    world.book("", NUMBERS[1], call="c1")
    (task,) = world.rung()
    attempt = task.attempt
    for leg in order.legs:
        assert world.dial(attempt, leg)
        world.accept(attempt, leg)
    (entry,) = [e.entry for e in world.events() if e.type == "entry_joined"]
    after = sent_on(world, attempt, "r")
    assert (after.mode, after.call, after.chosen_ms, after.held_ms) == ("live", f"{attempt}-c", 0, 0)
    assert world.book("", NUMBERS[1], call="c9").outcome == "booked", "his number is free for another callback"
    world.end_leg(attempt, "customer")
    assert world.state(entry) == "abandoned", "he has talked, so he is not rung again"
    assert ledger(books(world, "q"), 0, 1).balanced
    assert ledger(books(world, "r"), 0, 0).balanced
    audit(world)


def test_one_who_was_sent_on_may_leave_or_choose_a_callback_there(talking: tuple[World, str, str]) -> None:
    world, entry, attempt = talking
    sent_on(world, attempt, "r")
    assert world.book(entry, NUMBERS[3], "q", "c1").outcome == "booked"
    kept = ledger(books(world, "r"), 0, 1)
    assert (kept.balanced, kept.callback_accepted) == (True, 1)
    audit(world)


def test_the_rules_and_hours_of_his_callback_are_those_of_the_queue_in_which_he_stands(redis: redis_py.Redis) -> None:
    """His flow still names the first queue."""
    world = World(redis, {"q": Queue("q", callbacks=Callbacks(max_open=0)), "r": Queue("r")})
    world.agent("ana")
    entry = world.join("c1")
    sent_on(world, world.talk(), "r")
    now = world.clock.now_ms()
    world.openings["q"] = Opening(is_open=False, opens_ms=now + 36_000_000)
    answer = world.book(entry, NUMBERS[3], "q", "c1")
    assert (answer.outcome, answer.values["entry"]) == ("booked", entry)
    assert (world.state(entry), world.entry(entry).due_ms, world.entry(entry).queue) == ("waiting", 0, "r")
    audit(world)


def test_one_who_was_sent_on_may_leave_the_line(talking: tuple[World, str, str]) -> None:
    world, entry, attempt = talking
    sent_on(world, attempt, "r")
    assert world.line.answer(LeaveLine(entry, "timeout"), Caller("c1", entry=entry)).outcome == "left"
    assert ledger(books(world, "r"), 0, 0).flow_out == 1


@pytest.mark.parametrize("then", ["sign_out", "to the queue"])
def test_who_waited_for_one_agent_still_needs_the_skills_that_he_came_with(redis: redis_py.Redis, then: str) -> None:
    world = World(redis, rules())
    world.agent("ana", "q", "es")
    entry = world.join("c1", skills="es")
    attempt = world.talk()
    world.agent("bia", "q")
    world.line.phone("sim:bia", PhoneState.IN_USE)
    assert sent_on(world, attempt, "agent:bia").skills == ("agent:bia",)
    if then == "sign_out":
        world.line.sign_out("bia")
    else:
        world.line.phone("sim:bia", PhoneState.FREE)
        sent_on(world, world.talk(), "q")
        world.line.sign_out("bia")
    assert (world.entry(entry).skills, world.state(entry)) == (("es",), "waiting")
    world.agent("caio", "q")
    assert world.state(entry) == "waiting", "one who does not speak it is not rung"
    audit(world)


@pytest.mark.parametrize("order", [Order.LIVE, Order.AGENT_FIRST])
def test_a_transfer_that_is_told_after_its_customer_has_hung_up_puts_nobody_in_line(
    redis: redis_py.Redis, order: Order
) -> None:
    """The end of the agent's call is told first, then that of the customer, who was still in the room, then the transfer."""
    world = World(redis, ordered(order) if order is not Order.LIVE else rules())
    world.agent("ana")
    entry = world.join("c1") if order is Order.LIVE else str(world.book("", NUMBERS[1], call="c1").values["entry"])
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    if order is not Order.LIVE:
        world.dial(attempt, "customer")
        world.accept(attempt, "customer")
    customer = Caller(world.entry(entry).call, entry=entry, attempt=attempt, room=attempt)
    world.end_leg(attempt, "agent")
    world.line.ended(customer, Outcome.ANSWERED, "")
    assert not world.line.transferred(customer, "r")
    assert world.state(entry) == "completed"
    audit(world)


def test_skills_that_the_other_queue_does_not_know_are_left_behind(redis: redis_py.Redis) -> None:
    world = World(redis, {"q": Queue("q"), "r": Queue("r", skills=frozenset({"es"}))})
    world.agent("ana", "q", "es vip")
    world.join("c1", skills="es vip")
    attempt = world.talk()
    assert sent_on(world, attempt, "r").skills == ("es",)


# to one agent


def test_an_agent_gets_whom_he_was_sent_when_he_is_free_and_nobody_else_does(talking: tuple[World, str, str]) -> None:
    world, entry, attempt = talking
    world.agent("bia", "r")
    other = world.join("c2", "r")
    busy = world.talk()
    world.tasks.clear()
    sent_on(world, attempt, "agent:bia")
    world.agent("caio", "q r")
    assert (world.state(entry), world.entry(entry).queue, world.rung()) == ("waiting", "q", [])
    world.end_leg(busy, "agent")
    assert world.state(other) == "completed"
    world.line.wrap_up_done("bia")
    assert (world.state(entry), world.entry(entry).agent) == ("reserved", "bia"), "in a queue that she does not serve"
    audit(world)
    again = world.ring_agent()
    assert world.accept(again, "agent") == "room"
    audit(world)


@pytest.mark.parametrize("away", ["pause", "sign_out", "phone_gone", "does not answer"])
def test_once_that_agent_is_away_whoever_serves_the_queue_gets_him(talking: tuple[World, str, str], away: str) -> None:
    world, entry, attempt = talking
    world.agent("bia", "r")
    world.join("c2", "r")
    busy = world.talk()
    sent_on(world, attempt, "agent:bia")
    score = world.entry(entry).score
    if away == "pause":
        world.line.pause("bia", "lunch")
    if away == "sign_out":
        world.line.sign_out("bia")
    if away == "phone_gone":
        world.line.phone("sim:bia", PhoneState.GONE)
    world.end_leg(busy, "agent")
    world.line.wrap_up_done("bia")
    if away == "does not answer":
        for _ in range(2):
            rung = world.ring_agent()
            world.end_leg(rung, "agent", Outcome.NO_ANSWER)
    after = world.entry(entry)
    assert (after.state, after.skills, after.score) == ("waiting", (), score)
    assert (world.last("fell_back").entry, world.last("fell_back").agent) == (entry, "bia")
    world.agent("caio", "q")
    assert world.entry(entry).agent == "caio"
    audit(world)


def test_the_moment_of_hanging_up_does_not_count_as_being_away(redis: redis_py.Redis) -> None:
    world = World(redis, rules(wrap_up_ms=0))
    world.agent("ana")
    entry = world.join("c1")
    attempt = world.talk()
    world.agent("bia", "r")
    world.join("c2", "r")
    busy = world.talk()
    world.line.phone("sim:bia", PhoneState.IN_USE)
    world.line.pause("ana", "lunch")
    sent_on(world, attempt, "agent:bia")
    world.end_leg(busy, "agent")
    audit(world)
    assert world.state(entry) == "waiting"
    world.line.phone("sim:bia", PhoneState.FREE)
    assert (world.state(entry), world.entry(entry).agent) == ("reserved", "bia")


@pytest.mark.parametrize(
    ("serves", "knows", "before", "position"),  # what bia does; who stands before him: queue, skills, agent
    [
        # whoever stands before him in his own queue, r, waits for others
        ("q", "", [("r", "libras", ""), ("r", "es", "")], 1),
        ("q r", "es", [("r", "libras", "")], 1),
        # whom bia takes first
        ("q r", "libras", [("r", "libras", ""), ("r", "es", "")], 2),
        ("q", "", [("q", "", ""), ("q", "libras", ""), ("q", "", "")], 3),
        ("q", "", [("r", "", "bia"), ("r", "", "bia")], 3),
        ("q", "", [("q", "", ""), ("r", "", "bia"), ("r", "libras", "")], 3),
        # who was sent to another
        ("q", "", [("r", "", "dora"), ("r", "", "bia")], 2),
        ("q", "", [("r", "", "dora")], 1),
    ],
)
def test_who_waits_for_one_agent_is_told_how_many_that_agent_takes_before_him(
    redis: redis_py.Redis, serves: str, knows: str, before: list[tuple[str, str, str]], position: int
) -> None:
    world = World(redis, rules(wrap_up_ms=30_000))
    backlog(world.line.estimator, ENOUGH_STARTS, world.rules["r"], world.clock.now_ms())
    world.clock.advance(10 * MINUTE)
    busy = {}  # they are there, and not free
    for name, queues, skills in (("bia", serves, knows), ("dora", "q", ""), ("eva", "r", "")):
        world.agent(name, queues, skills)
        world.join(f"{name}s", queues.split()[0])
        busy[name] = world.talk()
    for name, skills in (("ana", ""), ("zoe", "libras es")):
        world.agent(name, "q r", skills)
        world.line.pause(name, "lunch")
    for n, (queue, skills, agent) in enumerate(before):
        send_to(world, f"b{n}", queue, skills, agent)
    mine = send_to(world, "mine", "r", "", "bia")
    place = world.line.facts().place(mine)
    assert place
    assert (place.position, place.wait_s) == (position, None)
    other = world.line.facts().place(world.join("c9", "r"))
    assert other
    assert other.wait_s, "of the queue something can be said"
    world.line.pause("bia", "lunch")
    world.end_leg(busy["bia"], "agent")
    world.line.wrap_up_done("bia")
    place = world.line.facts().place(mine)
    assert place
    assert place.wait_s, "now he waits for whoever serves his queue"
    assert place.position == 1 + sum(queue == "r" for queue, _, _ in before)
    audit(world)


def send_to(world: World, call: str, queue: str, skills: str, agent: str) -> str:
    """Somebody joins; with `agent`, he talks with one who serves his queue and is sent on to that one."""
    entry = world.join(call, queue, skills=skills)
    if agent:
        world.agent(f"{call}x", queue)
        sent_on(world, world.talk(), f"agent:{agent}")
        world.line.sign_out(f"{call}x")
    world.clock.advance(1_000)
    return entry


# refusals


@pytest.mark.parametrize(
    ("to", "says"),
    [("nobody", "no queue 'nobody'; expected agent:<id> or one of q, r"), ("agent:eva", "no agent 'eva'")],
)
def test_an_unknown_target_is_told_and_the_talk_goes_on(talking: tuple[World, str, str], to: str, says: str) -> None:
    world, entry, attempt = talking
    with pytest.raises(UnknownTarget, match=says):
        world.line.transfer(attempt, to, "ana")
    assert world.state(entry) == "connected"


@pytest.mark.parametrize("away", ["pause", "sign_out"])
def test_nobody_is_sent_to_an_agent_who_is_away(talking: tuple[World, str, str], away: str) -> None:
    world, entry, attempt = talking
    world.agent("bia")
    world.line.pause("bia", "lunch") if away == "pause" else world.line.sign_out("bia")
    with pytest.raises(UnknownTarget, match=r"bia is (paused|offline); send the customer to a queue"):
        world.line.transfer(attempt, "agent:bia", "ana")
    assert world.state(entry) == "connected"


@pytest.mark.parametrize("name", ["nobody", "entry"])
def test_only_a_talk_can_be_sent_on(world: World, name: str) -> None:
    world.agent("ana")
    entry = world.join("c1")
    with pytest.raises(NotTalking, match="retorno talk list"):
        world.line.transfer(entry if name == "entry" else name, "r", "ana")


def test_a_talk_may_be_named_by_its_entry(talking: tuple[World, str, str]) -> None:
    world, entry, _ = talking
    assert world.line.transfer(entry, "r", "ana").queue == "r"
    with pytest.raises(NotTalking):
        world.line.transfer(entry, "r", "ana")


def test_one_who_has_not_met_his_agent_yet_cannot_be_sent_on(world: World) -> None:
    world.agent("ana")
    entry = world.join("c1")
    attempt = world.ring_agent()
    world.enter = lambda attempt: None  # type: ignore[method-assign]
    world.accept(attempt, "agent")
    with pytest.raises(NotTalking, match="not with the agent yet"):
        world.line.transfer(attempt, "r", "ana")
    assert world.state(entry) == "connected"


# done on the agent's own telephone


def ends(world: World, attempt: str) -> Callable[[], None]:
    """The end of the agent's call is told."""

    def told() -> None:
        world.line.ended(Caller(f"{attempt}-a", attempt=attempt, leg="agent", room=attempt), Outcome.ANSWERED, "")

    return told


def dials(world: World, attempt: str, to: str) -> Callable[[], None]:
    """The word that the agent has sent his customer on."""

    def told() -> None:
        world.line.transferred(Caller("c1", room=attempt, attempt=attempt, leg="customer"), to)

    return told


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_word_of_a_transfer_and_the_end_of_the_agents_call_in_any_order(
    talking: tuple[World, str, str], order: tuple[int, ...]
) -> None:
    world, entry, attempt = talking
    acts = [ends(world, attempt), dials(world, attempt, "r"), ends(world, attempt)]
    for n in order:
        acts[n]()
        audit(world)
    after = world.entry(entry)
    assert (after.state, after.queue, after.mode, after.call) == ("waiting", "r", "live", "c1")
    assert agent(world, "ana")[0] == "wrap_up"
    assert world.redis.ttl(f"{{test}}:entry:{entry}") == -1
    for queue in ("q", "r"):
        assert ledger(books(world, queue), int(queue == "r"), 0).balanced
    assert world.line.facts().talk(attempt).entry == entry


@pytest.mark.parametrize(
    ("to", "queue", "skills"),
    [("r", "r", ()), ("bia", "q", ("agent:bia",)), ("agent:bia", "q", ("agent:bia",)), ("201", "q", ("agent:bia",))],
)
def test_an_agent_dials_a_queue_a_colleague_or_her_extension(
    talking: tuple[World, str, str], to: str, queue: str, skills: tuple[str, ...]
) -> None:
    world, entry, attempt = talking
    world.line.add_agent("bia", "Bia", "PJSIP/201", ("r",))
    world.line.sign_in("bia")
    world.join("c2", "r")
    dials(world, attempt, to)()
    after = world.entry(entry)
    assert (after.state, after.queue, after.skills) == ("waiting", queue, skills)


@pytest.mark.parametrize("to", ["nobody", "999", "", "bia"])
def test_what_is_nobody_brings_him_back_to_his_old_place(talking: tuple[World, str, str], to: str) -> None:
    """Bia is known and not there."""
    world, entry, attempt = talking
    world.line.add_agent("bia", "Bia", "sim:bia", ("q",))
    before = world.entry(entry)
    dials(world, attempt, to)()
    after = world.entry(entry)
    assert (after.state, after.queue, after.score) == ("waiting", "q", before.score)
    assert world.line.facts().talk(attempt).unknown


def test_word_of_a_transfer_after_the_customer_has_gone_is_late(talking: tuple[World, str, str]) -> None:
    world, entry, attempt = talking
    world.hang_up("c1", entry)
    dials(world, attempt, "r")()
    assert world.state(entry) == "completed"
    ends(world, attempt)()
    dials(world, attempt, "r")()
    assert (world.state(entry), world.count("transferred")) == ("completed", 0)
    audit(world)


# handed over


def hands_over(world: World, phone: str = "sim:bia", call: str = "d1") -> Callable[[], None]:
    def told() -> None:
        world.line.handed_over("c1", to_phone=phone, to_call=call)

    return told


def colleague(world: World, state: str = "ready") -> None:
    """Bia, who has been asked on her telephone whether she takes him."""
    world.agent("bia", "r")
    if state == "wrap_up":
        world.join("c8", "r")
        world.end_leg(world.talk(), "agent")
    elif state == "paused":
        world.line.pause("bia", "lunch")
    elif state == "offline":
        world.line.sign_out("bia")
    elif state == "reserved":
        world.join("c8", "r")
    world.line.phone("sim:bia", PhoneState.IN_USE)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_word_of_a_hand_over_and_the_end_of_the_first_call_in_any_order(
    talking: tuple[World, str, str], order: tuple[int, ...]
) -> None:
    world, entry, attempt = talking
    colleague(world)
    acts = [ends(world, attempt), hands_over(world), ends(world, attempt), hands_over(world)]
    for n in order:
        acts[n]()
        audit(world)
    assert world.state(entry) == "connected"
    assert agent(world, "bia") == ("on_call", attempt)
    assert agent(world, "ana")[0] == "wrap_up"
    tried = world.line.attempt(attempt)
    assert tried
    assert (tried.agent, tried.agent_call, tried.over) == ("bia", "d1", "")
    assert (world.entry(entry).agent, world.count("handed_over")) == ("bia", 1)


def test_an_end_that_was_read_before_the_hand_over_and_written_after_it_ends_nothing(
    talking: tuple[World, str, str],
) -> None:
    """The first agent's call leaves the talk at the moment of the hand-over: two processes tell the line of it."""
    world, entry, attempt = talking
    colleague(world)
    seen, place = world.line.attempt(attempt), world.line.entry(entry)
    assert seen
    assert place
    hands_over(world)()
    assert attempts.side_gone(world.line, seen, place, Leg.AGENT) == "late"
    assert world.state(entry) == "connected"
    assert agent(world, "bia") == ("on_call", attempt)
    audit(world)


@pytest.mark.parametrize("first", ["c1", "d1"])
def test_a_talk_that_was_handed_over_ends_with_either_side(talking: tuple[World, str, str], first: str) -> None:
    world, entry, _ = talking
    colleague(world)
    hands_over(world)()
    world.clock.advance(45_000)
    if first == "c1":
        world.hang_up("c1", entry)
    world.line.ended(Caller("d1"), Outcome.ANSWERED, "")
    assert world.state(entry) == "completed"
    assert agent(world, "bia")[0] == "wrap_up"
    assert (world.last("completed").agent, world.last("completed").data["talk_ms"]) == ("bia", "45000")
    audit(world)


@pytest.mark.parametrize(
    ("state", "then"), [("ready", "ready"), ("wrap_up", "ready"), ("paused", "paused"), ("offline", "offline")]
)
def test_the_colleague_is_afterwards_what_she_was_before(
    talking: tuple[World, str, str], state: str, then: str
) -> None:
    world, entry, _ = talking
    colleague(world, state)
    hands_over(world)()
    audit(world)
    assert agent(world, "bia")[0] == ("offline" if state == "offline" else "on_call")
    world.hang_up("c1", entry)
    world.line.phone("sim:bia", PhoneState.FREE)
    world.line.wrap_up_done("bia")
    assert (agent(world, "bia")[0], world.state(entry)) == (then, "completed")
    audit(world)


@pytest.mark.parametrize("phone", ["sim:nobody", "sim:bia"])
def test_a_talk_with_nobody_of_ours_has_no_agent_and_ends_all_the_same(
    talking: tuple[World, str, str], phone: str
) -> None:
    """Also with one who is in an attempt of her own: that goes on."""
    world, entry, _ = talking
    colleague(world, "reserved")
    hands_over(world, phone)()
    audit(world)
    assert (world.state(entry), world.entry(entry).agent) == ("connected", "")
    assert agent(world, "bia")[0] == "reserved"
    assert [talk.agent for talk in world.line.talks()] == [""]
    world.line.ended(Caller("d1"), Outcome.ANSWERED, "")
    assert world.state(entry) == "completed"
    audit(world)


def test_he_may_be_handed_on_again_and_sent_on_in_the_end(talking: tuple[World, str, str]) -> None:
    world, entry, attempt = talking
    colleague(world)
    hands_over(world)()
    hands_over(world, "sim:ana", "d2")()
    world.line.ended(Caller("d1"), Outcome.ANSWERED, "")
    audit(world)
    assert (agent(world, "ana"), agent(world, "bia")[0]) == (("on_call", attempt), "wrap_up")
    world.tasks.clear()
    sent_on(world, attempt, "r")
    assert world.tasks[0] == Task("hang_up", call="d2")
    assert world.state(entry) in ("waiting", "reserved")


@pytest.mark.parametrize("found", ["up", "gone"])
def test_a_talk_that_was_handed_over_is_looked_at_as_any_other(talking: tuple[World, str, str], found: str) -> None:
    world, entry, _ = talking
    colleague(world)
    hands_over(world)()
    world.network.calls["d1"] = world.network.find("c1") if found == "up" else world.network.find("never")
    world.clock.advance(120_000)
    dispatch.reconcile(world.line, world.network, dispatch.sweep(world.line))
    assert world.state(entry) == ("connected" if found == "up" else "completed")
    audit(world)


def test_a_customer_whom_we_rang_may_be_handed_over(redis: redis_py.Redis) -> None:
    world = World(redis, rules(callbacks=Callbacks(order=Order.AGENT_FIRST)))
    world.agent("ana")
    world.book("", NUMBERS[1], call="c1")
    attempt = world.ring_agent()
    world.accept(attempt, "agent")
    (task,) = world.rung()
    world.dial(task.attempt, task.leg)
    world.accept(attempt, "customer")
    colleague(world)
    for act in (
        ends(world, attempt),
        lambda: world.line.handed_over(f"{attempt}-c", to_phone="sim:bia", to_call="d1"),
        ends(world, attempt),
    ):
        act()
        audit(world)
    assert agent(world, "bia") == ("on_call", attempt)
    world.end_leg(attempt, "customer")
    assert agent(world, "bia")[0] == "wrap_up"
    audit(world)


@pytest.mark.parametrize("call", ["c1", "nobody", "i1_1-c"])
def test_word_of_a_hand_over_that_comes_when_all_is_over_changes_nothing(
    talking: tuple[World, str, str], call: str
) -> None:
    world, entry, _ = talking
    colleague(world)
    world.hang_up("c1", entry)
    assert not world.line.handed_over(call, to_phone="sim:bia", to_call="d1")
    assert (world.state(entry), world.count("handed_over")) == ("completed", 0)
    audit(world)


# what only the network can do


def test_the_talks_that_go_on_are_listed_and_recorded_by_their_queues_rule(redis: redis_py.Redis) -> None:
    world = World(redis, {"q": Queue("q", record=True), "r": Queue("r")})
    world.agent("ana")
    world.agent("bia", "r")
    entry = world.join("c1")
    attempt = world.talk()
    world.join("c2", "r")
    other = world.talk()
    first, second = world.line.talks()
    assert (first.attempt, first.entry, first.queue, first.agent) == (attempt, entry, "q", "ana")
    assert (first.agent_call, first.customer_call) == (f"{attempt}-a", "c1")
    assert second.attempt == other
    facts = world.line.facts()
    assert (facts.talk(attempt).record, facts.talk(other).record, facts.talk("nobody").record) == (True, False, False)


def test_nothing_is_recorded_or_listened_to_that_is_no_talk(world: World) -> None:
    for act in (
        lambda: talks.record(world.line, world.network, "nobody", True),
        lambda: talks.listen(world.line, world.network, "nobody", "sim:boss", talks.Listening.LISTEN),
    ):
        with pytest.raises(NotTalking):
            act()


@pytest.mark.parametrize("word", ["never met", "room empty"])
def test_a_talk_that_was_handed_over_has_been_one_whatever_is_told_of_its_end(
    talking: tuple[World, str, str], word: str
) -> None:
    world, entry, attempt = talking
    colleague(world)
    hands_over(world)()
    if word == "never met":
        world.line.gone(attempt)
    else:
        world.line.talk_ended(Caller("c1", attempt=attempt, room=attempt), Outcome.NO_ANSWER)
    assert (world.state(entry), world.count("returned")) == ("completed", 0)
    audit(world)
