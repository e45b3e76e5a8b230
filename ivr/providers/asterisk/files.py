"""The configuration files of a node, made from asterisk.yaml and the settings.

Law: the same site and secret make the same files, byte for byte. Every value is checked once more before it gets into a file: a
template is given nothing that could begin a comment, a line, a section or an expression.
`generate` makes all files of an Asterisk that is ours alone; `fragments` those that an existing PBX includes. The dialplan is
the same in both: `extensions_retorno.conf`.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ivr.config import Settings
from ivr.errors import RetornoError
from ivr.providers.asterisk import events, passwords
from ivr.providers.asterisk.events import GAVE_UP
from ivr.providers.asterisk.forms import ANYONE
from ivr.providers.asterisk.modules import MODULES
from ivr.providers.asterisk.nodes import Node, Phone, Site, Trunk, peer

# Least privilege, as the control process needs it: events of calls and devices, and (`system`) that the node has booted;
# originate, redirect and hang up, and look.
AMI_READ = ("system", "call")
AMI_WRITE = ("call", "originate", "reporting")
AMI_EVENTS = tuple(sorted({*events.HEARD, "FullyBooted"}))
FILE_MODE = 0o640  # passwords stand in some; the group is Asterisk's
VERSION_CONTEXT = "retorno-version"

FRAGMENTS = ("extensions_retorno.conf", "pjsip_retorno.conf", "manager_retorno.conf", "musiconhold_retorno.conf")
_OWN = {
    "asterisk.conf": "the node's name and folders",
    "modules.conf": "what is loaded",
    "logger.conf": "what is logged",
    "extensions.conf": "the dialplan",
    "pjsip.conf": "SIP",
    "rtp.conf": "media ports",
    "manager.conf": "the manager interface, for the control process",
    "http.conf": "the web server of Asterisk, off",
    "musiconhold.conf": "music",
    "indications.conf": "tones",
    "features.conf": "keys in a talk",
    "amd.conf": "answering machines: the usual limits",
    "cdr.conf": "call records, off: Retorno keeps its own events",
    "cel.conf": "channel events, off: Retorno keeps its own events",
}
_SHORT = {
    "http.conf": "[general]\nenabled = no\n",
    "amd.conf": "[general]\n",
    "cdr.conf": "[general]\nenable = no\n",
    "cel.conf": "[general]\nenable = no\n",
    "extensions.conf": "[general]\nstatic = yes\nwriteprotect = yes\nclearglobalvars = yes\n\n#include extensions_retorno.conf\n",
}
# Asterisk or a module that we load warns when it misses them; nothing is to be said in them.
_EMPTY = (
    "acl.conf",
    "ccss.conf",
    "codecs.conf",
    "dnsmgr.conf",
    "dsp.conf",
    "pjproject.conf",
    "sorcery.conf",
    "stasis.conf",
    "udptl.conf",
)
_ZONES = {"BR": "br", "US": "us", "CA": "us", "MX": "mx", "ES": "es"}

_PLAIN = re.compile(r"[A-Za-z0-9_.:/+@ -]*", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]{1,128}", re.ASCII)


class UnfitValue(RetornoError):
    """A value cannot stand in a file of Asterisk."""


class Password(str):
    """Text of somebody else's choosing, looked at and escaped by `_password`."""


def generate(site: Site, node: str, settings: Settings) -> dict[str, str]:
    """All files of a node's folder of configuration, by name. Raises UnfitValue."""
    files = {}
    for name, what in _OWN.items():
        text = _SHORT.get(name) or _render(name, site, node, settings)
        files[name] = _header(name, what, node) + text
    for name in _EMPTY:
        files[name] = _header(name, "empty, for Asterisk wants to find it", node)
    return files | fragments(site, node, settings)


def fragments(site: Site, node: str, settings: Settings) -> dict[str, str]:
    """The files that an existing PBX includes, by name. Raises UnfitValue."""
    what = {
        "extensions_retorno.conf": "the dialplan loop",
        "pjsip_retorno.conf": "trunks, phones and the other nodes",
        "manager_retorno.conf": "the user of the control process",
        "musiconhold_retorno.conf": "music",
    }
    made = {name: _render(name, site, node, settings) for name in FRAGMENTS if name != "extensions_retorno.conf"}
    made["extensions_retorno.conf"] = extensions(site, node, settings)
    return {name: _header(name, what[name], node) + made[name] for name in FRAGMENTS}


def extensions(site: Site, node: str, settings: Settings) -> str:
    """The dialplan loop, and at its end the context by which a running node is asked for its version."""
    text = _render("extensions.conf", site, node, settings, extensions=True)
    return f"{text}\n[{VERSION_CONTEXT}]\nexten => {_digest(text)},1,Hangup()\n"


def dialplan_version(site: Site, node: str, settings: Settings) -> str:
    """The extension in `retorno-version` of a node that runs the dialplan which we would make now."""
    return _digest(_render("extensions.conf", site, node, settings, extensions=True))


def folders(node: Node) -> list[Path]:
    """What an Asterisk with a home of its own needs to find there; empty for the machine's service."""
    return [node.home / name for name in ("var", "spool", "run", "log")] if node.home else []


def write(files: Mapping[str, str], folder: Path) -> None:
    """Put `files` into `folder`, each whole or not at all, readable by us and by the folder's group."""
    folder.mkdir(parents=True, exist_ok=True)
    group = folder.stat().st_gid
    may_give = os.geteuid() == 0 or group in os.getgroups()
    for name, text in files.items():
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f".{name}.", delete=False, encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), FILE_MODE)
            if may_give:
                os.fchown(file.fileno(), -1, group)
        Path(file.name).replace(folder / name)


def _render(name: str, site: Site, node: str, settings: Settings, *, extensions: bool = False) -> str:
    here = site.nodes[node]
    known = _dialplan_values(site, here, settings) if extensions else _values(site, here, settings)
    _check(known)
    return _environment().get_template(f"{name}.j2").render(known)


def _dialplan_values(site: Site, node: Node, settings: Settings) -> dict[str, Any]:
    """What the dialplan's template knows."""
    return {
        "site": site,
        "node": node,
        "webs": site.webs,
        "webhook_key": passwords.webhook(settings, node.name),
        "fallback": site.fallback_dial(node.name),
        "gave_up": GAVE_UP,
        "fallback_goto": site.fallback_goto,
        "accounts": sorted({_account(t) for t in site.trunks.values() if t.register and node.name in t.nodes}),
        "languages": site.languages,
        "http_timeout": site.http_timeout,
        "sounds": node.sounds,
    }


def _values(site: Site, node: Node, settings: Settings) -> dict[str, Any]:
    """What the other templates know."""
    trunks = [t for t in site.trunks.values() if node.name in t.nodes and not t.existing]
    phones = [p for p in site.phones.values() if p.node == node.name and not p.existing]
    return {
        "site": site,
        "node": node,
        "languages": site.languages,
        "modules": MODULES,
        "tone_zone": _ZONES.get(settings.home_country, "us"),
        "ami_secret": passwords.ami(settings, node.name),
        "ami_read": AMI_READ,
        "ami_write": AMI_WRITE,
        "ami_events": AMI_EVENTS,
        "trunks": [_trunk(trunk, settings) for trunk in trunks],
        "phones": [_phone(phone, settings) for phone in phones],
        "peers": [_peer(node, other, settings) for other in site.nodes.values() if other.name != node.name],
    }


def _digest(text: str) -> str:
    return "v" + hashlib.sha256(text.encode()).hexdigest()[:16]


def _trunk(trunk: Trunk, settings: Settings) -> dict[str, Any]:
    if trunk.secret and trunk.secret not in settings.secrets:
        raise UnfitValue(
            f"trunk {trunk.name}: RETORNO_SECRET_{trunk.secret.upper()} is not set: set it to its password"
        )
    # Who says nothing is called from where he calls; Asterisk looks a name up when it reads the file.
    networks = [source for source in trunk.sources if source != ANYONE] if trunk.sources else [trunk.host.host]
    return {
        "name": trunk.name,
        "host": trunk.host,
        "user": trunk.user or trunk.name,
        "account": bool(trunk.secret),
        "account_name": _account(trunk),
        "domain": trunk.user.partition("@")[2] or trunk.host.host,
        "identity": trunk.user if "@" in trunk.user else f"{_account(trunk)}@{trunk.host}",
        "password": _password(settings.secrets[trunk.secret], f"trunk {trunk.name}") if trunk.secret else "",
        "codecs": trunk.codecs,
        "register": trunk.register,
        "qualify": trunk.qualify,
        "rtp_timeout": trunk.rtp_timeout,
        "networks": networks,
        "anyone": ANYONE in trunk.sources,
    }


def _account(trunk: Trunk) -> str:
    """What a carrier at which the trunk registers may dial in place of a number: the account, without its domain."""
    return (trunk.user or trunk.name).partition("@")[0]


def _phone(phone: Phone, settings: Settings) -> dict[str, Any]:
    return {
        "name": phone.name,
        "caller": phone.caller,
        "context": "retorno-in" if phone.caller else "retorno-phones",
        "shows": phone.number or phone.name,
        "password": passwords.phone(settings, phone.name),
    }


def _peer(node: Node, other: Node, settings: Settings) -> dict[str, Any]:
    return {
        "name": other.name,
        "endpoint": peer(other.name),
        "own": peer(node.name),
        "reach": other.reach,
        "password": passwords.peer(settings, node.name, other.name),
    }


def _header(name: str, what: str, node: str) -> str:
    return (
        f"; {name}: {what}.\n"
        f"; Made by `retorno asterisk config` from asterisk.yaml for node {node}. Do not edit: change asterisk.yaml,\n"
        "; run it again and reload (docs/asterisk.md).\n\n"
    )


def _environment() -> Environment:
    made = Environment(  # noqa: S701 - not HTML: `_check` has looked at every value
        loader=PackageLoader("ivr.providers.asterisk", "conf"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["asterisk_language"] = lambda lang: lang.replace("-", "_")
    return made


def _password(text: str, whose: str) -> Password:
    """`text` as a file of Asterisk has it. Raises UnfitValue."""
    if not _PRINTABLE.fullmatch(text):
        raise UnfitValue(
            f"the password of {whose} must be 1 to 128 printable ASCII characters, without spaces: change it"
        )
    return Password(text.replace(";", "\\;"))


def _check(value: object) -> None:
    """Raises UnfitValue when anything in `value` could end a line or begin a comment, a section or an expression."""
    match value:
        case Password() | bool() | int() | None:
            return
        case str() | Path():
            if not _PLAIN.fullmatch(str(value)):
                raise UnfitValue(f"{str(value)!r} cannot stand in a file of Asterisk")
        case Mapping():
            for pair in value.items():
                _check(pair)
        case list() | tuple():
            for one in value:
                _check(one)
        case _ if is_dataclass(value):
            for part in fields(value):
                _check(getattr(value, part.name))
        case _:
            raise TypeError(f"a {type(value).__name__} has no form in a file of Asterisk")
