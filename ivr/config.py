"""The settings, read once from the environment.

Law: every mistake is named at once, and a secret is never shown. A variable is one row of `VARIABLES`; `.env.example` and the
operations page are held to that table by a test. The real environment wins over `.env`, which is a convenience of development.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ivr import setting_forms as forms
from ivr.clock import Clock, ScaledClock, SystemClock
from ivr.errors import ConfigError

PREFIX = "RETORNO_"
SECRET_PREFIX = "RETORNO_SECRET_"  # noqa: S105 - the name of the variables, not a secret
MASK = "********"
DEMO_SECRET = "demo only: never use this secret to answer a real telephone"  # noqa: S105 - public, refused outside the demo
SECRET_MIN = 32
CLOCK_FILE = "clock"

ProviderName = Literal["simulator", "twilio", "asterisk"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set. Each field is described by its row in `VARIABLES`."""

    redis_url: str = field(default="", repr=False)  # may hold a password
    tenant: str = "retorno"
    data_dir: Path = Path("var")
    secret_key: str = field(default="", repr=False)
    api_token: str = field(default="", repr=False)
    public_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8000
    web_processes: int = 1
    web_threads: int = 64
    workers: int = 2
    provider: ProviderName = "simulator"
    simulator_url: str = "http://127.0.0.1:8001"
    asterisk_file: Path = Path("asterisk.yaml")
    asterisk_node: str = ""  # empty: all nodes that can be reached from here
    home_country: str = "BR"
    timezone: str = "America/Sao_Paulo"  # where a business day begins and ends, for figures that are counted per day
    regions: frozenset[str] = frozenset({"BR"})
    deny_prefixes: tuple[str, ...] = ()
    flows_dir: Path = Path("flows")
    default_flow: str = "telecom"
    log_level: str = "info"
    log_format: Literal["text", "json"] = "text"
    clock: str = ""
    http_hosts: frozenset[str] = frozenset()
    demo: bool = False
    sounds_dir: Path = Path("var/sounds")
    speech_command: str = "espeak-ng --stdin --stdout -v {voice} -s {speed}"
    speech_voices: str = "pt-BR=pt-br,en=en-us,es=es-419"
    speech_speed: int = 150
    sounds_max_mb: int = 1000
    recordings_days: int = 30
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # of flows, by lower-case name

    def key(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose ("jobs", "webhooks", "numbers"), derived from `secret_key`.

        One HMAC-SHA256 step of HKDF-Expand (RFC 5869): knowing one key tells nothing of another.
        """
        return hmac.new(self.secret_key.encode(), f"retorno/{purpose}\x01".encode(), hashlib.sha256).digest()

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the web server."""
        return _is_loopback(self.host)

    @property
    def embedded(self) -> bool:
        """Whether we run the Redis server ourselves."""
        return not self.redis_url

    def shown(self) -> dict[str, str]:
        """Every variable with its value in force, secrets masked, for `retorno config`."""
        rows = {}
        for row in VARIABLES:
            value = getattr(self, row.field)
            rows[row.name] = (MASK if value else "") if row.secret else _shown(value)
        rows["REDIS_URL"] = re.sub(r"//[^@/]*@", f"//{MASK}@", self.redis_url)
        return rows | {SECRET_PREFIX + name.upper(): MASK for name in sorted(self.secrets)}


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable. `read` turns its text into the field's value, or raises ValueError saying what is expected."""

    name: str
    field: str
    read: Callable[[str], Any]
    help: str
    secret: bool = False


_redis_url = forms.url("redis", "rediss", "unix")

VARIABLES: tuple[Variable, ...] = (
    Variable("RETORNO_TENANT", "tenant", forms.name, "Prefix of all Redis keys; one call centre is one tenant."),
    Variable("RETORNO_DATA_DIR", "data_dir", Path, "Where the embedded Redis keeps its files. Mode 0700."),
    Variable(
        "RETORNO_SECRET_KEY",
        "secret_key",
        forms.as_it_is,
        "Signs webhooks and jobs and hides numbers in the log. Make one with `retorno secret`.",
        secret=True,
    ),
    Variable(
        "RETORNO_API_TOKEN", "api_token", forms.as_it_is, "Bearer token of the API. Needed off loopback.", secret=True
    ),
    Variable(
        "RETORNO_PUBLIC_URL",
        "public_url",
        forms.url("http", "https"),
        "How the phone network reaches us, behind any proxy.",
    ),
    Variable("RETORNO_HOST", "host", forms.as_it_is, "Address the web server listens on."),
    Variable("RETORNO_PORT", "port", forms.number(0, 65535), "Port the web server listens on."),
    Variable("RETORNO_WEB_PROCESSES", "web_processes", forms.number(1, 64), "Web processes."),
    Variable(
        "RETORNO_WEB_THREADS",
        "web_threads",
        forms.number(2, 1000),
        "Threads of each web process; an open board holds one.",
    ),
    Variable("RETORNO_WORKERS", "workers", forms.number(1, 64), "Worker processes that place calls."),
    Variable("RETORNO_PROVIDER", "provider", forms.choice("simulator", "twilio", "asterisk"), "The phone network."),
    Variable(
        "RETORNO_SIMULATOR_URL",
        "simulator_url",
        forms.url("http", "https"),
        "Where the simulated phone network listens.",
    ),
    Variable("RETORNO_ASTERISK_FILE", "asterisk_file", Path, "The file of Asterisk nodes, trunks and phones."),
    Variable(
        "RETORNO_ASTERISK_NODE", "asterisk_node", forms.name, "The node whose control process runs on this machine."
    ),
    Variable("RETORNO_HOME_COUNTRY", "home_country", forms.country, "Country whose way of dialling callers use."),
    Variable("RETORNO_TIMEZONE", "timezone", forms.timezone, "Time zone of the business day of all figures."),
    Variable("RETORNO_REGIONS", "regions", forms.countries, "Countries we may ring: the wall against toll fraud."),
    Variable("RETORNO_DENY_PREFIXES", "deny_prefixes", forms.prefixes, "International prefixes never to ring."),
    Variable("RETORNO_FLOWS_DIR", "flows_dir", Path, "Folder of the flows and of queues.yaml."),
    Variable("RETORNO_DEFAULT_FLOW", "default_flow", forms.as_it_is, "Flow that answers a number which no flow names."),
    Variable(
        "RETORNO_LOG_LEVEL", "log_level", forms.choice("debug", "info", "warning", "error"), "How much is logged."
    ),
    Variable("RETORNO_LOG_FORMAT", "log_format", forms.choice("text", "json"), "How a log line looks."),
    Variable(
        "RETORNO_CLOCK", "clock", forms.clock, "Empty: the wall clock. scaled:<epoch ms>:<speed> is for the demo."
    ),
    Variable("RETORNO_HTTP_HOSTS", "http_hosts", forms.hosts, "Hosts that `http` steps may ask; none by default."),
    Variable("RETORNO_SOUNDS_DIR", "sounds_dir", Path, "Where spoken sentences are kept as sound."),
    Variable("RETORNO_SOUNDS_MAX_MB", "sounds_max_mb", forms.number(10, 1_000_000), "How large that folder may grow."),
    Variable(
        "RETORNO_RECORDINGS_DAYS",
        "recordings_days",
        forms.number(1, 36_500),
        "How long messages and recorded talks are kept.",
    ),
    Variable(
        "RETORNO_SPEECH_COMMAND", "speech_command", forms.command, "The engine: text in, WAV out (docs/speech.md)."
    ),
    Variable("RETORNO_SPEECH_VOICES", "speech_voices", forms.voices, "The engine's voice for each language."),
    Variable("RETORNO_SPEECH_SPEED", "speech_speed", forms.number(80, 300), "Words per minute, where the engine asks."),
    Variable("RETORNO_DEMO", "demo", forms.flag, "1: the demo, with a public secret and no real telephone."),
)
_BY_NAME = {row.name: row for row in VARIABLES}


def load(environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Settings:
    """The settings of this process. Raises `ConfigError` with every mistake found."""
    problems: list[str] = []
    env = dict(_env_file(env_file, problems)) if env_file else {}
    env |= os.environ if environ is None else environ
    given = _given(env, problems)
    values: dict[str, Any] = {}
    for name, text in given.items():
        if (row := _BY_NAME.get(name)) and (text or row.secret):
            _read(values, row.field, row.read, name, text, problems)
    if url := given.get("REDIS_URL"):
        _read(values, "redis_url", _redis_url, "REDIS_URL", url, problems)
    values["secrets"] = {
        name.removeprefix(SECRET_PREFIX).lower(): text
        for name, text in given.items()
        if name.startswith(SECRET_PREFIX) and name not in _BY_NAME
    }
    settings = _with_defaults(values, "RETORNO_PUBLIC_URL" in given)
    problems += _contradictions(settings)
    if problems:
        raise ConfigError(problems)
    return settings


def clock_from(settings: Settings) -> Clock:
    """The clock all processes of this installation share: the demo's leaves its numbers in the data directory."""
    text = settings.clock
    left = settings.data_dir / CLOCK_FILE
    if not text and settings.demo and left.exists():
        text = left.read_text().strip()
    if not text:
        return SystemClock()
    _, base, speed = text.split(":")
    return ScaledClock(int(base), float(speed))


def _read(
    values: dict[str, Any], into: str, read: Callable[[str], Any], name: str, text: str, problems: list[str]
) -> None:
    try:
        values[into] = read(text)
    except ValueError as err:
        row = _BY_NAME.get(name)
        hide = name == "REDIS_URL" or (row is not None and row.secret)
        problems.append(f"{name}={MASK if hide else text}: {err}")


def _with_defaults(values: dict[str, Any], public_url_given: bool) -> Settings:
    """The demo keeps apart from a real installation: its own folder, its own key prefix, a secret known to all."""
    if values.get("demo"):
        values = {"data_dir": Path("var/demo"), "tenant": "demo"} | values
        values["secret_key"] = values.get("secret_key") or DEMO_SECRET
    if not public_url_given and "port" in values:
        values["public_url"] = f"http://127.0.0.1:{values['port']}"
    values["data_dir"] = values.get("data_dir", Path("var")).absolute()
    values["sounds_dir"] = values.get("sounds_dir", values["data_dir"] / "sounds").absolute()
    values["flows_dir"] = values.get("flows_dir", Path("flows")).absolute()
    values["asterisk_file"] = values.get("asterisk_file", Path("asterisk.yaml")).absolute()
    return Settings(**values)


def _contradictions(settings: Settings) -> list[str]:
    """What is wrong with values that are each fine alone."""
    found = []
    if not settings.secret_key:
        found.append("RETORNO_SECRET_KEY is not set: make one with `retorno secret >> .env`")
    elif not settings.demo and settings.secret_key == DEMO_SECRET:
        found.append("RETORNO_SECRET_KEY is the demo's, which everybody knows: make one with `retorno secret`")
    elif len(settings.secret_key) < SECRET_MIN:
        found.append(f"RETORNO_SECRET_KEY is shorter than {SECRET_MIN} characters: make one with `retorno secret`")
    if not settings.loopback and len(settings.api_token) < SECRET_MIN:
        found.append(
            f"RETORNO_HOST={settings.host} is reachable from outside: "
            f"set RETORNO_API_TOKEN to at least {SECRET_MIN} characters, or listen on 127.0.0.1"
        )
    if settings.demo and settings.provider != "simulator":
        found.append(f"RETORNO_DEMO=1 rings no real telephone: RETORNO_PROVIDER={settings.provider} must be simulator")
    if settings.clock and not settings.demo:
        found.append("RETORNO_CLOCK is for the demo: real telephones run by the wall clock")
    return found


def _given(env: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """The variables that are ours, `*_FILE` ones replaced by what their file holds."""
    ours = {k: v for k, v in env.items() if k.startswith(PREFIX) or k in ("REDIS_URL", "REDIS_URL_FILE")}
    given: dict[str, str] = {}
    for name, text in sorted(ours.items()):
        plain = name.removesuffix("_FILE")
        if name != plain and _known(plain):
            if plain in ours:
                problems.append(f"{plain} and {name} are both set: keep one")
            given[plain] = _from_file(name, text, problems)
        elif _known(name):
            given.setdefault(name, text)
        else:
            near = difflib.get_close_matches(name, [*_BY_NAME, "REDIS_URL"], 1)
            problems.append(f"{name} is not a setting" + (f": did you mean {near[0]}?" if near else ""))
    return given


def _known(name: str) -> bool:
    flow_secret = name.startswith(SECRET_PREFIX) and len(name) > len(SECRET_PREFIX) and not name.endswith("_FILE")
    return name in _BY_NAME or name == "REDIS_URL" or flow_secret


def _from_file(name: str, path: str, problems: list[str]) -> str:
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as err:
        problems.append(f"{name}={path}: cannot be read: {err}")
        return ""


_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")


def _env_file(path: Path, problems: list[str]) -> dict[str, str]:
    """`NAME=value` lines; `#` comments; a value may stand in single or double quotes. Nothing is expanded."""
    found: dict[str, str] = {}
    lines = path.read_text().splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not (match := _LINE.fullmatch(line)):
            problems.append(f"{path}:{number}: expected NAME=value")
            continue
        value = match["value"]
        if quoted := re.fullmatch(r"""(["'])(.*)\1\s*(?:#.*)?""", value):
            value = quoted[2]
        else:
            value = re.sub(r"\s+#.*", "", value).strip()
        found[match["name"]] = value
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, frozenset | tuple):
        return ",".join(sorted(value))
    return str(value)
