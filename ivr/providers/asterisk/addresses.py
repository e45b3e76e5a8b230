"""Addresses: the phones that we ring, the targets that a flow transfers to, and the numbers that trunks give us.

Law: pure. What does not match a strict form gets nowhere: neither into a channel's name nor, as a number, into a session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

from ivr.providers.asterisk.nodes import Site, peer

E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
PHONE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
EXTENSION = re.compile(r"[0-9]{2,6}", re.ASCII)
SIP = re.compile(
    r"sips?:(?P<user>[A-Za-z0-9._+-]{1,64})@(?P<host>[A-Za-z0-9.-]{1,128})(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
FOREIGN_DIGITS = 11
"""A number without + that is none of ours is read as +number from this length on: shorter ones are extensions and short codes."""

FORMS = "expected PJSIP/<phone>, a number with + (+5511999990001) or sip:user@host"


class BadAddress(ValueError):
    """Nothing can be rung there, now or later. The message says what is expected."""


class Kind(StrEnum):
    """How a target is dialled; the words of the dialplan's `dial`."""

    PHONE = "phone"
    TRUNK = "trunk"
    SIP = "sip"


@dataclass(frozen=True, slots=True)
class Target:
    """`to`: the phone's name or extension, the number with +, or the user of a SIP address, by `kind`. `trunk`: the way there."""

    kind: Kind
    to: str
    trunk: str = ""

    def on(self, site: Site, node: str) -> str:
        """What Dial() and Originate on `node` take after `PJSIP/`. A phone that is not of the file is one of the PBX around us.
        Raises BadAddress when the node has not the trunk."""
        if self.kind is not Kind.PHONE:
            if not site.has_trunk(node, self.trunk):
                raise BadAddress(f"node {node} has not the trunk {self.trunk} of asterisk.yaml")
            return f"{self.to}@{self.trunk}"
        phone = site.phones.get(self.to)
        return self.to if phone is None or phone.node == node else f"{self.to}@{peer(phone.node)}"


def phone_target(address: str, site: Site) -> Target:
    """An agent's phone or a customer's number, as the line knows it. Raises BadAddress for one that no call can reach."""
    if address.startswith("PJSIP/"):
        name = address.removeprefix("PJSIP/")
        if name not in site.phones:
            raise BadAddress(f"no phone is called '{_shown(name)}' in asterisk.yaml; there are: {_names(site)}")
        return Target(Kind.PHONE, name)
    if EXTENSION.fullmatch(address):
        raise BadAddress(f"this cannot be rung through Asterisk; {FORMS}")
    return transfer_target(address, site)


def transfer_target(to: str, site: Site) -> Target:
    """What a flow's `transfer` step dials: +E.164, sip:user@host, or an extension. Raises BadAddress."""
    if EXTENSION.fullmatch(to):
        return Target(Kind.PHONE, to)
    if E164.fullmatch(to):
        if not site.outgoing:
            raise BadAddress("asterisk.yaml names no trunk for numbers; expected `outgoing: <trunk>`")
        return Target(Kind.TRUNK, to, site.outgoing)
    if found := SIP.fullmatch(to):
        trunk = site.trunk_to(found["host"])
        if trunk is None or int(found["port"] or trunk.host.port) != trunk.host.port:
            raise BadAddress("no trunk of asterisk.yaml leads to the host of this SIP address")
        return Target(Kind.SIP, found["user"], trunk.name)
    raise BadAddress(f"this cannot be rung through Asterisk; {FORMS}, or, in a flow, an extension")


def channel(address: str, site: Site, via: str = "") -> str:
    """The `Channel` of an Originate to `address`. `via`: the node at which the phone is registered, when the call is placed
    on another one. Raises BadAddress."""
    target = phone_target(address, site)
    if target.kind is not Kind.PHONE:
        return f"PJSIP/{target.to}@{target.trunk}"
    if via and via not in site.nodes:
        raise BadAddress(f"no node is called '{_shown(via)}' in asterisk.yaml")
    return f"PJSIP/{target.to}@{peer(via)}" if via else f"PJSIP/{target.to}"


def incoming_number(text: str, country: str) -> str:
    """The caller's number as +E.164; empty when it is withheld or none that is in use.

    Trunks give +E.164, 00 and the country, the country without +, or the national form, with or without 0 and a carrier's code.
    A number that is valid at home is taken for one of ours before it is taken for a foreign one.
    """
    digits = re.sub(r"[\s().-]", "", text)
    if not re.fullmatch(r"\+?[0-9]{3,20}", digits, re.ASCII):
        return ""
    if digits.startswith("+"):
        return _valid(digits, None)
    readings: list[tuple[str, str | None]] = [(digits, country)]
    if digits.startswith("00"):
        readings.insert(0, ("+" + digits[2:], None))  # first: 0055 could also be 0, 0 and a carrier's code
    if len(digits) >= FOREIGN_DIGITS and not digits.startswith("0"):
        readings.append(("+" + digits, None))
    return next((number for reading in readings if (number := _valid(*reading))), "")


def called_number(text: str, country: str) -> str:
    """The number that was dialled, as +E.164 when it is one, else as it was dialled (an extension, a name)."""
    return incoming_number(text, country) or text


def _valid(text: str, country: str | None) -> str:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return ""
    if number.extension or not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _names(site: Site) -> str:
    return ", ".join(sorted(site.phones)) or "none"


def _shown(name: str) -> str:
    """A name for a message, without what could break a line of the log."""
    return name if PHONE.fullmatch(name) else "?"
