"""The control process on a real node: every call has the end that it had, whatever dies meanwhile."""

from __future__ import annotations

import base64
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from control_lab import Lab
from rig import Answer, Behaviour, Mute, Reject, Ring, until

from ivr.inputs import Outcome
from ivr.ports import Away, CallState, Found, Gone, Listening, Refused, Unsure
from ivr.providers.asterisk import control
from ivr.providers.asterisk.commands import Result

pytestmark = pytest.mark.slow

NUMBER = "+5511988880001"


@pytest.fixture(scope="module")
def lab(asterisk_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("c"), asterisk_binary) as made:
        made.start_control()
        yield made
        made.stop_control()


@pytest.fixture(autouse=True)
def _empty(lab: Lab) -> Iterator[None]:
    yield
    lab.hang_up_all()
    until(lambda: lab.node.channels() == [], "the node is empty")


@pytest.mark.parametrize(
    ("behaviour", "phone", "number"),
    [
        (Reject(486), Outcome.BUSY, Outcome.BUSY),
        (Reject(603), Outcome.REFUSED, Outcome.BUSY),
        (Reject(404), Outcome.FAILED, Outcome.FAILED),
        (Reject(503), Outcome.FAILED, Outcome.FAILED),
        (Reject(480), Outcome.NO_ANSWER, Outcome.NO_ANSWER),
        (Ring(), Outcome.NO_ANSWER, Outcome.NO_ANSWER),
    ],
    ids=["busy", "declined", "not-found", "unavailable", "no-answer", "rings"],
)
def test_how_a_call_came_out_is_told(lab: Lab, behaviour: Behaviour, phone: Outcome, number: Outcome) -> None:
    lab.phone("ana", behaviour)
    lab.carrier.behave(behaviour)
    to_phone, to_number = lab.place("PJSIP/ana", 1_000), lab.place(NUMBER, 1_000)
    assert lab.wait_over(to_phone) is phone
    assert lab.wait_over(to_number) is number
    assert lab.parts.provider.find(to_phone) == Found(CallState.ENDED, phone)


def test_a_number_that_does_not_reply_at_all_is_no_answer_when_its_time_is_over(lab: Lab) -> None:
    lab.carrier.behave(Mute())
    assert lab.wait_over(lab.place(NUMBER, 1_000)) is Outcome.NO_ANSWER


def test_a_call_that_was_answered_stays_answered_to_its_end(lab: Lab) -> None:
    ana = lab.phone("ana", Answer())
    call = lab.place("PJSIP/ana")
    lab.wait_state(call, CallState.UP)
    assert lab.parts.provider.find(call) == Found(CallState.UP)
    ana.wait_call().hang_up()
    assert lab.wait_over(call) is Outcome.ANSWERED


def test_the_invite_of_a_call_says_which_call_it_is(lab: Lab) -> None:
    """So that a trace of SIP can be read beside our log: to a phone and to a number."""
    ana = lab.phone("ana")
    lab.carrier.behave(Ring())
    to_phone, to_number = lab.place("PJSIP/ana"), lab.place(NUMBER)
    assert ana.wait_call().shown("X-Retorno-Call") == to_phone
    assert lab.rung(to_number).shown("To")


def test_a_call_that_we_end_while_it_rings_is_canceled(lab: Lab) -> None:
    ana = lab.phone("ana")
    call = lab.place("PJSIP/ana")
    rings = ana.wait_call()
    assert lab.parts.provider.find(call) == Found(CallState.RINGING)
    lab.parts.provider.hangup(call)
    rings.wait_ended()
    assert lab.wait_over(call) is Outcome.CANCELED


def test_a_call_that_we_end_before_it_has_a_channel_never_rings_on(lab: Lab) -> None:
    lab.phone("ana")
    calls = [lab.place("PJSIP/ana") for _ in range(4)]
    for call in calls:
        lab.parts.provider.hangup(call)
    assert {lab.wait_over(call) for call in calls} == {Outcome.CANCELED}


def test_ending_a_call_that_is_over_is_nothing(lab: Lab) -> None:
    lab.phone("ana", Reject(486))
    call = lab.place("PJSIP/ana")
    assert lab.wait_over(call) is Outcome.BUSY
    lab.parts.provider.hangup(call)
    with pytest.raises(Gone):
        lab.parts.provider.redirect(call, "a1")


def test_a_phone_that_is_not_registered_is_refused_for_now(lab: Lab) -> None:
    with pytest.raises(Refused, match="not registered") as told:
        lab.place("PJSIP/ghost")
    assert not told.value.permanent


def test_a_caller_who_hangs_up_is_known_to_be_gone(lab: Lab) -> None:
    call = lab.phone("cai").dial("100")  # a desk phone may not call in: it is told so and hears a tone
    call.wait_ended()
    caller = lab.phones.add("5511977770001", lab.node.sip).dial("+551130001000").wait_up()
    until(lambda: lab.registry.calls("node1"), "the call is registered")
    known = lab.incoming()
    caller.hang_up()
    assert lab.wait_over(known) is Outcome.ANSWERED


def test_callers_who_hang_up_at_once_leave_nothing_behind(lab: Lab) -> None:
    """The end may be heard of before the beginning: no call stays registered without a channel."""
    phone = lab.phones.add("5511977770002", lab.node.sip)
    for wait_s in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08):
        call = phone.dial("+551130001000")
        time.sleep(wait_s)  # to meet the webhook at different moments; nothing is waited for
        call.hang_up()
        call.wait_ended()
    until(lambda: not lab.registry.calls("node1"), "nothing is registered")


def test_the_line_hears_of_phones_that_come_are_used_and_go(lab: Lab) -> None:
    ana = lab.phone("ana", Answer())
    until(lambda: lab.last_told("PJSIP/ana") == "free", "free")
    call = lab.place("PJSIP/ana")
    until(lambda: lab.last_told("PJSIP/ana") == "in_use", "in use")
    lab.wait_state(call, CallState.UP)
    ana.wait_call().hang_up()
    until(lambda: lab.last_told("PJSIP/ana") == "free", "free again")
    ana.unregister()
    until(lambda: lab.last_told("PJSIP/ana") == "gone", "gone")
    assert lab.registry.view((), 0, device="PJSIP/ana").homes == ()


def test_a_hand_over_between_desk_phones_is_told_with_its_calls(lab: Lab) -> None:
    """The agent rings a colleague from his telephone and puts the two together."""
    ana, bia = lab.phone("ana", Answer()), lab.phone("bia", Answer())
    caller = lab.phones.add("5511977770003", lab.node.sip).dial("+551130001000").wait_up()
    until(lambda: lab.registry.calls("node1"), "the call is registered")
    customer = lab.incoming()
    agent = lab.place("PJSIP/ana")
    lab.wait_state(agent, CallState.UP)
    lab.bridge(agent, customer)
    second = ana.dial("bia").wait_up()
    bia_call = bia.wait_call()
    until(lambda: bia_call.up, "bia has answered")
    ana.calls()[-1].refer_attended(second)
    until(lambda: any(words[0] == customer for words in lab.told), f"it is told: {lab.told}")
    (told,) = [words for words in lab.told if words[0] == customer]
    assert told[1] == "PJSIP/bia"
    ana.calls()[-1].hang_up()
    assert lab.wait_over(agent) is Outcome.ANSWERED
    assert lab.known(customer).state is CallState.UP
    assert told[2] in lab.uniqueids()
    assert lab.parts.provider.find(told[2]) == Found(CallState.UP)  # else the next look at the talk would end it
    caller.hang_up()
    assert lab.wait_over(customer) is Outcome.ANSWERED
    bia_call.hang_up()
    assert lab.wait_state(told[2], CallState.ENDED).outcome is Outcome.ANSWERED


PREMIUM = "%2B19005550000"


@pytest.mark.parametrize("to", ["PJSIP/ana", NUMBER], ids=["a phone", "a number"])
@pytest.mark.parametrize("answers", [True, False], ids=["answered", "rung"])
@pytest.mark.parametrize(
    "target",
    [f"PJSIP%2F{PREMIUM}%40carrier", f"Local%2F{PREMIUM}%40retorno-in", "Local%2Fbia%40retorno-phones", PREMIUM, "bia"],
)
def test_who_is_rung_sends_us_on_to_nobody(lab: Lab, to: str, answers: bool, target: str) -> None:
    """302 Moved, to a number or to a channel of the one's own choice, at our expense."""
    rung, bia = lab.phone("ana") if to != NUMBER else lab.carrier, lab.phone("bia")
    lab.carrier.behave(Ring())
    before = len(rung.calls())
    call = lab.place(to, 5_000)
    until(lambda: len(rung.calls()) > before, "it is rung")
    for phone in (lab.carrier, bia):
        phone.behave(Answer() if answers else Ring())
    known, first = len(lab.carrier.calls()), rung.calls()[-1]
    first.divert(f"sip:{target}@127.0.0.1")
    assert lab.wait_over(call) is Outcome.FAILED
    until(lambda: lab.node.channels() == [], "nobody is rung or talks")
    for other in [*lab.carrier.calls()[known:], *bia.calls()]:
        assert other.heard() == []


def test_a_supervisor_is_rung_to_listen(lab: Lab) -> None:
    ana, bia = lab.phone("ana", Answer()), lab.phone("bia", Answer())
    call = lab.place("PJSIP/ana")
    lab.wait_state(call, CallState.UP)
    lab.parts.provider.listen("PJSIP/bia", call, Listening.LISTEN)
    bia.wait_call().wait_up()
    ana.wait_call().hang_up()
    lab.wait_over(call)
    bia.calls()[-1].wait_ended()
    with pytest.raises(Gone):
        lab.parts.provider.listen("PJSIP/bia", call, Listening.LISTEN)


def test_a_talk_that_is_not_recorded_cannot_go_on_being_recorded(lab: Lab) -> None:
    ana = lab.phone("ana", Answer())
    call = lab.place("PJSIP/ana")
    lab.wait_state(call, CallState.UP)
    with pytest.raises(Refused, match="not being recorded"):
        lab.parts.provider.record(call, True)
    ana.wait_call().hang_up()
    lab.wait_over(call)


def test_a_display_name_that_writes_fields_moves_nobody_else(lab: Lab) -> None:
    """The attack that was proved on the bare library: a Hangup that seems to be another call's."""
    victim = lab.phones.add("5511977770006", lab.node.sip).dial("+551130001000").wait_up()
    until(lambda: lab.registry.calls("node1"), "the call is registered")
    target = lab.incoming()
    name = "".join(f"Bob{end}Channel: PJSIP/evil{end}Uniqueid: {target}" for end in ("\u2028", "\u0085"))
    attacker = lab.phones.add("5511977770007", lab.node.sip).dial("+551130001000", display_name=name).wait_up()
    until(lambda: len(lab.registry.calls("node1")) == 2, "both are registered")
    own = next(call for call in lab.registry.calls("node1") if call != target)
    attacker.hang_up()
    assert lab.wait_over(own) is Outcome.ANSWERED
    assert lab.known(target).state is CallState.UP
    assert victim.up
    victim.hang_up()
    assert lab.wait_over(target) is Outcome.ANSWERED


def test_a_sound_is_kept_whole_or_not_at_all(lab: Lab) -> None:
    sound, content = "5f" * 16, bytes(range(256)) * 40
    text = base64.b64encode(content).decode()
    assert lab.commands().ask("node1", "sound", id=sound, bytes=text).result is Result.OK
    assert (lab.folder / "sounds" / f"{sound}.ulaw").read_bytes() == content
    for name, given in (("../evil", text), (sound[:-1], text), ("5e" * 16, "not base64!")):
        answer = lab.commands().ask("node1", "sound", id=name, bytes=given)
        assert (answer.result, answer.permanent) == (Result.REFUSED, True)
    assert not (lab.folder / "sounds" / f"{'5e' * 16}.ulaw").exists()
    assert not (lab.folder / "evil.ulaw").exists()


@pytest.mark.parametrize("call", ["/.*/", "PJSIP/ana-00000001\r\n", "", "a" * 81, "a b", "\u0661"])
def test_what_is_no_id_of_a_call_is_not_given_to_asterisk(lab: Lab, call: str) -> None:
    """AMI takes a pattern for a channel: /.*/ would hang up everybody."""
    ana = lab.phone("ana", Answer())
    stays = lab.place("PJSIP/ana")
    lab.wait_state(stays, CallState.UP)
    for do in ("hangup", "redirect", "find", "recording", "spy"):
        with pytest.raises(Unsure):
            lab.commands().ask("node1", do, call=call, attempt="a1", on=True, phone="PJSIP/bia", mode="listen", via="")
    assert lab.known(stays).state is CallState.UP
    assert ana.wait_call().up


def test_a_heartbeat_tells_how_the_node_is(lab: Lab) -> None:
    lab.phone("ana", Answer())
    call = lab.place("PJSIP/ana")
    lab.wait_state(call, CallState.UP)
    until(lambda: lab.beat().channels == 1, "its one call is told")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", lab.beat().boot)


def test_a_control_process_that_is_stopped_says_so_and_calls_go_on_without_it(lab: Lab) -> None:
    ana = lab.phone("ana", Answer())
    call = lab.place("PJSIP/ana")
    lab.wait_state(call, CallState.UP)
    lab.stop_control()
    try:
        assert not lab.beat().up
        with pytest.raises(Unsure, match="not up"):
            lab.place("PJSIP/ana")
        assert ana.wait_call().up
    finally:
        lab.start_control()
    assert lab.known(call).state is CallState.UP
    lab.parts.provider.hangup(call)
    assert lab.wait_over(call) is Outcome.ANSWERED


def test_a_call_that_was_to_be_ended_while_nobody_took_orders_is_ended_by_whoever_comes(lab: Lab) -> None:
    ana = lab.phone("ana", Answer())
    call = lab.place("PJSIP/ana")
    lab.wait_state(call, CallState.UP)
    lab.stop_control()
    try:
        with pytest.raises(Away):
            lab.parts.provider.hangup(call)
        assert ana.wait_call().up
    finally:
        lab.start_control()
    assert lab.wait_over(call) is Outcome.ANSWERED


def test_who_answers_when_no_web_server_does_has_refused_nothing_and_nobody_else_is_rung(lab: Lab) -> None:
    """He hears an apology; his place in line is for the line to give back."""
    lab.carrier.behave(Ring())
    call = lab.place(NUMBER)
    rings = lab.rung(call)
    with lab.no_web():
        until(lambda: not lab.originates(), "the node knows that there is none", patience_s=20)
        rings.answer()
        assert lab.wait_over(call) is Outcome.CANCELED
    until(lab.originates, "they answer again")


def test_a_message_whose_caller_hangs_up_when_no_web_server_answers_is_not_lost(lab: Lab) -> None:
    caller = lab.phones.add("5511977770009", lab.node.sip).dial("+551130001000").wait_up()
    until(lambda: lab.registry.calls("node1"), "the call is registered")
    call = next(iter(lab.registry.calls("node1")))
    caller.press("2", wait=False)
    caller.say(700)
    file = lab.node.root / "spool" / "retorno"
    until(lambda: any(one.stat().st_size > 30_000 for one in file.glob(f"{call}-*.wav")), "two seconds are recorded")
    with lab.no_web():
        caller.hang_up()
        assert lab.wait_over(call) is Outcome.ANSWERED
    (left,) = [event for _, event in lab.parts.line.store.events() if event.type == "voicemail_left"]
    assert (left.call, left.data["box"]) == (call, "lab")
    assert (file / f"{left.data['url'].rpartition('/')[2]}.wav").is_file()


# What dies


def test_asterisk_killed_with_calls_up_ends_them_all_and_is_used_again(lab: Lab) -> None:
    lab.phone("ana", Answer())
    calls = [lab.place("PJSIP/ana") for _ in range(3)]
    for call in calls:
        lab.wait_state(call, CallState.UP)
    lab.node.kill()
    with pytest.raises((Unsure, Refused)):
        until_known(lab)
    lab.node.start()
    assert {lab.wait_over(call) for call in calls} == {Outcome.ANSWERED}
    lab.wait_up()
    ana = lab.phone("ana", Reject(486))
    assert lab.wait_over(lab.place("PJSIP/ana")) is Outcome.BUSY
    assert ana.calls()


def until_known(lab: Lab) -> None:
    """Ask until the node is known to be away; raises as the provider does."""
    for _ in range(100):
        lab.place("PJSIP/ana")
        time.sleep(0.05)


def test_an_asterisk_that_hangs_is_not_asked_and_nothing_is_lost_when_it_goes_on(lab: Lab) -> None:
    ana = lab.phone("ana", Answer())
    call = lab.place("PJSIP/ana")
    lab.wait_state(call, CallState.UP)
    os.kill(lab.node.pid, signal.SIGSTOP)
    until(lambda: not lab.beat().up, "it is known to hang")
    ana.wait_call().hang_up()
    os.kill(lab.node.pid, signal.SIGCONT)
    assert lab.wait_over(call) is Outcome.ANSWERED
    lab.wait_up()


def test_an_asterisk_that_does_not_come_back_ends_its_calls_and_loses_its_phones(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.phone("ana", Answer())
    call = lab.place("PJSIP/ana")
    lab.wait_state(call, CallState.UP)
    until(lambda: lab.on_disk("/registrar/contact/ana;"), "the node has written down where her phone is")
    monkeypatch.setattr(control, "MUTE_S", 0.3)
    monkeypatch.setattr(control, "DEAD_MS", 600)
    lab.told.clear()
    lab.node.kill()
    try:
        assert lab.wait_over(call) is Outcome.ANSWERED
        until(lambda: lab.last_told("PJSIP/ana") == "gone", "her phone is told to be gone")
    finally:
        lab.node.start()
    lab.wait_up()
    until(lambda: lab.last_told("PJSIP/ana") == "free", "her phone, which had registered before, can be rung again")


def test_redis_killed_while_calls_end_hears_of_every_end_when_it_is_back(lab: Lab) -> None:
    ana = lab.phone("ana", Answer())
    calls = [lab.place("PJSIP/ana") for _ in range(4)]
    for call in calls:
        lab.wait_state(call, CallState.UP)
    lab.stop_redis()
    try:
        for talk in ana.calls():
            talk.hang_up()
        until(lambda: lab.node.channels() == [], "all have ended on the node")
    finally:
        lab.start_redis()
    assert {lab.wait_over(call) for call in calls} == {Outcome.ANSWERED}
    lab.wait_up()


def test_a_control_process_killed_while_a_call_ends_and_another_begins(lab: Lab) -> None:
    """The next one takes over at once, from what it sees: one call has gone meanwhile, one has come."""
    lab.stop_control()
    try:
        process = lab.start_process()
        lab.wait_up()
        standing_by = lab.start_process()
        until(lambda: "stands_by" in (lab.folder / "control.log").read_text(), "the second one stands by")
        ana = lab.phone("ana", Answer())
        ends = lab.place("PJSIP/ana")
        first = ana.wait_call()
        stays = lab.place("PJSIP/ana")
        for call in (ends, stays):
            lab.wait_state(call, CallState.UP)
        process.send_signal(signal.SIGSTOP)
        first.hang_up()
        caller = lab.phones.add("5511977770004", lab.node.sip).dial("+551130001000").wait_up()
        process.kill()
        process.wait(10)
        assert lab.wait_over(ends) is Outcome.ANSWERED
        lab.wait_up()
        assert standing_by.poll() is None
        assert lab.known(stays).state is CallState.UP
        until(lambda: len(lab.registry.calls("node1")) == 2, "the one that stays, and the one that has come")
        known = lab.incoming()
        caller.hang_up()
        assert lab.wait_over(known) is Outcome.ANSWERED
        lab.parts.provider.hangup(stays)
        assert lab.wait_over(stays) is Outcome.ANSWERED
    finally:
        lab.end_processes()
        lab.start_control()


def test_a_call_that_the_line_holds_for_over_is_hung_up(lab: Lab) -> None:
    """As after a node that was out of sight for so long that its calls were given up."""
    caller = lab.phones.add("5511977770005", lab.node.sip).dial("+551130001000").wait_up()
    until(lambda: lab.registry.calls("node1"), "the call is registered")
    call = lab.incoming()
    lab.parts.calls.ended(call, Outcome.ANSWERED)
    lab.registry.ended(call, Outcome.ANSWERED)
    lab.stop_control()
    lab.start_control()
    caller.wait_ended()
