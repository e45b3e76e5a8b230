"""The test phones are phones: a stock Asterisk, with no line of Retorno in it, takes them for such."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hearing import lasted
from rig import Answer, Mute, Node, Phones, Reject, Ring, tone, until

pytestmark = pytest.mark.slow

MENU_HZ, HOLD_HZ, DONE_HZ, ANA_HZ, BEA_HZ, CALLER_HZ = 600, 1500, 900, 700, 1100, 1300

MODULES = (
    *("res_timing_timerfd", "res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb", "res_pjproject"),
    *("res_rtp_asterisk", "res_musiconhold", "codec_ulaw", "format_pcm", "pbx_config", "chan_pjsip", "res_pjsip"),
    *(
        "res_pjsip_session",
        "res_pjsip_sdp_rtp",
        "res_pjsip_caller_id",
        "res_pjsip_registrar",
        "res_pjsip_outbound_registration",
    ),
    *(
        "res_pjsip_authenticator_digest",
        "res_pjsip_endpoint_identifier_user",
        "res_pjsip_endpoint_identifier_anonymous",
    ),
    *(
        "res_pjsip_dtmf_info",
        "res_pjsip_refer",
        "res_pjsip_rfc3326",
        "res_pjsip_acl",
        "res_pjsip_pubsub",
        "res_pjsip_nat",
    ),
    *(
        "app_dial",
        "app_playback",
        "app_read",
        "app_stack",
        "app_senddtmf",
        "app_verbose",
        "bridge_simple",
        "bridge_builtin_features",
    ),
    *("bridge_native_rtp", "bridge_holding", "bridge_softmix", "func_channel", "func_callerid", "func_logic"),
)


def pjsip(port: int) -> str:
    """A caller whom nobody knows, and two desk phones that register."""
    desk = """[{name}](desk)
auth = {name}
aors = {name}
[{name}]
type = auth
auth_type = userpass
username = {name}
password = secret-{name}
[{name}]
type = aor
max_contacts = 1
remove_existing = yes
qualify_frequency = 1
qualify_timeout = 0.5
"""
    return f"""[global]
type = global
endpoint_identifier_order = username,anonymous
[system]
type = system
timer_t1 = 100
timer_b = 6400
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:{port}
[common](!)
type = endpoint
disallow = all
allow = ulaw
direct_media = no
dtmf_mode = auto
rtp_timeout = 2
context = in
[anonymous](common)
[desk](!,common)
""" + "".join(desk.format(name=name) for name in ("ana", "bea"))


EXTENSIONS = """[in]
exten => 600,1,Answer()
 same => n,Playback(menu)
 same => n,Hangup()
exten => 601,1,Answer()
 same => n,Read(KEYS,menu,4,,1,5)
 same => n,GotoIf($["${KEYS}" = "12#"]?done)
 same => n,GotoIf($["${KEYS}" = "129*"]?done)
 same => n,Hangup(21)
 same => n(done),Playback(done)
 same => n,Hangup()
exten => 602,1,Dial(PJSIP/ana,20)
 same => n,Hangup(${HANGUPCAUSE})
exten => 603,1,Dial(PJSIP/bea,20)
exten => 604,1,Dial(PJSIP/ana,1)
 same => n,Hangup()
exten => 606,1,Answer()
 same => n,SendDTMF(1*D#)
 same => n,Hangup()
exten => 605,1,Answer()
 same => n,Playback(spoken)
 same => n,Playback(done)
 same => n,Hangup()
"""


@pytest.fixture(scope="module")
def node(asterisk_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    one = Node("stock", tmp_path_factory.mktemp("node"), binary=asterisk_binary)
    music = one.root / "moh"
    music.mkdir()
    (music / "tone.ulaw").write_bytes(tone(HOLD_HZ, 2))
    (one.sounds / "menu.ulaw").write_bytes(tone(MENU_HZ, 2))
    (one.sounds / "done.ulaw").write_bytes(tone(DONE_HZ, 1))
    (one.sounds / "spoken.ulaw").write_bytes(spoken("one two three", one.root))
    one.write(
        {
            "modules.conf": "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in MODULES),
            "pjsip.conf": pjsip(one.sip[1]),
            "extensions.conf": EXTENSIONS,
            "musiconhold.conf": f"[default]\nmode=files\ndirectory={music}\n",
        }
    )
    with one:
        yield one


def spoken(text: str, folder: Path) -> bytes:
    """A voice saying something, as mu-law."""
    raw, ulaw = folder / "voice.wav", folder / "voice.ulaw"
    subprocess.run(["espeak-ng", "-w", str(raw), text], check=True)
    subprocess.run(["sox", "-D", str(raw), "-r", "8000", "-c", "1", "-e", "mu-law", "-t", "ul", str(ulaw)], check=True)
    return ulaw.read_bytes()


@pytest.fixture
def phones() -> Iterator[Phones]:
    with Phones() as many:
        yield many


def test_a_prompt_is_heard_from_its_first_frame_and_its_end_ends_the_call(node: Node, phones: Phones) -> None:
    call = phones.add("caller", node.sip).dial("600")
    end = call.wait_ended()
    assert (end.by, end.how, end.cause) == ("them", "bye", 16)
    assert call.tones() == [MENU_HZ]
    assert lasted(call, MENU_HZ) > 1.9  # of its 2 s


@pytest.mark.parametrize("by", ["rtp", "info"])
def test_keys_reach_asterisk_and_their_answer_is_heard(node: Node, phones: Phones, by: Literal["rtp", "info"]) -> None:
    call = phones.add("caller", node.sip).dial("601")
    call.wait_up().wait_hears(MENU_HZ)
    pressed = call.press("129*", by=by)
    call.wait_hears(DONE_HZ, after=pressed)
    assert call.wait_ended().cause == 16


def test_keys_that_asterisk_sends_are_read(node: Node, phones: Phones) -> None:
    call = phones.add("caller", node.sip).dial("606")
    call.wait_ended()
    assert call.digits == "1*D#"


def test_a_registered_phone_answers_when_it_is_asked_for_and_not_without_power(node: Node, phones: Phones) -> None:
    def contact(word: str) -> None:
        until(
            lambda: word in node.cli("pjsip show contacts"), word, lambda: node.cli("pjsip show contacts") + ana.log()
        )

    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True)
    contact("Avail")
    ana.power_off()
    contact("Unavail")
    ana.power_on()
    contact("Avail")
    ana.unregister()
    contact("No objects found")


def test_a_wrong_secret_is_refused(node: Node, phones: Phones) -> None:
    with pytest.raises(AssertionError, match="ana could not register: 401"):
        phones.add("ana", node.sip, secret="guessed", registers=True)


def test_which_recording_was_heard_can_be_told(node: Node, phones: Phones) -> None:
    call = phones.add("caller", node.sip).dial("605")
    call.wait_matches(node.sounds / "spoken.ulaw")
    call.wait_matches(tone(DONE_HZ, 0.5))
    assert not call.matches(spoken("four five six", node.root))
    assert not call.matches(tone(HOLD_HZ, 0.5))


def test_two_phones_talk_both_ways_and_hold_brings_music(node: Node, phones: Phones) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=Answer(after_ms=100))
    caller = phones.add("caller", node.sip).dial("602", display_name="Bob Müller")
    talk = ana.wait_call().wait_up()
    caller.wait_up()
    assert '"Bob Müller"' in talk.shown("From")
    caller.say(CALLER_HZ)
    talk.say(ANA_HZ)
    caller.wait_hears(ANA_HZ)
    talk.wait_hears(CALLER_HZ)
    talk.hold()
    caller.wait_hears(HOLD_HZ)
    talk.resume()
    caller.wait_hears(ANA_HZ)
    assert not caller.hears(HOLD_HZ)
    talk.hush()
    caller.wait_silent()
    talk.hang_up()
    assert caller.wait_ended().by == "them"


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [(Reject(486), 17), (Reject(603), 21), (Reject(503), 34), (Reject(404), 1)],
    ids=["busy", "declined", "unavailable", "unknown"],
)
def test_a_refusal_reaches_the_caller(node: Node, phones: Phones, behaviour: Reject, cause: int) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=behaviour)
    call = phones.add("caller", node.sip).dial("602")
    end = call.wait_ended()
    assert (end.by, end.how, end.cause) == ("them", "rejected", cause)
    assert [refused.wait_ended().code for refused in ana.calls()] == [behaviour.code]


def test_a_phone_in_a_call_is_busy_unless_it_has_a_second_line(node: Node, phones: Phones) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=Answer())
    first = phones.add("first", node.sip).dial("602").wait_up()
    assert phones.add("second", node.sip).dial("602").wait_ended().cause == 17
    assert first.up
    assert len(ana.calls()) == 2


def test_what_rings_for_ever_is_cancelled(node: Node, phones: Phones) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=Ring())
    call = phones.add("caller", node.sip).dial("604").wait_ringing()
    rung = ana.wait_call()
    assert (rung.wait_ended().by, rung.wait_ended().how) == ("them", "cancelled")
    assert call.wait_ended().how == "rejected"


def test_a_caller_may_give_up_while_it_rings(node: Node, phones: Phones) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True)
    call = phones.add("caller", node.sip).dial("602").wait_ringing()
    rung = ana.wait_call()
    call.hang_up()
    assert (call.wait_ended().by, call.wait_ended().how) == ("us", "cancelled")
    assert rung.wait_ended().how == "cancelled"


def test_a_phone_that_is_not_there_says_nothing(node: Node, phones: Phones) -> None:
    phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=Mute())
    call = phones.add("caller", node.sip).dial("604")
    assert call.wait_ended().how == "rejected"


def test_a_caller_that_vanishes_is_found_out_by_its_silence(node: Node, phones: Phones) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=Answer())
    caller = phones.add("caller", node.sip).dial("602").wait_up()
    talk = ana.wait_call().wait_up()
    caller.vanish()
    assert talk.wait_ended().by == "them"
    assert caller.up, "it knows nothing of it"


def test_a_phone_that_lost_its_power_is_rung_in_vain_until_it_is_back(node: Node, phones: Phones) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=Answer())
    caller = phones.add("caller", node.sip)
    caller.dial("602").wait_up()
    ana.power_off()
    until(lambda: node.channels() == [], "the dead phone's call has ended", lambda: str(node.channels()))
    caller.dial("604").wait_ended()
    ana.power_on()
    ana.register()
    until(lambda: "Avail" in node.cli("pjsip show contacts"), "the phone is back")
    caller.dial("602").wait_up()


def test_a_blind_transfer_brings_the_caller_to_another_phone(node: Node, phones: Phones) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=Answer())
    bea = phones.add(
        "bea", node.sip, secret="secret-bea", registers=True, behaviour=Answer(says=tone(BEA_HZ, 1), repeats=True)
    )
    caller = phones.add("caller", node.sip).dial("602").wait_up()
    talk = ana.wait_call().wait_up()
    talk.refer("603")
    assert talk.wait_transferred() == 200
    bea.wait_call().wait_up()
    caller.wait_hears(BEA_HZ)
    talk.hang_up()


def test_an_attended_transfer_joins_the_two_others(node: Node, phones: Phones) -> None:
    ana = phones.add("ana", node.sip, secret="secret-ana", registers=True, behaviour=Answer(), lines=2)
    bea = phones.add(
        "bea", node.sip, secret="secret-bea", registers=True, behaviour=Answer(says=tone(BEA_HZ, 1), repeats=True)
    )
    caller = phones.add("caller", node.sip).dial("602").wait_up()
    talk = ana.wait_call().wait_up()
    talk.say(CALLER_HZ)
    caller.wait_hears(CALLER_HZ)  # a hold before the two are together is lost
    talk.hold()
    caller.wait_hears(HOLD_HZ)
    asked = ana.dial("603").wait_up()
    asked.wait_hears(BEA_HZ)
    talk.refer_attended(asked)
    caller.wait_hears(BEA_HZ)
    assert talk.wait_transferred() == 200
    asked.wait_ended()
    talk.hang_up()
    caller.say(CALLER_HZ)
    bea.wait_call().wait_hears(CALLER_HZ)


def test_a_crowd_keeps_its_pace_and_sinks_count(node: Node, phones: Phones) -> None:
    talkers = phones.add("talkers", node.sip)
    crowd = phones.add("crowd", node.sip, media="sink")
    calls = [talkers.dial("600") for _ in range(30)]
    sinks = [crowd.dial("600") for _ in range(30)]
    for call in (*calls, *sinks):
        call.wait_ended()
    assert [call.frames for call in sinks] == pytest.approx([100] * 30, abs=2)
    assert [call.frames for call in calls] == pytest.approx([100] * 30, abs=2)


def test_a_killed_node_comes_back_on_its_ports(node: Node, phones: Phones) -> None:
    caller = phones.add("caller", node.sip)
    lost = caller.dial("600").wait_up()
    node.kill()
    assert not node.running
    frames = lost.frames
    node.start()
    assert lost.up
    assert lost.frames <= frames + 1
    caller.dial("600").wait_up().wait_hears(MENU_HZ)
