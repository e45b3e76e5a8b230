"""The kinds of value that stand in asterisk.yaml.

Law: each has a strict form, for it will stand in a configuration file of Asterisk: nothing that could begin a comment, a line,
a section or an expression gets in. A value arrives as text and is read here, once, with an error that says what was expected.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

ANYONE = "anyone"
WIDEST = 8  # bits: a trunk's network may not be wider
SIP_PORT = 5060

NAME = r"[a-z0-9][a-z0-9_]{0,31}"
PHONE_NAME = r"[a-z0-9][a-z0-9_-]{0,31}"
E164 = r"\+[1-9][0-9]{6,14}"
_HOST = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*"
_OURS = r"(?!peer_|retorno)"  # how the names begin that we make ourselves

# Names that mean something to Asterisk. Whoever sends a call and is nobody else is the endpoint `anonymous`: a trunk or a phone of
# that name would be open to the world. A phone is an extension too, and some extensions are done by themselves: at a hangup, where
# nobody has such a number ...
ENDPOINTS = frozenset(("anonymous", "global", "system"))
EXTENSIONS = frozenset(("a", "e", "fax", "h", "i", "o", "s", "t"))
CLASSES = frozenset(("general",))


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the dialplan of the PBX around us, as Goto() has it."""

    context: str
    exten: str
    priority: int = 1

    def __str__(self) -> str:
        return f"{self.context},{self.exten},{self.priority}"


def _text(read: Callable[[str], Any]) -> BeforeValidator:
    """Reads one value by `read`; a list or a mapping is none."""

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("a list or a mapping cannot stand here; expected one value")
        return read(value)

    return BeforeValidator(check)


def _shaped(pattern: str, form: str) -> Callable[[str], str]:
    """Text that is wholly of `pattern`. `form` says how it is written."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f'"{value}" cannot stand here; expected {form}')
        return value

    return check


def _free(check: Callable[[str], str], *words: frozenset[str]) -> Callable[[str], str]:
    """A name that is none of Asterisk's own `words`. It takes no notice of dashes in an extension."""

    def free(value: str) -> str:
        name = check(value)
        if any(name.replace("-", "") in some for some in words):
            raise ValueError(f'"{name}" means something of its own to Asterisk; expected another name')
        return name

    return free


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise ValueError("no port")
    return int(text)


def _address(value: str) -> Address:
    host, _, port = value.rpartition(":")
    try:
        return Address(str(ipaddress.IPv4Address(host)), _port(port))
    except ValueError:
        raise ValueError(f'"{value}" is not an address; expected IPv4:port, as 127.0.0.1:5038') from None


def _far(value: str) -> Address:
    """host or host:port, of a carrier."""
    host, _, port = value.partition(":")
    try:
        return Address(_shaped(_HOST, "")(host).lower(), _port(port) if port else SIP_PORT)
    except ValueError:
        raise ValueError(f'"{value}" is not a host; expected host or host:port, as sip.carrier.example') from None


def _ports(value: str) -> tuple[int, int]:
    low, _, high = value.partition("-")
    try:
        first, last = _port(low), _port(high)
    except ValueError:
        first, last = 1, 0
    if not 1024 <= first < last:
        raise ValueError(f'"{value}" is no range of ports; expected first-last above 1023, as 10000-20000')
    return first, last


def _ip(value: str) -> str:
    try:
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        raise ValueError(f'"{value}" is not an address; expected IPv4, as 10.0.0.5') from None


def _network(value: str) -> str:
    try:
        return str(ipaddress.IPv4Network(value))
    except ValueError:
        form = "expected an IPv4 network without host bits, as 203.0.113.0/24 or 203.0.113.7"
        raise ValueError(f'"{value}" is not a network; {form}') from None


def _source(value: str) -> str:
    if value == ANYONE:
        return value
    network = _network(value)
    if ipaddress.IPv4Network(network).prefixlen < WIDEST:
        raise ValueError(f'"{value}" is too wide; expected the carrier\'s networks, or the word {ANYONE}')
    return network


def _folder(value: str) -> Path:
    if not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9_.][A-Za-z0-9_.-]{0,63}){1,16}", value, re.ASCII):
        raise ValueError(f'"{value}" is not a folder; expected a path from the root, of A-Z, a-z, 0-9, . _ and -')
    return Path(value)


def _place(value: str) -> Place:
    form = 'context,extension or context,extension,priority of your dialplan, in quotes: "from-internal,600"'
    _shaped(r"(?!retorno)[A-Za-z0-9_-]{1,64},[A-Za-z0-9+][A-Za-z0-9_+-]{0,63}(,[1-9][0-9]{0,3})?", form)(value)
    context, exten, *priority = value.split(",")
    return Place(context, exten, int(priority[0]) if priority else 1)


def _web(value: str) -> str:
    form = "how a node reaches our web server, as http://127.0.0.1:8000"
    return _shaped(rf"https?://{_HOST}(:[0-9]{{1,5}})?(/[A-Za-z0-9_-]+)*", form)(value.rstrip("/"))


_node_name = _shaped(_OURS + NAME, "a name of a-z, 0-9 and _, at most 32, not beginning with peer_ or retorno")
_phone_name = _shaped(
    _OURS + PHONE_NAME, "a name of a-z, 0-9, _ and -, at most 32, not beginning with peer_ or retorno"
)

NodeName = Annotated[str, _text(_node_name)]
TrunkName = Annotated[str, _text(_free(_node_name, ENDPOINTS))]
PhoneName = Annotated[str, _text(_free(_phone_name, ENDPOINTS, EXTENSIONS))]
MusicName = Annotated[str, _text(_free(_phone_name, CLASSES))]
Number = Annotated[str, _text(_shaped(E164, 'a number with +, in quotes: "+551130001000"'))]
NumberOrPhone = Annotated[
    str, _text(_shaped(f"{E164}|{PHONE_NAME}", "a number with +, in quotes, or the name of a phone"))
]
SecretName = Annotated[str, _text(_shaped(r"[A-Z0-9_]{1,64}", "the NAME of a RETORNO_SECRET_NAME"))]
SipUser = Annotated[str, _text(_shaped(r"[A-Za-z0-9_.+@-]{1,64}", "a SIP user: letters, digits, . _ + @ and -"))]
Here = Annotated[Address, _text(_address)]
Far = Annotated[Address, _text(_far)]
Ports = Annotated[tuple[int, int], _text(_ports)]
Ip = Annotated[str, _text(_ip)]
Network = Annotated[str, _text(_network)]
Source = Annotated[str, _text(_source)]
Goto = Annotated[Place, _text(_place)]
Folder = Annotated[Path, _text(_folder)]
Web = Annotated[str, _text(_web)]
