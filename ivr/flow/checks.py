"""What `collect` can check of typed digits. Pure."""

from __future__ import annotations

import re
from datetime import date

KINDS = ("length", "luhn", "cpf", "cnpj", "date", "time", "phone", "pin")
"""What `validate` may name, besides /a regular expression/."""

_MANY = re.compile(r"[*+]|\{\d*,\d*\}")


def read_check(value: str) -> str:
    """A `validate` that can be carried out, and in time: a pattern may not repeat groups, refer back, or have more than
    three open repetitions, so that no number of digits keeps it busy. Raises ValueError that says what to write."""
    if value in KINDS:
        return value
    if len(value) < 3 or not (value.startswith("/") and value.endswith("/")):
        raise ValueError(f'"{value}" is no check; expected one of {", ".join(KINDS)} or a pattern: /55[0-9]+/')
    pattern = value[1:-1]
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f'"{value}" is not a regular expression ({error.msg}); mend it at character {(error.pos or 0) + 2}'
        ) from None
    if len(pattern) > 100 or re.search(r"\)[*+{]|\\[1-9]|\(\?", pattern) or len(_MANY.findall(pattern)) > 3:
        raise ValueError(
            f'"{value}" could take too long; write it without repeated groups and with at most three of * + {{,}}'
        )
    return value


def valid(check: str | None, digits: str) -> bool:
    """Whether `digits` pass `check`. The length is checked apart."""
    if check is None or check in ("length", "pin"):
        return digits.isdigit()
    if check.startswith("/"):
        return re.fullmatch(check.strip("/"), digits) is not None
    return digits.isdigit() and _CHECKS[check](digits)


def _luhn(digits: str) -> bool:
    total = 0
    for n, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + n % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _mod11(digits: str, weights: range | tuple[int, ...]) -> int:
    rest = sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11
    return 0 if rest < 2 else 11 - rest


def _cpf(digits: str) -> bool:
    """The two check digits of Brazil's taxpayer number; eleven equal digits pass the sums and are refused."""
    return (
        len(digits) == 11
        and len(set(digits)) > 1
        and _mod11(digits[:9], range(10, 1, -1)) == int(digits[9])
        and _mod11(digits[:10], range(11, 1, -1)) == int(digits[10])
    )


def _cnpj(digits: str) -> bool:
    first = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    return (
        len(digits) == 14
        and len(set(digits)) > 1
        and _mod11(digits[:12], first) == int(digits[12])
        and _mod11(digits[:13], (6, *first)) == int(digits[13])
    )


def _date(digits: str) -> bool:
    """Day, month, year: ddmmyyyy."""
    try:
        return len(digits) == 8 and bool(date(int(digits[4:]), int(digits[2:4]), int(digits[:2])))
    except ValueError:
        return False


def _time(digits: str) -> bool:
    return len(digits) == 4 and int(digits[:2]) < 24 and int(digits[2:]) < 60


def _phone(digits: str) -> bool:
    """The shape only: whether we may ring it is the line's to say."""
    return 8 <= len(digits) <= 15


_CHECKS = {"luhn": _luhn, "cpf": _cpf, "cnpj": _cnpj, "date": _date, "time": _time, "phone": _phone}
