"""`retorno queue` and `retorno callback`: the line as it stands, and taking a callback out of it."""

from __future__ import annotations

import click

from callback.model import Entry, Mode, QueueSnapshot
from callback.states import ENTRY
from ivr.cli.line import at, opened, since, table
from ivr.log import mask_number


@click.group()
def queue() -> None:
    """Queues: how they stand."""


@queue.command("list")
def list_queues() -> None:
    """Every queue: who waits, how long, and who serves."""
    with opened() as line:
        taken = line.snapshot()
    head = (
        "queue",
        "waiting",
        "longest",
        "callbacks",
        "late",
        "scheduled",
        "next due",
        "in progress",
        "ready",
        "staffed",
    )
    table(head, [_queue_row(one, taken.at_ms) for one in taken.queues])


@click.group()
def callback() -> None:
    """Callbacks: list, cancel."""


@callback.command("list")
@click.option("--queue", "name", default="", help="Of this queue only.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most so many a queue."
)
def list_callbacks(name: str, limit: int) -> None:
    """Callbacks that wait or are scheduled, in the order in which they will be rung. Numbers are masked."""
    with opened() as line:
        queues = sorted(line.queues())
        if name and name not in queues:
            raise click.BadParameter(f"no queue {name}; expected one of {', '.join(queues)}", param_hint="--queue")
        now = line.clock.now_ms()
        found: list[Entry] = []
        for one in [name] if name else queues:
            found += [entry for entry in line.waiting(one, limit) if entry.mode is Mode.CALLBACK]
            found += line.store.scheduled(one, limit)
    if not found:
        click.echo("no callbacks")
        return
    head = ("entry", "queue", "state", "number", "waits for", "promised by", "due")
    table(head, [_entry_row(entry, now) for entry in found])


@callback.command()
@click.argument("entry_id")
@click.option("--why", default="operator", show_default=True, help="As the reports shall show it.")
def cancel(entry_id: str, why: str) -> None:
    """Take a callback out of the line; the customer is not rung."""
    with opened() as line:
        entry = line.entry(entry_id)
        if entry is None:
            raise click.BadParameter(f"no entry {entry_id}: see `retorno callback list`", param_hint="ENTRY_ID")
        if ENTRY[entry.state].ended:
            raise click.ClickException(f"{entry_id} is {entry.state} already")
        line.cancel(entry_id, why)
    click.echo(f"{entry_id} cancelled")


def _queue_row(one: QueueSnapshot, now_ms: int) -> tuple[object, ...]:
    return (
        one.queue,
        one.live_waiting,
        since(one.oldest_live_ms, now_ms),
        one.callbacks_waiting,
        one.callbacks_late,
        one.callbacks_scheduled,
        at(one.next_due_ms),
        one.in_progress,
        one.agents_ready,
        one.agents_staffed,
    )


def _entry_row(entry: Entry, now_ms: int) -> tuple[str, ...]:
    waits, promised, due = since(entry.entered_ms, now_ms), at(entry.promised_ms), at(entry.due_ms)
    return (entry.id, entry.queue, str(entry.state), mask_number(entry.number), waits, promised, due)
