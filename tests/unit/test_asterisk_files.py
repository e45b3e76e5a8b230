"""The files of an Asterisk: the same every time, and no value of ours or of others can be more than a value."""

from __future__ import annotations

import re
import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.config import Settings
from ivr.providers.asterisk import files, passwords
from ivr.providers.asterisk.files import FRAGMENTS, UnfitValue, dialplan_version, fragments, generate, write
from ivr.providers.asterisk.forms import Address, Place
from ivr.providers.asterisk.modules import MODULES
from ivr.providers.asterisk.nodes import EVERYWHERE, Node, Phone, Site, Trunk
from ivr.speech import tones

SETTINGS = Settings(secret_key="k" * 40, secrets={"carrier": "s3cret"})
SITE = Site(
    webs=("http://127.0.0.1:8000", "http://127.0.0.2:8000"),
    nodes={
        "node1": Node("node1", Address(EVERYWHERE, 5060), address="10.0.0.5"),
        "node2": Node("node2", Address(EVERYWHERE, 5060), address="10.0.0.6"),
    },
    trunks={
        "carrier": Trunk(
            "carrier",
            Address("sip.carrier.example", 5060),
            user="aurora",
            secret="carrier",
            sources=("203.0.113.0/24",),
            register=True,
            nodes=("node1",),
        ),
        "gateway": Trunk("gateway", Address("10.0.0.9", 5080), nodes=("node1", "node2")),
        "old": Trunk("old", Address("10.0.0.8", 5060), nodes=("node1",), existing=True),
    },
    outgoing="carrier",
    phones={
        "ana": Phone("ana", "node1"),
        "ben": Phone("ben", "node2"),
        "2001": Phone("2001", "node1", existing=True),
        "lobby": Phone("lobby", "node1", caller=True, number="+5511999990000"),
    },
    fallback="ana",
)


def sections(text: str) -> dict[str, list[dict[str, str]]]:
    """The sections of a file by name; several may have one name. Comments are left out as Asterisk leaves them out."""
    found: dict[str, list[dict[str, str]]] = {}
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            name = line[1 : line.index("]")]
            found.setdefault(name, []).append({})
            here = found[name][-1]
        elif line and not line.startswith((";", "#")):
            key, _, value = line.partition("=")
            here[key.strip()] = value.removeprefix(">").strip()
    return found


def pjsip(node: str = "node1", site: Site = SITE) -> dict[str, list[dict[str, str]]]:
    return sections(generate(site, node, SETTINGS)["pjsip_retorno.conf"])


def test_the_same_site_makes_the_same_files() -> None:
    assert generate(SITE, "node1", SETTINGS) == generate(SITE, "node1", SETTINGS)


def test_every_file_says_what_it_is_and_what_made_it() -> None:
    for name, text in generate(SITE, "node1", SETTINGS).items():
        assert text.startswith(f"; {name}: ")
        assert "Made by `retorno asterisk config` from asterisk.yaml for node node1. Do not edit" in text
        assert text.endswith("\n")


def test_the_fragments_are_a_part_of_all_files_and_clash_with_no_name_of_a_pbx() -> None:
    made = fragments(SITE, "node1", SETTINGS)
    assert set(made) == set(FRAGMENTS)
    assert made.items() <= generate(SITE, "node1", SETTINGS).items()
    for name in FRAGMENTS:
        assert not set(sections(made[name])) & {"general", "globals", "global", "system", "default"}, name


def test_every_file_that_includes_another_finds_it() -> None:
    made = generate(SITE, "node1", SETTINGS)
    included = {name for text in made.values() for name in re.findall(r"^#include (\S+)", text, re.MULTILINE)}
    assert included == set(FRAGMENTS)


def test_a_phone_has_its_derived_password_and_one_call_at_a_time() -> None:
    endpoint, aor, auth = pjsip()["ana"]
    assert (endpoint["context"], endpoint["device_state_busy_at"]) == ("retorno-phones", "1")
    assert (aor["max_contacts"], aor["remove_existing"]) == ("1", "yes")
    assert auth["password"] == passwords.phone(SETTINGS, "ana")
    assert re.fullmatch("[0-9a-f]{24}", auth["password"])


def test_a_caller_s_phone_comes_in_as_from_outside_and_shows_its_number() -> None:
    endpoint = pjsip()["lobby"][0]
    assert (endpoint["context"], endpoint["callerid"]) == ("retorno-in", "<+5511999990000>")


def test_only_who_works_here_may_send_a_call_on() -> None:
    made = pjsip()
    assert {name: made[name][0].get("allow_transfer", "yes") for name in ("ana", "lobby", "carrier", "gateway")} == {
        "ana": "yes",
        "lobby": "no",
        "carrier": "no",
        "gateway": "no",
    }


def test_a_node_has_its_own_phones_and_trunks_only_and_nothing_that_the_pbx_has_already() -> None:
    one, two = pjsip("node1"), pjsip("node2")
    assert {"ana", "lobby", "carrier", "gateway"} <= set(one)
    assert not {"ben", "2001", "old"} & set(one)
    assert {"ben", "gateway"} <= set(two)
    assert not {"ana", "carrier"} & set(two)


def test_two_nodes_have_one_password_between_them() -> None:
    one, two = pjsip("node1"), pjsip("node2")
    secret = one["peer_node2-out"][0]["password"]
    assert one["peer_node2-out"][0] == {**two["peer_node1-in"][0], "username": "peer_node1"}
    assert {secret} == {
        section["password"]
        for made in (one, two)
        for name in made
        if name.endswith(("-in", "-out"))
        for section in made[name]
    }
    assert one["peer_node2"][1]["contact"] == "sip:10.0.0.6:5060"


def test_a_trunk_is_known_by_its_address_alone() -> None:
    """Who writes `From: carrier` is not the carrier."""
    made = pjsip()
    assert made["carrier"][0]["identify_by"] == made["gateway"][0]["identify_by"] == "ip"
    assert [one["match"] for one in made["carrier"] if one.get("type") == "identify"] == ["203.0.113.0/24"]
    assert [one["match"] for one in made["gateway"] if one.get("type") == "identify"] == ["10.0.0.9"]


def test_a_trunk_s_calls_come_from_its_host_unless_it_says_from_where() -> None:
    carrier = replace(SITE.trunks["carrier"], sources=())
    made = pjsip(site=replace(SITE, trunks={"carrier": carrier}))
    assert [one["match"] for one in made["carrier"] if one.get("type") == "identify"] == ["sip.carrier.example"]


@pytest.mark.parametrize(("qualify", "asked"), [(60, "60"), (0, "0")])
def test_a_carrier_that_answers_no_options_need_not_be_asked(qualify: int, asked: str) -> None:
    made = pjsip(site=replace(SITE, trunks={"carrier": replace(SITE.trunks["carrier"], qualify=qualify)}))
    assert [one["qualify_frequency"] for one in made["carrier"] if one.get("type") == "aor"] == [asked]


@pytest.mark.parametrize("source", ["203.0.113.0/24", "anyone"])
@pytest.mark.parametrize("silent", [60, 15, 0])
def test_a_trunk_says_how_long_its_calls_may_be_silent(silent: int, source: str) -> None:
    carrier = replace(SITE.trunks["carrier"], rtp_timeout=silent, sources=(source,))
    made = pjsip(site=replace(SITE, trunks={"carrier": carrier}))
    for name in ("carrier", "anonymous") if source == "anyone" else ("carrier",):
        assert made[name][0]["rtp_timeout"] == str(silent), name
    assert made["retorno-endpoint"][0]["rtp_timeout"] == "30"
    assert "rtp_timeout" not in made["ana"][0]


@pytest.mark.parametrize(
    ("user", "identity", "domain"),
    [
        ("aurora", "sip:aurora@sip.carrier.example:5060", "sip.carrier.example"),
        ("aurora@sip.example", "sip:aurora@sip.example", "sip.example"),
    ],
)
def test_an_account_may_have_a_domain_of_its_own(user: str, identity: str, domain: str) -> None:
    made = pjsip(site=replace(SITE, trunks={"carrier": replace(SITE.trunks["carrier"], user=user)}))
    (account,) = (one for one in made["carrier"] if one.get("type") == "registration")
    assert (account["client_uri"], account["contact_user"]) == (identity, "aurora")
    assert (made["carrier"][0]["from_user"], made["carrier"][0]["from_domain"]) == ("aurora", domain)
    (auth,) = (one for one in made["carrier"] if one.get("type") == "auth")
    assert auth["username"] == user


def test_no_refusal_ends_our_registering() -> None:
    """A carrier that once answers 401, 403 or 404 is asked again: Asterisk's own defaults give up until a reload."""
    (account,) = (one for one in pjsip()["carrier"] if one.get("type") == "registration")
    assert account["auth_rejection_permanent"] == "no"
    for refused in ("retry_interval", "forbidden_retry_interval", "fatal_retry_interval"):
        assert 0 < int(account[refused]) <= 300


def test_nobody_unknown_may_call_unless_a_trunk_says_so() -> None:
    assert "anonymous" not in pjsip()
    trunks = {**SITE.trunks, "gateway": replace(SITE.trunks["gateway"], sources=("anyone",))}
    assert pjsip(site=replace(SITE, trunks=trunks))["anonymous"][0]["context"] == "retorno-in"


def test_the_manager_s_user_may_do_what_control_needs_and_no_more() -> None:
    user = sections(generate(SITE, "node1", SETTINGS)["manager_retorno.conf"])["retorno"][0]
    assert user["secret"] == passwords.ami(SETTINGS, "node1")
    assert user["write"] == "call,originate,reporting"
    assert (user["deny"], user["permit"]) == ("0.0.0.0/0.0.0.0", "127.0.0.1/32")
    general = sections(generate(SITE, "node1", SETTINGS)["manager.conf"])["general"][0]
    assert (general["webenabled"], general["bindaddr"]) == ("no", "127.0.0.1")


def test_no_digit_is_logged() -> None:
    logs = sections(generate(SITE, "node1", SETTINGS)["logger.conf"])["logfiles"][0]
    levels = {level for line in logs.values() for level in line.split(",")}
    assert levels <= {"notice", "warning", "error"}


def test_only_modules_that_are_named_are_loaded() -> None:
    text = generate(SITE, "node1", SETTINGS)["modules.conf"]
    named = [name for _, names in MODULES for name in names]
    assert re.findall(r"^load = (\S+)\.so$", text, re.MULTILINE) == named
    assert len(named) == len(set(named))
    assert "autoload = no" in text
    assert not {"app_system", "func_shell", "res_agi", "app_mysql", "res_ari", "func_realtime"} & set(named)


def test_a_second_asterisk_of_a_machine_has_its_own_folders() -> None:
    own = replace(SITE.nodes["node1"], home=Path("/srv/one"))
    made = sections(generate(replace(SITE, nodes={**SITE.nodes, "node1": own}), "node1", SETTINGS)["asterisk.conf"])
    assert made["directories"][0]["astrundir"] == "/srv/one/run"
    usual = sections(generate(SITE, "node1", SETTINGS)["asterisk.conf"])
    assert set(usual["directories"][0]) == {"astetcdir"}
    assert usual["options"][0]["systemname"] == "node1"


def test_the_dialplan_s_version_changes_with_the_dialplan_and_stands_in_it() -> None:
    version = dialplan_version(SITE, "node1", SETTINGS)
    text = generate(SITE, "node1", SETTINGS)["extensions_retorno.conf"]
    assert f"[retorno-version]\nexten => {version},1,Hangup()\n" in text
    assert dialplan_version(replace(SITE, webs=SITE.webs[:1]), "node1", SETTINGS) != version
    assert dialplan_version(replace(SITE, music={"x": Path("/x")}), "node1", SETTINGS) == version


def test_a_caller_whom_no_web_server_answers_is_sent_where_the_fallback_says() -> None:
    def giveup(site: Site) -> str:
        text = generate(site, "node1", SETTINGS)["extensions_retorno.conf"]
        return re.search(r"^exten => giveup,.*?Hangup", text, re.MULTILINE | re.DOTALL)[0]  # type: ignore[index]

    assert "Dial(PJSIP/ana,45," in giveup(SITE)
    place = giveup(replace(SITE, fallback="", fallback_goto=Place("from-internal", "600")))
    assert " same => n,GotoIf(${DIALPLAN_EXISTS(from-internal,600,1)}?from-internal,600,1)\n" in place
    assert "Dial(" not in place
    assert "RT_JOINED=fallback" not in giveup(replace(SITE, fallback=""))


def test_what_a_call_may_read_before_it_is_set_begins_empty() -> None:
    """Else it would be read from the globals, which whoever has the manager's secret may write."""
    text = generate(SITE, "node1", SETTINGS)["extensions_retorno.conf"]
    begins = re.findall(r"MSet\((.*)\)", text)
    assert len(begins) == 2  # whoever calls us, whom we call
    for variables in begins:
        assert {"RT_MUSIC=", "RT_RECORDING=", "RT_JOINED=", "RT_FROM=", "RETORNO_ATTEMPT="} <= set(variables.split(","))


def test_a_missing_sound_never_sounds_like_a_busy_line() -> None:
    text = generate(SITE, "node1", SETTINGS)["extensions_retorno.conf"]
    missing = re.search(r"^exten => missing,.*?Return", text, re.MULTILINE | re.DOTALL)[0]  # type: ignore[index]
    assert "Playback(/var/lib/retorno/sounds/retorno/missing)" in missing
    assert set(re.findall(r"!([1-9]\d*)/", missing)) == {f"{hertz:.0f}" for hertz, _ in tones._TONES if hertz}


def test_passwords_come_from_the_secret_and_differ_by_purpose() -> None:
    other = replace(SETTINGS, secret_key="j" * 40)
    made = {
        make(settings, name)
        for settings in (SETTINGS, other)
        for make in (passwords.ami, passwords.webhook, passwords.phone)
        for name in ("node1", "node2")
    }
    assert len(made) == 12
    assert passwords.peer(SETTINGS, "a", "b") == passwords.peer(SETTINGS, "b", "a") != passwords.peer(other, "a", "b")


def test_a_carrier_s_password_may_have_any_printable_character() -> None:
    text = generate(SITE, "node1", replace(SETTINGS, secrets={"carrier": 'p;a>"[${x}\\'}))["pjsip_retorno.conf"]
    assert 'password = p\\;a>"[${x}\\\n' in text


@pytest.mark.parametrize("bad", ["", "a b", "a\nb", "a\rb", "ção", "x" * 129, "a\x00"])
def test_a_password_that_no_file_can_hold_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(UnfitValue, match="the password of trunk carrier") as caught:
        generate(SITE, "node1", replace(SETTINGS, secrets={"carrier": bad}))
    assert not bad or bad not in str(caught.value)


def test_a_trunk_without_its_password_is_refused_with_the_variable_s_name() -> None:
    with pytest.raises(UnfitValue, match="RETORNO_SECRET_CARRIER is not set"):
        generate(SITE, "node1", replace(SETTINGS, secrets={}))


SAFE = set(string.ascii_letters + string.digits + "_.:/+@ -")


@settings(deadline=None)  # a busy machine may take long for one
@given(
    st.text(max_size=20), st.sampled_from(["web", "phone", "user", "number", "sounds", "music", "outgoing", "public"])
)
def test_no_value_can_add_a_line(text: str, where: str) -> None:
    """Whatever stands in a site, it is refused or the files keep their lines: even past the checks of asterisk.yaml."""
    site = _with(text, where)
    try:
        made = generate(site, "node1", SETTINGS)
    except UnfitValue:
        assert set(text) - SAFE
        return
    assert set(text) <= SAFE
    usual = generate(_with("x", where), "node1", SETTINGS)
    for name in made:
        assert made[name].count("\n") == usual[name].count("\n"), name
        assert made[name].count(";") == usual[name].count(";"), name


def _with(text: str, where: str) -> Site:
    """The site with `text` in some place of it."""
    node, trunk, lobby = SITE.nodes["node1"], SITE.trunks["carrier"], SITE.phones["lobby"]
    match where:
        case "web":
            return replace(SITE, webs=(f"http://{text}",))
        case "phone":
            return replace(SITE, phones={f"p{text}": Phone(f"p{text}", "node1")})
        case "user":
            return replace(SITE, trunks={"carrier": replace(trunk, user=f"u{text}")})
        case "number":
            return replace(SITE, phones={"lobby": replace(lobby, number=f"+{text}"), "ana": SITE.phones["ana"]})
        case "sounds":
            return replace(SITE, nodes={"node1": replace(node, sounds=Path(f"/s/{text}"))})
        case "music":
            return replace(SITE, music={f"m{text}": Path("/m")})
        case "outgoing":
            return replace(SITE, outgoing=f"x{text}")
        case _:
            return replace(SITE, nodes={"node1": replace(node, public=f"1{text}")})


def test_files_are_written_whole_and_for_the_group_only(tmp_path: Path) -> None:
    made = generate(SITE, "node1", SETTINGS)
    write(made, tmp_path / "etc")
    write(made, tmp_path / "etc")
    assert {file.name: file.read_text() for file in (tmp_path / "etc").iterdir()} == made
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "etc").iterdir()} == {files.FILE_MODE}
