"""Amounts of something as people say them: lengths of time, times of day, money.

Law: pure; one spoken form per language, in words. Lengths of time are rounded up to whole minutes: we promise no seconds.
"""

from __future__ import annotations

from ivr import numerals
from ivr.words import base

_TIME = {  # one minute, minutes, one hour, hours, one hour and a half, hours and a half
    "pt": ("um minuto", "{n} minutos", "uma hora", "{n} horas", "uma hora e meia", "{n} horas e meia"),
    "en": ("one minute", "{n} minutes", "one hour", "{n} hours", "an hour and a half", "{n} and a half hours"),
    "es": ("un minuto", "{n} minutos", "una hora", "{n} horas", "una hora y media", "{n} horas y media"),
}
_BEFORE_A_NOUN = {  # how a number ends before minutes and before hours, where that is not how it is counted
    "pt": ({}, {"um": "uma", "dois": "duas"}),
    "en": ({}, {}),
    "es": ({"veintiuno": "veintiún", "uno": "un"}, {"uno": "una"}),
}
_SPANISH_DAY = (  # hour and minute at which each part of the day ends
    ((1, 0), "de la noche"),
    ((6, 0), "de la madrugada"),
    ((12, 0), "de la mañana"),
    ((12, 1), "del mediodía"),
    ((19, 0), "de la tarde"),
    ((24, 0), "de la noche"),
)
MONEY = {  # currency -> language -> (unit, units, cent, cents)
    "BRL": {
        "pt": ("real", "reais", "centavo", "centavos"),
        "en": ("real", "reais", "centavo", "centavos"),
        "es": ("real", "reales", "centavo", "centavos"),
    },
    "USD": {
        "pt": ("dólar", "dólares", "centavo", "centavos"),
        "en": ("dollar", "dollars", "cent", "cents"),
        "es": ("dólar", "dólares", "centavo", "centavos"),
    },
    "EUR": {
        "pt": ("euro", "euros", "centavo", "centavos"),
        "en": ("euro", "euros", "cent", "cents"),
        "es": ("euro", "euros", "céntimo", "céntimos"),
    },
}


def minutes_words(seconds: float, lang: str) -> str:
    """A length of time as a person says it, in whole minutes rounded up: "cinco minutos", "an hour and a half"."""
    minute, minutes, hour, hours, hour_half, hours_half = _TIME[base(lang)]
    total = max(1, -int(-seconds // 60))
    whole, rest = divmod(total, 60)
    said_minutes = minute if rest == 1 else minutes.format(n=_counting(rest, lang, feminine=False))
    if whole == 0:
        return said_minutes
    count = _counting(whole, lang, feminine=True)
    if rest == 30:
        return hour_half if whole == 1 else hours_half.format(n=count)
    said_hours = hour if whole == 1 else hours.format(n=count)
    if rest == 0:
        return said_hours
    return said_hours + {"pt": " e ", "en": " and ", "es": " y "}[base(lang)] + said_minutes


def _counting(n: int, lang: str, *, feminine: bool) -> str:
    """A number before the noun it counts: "veintiún minutos", "vinte e duas horas"."""
    said = numerals.cardinal(n, base(lang))
    for ending, instead in _BEFORE_A_NOUN[base(lang)][feminine].items():
        if said.endswith(ending):
            return said.removesuffix(ending) + instead
    return said


def clock_words(hour: int, minute: int, lang: str) -> str:
    """A time of day; Brazil counts 24 hours, the others twelve. Raises ValueError for a time that no clock shows."""
    if not (0 <= hour <= 23 and 0 <= minute <= 59):
        raise ValueError(f"{hour}:{minute:02} is no time of day")
    return {"pt": _portuguese_time, "en": _english_time, "es": _spanish_time}[base(lang)](hour, minute)


def _portuguese_time(hour: int, minute: int) -> str:
    past = numerals.cardinal(minute, "pt")
    if hour == 0:
        return f"meia-noite e {past}" if minute else "meia-noite"
    if hour == 12 and not minute:
        return "meio-dia"
    said = _counting(hour, "pt", feminine=True)
    return f"{said} e {past}" if minute else f"{said} {'hora' if hour == 1 else 'horas'}"


def _english_time(hour: int, minute: int) -> str:
    if minute == 0 and hour % 12 == 0:
        return "noon" if hour else "midnight"
    past = f" {'oh ' if minute < 10 else ''}{numerals.cardinal(minute, 'en')}" if minute else ""
    return f"{numerals.cardinal(hour % 12 or 12, 'en')}{past} {'AM' if hour < 12 else 'PM'}"


def _spanish_time(hour: int, minute: int) -> str:
    past = {0: "", 15: " y cuarto", 30: " y media"}.get(minute, f" y {numerals.cardinal(minute, 'es')}")
    part = next(name for until, name in _SPANISH_DAY if (hour, minute) < until)
    return f"{_counting(hour % 12 or 12, 'es', feminine=True)}{past} {part}"


def money_words(amount: float, currency: str, lang: str) -> str:
    """An amount as it is said: "doze reais e cinquenta centavos"."""
    language = base(lang)
    unit, units, cent, cents = MONEY[currency][language]
    whole, rest = divmod(round(abs(amount) * 100), 100)
    parts = []
    if whole or not rest:
        of = "de " if language != "en" and whole and whole % 1_000_000 == 0 else ""
        parts.append(f"{numerals.before_noun(whole, language)} {of}{unit if whole == 1 else units}")
    if rest:
        parts.append(f"{numerals.before_noun(rest, language)} {cent if rest == 1 else cents}")
    minus = {"pt": "menos ", "en": "minus ", "es": "menos "}[language] if amount < 0 and (whole or rest) else ""
    return minus + {"pt": " e ", "en": " and ", "es": " con "}[language].join(parts)
