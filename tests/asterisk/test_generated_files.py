"""The generated files on a real Asterisk 22: it boots on them without a complaint, they say what was meant, and the check
finds what somebody has changed since. Also as fragments in a PBX that was there before us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from dialplan_lab import SETTINGS as LAB
from dialplan_lab import Web
from rig import Answer, Node, Phones, Reject, tone, until

from ivr.cli import asterisk_check as check
from ivr.cli.findings import Finding, Level
from ivr.config import Settings
from ivr.providers.asterisk import files, passwords, standby
from ivr.providers.asterisk.forms import Address, Place
from ivr.providers.asterisk.nodes import Node as SiteNode
from ivr.providers.asterisk.nodes import Phone, Site, Trunk
from ivr.speech.engine import Engine
from ivr.speech.sounds import Sounds

pytestmark = pytest.mark.slow

# What a carrier may have chosen: each could mean something in a file of Asterisk.
NASTY = ("p;a", "p\\;a", ";--x--;", "=>x", '"q"', "#include", "[x](!)", "${SHELL(id)}", "a,b=c|d", "\\", "p;--")
SETTINGS = Settings(
    secret_key="a secret key of the tests of the files, forty characters",
    secrets={f"c{at}": password for at, password in enumerate(NASTY)},
)
TALK_HZ = 700


@dataclass
class House:
    nodes: dict[str, Node]
    site: Site

    def findings(self, node: str = "node1", site: Site | None = None, settings: Settings = SETTINGS) -> list[Finding]:
        site = site or self.site
        return list(check.manager_of(settings, site, site.nodes[node]))


def site_node(node: Node, **more: str) -> SiteNode:
    return SiteNode(
        *(node.name, Address(*node.sip), node.rtp, Address(*node.ami), node.sounds, node.etc, "127.0.0.1"),
        home=node.root,
        **more,
    )


def complaints(node: Node) -> list[str]:
    logs = [node.root / "out.log", node.root / "log" / "messages"]
    lines = [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()]
    # pjproject says so when a packet comes in while Asterisk still loads a module: of that no file decides.
    return [line for line in lines if re.search("ERROR|WARNING", line) and "registered during operation" not in line]


@pytest.fixture(scope="module")
def house(asterisk_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two nodes with our files and nothing else; node1 has trunks with strange passwords, that register nowhere."""
    folder = tmp_path_factory.mktemp("files")
    nodes = {name: Node(name, folder, binary=asterisk_binary, channels=40) for name in ("node1", "node2")}
    trunks = {
        f"carrier{at}": Trunk(
            f"carrier{at}", Address("127.0.0.1", 9), f"u{at}", f"c{at}", ("192.0.2.0/24",), nodes=("node1",), qualify=0
        )
        for at in range(len(NASTY))
    }
    site = Site(
        webs=("http://127.0.0.1:9",),
        nodes={"node1": site_node(nodes["node1"], public="203.0.113.9"), "node2": site_node(nodes["node2"])},
        trunks={
            "open": Trunk("open", Address("127.0.0.1", 9), sources=("192.0.2.0/24",), nodes=("node1",), qualify=0),
            **trunks,
        },
        outgoing="carrier0",
        phones={"ana": Phone("ana", "node1"), "ben": Phone("ben", "node2")},
        music={"jazz": folder / "jazz"},
    )
    (folder / "jazz").mkdir()
    (folder / "jazz" / "a.ulaw").write_bytes(tone(900, 1))
    silent = Sounds(folder / "sounds", Engine(("/nonexistent/engine",), {}), folder)  # tones stand in for sentences
    try:
        for name, node in nodes.items():
            files.write(files.generate(site, name, SETTINGS), node.etc)
            assert standby.prepare(site, site.nodes[name], silent)
            node.start()
        yield House(nodes, site)
    finally:
        for node in nodes.values():
            node.close()


def test_it_boots_without_a_complaint(house: House) -> None:
    """No ERROR and no WARNING, of no module and no file."""
    for node in house.nodes.values():
        assert complaints(node) == []
        assert "0 modules loaded" not in node.cli("module show like res_pjsip.so")


def test_every_password_of_a_carrier_arrives_as_it_was_given(house: House) -> None:
    for at, password in enumerate(NASTY):
        shown = house.nodes["node1"].cli(f"pjsip show auth carrier{at}")
        assert re.search(r"^ *password +: (.*)$", shown, re.MULTILINE)[1].strip() == password  # type: ignore[index]


def test_the_endpoints_are_those_of_the_file(house: House) -> None:
    shown = house.nodes["node1"].cli("pjsip show endpoints")
    endpoints = re.findall(r"^ Endpoint:  ([a-z0-9_]+)[/ ]", shown, re.MULTILINE)
    assert sorted(endpoints) == sorted(["ana", "open", "peer_node2", *(f"carrier{at}" for at in range(len(NASTY)))])
    ana = house.nodes["node1"].cli("pjsip show endpoint ana")
    for line in ("direct_media .*: false", "dtmf_mode .*: auto", "rtp_timeout .*: 30", "device_state_busy_at .*: 1"):
        assert re.search(line, ana), line
    assert re.search("rtp_timeout .*: 60", house.nodes["node1"].cli("pjsip show endpoint open"))


def test_music_has_its_folders(house: House) -> None:
    shown = house.nodes["node1"].cli("moh show classes")
    assert set(re.findall(r"^Class: (\S+)", shown, re.MULTILINE)) == {
        "default",
        "jazz",
        "retorno-wait",
        "retorno-wait-2",
    }


def test_the_check_is_content_but_for_the_phone_until_that_registers(house: House) -> None:
    assert [(one.level, one.what) for one in house.findings() if one.level is not Level.OK] == [
        (Level.WARN, "not registered at node1: ana")
    ]
    with Phones() as phones:
        phones.add("ana", house.nodes["node1"].sip, secret=passwords.phone(SETTINGS, "ana"), registers=True)
        until(lambda: all(one.level is Level.OK for one in house.findings()), "the phone registered")
        found = [one.what for one in house.findings()]
    assert "node1: the user [retorno] of manager.conf may do what it needs and no more" in found
    assert "node1 runs the dialplan of this version" in found
    assert "every phone of node1 is registered" in found


@pytest.mark.parametrize(
    ("write", "said"),
    [
        ("all", "may do more than it needs: .*command.*config.*system"),
        ("call,originate,reporting,system", "may do more than it needs: system"),
        ("call,originate,reporting,command", "may do more than it needs: command"),
        ("call,originate,reporting,config", "may do more than it needs: .*config"),
        ("call,reporting", "may not Originate"),
        ("originate", "may not Redirect"),
    ],
)
def test_the_check_sees_what_the_manager_s_user_may(house: House, write: str, said: str) -> None:
    with changed(house.nodes["node1"], "manager_retorno.conf", r"^write = .*$", f"write = {write}", "manager reload"):
        told = [one.what for one in house.findings() if one.level is Level.FAIL]
    assert any(re.search(said, what) for what in told), told


def test_the_check_sees_that_recordings_are_elsewhere(house: House) -> None:
    node = replace(house.site.nodes["node1"], home=None)
    site = replace(house.site, nodes={**house.site.nodes, "node1": node})
    told = [one.what for one in house.findings(site=site) if one.level is Level.FAIL]
    spool = house.nodes["node1"].root / "spool"
    assert [what.split(",")[0] for what in told] == [f"node1 records below {spool}"]


def test_the_check_sees_another_dialplan(house: House) -> None:
    newer = replace(house.site, webs=("http://127.0.0.1:10",))
    told = [one.what for one in house.findings(site=newer) if one.level is Level.FAIL]
    assert told == ["node1 runs another dialplan than ours"]


def test_the_check_sees_files_of_another_secret(house: House) -> None:
    (found,) = house.findings(settings=replace(SETTINGS, secret_key="another secret, which is quite as long as that"))
    assert found.level is Level.FAIL
    assert "refuses us" in found.what
    assert "RETORNO_SECRET_KEY" in found.advice


def test_the_check_sees_a_trunk_that_its_carrier_does_not_know(house: House) -> None:
    registers = replace(house.site.trunks["carrier0"], register=True)
    site = replace(house.site, trunks={**house.site.trunks, "carrier0": registers})
    told = [one.what for one in house.findings(site=site) if one.level is Level.FAIL]
    another = "node1 runs another dialplan than ours"  # the account is in it
    assert told == [another, "node1 is not registered at the trunk carrier0: unknown to this Asterisk"]


def test_the_check_sees_a_trunk_that_answers_nothing(house: House) -> None:
    asked = (r"^(\[open\]\ntype = aor\n.*\nqualify_frequency =) 0$", r"\1 60")
    told = (Level.FAIL, "node1 does not reach the trunk open")
    with changed(house.nodes["node1"], "pjsip_retorno.conf", *asked, "module reload res_pjsip.so"):
        until(lambda: told in [(one.level, one.what) for one in house.findings()], told[1])
    until(lambda: told not in [(one.level, one.what) for one in house.findings()], "it is not asked any more")


def test_the_check_sees_an_asterisk_that_is_not_there_or_is_another(house: House) -> None:
    """A wrong port, and the port of the other node."""
    one, two = house.site.nodes["node1"], house.site.nodes["node2"]
    away = replace(house.site, nodes={"node1": replace(one, ami=Address("127.0.0.1", 9)), "node2": two})
    assert "cannot connect to 127.0.0.1:9" in house.findings(site=away)[0].what
    crossed = replace(house.site, nodes={"node1": replace(one, ami=two.ami), "node2": two})
    assert "refuses us" in house.findings(site=crossed)[0].what


@pytest.mark.parametrize("claimed", ["ana", "carrier0", "open", "peer_node2", "anonymous", "whoever"])
def test_nobody_gets_in_by_a_name_alone(house: House, claimed: str) -> None:
    """Whatever stands in From: without the password, or the address of the trunk, there is no call."""
    with Phones() as phones:
        call = phones.add("stranger", house.nodes["node1"].sip).dial("ana", from_user=claimed)
        assert call.wait_ended().code == 401
    assert house.nodes["node1"].channels() == []


def test_two_nodes_ring_each_other_s_phones(house: House) -> None:
    """node1's ana dials ben, who is at node2: the nodes know each other by their password, and both are heard."""
    with Phones() as phones:
        ana, _ben = (
            phones.add(
                *(name, house.nodes[node].sip),
                secret=passwords.phone(SETTINGS, name),
                registers=True,
                behaviour=Answer(),
            )
            for name, node in (("ana", "node1"), ("ben", "node2"))
        )
        call = ana.dial("ben").wait_up()
        far = _ben.wait_call()
        call.say(TALK_HZ)
        far.say(TALK_HZ + 300)
        far.wait_hears(TALK_HZ)
        call.wait_hears(TALK_HZ + 300)
        call.hang_up()
        far.wait_ended()


def test_a_phone_of_the_other_node_that_is_busy_is_busy(house: House) -> None:
    with Phones() as phones:
        ana = phones.add("ana", house.nodes["node1"].sip, secret=passwords.phone(SETTINGS, "ana"), registers=True)
        phones.add(
            "ben",
            house.nodes["node2"].sip,
            secret=passwords.phone(SETTINGS, "ben"),
            registers=True,
            behaviour=Reject(486),
        )
        assert ana.dial("ben").wait_ended().code == 486


def test_a_node_registers_at_its_carrier_and_is_called_from_there(asterisk_binary: Path, tmp_path: Path) -> None:
    """The carrier is another Asterisk, at which we have an account: a name, a password, no address of theirs in the file."""
    far, near = (Node(name, tmp_path, binary=asterisk_binary, channels=10) for name in ("far", "near"))
    theirs = Site(
        webs=("http://127.0.0.1:9",),
        nodes={"far": replace(site_node(far), address="")},
        phones={"account": Phone("account", "far"), "customer": Phone("customer", "far")},
    )
    account = replace(SETTINGS, secrets={"carrier": passwords.phone(SETTINGS, "account")})
    trunk = Trunk("carrier", Address(*far.sip), "account", "carrier", ("192.0.2.0/24",), register=True, nodes=("near",))
    ours = Site(
        webs=("http://127.0.0.1:9",),
        nodes={"near": replace(site_node(near), address="")},
        trunks={"carrier": trunk},
        languages=("en",),
    )
    silent = Sounds(tmp_path / "sounds", Engine(("/nonexistent/engine",), {}), tmp_path)
    try:
        for site, node, settings in ((theirs, far, SETTINGS), (ours, near, account)):
            files.write(files.generate(site, node.name, settings), node.etc)
            standby.prepare(site, site.nodes[node.name], silent)
            node.start()
        told = "near is registered at the trunk carrier"
        until(lambda: told in [one.what for one in check.manager_of(account, ours, ours.nodes["near"])], told, near.log)
        with Phones() as phones:
            customer = phones.add("customer", far.sip, secret=passwords.phone(SETTINGS, "customer"), registers=True)
            call = customer.dial("account").wait_up()
            call.wait_matches(near.sounds / "retorno" / "one-moment-en.ulaw")  # no web server here
            call.hang_up()
    finally:
        far.close()
        near.close()


DIALLED = {
    "<sip:+551130001000@carrier.example;user=phone>": "+551130001000",
    '"Aurora: sales, <@>" <sip:551130001000@10.0.0.1:5060>': "551130001000",
    "<tel:+551130001000;phone-context=carrier.example>": "+551130001000",
    "<sip:+55;x=1@carrier.example>": "+55",
    "<sip:carrier.example>": "aurora",
    "<sip:a&b$(c)=1,d@carrier.example>": "abc1d",
}


def test_a_carrier_that_rings_the_account_says_in_to_what_was_dialled(asterisk_binary: Path, tmp_path: Path) -> None:
    """What it dials is the contact that we registered; anything else that it dials is what was dialled."""
    with Web() as web, Phones() as phones:
        node = Node("near", tmp_path, binary=asterisk_binary, channels=20)
        trunk = Trunk(
            *("carrier", Address("127.0.0.1", 9), "aurora@carrier.example", "carrier", ("anyone",)),
            register=True,
            nodes=("near",),
            qualify=0,
        )
        site = Site(webs=(web.url,), nodes={"near": site_node(node)}, trunks={"carrier": trunk})
        node.write(files.generate(site, "near", replace(LAB, secrets={"carrier": "s3cret"})))
        with node:
            town = phones.add("town", node.sip, lines=9)
            for to, number in DIALLED.items():
                call = town.dial("aurora", to=to).wait_ended()
                assert (call.code, web.posts.pop()[1]["to"]) == (0, number), to
            town.dial("+551130002000", to="<sip:aurora@carrier.example>").wait_ended()
            assert web.posts.pop()[1]["to"] == "+551130002000"
            assert re.search("contact_user +: aurora\n", node.cli("pjsip show registration carrier"))


# --- an existing PBX

PBX = {
    "modules.conf": None,  # as ours: what matters is the rest
    "pjsip.conf": """[global]
type = global
[the-lan]
type = transport
protocol = udp
bind = {sip[0]}:{sip[1]}
[101]
type = endpoint
context = from-internal
disallow = all
allow = ulaw
auth = 101
aors = 101
direct_media = no
[101]
type = auth
auth_type = userpass
username = 101
password = pbx-101
[101]
type = aor
max_contacts = 1
#include pjsip_retorno.conf
""",
    "extensions.conf": """[general]
static = yes
[globals]
MINE = 1
#include extensions_retorno.conf
[from-internal]
exten => 600,1,Answer()
 same => n,Playback({sounds}/pbx)
 same => n,Hangup()
exten => 700,1,Goto(retorno-in,${{EXTEN}},1)
""",
    "manager.conf": """[general]
enabled = yes
bindaddr = {ami[0]}
port = {ami[1]}
[admin]
secret = theirs
read = all
write = all
#include manager_retorno.conf
""",
    "musiconhold.conf": """[default]
mode = files
directory = {sounds}/retorno/music
#include musiconhold_retorno.conf
""",
}


def test_the_fragments_live_in_a_pbx_that_was_there_before(asterisk_binary: Path, tmp_path: Path) -> None:
    """Its own phone 101 works as before, is an agent's phone to us, and what it sends to retorno-in is ours."""
    node = Node("pbx", tmp_path, binary=asterisk_binary, channels=10)
    site = Site(
        webs=("http://127.0.0.1:9",),
        nodes={"pbx": replace(site_node(node), address="")},
        phones={"101": Phone("101", "pbx", existing=True)},
        fallback_goto=Place("from-internal", "600"),
        languages=("en",),
    )
    all_files = files.generate(site, "pbx", SETTINGS)
    values = {"sip": node.sip, "ami": node.ami, "sounds": node.sounds}
    own = {name: text.format(**values) if text else all_files[name] for name, text in PBX.items()}
    needed = {name: text for name, text in all_files.items() if name not in own and name not in files.FRAGMENTS}
    node.write({**needed, **own})
    files.write(files.fragments(site, "pbx", SETTINGS), node.etc)
    silent = Sounds(tmp_path / "sounds", Engine(("/nonexistent/engine",), {}), tmp_path)
    standby.prepare(site, site.nodes["pbx"], silent)
    (node.sounds / "pbx.ulaw").write_bytes(tone(TALK_HZ, 3))
    try:
        node.start()
        assert complaints(node) == []
        with Phones() as phones:
            desk = phones.add("101", node.sip, secret="pbx-101", registers=True)
            own_call = desk.dial("600").wait_up()
            own_call.wait_hears(TALK_HZ)
            own_call.hang_up()
            own_call.wait_ended()
            found = list(check.manager_of(SETTINGS, site, site.nodes["pbx"]))
            assert [one.what for one in found if one.level is not Level.OK] == [
                "pbx: how 101 are set up there is not known to us"
            ]
            assert "pbx has loaded every module that a call needs" in [one.what for one in found]
            node.cli("module unload func_curl.so")
            assert "pbx has not loaded func_curl" in [
                one.what for one in check.manager_of(SETTINGS, site, site.nodes["pbx"])
            ]
            node.cli("module load func_curl.so")
            node.cli("module unload func_module.so")
            told = [one.what for one in check.manager_of(SETTINGS, site, site.nodes["pbx"])]
            assert "pbx cannot say which modules it has loaded, nor whether a machine has answered" in told
            call = desk.dial("700").wait_up()
            call.wait_matches(node.sounds / "retorno" / "one-moment-en.ulaw")  # no web server here
            call.wait_hears(TALK_HZ, patience_s=30)  # it goes where the fallback leads
            call.hang_up()
            away = replace(site, fallback_goto=Place("from-internal", "601"))
            told = [one.what for one in check.manager_of(SETTINGS, away, site.nodes["pbx"])]
            assert "pbx has no from-internal,601,1, where callers go when no web server answers" in told
    finally:
        node.close()


@contextmanager
def changed(node: Node, name: str, was: str, becomes: str, reload: str) -> Iterator[None]:
    """A file of a running node with another text for a while."""
    text = (node.etc / name).read_text()
    other = re.sub(was, becomes, text, flags=re.MULTILINE)
    assert other != text
    try:
        node.write({name: other})
        node.cli(reload)
        yield
    finally:
        node.write({name: text})
        node.cli(reload)
