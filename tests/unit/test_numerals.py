"""Numbers in words, by tables: Portuguese of Brazil, English of the United States, Spanish of Latin America."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.numerals import LARGEST, before_noun, cardinal, decimal, ordinal, year

BASES = ("pt", "en", "es")


@pytest.mark.parametrize(
    ("n", "pt", "en", "es"),
    [
        (0, "zero", "zero", "cero"),
        (1, "um", "one", "uno"),
        (14, "quatorze", "fourteen", "catorce"),
        (16, "dezesseis", "sixteen", "dieciséis"),
        (21, "vinte e um", "twenty-one", "veintiuno"),
        (22, "vinte e dois", "twenty-two", "veintidós"),
        (40, "quarenta", "forty", "cuarenta"),
        (99, "noventa e nove", "ninety-nine", "noventa y nueve"),
        (100, "cem", "one hundred", "cien"),
        (101, "cento e um", "one hundred one", "ciento uno"),
        (200, "duzentos", "two hundred", "doscientos"),
        (321, "trezentos e vinte e um", "three hundred twenty-one", "trescientos veintiuno"),
        (500, "quinhentos", "five hundred", "quinientos"),
        (777, "setecentos e setenta e sete", "seven hundred seventy-seven", "setecientos setenta y siete"),
        (999, "novecentos e noventa e nove", "nine hundred ninety-nine", "novecientos noventa y nueve"),
        (1000, "mil", "one thousand", "mil"),
        (1001, "mil e um", "one thousand one", "mil uno"),
        (1100, "mil e cem", "one thousand one hundred", "mil cien"),
        (1230, "mil duzentos e trinta", "one thousand two hundred thirty", "mil doscientos treinta"),
        (2026, "dois mil e vinte e seis", "two thousand twenty-six", "dos mil veintiséis"),
        (21_000, "vinte e um mil", "twenty-one thousand", "veintiún mil"),
        (31_500, "trinta e um mil e quinhentos", "thirty-one thousand five hundred", "treinta y un mil quinientos"),
        (100_000, "cem mil", "one hundred thousand", "cien mil"),
        (101_101, "cento e um mil cento e um", "one hundred one thousand one hundred one", "ciento un mil ciento uno"),
        (1_000_000, "um milhão", "one million", "un millón"),
        (1_200_000, "um milhão e duzentos mil", "one million two hundred thousand", "un millón doscientos mil"),
        (2_000_002, "dois milhões e dois", "two million two", "dos millones dos"),
        (21_345_678, "vinte e um milhões trezentos e quarenta e cinco mil seiscentos e setenta e oito",
         "twenty-one million three hundred forty-five thousand six hundred seventy-eight",
         "veintiún millones trescientos cuarenta y cinco mil seiscientos setenta y ocho"),
        (1_000_000_000, "um bilhão", "one billion", "mil millones"),
        (3_000_000_000, "três bilhões", "three billion", "tres mil millones"),
        (-5, "menos cinco", "minus five", "menos cinco"),
        (LARGEST, "1 0 0 0 0 0 0 0 0 0 0 0 0", "1 0 0 0 0 0 0 0 0 0 0 0 0", "1 0 0 0 0 0 0 0 0 0 0 0 0"),
    ],
)  # fmt: skip
def test_a_number_is_counted(n: int, pt: str, en: str, es: str) -> None:
    assert [cardinal(n, base) for base in BASES] == [pt, en, es]


@pytest.mark.parametrize(
    ("n", "said"),
    [(1, "un"), (21, "veintiún"), (31, "treinta y un"), (101, "ciento un"), (1001, "mil un"), (4, "cuatro")],
)
def test_a_spanish_number_is_shortened_before_what_it_counts(n: int, said: str) -> None:
    assert before_noun(n, "es") == said


@pytest.mark.parametrize(
    ("n", "pt", "en", "es"),
    [
        (1, "primeiro", "first", "primero"),
        (2, "segundo", "second", "segundo"),
        (3, "terceiro", "third", "tercero"),
        (5, "quinto", "fifth", "quinto"),
        (8, "oitavo", "eighth", "octavo"),
        (9, "nono", "ninth", "noveno"),
        (10, "décimo", "tenth", "décimo"),
        (11, "décimo primeiro", "eleventh", "undécimo"),
        (12, "décimo segundo", "twelfth", "duodécimo"),
        (17, "décimo sétimo", "seventeenth", "decimoséptimo"),
        (20, "vigésimo", "twentieth", "vigésimo"),
        (21, "vigésimo primeiro", "twenty-first", "vigésimo primero"),
        (45, "quadragésimo quinto", "forty-fifth", "cuadragésimo quinto"),
        (99, "nonagésimo nono", "ninety-ninth", "nonagésimo noveno"),
        (100, "centésimo", "one hundredth", "centésimo"),
        (120, "número cento e vinte", "one hundred twentieth", "número ciento veinte"),
        (0, "número zero", "number zero", "número cero"),
    ],
)
def test_a_place_in_an_order(n: int, pt: str, en: str, es: str) -> None:
    assert [ordinal(n, base) for base in BASES] == [pt, en, es]


@pytest.mark.parametrize(
    ("value", "pt", "en", "es"),
    [
        ("2.5", "dois vírgula cinco", "two point five", "dos punto cinco"),
        ("3.25", "três vírgula vinte e cinco", "three point two five", "tres punto veinticinco"),
        ("0.05", "zero vírgula zero cinco", "zero point zero five", "cero punto cero cinco"),
        ("7.00", "sete", "seven", "siete"),
        ("-1.125", "menos um vírgula um dois cinco", "minus one point one two five", "menos uno punto uno dos cinco"),
        ("-0.0000001", "zero", "zero", "cero"),
        ("1E+3", "mil", "one thousand", "mil"),
    ],
)
def test_a_number_with_decimals(value: str, pt: str, en: str, es: str) -> None:
    assert [decimal(Decimal(value), base) for base in BASES] == [pt, en, es]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "sNaN"])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        decimal(Decimal(value), "en")


def test_a_monstrous_number_takes_no_time() -> None:
    assert decimal(Decimal("1e999999"), "en") == "1E+999999"


@pytest.mark.parametrize(
    ("n", "pt", "en", "es"),
    [
        (1980, "mil novecentos e oitenta", "nineteen eighty", "mil novecientos ochenta"),
        (1905, "mil novecentos e cinco", "nineteen oh five", "mil novecientos cinco"),
        (1900, "mil e novecentos", "nineteen hundred", "mil novecientos"),
        (2000, "dois mil", "two thousand", "dos mil"),
        (2007, "dois mil e sete", "two thousand seven", "dos mil siete"),
        (2026, "dois mil e vinte e seis", "twenty twenty-six", "dos mil veintiséis"),
    ],
)
def test_a_year(n: int, pt: str, en: str, es: str) -> None:
    assert [year(n, base) for base in BASES] == [pt, en, es]


@given(st.integers(0, LARGEST - 1), st.integers(0, LARGEST - 1), st.sampled_from(BASES))
def test_different_numbers_sound_different_and_hold_no_figures(one: int, other: int, base: str) -> None:
    said = cardinal(one, base)
    assert not any(char.isdigit() for char in said)
    assert said == " ".join(said.split())
    assert (said == cardinal(other, base)) == (one == other)
