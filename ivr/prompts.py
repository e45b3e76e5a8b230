"""What is spoken: an author's prompt as `Say` or `Play`, with its values said as people say them.

Law: pure. A value that is missing or sensitive is never spoken; numbers, waits, money, dates and phone numbers have one
spoken form per language, here and in `words.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import phonenumbers
from babel.dates import format_date

from ivr import words
from ivr.flow.expressions import Environment, ExpressionError, Sensitive, parse_template
from ivr.flow.fields import Audio, PromptRef
from ivr.flow.model import Flow
from ivr.instructions import Play, Say

_UNSPEAKABLE = (ValueError, TypeError, AttributeError, OverflowError, OSError)
"""What a filter raises at a value that is not of its kind: a host's answer is not always what an author expects."""
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
            said.append(said_as(part.filter, value, environment.lang, zone))
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


def said_as(filter_name: str, value: Any, lang: str, zone: tzinfo) -> str:
    """`value` spoken through one of the filters: minutes, digits, spell, phone, number, ordinal, money, date, time."""
    if filter_name == "minutes":
        return words.minutes_words(float(value), lang) if value is not None else _few_minutes(lang)
    if value is None:
        return ""
    if filter_name in ("digits", "spell"):
        return " ".join(str(value))
    if filter_name == "phone":
        return phone_words(str(value))
    if filter_name == "money":
        return words.money_words(float(value), "BRL", lang)
    if filter_name == "date":
        return day_words(value, lang, zone)
    if filter_name == "time":
        return time_words(value, lang, zone)
    if filter_name == "ordinal":
        return f"{value}º" if not lang.startswith("en") else _english_ordinal(int(value))
    return str(value)


def _few_minutes(lang: str) -> str:
    return _FEW_MINUTES[words.spoken(lang).split("-")[0]]


def _english_ordinal(n: int) -> str:
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def phone_words(number: str) -> str:
    """A telephone number digit by digit, in the groups in which its country writes it: "11, 9 8 7 6 5, 4 3 2 1"."""
    try:
        national = phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.NATIONAL)
    except phonenumbers.NumberParseException:
        national = number
    groups = "".join(c if c.isdigit() else " " for c in national).split()
    return ", ".join(" ".join(group) for group in groups)


def day_words(at: Any, lang: str, zone: tzinfo) -> str:
    """The day of `at` (epoch ms, or an ISO date) as the language writes it: "terça-feira, 10 de março", "Tuesday, March 10"."""
    day = date.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at / 1000, zone).date()
    spoken = words.spoken(lang)
    pattern = {"pt": "EEEE, d 'de' MMMM", "es": "'el' EEEE d 'de' MMMM", "en": "EEEE, MMMM d"}[spoken.split("-")[0]]
    return str(format_date(day, pattern, locale=spoken.replace("-", "_")))


def on_day_words(at_ms: int, lang: str, zone: tzinfo, *, now_ms: int) -> str:
    """The day as it stands in a sentence: "today", "tomorrow", "on Tuesday, March 10"."""
    day = datetime.fromtimestamp(at_ms / 1000, zone).date()
    ahead = (day - datetime.fromtimestamp(now_ms / 1000, zone).date()).days
    if ahead in (0, 1):
        return words.sentence("tomorrow" if ahead else "today", lang)
    weekend = day.weekday() >= 5  # o sábado, o domingo; a segunda-feira
    before = {"pt": "no " if weekend else "na ", "en": "on ", "es": ""}
    return before[words.spoken(lang).split("-")[0]] + day_words(at_ms, lang, zone)


def time_words(at: Any, lang: str, zone: tzinfo) -> str:
    """The time of day of `at` (epoch ms, or `hh:mm`): "14h30", "2:30 PM", "2:30 de la tarde"."""
    hour, minute = _clock(at, zone)
    past = f":{minute:02d}" if minute else ""
    base = words.spoken(lang).split("-")[0]
    if base == "pt":
        return f"{hour}h{minute:02d}" if minute else f"{hour} {'hora' if hour == 1 else 'horas'}"
    if base == "es":
        part = "mañana" if hour < 12 else "tarde" if hour < 19 else "noche"
        return f"{hour % 12 or 12}{past} de la {part}"
    return f"{hour % 12 or 12}{past} {'AM' if hour < 12 else 'PM'}"


def at_time_words(at_ms: int, lang: str, zone: tzinfo) -> str:
    """The time as it stands in a sentence: "às 14h30", "at 2:30 PM", "a la 1:30 de la tarde"."""
    hour, _ = _clock(at_ms, zone)
    before = {"pt": "à " if hour == 1 else "às ", "en": "at ", "es": "a la " if hour % 12 == 1 else "a las "}
    return before[words.spoken(lang).split("-")[0]] + time_words(at_ms, lang, zone)


def _clock(at: Any, zone: tzinfo) -> tuple[int, int]:
    if isinstance(at, str):
        hour, minute = at.split(":")[:2]
        return int(hour), int(minute)
    moment = datetime.fromtimestamp(at / 1000, zone)
    return moment.hour, moment.minute
