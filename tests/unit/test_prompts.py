"""What is spoken of an author's prompt: the language, the values in words, and what is never said."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.expressions import Environment, ExpressionError, Sensitive
from ivr.flow.load import load_flow
from ivr.instructions import Play, Say
from ivr.prompts import (
    at_time_words,
    day_words,
    filled,
    on_day_words,
    phone_words,
    said_as,
    speak,
    spoken_text,
    time_words,
    timezone,
)

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO).timestamp() * 1000)


NOW_MS = ms("2026-03-10 10:00")


def env(lang: str = "en", **variables: Any) -> Environment:
    return Environment(variables=variables, lang=lang, caller="+5511987654321", called="4000", now_ms=NOW_MS)


FLOW = load_flow(
    """version: 1
flow: f
languages: [pt-BR, en]
entry: {default: bye}
hours: {desk: {timezone: America/Sao_Paulo, daily: 24h}}
prompts:
  both: {pt-BR: Olá., en: Hello.}
  one: {pt-BR: Só aqui.}
  sound: {pt-BR: {audio: pt-BR/ola.wav, text: "Olá, {{ name }}."}, en: Hello.}
steps: {bye: {type: hangup}}
""",
    "f.yaml",
).flow


def test_a_prompt_is_spoken_in_the_language_of_the_call() -> None:
    assert FLOW is not None
    assert speak(FLOW, "both", env("en")) == Say("Hello.", "en", "both")
    assert speak(FLOW, "both", env("pt-BR"), barge_in=False) == Say("Olá.", "pt-BR", "both", barge_in=False)


def test_a_prompt_that_lacks_the_language_is_spoken_in_its_own() -> None:
    assert FLOW is not None
    assert speak(FLOW, "one", env("en")) == Say("Só aqui.", "pt-BR", "one")


def test_a_recording_is_played_with_its_transcript() -> None:
    assert FLOW is not None
    assert speak(FLOW, "sound", env("pt-BR", name="Ana")) == Play("pt-BR/ola.wav", "Olá, Ana.", "pt-BR", "sound")


def test_words_in_place_have_no_name() -> None:
    assert FLOW is not None
    assert speak(FLOW, {"en": "Here."}, env("en")) == Say("Here.", "en")


def test_a_flow_speaks_of_time_in_the_zone_of_its_first_hours() -> None:
    assert FLOW is not None
    assert timezone(FLOW) == SAO_PAULO
    assert timezone(FLOW.model_copy(update={"hours": {}})) == UTC


@pytest.mark.parametrize(
    ("filter_name", "value", "pt", "en", "es"),
    [
        ("", 7, "7", "7", "7"),
        ("", None, "", "", ""),
        ("number", 1200, "mil e duzentos", "one thousand two hundred", "mil doscientos"),
        ("number", "2.50", "dois vírgula cinco", "two point five", "dos punto cinco"),
        ("number", "A7", "A7", "A7", "A7"),
        ("", 2.5, "dois vírgula cinco", "two point five", "dos punto cinco"),
        ("minutes", 420, "sete minutos", "seven minutes", "siete minutos"),
        ("minutes", "90", "dois minutos", "two minutes", "dos minutos"),
        ("minutes", None, "alguns minutos", "a few minutes", "unos minutos"),
        ("digits", "4021", "4 0 2 1", "4 0 2 1", "4 0 2 1"),
        ("spell", "AB1", "A, B, 1", "A, B, 1", "A, B, 1"),
        ("money", 12.5, "doze reais e cinquenta centavos", "twelve reais and fifty centavos", "doce reales con cincuenta centavos"),
        ("phone", "+5511987654321", "1 1, 9 8 7 meia 5, 4 3 2 1", "1 1, 9 8 7 6 5, 4 3 2 1", "1 1, 9 8 7 6 5, 4 3 2 1"),
        ("date", "2026-03-17", "terça-feira, dezessete de março", "Tuesday, March seventeenth", "el martes diecisiete de marzo"),
        ("date", NOW_MS, "terça-feira, dez de março", "Tuesday, March tenth", "el martes diez de marzo"),
        ("date", "2026-05-01", "sexta-feira, primeiro de maio", "Friday, May first", "el viernes primero de mayo"),
        ("date", "2026-05-31", "domingo, trinta e um de maio", "Sunday, May thirty-first", "el domingo treinta y uno de mayo"),
        ("time", "14:30", "quatorze e trinta", "two thirty PM", "dos y media de la tarde"),
        ("time", "08:00", "oito horas", "eight AM", "ocho de la mañana"),
        ("ordinal", 3, "terceiro", "third", "tercero"),
        ("ordinal", 11, "décimo primeiro", "eleventh", "undécimo"),
        ("ordinal", 22, "vigésimo segundo", "twenty-second", "vigésimo segundo"),
    ],
)  # fmt: skip
def test_a_value_is_said_as_people_say_it(filter_name: str, value: Any, pt: str, en: str, es: str) -> None:
    assert [said_as(filter_name, value, lang, SAO_PAULO) for lang in ("pt-BR", "en", "es")] == [pt, en, es]


@pytest.mark.parametrize(
    ("at", "pt", "en", "es"),
    [
        ("2026-03-10 18:00", "hoje, às dezoito horas", "today, at six PM", "hoy, a las seis de la tarde"),
        ("2026-03-11 08:30", "amanhã, às oito e trinta", "tomorrow, at eight thirty AM",
         "mañana, a las ocho y media de la mañana"),
        ("2026-03-13 13:00", "na sexta-feira, treze de março, às treze horas", "on Friday, March thirteenth, at one PM",
         "el viernes trece de marzo, a la una de la tarde"),
        ("2026-03-14 01:30", "no sábado, quatorze de março, à uma e trinta", "on Saturday, March fourteenth, at one thirty AM",
         "el sábado catorce de marzo, a la una y media de la madrugada"),
        ("2026-03-10 12:00", "hoje, ao meio-dia", "today, at noon", "hoy, a las doce del mediodía"),
        ("2026-03-11 00:00", "amanhã, à meia-noite", "tomorrow, at midnight", "mañana, a las doce de la noche"),
    ],
)  # fmt: skip
def test_a_moment_stands_in_a_sentence(at: str, pt: str, en: str, es: str) -> None:
    said = [
        f"{on_day_words(ms(at), lang, SAO_PAULO, now_ms=NOW_MS)}, {at_time_words(ms(at), lang, SAO_PAULO)}"
        for lang in ("pt-BR", "en", "es")
    ]
    assert said == [pt, en, es]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("+551133334444", "1 1, 3 3 3 3, 4 4 4 4"),
        ("+15550100200", "5 5 5, 0 1 0, 0 2 0 0"),
        ("+525550100300", "5 5, 5 0 1 0, 0 3 0 0"),
        ("4000", "4 0 0 0"),
    ],
)
def test_a_telephone_number_is_read_in_the_groups_of_its_country(number: str, said: str) -> None:
    assert phone_words(number, "en") == said
    assert phone_words(number, "pt-BR") == said


@pytest.mark.parametrize(
    ("filter_name", "value"),
    [("minutes", "soon"), ("money", "much"), ("money", {}), ("date", "soon"), ("date", []), ("time", "noon"), ("time", {}),
     ("ordinal", "first"), ("minutes", float("inf")), ("date", 10**20)],
)  # fmt: skip
def test_what_cannot_be_said_is_a_mistake_of_the_flow_and_not_a_crash(filter_name: str, value: Any) -> None:
    with pytest.raises(ExpressionError, match=f"'x' cannot be said as {filter_name}"):
        spoken_text("{{ x | " + filter_name + " }}", env(x=value), SAO_PAULO)


@given(st.sampled_from(["minutes", "digits", "money", "date", "time", "phone", "number", "ordinal", "spell"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)), st.sampled_from(["pt-BR", "en", "es", "fr"]))  # fmt: skip
def test_any_value_is_spoken_or_refused(filter_name: str, value: Any, lang: str) -> None:
    with suppress(ExpressionError):
        assert isinstance(spoken_text("{{ x | " + filter_name + " }}", env(lang, x=value), SAO_PAULO), str)


def test_a_sensitive_value_is_never_spoken() -> None:
    for template in ("{{ pin }}", "{{ pin | digits }}", "{{ pin | spell }}"):
        with pytest.raises(ExpressionError, match="'pin' is sensitive and is never spoken"):
            spoken_text(template, env(pin=Sensitive("4021")), UTC)


def test_a_sensitive_value_goes_into_a_body_and_nowhere_else() -> None:
    secret = env(pin=Sensitive("4021"))
    assert filled("{{ pin }}", secret, in_body=True) == "4021"
    for in_url in (True, False):
        with pytest.raises(ExpressionError, match="send it in the body of a POST"):
            filled("{{ pin }}", secret, in_url=in_url)


def test_a_value_in_a_url_cannot_break_out_of_its_place() -> None:
    assert (
        filled("/c/{{ x }}?n={{ y }}", env(x="../a b", y="1&admin=1#"), in_url=True)
        == "/c/..%2Fa%20b?n=1%26admin%3D1%23"
    )


@pytest.mark.parametrize(
    ("day", "pt", "en", "es"),
    [
        ("2027-05-04", "quatro de maio de dois mil e vinte e sete", "May fourth, twenty twenty-seven",
         "el cuatro de mayo de dos mil veintisiete"),
        ("1980-01-01", "primeiro de janeiro de mil novecentos e oitenta", "January first, nineteen eighty",
         "el primero de enero de mil novecientos ochenta"),
        ("2025-12-24", "quarta-feira, vinte e quatro de dezembro", "Wednesday, December twenty-fourth",
         "el miércoles veinticuatro de diciembre"),
        ("2026-12-24", "quinta-feira, vinte e quatro de dezembro", "Thursday, December twenty-fourth",
         "el jueves veinticuatro de diciembre"),
    ],
)  # fmt: skip
def test_a_day_far_away_in_another_year_is_said_with_its_year(day: str, pt: str, en: str, es: str) -> None:
    said = [spoken_text("{{ x | date }}", env(lang, x=day), SAO_PAULO) for lang in ("pt-BR", "en", "es")]
    assert said == [pt, en, es]


def test_a_day_may_be_given_as_a_date_or_a_moment() -> None:
    assert day_words("2026-03-10", "en", SAO_PAULO) == day_words(NOW_MS, "en", SAO_PAULO)
    assert time_words("10:00", "en", SAO_PAULO) == time_words(NOW_MS, "en", SAO_PAULO)
