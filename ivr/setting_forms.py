"""How the text of a setting becomes its value.

Law: each reader gives the value, or raises ValueError saying what is expected. None reads anything but its text.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from string import Formatter
from urllib.parse import urlsplit
from zoneinfo import available_timezones

SPEECH_PLACES = ("lang", "voice", "speed", "text_file", "out")


def as_it_is(text: str) -> str:
    return text


def name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", text):
        raise ValueError("expected 1 to 32 of a-z, 0-9, - and _")
    return text


def number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(text)

    return read


def choice(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return text

    return read


def flag(text: str) -> bool:
    return choice("0", "1")(text) == "1"


def names(text: str) -> tuple[str, ...]:
    return tuple(part for part in (p.strip() for p in text.split(",")) if part)


def countries(text: str) -> frozenset[str]:
    found = frozenset(names(text))
    if not found or any(not re.fullmatch(r"[A-Z]{2}", code) for code in found):
        raise ValueError("expected two-letter countries in capitals, separated by commas, as BR,PT")
    return found


def country(text: str) -> str:
    return next(iter(countries(text))) if "," not in text else choice("a single country")(text)


def prefixes(text: str) -> tuple[str, ...]:
    found = names(text)
    if any(not re.fullmatch(r"\+\d{1,12}", prefix) for prefix in found):
        raise ValueError("expected international prefixes separated by commas, as +55900,+5511300")
    return found


def hosts(text: str) -> frozenset[str]:
    found = frozenset(names(text))
    if any("/" in host or " " in host for host in found):
        raise ValueError("expected host names separated by commas, without https://")
    return found


def timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError("expected the name of a time zone, as America/Sao_Paulo")
    return text


def url(*schemes: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not (parts.netloc or parts.scheme == "unix"):
            raise ValueError(f"expected a URL that begins with {' or '.join(s + '://' for s in schemes)}")
        return text.rstrip("/")

    return read


def clock(text: str) -> str:
    if text and not re.fullmatch(r"scaled:\d{1,15}:\d{1,3}(\.\d{1,3})?", text):
        raise ValueError("expected nothing, or scaled:<epoch ms>:<speed>, as scaled:1773147600000:10")
    return text


def command(text: str) -> str:
    try:
        words = shlex.split(text)
        unknown = {name for word in words for _, name, _, _ in Formatter().parse(word) if name is not None}
    except ValueError as err:
        raise ValueError(f"cannot be read as a command: {err}") from None
    if unknown := unknown - set(SPEECH_PLACES):
        places = ", ".join("{" + name + "}" for name in SPEECH_PLACES)
        raise ValueError(f"{{{min(unknown)}}} is not known; expected {places}; the text comes on standard input")
    if not words:
        raise ValueError("expected a command that reads a text and writes a WAV file")
    return text


def voices(text: str) -> str:
    if any(not re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?=[\w./+-]+", pair) for pair in text.split(",")):
        raise ValueError("expected language=voice with commas between, as pt-BR=pt-br,en=en-us")
    return text
