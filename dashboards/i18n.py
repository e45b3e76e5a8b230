"""The words of the screens, in every language we speak.

Law: a word that a user reads stands in `words/<language>.json` and nowhere else; every language has every key, and a
key with a number in it has a form for `one` and for `other` (the plural rules are CLDR's, through Babel). What a caller
hears is not here: prompts belong to the flows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

LANGUAGES = ("pt-BR", "en", "es")
DEFAULT = LANGUAGES[0]

Entry = str | dict[str, str]


@dataclass(frozen=True)
class Words:
    """The catalogue of one language, and how that language writes numbers, shares and times."""

    lang: str
    entries: Mapping[str, Entry]

    @property
    def locale(self) -> Locale:
        return Locale.parse(self.lang, sep="-")

    def __call__(self, key: str, count: int | None = None, **values: object) -> str:
        """The words under `key`, with `count` choosing the plural form. Raises KeyError for a key nobody wrote."""
        entry = self.entries[key]
        if isinstance(entry, str):
            return entry.format(**values)
        if count is None:
            raise KeyError(f"{key} has plural forms: say which with count=")
        form = self.locale.plural_form(count)
        return entry.get(form, entry["other"]).format(count=self.number(count), **values)

    def has(self, key: str) -> bool:
        return key in self.entries

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.locale)

    def share(self, value: float) -> str:
        """0.8182 as 82 %."""
        return format_percent(value, format="#,##0%", locale=self.locale)

    def day(self, day: str) -> str:
        """An ISO day, as this language writes dates."""
        return format_date(date.fromisoformat(day), format="short", locale=self.locale)


def duration(ms: int) -> str:
    """A span as a clock counts it: 0:07, 4:12, 1:02:30. Negative spans, a race between two clocks, read 0:00."""
    seconds = max(0, ms) // 1000
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def time_of_day(at_ms: int, zone: tzinfo, seconds: bool = False) -> str:
    """A moment as a clock on that zone's wall shows it: 14:05."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime("%H:%M:%S" if seconds else "%H:%M")


@cache
def words(lang: str) -> Words:
    """The catalogue of `lang`, one of LANGUAGES."""
    if lang not in LANGUAGES:
        raise ValueError(f"no screens in {lang!r}; use one of {', '.join(LANGUAGES)}")
    text = files("dashboards").joinpath("words", f"{lang}.json").read_text(encoding="utf-8")
    return Words(lang, json.loads(text))


def choose(wanted: str, accepted: list[str]) -> str:
    """The language to show: `wanted` if we speak it, else the best of the browser's `accepted`, else the default."""
    if wanted in LANGUAGES:
        return wanted
    for code in accepted:
        base = code.split("-")[0].lower()
        if found := next((lang for lang in LANGUAGES if lang.split("-")[0] == base), ""):
            return found
    return DEFAULT
