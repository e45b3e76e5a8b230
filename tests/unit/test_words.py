"""What is said, in every language: the built-in sentences, times, money, choices."""

from __future__ import annotations

import string
from itertools import product

import pytest

from ivr.facts import WAIT_LADDER_S
from ivr.words import MONEY, SENTENCES, minutes_words, money_words, number_words, option, sentence, spoken

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


@pytest.mark.parametrize(("lang", "seconds"), product(LANGUAGES, WAIT_LADDER_S))
def test_every_announced_wait_is_in_words(lang: str, seconds: int) -> None:
    said = minutes_words(seconds, lang)
    assert not any(char.isdigit() for char in said)
    assert "{" not in sentence("wait", lang, minutes=said)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_two_numbers_sound_alike(lang: str) -> None:
    said = [number_words(n, lang) for n in range(100)]
    assert len(set(said)) == 100
    assert not any(char.isdigit() for word in said for char in word)
    assert (number_words(100, lang), number_words(-1, lang)) == ("100", "-1")


@pytest.mark.parametrize(
    ("amount", "currency", "pt", "en", "es"),
    [
        (0, "BRL", "0 reais", "0 reais", "0 reales"),
        (1, "BRL", "1 real", "1 real", "1 real"),
        (0.01, "BRL", "1 centavo", "1 centavo", "1 centavo"),
        (12.5, "BRL", "12 reais e 50 centavos", "12 reais and 50 centavos", "12 reales con 50 centavos"),
        (0.995, "USD", "1 dólar", "1 dollar", "1 dólar"),
        (-2.01, "EUR", "menos 2 euros e 1 centavo", "minus 2 euros and 1 cent", "menos 2 euros con 1 céntimo"),
        (1_000_000, "BRL", "1000000 de reais", "1000000 reais", "1000000 de reales"),
        (2_500_000, "BRL", "2500000 reais", "2500000 reais", "2500000 reales"),
    ],
)
def test_money_is_said_as_people_say_it(amount: float, currency: str, pt: str, en: str, es: str) -> None:
    assert [money_words(amount, currency, lang) for lang in LANGUAGES] == [pt, en, es]


def test_every_currency_has_every_language() -> None:
    assert all(
        set(names) == {"pt", "en", "es"} and all(len(n) == 4 for n in names.values()) for names in MONEY.values()
    )
