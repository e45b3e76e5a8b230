"""`retorno replay`: a recorded day through the real stack, in virtual time."""

from __future__ import annotations

import json
import logging
import signal
import sys
import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import click
import structlog

from ivr.cli.replay.recorded import read_day
from ivr.cli.replay.report import report
from ivr.cli.replay.stage import Stage, stage
from ivr.config import load

SHIPPED = "busy_day.jsonl.gz"


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--callbacks", type=click.Choice(["on", "off"]), default="on", show_default=True, help="Offer callbacks.")
@click.option("--agents", "extra", type=int, default=0, help="So many agents more (or fewer) than were there: +2, -1.")
@click.option("--watch", type=click.FloatRange(1, 1000), default=None, help="Pace it to so many times the wall clock.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "out", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JSON.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def replay(
    file: Path | None, callbacks: str, extra: int, watch: float | None, seed: int, out: Path | None, quiet: bool
) -> None:
    """Play a recorded day (FILE; without one, a made-up busy day) through webhooks, engine, Redis, RQ and sweep."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with as_file(files("ivr.cli.replay") / SHIPPED) as shipped:
        day = read_day(file or shipped).with_agents(extra)
    settings = load({"RETORNO_DEMO": "1"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its Redis and its folder go with it
    begun = time.monotonic()
    with (
        stage(day, settings, callbacks=callbacks == "on", seed=seed) as played,
        click.progressbar(length=len(day.arrivals), label="Callers", hidden=quiet) as bar,
    ):

        def show(now: Stage) -> None:
            bar.update(len(now.people) - bar.pos)

        played.play(show, pace=watch or 0.0)
        result = report(played, time.monotonic() - begun)
    click.echo(as_text(result))
    if out is not None:
        out.write_text(json.dumps(result, indent=2) + "\n")


def as_text(result: dict[str, Any], indent: str = "") -> str:
    """The report as lines of name and value."""
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", as_text(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name:<{20 - len(indent)}} {'-' if value is None else value}")
    return "\n".join(lines)
