"""`retorno asterisk`: a node's control process; its configuration files; a check of all of it.

Law: without a subcommand it is the control process, as `retorno worker` is a worker. `config` writes files and touches no running
Asterisk: when to reload is the operator's to say.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path

import click

from callback.model import PhoneState
from ivr import log, redis_server, supervise
from ivr.app import build, site_of
from ivr.cli import asterisk_check
from ivr.cli.findings import tell
from ivr.config import Settings, load
from ivr.errors import ConfigError
from ivr.providers.asterisk import control, files, music, passwords, standby
from ivr.providers.asterisk.ahead import keep_ahead, keep_tidy
from ivr.providers.asterisk.nodes import Node, Site
from ivr.providers.asterisk.recordings import keep_swept
from ivr.speech.sounds import sounds_from
from ivr.store import FlowShelf

NODE = click.option(
    "--node", metavar="NAME", default="", help="Which node; left out: RETORNO_ASTERISK_NODE, or the only one."
)


@click.group(invoke_without_command=True)
@NODE
@click.pass_context
def asterisk(ctx: click.Context, node: str) -> None:
    """A node's control process: carries our commands to its Asterisk, and what happens there to the line."""
    if ctx.invoked_subcommand is None:
        _control(node)
    elif node:
        raise click.UsageError(
            f"--node stands after the command: retorno asterisk {ctx.invoked_subcommand} --node {node}"
        )


@asterisk.command()
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where the files go.")
@NODE
@click.option("--fragments", is_flag=True, help="Only what an existing PBX includes.")
@click.option(
    "--sounds", type=click.Path(file_okay=False, path_type=Path), help="Instead of the node's folder of sounds."
)
@click.option("--show-passwords", is_flag=True, help="Print the passwords of the phones too.")
def config(out: Path, node: str, fragments: bool, sounds: Path | None, show_passwords: bool) -> None:
    """Write the configuration files of a node, and the sounds that it has of its own."""
    settings = load()
    site = site_of(settings)
    name = chosen(settings, site, node)
    if not sounds:  # else the files are for another machine
        for kind, folder in site.music.items():
            if why := music.fault(folder):
                raise click.ClickException(f"music {kind}: {why}: {music.advice(folder)}")
    made = files.fragments(site, name, settings) if fragments else files.generate(site, name, settings)
    try:
        files.write(made, out)
        for folder in () if fragments else files.folders(site.nodes[name]):
            folder.mkdir(parents=True, exist_ok=True)
        unspoken = standby.prepare(site, site.nodes[name], sounds_from(settings), sounds)
    except OSError as err:
        raise click.ClickException(
            f"{err.filename}: {err.strerror}: choose another folder, or become its owner"
        ) from err
    click.echo(f"{len(made)} files for {name} in {out}")
    if unspoken:
        click.echo(f"Tones stand in for {', '.join(unspoken)}: see `retorno asterisk check`", err=True)
    if show_passwords:
        for phone in site.phones.values():
            if not phone.existing:
                where = site.nodes[phone.node].reach
                click.echo(f"{phone.name}: password {passwords.phone(settings, phone.name)}, server {where}")


@asterisk.command()
def check() -> None:
    """Look at asterisk.yaml, the nodes, their rights, dialplan, phones and sounds. Exit 1 when something fails."""
    sys.exit(0 if tell(asterisk_check.examine(load())) else 1)


def chosen(settings: Settings, site: Site, node: str) -> str:
    """The node that is meant: the one named, else that of RETORNO_ASTERISK_NODE, else the only one. Raises ConfigError."""
    name = node or settings.asterisk_node or (next(iter(site.nodes)) if len(site.nodes) == 1 else "")
    there = ", ".join(site.nodes)
    if not name:
        raise ConfigError([f"which node? asterisk.yaml has {there}: say --node NAME, or set RETORNO_ASTERISK_NODE"])
    if name not in site.nodes:
        raise ConfigError([f"there is no node {name}: asterisk.yaml has {there}"])
    return name


def _look_after(node: Node, settings: Settings, flows: FlowShelf, stop: threading.Event) -> None:
    """Beside the calls, until `stop`: the node's sounds and recordings."""
    sounds = replace(sounds_from(settings), folder=node.sounds)
    most = settings.sounds_max_mb * 1_000_000
    for target, args in (
        (keep_ahead, (flows, sounds, stop)),
        (keep_tidy, (flows, sounds, most, stop)),
        (keep_swept, (node.recordings, settings.recordings_days, stop)),
    ):
        threading.Thread(target=target, args=args, name=target.__name__, daemon=True).start()


def _control(node: str) -> None:
    supervise.end_with_parent()
    settings = load()
    log.set_up(settings.log_level, settings.log_format)
    site = site_of(settings)
    name = chosen(settings, site, node)
    stop = supervise.Stop()
    stop.listen()
    parts = build(settings)
    _look_after(site.nodes[name], settings, parts.flows, stop.asked)
    control.run(
        parts,
        site,
        name,
        stop.asked,
        phone=lambda address, state: parts.line.phone(address, PhoneState(state)),
        handed_over=lambda call, phone, to_call: parts.line.handed_over(call, to_phone=phone, to_call=to_call),
    )
    redis_server.release(settings)
