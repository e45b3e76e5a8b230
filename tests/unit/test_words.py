"""What is said, in every language: the built-in sentences, times, money, choices."""

from __future__ import annotations

import string
from itertools import product

import pytest

from ivr.facts import WAIT_LADDER_S
from ivr.measures import MONEY, clock_words, minutes_words, money_words
from ivr.words import SENTENCES, digit_words, key_name, number_words, option, places, sentence, spelled, spoken

LANGUAGES = ("pt-BR", "en", "es")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_every_sentence() -> None:
    assert set(SENTENCES) == set(LANGUAGES)
    assert [lang for lang in LANGUAGES if set(SENTENCES[lang]) != set(SENTENCES["en"])] == []


@pytest.mark.parametrize("key", sorted(SENTENCES["en"]))
def test_a_sentence_has_the_same_places_to_fill_in_every_language(key: str) -> None:
    assert len({frozenset(placeholders(SENTENCES[lang][key])) for lang in LANGUAGES}) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sentence_is_one_line_without_double_spaces_and_ends(lang: str) -> None:
    fragments = {"key *", "key #", "today", "tomorrow"}
    for key, text in SENTENCES[lang].items():
        assert text == " ".join(text.split())
        assert key in fragments or text.endswith(".")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_two_sentences_are_the_same_by_mistake(lang: str) -> None:
    alike = {"option", "option_to"}  # only English tells a thing from an act
    texts = [text for key, text in SENTENCES[lang].items() if key not in alike]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize(
    ("lang", "have"), [("pt-PT", "pt-BR"), ("es-MX", "es"), ("en-GB", "en"), ("fr", "en"), ("pt", "pt-BR")]
)
def test_the_nearest_language_is_spoken(lang: str, have: str) -> None:
    assert spoken(lang) == have
    assert sentence("today", lang) == SENTENCES[have]["today"]


def test_a_sentence_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        sentence("nonsense", "en")


@pytest.mark.parametrize(
    ("label", "lang", "said"),
    [
        ("sales", "en", "For sales, press 1."),
        ("to leave a message", "en", "To leave a message, press 1."),
        ("tools", "en", "For tools, press 1."),
        ("vendas", "pt-BR", "Para vendas, digite 1."),
        ("deixar um recado", "pt-BR", "Para deixar um recado, digite 1."),
        ("hablar con un agente", "es", "Para hablar con un agente, marque 1."),
        ("to order", "es", "Para to order, marque 1."),
    ],
)
def test_a_choice_is_a_thing_or_an_act(label: str, lang: str, said: str) -> None:
    assert option(label, "1", lang) == said


@pytest.mark.parametrize(
    ("seconds", "pt", "en", "es"),
    [
        (0, "um minuto", "one minute", "un minuto"),
        (60, "um minuto", "one minute", "un minuto"),
        (61, "dois minutos", "two minutes", "dos minutos"),
        (300, "cinco minutos", "five minutes", "cinco minutos"),
        (21 * 60, "vinte e um minutos", "twenty-one minutes", "veintiún minutos"),
        (22 * 60, "vinte e dois minutos", "twenty-two minutes", "veintidós minutos"),
        (31 * 60, "trinta e um minutos", "thirty-one minutes", "treinta y un minutos"),
        (45 * 60, "quarenta e cinco minutos", "forty-five minutes", "cuarenta y cinco minutos"),
        (3600, "uma hora", "one hour", "una hora"),
        (3660, "uma hora e um minuto", "one hour and one minute", "una hora y un minuto"),
        (5400, "uma hora e meia", "an hour and a half", "una hora y media"),
        (7200, "duas horas", "two hours", "dos horas"),
        (9000, "duas horas e meia", "two and a half hours", "dos horas y media"),
        (21 * 3600, "vinte e uma horas", "twenty-one hours", "veintiuna horas"),
        (22 * 3600, "vinte e duas horas", "twenty-two hours", "veintidós horas"),
    ],
)
def test_a_length_of_time_is_said_in_whole_minutes_rounded_up(seconds: int, pt: str, en: str, es: str) -> None:
    assert (minutes_words(seconds, "pt-BR"), minutes_words(seconds, "en"), minutes_words(seconds, "es")) == (pt, en, es)


@pytest.mark.parametrize(("lang", "seconds"), list(product(LANGUAGES, WAIT_LADDER_S)))
def test_every_announced_wait_is_in_words(lang: str, seconds: int) -> None:
    said = minutes_words(seconds, lang)
    assert not any(char.isdigit() for char in said)
    assert "{" not in sentence("wait", lang, minutes=said)


@pytest.mark.parametrize(
    ("amount", "currency", "pt", "en", "es"),
    [
        (0, "BRL", "zero reais", "zero reais", "cero reales"),
        (1, "BRL", "um real", "one real", "un real"),
        (2, "BRL", "dois reais", "two reais", "dos reales"),
        (0.01, "BRL", "um centavo", "one centavo", "un centavo"),
        (0.5, "BRL", "cinquenta centavos", "fifty centavos", "cincuenta centavos"),
        (12.5, "BRL", "doze reais e cinquenta centavos", "twelve reais and fifty centavos", "doce reales con cincuenta centavos"),
        (21.21, "BRL", "vinte e um reais e vinte e um centavos", "twenty-one reais and twenty-one centavos",
         "veintiún reales con veintiún centavos"),
        (101, "USD", "cento e um dólares", "one hundred one dollars", "ciento un dólares"),
        (200, "EUR", "duzentos euros", "two hundred euros", "doscientos euros"),
        (0.995, "USD", "um dólar", "one dollar", "un dólar"),
        (1999.99, "BRL", "mil novecentos e noventa e nove reais e noventa e nove centavos",
         "one thousand nine hundred ninety-nine reais and ninety-nine centavos",
         "mil novecientos noventa y nueve reales con noventa y nueve centavos"),
        (-2.01, "EUR", "menos dois euros e um centavo", "minus two euros and one cent", "menos dos euros con un céntimo"),
        (-0.001, "EUR", "zero euros", "zero euros", "cero euros"),
        (1_000_000, "BRL", "um milhão de reais", "one million reais", "un millón de reales"),
        (2_500_000, "BRL", "dois milhões e quinhentos mil reais", "two million five hundred thousand reais",
         "dos millones quinientos mil reales"),
    ],
)  # fmt: skip
def test_money_is_said_as_people_say_it(amount: float, currency: str, pt: str, en: str, es: str) -> None:
    assert [money_words(amount, currency, lang) for lang in LANGUAGES] == [pt, en, es]


def test_every_currency_has_every_language() -> None:
    assert all(
        set(names) == {"pt", "en", "es"} and all(len(n) == 4 for n in names.values()) for names in MONEY.values()
    )


@pytest.mark.parametrize(
    ("at", "pt", "en", "es"),
    [
        ((0, 0), "meia-noite", "midnight", "doce de la noche"),
        ((0, 5), "meia-noite e cinco", "twelve oh five AM", "doce y cinco de la noche"),
        ((1, 0), "uma hora", "one AM", "una de la madrugada"),
        ((1, 30), "uma e trinta", "one thirty AM", "una y media de la madrugada"),
        ((2, 15), "duas e quinze", "two fifteen AM", "dos y cuarto de la madrugada"),
        ((8, 0), "oito horas", "eight AM", "ocho de la mañana"),
        ((8, 1), "oito e um", "eight oh one AM", "ocho y uno de la mañana"),
        ((11, 59), "onze e cinquenta e nove", "eleven fifty-nine AM", "once y cincuenta y nueve de la mañana"),
        ((12, 0), "meio-dia", "noon", "doce del mediodía"),
        ((12, 30), "doze e trinta", "twelve thirty PM", "doce y media de la tarde"),
        ((13, 0), "treze horas", "one PM", "una de la tarde"),
        ((14, 30), "quatorze e trinta", "two thirty PM", "dos y media de la tarde"),
        ((18, 59), "dezoito e cinquenta e nove", "six fifty-nine PM", "seis y cincuenta y nueve de la tarde"),
        ((19, 0), "dezenove horas", "seven PM", "siete de la noche"),
        ((21, 0), "vinte e uma horas", "nine PM", "nueve de la noche"),
        ((22, 45), "vinte e duas e quarenta e cinco", "ten forty-five PM", "diez y cuarenta y cinco de la noche"),
    ],
)
def test_a_time_of_day_is_said_by_the_clock_of_the_country(at: tuple[int, int], pt: str, en: str, es: str) -> None:
    assert [clock_words(*at, lang) for lang in LANGUAGES] == [pt, en, es]


@pytest.mark.parametrize("at", [(24, 0), (12, 60), (-1, 0)])
def test_a_time_that_no_clock_shows_is_refused(at: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="is no time of day"):
        clock_words(*at, "en")


@pytest.mark.parametrize(
    ("digits", "pt", "en", "es"),
    [("4021", "4 0 2 1", "4 0 2 1", "4 0 2 1"), ("166", "1 meia meia", "1 6 6", "1 6 6"), ("", "", "", "")],
)
def test_figures_are_read_one_by_one_and_six_is_half_a_dozen_in_brazil(digits: str, pt: str, en: str, es: str) -> None:
    assert [digit_words(digits, lang) for lang in LANGUAGES] == [pt, en, es]


@pytest.mark.parametrize(
    ("code", "pt", "en", "es"),
    [
        ("ab-16", "A, B, hífen, 1, meia", "A, B, dash, 1, 6", "A, B, guion, 1, 6"),
        ("w y", "W, Y", "W, Y", "doble ve, i griega"),
        ("a@b.c", "A, arroba, B, ponto, C", "A, at, B, dot, C", "A, arroba, B, punto, C"),
    ],
)
def test_a_code_is_spelled(code: str, pt: str, en: str, es: str) -> None:
    assert [spelled(code, lang) for lang in LANGUAGES] == [pt, en, es]


def test_a_key_has_a_name_and_a_sentence_knows_what_it_needs() -> None:
    assert [key_name("*", lang) for lang in LANGUAGES] == ["estrela", "star", "asterisco"]
    assert key_name("7", "en") == "7"
    assert places("booked_later", "en") == {"day", "time"}
    assert places("hold", "en") == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_two_numbers_sound_alike(lang: str) -> None:
    said = [number_words(n, lang) for n in range(3000)]
    assert len(set(said)) == 3000
    assert not any(char.isdigit() for word in said for char in word)
