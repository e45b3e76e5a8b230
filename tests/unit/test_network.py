"""The simulated network and the people at its telephones, in virtual time: what each instruction does to a call."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from shell import Scripted

from ivr.clock import ManualClock
from ivr.inputs import Outcome
from ivr.ports import CallState, Found, Gone, Outgoing, Refused
from ivr.providers.simulator import day
from ivr.providers.simulator.faults import Faults
from ivr.providers.simulator.network import ALONE_MS, Network
from ivr.providers.simulator.people import AgentPhone, Customer, Habits
from ivr.providers.simulator.telephone import Act, Leave, Press, Speak, deaf_ms, spoken_ms, takes

Then = Callable[[dict[str, Any] | None], None]
TEN_WORDS = "um dois três quatro cinco seis sete oito nove dez"
SAID_MS = 4_000  # ten words at 150 a minute


def say(text: str = TEN_WORDS, **more: Any) -> dict[str, Any]:
    return {"do": "say", "text": text, "lang": "pt-BR", **more}


def gather(*speech: dict[str, Any], digits: int = 1, **more: Any) -> dict[str, Any]:
    return {"do": "gather", "speech": list(speech or [say()]), "max_digits": digits, "timeout_ms": 5_000, **more}


def hold(*speech: dict[str, Any], ms: int = 20_000, keys: str = "") -> dict[str, Any]:
    return {"do": "hold", "speech": list(speech), "ms": ms, "keys": keys}


def join(attempt: str = "t1") -> dict[str, Any]:
    return {"do": "join", "speech": [], "attempt": attempt, "host": False, "record": False}


BYE = {"do": "hangup", "speech": [say()]}
MUSIC = hold(ms=3_600_000)


class House:
    """Our side: gives each call its script of instructions, one per webhook (the last one for ever). None: no answer."""

    def __init__(self, faults: Faults | None = None, seed: int = 0) -> None:
        self.clock = ManualClock(0)
        self.network = Network(self.clock, self, seed=seed, faults=faults)
        self.scripts: dict[str, list[dict[str, Any] | None]] = {}
        self.heard: list[tuple[int, str, dict[str, Any]]] = []
        self.turns: dict[str, int] = {}

    def __call__(self, path: str, body: dict[str, Any], then: Then) -> None:
        self.heard.append((self.clock.now_ms(), path, body))
        call = body.get("call") or path.split("/")[3]
        if path.endswith("/ended"):
            return then({})
        script = self.scripts.get(call, [MUSIC])
        do = script.pop(0) if len(script) > 1 else script[0]
        self.turns[call] = self.turns.get(call, 0) + 1
        again = bool(do and do.get("again"))
        return then({"turn": self.turns[call], "do": do, "again": again} if do else None)

    def calls(self, *script: dict[str, Any] | None, plan: list[Act | str] | None = None, call: str = "c1") -> Scripted:
        """Somebody dials in, does what `plan` says, and is told what `script` says."""
        person = Scripted(list(plan or []))
        self.scripts[call] = list(script)
        self.network.dial_in(call, person, f"+55119{call}", "+551130001000")
        return person

    def rings(self, call: str = "t1-a", **person: Any) -> Scripted:
        found = Scripted(**person)
        self.network.people[f"sim:{call}"] = found
        self.network.originate(Outgoing(call, f"sim:{call}", "", 20_000))
        return found

    def play(self, ms: int = 600_000) -> None:
        until = self.clock.now_ms() + ms
        while (due := self.network.next_ms()) is not None and due <= until:
            self.clock.advance(max(0, due - self.clock.now_ms()))
            self.network.run_due()
        self.clock.advance(until - self.clock.now_ms())

    def told(self, call: str = "c1") -> list[tuple[int, str, Any]]:
        """The webhooks of a call: when, the last word of the path, and what was said."""
        rows = []
        for at, path, body in self.heard:
            if (body.get("call") or path.split("/")[3]) == call:
                rows.append((at, path.removeprefix("/sim/calls").removeprefix(f"/{call}/"), body))
        return rows


def inputs(house: House, call: str = "c1") -> list[tuple[int, str, Any]]:
    """What the call was woken with: (when, input, digits)."""
    return [(at, b["input"], b.get("digits")) for at, path, b in house.told(call) if path.startswith("turns")]


# keys


@pytest.mark.parametrize(
    ("do", "act", "expected"),
    [
        pytest.param(gather(), Press("1", 1_500), (1_500, "digits", "1"), id="barge-in: the key stops the speech"),
        pytest.param(gather(), Press("1", 6_000), (6_000, "digits", "1"), id="after listening"),
        pytest.param(gather(barge_in=False), Press("1", 1_500), (SAID_MS, "digits", "1"), id="heard to the end"),
        pytest.param(
            gather(say(barge_in=False), say()), Press("1", 500), (SAID_MS, "digits", "1"), id="its first half is"
        ),
        pytest.param(gather(), None, (SAID_MS + 5_000, "no_input", None), id="silence"),
        pytest.param(gather(), Press("1", 9_500), (SAID_MS + 5_000, "no_input", None), id="too late"),
        pytest.param(gather(digits=4), Press("123#", 0), (0, "digits", "123"), id="the finish key"),
        pytest.param(gather(digits=4), Press("123", 0), (0, "digits", "123"), id="fewer than asked for"),
        pytest.param(gather(), Press("12", 0), (SAID_MS + 5_000, "no_input", None), id="more than asked for"),
        pytest.param(hold(say(), keys="12"), Press("2", 900), (900, "digits", "2"), id="a key that hold takes"),
        pytest.param(
            hold(say(), keys="1"), Press("2", 900), (SAID_MS + 20_000, "no_input", None), id="one it does not"
        ),
        pytest.param(hold(say()), Press("1", 900), (SAID_MS + 20_000, "no_input", None), id="hold that takes none"),
        pytest.param(hold(), None, (20_000, "no_input", None), id="a stretch of music"),
    ],
)
def test_what_is_pressed_wakes_the_session(do: dict[str, Any], act: Act, expected: tuple[int, str, Any]) -> None:
    house = House()
    house.calls(do, BYE, plan=[act])
    house.play()
    assert inputs(house) == [expected]


def test_speech_pauses_and_recordings_take_their_time() -> None:
    assert spoken_ms({"speech": [say(), {"do": "pause", "ms": 700}, {"do": "play", "text": TEN_WORDS}]}) == 8_700
    assert deaf_ms(gather(say(), say(barge_in=False), say())) == 8_000
    assert deaf_ms(hold(say())) == 0
    assert not takes(hold(keys=""), "")


@pytest.mark.parametrize(
    ("act", "at", "seconds"),
    [(Speak(9_400), SAID_MS + 12_400, 9), (None, SAID_MS + 3_000, 0), (Speak(900_000), SAID_MS + 33_000, 30)],
)
def test_a_recording_ends_with_silence_or_when_it_is_full(act: Act, at: int, seconds: int) -> None:
    house = House()
    house.calls({"do": "record", "speech": [say()], "max_ms": 30_000, "silence_ms": 3_000}, BYE, plan=[act])
    house.play()
    ((when, _, body),) = [row for row in house.told() if row[1].startswith("turns")]
    assert (when, body["input"], body["seconds"]) == (at, "recorded", seconds)


def test_a_transfer_ends_and_the_call_goes_on() -> None:
    house = House()
    house.calls({"do": "dial", "speech": [], "to": "+551130009999", "timeout_ms": 20_000}, BYE)
    house.play()
    assert [kind for _, kind, _ in inputs(house)] == ["dial_ended"]


def test_a_call_that_is_ended_by_us_hears_the_goodbye_out() -> None:
    house = House()
    person = house.calls(BYE)
    house.play()
    assert person.over == [(SAID_MS, Outcome.ANSWERED)]
    assert house.told()[-1][1:] == ("ended", {"outcome": "answered"})
    assert house.network.calls["c1"].heard == [TEN_WORDS]


@pytest.mark.parametrize("do", [gather(), hold(say())])
def test_who_leaves_wakes_nothing_more(do: dict[str, Any]) -> None:
    house = House()
    house.calls(do, plan=[Leave(2_000)])
    house.play()
    assert [(at, path) for at, path, _ in house.told()] == [(0, ""), (2_000, "ended")]


# calls that we place


@pytest.mark.parametrize(
    ("person", "at", "outcome"),
    [
        ({"ring_ms": 2_000, "outcome": Outcome.BUSY}, 2_000, Outcome.BUSY),
        ({"ring_ms": 60_000, "outcome": Outcome.NO_ANSWER}, 20_000, Outcome.NO_ANSWER),
        ({"ring_ms": 60_000}, 20_000, Outcome.NO_ANSWER),
    ],
)
def test_a_phone_that_is_not_answered_tells_why(person: dict[str, Any], at: int, outcome: Outcome) -> None:
    house = House()
    house.rings(**person)
    house.play()
    assert house.told("t1-a") == [(at, "ended", {"outcome": outcome.value})]
    assert house.network.find("t1-a") == Found(CallState.ENDED, outcome)


def test_a_phone_that_is_hung_up_while_it_rings_is_never_answered() -> None:
    house = House()
    house.rings(ring_ms=5_000)
    house.play(1_000)
    house.network.hangup("t1-a")
    house.play()
    assert [path for _, path, _ in house.told("t1-a")] == ["ended"]


def test_ringing_where_we_should_not_is_counted() -> None:
    house = House()
    house.rings()
    house.play(5_000)
    with pytest.raises(Refused):
        house.network.originate(Outgoing("t1-a", "sim:t1-a", "", 20_000))
    house.network.originate(Outgoing("t2-a", "sim:t1-a", "", 20_000))
    assert [call for _, _, call in house.network.doubled] == ["t1-a", "t2-a"]
    house.play(5_000)
    assert house.network.find("t2-a").outcome is Outcome.BUSY


def test_a_caller_s_own_call_makes_him_busy_but_is_no_fault_of_ours() -> None:
    house = House()
    house.network.people["+55119c1"] = house.calls(MUSIC)
    house.play(1_000)
    house.network.originate(Outgoing("t1-c", "+55119c1", "", 20_000))
    house.play(5_000)
    assert house.network.find("t1-c").outcome is Outcome.BUSY
    assert house.network.doubles == 0


# rooms


def two_in_a_room(talks_ms: int | None = 90_000) -> House:
    house = House()
    house.calls(hold(ms=3_600_000), join(), BYE).talks_ms = talks_ms
    house.scripts["t1-a"] = [join(), BYE]
    house.rings()
    house.play(3_000)
    house.network.redirect("c1", "t1")
    house.play(1_000)
    return house


def test_two_in_a_room_talk_until_one_leaves_and_the_other_goes_on() -> None:
    house = two_in_a_room()
    assert house.network.talks == [(3_000, "t1", ("t1-a", "c1"))]
    house.play()
    assert house.told()[-1] == (93_000, "ended", {"outcome": "answered"})
    ((at, _, body),) = [row for row in house.told("t1-a") if row[1].startswith("turns")]
    assert (at, body) == (93_000, {"input": "dial_ended", "outcome": "answered", "seconds": 0})
    assert len(house.network.talks) == 1


@pytest.mark.parametrize("who", ["c1", "t1-a"])
def test_either_side_may_be_hung_up(who: str) -> None:
    house = two_in_a_room(talks_ms=None)
    other = {"c1": "t1-a", "t1-a": "c1"}[who]
    house.network.hangup(who)
    house.play()
    assert [b["outcome"] for _, path, b in house.told(other) if path.startswith("turns")] == ["answered"]


def test_who_is_alone_in_a_room_is_given_up_after_a_minute() -> None:
    house = House()
    house.scripts["t1-a"] = [join(), BYE]
    house.rings(ring_ms=2_000)
    house.play()
    ((at, _, body),) = [row for row in house.told("t1-a") if row[1].startswith("turns")]
    assert (at, body["outcome"]) == (2_000 + ALONE_MS, "no_answer")
    assert house.network.talks == []


def test_who_is_told_twice_to_enter_is_there_once() -> None:
    house = two_in_a_room()
    house.scripts["c1"] = [join(), BYE]
    house.network.redirect("c1", "t1")
    house.play()
    assert {met for _, _, met in house.network.talks} == {("t1-a", "c1")}
    assert len([path for _, path, _ in house.told("t1-a") if path.startswith("turns")]) == 1


def test_moving_a_call_cuts_off_what_it_was_doing() -> None:
    house = House()
    house.calls(gather(), join(), BYE, plan=["1"])
    house.play(500)
    house.network.redirect("c1", "t1")
    house.play(30_000)
    assert inputs(house) == []
    assert [path for _, path, _ in house.told()] == ["", "joined"]


def test_moving_a_call_that_is_over_is_gone() -> None:
    house = House()
    house.calls(BYE)
    house.play()
    for call in ("c1", "nobody"):
        with pytest.raises(Gone):
            house.network.redirect(call, "t1")


# webhooks without an answer


def test_a_webhook_without_an_answer_is_sent_again_until_there_is_one() -> None:
    house = House()
    house.calls(None, None, gather(), BYE, plan=["1"])
    house.play()
    assert [at for at, path, _ in house.told() if path == ""] == [0, 2_000, 4_000]
    assert inputs(house) == [(5_500, "digits", "1")]


def test_after_five_tries_the_network_gives_the_call_up() -> None:
    house = House()
    person = house.calls(None)
    house.play()
    assert [at for at, path, _ in house.told() if path == ""] == [0, 2_000, 4_000, 6_000, 8_000]
    assert person.over == [(8_000, Outcome.FAILED)]


def test_who_hangs_up_meanwhile_is_not_asked_for_again() -> None:
    house = House()
    house.calls(None)
    house.play(1_000)
    house.network.puts_down("c1")
    house.play()
    assert [path for _, path, _ in house.told()] == ["", "ended"]


def test_what_we_could_not_do_is_asked_for_again_as_often_as_it_takes_with_the_same_keys() -> None:
    house = House()
    keep = {**hold(say(), ms=5_000), "again": True}
    house.calls(gather(), *[keep] * 7, gather(), BYE, plan=["3", "9", "9", "9", "9", "9", "9", "9", "4"])
    house.play()
    assert inputs(house) == [(1_500 + n * 9_000, "digits", "3") for n in range(8)] + [(66_000, "digits", "4")]
    paths = [path for _, path, _ in house.told() if path.startswith("turns")]
    assert paths == ["turns/1"] * 8 + ["turns/9"]


def test_who_is_kept_may_hang_up_and_may_be_moved() -> None:
    keep = {**hold(ms=5_000), "again": True}
    house = House()
    house.calls(keep, plan=[Leave(1_000)])
    house.calls(keep, join(), BYE, call="c2")
    house.play(2_000)
    house.network.redirect("c2", "t1")
    house.play(20_000)
    assert [path for _, path, _ in house.told()] == ["", "ended"]
    assert [path for _, path, _ in house.told("c2")] == ["", "joined"]


# faults


def test_a_double_webhook_comes_twice_and_only_its_first_answer_counts() -> None:
    house = House(Faults(double=1.0, double_ms=400))
    house.calls(gather(), gather(), BYE, plan=["1"])
    house.play()
    first = [at for at, path, _ in house.told() if path == ""]
    assert len(first) == 2
    assert first[0] == 0 <= first[1] < 400
    assert len({path for _, path, _ in house.told() if path == "ended"}) == 1


def test_a_late_webhook_comes_late() -> None:
    house = House(Faults(late=1.0, late_ms=3_000), seed=4)
    house.calls(gather(), BYE, plan=["1"])
    house.play()
    ((came, _, _), *_rest) = house.told()
    assert 0 < came < 3_000
    assert inputs(house)[0][0] >= came + 1_500


def test_an_end_that_is_lost_is_never_told_but_can_be_found() -> None:
    house = House(Faults(lost=1.0))
    house.calls(BYE)
    house.play()
    assert [path for _, path, _ in house.told()] == [""]
    assert house.network.find("c1") == Found(CallState.ENDED, Outcome.ANSWERED)


def test_the_same_seed_makes_the_same_faults() -> None:
    def told(seed: int) -> list[tuple[int, str, dict[str, Any]]]:
        house = House(Faults(double=0.3, late=0.3, lost=0.3, unheard=0.1), seed)
        for n in range(20):
            house.calls(gather(), hold(), BYE, plan=["1"], call=f"c{n}")
        house.play()
        return house.heard

    assert told(1) == told(1) != told(2)


# people

NO_CHANCE = Habits(answers=1.0, busy=0.0, voicemail=0.0, refuses=0.0, wrong_key=0.0, silent=0.0, hangs_up_in_menu=0.0)


def customer(habits: Habits = NO_CHANCE, **more: Any) -> Customer:
    given: dict[str, Any] = {"plan": ["1"], "patience_ms": 60_000, "service_ms": 90_000, **more}
    return Customer(Random(1), habits=habits, **given)


def test_patience_begins_with_the_hold_and_ends_in_hanging_up() -> None:
    house = House()
    house.scripts["c1"] = [gather(), hold(ms=25_000)]
    house.network.dial_in("c1", customer(press_at_ms=10_000, plan=["1"]), "+5511", "+55")
    house.scripts["c1"][0]["timeout_ms"] = 60_000
    house.play()
    assert inputs(house) == [(10_000, "digits", "1"), (35_000, "no_input", None), (60_000, "no_input", None)]
    assert house.told()[-1][:2] == (70_000, "ended")


def test_who_wants_a_callback_takes_it_when_it_is_offered_and_not_before() -> None:
    house = House()
    offer = hold(say("Para receber a ligação, digite 2."), keys="12")
    house.scripts["c1"] = [hold(keys="12"), offer, BYE]
    house.network.dial_in("c1", customer(wants_callback=True, plan=[]), "+5511", "+55")
    house.play()
    assert [(kind, digits) for _, kind, digits in inputs(house)] == [("no_input", None), ("digits", "2")]


@pytest.mark.parametrize(
    ("habits", "outcome"),
    [
        (NO_CHANCE, Outcome.ANSWERED),
        (Habits(busy=1.0), Outcome.BUSY),
        (Habits(busy=0.0, voicemail=1.0), Outcome.ANSWERED),
        (Habits(busy=0.0, voicemail=0.0, answers=0.0), Outcome.NO_ANSWER),
    ],
)
def test_a_return_call_finds_the_customer_or_not(habits: Habits, outcome: Outcome) -> None:
    house = House()
    house.network.people["+5511"] = customer(habits)
    house.network.originate(Outgoing("t1-c", "+5511", "", 30_000))
    house.scripts["t1-c"] = [gather(), gather(), BYE]
    house.play()
    assert house.network.find("t1-c").outcome is outcome
    pressed = [kind for _, kind, _ in inputs(house, "t1-c")]
    assert pressed[:1] == ([] if outcome is not Outcome.ANSWERED else ["no_input" if habits.voicemail else "digits"])


def test_a_wrong_key_is_followed_by_the_right_one() -> None:
    house = House()
    house.scripts["c1"] = [gather(), gather(), BYE]
    person = customer(Habits(wrong_key=1.0, silent=0.0, hangs_up_in_menu=0.0))
    house.network.dial_in("c1", person, "+5511", "+55")
    house.play(5_000)
    assert person.plan == ["1"]


@pytest.mark.parametrize(("refuses", "key"), [(0.0, "1"), (1.0, "2")])
def test_an_agent_presses_what_he_means(refuses: float, key: str) -> None:
    house = House()
    over: list[int] = []
    phone = AgentPhone(Random(1), misses=0.0, refuses=refuses, after_call=over.append)
    house.network.people["sim:ana"] = phone
    house.network.originate(Outgoing("t1-a", "sim:ana", "", 20_000))
    house.scripts["t1-a"] = [gather(), BYE]
    house.play()
    assert [digits for _, _, digits in inputs(house, "t1-a")] == [key]
    assert len(over) == 1


def test_a_made_up_day_is_the_same_for_the_same_seed() -> None:
    def some(seed: int) -> list[Any]:
        random = Random(seed)
        people = [day.customer(random, Habits()) for _ in range(50)]
        return [
            (one.plan, one.patience_ms, one.service_ms, day.mobile(random), day.next_call_ms(random, 0, 240.0))
            for one in people
        ]

    assert some(1) == some(1) != some(2)
    assert {tuple(plan) for plan, *_ in some(1)} == {("1",), ("2", day.CPFS[0]), ("2", day.CPFS[1]), ("3", "1"), ("0",)}
