"""What a text sounds like: how long it takes, and which keys it tells the caller to press.

Law: estimates, the same for every language. 150 words a minute is slow, clear telephone speech.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WORDS_PER_MINUTE = 150
LABEL_WORDS = "para digite 1"
"""What a menu adds to a label when it speaks it: three words in each of our languages."""

_TEMPLATE = re.compile(r"\{\{.*?\}\}")
_VERB = (
    r"digit(?:e|ar|ando)|digita|tecle|marque|marca|pulse|pulsa|oprima|aperte|pression[ea]|presion[ea]|press|dial|disque"
)
_FILLER = r"(?:(?:a|o|de|do|da|del|na|no|en|el|la|the|key|tecla|número|numero|number|opção|opción|option|sobre)\s+)*"
_DIGIT = {
    "0": "zero cero",
    "1": "um uma un uno una one",
    "2": "dois duas dos two",
    "3": "três tres three",
    "4": "quatro cuatro four",
    "5": "cinco five",
    "6": "seis six",
    "7": "sete siete seven",
    "8": "oito ocho eight",
    "9": "nove nueve nine",
    "*": "estrela asterisco star estrella",
    "#": "sustenido cerquilha hash pound almohadilla numeral",
}
_KEYS = {word: key for key, words in _DIGIT.items() for word in words.split()} | {
    "jogo da velha": "#",
    "*": "*",
    "#": "#",
}
_ARTICLES = ("um", "uma", "un", "una", "one", "numeral")
"""Words that are a key only where nothing follows that they could belong to: `press one of the keys`."""
_KEY = (
    r"(?:[0-9]+|\*|#|jogo da velha|" + "|".join(sorted((w for w in _KEYS if w.isalpha()), key=len, reverse=True)) + ")"
)
_AND = r"(?:\s*,\s*(?:ou\s+|or\s+|o\s+|e\s+|y\s+|and\s+)?|\s+(?:ou|or|o|u|e|y|and)\s+)"
_SAID = re.compile(rf"\b(?:{_VERB})\s+{_FILLER}(?P<keys>{_KEY}(?:{_AND}{_KEY})*)(?![\w])", re.IGNORECASE)
_MEASURE = re.compile(
    r"\s+(?:últimos?\s+|primeiros?\s+|last\s+|first\s+)?(?:números?|dígitos?|digits?|numbers?|numeros?|digitos?|vezes|veces|times)\b",
    re.IGNORECASE,
)
_ON = re.compile(r"\s*(?:$|[.,;:!?)]|(?:para|for|to|ou|or|e|y|o|se|si|if)\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeySaid:
    """A key that a text names. `phrase`: the words that name it. `before_option`: the option is named only after it."""

    key: str
    phrase: str
    before_option: bool


_MORE = re.compile(
    rf"(?:,|\s(?:e|and|ou|or|y|o))\s*(?P<key>{_KEY})(?=\s+(?:para|for|to)\b|\s*(?:[.;!?,]|$))", re.IGNORECASE
)
"""Keys after the first that share its verb: `press 1 for sales, 2 for support`."""


def seconds(text: str) -> float:
    """How long `text` takes to say. A filled-in value counts as two words."""
    return len(_TEMPLATE.sub("valor valor", text).split()) * 60 / WORDS_PER_MINUTE


def keys_said(text: str) -> list[KeySaid]:
    """The keys that `text` tells the caller to press, in its order: `digite 3`, `press two`, `marque 1 o 2`."""
    found: list[KeySaid] = []
    for match in _SAID.finditer(text):
        after = text[match.end() :]
        if _MEASURE.match(after):
            continue
        before_option = bool(re.match(r"\s+(?:para|for|to)\b", after, re.IGNORECASE))
        for word in re.findall(_KEY, match["keys"], re.IGNORECASE):
            if word.lower() not in _ARTICLES or _ON.match(after):
                found.append(KeySaid(_KEYS.get(word.lower(), word), match[0], before_option))
        for more in _MORE.finditer(re.split(rf"[.;!?]|\b(?:{_VERB})\b", after, maxsplit=1, flags=re.IGNORECASE)[0]):
            key = _KEYS.get(more["key"].lower(), more["key"])
            found.append(KeySaid(key, more[0].strip(" ,"), before_option))
    return found
