"""Is the Asterisk side fit to answer the telephone? `retorno asterisk check`, and a part of `retorno doctor`.

Law: every finding says what to do. The check looks and changes nothing; it logs in to the manager interface as the control process
does, and asks it only what it may answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

import redis
import requests

from ivr import redis_server
from ivr.cli.findings import Finding, Findings, Level
from ivr.clock import SystemClock
from ivr.config import Settings
from ivr.providers.asterisk import music, passwords, standby
from ivr.providers.asterisk.control import USER
from ivr.providers.asterisk.files import AMI_WRITE, VERSION_CONTEXT, dialplan_version
from ivr.providers.asterisk.link import AmiDown, AmiRefused, AmiTimeout, Link
from ivr.providers.asterisk.modules import CALLS_NEED, SPARED
from ivr.providers.asterisk.nodes import Node, Site, SiteError, read_site
from ivr.providers.asterisk.registry import REGISTERED, Registry
from ivr.speech.fitness import faults
from ivr.speech.sounds import sounds_from

OLDEST = 22
ANSWER_S = 3.0
SLOW_SPEECH_S = 1.5  # what a caller waits for a sentence: see ivr/providers/asterisk/delivery.py
NEEDED = (
    *("Originate", "Redirect", "Hangup", "Setvar", "Getvar", "CoreShowChannels", "CoreStatus"),
    *("DeviceStateList", "MixMonitorMute"),
)
GENERATE = "`retorno asterisk config`, then reload (docs/asterisk.md)"


def examine(settings: Settings) -> Findings:
    """Everything that can be said of asterisk.yaml, of what it names, and of the nodes that can be reached from here."""
    try:
        site = read_site(settings.asterisk_file, settings.secrets)
    except SiteError as err:
        yield Finding(Level.FAIL, "asterisk.yaml is wrong", "\n     ".join(map(str, err.problems)))
        return
    counted = f"{len(site.nodes)} node(s), {len(site.trunks)} trunk(s), {len(site.phones)} phone(s)"
    yield Finding(Level.OK, f"{settings.asterisk_file.name}: {counted}")
    yield from webs_of(site)
    yield from speech_of(settings, site.languages)
    for node in site.nodes.values():
        if settings.asterisk_node in ("", node.name):
            yield from sounds_of(settings, node)
            yield from music_of(site, node)
            yield from recordings_of(node)
            yield from manager_of(settings, site, node)
    yield from control_of(settings, site)


def webs_of(site: Site) -> Findings:
    for web in site.webs:
        try:
            answered = requests.get(f"{web}/livez", timeout=2).status_code == 200
        except requests.RequestException:
            answered = False
        if answered:
            yield Finding(Level.OK, f"the web server answers at {web}")
        else:
            advice = "start `retorno up` or `retorno web`, or mend `webs:` and run " + GENERATE
            yield Finding(Level.FAIL, f"no web server answers at {web}", advice)


def speech_of(settings: Settings, langs: Sequence[str]) -> Findings:
    """The folder of sounds, and a sentence in each language spoken by the engine."""
    began = time.monotonic()
    found = faults(sounds_from(settings), langs)
    each_s = (time.monotonic() - began) / len(langs)
    for fault in found:
        yield Finding(Level.FAIL, fault.what, fault.advice)
    if not found and each_s > SLOW_SPEECH_S:
        advice = (
            "callers hear an apology in its place; render ahead with `retorno flow speak`, or choose a faster engine"
        )
        yield Finding(Level.WARN, f"the speech command takes {each_s:.1f} s for a sentence", advice)
    elif not found:
        yield Finding(Level.OK, f"the speech command speaks {', '.join(langs)} ({each_s * 1000:.0f} ms for a sentence)")


def sounds_of(settings: Settings, node: Node) -> Findings:
    """What the node can say alone, and how it gets the rest."""
    if node.sounds == settings.sounds_dir:
        yield Finding(Level.OK, f"{node.name} plays from our folder of sounds, {node.sounds}")
    else:
        what = f"{node.name} plays from {node.sounds}, we write to {settings.sounds_dir}: each new sound is sent there"
        yield Finding(Level.WARN, what, "on one machine: set RETORNO_SOUNDS_DIR to the node's `sounds:`")
    if not node.sounds.exists():
        return  # another machine's
    missing = [name for name in ("missing.ulaw", "wait", "music") if not (node.sounds / standby.FOLDER / name).exists()]
    if missing:
        yield Finding(Level.FAIL, f"{node.name} has nothing to say when no web server answers", f"run {GENERATE}")


def music_of(site: Site, node: Node) -> Findings:
    """Whether there is something to play in each class of asterisk.yaml, if the node is of this machine."""
    for kind, folder in site.music.items() if node.sounds.exists() else ():
        if why := music.fault(folder):
            yield Finding(
                Level.FAIL, f"{node.name}: who holds with the music {kind} hears nothing: {why}", music.advice(folder)
            )


def recordings_of(node: Node) -> Findings:
    """Whether the control process can keep recordings for their days and no longer, if they are of this machine."""
    folder = node.recordings
    if folder.is_dir() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        what = f"{node.name}: we may not read and remove the recordings in {folder}: they would be kept for ever"
        advice = f"let the user of Retorno ({_user()}) write to that folder: docs/asterisk.md, Recordings"
        yield Finding(Level.FAIL, what, advice)


def manager_of(settings: Settings, site: Site, node: Node) -> Findings:
    """What the node itself says, through the manager interface."""
    link = Link(node.ami.host, node.ami.port, lambda event: None)
    try:
        link.connect()
    except AmiDown as err:
        yield Finding(Level.FAIL, f"{node.name}: {err}", f"start Asterisk there, with the manager.conf of {GENERATE}")
        return
    try:
        yield from _let_in(link, settings, site, node)
    except (AmiDown, AmiTimeout) as err:
        yield Finding(Level.FAIL, f"{node.name}: {err}", "is Asterisk frozen? look into its log")
    finally:
        link.disconnect()


def _let_in(link: Link, settings: Settings, site: Site, node: Node) -> Findings:
    """Log in and ask. Raises AmiDown and AmiTimeout."""
    try:
        link.log_in(USER, passwords.ami(settings, node.name))
    except AmiRefused as err:
        advice = f"it does not run with the files of this RETORNO_SECRET_KEY: {GENERATE}"
        yield Finding(Level.FAIL, f"{node.name}: the manager interface refuses us ({err})", advice)
        return
    try:
        yield from _asked(link, settings, site, node)
        link.log_off()
    except AmiRefused as err:
        advice = f"once its user may do what it needs, run `retorno asterisk check` again; its files: {GENERATE}"
        yield Finding(Level.FAIL, f"{node.name}: no more can be asked of it ({err})", advice)


def _asked(link: Link, settings: Settings, site: Site, node: Node) -> Findings:
    listed = link.act("ListCommands", {}, {}, ANSWER_S)
    yield from rights_of({name: text for name, text in listed.items() if "(Priv: " in text}, node.name)
    yield from core_of(link.act("CoreSettings", {}, {}, ANSWER_S), node)
    yield from modules_of(_loaded(link), node.name)
    yield from spool_of(_value(link, "ASTSPOOLDIR"), node)
    yield from existing_of(site, node.name)
    version = f"DIALPLAN_EXISTS({VERSION_CONTEXT},{dialplan_version(site, node.name, settings)},1)"
    if _value(link, version) == "1":
        yield Finding(Level.OK, f"{node.name} runs the dialplan of this version")
    else:
        yield Finding(Level.FAIL, f"{node.name} runs another dialplan than ours", f"run {GENERATE}")
    if site.fallback_goto and _value(link, f"DIALPLAN_EXISTS({site.fallback_goto})") != "1":
        what = f"{node.name} has no {site.fallback_goto}, where callers go when no web server answers"
        yield Finding(Level.FAIL, what, f"add it to its dialplan, or mend `fallback:` and run {GENERATE}")
    names = [phone.name for phone in site.phones.values() if phone.node == node.name]
    yield from phones_of({name: _value(link, f"DEVICE_STATE(PJSIP/{name})") for name in names}, node.name)
    names = [trunk.name for trunk in site.trunks.values() if node.name in trunk.nodes]
    yield from trunks_of({name: _value(link, f"DEVICE_STATE(PJSIP/{name})") for name in names}, node.name)
    if any(trunk.register and node.name in trunk.nodes for trunk in site.trunks.values()):
        # It lists the accounts too, under the same names.
        found = [one for one in link.act_list("PJSIPShowRegistrationsOutbound", {}, ANSWER_S) if "Status" in one]
        yield from registrations_of({one.get("ObjectName", ""): one["Status"] for one in found}, site, node.name)


def core_of(core: Mapping[str, str], node: Node) -> Findings:
    """`core`: the answer to CoreSettings."""
    version, name = core.get("AsteriskVersion", "?"), core.get("SystemName", "")
    major = version.split(".")[0]
    if major.isdecimal() and int(major) < OLDEST:
        yield Finding(Level.WARN, f"{node.name}: Asterisk {version}", f"Retorno is tested with {OLDEST}: upgrade")
    else:
        yield Finding(Level.OK, f"{node.name}: Asterisk {version} at {node.ami}")
    if name != node.name:
        what = f"{node.name}: this Asterisk calls itself '{name}': its calls would not be known as this node's"
        advice = f"set `systemname = {node.name}` in asterisk.conf, or mend `ami:` of asterisk.yaml; restart Asterisk"
        yield Finding(Level.FAIL, what, advice)


def modules_of(loaded: Mapping[str, bool], node: str) -> Findings:
    """`loaded`: module -> whether this Asterisk has loaded it; empty when it cannot say so."""
    if not loaded:
        what = f"{node} cannot say which modules it has loaded, nor whether a machine has answered"
        yield Finding(Level.WARN, what, "load func_module.so there (docs/asterisk.md, An existing PBX)")
        return
    if missing := [name for name in CALLS_NEED if not loaded.get(name)]:
        advice = "install them and load them there (modules.conf): calls would end in the midst of the dialplan"
        yield Finding(Level.FAIL, f"{node} has not loaded {', '.join(missing)}", advice)
    else:
        yield Finding(Level.OK, f"{node} has loaded every module that a call needs")
    if spared := [name for name in SPARED if not loaded.get(name)]:
        what = f"{node} has not loaded {', '.join(spared)}: `detect_machine` is always unsure there"
        yield Finding(Level.WARN, what, "load it, if a queue says `detect_machine`")


def spool_of(spool: str, node: Node) -> Findings:
    """`spool`: where this Asterisk keeps what it records, in `retorno`."""
    ours = node.recordings.parent
    if spool and os.path.realpath(spool) != os.path.realpath(ours):
        what = f"{node.name} records below {spool}, we look for recordings below {ours}: they would be kept for ever"
        advice = f"set `astspooldir => {ours}` in asterisk.conf and restart Asterisk, or mend `home:` of asterisk.yaml"
        yield Finding(Level.FAIL, what, advice)


def existing_of(site: Site, node: str) -> Findings:
    """What we did not make and nobody tells us of."""
    trunks = [trunk.name for trunk in site.trunks.values() if trunk.existing and node in trunk.nodes]
    phones = [phone.name for phone in site.phones.values() if phone.existing and phone.node == node]
    if trunks or phones:
        what = f"{node}: how {', '.join([*trunks, *phones])} are set up there is not known to us"
        advice = (
            "look there: direct_media=no, rtp_timeout (phones 30, trunks 60) and, on phones, device_state_busy_at=1"
        )
        yield Finding(Level.WARN, what, advice)


def rights_of(commands: Mapping[str, str], node: str) -> Findings:
    """`commands`: what ListCommands lists, which is what our user may do, each with the classes that permit it."""
    classes = [
        set(text.rpartition("(Priv: ")[2].rstrip(") ").split(",")) - {"all", "<none>"} for text in commands.values()
    ]
    beyond = [found for found in classes if found and not found & set(AMI_WRITE)]
    certain = {name for found in beyond if len(found) == 1 for name in found}
    # A command that either of two classes permits tells which one only where another command has.
    surplus = certain | {" or ".join(sorted(found)) for found in beyond if not found & certain}
    lacking = [name for name in NEEDED if name not in commands]
    if surplus:
        what = f"{node}: the user [{USER}] of manager.conf may do more than it needs: {', '.join(sorted(surplus))}"
        advice = f"who reads its secret could run programs there: set `write = {','.join(AMI_WRITE)}` and reload"
        yield Finding(Level.FAIL, what, advice)
    if lacking:
        what = f"{node}: the user [{USER}] of manager.conf may not {', '.join(lacking)}"
        yield Finding(Level.FAIL, what, f"set `write = {','.join(AMI_WRITE)}` in its section and reload")
    if not surplus and not lacking:
        yield Finding(Level.OK, f"{node}: the user [{USER}] of manager.conf may do what it needs and no more")


def phones_of(states: Mapping[str, str], node: str) -> Findings:
    """`states`: phone -> Asterisk's word for the state of its device."""
    away = [name for name, state in states.items() if state not in REGISTERED]
    unknown = [name for name in away if states[name] in ("INVALID", "UNKNOWN", "")]
    if unknown:
        yield Finding(Level.FAIL, f"{node} does not know the phone(s) {', '.join(unknown)}", f"run {GENERATE}")
    if silent := [name for name in away if name not in unknown]:
        advice = "switch them on; their passwords: `retorno asterisk config --show-passwords`"
        yield Finding(Level.WARN, f"not registered at {node}: {', '.join(silent)}", advice)
    if states and not away:
        yield Finding(Level.OK, f"every phone of {node} is registered")


def trunks_of(states: Mapping[str, str], node: str) -> Findings:
    """`states`: trunk -> Asterisk's word for the state of its device."""
    for name, state in states.items():
        if state in REGISTERED:
            yield Finding(Level.OK, f"{node} reaches the trunk {name}")
        elif state == "UNAVAILABLE":
            advice = (
                "no call goes out there: look at its host and at the firewall; if the carrier answers no OPTIONS, set "
                f"`qualify: 0` on it and run {GENERATE}"
            )
            yield Finding(Level.FAIL, f"{node} does not reach the trunk {name}", advice)
        else:
            yield Finding(Level.FAIL, f"{node} does not know the trunk {name}", f"run {GENERATE}")


def registrations_of(states: Mapping[str, str], site: Site, node: str) -> Findings:
    """`states`: trunk -> its state at the carrier, as Asterisk says it."""
    for trunk in site.trunks.values():
        if not trunk.register or node not in trunk.nodes:
            continue
        state = states.get(trunk.name, "unknown to this Asterisk")
        if state == "Registered":
            yield Finding(Level.OK, f"{node} is registered at the trunk {trunk.name}")
        else:
            advice = f"look at user, host and RETORNO_SECRET_{trunk.secret.upper()}, and at the firewall"
            yield Finding(Level.FAIL, f"{node} is not registered at the trunk {trunk.name}: {state}", advice)


def control_of(settings: Settings, site: Site) -> Findings:
    """Whether the control processes live, as Redis knows."""
    url = redis_server.running_url(settings)
    if not url:
        yield Finding(Level.WARN, "whether the control processes run is not known: Redis is not there", "`retorno up`")
        return
    with closing(redis_server.connect(url, redis_server.WEB)) as client:
        try:
            yield from beats_of(Registry(client, settings.tenant), site.nodes, SystemClock().now_ms())
        except redis.RedisError as err:
            yield Finding(Level.FAIL, f"Redis does not answer: {type(err).__name__}", "start it, or mend REDIS_URL")


def beats_of(registry: Registry, nodes: Iterable[str], now_ms: int) -> Findings:
    """Raises RedisError."""
    for node in nodes:
        beat = registry.beat(node)
        if beat is None or now_ms - beat.at_ms > 5_000:
            yield Finding(
                Level.FAIL, f"no control process for {node}", f"`retorno up`, or `retorno asterisk --node {node}`"
            )
        elif not beat.up:
            yield Finding(Level.FAIL, f"the control process of {node} cannot log in there", "its log says why")
        else:
            yield Finding(Level.OK, f"the control process of {node} is at work ({beat.channels} calls)")


def _value(link: Link, variable: str) -> str:
    return link.act("Getvar", {"Variable": variable}, {}, ANSWER_S).get("Value", "")


def _loaded(link: Link) -> dict[str, bool]:
    """Module -> whether it is loaded; empty when this Asterisk has no function to ask by."""
    try:
        asked = {name: _value(link, f"IFMODULE({name}.so)") for name in ("func_module", *CALLS_NEED, *SPARED)}
    except AmiRefused:
        return {}
    return {name: value == "1" for name, value in asked.items()} if asked["func_module"] == "1" else {}


def _user() -> str:
    return f"uid {os.geteuid()}"
