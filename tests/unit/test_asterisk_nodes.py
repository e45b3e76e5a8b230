"""asterisk.yaml: what an admin writes, and what he is told when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.providers.asterisk.forms import Address
from ivr.providers.asterisk.nodes import EVERYWHERE, Node, Phone, Site, SiteError, Trunk, load_site, read_site

SHIPPED = Path(__file__).parents[2] / "asterisk.yaml"

WRITTEN = """
version: 1
webs: [http://10.0.0.2:8000, https://web2.example/ivr/]
fallback: {dial: "+551130001000"}
languages: [pt-BR, en]
http_timeout: 8
nodes:
  node1: {sip: 0.0.0.0:5060, address: 10.0.0.5, public: 203.0.113.9}
  node2:
    sip: 10.0.0.6:5070
    rtp: 30000-31000
    ami: 10.0.0.6:5039
    control: 10.0.0.2
    sounds: /srv/sounds
    config: /srv/etc
    home: /srv/home
trunks:
  carrier: {host: SIP.Carrier.example, user: aurora, secret: CARRIER, from: [203.0.113.0/24, 198.51.100.7], codecs: [alaw]}
  gateway: {host: 10.0.0.9:5080, from: [anyone], nodes: [node2], qualify: 0, rtp_timeout: 0}
  pbx: {host: pbx.example, user: x, secret: PBX, existing: true}
outgoing: carrier
phones:
  ana: {node: node1}
  2001: {node: node2, existing: true}
  lobby-1: {node: node1, caller: true, number: "+5511999990000"}
music: {default: /usr/share/asterisk/moh}
"""


def site_of(text: str, secrets: tuple[str, ...] | None = ("carrier", "pbx")) -> Site:
    site, problems = load_site(text, "a.yaml", secrets)
    assert site is not None, problems
    return site


def told(text: str, secrets: tuple[str, ...] | None = None) -> list[str]:
    site, problems = load_site(text, "a.yaml", secrets)
    assert site is None
    return [str(problem).removeprefix("a.yaml:") for problem in problems]


def test_all_that_can_be_written() -> None:
    site = site_of(WRITTEN)
    assert site.webs == ("http://10.0.0.2:8000", "https://web2.example/ivr")
    assert (site.fallback, site.languages, site.http_timeout, site.outgoing) == (
        *("+551130001000", ("pt-BR", "en"), 8, "carrier"),
    )
    assert site.nodes["node1"] == Node("node1", Address(EVERYWHERE, 5060), address="10.0.0.5", public="203.0.113.9")
    assert site.nodes["node2"] == Node(
        name="node2",
        sip=Address("10.0.0.6", 5070),
        rtp=(30_000, 31_000),
        ami=Address("10.0.0.6", 5039),
        sounds=Path("/srv/sounds"),
        config=Path("/srv/etc"),
        control="10.0.0.2/32",
        home=Path("/srv/home"),
    )
    assert site.trunks["carrier"] == Trunk(
        name="carrier",
        host=Address("sip.carrier.example", 5060),
        user="aurora",
        secret="carrier",
        sources=("203.0.113.0/24", "198.51.100.7/32"),
        codecs=("alaw",),
        register=True,
        nodes=("node1", "node2"),
    )
    assert site.trunks["gateway"] == Trunk(
        "gateway", Address("10.0.0.9", 5080), sources=("anyone",), nodes=("node2",), qualify=0, rtp_timeout=0
    )
    assert site.phones == {
        "ana": Phone("ana", "node1"),
        "2001": Phone("2001", "node2", existing=True),
        "lobby-1": Phone("lobby-1", "node1", caller=True, number="+5511999990000"),
    }
    assert site.music == {"default": Path("/usr/share/asterisk/moh")}


def test_a_trunk_that_the_pbx_has_already_is_not_registered_by_us() -> None:
    assert not site_of(WRITTEN).trunks["pbx"].register


def test_what_is_left_out_has_the_default_of_the_noun() -> None:
    site = site_of("version: 1\nwebs: [http://127.0.0.1:8000]\nnodes: {one: {sip: 127.0.0.1:5060}}\n")
    assert site == Site(webs=("http://127.0.0.1:8000",), nodes={"one": Node("one", Address("127.0.0.1", 5060))})
    assert site.nodes["one"].reach == Address("127.0.0.1", 5060)


def test_the_shipped_file_is_right() -> None:
    assert set(read_site(SHIPPED, secrets=()).nodes) == {"node1"}


@pytest.mark.parametrize(
    ("fallback", "node", "dialled"),
    [
        ('"+551130001000"', "node1", "PJSIP/+551130001000@carrier"),
        ("ana", "node1", "PJSIP/ana"),
        ("ana", "node2", "PJSIP/ana@peer_node1"),
    ],
)
def test_the_fallback_is_dialled_from_where_the_caller_is(fallback: str, node: str, dialled: str) -> None:
    site = site_of(WRITTEN.replace('"+551130001000"', fallback, 1))
    assert site.fallback_dial(node) == dialled


@pytest.mark.parametrize(
    ("goto", "place"),
    [
        ("from-internal,600", "from-internal,600,1"),
        ("ext-queues,+551130001000,3", "ext-queues,+551130001000,3"),
        ("MyContext_2,desk-1", "MyContext_2,desk-1,1"),
    ],
)
def test_a_fallback_may_be_a_place_in_the_dialplan_of_the_pbx(goto: str, place: str) -> None:
    site = site_of(WRITTEN.replace('dial: "+551130001000"', f'goto: "{goto}"', 1))
    assert (str(site.fallback_goto), site.fallback_dial("node1")) == (place, "")


@pytest.mark.parametrize(
    "goto",
    [
        *(
            "600",
            "a,b,c,d",
            "retorno,ask",
            "retorno-in,1",
            "a;b,1",
            "a,${X}",
            "a,_X.",
            "a,1,0",
            "a,1,n",
            "a, 1",
            "a b,1",
        ),
        *(",", "é,1", "a,", "[a],1", "a,1)", "a,1?b", "a,1:b", "a|b,1", "a" * 65 + ",1", "a,1\\n"),
    ],
)
def test_no_place_in_a_dialplan(goto: str) -> None:
    (found,) = told(WRITTEN.replace('dial: "+551130001000"', f'goto: "{goto}"', 1))
    assert found.startswith("4:18: ")
    assert "expected context,extension or context,extension,priority of your dialplan" in found


def test_there_is_no_fallback_on_a_node_without_the_trunk() -> None:
    written = WRITTEN.replace("codecs: [alaw]}", "codecs: [alaw], nodes: [node2]}")
    assert site_of(written).fallback_dial("node1") == ""


def test_a_sip_address_goes_only_where_a_trunk_leads() -> None:
    site = site_of(WRITTEN)
    assert (found := site.trunk_to("Sip.carrier.example")) is not None
    assert found.name == "carrier"
    assert site.trunk_to("evil.example") is None


def test_every_mistake_of_form_is_told_at_once_and_at_its_place() -> None:
    found = told(
        "version: 1\n"
        'webs: [ftp://x, "http://a b"]\n'
        "fallback: {dal: ana}\n"
        "nodes:\n"
        "  Node: {sip: here}\n"
        "  n2: {sip: [1], rtp: 5-4, ami: 10.0.0.1:99999, sounds: ../x, config: '/etc;x', wut: 1}\n"
        "trunks:\n"
        '  c: {host: "a;b", from: [1.2.3.4/8, 0.0.0.0/0], codecs: [mp3], secret: "a b"}\n'
        "phones: {'ana[x]': {node: 'n1\n'}}\n"
    )
    assert [line.split(" ")[0] for line in found] == [
        *("2:8:", "2:17:", "3:12:", "5:3:", "5:15:", "6:13:", "6:23:", "6:33:", "6:57:", "6:71:", "6:81:"),
        *("8:13:", "8:27:", "8:38:", "8:59:", "8:73:", "9:10:", "9:27:"),
    ]
    assert all("expected" in line for line in found)
    assert '2:8: "ftp://x" cannot stand here; expected how a node reaches our web server' in found[0]
    assert 'did you mean "dial"?' in found[2]


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("{node: node1}", "{node: nod1}", '22:15: no node is named "nod1"; did you mean "node1"?'),
        ("nodes: [node2]", "nodes: [node3]", '18:58: no node is named "node3"'),
        ("outgoing: carrier", "outgoing: carier", '20:11: no trunk is named "carier"; did you mean "carrier"?'),
        ("outgoing: carrier\n", "", "3:18: no trunk leads to that number; expected `outgoing:`"),
        ('dial: "+551130001000"', "dial: anna", '3:18: no phone is named "anna"'),
        (
            'dial: "+551130001000"',
            'dial: ana, goto: "a,1"',
            "3:1: a fallback leads to one place; expected `dial:` with",
        ),
        ('{dial: "+551130001000"}', "{}", "3:1: a fallback leads to one place; expected `dial:` with"),
        ("  ana:", "  carrier:", '22:3: "carrier" is a trunk too; an endpoint of Asterisk has one name'),
        ("  ana:", "  peer_x:", '22:3: "peer_x" cannot stand here'),
        ("  ana:", "  retorno1:", '22:3: "retorno1" cannot stand here'),
        (
            "  gateway:",
            "  anonymous:",
            '18:3: "anonymous" means something of its own to Asterisk; expected another name',
        ),
        ("  ana:", "  anonymous:", '22:3: "anonymous" means something of its own to Asterisk'),
        *(("  ana:", f"  {one}:", f'22:3: "{one}" means something') for one in "aehiost"),
        ("  ana:", "  h-:", '22:3: "h-" means something of its own to Asterisk'),
        ("music: {default", "music: {general", '25:9: "general" means something of its own to Asterisk'),
        (
            "  ana:",
            "  lobby1:",
            '24:3: "lobby-1" could not be dialled; Asterisk takes no notice of - in what is dialled',
        ),
        ("from: [203.0.113.0/24, 198.51.100.7]", "from: [anyone]", 'are already those of "carrier"'),
        ("user: aurora, ", "register: true, ", "only an account can register; expected both `user` and `secret`"),
        ("    control: 10.0.0.2\n", "", "expected `control:`"),
        ("address: 10.0.0.5, ", "", "the other nodes cannot find this one; expected `address:`"),
        ("http_timeout: 8", "http_timeout: 1", "expected at least 2"),
        ("qualify: 0", "qualify: -1", '18:75: "-1" cannot stand here; expected at least 0'),
        ("rtp_timeout: 0", "rtp_timeout: 1h", '18:91: "1h" cannot stand here; expected a whole number'),
        ("[http://10.0.0.2:8000", "[http://a.example, http://b.example, http://10.0.0.2:8000", "at most 2"),
    ],
)
def test_refused(was: str, becomes: str, said: str) -> None:
    assert was in WRITTEN
    assert said in "\n".join(told(WRITTEN.strip().replace(was, becomes, 1)))


@pytest.mark.parametrize(
    "folder", ["/", "/a//b", "/a/../b", "/a/.", "/..", "a/b", "/a b", "/a/", "/ç", "/-a", "/a;b", "/" * 99]
)
def test_no_folder(folder: str) -> None:
    assert "is not a folder" in told(WRITTEN.replace("/srv/sounds", f"'{folder}'"))[0]


@pytest.mark.parametrize("folder", ["/a", "/home/x/.cache/retorno-22", "/a/..b/c.d_e"])
def test_a_folder(folder: str) -> None:
    assert site_of(WRITTEN.replace("/srv/sounds", folder)).nodes["node2"].sounds == Path(folder)


def test_a_trunk_s_secret_must_be_set_where_somebody_looks() -> None:
    assert "RETORNO_SECRET_CARRIER is not set" in "\n".join(told(WRITTEN, ("pbx",)))
    assert load_site(WRITTEN, "a.yaml")[0] is not None


SAME_MACHINE = """version: 1
webs: [http://127.0.0.1:8000]
nodes:
  one: {sip: 0.0.0.0:5060, address: 10.0.0.5, rtp: 10000-11000, config: /etc/one, home: /srv/one}
  two: {sip: 0.0.0.0:5061, address: 10.0.0.5, rtp: 11001-12000, ami: 127.0.0.1:5039, config: /etc/two, home: /srv/two}
"""


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("5061", "5060", '5:14: node "one" has port 5060 too'),
        ("0.0.0.0:5061", "10.0.0.5:5060", '5:14: node "one" has port 5060 too'),
        ("127.0.0.1:5039", "127.0.0.1:5038", 'node "one" has port 5038 too'),
        ("11001-12000", "11000-12000", 'the ports are also those of node "one"'),
        ("11001-12000", "10500-10600", 'the ports are also those of node "one"'),
        ("/etc/two", "/etc/one", 'it has the folders of node "one"'),
        ("/srv/two", "/srv/one", 'it has the folders of node "one"'),
    ],
)
def test_two_nodes_of_a_machine_fight_about_nothing(was: str, becomes: str, said: str) -> None:
    assert load_site(SAME_MACHINE, "a.yaml")[1] == []
    assert said in "\n".join(told(SAME_MACHINE.replace(was, becomes)))


def test_two_machines_may_have_the_same_ports_and_folders() -> None:
    text = SAME_MACHINE.replace("5061, address: 10.0.0.5", "5060, address: 10.0.0.6").replace("two, home", "one, home")
    assert load_site(text, "a.yaml")[1] == []


def test_a_file_that_is_not_there_is_a_mistake_with_advice(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"cannot be read.*RETORNO_ASTERISK_FILE"):
        read_site(tmp_path / "none.yaml")


@given(st.text())
def test_no_text_is_too_strange_to_be_told_about(text: str) -> None:
    site, problems = load_site(text, "a.yaml")
    assert (site is None) == bool(problems)
