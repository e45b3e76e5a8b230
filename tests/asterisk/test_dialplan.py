"""The dialplan does what it is told, and tells what came of it: keys, speech, music and messages, heard on real phones."""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from dialplan_lab import (
    BEEP_HZ,
    MISSING_HZ,
    MUSIC_HZ,
    WAIT_HZ,
    Lab,
    Web,
    bye,
    dialled,
    gather,
    hertz,
    hold,
    slow,
    sounds,
)
from rig import Phones, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as one:
        yield one
        assert one.forged == []


@pytest.fixture(scope="module")
def lab(asterisk_binary: Path, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab("node1", tmp_path_factory.mktemp("lab"), asterisk_binary, (web.url,), http_timeout=6) as one:
        yield one


@pytest.fixture
def phones() -> Iterator[Phones]:
    with Phones() as many:
        yield many


def test_a_call_is_told_of_once_and_ends_with_a_word(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("1000", bye(sounds(600, 700)))
    call = dialled(lab, phones, "1000")
    assert call.wait_ended().by == "them"
    assert call.tones() == [600, 700]
    (post,) = web.heard("1000")
    assert (post["path"], post["from"], post["to"]) == ("incoming", "+5511998887766", "1000")
    assert post["call"].startswith("node1-")


@pytest.mark.parametrize("by", ["rtp", "info"])
def test_a_key_cuts_open_speech_short(lab: Lab, web: Web, phones: Phones, by: str) -> None:
    number = f"101{len(by)}"
    web.tell(number, gather(sounds(600), sounds(*[700] * 20, 900)), bye(sounds(800)))
    call = dialled(lab, phones, number)
    call.wait_hears(700)
    call.press("7", by=by)  # type: ignore[arg-type]
    call.wait_ended()
    assert [hz for hz in call.tones() if hz != 700] == [600, 800]  # of the 900 Hz behind it nothing
    turn = web.heard(number)[1]
    assert (turn["path"], turn["turn"], turn["in"], turn["d"], turn.get("end")) == ("turn", "1", "digits", "7", None)


def test_fixed_speech_is_heard_to_its_end_and_its_keys_count_for_nothing(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("1020", gather(sounds(600, 700), first="0.5"), bye())
    call = dialled(lab, phones, "1020")
    call.wait_hears(600)
    call.press("1*#")
    call.wait_ended()
    assert call.tones() == [600, 700]
    whole = sum(to - since for hz, since, to in call.heard() if hz in (600, 700))
    assert whole > 1.5
    assert web.heard("1020")[1]["in"] == "none"


@pytest.mark.parametrize(
    ("keys", "told", "tells"),
    [
        ("123", {"max": "3"}, {"in": "digits", "d": "123"}),
        ("1*#", {"max": "3"}, {"in": "digits", "d": "1*#"}),
        ("12#", {"max": "9", "finish": "#"}, {"in": "digits", "d": "12", "end": "1"}),
        ("9*", {"max": "9", "finish": "*"}, {"in": "digits", "d": "9", "end": "1"}),
        ("#", {"max": "9", "finish": "#"}, {"in": "digits", "d": "", "end": "1"}),
        ("12", {"max": "9", "inter": "0.4"}, {"in": "digits", "d": "12"}),
        ("", {"max": "1", "first": "0.4", "inter": "9"}, {"in": "none"}),
    ],
    ids=["as many", "all kinds", "finish key", "star ends", "finish only", "a pause ends", "silence"],
)
def test_keys_are_collected(
    lab: Lab, web: Web, phones: Phones, keys: str, told: dict[str, str], tells: dict[str, str]
) -> None:
    number = "103" + bytes(keys + told.get("finish", ""), "ascii").hex()
    web.tell(number, gather(open=sounds(600), **told), bye())
    call = dialled(lab, phones, number)
    call.wait_hears(600)
    if keys:
        call.press(keys)
    call.wait_ended()
    turn = web.heard(number)[1]
    assert {name: turn[name] for name in ("in", "d", "end") if name in turn} == tells


def test_no_key_is_lost_while_the_web_thinks(lab: Lab, web: Web, phones: Phones) -> None:
    ask = gather(open=sounds(600))
    web.tell("1040", ask, slow(1, ask), ask, gather(sounds(700), first="0.4"), bye())
    call = dialled(lab, phones, "1040")
    call.wait_hears(600)
    call.press("1")  # answered in a second; the next two keys come before that
    call.press("23")
    call.wait_ended()
    assert [turn.get("d") for turn in web.heard("1040")[1:]] == ["1", "2", "3", None]
    assert 900 not in call.tones()


def test_an_old_key_does_not_answer_a_new_question(lab: Lab, web: Web, phones: Phones) -> None:
    quiet = gather(open=sounds(700), first="0.3")
    web.tell("1050", gather(open=sounds(600)), quiet, quiet, hold(secs="0.3"), bye())
    call = dialled(lab, phones, "1050")
    call.wait_hears(600)
    call.press("5")
    call.wait_ended()
    assert [turn.get("d", turn["in"]) for turn in web.heard("1050")[1:]] == ["5", "none", "none", "none"]


def test_a_hold_plays_music_until_one_of_its_keys(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("1060", hold(keys="19", open=sounds(600)), bye(sounds(800)))
    call = dialled(lab, phones, "1060")
    call.wait_hears(600)
    call.press("5#*")  # neither stops what is said, nor winds it
    call.wait_hears(MUSIC_HZ)
    call.press("2#*0")
    call.wait_hears(MUSIC_HZ, after=time.monotonic())
    call.press("9")
    call.wait_ended()
    assert call.tones() == [600, MUSIC_HZ, 800]
    assert [post.get("d") for post in web.heard("1060")] == [None, "9"]  # not for its time, which was over later


def test_a_key_of_the_hold_cuts_its_speech(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("1061", hold(keys="1", open=sounds(600, 700)), bye())
    call = dialled(lab, phones, "1061")
    call.wait_hears(600)
    call.press("1")
    call.wait_ended()
    assert call.tones() == [600]
    assert web.heard("1061")[1]["d"] == "1"


def test_music_goes_on_from_one_hold_to_the_next(lab: Lab, web: Web, phones: Phones) -> None:
    one = hold(secs="0.5", keys="")
    web.tell("1070", one, slow(1.5, one), {**one, "fixed": sounds(700)}, one, bye())
    call = dialled(lab, phones, "1070")
    call.wait_ended()
    assert call.tones() == [MUSIC_HZ, 700, MUSIC_HZ]
    said = call.first_heard(700)
    assert said
    music = [to - since for hz, since, to in call.heard() if hz == MUSIC_HZ and since < said]
    assert sum(music) > 2.3  # half a second, the slow web server, half a second
    assert [turn["in"] for turn in web.heard("1070")[1:]] == ["none"] * 4


def test_a_music_that_nobody_has_is_the_usual_music(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("1071", hold(music="nosuch", secs="0.6"), bye())
    call = dialled(lab, phones, "1071")
    call.wait_ended()
    assert call.tones() == [MUSIC_HZ]


def test_the_same_is_asked_again_until_the_web_can(lab: Lab, web: Web, phones: Phones) -> None:
    again = hold(secs="0.3", keys="", again="1", fixed=sounds(700))
    web.tell("1080", again, gather(open=sounds(600)), again, again, bye())
    call = dialled(lab, phones, "1080")
    call.wait_hears(600)
    call.press("4")
    call.wait_ended()
    posts = web.heard("1080")
    assert [post["path"] for post in posts] == ["incoming", "incoming", "turn", "turn", "turn"]
    assert [post["d"] for post in posts[2:]] == ["4", "4", "4"]
    assert len({post["mac"] for post in posts}) >= 3  # signed anew when the time is another


@pytest.mark.parametrize(
    ("finish", "how", "least"),
    [("#", "#", 1), ("*", "*", 1), ("", "silence", 1), ("#", "hang up", 1), ("#", "nothing", 0)],
    ids=["hash", "star", "silence", "hang up", "nothing said"],
)
def test_a_message_is_recorded(lab: Lab, web: Web, phones: Phones, finish: str, how: str, least: int) -> None:
    number = f"109{('#', '*', 'silence', 'hang up', 'nothing').index(how)}"
    ask = {"op": "record", "secs": "20", "silence": "1", "finish": finish, "fixed": sounds(600), "open": ""}
    web.tell(number, ask, bye())
    call = dialled(lab, phones, number)
    call.wait_hears(BEEP_HZ)
    if how != "nothing":
        call.say(1100)
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 1.5, "1.5 s were spoken, one of them after the tone")
    if how == "hang up":
        call.hang_up()
    elif how == "silence":
        call.press("#")  # no key ends it: it is recorded as speech
        call.hush()
    elif how != "nothing":
        call.press(how)
    turn = web.wait_posts(number, 2)[1]
    assert (turn["path"], turn["in"], turn["rec"]) == ("turn", "recorded", f"{turn['call']}-1")
    with wave.open(str(lab.node.root / "spool" / "retorno" / f"{turn['rec']}.wav")) as message:
        assert message.getframerate() == 8000
        assert message.getnframes() > 7000
        assert (
            least <= int(turn["secs"]) <= message.getnframes() / 8000 + 1
        )  # rounded; the silence at its end is not told
    if how != "hang up":
        call.wait_ended()


def test_a_missing_sound_is_a_tone_and_is_told(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("1100", gather(sounds(600, 1234), sounds(4321, 700)), bye())
    call = dialled(lab, phones, "1100")
    call.wait_hears(700)
    call.press("1")
    call.wait_ended()
    assert call.tones() == [600, MISSING_HZ, 700]
    assert web.heard("1100")[1]["missing"] == f".{hertz(1234)}.{hertz(4321)}"


def test_who_waits_for_the_web_hears_music(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("1110", slow(2.5, gather(open=sounds(600))), slow(2.5, bye(sounds(700))))
    call = dialled(lab, phones, "1110")
    call.wait_hears(600)
    call.press("1")
    call.wait_ended()
    assert call.tones() == [WAIT_HZ, 600, WAIT_HZ, 700]


def test_a_quick_web_makes_no_blip_of_music_ever(lab: Lab, web: Web, phones: Phones) -> None:
    step = slow(0.3, gather(open=sounds(600), first="0.1"))
    web.tell("1120", *([step] * 8), bye())  # 2.4 s of waiting in all, twice as long as the silence at the beginning
    call = dialled(lab, phones, "1120")
    call.wait_ended()
    assert [hz for hz, _, _ in call.heard() if hz == WAIT_HZ] == []


def test_a_hundred_sounds_fit_into_one_answer(lab: Lab, web: Web, phones: Phones) -> None:
    for name in range(50_000, 50_099):
        (lab.node.sounds / f"{hertz(name)}.ulaw").write_bytes(b"\xff" * 80)
    web.tell("1130", gather(sounds(*range(50_000, 50_099)), sounds(700)), bye())
    call = dialled(lab, phones, "1130")
    call.wait_hears(700)
    call.press("1")
    call.wait_ended()
    assert call.tones() == [700]
    assert web.heard("1130")[1]["d"] == "1"


def test_no_log_of_the_node_has_what_a_caller_pressed(lab: Lab, web: Web, phones: Phones) -> None:
    web.tell("1140", gather(open=sounds(600), max="7"), bye())
    call = dialled(lab, phones, "1140")
    call.wait_hears(600)
    call.press("9517538")
    call.wait_ended()
    assert web.heard("1140")[1]["d"] == "9517538"
    files = [file for file in lab.node.root.rglob("*") if file.is_file() and "sounds" not in file.parts]
    assert len(files) > 5
    assert [file for file in files if b"9517538" in file.read_bytes()] == []


def test_the_node_has_nothing_to_complain_of(lab: Lab) -> None:
    """After all the calls above: no error; warnings only about the sounds and the music that were not there."""
    lines = [line for line in lab.node.log(1000).splitlines() if "ERROR" in line or "WARNING" in line]
    assert [line for line in lines if not any(word in line for word in (hertz(1234), hertz(4321), "nosuch"))] == []
