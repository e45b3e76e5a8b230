"""What a caller, an agent's phone or somebody on the wire may try against a real Asterisk with our files: nothing comes of it.

The proof is what did not happen: no program ran (no file was made), nobody was rung whom no flow and no queue asked for (the
carrier's own list of all calls to it), no branch was taken (the same is heard), and a bystander's music never broke.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from company import MUSIC, Company, Desk, breaks
from rig import Call, Reject, Ring, until
from stories import Told, story, tell_all

from ivr.ports import CallState
from ivr.providers.asterisk.registry import Registry

pytestmark = pytest.mark.slow

PREMIUM = "+19005550000"


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, asterisk_binary: Path) -> Iterator[Told]:
    yield from tell_all(request, asterisk_binary)


def programs(company: Company) -> list[str]:
    """What has opened a PBX before: the four attacks that were proven in the research, and their relatives. Each would make
    a file in the folder of `made`, or ring PREMIUM."""
    touch = f"touch {company.folder}/made"
    return [
        f"${{SHELL({touch})}}",
        f"${{EVAL(${{SHELL({touch})}})}}",
        f"`{touch}`;$({touch})",
        '" | "1"="1',
        'x" = "x" & ${RT_CALL} : "',
        "$[1/0]",
        f"1):MixMonitor({company.folder}/made.wav,,{touch}",
        f"1):Dial(PJSIP/{PREMIUM}@carrier,30",
        f"1,1):Goto(retorno-phones,{PREMIUM},1",
        f"&to={PREMIUM}&mac=",
        f"a,b|c^d~e?op-dial:op-hangup\\,{PREMIUM}",
        '"}, {"op":"dial","to":"ana"',
        "Bob\u2028Channel: PJSIP/carrier\u2028Uniqueid: 1\u2028Event: Hangup\u0085Cause: 17",
        "%0d%0a%0d%0aAction: Originate%0d%0a",
        "x" * 300,
    ]


def made(company: Company) -> list[str]:
    return [file.name for file in company.folder.glob("made*")]


def rung(company: Company) -> set[str]:
    """The users (numbers) that anybody has been rung by at the carrier."""
    return {call.shown("To").partition("sip:")[2].partition("@")[0] for call in company.carrier.calls()}


def as_user(text: str) -> str:
    """As the user of a SIP address: RFC 3261 lets a caller write any character so."""
    return "".join(
        char if char.isalnum() and char.isascii() else "".join(f"%{b:02X}" for b in char.encode()) for char in text
    )


def caller(desk: Desk, number: str = "", **shown: Any) -> Call:
    """Somebody at the trunk calls the desk, with what he shows of himself chosen freely."""
    phone = desk.company.phones.add("stranger", desk.node.sip)
    return phone.dial(number or desk.number, **shown)


def _settled(call: Call) -> bool:
    return call.up or call.ended is not None


def headers(text: str) -> dict[str, str]:
    address = f'"{text}" <sip:{as_user(text)}@127.0.0.1>'
    names = ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion", "Alert-Info", "Call-Info")
    quoted = {name: address.replace('"' + text + '"', '"' + text.replace('"', "'") + '"') for name in names}
    return {**quoted, "Subject": text, "X-Anything": text, "Priority": text, "Organization": text}


# What a caller can choose


@story()
def test_no_name_no_number_and_no_header_of_a_caller_is_a_program(desk: Desk) -> None:
    """He walks through what a dialplan does with a caller: a menu, a transfer, an end."""
    desk.company.carrier.behave(Reject(486))
    calls = []
    for text in programs(desk.company):
        shown: dict[str, Any] = {"display_name": text, "from_user": as_user(text)[:240], "extra_headers": headers(text)}
        calls.append(caller(desk, **shown).wait_up())
    for call in calls:
        desk.hears(call, "welcome")
        call.press("4", wait=False)
    for call in calls:
        desk.hears(call, "busy")
        assert call.wait_ended().by == "them"


@story()
def test_no_number_that_is_dialled_is_a_program_or_leads_out(desk: Desk) -> None:
    """Each is answered by a flow, as a call to a number that is nobody's, or not at all."""
    numbers = [as_user(text)[:240] for text in programs(desk.company)]
    numbers += [f"1{number}" for number in numbers]
    numbers += [*OUTSIDE, "reserve", f"{desk.queue}-a", "7001", "*2", "#1", "s", "i", "t", "h", "incoming", "op-dial"]
    calls = [caller(desk, number) for number in numbers]
    for call, number in zip(calls, numbers, strict=True):
        until(partial(_settled, call), f"{number} is answered", desk.told)
    up = [call for call in calls if call.up]
    assert len(up) > len(OUTSIDE) + 10
    for call in up:
        desk.hears(call, "welcome")
    assert {call.ended.code for call in calls if call.ended} <= {400, 404, 416, 484}


@story()
def test_keys_that_no_telephone_has_do_nothing(desk: Desk) -> None:
    call = caller(desk).wait_up()
    desk.hears(call, "welcome")
    for signal in ("${SHELL(id)}", '" | "1"="1', "A", "D", ",2", "-1", "", "\r\nAction: Logoff"):
        assert call.info(f"Signal={signal}\r\nDuration=160\r\n")
    call.press("3")
    desk.hears(call, "code")


@story()
def test_fields_in_a_display_name_end_no_other_call(desk: Desk) -> None:
    """Proven before with the library's own parser: a U+2028 in a name wrote fields of a Hangup about somebody else's call."""
    bystander = desk.in_line()
    since, waits = time.monotonic(), desk.events("entry_joined")[0].call
    fields = ("Event: Hangup", f"Uniqueid: {waits}", "ChannelState: 6", "Cause: 16", f"Channel: {waits}")
    for end in ("\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c", "%0D%0A"):
        name = "Bob" + end + end.join(fields) + end
        attacker = caller(desk, display_name=name, from_user="5511988887777").wait_up()
        desk.hears(attacker, "welcome")
        attacker.hang_up()
    ended = f"{desk.node.name}-"  # seven calls of ours have begun and ended: then whatever could come of it has come
    until(lambda: len([e for e in desk.company.events("call_ended") if e.call.startswith(ended)]) >= 7, "all are over")
    registry = Registry(desk.company.parts.redis, desk.company.settings.tenant)
    known = registry.find(waits)
    assert known
    assert known.state is CallState.UP
    assert desk.entry_is("waiting").call == waits
    assert breaks(bystander, MUSIC, since, time.monotonic() - 0.2) == []


# What a telephone of ours can choose

OUTSIDE = (
    *(PREMIUM, "+551130009999", "0011900555000", "019005550000", "9019005550000", "190", "112", "911", "*98", "0", "9"),
    *("19005550000", "00", "+", f"{PREMIUM}%40carrier", f"7001%26PJSIP%2F{PREMIUM}%40carrier", "anyone", "carrier"),
)


@story()
def test_a_desk_phone_can_dial_nothing_but_desk_phones(desk: Desk) -> None:
    phone = desk.phone()
    calls = [phone.dial(number) for number in (*OUTSIDE, desk.queue, "incoming", "answered", "joined", "s", "h")]
    assert {call.wait_ended().code for call in calls} <= {404, 484}


@story()
def test_an_agent_can_send_his_customer_nowhere_outside(desk: Desk) -> None:
    """By the telephone's transfer key, by #1 and by *2: the customer keeps his place and is served by the next."""
    customer = desk.in_line()
    place = desk.entry().score
    desk.agent(lines=2)  # he may be rung again before his first call has ended
    talk = desk.talks()
    desk.both_talk(customer, talk)
    for number in (PREMIUM, "019005550000"):
        talk.refer(number)
        talk.wait_transferred()
        talk.hang_up()
        talk = desk.talks()
        desk.both_talk(customer, talk)
    for keys in ("#1019005550000", "*2019005550000"):
        talk.press(keys)
        customer.wait_hears(MUSIC)
    assert desk.entry().score == place


@story()
def test_a_customer_can_send_his_agent_nowhere(desk: Desk) -> None:
    """Neither by REFER, in the talk or before it, nor by the keys of an agent."""
    early = caller(desk).wait_up()
    desk.hears(early, "welcome")
    early.ask_refer(PREMIUM)
    early.hang_up()
    customer = desk.in_line()
    desk.agent()
    talk = desk.talks()
    desk.both_talk(customer, talk)
    customer.press("#1019005550000")
    customer.press("*2019005550000")
    assert customer.ask_refer(PREMIUM) != 202
    assert customer.ask_refer("019005550000") != 202
    desk.both_talk(customer, talk)


@story()
def test_a_telephone_that_diverts_its_calls_makes_us_call_nobody(desk: Desk) -> None:
    """302 Moved: to an agent's phone, to a person that a flow rings, to a desk phone that another rings."""
    desk.phone("a", Ring())
    desk.company.parts.line.add_agent(f"{desk.queue}-a", "a", f"PJSIP/{desk.queue}-a", (desk.queue,), lang="en")
    desk.phone("b")
    waiting = desk.in_line()
    desk.sign_in("a")
    targets = [f"sip:{PREMIUM}@127.0.0.1:{desk.company.carrier.port}", f"sip:{PREMIUM}@carrier", f"tel:{PREMIUM}"]
    for target in targets[:2]:
        desk.agents["a"].wait_call().divert(target)
    desk.company.parts.line.pause(f"{desk.queue}-a", "break")
    seven = desk.company.desk_phone("7001", Ring())
    flow = caller(desk).wait_up()
    desk.hears(flow, "welcome")
    flow.press("5")
    seven.wait_call().divert(targets[2])
    desk.hears(flow, "sorry")
    inside = desk.agents["b"].dial(f"{desk.queue}-a")
    desk.agents["a"].wait_call().divert(targets[0])
    inside.wait_ended()
    waiting.wait_hears(MUSIC)


# What the carrier saw


def test_nobody_was_rung_and_nothing_was_made(told: Told) -> None:
    """After all the others: at the carrier only the number that the flow of a desk transfers to has been rung."""
    company = told.company
    for name in told.futures:
        told.outcome(name)
    assert made(company) == []
    assert rung(company) <= {company.desk(name).elsewhere for name in company.names}
    assert not [line for line in company.errors() if "Traceback" in line]
