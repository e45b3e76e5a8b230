"""What is spoken: an author's prompt as `Say` or `Play`, with its values said as people say them.

Law: pure. A value that is missing or sensitive is never spoken; numbers, waits, money, dates and phone numbers have one
spoken form per language, here and in `words.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_date

from ivr import measures, numerals, words
from ivr.flow.expressions import Environment, ExpressionError, Sensitive, parse_template
from ivr.flow.fields import Audio, PromptRef
from ivr.flow.model import Flow
from ivr.instructions import Play, Say

_UNSPEAKABLE = (ValueError, TypeError, AttributeError, OverflowError, OSError)
"""What a filter raises at a value that is not of its kind: a host's answer is not always what an author expects."""
NEAR_DAYS = 92
_FEW_MINUTES = {"pt": "alguns minutos", "en": "a few minutes", "es": "unos minutos"}


def speak(flow: Flow, prompt: PromptRef, environment: Environment, *, barge_in: bool = True) -> Say | Play:
    """The prompt in the language of the call; in the flow's first language when it lacks that one. Raises ExpressionError."""
    name = prompt if isinstance(prompt, str) else ""
    texts = flow.prompts[prompt] if isinstance(prompt, str) else prompt
    lang = environment.lang if environment.lang in texts else next(iter(texts))
    text = texts[lang]
    zone = timezone(flow)
    if isinstance(text, Audio):
        return Play(text.audio, spoken_text(text.text, environment, zone), lang, name, barge_in)
    return Say(spoken_text(text, environment, zone), lang, name, barge_in)


def plain(texts: Mapping[str, Any], environment: Environment) -> str:
    """The words of a label in the language of the call."""
    text = texts.get(environment.lang, next(iter(texts.values())))
    return spoken_text(text.text if isinstance(text, Audio) else text, environment, UTC)


def timezone(flow: Flow) -> tzinfo:
    """The zone in which this flow speaks of time: that of its first hours object, else UTC."""
    first = next(iter(flow.hours.values()), None)
    return ZoneInfo(first.timezone) if first is not None else UTC


def spoken_text(template: str, environment: Environment, zone: tzinfo) -> str:
    """A template with every value said in words. Raises ExpressionError for a sensitive value."""
    said = []
    for part in parse_template(template).parts:
        if isinstance(part, str):
            said.append(part)
            continue
        value = part.expression.evaluate(environment)
        if isinstance(value, Sensitive):
            raise ExpressionError(f"'{part.expression.text}' is sensitive and is never spoken")
        try:
            said.append(said_as(part.filter, value, environment.lang, zone, now_ms=environment.now_ms))
        except _UNSPEAKABLE:
            raise ExpressionError(f"'{part.expression.text}' cannot be said as {part.filter}", part.column) from None
    return "".join(said)


def filled(template: str, environment: Environment, *, in_url: bool = False, in_body: bool = False) -> str:
    """A template's text for a machine. In a URL values are percent-encoded; only in a body may a sensitive one stand."""
    parts = []
    for part in parse_template(template).parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        value = part.expression.evaluate(environment)
        if isinstance(value, Sensitive):
            if not in_body:
                raise ExpressionError(f"'{part.expression.text}' is sensitive; send it in the body of a POST")
            value = value.reveal()
        text = "" if value is None else str(value)
        parts.append(quote(text, safe="") if in_url else text)
    return "".join(parts)


def said_as(filter_name: str, value: Any, lang: str, zone: tzinfo, *, now_ms: int | None = None) -> str:
    """`value` spoken through one of the filters: minutes, digits, spell, phone, number, ordinal, money, date, time.

    Without a filter a number with decimals is said as one; all else stands as it is. `now_ms` tells a date of another year.
    """
    if value is None:
        return _FEW_MINUTES[words.base(lang)] if filter_name == "minutes" else ""
    match filter_name:
        case "minutes":
            return measures.minutes_words(float(value), lang)
        case "digits":
            return words.digit_words(str(value).replace(" ", ""), lang)
        case "spell":
            return words.spelled(str(value), lang)
        case "phone":
            return phone_words(str(value), lang)
        case "money":
            return measures.money_words(float(value), "BRL", lang)
        case "date":
            return day_words(value, lang, zone, now_ms=now_ms)
        case "time":
            return time_words(value, lang, zone)
        case "ordinal":
            return words.ordinal_words(int(value), lang)
        case _ if filter_name == "number" or isinstance(value, float):
            return _number(value, lang)
        case _:
            return str(value)


def _number(value: Any, lang: str) -> str:
    """A number, or a text that is one; another text as it stands."""
    try:
        return words.number_words(value if isinstance(value, int) else Decimal(str(value)), lang)
    except InvalidOperation:
        return str(value)


def phone_words(number: str, lang: str) -> str:
    """A telephone number digit by digit, in the groups in which its country writes it: "1 1, 9 8 7 6 5, 4 3 2 1"."""
    try:
        national = phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.NATIONAL)
    except phonenumbers.NumberParseException:
        national = number
    groups = "".join(c if c.isdigit() else " " for c in national).split()
    return ", ".join(words.digit_words(group, lang) for group in groups)


def day_words(at: Any, lang: str, zone: tzinfo, *, now_ms: int | None = None) -> str:
    """The day of `at` (epoch ms, or an ISO date): "terça-feira, dez de março", "Tuesday, March tenth", "el martes diez de marzo".

    A day of another year, more than three months away from now, is said with its year and without its weekday.
    """
    day = date.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at / 1000, zone).date()
    base, locale = words.base(lang), words.spoken(lang).replace("-", "_")
    weekday, month = (str(format_date(day, pattern, locale=locale)) for pattern in ("EEEE", "MMMM"))
    number = {"pt": "primeiro", "es": "primero"}.get(base) if day.day == 1 else None
    said = f"{number or numerals.cardinal(day.day, base)} de {month}"
    if base == "en":
        said = f"{month} {numerals.ordinal(day.day, base)}"
    if now_ms is not None and _of_another_year(day, now_ms, zone):
        year = numerals.year(day.year, base)
        return {"pt": f"{said} de {year}", "en": f"{said}, {year}", "es": f"el {said} de {year}"}[base]
    return {"pt": f"{weekday}, {said}", "en": f"{weekday}, {said}", "es": f"el {weekday} {said}"}[base]


def _of_another_year(day: date, now_ms: int, zone: tzinfo) -> bool:
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    return day.year != today.year and abs((day - today).days) > NEAR_DAYS


def on_day_words(at_ms: int, lang: str, zone: tzinfo, *, now_ms: int) -> str:
    """The day as it stands in a sentence: "today", "tomorrow", "on Tuesday, March 10"."""
    day = datetime.fromtimestamp(at_ms / 1000, zone).date()
    ahead = (day - datetime.fromtimestamp(now_ms / 1000, zone).date()).days
    if ahead in (0, 1):
        return words.sentence("tomorrow" if ahead else "today", lang)
    weekend = day.weekday() >= 5  # o sábado, o domingo; a segunda-feira
    before = {"pt": "no " if weekend else "na ", "en": "on ", "es": ""}
    return before[words.base(lang)] + day_words(at_ms, lang, zone)


def time_words(at: Any, lang: str, zone: tzinfo) -> str:
    """The time of day of `at` (epoch ms, or `hh:mm`): "quatorze e trinta", "two thirty PM", "dos y media de la tarde"."""
    return measures.clock_words(*_clock(at, zone), lang)


def at_time_words(at_ms: int, lang: str, zone: tzinfo) -> str:
    """The time as it stands in a sentence: "às quatorze e trinta", "ao meio-dia", "at noon", "a la una y media de la tarde"."""
    said = time_words(at_ms, lang, zone)
    match words.base(lang):
        case "pt":
            before = "ao" if said.startswith("meio-dia") else "à" if said.startswith(("meia-noite", "uma ")) else "às"
        case "es":
            before = "a la" if said.startswith("una ") else "a las"
        case _:
            before = "at"
    return f"{before} {said}"


def _clock(at: Any, zone: tzinfo) -> tuple[int, int]:
    if isinstance(at, str):
        hour, minute = at.split(":")[:2]
        return int(hour), int(minute)
    moment = datetime.fromtimestamp(at / 1000, zone)
    return moment.hour, moment.minute
