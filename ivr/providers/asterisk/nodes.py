"""The file of Asterisks, `asterisk.yaml`: the nodes, the trunks by which they reach the world, the phones that they serve.

Law: read as flows are, every scalar as text first, and all mistakes told at once, each at its line. What comes out is whole:
every name in it is the name of something in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ivr.errors import RetornoError
from ivr.flow.fields import Lang, Model
from ivr.flow.load import Loaded, load_yaml, validate
from ivr.flow.problems import Problem, expected, has_errors, sort
from ivr.providers.asterisk.forms import (
    ANYONE,
    Address,
    Far,
    Folder,
    Goto,
    Here,
    Ip,
    MusicName,
    Network,
    NodeName,
    Number,
    NumberOrPhone,
    PhoneName,
    Place,
    Ports,
    SecretName,
    SipUser,
    Source,
    TrunkName,
    Web,
)

EVERYWHERE = "0.0.0.0"  # noqa: S104 - read, not bound
LOCAL_AMI = Address("127.0.0.1", 5038)
SPOOL = Path("/var/spool/asterisk")


class SiteError(RetornoError):
    """asterisk.yaml is wrong. `problems` has every mistake."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Node:
    """One Asterisk. `name` is its systemname, so the Uniqueids of its calls begin with it."""

    name: str
    sip: Address  # where it listens, UDP; 0.0.0.0 for every interface
    rtp: tuple[int, int] = (10_000, 20_000)  # first and last UDP port of the media
    ami: Address = LOCAL_AMI  # where the control process finds it
    sounds: Path = Path("/var/lib/retorno/sounds")  # <id>.ulaw of all that is spoken; below retorno/ what it says alone
    config: Path = Path("/etc/asterisk")
    address: str = ""  # by which the other nodes reach it; empty for a single node that listens everywhere
    public: str = ""  # its address outside of a NAT; empty: none
    control: str = ""  # the network that the control process comes from; empty: this machine
    home: Path | None = None  # for an Asterisk that is not the machine's service: its run, log, spool and database
    modules: Path | None = None  # where its modules are, when they are not where it was built for
    data: Path | None = None  # its documentation and sounds, the same

    @property
    def reach(self) -> Address:
        """Where the other nodes send their SIP."""
        return Address(self.address or self.sip.host, self.sip.port)

    @property
    def recordings(self) -> Path:
        """Where it keeps messages and recorded talks, `<id>.wav`."""
        return (self.home / "spool" if self.home else SPOOL) / "retorno"


@dataclass(frozen=True, slots=True)
class Trunk:
    """A way to the telephone network. `existing`: the PBX has it under this name already; nothing is generated for it."""

    name: str
    host: Address
    user: str = ""
    secret: str = ""  # the name of a RETORNO_SECRET_..., in lower case
    sources: tuple[str, ...] = ()  # networks its calls come from; ANYONE: calls of no known sender are this trunk's
    codecs: tuple[str, ...] = ("alaw", "ulaw")
    register: bool = False
    nodes: tuple[str, ...] = ()  # the nodes that have it
    qualify: int = 60  # seconds between two OPTIONS that ask whether it is there; 0: it is not asked
    rtp_timeout: int = 60  # seconds without audio from there after which a call is over; 0: never
    existing: bool = False


@dataclass(frozen=True, slots=True)
class Phone:
    """A desk phone, registered at `node`. `existing`: as of a trunk."""

    name: str
    node: str
    caller: bool = False  # its calls are taken for calls from outside, to try the flows with
    number: str = ""  # the number that it shows, +E.164
    existing: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """All that asterisk.yaml says. Trunks and phones share one space of names: both are endpoints."""

    webs: tuple[str, ...]
    nodes: Mapping[str, Node]
    trunks: Mapping[str, Trunk] = field(default_factory=dict)
    outgoing: str = ""  # the trunk for +E.164; empty: none
    phones: Mapping[str, Phone] = field(default_factory=dict)
    fallback: str = ""  # +E.164 or a phone, where a caller goes when no web server answers; empty: nowhere
    fallback_goto: Place | None = None  # the same in the PBX around us; there is one of the two, or none
    languages: tuple[str, ...] = ("pt-BR", "en", "es")
    music: Mapping[str, Path] = field(default_factory=dict)  # class -> folder; `default` is made by us if not here
    http_timeout: int = 6  # seconds that a node waits for a web server

    def has_trunk(self, node: str, trunk: str) -> bool:
        return trunk in self.trunks and node in self.trunks[trunk].nodes

    def trunk_to(self, host: str) -> Trunk | None:
        """The trunk for `sip:user@host`: a call goes only where a trunk leads."""
        return next((trunk for trunk in self.trunks.values() if trunk.host.host == host.lower()), None)

    def fallback_dial(self, node: str) -> str:
        """What `node` dials when no web server answers; empty when there is nothing that it could dial."""
        if self.fallback in self.phones:
            at = self.phones[self.fallback].node
            return f"PJSIP/{self.fallback}" if at == node else f"PJSIP/{self.fallback}@{peer(at)}"
        return f"PJSIP/{self.fallback}@{self.outgoing}" if self.fallback and self.has_trunk(node, self.outgoing) else ""


def peer(node: str) -> str:
    """The endpoint by which the other nodes reach `node`."""
    return f"peer_{node}"


def read_site(path: Path, secrets: Collection[str] | None = None) -> Site:
    """The file at `path`. Raises SiteError with every mistake, also when there is no such file.

    `secrets`: the names of the RETORNO_SECRET_... that are set, in lower case; None: whether a trunk's is set is not looked at.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        why = error.strerror or "unreadable"
        hint = "expected a file of Asterisk nodes: see docs/asterisk.md, and set RETORNO_ASTERISK_FILE"
        raise SiteError([Problem(str(path), 1, 1, f"cannot be read: {why}", "missing-file", hint=hint)]) from error
    site, problems = load_site(text, str(path), secrets)
    if site is None:
        raise SiteError(problems)
    return site


def load_site(
    text: str | bytes, filename: str, secrets: Collection[str] | None = None
) -> tuple[Site | None, list[Problem]]:
    """The site of a file's text, or None and all that is wrong with it, in the order of the file. Never raises."""
    loaded = load_yaml(text, filename)
    written, found = validate(_File, loaded)
    problems = [*loaded.problems, *found]
    if written is None or has_errors(problems):
        return None, sort(problems)
    site = _site(written)
    problems += [*_names(written, site, loaded), *_trunks(site, loaded, secrets), *_nodes(site, loaded)]
    return (None if has_errors(problems) else site), sort(problems)


Seconds = Annotated[int, Field(ge=0, le=3600)]


class _Fallback(Model):
    dial: NumberOrPhone | None = None
    goto: Goto | None = None


class _Node(Model):
    sip: Here
    rtp: Ports | None = None
    ami: Here | None = None
    sounds: Folder | None = None
    config: Folder | None = None
    address: Ip | None = None
    public: Ip | None = None
    control: Network | None = None
    home: Folder | None = None
    modules: Folder | None = None
    data: Folder | None = None


class _Trunk(Model):
    host: Far
    user: SipUser | None = None
    secret: SecretName | None = None
    sources: list[Source] = Field(default=[], alias="from")
    codecs: list[Literal["alaw", "ulaw", "g722"]] | None = Field(default=None, min_length=1)
    registers: bool | None = Field(default=None, alias="register")
    nodes: list[NodeName] | None = Field(default=None, min_length=1)
    qualify: Seconds | None = None
    rtp_timeout: Seconds | None = None
    existing: bool = False


class _Phone(Model):
    node: NodeName
    caller: bool = False
    number: Number | None = None
    existing: bool = False


class _File(Model):
    version: Literal["1"]
    webs: list[Web] = Field(min_length=1, max_length=2)
    fallback: _Fallback | None = None
    languages: list[Lang] | None = Field(default=None, min_length=1)
    nodes: dict[NodeName, _Node] = Field(min_length=1)
    trunks: dict[TrunkName, _Trunk] = {}
    outgoing: NodeName | None = None
    phones: dict[PhoneName, _Phone] = {}
    music: dict[MusicName, Folder] = {}
    http_timeout: Annotated[int, Field(ge=2, le=30)] | None = None


def _site(written: _File) -> Site:
    said = _said(written, "languages", "outgoing", "http_timeout")
    return Site(
        webs=tuple(written.webs),
        nodes={name: Node(name=name, **_said(node, *_Node.model_fields)) for name, node in written.nodes.items()},
        trunks={name: _trunk(name, trunk, tuple(written.nodes)) for name, trunk in written.trunks.items()},
        phones={name: Phone(name=name, **_said(phone, *_Phone.model_fields)) for name, phone in written.phones.items()},
        fallback=(written.fallback.dial if written.fallback else None) or "",
        fallback_goto=written.fallback.goto if written.fallback else None,
        music=dict(written.music),
        **said,
    )


def _trunk(name: str, written: _Trunk, everywhere: tuple[str, ...]) -> Trunk:
    """A trunk with an account registers unless it says that it does not; it is at all nodes unless it names some."""
    said = _said(written, "host", "user", "codecs", "qualify", "rtp_timeout", "existing")
    registers = written.registers if written.registers is not None else bool(written.user and written.secret)
    return Trunk(
        name=name,
        secret=(written.secret or "").lower(),
        sources=tuple(written.sources),
        register=registers and not written.existing,
        nodes=tuple(written.nodes) if written.nodes else everywhere,
        **said,
    )


def _said(written: Model, *names: str) -> dict[str, Any]:
    """What the author wrote of these; what he left out has the default of the noun. Lists become tuples."""
    found = {name: getattr(written, name) for name in names}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in found.items() if v is not None}


def _names(written: _File, site: Site, loaded: Loaded) -> Iterator[Problem]:
    """Names that are of nothing, or of two things."""
    for name, trunk in written.trunks.items():
        for place, node in enumerate(trunk.nodes or []):
            if node not in site.nodes:
                yield _unknown(loaded, ("trunks", name, "nodes", place), "node", node, site.nodes)
    for name, phone in site.phones.items():
        if phone.node not in site.nodes:
            yield _unknown(loaded, ("phones", name, "node"), "node", phone.node, site.nodes)
        if name in site.trunks:
            hint = "an endpoint of Asterisk has one name: rename one of them"
            yield loaded.problem(("phones", name), f'"{name}" is a trunk too', "two-of-a-name", hint=hint, key=True)
    first: dict[str, str] = {}
    for name in site.phones:
        same = first.setdefault(name.replace("-", ""), name)
        if same != name:
            hint = f'Asterisk takes no notice of - in what is dialled, and "{same}" is there: rename one of them'
            yield loaded.problem(
                ("phones", name), f'"{name}" could not be dialled', "two-of-a-name", hint=hint, key=True
            )
    if site.outgoing and site.outgoing not in site.trunks:
        yield _unknown(loaded, ("outgoing",), "trunk", site.outgoing, site.trunks)
    if written.fallback and bool(written.fallback.dial) == bool(written.fallback.goto):
        hint = "expected `dial:` with a phone or a number, or `goto:` with a place in your dialplan"
        yield loaded.problem(("fallback",), "a fallback leads to one place", "no-fallback", hint=hint, key=True)
    if site.fallback.startswith("+") and not site.outgoing:
        hint = "expected `outgoing:` with the name of a trunk, or a phone to dial"
        yield loaded.problem(("fallback", "dial"), "no trunk leads to that number", "no-trunk", hint=hint)
    elif site.fallback and not site.fallback.startswith("+") and site.fallback not in site.phones:
        yield _unknown(loaded, ("fallback", "dial"), "phone", site.fallback, site.phones)


def _unknown(loaded: Loaded, path: tuple[str | int, ...], kind: str, name: str, there: Mapping[str, Any]) -> Problem:
    return loaded.problem(path, f'no {kind} is named "{name}"', f"unknown-{kind}", hint=expected(there, name))


def _trunks(site: Site, loaded: Loaded, secrets: Collection[str] | None) -> Iterator[Problem]:
    for name, trunk in site.trunks.items():
        at = ("trunks", name)
        if trunk.secret and secrets is not None and trunk.secret not in secrets:
            variable = f"RETORNO_SECRET_{trunk.secret.upper()}"
            yield loaded.problem(
                (*at, "secret"), f"{variable} is not set", "no-secret", hint=f"expected {variable}=..."
            )
        if trunk.register and not (trunk.user and trunk.secret):
            hint = "expected both `user` and `secret`, or `register: false`"
            yield loaded.problem((*at, "register"), "only an account can register", "no-account", hint=hint)
    open_ones = [name for name, trunk in site.trunks.items() if ANYONE in trunk.sources and not trunk.existing]
    for name in open_ones[1:]:
        message = f'calls of no known sender are already those of "{open_ones[0]}"'
        yield loaded.problem(("trunks", name, "from"), message, "two-open-trunks", hint="expected one such trunk")


def _nodes(site: Site, loaded: Loaded) -> Iterator[Problem]:
    """What two nodes would fight about, and what one needs that cannot be guessed."""
    for name, node in site.nodes.items():
        at = ("nodes", name)
        if len(site.nodes) > 1 and node.reach.host == EVERYWHERE:
            hint = "expected `address:`, by which the other nodes reach it"
            yield loaded.problem(at, "the other nodes cannot find this one", "no-address", hint=hint, key=True)
        if not node.ami.host.startswith("127.") and not node.control:
            hint = "expected `control:`, the network of the machine that runs `retorno asterisk`"
            yield loaded.problem((*at, "ami"), "who may log in from outside is not said", "open-ami", hint=hint)
    for (one, first), (other, second) in combinations(site.nodes.items(), 2):
        if first.reach.host != second.reach.host:
            continue  # two machines
        at = ("nodes", other)
        for what in ("sip", "ami"):
            mine, theirs = getattr(first, what), getattr(second, what)
            if mine.port == theirs.port and (mine.host == theirs.host or EVERYWHERE in (mine.host, theirs.host)):
                yield loaded.problem((*at, what), f'node "{one}" has port {mine.port} too', "port-clash")
        if first.rtp[0] <= second.rtp[1] and second.rtp[0] <= first.rtp[1]:
            hint = "expected a range of its own on each node of a machine"
            yield loaded.problem((*at, "rtp"), f'the ports are also those of node "{one}"', "port-clash", hint=hint)
        if first.config == second.config or first.home == second.home:
            hint = "expected `config:` and `home:` of its own for each Asterisk of a machine"
            yield loaded.problem(at, f'it has the folders of node "{one}"', "folder-clash", hint=hint, key=True)
