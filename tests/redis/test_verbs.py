"""A worker's verbs on the real line, sessions, flows and queue; only the telephone network does what the test says."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis as redis_py

from callback import dispatch, jobs, verbs, worker
from callback.attempts import Begun
from callback.model import AgentState, EntryState
from ivr.app import Parts, build
from ivr.asks import Accept, BookCallback, JoinLine
from ivr.clock import ManualClock
from ivr.config import Settings
from ivr.inputs import Outcome
from ivr.ports import Away, Caller, CallState, Found, Gone, Outgoing, Refused, Unsure

FLOWS = Path(__file__).parents[2] / "flows"
NUMBER = "+5511998887766"


@dataclass
class Told:
    """A network that notes what it is told, and first raises the errors that are `due`."""

    name: str = "told"
    rung: list[Outgoing] = field(default_factory=list)
    moved: list[tuple[str, str]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    due: list[Exception] = field(default_factory=list)

    def _fail(self) -> None:
        if self.due:
            raise self.due.pop(0)

    def originate(self, outgoing: Outgoing) -> None:
        self._fail()
        self.rung.append(outgoing)

    def redirect(self, call: str, attempt: str) -> None:
        self._fail()
        self.moved.append((call, attempt))

    def hangup(self, call: str) -> None:
        self._fail()
        self.hung_up.append(call)

    def find(self, call: str) -> Found:
        self._fail()
        return Found(CallState.RINGING if call in [one.call for one in self.rung] else CallState.UNKNOWN)


class House:
    """The parts of an installation on the test's Redis, and what the tests do with them."""

    def __init__(self, redis_url: str, flows: Path = FLOWS) -> None:
        self.network = Told()
        self.clock = ManualClock()
        self.settings = Settings(redis_url=redis_url, tenant="test", secret_key="x" * 32, flows_dir=flows)
        self.parts: Parts = build(self.settings, clock=self.clock, provider=self.network)
        self.line = self.parts.line

    def agent(self) -> None:
        self.line.add_agent("ana", "Ana", "sim:ana", ("sales",), frozenset(), "pt-BR")
        self.line.sign_in("ana")
        self.line.ready("ana")

    def join(self, call: str = "c1") -> str:
        answer = self.line.answer(JoinLine("sales", NUMBER, "pt-BR", 0, ()), Caller(call, NUMBER))
        return str(answer.values["entry"])

    def book(self) -> str:
        ask = BookCallback("sales", "", NUMBER, "en", 0, ())
        return str(self.line.answer(ask, Caller("c1", NUMBER)).values["entry"])

    def attempt_of(self, entry: str) -> str:
        found = self.line.entry(entry)
        assert found
        return found.attempt

    def state_of(self, entry: str) -> EntryState:
        found = self.line.entry(entry)
        assert found
        return found.state

    def accept(self, attempt: str, leg: str) -> str:
        call = f"{attempt}-{leg[0]}"
        return self.line.answer(Accept(attempt, leg), Caller(call, attempt=attempt, leg=leg)).outcome

    def work(self) -> None:
        """Do all that the line has rung for, and what that rings for, as a worker would (but see `by_a_worker`)."""
        client = redis_py.Redis.from_url(self.settings.redis_url)
        queue = jobs.queue_for(client, "test", self.settings.key("jobs"))
        while waiting := queue.jobs:
            for job in waiting:
                job.delete()
                verbs.VERBS[job.func_name](self.parts, *job.args)
        client.close()

    def by_a_worker(self) -> None:
        """The same by RQ's own worker, which takes a second to unsubscribe each time."""
        client = redis_py.Redis.from_url(self.settings.redis_url)
        bound: dict[str, Callable[..., None]] = {
            verb: functools.partial(act, self.parts) for verb, act in verbs.VERBS.items()
        }
        serializer = jobs.signed_json(self.settings.key("jobs"))
        worker.run(worker.build(client, "test", serializer, bound), burst=True)
        client.close()


@pytest.fixture
def house(redis: redis_py.Redis, redis_url: str) -> House:
    return House(redis_url)


def matched(house: House) -> tuple[str, str]:
    """A live caller and the only agent, brought together: (entry, attempt)."""
    house.agent()
    entry = house.join()
    return entry, house.attempt_of(entry)


def test_a_match_rings_the_agent_through_the_queue_of_jobs(house: House) -> None:
    entry, attempt = matched(house)
    house.by_a_worker()
    assert house.network.rung == [Outgoing(f"{attempt}-a", "sim:ana", "", 20_000, beside="c1")]
    assert house.state_of(entry) is EntryState.DIALING


def test_an_errand_done_twice_rings_once(house: House) -> None:
    _, attempt = matched(house)
    for _ in range(3):
        verbs.dial(house.parts, attempt, "agent")
    house.work()
    assert len(house.network.rung) == 1


def test_the_flow_of_the_call_knows_what_it_will_speak_of(house: House) -> None:
    house.agent()
    house.line.pause("ana", "lunch")
    entry = house.join()
    house.clock.advance(125_000)
    house.line.ready("ana")
    house.work()
    saved = house.parts.calls.sessions.load(f"{house.attempt_of(entry)}-a")
    assert saved
    session = saved.session
    assert (session.flow, session.leg, session.lang) == ("callback_agent", "agent", "pt-BR")
    assert session.variables["queue_title"] == "Vendas"
    assert (session.variables["waited_min"], session.variables["on_line"]) == (2, 1)
    assert session.number == "", "the agent's address is no customer's number"


def test_a_worker_that_was_frozen_after_it_had_won_does_not_dial(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, attempt = matched(house)
    begin = house.line.begin

    def frozen(attempt: str, leg: str) -> Begun | None:
        begun = begin(attempt, leg)
        house.clock.advance(60_000)
        return begun

    monkeypatch.setattr(type(house.line), "begin", lambda _, attempt, leg: frozen(attempt, leg))
    verbs.dial(house.parts, attempt, "agent")
    assert house.network.rung == []
    assert house.state_of(entry) is EntryState.DIALING, "the sweep owns it now"
    dispatch.reconcile(house.line, house.network, dispatch.sweep(house.line))
    assert house.state_of(entry) is not EntryState.DIALING, "and finds that nothing was dialled"


def test_an_agent_whose_phone_is_refused_costs_the_caller_nothing(house: House) -> None:
    entry, attempt = matched(house)
    place = house.line.entry(entry)
    house.network.due = [Refused("no such extension", permanent=True)]
    verbs.dial(house.parts, attempt, "agent")
    after = house.line.entry(entry)
    assert after
    assert place
    assert (after.score, after.member) == (place.score, place.member)
    assert house.network.rung == []
    assert house.attempt_of(entry) != attempt


def test_an_unsure_call_is_never_dialled_again_from_here(house: House) -> None:
    entry, attempt = matched(house)
    house.network.due = [Unsure("no answer within 3 s")]
    verbs.dial(house.parts, attempt, "agent")
    verbs.dial(house.parts, attempt, "agent")
    assert house.network.rung == []
    assert house.state_of(entry) is EntryState.DIALING


def test_a_caller_whose_part_of_the_network_takes_no_orders_keeps_his_place_and_costs_nobody_a_lease(
    house: House,
) -> None:
    entry, attempt = matched(house)
    place = house.line.entry(entry)
    house.network.due = [Away("node2 is not up")]
    verbs.dial(house.parts, attempt, "agent")
    after, ana = house.line.entry(entry), house.line.store.agent("ana")
    assert place
    assert after
    assert ana
    assert (after.state, after.score, after.member) == (EntryState.WAITING, place.score, place.member)
    assert (ana.state, ana.misses) == (AgentState.READY, 0)
    assert house.network.rung == []
    other = house.join("c2")
    house.work()
    assert [one.call for one in house.network.rung] == [f"{house.attempt_of(other)}-a"], "who stands behind is served"


def test_the_caller_who_holds_is_moved_to_the_agent(house: House) -> None:
    entry, attempt = matched(house)
    house.work()
    assert house.accept(attempt, "agent") == "room"
    house.work()
    assert house.network.moved == [("c1", attempt)]
    assert house.state_of(entry) is EntryState.CONNECTED


def test_moving_is_tried_again_when_the_network_does_not_answer(house: House) -> None:
    _, attempt = matched(house)
    house.work()
    house.accept(attempt, "agent")
    house.network.due = [Unsure("?"), Unsure("?")]
    verbs.connect(house.parts, attempt)
    assert house.network.moved == [("c1", attempt)]


def test_a_caller_who_hung_up_in_that_moment_leaves_the_agent_free(house: House) -> None:
    entry, attempt = matched(house)
    house.work()
    house.accept(attempt, "agent")
    house.network.due = [Gone("hung up")]
    verbs.connect(house.parts, attempt)
    assert house.state_of(entry) is EntryState.ABANDONED
    house.work()
    assert house.network.hung_up == [f"{attempt}-a"]
    assert house.line.agents()[0].state is not AgentState.ON_CALL


@pytest.mark.parametrize("unsure", [False, True])
def test_who_hangs_up_while_the_agent_s_call_is_being_placed_does_not_leave_it_ringing(
    house: House, monkeypatch: pytest.MonkeyPatch, unsure: bool
) -> None:
    """The errand to hang it up may be done before the network knows of the call, and is then done for nothing."""
    _, attempt = matched(house)

    def originate(outgoing: Outgoing) -> None:
        house.line.ended(Caller("c1", NUMBER), Outcome.ANSWERED, "")
        house.work()
        assert house.network.hung_up == [outgoing.call]
        house.network.hung_up.clear()
        if unsure:
            raise Unsure("no answer in time")

    monkeypatch.setattr(house.network, "originate", originate)
    verbs.dial(house.parts, attempt, "agent")
    assert house.network.hung_up == [f"{attempt}-a"]


def test_only_the_customer_s_phone_is_listened_to_and_only_where_the_queue_says_so(
    redis: redis_py.Redis, redis_url: str, tmp_path: Path
) -> None:
    shutil.copytree(FLOWS, tmp_path, dirs_exist_ok=True)
    rules = tmp_path / "queues.yaml"
    rules.write_text(rules.read_text().replace("detect_machine: false", "detect_machine: true"))
    house = House(redis_url, tmp_path)
    house.agent()
    attempt = house.attempt_of(house.book())
    house.work()
    house.accept(attempt, "agent")
    house.work()
    assert [(one.call, one.detect_machine) for one in house.network.rung] == [
        (f"{attempt}-a", False),
        (f"{attempt}-c", True),
    ]


def test_a_callback_rings_the_agent_first_and_then_the_customer(house: House) -> None:
    house.agent()
    entry = house.book()
    attempt = house.attempt_of(entry)
    house.work()
    assert house.accept(attempt, "agent") == "room"
    house.work()
    agent, customer = house.network.rung
    assert (agent.to, agent.detect_machine) == ("sim:ana", False)
    assert (customer.call, customer.to, customer.detect_machine) == (f"{attempt}-c", NUMBER, False)
    saved = house.parts.calls.sessions.load(customer.call)
    assert saved
    session = saved.session
    assert (session.flow, session.lang, session.number) == ("callback_customer", "en", NUMBER)
    assert session.variables["purpose"] == "connect"
    assert session.variables["queue_title"] == "Sales"


def test_who_will_not_be_served_is_rung_once_and_told(house: House) -> None:
    entry = house.book()
    expires = house.line.entry(entry)
    assert expires
    house.clock.advance(expires.expires_ms - house.clock.now_ms() + 1)
    dispatch.sweep(house.line)
    house.work()
    found = house.line.entry(entry)
    assert found
    verbs.dial(house.parts, found.attempt, "customer")
    (told,) = house.network.rung
    saved = house.parts.calls.sessions.load(told.call)
    assert saved
    assert saved.session.variables["purpose"] == "tell"
    assert told.to == NUMBER


@pytest.mark.parametrize("errand", [("connect", "nobody"), ("dial", "nobody", "agent")])
def test_an_errand_for_what_is_over_does_nothing(house: House, errand: tuple[str, ...]) -> None:
    verbs.VERBS[errand[0]](house.parts, *errand[1:])
    assert (house.network.rung, house.network.moved) == ([], [])


def test_a_call_that_cannot_be_ended_is_left_to_end_itself_after_three_tries(house: House) -> None:
    house.network.due = [Unsure("no answer")] * 3
    verbs.hang_up(house.parts, "c9")
    assert (house.network.hung_up, house.network.due) == ([], [])


def test_every_verb_that_can_be_rung_for_can_be_done() -> None:
    assert set(verbs.VERBS) == set(jobs.FIELDS)
