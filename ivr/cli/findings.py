"""What a check of the installation finds, and how it is told.

Law: every finding says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import click


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `advice`: what to do, empty when all is well."""

    level: Level
    what: str
    advice: str = ""


Findings = Iterator[Finding]


def tell(findings: Iterable[Finding]) -> bool:
    """Print the report as it comes. Whether nothing fails."""
    fit = True
    for one in findings:
        colour = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}[one.level]
        click.echo(click.style(f"{one.level:<5}", fg=colour) + one.what)
        if one.advice:
            click.echo(f"     {one.advice}")
        fit = fit and one.level is not Level.FAIL
    return fit
