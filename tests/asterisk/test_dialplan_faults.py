"""The dialplan when the web servers do not answer, or answer nonsense, and when somebody tries to program the PBX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from dialplan_lab import (
    FALLBACK_HZ,
    MUSIC_HZ,
    ONE_MOMENT_HZ,
    SORRY_HZ,
    WAIT_HZ,
    Lab,
    Reply,
    Step,
    Web,
    bye,
    dial,
    dialled,
    gather,
    hold,
    slow,
    sounds,
)
from rig import Answer, Phones, Reject, until

from ivr.providers.asterisk.acts import FALLBACK

pytestmark = pytest.mark.slow

CALLER_HZ, ANA_HZ = 1300, 2100
DOWN: Reply = (503, "the web is away")


@pytest.fixture(scope="module")
def first() -> Iterator[Web]:
    with Web() as one:
        yield one
        assert one.forged == []


@pytest.fixture(scope="module")
def second() -> Iterator[Web]:
    with Web() as one:
        yield one
        assert one.forged == []


@pytest.fixture(scope="module")
def lab(asterisk_binary: Path, first: Web, second: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with Lab("node1", folder, asterisk_binary, (first.url, second.url), fallback="ana") as one:
        for module in ("func_shell", "app_system"):  # which our own nodes do not even load
            one.node.cli(f"module load {module}.so")
        yield one


@pytest.fixture
def phones() -> Iterator[Phones]:
    with Phones() as many:
        yield many


NONSENSE: dict[str, Step] = {
    "unavailable": DOWN,
    "an error": (500, "Internal Server Error"),
    "forbidden": (403, ""),
    "nothing": (200, ""),
    "a page": (200, "<html><body>Welcome to nginx!</body></html>"),
    "half an answer": (200, '{"op": "hangup", "turn": "1", "fixed": "'),
    "a list": (200, '["hangup"]'),
    "no operation": (200, '{"turn": "1"}'),
    "an unknown operation": (200, '{"op": "dance", "turn": "1"}'),
    "an application": (200, '{"op": "System(touch /tmp/x)", "turn": "1"}'),
    "too much": (200, '{"op": "hangup", "fixed": "' + "&".join(["0" * 32] * 150) + '"}'),
    "too late": slow(2.6, bye(sounds(900))),
}


def test_the_second_web_server_answers_for_the_first(lab: Lab, first: Web, second: Web, phones: Phones) -> None:
    numbers = {nonsense: f"30{at:02}" for at, nonsense in enumerate(NONSENSE)}
    for nonsense, number in numbers.items():
        first.tell(number, NONSENSE[nonsense])
        second.tell(number, bye(sounds(600)))
    calls = {nonsense: dialled(lab, phones, number) for nonsense, number in numbers.items()}
    for call in calls.values():
        call.wait_ended()
    heard = {nonsense: [hz for hz in call.tones() if hz != WAIT_HZ] for nonsense, call in calls.items()}
    assert heard == {nonsense: [600] for nonsense in NONSENSE}
    for number in numbers.values():
        (asked,), (asked_too,) = first.heard(number), second.heard(number)
        assert asked == asked_too  # the same request, signed once


def test_who_presses_a_key_while_the_web_restarts_has_pressed_it(
    lab: Lab, first: Web, second: Web, phones: Phones
) -> None:
    first.tell("3100", gather(open=sounds(600)), DOWN, DOWN, bye(sounds(700)))
    second.tell("3100", DOWN, DOWN)
    call = dialled(lab, phones, "3100")
    call.wait_hears(600)
    call.press("8")
    call.wait_hears(ONE_MOMENT_HZ)
    call.wait_hears(MUSIC_HZ)
    call.wait_hears(700)
    call.wait_ended()
    assert call.tones() == [600, ONE_MOMENT_HZ, MUSIC_HZ, 700]
    assert [turn["d"] for turn in first.heard("3100")[1:]] == ["8", "8", "8"]


def test_a_held_caller_is_taken_out_while_no_web_answers(lab: Lab, first: Web, second: Web, phones: Phones) -> None:
    first.tell("3110", hold(secs="0.3", keys=""), DOWN, bye(sounds(700)))
    second.tell("3110", DOWN)
    call = dialled(lab, phones, "3110")
    call.wait_hears(ONE_MOMENT_HZ)
    call.wait_hears(MUSIC_HZ)
    lab.redirect(first.call("3110"), "t1")
    call.wait_hears(700)
    call.wait_ended()
    assert [post["path"] for post in first.heard("3110")] == ["incoming", "turn", "joined"]


def test_when_no_web_server_comes_back(lab: Lab, first: Web, second: Web, phones: Phones) -> None:
    """Who has just called is led to the fallback; who was served longer is waited for longer; who was rung hears that it is
    over. Together, for it takes a while."""
    ana = phones.add("ana", lab.node.sip, secret=lab.secret("ana"), registers=True, behaviour=Answer(), lines=3)
    bea = phones.add("bea-2", lab.node.sip, secret=lab.secret("bea-2"), registers=True, behaviour=Answer())
    first.tell("3200", *[DOWN] * 20)
    second.tell("3200", *[DOWN] * 20)
    first.tell("3201", gather(open=sounds(600), first="0.1"), *[DOWN] * 5, gather(open=sounds(700), first="60"))
    second.tell("3201", *[DOWN] * 5)
    first.tell("t3-a", *[DOWN] * 20)
    second.tell("t3-a", *[DOWN] * 20)
    new, served = dialled(lab, phones, "3200"), dialled(lab, phones, "3201")
    lab.originate("t3-a", "PJSIP/bea-2")
    rung = bea.wait_call().wait_up()
    talk = ana.wait_call().wait_up()
    assert new.tones() == [ONE_MOMENT_HZ, MUSIC_HZ, FALLBACK_HZ]
    assert talk.up_at - new.up_at >= 10  # and before the one who was served longer: see below
    talk.say(ANA_HZ)
    new.say(CALLER_HZ)
    new.wait_hears(ANA_HZ)
    talk.wait_hears(CALLER_HZ)
    joined = lab.ami(Action="Getvar", Channel=first.call("3200"), Variable="RT_JOINED")
    assert joined["Value"] == FALLBACK  # the line, once it is there again, leaves him there
    rung.wait_ended()
    assert rung.tones() == [ONE_MOMENT_HZ, MUSIC_HZ, SORRY_HZ]
    served.wait_hears(700, after=served.up_at)
    until(lambda: served.tones() == [600, ONE_MOMENT_HZ, MUSIC_HZ, 700], "he is asked the next thing")
    assert len(ana.calls()) == 1


def test_nobody_at_the_fallback_either(lab: Lab, first: Web, second: Web, phones: Phones) -> None:
    ana = phones.add("ana", lab.node.sip, secret=lab.secret("ana"), registers=True, behaviour=Reject(486))
    first.tell("3210", *[DOWN] * 20)
    second.tell("3210", *[DOWN] * 20)
    call = dialled(lab, phones, "3210")
    call.wait_ended()
    assert call.tones() == [ONE_MOMENT_HZ, MUSIC_HZ, FALLBACK_HZ, SORRY_HZ]
    assert len(ana.calls()) == 1


# What a caller, or a web server that is not ours, might send to have a file made in Asterisk's working directory.
ATTACKS = {
    "SHELL": "${SHELL(touch made)}",
    "EVAL": "${EVAL(${SHELL(touch made)})}",
    "an expression": 'x" | "1"="1',
    "an expression with SHELL": 'x" | "${SHELL(touch made)}"="',
    "more arguments": ",2,System(touch made)",
    "a branch": "1):System(touch made)",
    "a branch of a question": "1?System(touch made):System(touch made)",
    "an end and an application": ")\n same => n,System(touch made)",
    "another field": "v&op=dial&to=bea-2&x=${SHELL(touch made)}",
    "quotes": '"\'\\"&,()[]{}%$;',
}
FORBIDDEN = set("\"'$(){}[],&=?: ")


def made(lab: Lab) -> Path:
    return lab.node.root / "made"


def test_a_shell_would_make_the_file(lab: Lab) -> None:
    """The following tests look at the right place."""
    lab.node.cli('dialplan eval function "SHELL(touch made)"')
    made(lab).unlink()


def test_no_caller_can_program_the_pbx(lab: Lab, first: Web, phones: Phones) -> None:
    """By his name or his number, which he gets back after a transfer that showed another."""
    steps = (gather(open=sounds(600), first="0.2"), dial("201", caller="+551130001000"), bye(sounds(700)))
    calls = {}
    for at, attack in enumerate(ATTACKS.values()):
        first.tell(f"33{at:02}", *steps)
        text = attack.replace("\n", " ")
        calls[f"33{at:02}"] = dialled(lab, phones, f"33{at:02}", display_name=text, from_user=quote(text, safe=""))
    for number, call in calls.items():
        call.wait_ended()
        assert call.tones() == [600, 700], number
        posts = first.heard(number)
        assert [post["path"] for post in posts] == ["incoming", "turn", "turn"]
        assert set(posts[0]) == {"path", "node", "time", "call", "from", "to", "missing", "mac"}
        assert not set(posts[0]["from"]) & FORBIDDEN
    assert not made(lab).exists()


def test_no_number_dialled_can_program_the_pbx(lab: Lab, first: Web, phones: Phones) -> None:
    numbers = [quote(f"34{attack}".replace("\n", " "), safe="") for attack in ATTACKS.values()]
    for call in [phones.add("caller", lab.node.sip).dial(number) for number in numbers]:
        call.wait_ended()
    dialled_numbers = {form["to"] for _, form in first.posts if "to" in form}
    assert len([number for number in dialled_numbers if number.startswith("34")]) > 5
    assert not set("".join(dialled_numbers)) & FORBIDDEN
    assert not made(lab).exists()


def test_no_answer_can_program_the_pbx(lab: Lab, first: Web, second: Web, phones: Phones) -> None:
    """Every value of every operation is an attack; the callers come through all of them with the key #."""
    names = ("turn", "again", "fixed", "open", "max", "music", "silence", "to", "caller", "room", "record")
    calls = []
    for at, text in enumerate(ATTACKS.values()):
        begun = {"host": f"0{text}", "finish": f"#{text}", "keys": f"#{text}", "secs": f"0.2{text}"}
        evil = {
            **dict.fromkeys((*names, "reason", "call"), text),
            **begun,
            "first": f"0.2{text}",
            "inter": f"0.2{text}",
        }
        operations: list[Step] = [{**evil, "op": op} for op in ("gather", "hold", "record", "dial", "join")]
        first.tell(f"35{at:02}", {**evil, "op": text}, *operations, bye(sounds(700)))
        second.tell(f"35{at:02}", {**evil, "op": "gather"})
        calls.append(dialled(lab, phones, f"35{at:02}"))

    def all_came_through() -> bool:
        on_the_way = [call for call in calls if not call.first_heard(700)]
        for call in on_the_way:
            assert call.up
            call.press("#", wait=False)
        return not on_the_way

    until(all_came_through, "all callers came through", patience_s=40, every_s=0.3)
    assert not made(lab).exists()


def test_a_caller_with_an_endless_number_is_withheld(lab: Lab, first: Web, phones: Phones) -> None:
    first.tell("3600", bye(sounds(600)))
    call = dialled(lab, phones, "3600", from_user="9" * 800)
    call.wait_ended()
    assert len(first.heard("3600")[0]["from"]) <= 64
