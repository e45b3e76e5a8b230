"""The line for a short command: built from the settings, let go of afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from callback.service import Line
from ivr import log, redis_server
from ivr.app import Parts, build
from ivr.config import load


@contextmanager
def opened() -> Iterator[Line]:
    """The line; an embedded Redis that this command alone used is ended afterwards."""
    with opened_parts() as parts:
        yield parts.line


@contextmanager
def opened_parts() -> Iterator[Parts]:
    """The line and the way to the telephone network, for as long."""
    settings = load()
    log.set_up("warning", settings.log_format)
    parts = build(settings)
    try:
        yield parts
    finally:
        parts.redis.close()
        redis_server.release(settings)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns, under `head`."""
    texts = [tuple(head), *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    for row in texts:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def since(then_ms: int, now_ms: int) -> str:
    """How long ago, or how soon, as `1h05m`, `3m20s`, `45s`; empty when there is no such time (0)."""
    if not then_ms:
        return ""
    seconds = abs(now_ms - then_ms) // 1000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds % 60:02}s" if minutes else f"{seconds}s"


def at(then_ms: int) -> str:
    """A time as ISO 8601 in UTC, to the minute; empty for 0."""
    return datetime.fromtimestamp(then_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ") if then_ms else ""
