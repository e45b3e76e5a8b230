"""`retorno talk`: the talks that go on now: who talks with whom; send on, record, listen. And what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from callback import talks
from callback.talks import NotTalking, UnknownTarget
from ivr.cli.line import opened, opened_parts, since, table
from ivr.log import mask_number
from ivr.ports import Listening, Refused, Unsure
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.recordings import NoRecording
from ivr.whole_file import whole_file


@click.group()
def talk() -> None:
    """Talks: list, transfer, record, listen; recordings. A talk is named by its attempt, as `list` shows it, or by its entry."""


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
@click.argument("name", metavar="RECORDING")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The WAV file to write.")
def recording(name: str, out: Path) -> None:
    """Fetch a recording: a message's address as its event has it (asterisk:NODE/ID), or the attempt of a recorded talk."""
    with _told(), opened_parts() as parts:
        if not isinstance(parts.provider, AsteriskProvider):
            raise click.ClickException(
                f"the telephone network is {parts.provider.name}, which keeps no recordings here"
            )
        size = _write(out, parts.provider.recorded(name))
    click.echo(f"{out}: {size / 1_000_000:.1f} MB")


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


def _write(out: Path, pieces: Iterator[bytes]) -> int:
    """For its owner's eyes only. Its size."""
    try:
        with whole_file(out, mode=0o600) as part, part.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            return file.tell()
    except OSError as err:
        raise click.ClickException(f"{out} cannot be written: {err.strerror}") from err


def _take_part(name: str, phone: str, mode: Listening) -> None:
    with _told(), opened_parts() as parts:
        found = talks.listen(parts.line, parts.provider, name, phone, mode)
    click.echo(f"{found.attempt}: your phone rings ({mode})")


@contextmanager
def _told() -> Iterator[None]:
    """What cannot be done is told in a line."""
    try:
        yield
    except (NotTalking, UnknownTarget, NoRecording) as err:
        raise click.ClickException(str(err)) from err
    except Refused as err:
        raise click.ClickException(f"this phone cannot be rung: {err}") from err
    except Unsure as err:
        raise click.ClickException(f"the telephone network did not answer, look whether it was done: {err}") from err
