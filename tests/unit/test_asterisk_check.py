"""The check of the Asterisk side: what it makes of what a node, Redis and the disk say. With a real node: tests/asterisk."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.cli import asterisk_check as check
from ivr.cli.findings import Finding, Level, tell
from ivr.cli.run import nodes_here, parts_of
from ivr.config import Settings, load
from ivr.errors import ConfigError
from ivr.providers.asterisk.forms import Address
from ivr.providers.asterisk.modules import CALLS_NEED, SPARED
from ivr.providers.asterisk.nodes import EVERYWHERE, Node, Phone, Site, Trunk, load_site
from ivr.speech import tones

SECRET = "a secret long enough to be believed in"

# What ListCommands says to a user with `write = call,originate,reporting` (Asterisk 22.10.1, the lines that matter).
LEAST = {
    "Originate": "Originate a call.  (Priv: originate,all)",
    "Redirect": "Redirect (transfer) a call.  (Priv: call,all)",
    "Hangup": "Hangup channel.  (Priv: system,call,all)",
    "Setvar": "Sets a channel variable or function value.  (Priv: call,all)",
    "Getvar": "Gets a channel variable or function value.  (Priv: call,reporting,all)",
    "CoreShowChannels": "List currently active channels.  (Priv: system,reporting,all)",
    "CoreStatus": "Show PBX core status variables.  (Priv: system,reporting,all)",
    "DeviceStateList": "List the current known device states.  (Priv: call,reporting,all)",
    "MixMonitorMute": "Mute / unMute a Mixmonitor recording.  (Priv: system,call,all)",
    "Ping": "Keepalive command.  (Priv: <none>)",
}


def only(found: check.Findings) -> Finding:
    (one,) = found
    return one


def test_least_privilege_is_well() -> None:
    assert only(check.rights_of(LEAST, "node1")).level is Level.OK


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ("Execute Asterisk CLI Command.  (Priv: command,all)", "command"),
        ("Update basic configuration.  (Priv: config,all)", "config"),
        ("Send a reload event.  (Priv: system,config,all)", "config or system"),
        ("Add an AGI command to execute by Async AGI.  (Priv: agi,all)", "agi"),
        ("Add an extension to the dialplan  (Priv: command,all)", "command"),
    ],
)
def test_a_user_who_may_do_more_is_named_with_what(extra: str, named: str) -> None:
    found = only(check.rights_of({**LEAST, "Extra": extra}, "node1"))
    assert found.level is Level.FAIL
    assert found.what == f"node1: the user [retorno] of manager.conf may do more than it needs: {named}"
    assert "write = call,originate,reporting" in found.advice


def test_a_user_who_may_do_less_is_named_with_what_he_lacks() -> None:
    less = {name: text for name, text in LEAST.items() if name not in ("Originate", "MixMonitorMute")}
    found = only(check.rights_of(less, "node1"))
    assert (found.level, found.what) == (
        Level.FAIL,
        "node1: the user [retorno] of manager.conf may not Originate, MixMonitorMute",
    )


NODE = Node("node1", Address(EVERYWHERE, 5060))


@pytest.mark.parametrize(
    ("version", "name", "levels"),
    [
        ("22.10.1", "node1", [Level.OK]),
        ("23.0.0", "node1", [Level.OK]),
        ("GIT-master-1234", "node1", [Level.OK]),
        ("18.9.0", "node1", [Level.WARN]),
        ("22.10.1", "pbx", [Level.OK, Level.FAIL]),
        ("22.10.1", "", [Level.OK, Level.FAIL]),
    ],
)
def test_version_and_name_of_an_asterisk(version: str, name: str, levels: list[Level]) -> None:
    found = list(check.core_of({"AsteriskVersion": version, "SystemName": name}, NODE))
    assert [one.level for one in found] == levels


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ({"ana": "NOT_INUSE", "ben": "RINGING"}, [(Level.OK, "every phone of node1 is registered")]),
        ({"ana": "UNAVAILABLE", "ben": "INUSE"}, [(Level.WARN, "not registered at node1: ana")]),
        ({"ana": "INVALID", "ben": ""}, [(Level.FAIL, "node1 does not know the phone(s) ana, ben")]),
        (
            {"ana": "INVALID", "ben": "UNAVAILABLE"},
            [(Level.FAIL, "node1 does not know the phone(s) ana"), (Level.WARN, "not registered at node1: ben")],
        ),
        ({}, []),
    ],
)
def test_phones(states: dict[str, str], told: list[tuple[Level, str]]) -> None:
    assert [(one.level, one.what) for one in check.phones_of(states, "node1")] == told


LOADED = dict.fromkeys((*CALLS_NEED, *SPARED), True)


@pytest.mark.parametrize(
    ("loaded", "told"),
    [
        (LOADED, [(Level.OK, "node1 has loaded every module that a call needs")]),
        ({**LOADED, "func_curl": False}, [(Level.FAIL, "node1 has not loaded func_curl")]),
        (
            {**LOADED, "app_amd": False},
            [
                (Level.OK, "node1 has loaded every module that a call needs"),
                (Level.WARN, "node1 has not loaded app_amd: `detect_machine` is always unsure there"),
            ],
        ),
        ({}, [(Level.WARN, "node1 cannot say which modules it has loaded, nor whether a machine has answered")]),
    ],
)
def test_modules(loaded: dict[str, bool], told: list[tuple[Level, str]]) -> None:
    assert [(one.level, one.what) for one in check.modules_of(loaded, "node1")] == told


def test_recordings_that_lie_where_nobody_looks_are_told(tmp_path: Path) -> None:
    assert list(check.spool_of("/var/spool/asterisk", NODE)) == []
    assert list(check.spool_of("", NODE)) == []  # it did not say
    (tmp_path / "spool").symlink_to("/var/spool/asterisk")
    assert list(check.spool_of(str(tmp_path / "spool"), NODE)) == []
    found = only(check.spool_of("/srv/pbx/spool", NODE))
    assert (found.level, found.what) == (
        Level.FAIL,
        "node1 records below /srv/pbx/spool, we look for recordings below /var/spool/asterisk: they would be kept for ever",
    )


def test_what_the_pbx_had_before_is_to_be_looked_at_by_hand() -> None:
    phones = {"101": Phone("101", "node1", existing=True), "ana": Phone("ana", "node1")}
    trunks = {"old": Trunk("old", Address("10.0.0.8", 5060), nodes=("node1",), existing=True)}
    site = Site(webs=("http://x",), nodes={"node1": NODE}, phones=phones, trunks=trunks)
    found = only(check.existing_of(site, "node1"))
    assert (found.level, "old, 101 are set up" in found.what, "ana" in found.what) == (Level.WARN, True, False)
    for setting in ("direct_media", "rtp_timeout", "device_state_busy_at"):
        assert setting in found.advice
    assert list(check.existing_of(site, "node2")) == []


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("NOT_INUSE", [(Level.OK, "node1 reaches the trunk carrier")]),
        ("BUSY", [(Level.OK, "node1 reaches the trunk carrier")]),
        ("UNAVAILABLE", [(Level.FAIL, "node1 does not reach the trunk carrier")]),
        ("INVALID", [(Level.FAIL, "node1 does not know the trunk carrier")]),
    ],
)
def test_a_trunk_that_cannot_be_reached_is_told(state: str, told: list[tuple[Level, str]]) -> None:
    found = list(check.trunks_of({"carrier": state}, "node1"))
    assert [(one.level, one.what) for one in found] == told
    assert all("qualify: 0" in one.advice for one in found if state == "UNAVAILABLE")


def test_a_trunk_that_its_carrier_does_not_know_is_told() -> None:
    trunk = Trunk("carrier", Address("c.example", 5060), "u", "carrier", register=True, nodes=("node1",))
    site = Site(webs=("http://x",), nodes={"node1": NODE}, trunks={"carrier": trunk})
    assert only(check.registrations_of({"carrier": "Registered"}, site, "node1")).level is Level.OK
    rejected = only(check.registrations_of({"carrier": "Rejected"}, site, "node1"))
    assert (rejected.level, "RETORNO_SECRET_CARRIER" in rejected.advice) == (Level.FAIL, True)
    assert only(check.registrations_of({}, site, "node1")).level is Level.FAIL
    assert list(check.registrations_of({}, site, "node2")) == []


def test_every_finding_that_is_not_well_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole check where nothing is there at all: no web server, no speech, no Asterisk, no Redis."""
    (tmp_path / "asterisk.yaml").write_text(
        "version: 1\nwebs: [http://127.0.0.1:9]\nnodes: {one: {sip: 127.0.0.1:5060, ami: 127.0.0.1:9}}\n"
    )
    settings = settings_in(tmp_path, RETORNO_SPEECH_COMMAND="/nonexistent/engine")
    found = list(check.examine(settings))
    assert [one.level for one in found] == [Level.OK, Level.FAIL, Level.FAIL, Level.WARN, Level.FAIL, Level.WARN]
    assert all(one.advice for one in found if one.level is not Level.OK)
    assert tell(found) is False
    assert "Connection refused" in capsys.readouterr().out


def test_a_wrong_file_is_the_only_finding(tmp_path: Path) -> None:
    (tmp_path / "asterisk.yaml").write_text("version: 1\nwebs: []\n")
    found = only(check.examine(settings_in(tmp_path)))
    assert found.level is Level.FAIL
    assert "expected at least 1" in found.advice
    assert '"nodes"' in found.advice


def test_a_node_of_this_machine_that_has_nothing_to_say_alone_is_told(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    node = Node("one", Address("127.0.0.1", 5060), sounds=sounds)
    settings = settings_in(tmp_path, RETORNO_SOUNDS_DIR=str(sounds))
    assert [one.level for one in check.sounds_of(settings, node)] == [Level.OK]  # not there: another machine's
    sounds.mkdir()
    assert [one.level for one in check.sounds_of(settings, node)] == [Level.OK, Level.FAIL]
    for name in ("wait", "music"):
        (sounds / "retorno" / name).mkdir(parents=True)
    (sounds / "retorno" / "missing.ulaw").write_bytes(tones.earcon())
    assert [one.level for one in check.sounds_of(settings, node)] == [Level.OK]


def test_music_that_the_node_cannot_play_is_told(tmp_path: Path) -> None:
    node = Node("one", Address("127.0.0.1", 5060), sounds=tmp_path / "sounds")
    site = Site(webs=("http://x",), nodes={"one": node}, music={"jazz": tmp_path / "jazz"})
    assert list(check.music_of(site, node)) == []  # another machine's
    node.sounds.mkdir()
    found = only(check.music_of(site, node))
    assert (found.level, "the music jazz hears nothing" in found.what) == (Level.FAIL, True)
    assert "sox " in found.advice
    (tmp_path / "jazz").mkdir()
    (tmp_path / "jazz" / "a.ulaw").write_bytes(tones.earcon())
    assert list(check.music_of(site, node)) == []


TWO = """version: 1
webs: [http://127.0.0.1:8000]
nodes:
  here: {sip: 0.0.0.0:5060, address: 127.0.0.1}
  there: {sip: 0.0.0.0:5060, address: 192.0.2.9}
"""
OPEN = TWO.replace("192.0.2.9", "192.0.2.9, ami: 192.0.2.9:5038, control: 10.0.0.0/8")


@pytest.mark.parametrize(
    ("text", "chosen", "nodes"),
    [
        ("version: 1\nwebs: [http://x]\nnodes: {one: {sip: 0.0.0.0:5060}}\n", "", ["one"]),
        (TWO, "", ["here"]),
        (TWO, "there", ["there"]),
        (OPEN, "", ["here", "there"]),
    ],
)
def test_up_runs_the_control_process_of_each_node_that_it_can_reach(text: str, chosen: str, nodes: list[str]) -> None:
    """A manager interface on 127.0.0.1 can be reached on its own machine only."""
    site, problems = load_site(text, "a.yaml")
    assert site, problems
    assert nodes_here(Settings(asterisk_node=chosen), site) == nodes


def test_a_node_that_is_not_in_the_file_is_a_mistake() -> None:
    site, _ = load_site(TWO, "a.yaml")
    assert site
    with pytest.raises(ConfigError, match="has here, there"):
        nodes_here(Settings(asterisk_node="elsewhere"), site)


def test_up_runs_control_processes_only_with_asterisk(tmp_path: Path) -> None:
    (tmp_path / "asterisk.yaml").write_text(TWO)
    assert "asterisk-here" not in [part.name for part in parts_of(settings_in(tmp_path, RETORNO_PROVIDER="simulator"))]
    (part,) = (part for part in parts_of(settings_in(tmp_path)) if part.name == "asterisk-here")
    assert part.argv[-3:] == ("asterisk", "--node", "here")


def settings_in(folder: Path, **more: str) -> Settings:
    usual = {
        "RETORNO_SECRET_KEY": SECRET,
        "RETORNO_PROVIDER": "asterisk",
        "RETORNO_DATA_DIR": str(folder / "var"),
        "RETORNO_ASTERISK_FILE": str(folder / "asterisk.yaml"),
    }
    return load({**usual, **more}, None)


def test_recordings_that_we_could_not_remove_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node("one", Address("127.0.0.1", 5060), home=tmp_path)
    assert list(check.recordings_of(node)) == []  # none yet, or another machine's
    node.recordings.mkdir(parents=True)
    assert list(check.recordings_of(node)) == []
    monkeypatch.setattr("os.access", lambda path, how: False)  # root may always
    found = only(check.recordings_of(node))
    assert (found.level, "kept for ever" in found.what) == (Level.FAIL, True)


def test_speech_is_tried_in_every_language_of_the_site(tmp_path: Path) -> None:
    fails = settings_in(tmp_path, RETORNO_SPEECH_COMMAND="false")
    found = list(check.speech_of(fails, ["pt-BR", "es"]))
    assert [one.what.split(":")[0] for one in found] == ["pt-BR cannot be spoken", "es cannot be spoken"]
    assert only(check.speech_of(settings_in(tmp_path), ["en"])).level in (Level.OK, Level.WARN)  # WARN: a busy machine
