"""The doors of the Asterisk side on a real node: webhooks, the manager interface, commands in Redis, files. Who has no key gets
nothing; who has one gets no more than it is for; and an answer of the web server is data, whatever stands in it.
"""

from __future__ import annotations

import base64
import json
import re
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from company import MUSIC, Company
from dialplan_lab import Lab, Web, bye, gather, hertz
from rig import Phones, Ring, until

from ivr.clock import SystemClock
from ivr.ports import Unsure
from ivr.providers.asterisk import mac, passwords
from ivr.providers.asterisk.commands import Commands, _signed
from ivr.providers.asterisk.control import USER
from ivr.providers.asterisk.link import AmiRefused, Link
from ivr.providers.asterisk.registry import Registry

pytestmark = pytest.mark.slow

PREMIUM = "+19005550000"
NODE = "node1"


@pytest.fixture(scope="module")
def company(asterisk_binary: Path) -> Iterator[Company]:
    with Company({"desk": "", "other": ""}, asterisk_binary) as one:
        yield one


# Webhooks


def body(company: Company, path: str, at_s: Any = 0, node: str = NODE, key_of: str = NODE, **fields: str) -> bytes:
    """What a node would send now, or at another time, signed with the key of a node."""
    sent = {"node": node, "time": str(int(at_s or time.time())), **fields}
    plain = "&".join(f"{name}={urllib.request.quote(value, safe='')}" for name, value in sent.items()).encode()  # type: ignore[attr-defined]
    return mac.signed(bytes.fromhex(passwords.webhook(company.settings, key_of)), path, plain)


def post(company: Company, path: str, sent: bytes, method: str = "POST") -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"http://127.0.0.1:{company.port}{path}", data=sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as refused:
        return refused.code, {}


def known(company: Company, call: str) -> bool:
    return company.parts.calls.sessions.load(call) is not None


INCOMING = "/asterisk/incoming"


@pytest.mark.parametrize(
    "forge",
    [
        lambda sent: sent.rpartition(b"&mac=")[0],
        lambda sent: sent.rpartition(b"&mac=")[0] + b"&mac=",
        lambda sent: sent[:-1] + (b"0" if sent[-1:] != b"0" else b"1"),
        lambda sent: sent + b"&to=9",
        lambda sent: b"to=9&" + sent,
        lambda sent: sent.replace(b"to=", b"to=1", 1),
        lambda sent: sent.replace(b"node=node1", b"node=node2"),
        lambda sent: sent.replace(b"node=node1", b"node=node1&node=node1"),
        lambda sent: sent.upper(),
        lambda sent: b"",
        lambda sent: b"\xff\xfe" + sent,
        lambda sent: b"{}",
        lambda sent: b"&".join([b"x=1"] * 5_000) + b"&" + sent,
    ],
    ids=[
        "none",
        "empty",
        "wrong",
        "after",
        "before",
        "changed",
        "node",
        "twice",
        "upper",
        "nothing",
        "bytes",
        "json",
        "many",
    ],
)
def test_what_no_node_has_signed_is_refused_and_nothing_begins(company: Company, forge: Any) -> None:
    sent = body(company, INCOMING, call="forged-1", to="+551130001000", **{"from": "+5511988887777"})
    assert post(company, INCOMING, forge(sent)) == (403, {})
    assert not known(company, "forged-1")


def test_a_signature_is_good_for_its_path_its_node_and_five_minutes(company: Company) -> None:
    fields = {"call": "forged-2", "to": "+551130001000", "from": "+5511988887777"}
    elsewhere = body(company, "/asterisk/answered", **fields)
    others = body(company, INCOMING, key_of="node2", **fields)
    unknown = body(company, INCOMING, node="node9", key_of="node9", **fields)
    early, late = (body(company, INCOMING, at_s=time.time() + off, **fields) for off in (-302, 302))
    for sent in (elsewhere, others, unknown, early, late):
        assert post(company, INCOMING, sent) == (403, {})
    assert post(company, INCOMING, body(company, INCOMING, **fields), "PUT")[0] == 405
    assert not known(company, "forged-2")


def test_a_request_that_is_repeated_at_once_gets_the_same_answer_and_changes_nothing(company: Company) -> None:
    begin = body(company, INCOMING, call="replayed-1", to="+551130001000", **{"from": "+5511988887777"})
    first = post(company, INCOMING, begin)
    assert first[0] == 200
    press = body(company, "/asterisk/turn", call="replayed-1", turn=first[1]["turn"], **{"in": "digits", "d": "1"})
    second = post(company, "/asterisk/turn", press)
    assert second[1]["op"] == "hold"
    events = len(company.events())
    assert [post(company, "/asterisk/turn", press) for _ in range(5)] == [second] * 5
    assert post(company, INCOMING, begin)[0] == 200
    assert (
        len([event for event in company.events() if event.call == "replayed-1" and event.type == "entry_joined"]) == 1
    )
    assert len(company.events()) == events


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("incoming", {"call": "../../etc/passwd", "from": "x", "to": "x"}),
        ("incoming", {"call": "a b", "from": "${SHELL(id)}", "to": "{{ 7*7 }}"}),
        ("incoming", {"from": "x", "to": "x"}),
        ("incoming", {"call": "odd-1", "from": "'; DROP", "to": "\u2028{{ config }}${SHELL(id)}" * 20}),
        ("answered", {"call": "never-placed"}),
        ("turn", {"call": "never-placed", "turn": "0", "in": "digits", "d": "1"}),
        ("turn", {"call": "odd-1", "turn": "9" * 13, "in": "none"}),
        ("turn", {"call": "odd-1", "turn": "-1", "in": "none"}),
        ("turn", {"call": "odd-1", "turn": "0", "in": "digits", "d": "1" * 65}),
        ("turn", {"call": "odd-1", "turn": "0", "in": "digits", "d": "${SHELL(id)}"}),
        ("turn", {"call": "odd-1", "turn": "0", "in": "recorded", "rec": "../../secret", "secs": "1"}),
        ("turn", {"call": "odd-1", "turn": "0", "in": "recorded", "rec": "x", "secs": "1e9"}),
        ("turn", {"call": "odd-1", "turn": "0", "in": "dial", "status": "ANSWER,x", "secs": ""}),
        ("turn", {"call": "odd-1", "turn": "0", "in": "x" * 3_000}),
        ("joined", {"call": "odd-1", "attempt": "../x"}),
        ("joined", {"call": "odd-1", "attempt": "nobodys"}),
        ("transferred", {"call": "odd-1", "to": "+1900,30"}),
        ("transferred", {"call": "odd-1", "to": PREMIUM}),
    ],
)
def test_odd_values_of_a_node_are_refused_or_answered_with_an_operation(
    company: Company, path: str, fields: dict[str, str]
) -> None:
    code, answer = post(company, f"/asterisk/{path}", body(company, f"/asterisk/{path}", **fields))
    assert code in (200, 400)
    if code == 200:
        assert answer["op"] in ("hangup", "gather", "hold", "join")
        assert "SHELL" not in json.dumps(answer)


# The manager interface, with the secret of the control process


@pytest.fixture
def manager(company: Company) -> Iterator[Link]:
    link = Link(*company.nodes[NODE].ami, hear=lambda event: None)
    link.connect()
    link.log_in(USER, passwords.ami(company.settings, NODE))
    yield link
    link.disconnect()


def act(link: Link, name: str, **fields: str) -> dict[str, str]:
    return dict(link.act(name, fields, {}, 3.0))


def mark(company: Company) -> Path:
    return company.folder / "made"


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("Command", {"Command": "core show version"}),
        ("Command", {"Command": "!touch MARK"}),
        ("GetConfig", {"Filename": "manager_retorno.conf"}),
        ("GetConfigJSON", {"Filename": "pjsip_retorno.conf"}),
        ("ListCategories", {"Filename": "pjsip_retorno.conf"}),
        ("UpdateConfig", {"SrcFilename": "manager.conf", "DstFilename": "manager.conf", "Action-000000": "NewCat"}),
        ("CreateConfig", {"Filename": "x.conf"}),
        ("ModuleLoad", {"LoadType": "load", "Module": "app_system.so"}),
        ("Reload", {}),
        ("DialplanExtensionAdd", {"Context": "retorno", "Extension": "x", "Priority": "1", "Application": "System"}),
        ("DialplanExtensionRemove", {"Context": "retorno", "Extension": "ask"}),
        ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
        ("DBGet", {"Family": "a", "Key": "b"}),
        ("MixMonitor", {"Channel": "x", "File": "MARK.wav"}),
        ("AGI", {"Channel": "x", "Command": "EXEC System touch"}),
        ("UserEvent", {"UserEvent": "x"}),
        ("Filter", {"Operation": "Add", "Filter": "Event: x"}),
        ("Getvar", {"Variable": "SHELL(touch MARK)"}),
        ("Getvar", {"Variable": "EVAL(${SHELL(touch MARK)})"}),
        ("Setvar", {"Variable": "FILE(MARK)", "Value": "x"}),
        ("Setvar", {"Variable": "SHELL(touch MARK)", "Value": "x"}),
        ("Setvar", {"Variable": "DB(a/b)", "Value": "x"}),
        *(
            ("Originate", {"Channel": "PJSIP/d00-a", "Application": app, "Data": "touch MARK"})
            for app in ("System", "TrySystem", "AGI", "EAGI", "MixMonitor", "ExternalIVR", "Exec", "TryExec", "ExecIf")
        ),
        ("Originate", {"Channel": "PJSIP/d00-a", "Application": "Playback", "Data": "${SHELL(touch MARK)}"}),
    ],
)
def test_the_manager_s_user_may_not(company: Company, manager: Link, action: str, fields: dict[str, str]) -> None:
    told = {name: value.replace("MARK", str(mark(company))) for name, value in fields.items()}
    with pytest.raises(AmiRefused):
        act(manager, action, **told)
    assert not mark(company).exists()


@pytest.mark.parametrize(
    "function", ["FILE(/etc/hostname,0,10)", "CURL(http://127.0.0.1:1)", "DB(a/b)", "STAT(s,/etc/hostname)"]
)
def test_the_manager_s_user_reads_no_file_and_asks_no_host(manager: Link, function: str) -> None:
    assert act(manager, "Getvar", Variable=function)["Value"] == ""


def test_whatever_globals_he_writes_calls_go_on_as_before(company: Company, manager: Link) -> None:
    """Asterisk lets him: so no call of ours reads a global, and where to ask is written in the dialplan."""
    dialplan = (company.nodes[NODE].etc / "extensions_retorno.conf").read_text()
    names = sorted(set(re.findall(r"\b(RT_[A-Z]+|RETORNO_[A-Z_]+)\b", dialplan)))
    assert len(names) > 25
    names += [
        "HOOK",
        "TRANSFER_CONTEXT",
        "FORWARD_CONTEXT",
        "DIALSTATUS",
        "WAITDIGITSTATUS",
        "WAITDIGITRESULT",
        "CPLAYBACKSTOPKEY",
    ]
    for name in names:
        act(manager, "Setvar", Variable=name, Value="1")
    act(manager, "Setvar", Variable="CURLOPT(proxy)", Value="127.0.0.1:9")
    act(manager, "Setvar", Variable="CURLOPT(hashcompat)", Value="yes")
    try:
        desk = company.desk("other")
        errors, joined = company.errors(), len(desk.events("entry_joined"))
        call = desk.dial()
        desk.hears(call, "welcome")
        assert not call.first_heard(MUSIC), call.heard()
        call.press("3")
        desk.hears(call, "code")
        call.press("4711#")
        desk.hears(call, "right")
        call.wait_ended()
        waits = desk.in_line()
        assert len(desk.events("entry_joined")) == joined + 1
        waits.hang_up()
        assert company.errors() == errors
    finally:
        for name in names:
            act(manager, "Setvar", Variable=name, Value="")


# Commands in Redis, and files


def test_what_lies_in_redis_is_not_obeyed_unless_we_signed_it_for_that_node_and_now(company: Company) -> None:
    redis, tenant = company.parts.redis, company.settings.tenant
    key = company.settings.key("asterisk commands")
    there = "{" + tenant + "}:ast:node:" + NODE + ":commands"
    phone = company.desk_phone("reserve", Ring())
    common: dict[str, Any] = {"to": "PJSIP/reserve", "caller_id": "", "ring_ms": 20_000, "detect_machine": False}
    ring = {**common, "call": "forged-a", "via": ""}
    now = int(time.time() * 1000)
    command = {"id": "x", "do": "originate", "expires_ms": now + 60_000, "data": ring}
    text = json.dumps(command, separators=(",", ":"))
    for_node2 = _signed(key, "command node2", command)  # ours, taken from one list and laid into another
    late = _signed(key, f"command {NODE}", {**command, "expires_ms": now})
    others = _signed(b"another key of thirty-two characters", f"command {NODE}", command)
    forged = (text, f":{text}", f"{'0' * 64}:{text}", "", "\u2028", text + "\r\n", for_node2, others)
    redis.rpush(there, *forged, late)
    registry, commands = Registry(redis, tenant), Commands(redis, tenant, key, SystemClock())
    commands.ask(NODE, "find", call="forged-a")  # what came before it about this call has been done or dropped
    assert registry.find("forged-a") is None
    log = (company.folder / f"asterisk-{NODE}.log").read_text()
    assert (log.count("command_refused"), log.count("command_dropped_late")) == (len(forged), 1)
    redis.rpush(there, _signed(key, f"command {NODE}", {**command, "id": "y"}))  # in time, and signed for this node
    assert phone.wait_call().shown("X-Retorno-Call") == "forged-a"
    commands.ask(NODE, "hangup", call="forged-a")
    phone.calls()[0].wait_ended()
    assert len(phone.calls()) == 1
    phone.unregister()


def test_a_command_of_ours_can_hold_no_second_action(company: Company) -> None:
    """Whatever a value of a signed command holds: CRLF, U+2028, another channel's name, a path."""
    ask = Commands(
        company.parts.redis, company.settings.tenant, company.settings.key("asterisk commands"), SystemClock()
    )
    waits = company.desk("desk").in_line()
    name = company.nodes[NODE].channels()[0]
    second = "\r\n\r\nAction: Hangup\r\nChannel: /.*/\r\n"
    kinds: dict[str, dict[str, Any]] = {
        "hangup": {},
        "redirect": {"attempt": "x"},
        "find": {},
        "recording": {"on": True},
    }
    for call in (f"x{second}", "/.*/", "/^PJSIP/", "PJSIP/x\u2028Channel: y", "x,y", "", "x" * 81, f"{name}{second}"):
        for do, more in kinds.items():
            with pytest.raises(Unsure):
                ask.ask(NODE, do, call=call, **more)
    common: dict[str, Any] = {"call": "evil-a", "caller_id": second, "ring_ms": 500, "detect_machine": False, "via": ""}
    for to in (
        f"PJSIP/reserve{second}",
        "PJSIP/reserve&PJSIP/x",
        "Local/s@retorno",
        f"PJSIP/{PREMIUM}@carrier",
        "SIP/x",
    ):
        assert ask.ask(NODE, "originate", **{**common, "to": to}).result == "refused"
    for sound in ("../../../tmp/x", "x" * 32, "0" * 33):
        data = base64.b64encode(b"x").decode()
        assert ask.ask(NODE, "sound", id=sound, bytes=data).result == "refused"
    waits.wait_hears(MUSIC)
    assert company.nodes[NODE].channels() == [name]
    waits.hang_up()


def test_files_that_hold_a_secret_are_for_their_owner_and_group(company: Company) -> None:
    settings, etc = company.settings, company.nodes[NODE].etc
    secrets = [passwords.webhook(settings, NODE), passwords.ami(settings, NODE), passwords.phone(settings, "reserve")]
    holders = [file for file in etc.iterdir() if any(secret in file.read_text() for secret in secrets)]
    assert len(holders) >= 3
    for file in holders:
        assert stat.S_IMODE(file.stat().st_mode) & 0o137 == 0, f"{file.name} is {oct(file.stat().st_mode)}"
    logs = [
        file
        for folder in (company.folder, company.nodes[NODE].root / "log")
        for file in folder.glob("*")
        if file.is_file()
    ]
    for file in logs:
        text = file.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in text], f"{file.name} tells a secret"


def test_the_doctor_tells_of_a_manager_s_user_who_may_more(company: Company) -> None:
    conf = company.nodes[NODE].etc / "manager_retorno.conf"
    text = conf.read_text()
    try:
        conf.write_text(re.sub(r"^write = .*$", "write = call,originate,reporting,system,command", text, flags=re.M))
        company.nodes[NODE].cli("manager reload")
        for words in (("asterisk", "check"), ("doctor",)):
            command = [sys.executable, "-m", "ivr.cli", *words]
            told = subprocess.run(
                command, env=company.env, cwd=company.folder, capture_output=True, text=True, check=False
            )
            assert told.returncode == 1, told.stdout
            assert "may do more than it needs: command, system" in told.stdout
    finally:
        conf.write_text(text)
        company.nodes[NODE].cli("manager reload")


# What a web server answers


HOSTILE = (
    "${SHELL(touch MARK)}${EVAL(${SHELL(touch MARK)})}$[1/0]",
    'x",20,gU(retorno^s^1)M(x):System(touch MARK),"',
    f"1):MixMonitor(MARK.wav,,touch MARK):Dial(PJSIP/{PREMIUM}@carrier",
    f"ana&PJSIP/{PREMIUM}@carrier,30,gU(x^{PREMIUM})",
    "../../../../tmp/x&../../x,skip",
    '"};{"op":"dial"}${RT_ANSWER}\u2028\r\nAction: x',
)
FIELDS = {
    "gather": ("max", "first", "inter", "finish", "fixed", "open", "turn", "again"),
    "hold": ("music", "secs", "keys", "fixed", "open"),
    "record": ("secs", "silence", "finish"),
    "dial": ("to", "secs", "caller"),
    "join": ("room", "host", "record"),
    "hangup": ("reason", "fixed"),
}
SANE = {
    "gather": gather(first="0.2", inter="0.2"),
    "hold": {"op": "hold", "music": "default", "secs": "0.3", "keys": "1"},
    "record": {"op": "record", "secs": "1", "silence": "1", "finish": "#"},
    "dial": {"op": "dial", "to": "ana", "secs": "1", "caller": ""},
    "join": {"op": "join", "room": "a1", "host": "0", "record": "0"},
    "hangup": bye(),
}


def test_an_answer_of_the_web_server_is_data(asterisk_binary: Path, tmp_path: Path) -> None:
    """Each field of each operation, with each of the texts above, in a call of its own; then `op` itself. Nobody is rung, no
    file is made, and the next call is as ever."""
    with ExitStack() as stack:
        web, phones = stack.enter_context(Web()), stack.enter_context(Phones())
        carrier = phones.add("carrier", ("127.0.0.1", 9), behaviour=Ring(), lines=1_000)
        lab = stack.enter_context(Lab("node1", tmp_path, asterisk_binary, (web.url,), carrier=carrier.port))
        made = tmp_path / "made"
        crowd = phones.add("crowd", lab.node.sip, lines=1_000, media="sink")
        texts = [text.replace("MARK", str(made)) for text in HOSTILE]
        stories = [{**SANE[op], name: text} for op, names in FIELDS.items() for name in names for text in texts]
        stories += [{**bye(), "op": text} for text in (*texts, "incoming", "ask", "System", "giveup", "", "x" * 500)]
        calls = []
        for at, story in enumerate(stories):
            web.tell(f"8{at:04}", story)
            calls.append(crowd.dial(f"8{at:04}"))
        for at in range(len(stories)):
            web.wait_posts(f"8{at:04}", 1)
        web.tell("700", gather(open=hertz(600)))
        sane = phones.add("sane", lab.node.sip).dial("700").wait_up()
        sane.wait_hears(600)
        until(
            lambda: sum(call.ended is not None for call in calls) > len(calls) * 0.7, "most have ended", patience_s=30
        )
        assert carrier.calls() == []
        assert not list(tmp_path.glob("made*"))
        assert web.forged == []
