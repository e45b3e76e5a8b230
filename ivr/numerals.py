"""Numbers as people say them: counted, ordered, with decimals, one by one.

Law: pure; figures never depend on how a voice reads them. Languages are `pt` (Brazil), `en` (United States) and `es` (Latin
America), as `ivr.words.base` gives them. Numbers stand in the masculine, as they are counted.
"""

from __future__ import annotations

from decimal import Decimal

LARGEST = 10**12
"""From here on a number is read figure by figure."""

_UNITS = {
    "pt": "zero um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete "
    "dezoito dezenove",
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis "
    "veintisiete veintiocho veintinueve",
}
_TENS = {
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
}
_HUNDREDS = {
    "pt": "cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos",
    "es": "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos",
}
_HUNDRED = {"pt": "cem", "es": "cien"}
_AND = {"pt": " e ", "en": "-", "es": " y "}
_POINT = {"pt": "vírgula", "en": "point", "es": "punto"}
"""Mexico, Central America and the Caribbean say `punto`, most of South America `coma`: both are understood."""
_MINUS = {"pt": "menos", "en": "minus", "es": "menos"}
_NUMBER = {"pt": "número", "en": "number", "es": "número"}

_ORDINALS = {
    "pt": (
        "primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono",
        "décimo vigésimo trigésimo quadragésimo quinquagésimo sexagésimo septuagésimo octogésimo nonagésimo centésimo",
        {},
    ),
    "es": (
        "primero segundo tercero cuarto quinto sexto séptimo octavo noveno",
        "décimo vigésimo trigésimo cuadragésimo quincuagésimo sexagésimo septuagésimo octogésimo nonagésimo centésimo",
        {
            11: "undécimo",
            12: "duodécimo",
            13: "decimotercero",
            14: "decimocuarto",
            15: "decimoquinto",
            16: "decimosexto",
            17: "decimoséptimo",
            18: "decimoctavo",
            19: "decimonoveno",
        },
    ),
}
_ENGLISH_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"} | {
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(n: int, base: str) -> str:
    """A whole number in words: "mil duzentos e trinta", "one thousand two hundred thirty", "mil doscientos treinta"."""
    if n < 0:
        return f"{_MINUS[base]} {cardinal(-n, base)}"
    if n >= LARGEST:
        return " ".join(str(n))
    if n < 1000:
        return _below_thousand(n, base)
    return {"pt": _portuguese, "en": _english, "es": _spanish}[base](n)


def before_noun(n: int, base: str) -> str:
    """A whole number before what it counts, masculine: "veintiún dólares", "um real"."""
    return shortened(cardinal(n, base)) if base == "es" else cardinal(n, base)


def shortened(said: str) -> str:
    """A Spanish number before a masculine noun: "uno" becomes "un", "veintiuno" becomes "veintiún"."""
    if said.endswith("veintiuno"):
        return said.removesuffix("veintiuno") + "veintiún"
    return said.removesuffix("o") if said == "uno" or said.endswith(" uno") else said


def ordinal(n: int, base: str) -> str:
    """ "terceiro", "twenty-second", "decimocuarto". Above 100 Portuguese and Spanish say "número 120": their ordinals are
    forgotten words."""
    if n < 1 or (n > 100 and base != "en"):
        return f"{_NUMBER[base]} {cardinal(n, base)}"
    if base == "en":
        return _english_ordinal(cardinal(n, "en"))
    units, tens, teens = _ORDINALS[base]
    if n in teens:
        return teens[n]
    ten, one = divmod(n, 10)
    return " ".join([tens.split()[ten - 1]] * bool(ten) + [units.split()[one - 1]] * bool(one))


def decimal(value: Decimal, base: str) -> str:
    """A number with what stands behind its point, to six places. Raises ValueError when it is none."""
    if not value.is_finite():
        raise ValueError("not a number")
    if abs(value) >= LARGEST:
        return cardinal(int(value), base) if value.adjusted() < 30 else str(value)
    text = f"{round(abs(value), 6):f}"
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0")
    said = cardinal(int(whole), base)
    if rest:
        said += f" {_POINT[base]} {_behind_point(rest, base)}"
    return f"{_MINUS[base]} {said}" if value < 0 and (rest or int(whole)) else said


def _behind_point(figures: str, base: str) -> str:
    """Two figures are read together in Portuguese and Spanish: "três vírgula vinte e cinco"."""
    if base != "en" and len(figures) == 2 and figures[0] != "0":
        return cardinal(int(figures), base)
    return " ".join(cardinal(int(figure), base) for figure in figures)


def year(n: int, base: str) -> str:
    """A year: English says "nineteen eighty", "two thousand five", "twenty twenty-six"; the others count."""
    century, rest = divmod(n, 100)
    if base != "en" or not 11 <= century <= 99 or (century % 10 == 0 and rest < 10):
        return cardinal(n, base)
    first = cardinal(century, base)
    if rest == 0:
        return f"{first} hundred"
    return f"{first} {'oh ' if rest < 10 else ''}{cardinal(rest, base)}"


def _below_hundred(n: int, base: str) -> str:
    units = _UNITS[base].split()
    if n < len(units):
        return units[n]
    ten, one = divmod(n, 10)
    return _TENS[base].split()[ten - 2] + (_AND[base] + units[one] if one else "")


def _below_thousand(n: int, base: str) -> str:
    hundred, rest = divmod(n, 100)
    if hundred == 0:
        return _below_hundred(rest, base)
    if base == "en":
        return f"{_below_hundred(hundred, base)} hundred" + (f" {_below_hundred(rest, base)}" if rest else "")
    if n == 100:
        return _HUNDRED[base]
    joined = " e " if base == "pt" else " "
    return _HUNDREDS[base].split()[hundred - 1] + (joined + _below_hundred(rest, base) if rest else "")


def _english(n: int) -> str:
    parts = []
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        count, n = divmod(n, size)
        if count:
            parts.append(f"{_below_thousand(count, 'en')} {name}")
    return " ".join([*parts, _below_thousand(n, "en")] if n else parts)


def _portuguese(n: int) -> str:
    """The last group is joined by "e" when it is below a hundred or a whole number of hundreds: "mil e cem", "mil e cinco"."""
    groups = []
    for size, one, many in ((10**9, "um bilhão", "bilhões"), (10**6, "um milhão", "milhões"), (1000, "mil", "mil")):
        count, n = divmod(n, size)
        if count:
            groups.append((count, one if count == 1 else f"{_below_thousand(count, 'pt')} {many}"))
    if n:
        groups.append((n, _below_thousand(n, "pt")))
    *before, (last, said) = groups
    if not before:
        return said
    return " ".join(words for _, words in before) + (" e " if last < 100 or last % 100 == 0 else " ") + said


def _spanish(n: int) -> str:
    """A thousand million is "mil millones"; a number before "mil" and "millones" is shortened as before any noun."""
    millions, rest = divmod(n, 10**6)
    thousands, units = divmod(rest, 1000)
    parts = []
    if millions:
        parts.append("un millón" if millions == 1 else f"{before_noun(millions, 'es')} millones")
    if thousands:
        parts.append("mil" if thousands == 1 else f"{shortened(_below_thousand(thousands, 'es'))} mil")
    return " ".join([*parts, _below_thousand(units, "es")] if units else parts)


def _english_ordinal(said: str) -> str:
    last = said.replace("-", " ").split()[-1]
    head = said.removesuffix(last)
    if last in _ENGLISH_ORDINALS:
        return head + _ENGLISH_ORDINALS[last]
    return head + (last.removesuffix("y") + "ieth" if last.endswith("y") else last + "th")
