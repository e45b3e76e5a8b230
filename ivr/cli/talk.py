"""`retorno talk`: the talks that go on now: who talks with whom; send on, record, listen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from callback import talks
from callback.talks import NotTalking, UnknownTarget
from ivr.calls import Listening, Refused, Unsure
from ivr.cli.line import opened, opened_parts, since, table
from ivr.log import mask_number


@click.group()
def talk() -> None:
    """Talks: list, transfer, record, listen. A talk is named by its attempt, as `list` shows it, or by its entry."""


@talk.command("list")
def list_talks() -> None:
    """Who talks with whom, the longest talk first."""
    with opened() as line:
        now = line.clock.now_ms()
        found = line.talks()
    if not found:
        click.echo("nobody talks now")
        return
    head = ("talk", "entry", "queue", "agent", "customer", "for")
    rows = [(t.attempt, t.entry, t.queue, t.agent, mask_number(t.number), since(t.since_ms, now)) for t in found]
    table(head, rows)


@talk.command()
@click.argument("name", metavar="TALK")
@click.argument("to")
def transfer(name: str, to: str) -> None:
    """Send the customer on to TO: a queue, or agent:ID for one agent alone. He keeps his place; the agent wraps up."""
    with _told(), opened() as line:
        entry = line.transfer(name, to, "operator")
    click.echo(f"{entry.id} waits in {entry.queue}" if entry.state == "waiting" else f"{entry.id} is {entry.state}")


@talk.command()
@click.argument("name", metavar="TALK")
@click.argument("switch", type=click.Choice(["on", "off"]))
def record(name: str, switch: str) -> None:
    """Stop recording while a card number is read out (off), and go on (on)."""
    with _told(), opened_parts() as parts:
        found = talks.record(parts.line, parts.provider, name, switch == "on")
    click.echo(f"{found.attempt}: recording {switch}")


@talk.command()
@click.argument("name", metavar="TALK")
@click.option("--phone", required=True, help="Yours, which rings: PJSIP/boss, +55..., sip:boss@example.com.")
def listen(name: str, phone: str) -> None:
    """Hear the talk; nobody hears you."""
    _take_part(name, phone, Listening.LISTEN)


@talk.command()
@click.argument("name", metavar="TALK")
@click.option("--phone", required=True, help="Yours, which rings.")
def whisper(name: str, phone: str) -> None:
    """Hear the talk; the agent hears you, the customer does not."""
    _take_part(name, phone, Listening.WHISPER)


@talk.command()
@click.argument("name", metavar="TALK")
@click.option("--phone", required=True, help="Yours, which rings.")
def barge(name: str, phone: str) -> None:
    """Take part in the talk; both hear you."""
    _take_part(name, phone, Listening.BARGE)


def _take_part(name: str, phone: str, mode: Listening) -> None:
    with _told(), opened_parts() as parts:
        found = talks.listen(parts.line, parts.provider, name, phone, mode)
    click.echo(f"{found.attempt}: your phone rings ({mode})")


@contextmanager
def _told() -> Iterator[None]:
    """What cannot be done is told in a line."""
    try:
        yield
    except (NotTalking, UnknownTarget) as err:
        raise click.ClickException(str(err)) from err
    except Refused as err:
        raise click.ClickException(f"this phone cannot be rung: {err}") from err
    except Unsure as err:
        raise click.ClickException(f"the telephone network did not answer, look whether it was done: {err}") from err
