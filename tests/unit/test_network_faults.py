"""The simulated network as the ground truth of the fault run: what it does to webhooks on demand, and what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from ivr.clock import ManualClock
from ivr.inputs import Outcome
from ivr.ports import Outgoing
from ivr.providers.simulator.network import Faults, Network
from ivr.providers.simulator.people import AgentPhone

HOLD = {"do": "hold", "speech": [], "ms": 20_000, "keys": ""}
BYE = {"do": "hangup", "speech": []}

Then = Callable[[dict[str, Any] | None], None]


class House:
    """The side that is phoned: remembers the webhooks and answers each with `do` (None: no answer)."""

    def __init__(self, do: Callable[[str], dict[str, Any] | None], **faults: Any) -> None:
        self.clock, self.do = ManualClock(0), do
        self.heard: list[tuple[int, str]] = []
        self.network = Network(self.clock, self, faults=Faults(**faults))

    def __call__(self, path: str, body: dict[str, Any], then: Then) -> None:
        self.heard.append((self.clock.now_ms(), path))
        do = self.do(path)
        then({"turn": 1, "do": do} if do else None)

    def person(self, number: str) -> None:
        self.network.people[number] = AgentPhone(Random(1), answer_ms=(500, 500), misses=0.0, refuses=0.0)

    def rings(self, call: str, number: str) -> None:
        self.network.originate(Outgoing(call, number, "", 20_000))

    def play(self, until_ms: int) -> None:
        while (due := self.network.next_ms()) is not None and due <= until_ms:
            self.clock.advance(max(0, due - self.clock.now_ms()))
            self.network.run_due()
        self.clock.advance(until_ms - self.clock.now_ms())


def test_a_webhook_whose_answer_is_lost_is_sent_again() -> None:
    house = House(lambda path: BYE, unheard=1.0)
    house.network.again_ms, house.network.tries = 3_000, 4
    house.person("sim:ana")
    house.rings("c1", "sim:ana")
    house.play(60_000)
    answered = [at for at, path in house.heard if path.endswith("answered")]
    assert answered == [500, 3_500, 6_500, 9_500]
    assert house.network.calls["c1"].outcome is Outcome.FAILED, "the network gives up after so many tries"


def test_a_second_copy_may_come_after_the_end_of_its_call() -> None:
    house = House(lambda path: BYE, double=1.0, double_ms=30_000)
    house.person("sim:ana")
    house.rings("c1", "sim:ana")
    house.play(120_000)
    (_, second) = [at for at, path in house.heard if path.endswith("answered")]
    ended = [at for at, path in house.heard if path.endswith("ended")]
    assert len(ended) == 2
    assert second > ended[0]


def test_somebody_who_puts_down_ends_his_call_also_while_no_answer_has_come() -> None:
    house = House(lambda path: None)
    house.person("+5511999990000")
    house.network.dial_in("in1", house.network.people["+5511999990000"], "+5511999990000", "+551130001000")
    house.play(1_000)
    house.network.puts_down("in1")
    house.play(60_000)
    assert [path for _, path in house.heard if "ended" not in path] == ["/sim/calls"], (
        "and nothing is sent for it any more"
    )
    house.network.puts_down("in1")
    assert house.network.calls["in1"].outcome is Outcome.ANSWERED


def test_a_number_on_a_call_that_we_placed_and_a_known_call_are_rung_twice() -> None:
    house = House(lambda path: HOLD)
    house.person("sim:ana")
    house.rings("c1", "sim:ana")
    house.play(2_000)
    house.rings("c2", "sim:ana")
    assert house.network.doubled == [(2_000, "sim:ana", "c2")]
    assert house.network.doubles == 1
    house.play(9_000)
    assert house.network.calls["c2"].outcome is Outcome.BUSY


def test_two_who_meet_are_remembered_and_who_is_sent_in_twice_is_there_once() -> None:
    house = House(lambda path: {"do": "join", "speech": [], "attempt": "t1", "host": False, "record": False})
    for name in ("ana", "bia"):
        house.person(f"sim:{name}")
    house.rings("c1", "sim:ana")
    house.play(1_000)
    house.network.redirect("c1", "t1")
    house.play(5_000)
    assert house.network.moved == {("c1", "t1")}
    assert house.network.talks == [], "alone in the room, however often he is sent in"
    house.rings("c2", "sim:bia")
    house.play(9_000)
    assert house.network.talks == [(5_500, "t1", ("c1", "c2"))]
