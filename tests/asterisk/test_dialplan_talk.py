"""The dialplan brings people together: dialling, the room of an attempt, being taken out of a hold, transfer, listening in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dialplan_lab import (
    MUSIC_HZ,
    RING_HZ,
    WAIT_HZ,
    Lab,
    Step,
    Web,
    bye,
    dial,
    dialled,
    gather,
    hold,
    join,
    slow,
    sounds,
)
from rig import Answer, Behaviour, Call, Phone, Phones, Reject, Ring, until

pytestmark = pytest.mark.slow

CALLER_HZ, AGENT_HZ, BOSS_HZ = 1300, 2100, 1700


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as one:
        yield one
        assert one.forged == []


@pytest.fixture(scope="module")
def exchange() -> Iterator[Phones]:
    with Phones() as many:
        yield many


@pytest.fixture(scope="module")
def town(exchange: Phones) -> Phone:
    """Whom the trunk reaches: it answers every number."""
    return exchange.add("town", ("127.0.0.1", 9), lines=9)


@pytest.fixture(scope="module")
def lab(asterisk_binary: Path, web: Web, town: Phone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with Lab("node1", folder, asterisk_binary, (web.url,), carrier=town.port, http_timeout=6) as one:
        yield one


@pytest.fixture
def phones() -> Iterator[Phones]:
    with Phones() as many:
        yield many


def desk(lab: Lab, phones: Phones, name: str = "ana", **more: object) -> Phone:
    return phones.add(name, lab.node.sip, secret=lab.secret(name), registers=True, **more)  # type: ignore[arg-type]


def two_way(one: Call, other: Call, one_hz: int = CALLER_HZ, other_hz: int = AGENT_HZ) -> None:
    one.say(one_hz)
    other.say(other_hz)
    one.wait_hears(other_hz)
    other.wait_hears(one_hz)


def room(lab: Lab, web: Web, phones: Phones, attempt: str, *after: Step, **customer: str) -> tuple[Call, Call]:
    """A caller on hold and an agent who has been rung and has accepted, talking in the room of `attempt`. What they are told
    `after` the talk is a goodbye of 800 Hz to the caller, and of 1000 Hz to the agent."""
    agent_call, number = f"{attempt}-a", f"2{attempt}"
    agent = desk(lab, phones, behaviour=Answer(after_ms=50))
    web.tell(agent_call, join(attempt, host="1", fixed=sounds(900)), bye(sounds(1000)))
    web.tell(number, hold(), join(attempt, **customer), *(after or (bye(sounds(800)),)))
    caller = dialled(lab, phones, number)
    caller.wait_hears(MUSIC_HZ)
    lab.originate(agent_call, "PJSIP/ana")
    talk = agent.wait_call().wait_up()
    talk.wait_hears(RING_HZ)
    caller.wait_hears(MUSIC_HZ)
    lab.redirect(web.call(number), attempt)
    two_way(caller, talk)
    return caller, talk


@pytest.mark.parametrize(
    ("behaviour", "tells"),
    [
        (Reject(486), "BUSY"),
        (Reject(603), "CHANUNAVAIL"),
        (Ring(), "NOANSWER"),
        (None, "CHANUNAVAIL"),
    ],
    ids=["busy", "declined", "no answer", "not registered"],
)
def test_a_telephone_that_does_not_answer(
    lab: Lab, web: Web, phones: Phones, behaviour: Behaviour | None, tells: str
) -> None:
    number = f"200{('BUSY', 'NOANSWER', 'CHANUNAVAIL').index(tells)}{int(behaviour is None)}"
    bea = desk(lab, phones, "bea-2", behaviour=behaviour) if behaviour else None
    web.tell(number, dial("bea-2", secs="1", fixed=sounds(600)), bye(sounds(700)))
    caller = dialled(lab, phones, number)
    caller.wait_ended()
    assert [hz for hz in caller.tones() if hz != RING_HZ] == [600, 700]
    turn = web.heard(number)[1]
    assert (turn["in"], turn["status"], turn["secs"]) == ("dial", tells, "")
    if bea:
        assert bea.wait_call().wait_ended()
        bea.unregister()


def test_after_the_talk_with_a_telephone_the_caller_goes_on(lab: Lab, web: Web, phones: Phones) -> None:
    other = desk(lab, phones, "201", behaviour=Answer(after_ms=300))
    web.tell("2010", dial("201"), gather(open=sounds(600)), bye())
    caller = dialled(lab, phones, "2010")
    talk = other.wait_call().wait_up()
    assert "+5511998887766" in talk.shown("From")
    two_way(caller, talk)
    talk.hang_up()
    caller.hush()
    caller.wait_hears(600)
    caller.press("1")
    caller.wait_ended()
    assert web.heard("2010")[1]["status"] == "ANSWER"
    assert web.heard("2010")[2]["d"] == "1"


def test_a_number_outside_is_dialled_through_the_trunk_and_shows_what_it_is_told_to(
    lab: Lab, web: Web, phones: Phones, town: Phone
) -> None:
    town.behave(Answer(after_ms=50))
    to = "+551140002000@carrier"
    web.tell("2020", dial(to, caller="+551130001000"), dial(to), bye())
    caller = dialled(lab, phones, "2020")
    first = town.wait_call().wait_up()
    two_way(caller, first)
    assert "+551130001000" in first.shown("From")
    first.hang_up()
    second = town.wait_call().wait_up()
    assert "+5511998887766" in second.shown("From")  # his own number again
    caller.hang_up()
    second.wait_ended()


def test_the_customer_hangs_up_and_the_agent_goes_on(lab: Lab, web: Web, phones: Phones) -> None:
    caller, talk = room(lab, web, phones, "t1")
    caller.hang_up()
    talk.wait_hears(1000)
    talk.wait_ended()
    assert [(post["path"], post.get("result")) for post in web.heard("t1-a")] == [
        ("answered", None),
        ("turn", "SUCCESS"),
    ]
    joined = web.heard("2t1")[1]
    assert (joined["path"], joined["attempt"]) == ("joined", "t1")


def test_the_agent_hangs_up_and_the_customer_goes_on(lab: Lab, web: Web, phones: Phones) -> None:
    caller, talk = room(lab, web, phones, "t2")
    talk.hang_up()
    caller.hush()
    caller.wait_hears(800)
    caller.wait_ended()
    assert [(post["path"], post.get("result")) for post in web.heard("2t2")] == [
        ("incoming", None),
        ("joined", None),
        ("turn", "SUCCESS"),
    ]
    assert caller.tones()[0] == MUSIC_HZ


def test_an_agent_whose_room_was_left_can_have_another(lab: Lab, web: Web, phones: Phones) -> None:
    caller, talk = room(lab, web, phones, "t3", hold(), join("t3"), bye(sounds(700)))
    web.stories["t3-a"] = [join("t3", host="1"), bye(sounds(1000))]
    talk.hush()
    lab.redirect(talk_id := web.call("t3-a"), "t3")  # the line takes the agent out: the customer is alone and goes on
    caller.wait_hears(MUSIC_HZ)
    talk.wait_hears(RING_HZ)
    lab.redirect(web.call("2t3"), "t3")
    two_way(caller, talk)
    assert talk_id == "t3-a"


def test_the_talk_is_recorded_when_it_is_to_be(lab: Lab, web: Web, phones: Phones) -> None:
    caller, talk = room(lab, web, phones, "t4", record="1")
    since = time.monotonic()
    until(lambda: time.monotonic() - since > 1, "a second was talked")
    talk.hang_up()
    caller.wait_ended()
    recording = lab.node.root / "spool" / "retorno" / "t4.wav"
    assert recording.stat().st_size > 16_000
    assert not (lab.node.root / "spool" / "retorno" / "t3.wav").exists()


def test_nobody_is_in_the_room(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("2030", hold(), join("t5"), bye(sounds(700)))
    caller = dialled(lab, phones, "2030")
    caller.wait_hears(MUSIC_HZ)
    lab.redirect(web.call("2030"), "t5")
    caller.wait_hears(700)
    caller.wait_ended()
    assert web.heard("2030")[2]["result"] == "NONEXISTENT"


def test_the_customer_is_there_before_the_agent(lab: Lab, web: Web, phones: Phones) -> None:
    agent = desk(lab, phones, behaviour=Answer())
    web.tell("t6-a", join("t6", host="1", fixed=sounds(900, 900)), bye())
    web.tell("2040", hold(), join("t6"), bye())
    caller = dialled(lab, phones, "2040")
    caller.wait_hears(MUSIC_HZ)
    lab.originate("t6-a", "PJSIP/ana")
    talk = agent.wait_call().wait_up()
    talk.wait_hears(900)
    lab.redirect(web.call("2040"), "t6")
    caller.wait_hears(RING_HZ)
    two_way(caller, talk)
    assert talk.tones()[0] == 900
    assert sum(to - since for hz, since, to in talk.heard() if hz == 900) > 1.4  # he was not cut short


MIDST: dict[str, tuple[Step, int]] = {
    "open speech": (gather(open=sounds(*[600] * 20)), 600),
    "fixed speech": (gather(fixed=sounds(*[600] * 20)), 600),
    "a question": (gather(fixed=sounds(600), first="20"), 600),
    "a hold": (hold(secs="60"), MUSIC_HZ),
    "the web's thinking": (slow(2.0, gather(open=sounds(600))), WAIT_HZ),
    "a message": ({"op": "record", "secs": "60", "silence": "20", "finish": "#", "fixed": "", "open": ""}, 1000),
}


@pytest.mark.parametrize("midst", MIDST, ids=MIDST)
def test_a_caller_is_taken_out_of_anything(lab: Lab, web: Web, phones: Phones, midst: str) -> None:
    number = f"205{list(MIDST).index(midst)}"
    step, sound_hz = MIDST[midst]
    web.tell(number, step, gather(open=sounds(700), first="3"), bye(sounds(800)))
    caller = dialled(lab, phones, number)
    caller.wait_hears(sound_hz)
    if midst == "the web's thinking":
        caller.press("5")  # belongs to what he was doing: it does not answer what comes now
    lab.redirect(web.call(number), "t7")
    caller.wait_hears(700)
    caller.press("9")
    caller.wait_ended()
    posts = web.heard(number)  # what he was doing did not come to its own end: that would be a turn
    assert [(post["path"], post.get("d")) for post in posts] == [("incoming", None), ("joined", None), ("turn", "9")]
    assert caller.tones()[-2:] == [700, 800]


@pytest.mark.parametrize(("how", "to"), [("refer", "billing"), ("refer", "b"), ("#1", "201")])
def test_an_agent_sends_the_customer_on(lab: Lab, web: Web, phones: Phones, how: str, to: str) -> None:
    attempt = f"t8{to}"
    caller, talk = room(lab, web, phones, attempt, hold(fixed=sounds(700)), bye())
    began = time.monotonic()
    if how == "refer":
        talk.refer(to)
        assert talk.wait_transferred() == 200
        talk.hang_up()  # as a telephone does when it hears that
    else:
        talk.hush()
        talk.press("#1")
        talk.press(to)
    caller.wait_hears(700, after=began)
    caller.wait_hears(MUSIC_HZ, after=began)
    post = web.wait_posts(f"2{attempt}", 3)[2]
    assert (post["path"], post["to"]) == ("transferred", to)
    if how != "refer":
        talk.wait_hears(1000)  # his own call goes on, and ends with a word
    talk.wait_ended()
    assert caller.up


def test_agents_ring_each_other_and_nobody_outside(lab: Lab, web: Web, phones: Phones) -> None:
    bea = desk(lab, phones, "bea-2", behaviour=Answer())
    ana = desk(lab, phones)
    call = ana.dial("bea-2").wait_up()
    two_way(call, bea.wait_call().wait_up())
    call.hang_up()
    for number in ("+551140002000", "0011551140002000", "700", "nosuch"):
        assert ana.dial(number).wait_ended().how == "rejected"
    assert web.heard("700") == []


@pytest.mark.parametrize(("mode", "agent", "customer"), [("l", False, False), ("w", True, False), ("b", True, True)])
def test_a_supervisor_listens_in(lab: Lab, web: Web, phones: Phones, mode: str, agent: bool, customer: bool) -> None:
    caller, talk = room(lab, web, phones, f"s{mode}")
    boss = desk(lab, phones, "201", behaviour=Answer())
    lab.originate(
        f"spy-{mode}",
        "PJSIP/201",
        "retorno-spy",
        "s",
        Variable=f"RETORNO_SPY=s{mode}-a,RETORNO_SPY_MODE={mode}",
    )
    ear = boss.wait_call().wait_up()
    ear.wait_hears(CALLER_HZ)
    ear.wait_hears(AGENT_HZ)
    caller.hush()
    talk.hush()
    caller.wait_silent()
    talk.wait_silent()
    ear.say(BOSS_HZ)
    for side, hears in ((talk, agent), (caller, customer)):
        if hears:
            side.wait_hears(BOSS_HZ, ear.up_at)
    for side, hears in ((talk, agent), (caller, customer)):
        side.wait_more(0.7)
        assert (side.first_heard(BOSS_HZ) is not None) is hears
    talk.hang_up()
    ear.wait_ended()
    caller.wait_ended()
