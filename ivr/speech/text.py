"""A text as a speech engine may have it.

Law: pure. Texts hold what callers and other systems wrote, so nothing in them may reach the engine as markup, and nothing
makes it speak for minutes.
"""

from __future__ import annotations

import re
import unicodedata

from ivr import measures, numerals, words

MAX_CHARS = 1_500
"""About two minutes of speech; an author's template has at most 2,000 with its markup."""

_MARKUP = re.compile(r"[\[\]{}<>|\\^~`_=]+")
"""What switches something on in an engine: [[phonemes]], <ssml>, {commands}, \\tags\\. None of it is ever pronounced."""
_AND = {"pt": " e ", "en": " and ", "es": " y "}
_SAID_AS = {
    "en": ((re.compile(r"\breais\b"), "ray-ice"), (re.compile(r"\b(one|million|billion) real\b"), r"\1 ray-al"))
}
"""Words of ours that voices of another language do not know: Brazil's money in English."""
_CLOCK = re.compile(r"\b([01]?\d|2[0-3])h([0-5]\d)?\b")
_REAIS = re.compile(r"R\$ ?(\d{1,3}(?:\.\d{3})+|\d{1,9})(?:,(\d\d))?(?![\d,])")
"""How Brazilian authors write a time and an amount, which espeak-ng reads as letters: `14h30`, `R$ 1.250,00`."""


def spoken_form(text: str, lang: str) -> str:
    """`text` on one line, without markup or control characters, at most `MAX_CHARS` long; empty when nothing is to be said."""
    base = words.spoken(lang).split("-")[0]
    plain = "".join(_sounding(char) for char in unicodedata.normalize("NFC", text[: 4 * MAX_CHARS]))
    plain = _MARKUP.sub(" ", plain).replace("&", _AND[base])
    for word, said in _SAID_AS.get(base, ()):
        plain = word.sub(said, plain)
    if base == "pt":
        plain = _REAIS.sub(_amount, _CLOCK.sub(_time, plain))
    short = _shortened(" ".join(plain.split()))
    return short if any(char.isalnum() for char in short) else ""


def _time(written: re.Match[str]) -> str:
    hour, minute = int(written[1]), int(written[2] or 0)
    said = measures.minutes_words(hour * 3600, "pt") if hour else "zero hora"
    return f"{said.partition(' hora')[0]} e {numerals.cardinal(minute, 'pt')}" if minute else said


def _amount(written: re.Match[str]) -> str:
    return measures.money_words(float(f"{written[1].replace('.', '')}.{written[2] or 0}"), "BRL", "pt")


def _sounding(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cf":
        return ""  # direction marks and joiners stand within words
    return " " if category[0] in "CZ" else char


def _shortened(text: str) -> str:
    """Cut after the last sentence that fits, else after the last word."""
    if len(text) <= MAX_CHARS:
        return text
    head = text[:MAX_CHARS]
    sentence = max(head.rfind(mark) for mark in (". ", "! ", "? "))
    return head[: sentence + 1] if sentence > 0 else head.rpartition(" ")[0] or head
