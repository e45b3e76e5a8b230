"""The command line, `retorno ...`.

Law: a command's module is imported only when the command is called, so that neither `retorno flow lint` nor `--help` waits for
the web server. What the operator can mend (`RetornoError`) is printed as one message, without a traceback.
Exit codes: 0 well, 1 something was found or failed, 2 wrong usage.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from ivr.errors import RetornoError

# command -> where it is, and its line in `--help`. A new command is one line here.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("ivr.cli.run:demo", "Everything, with a busy simulated day."),
    "up": ("ivr.cli.run:up", "Everything: Redis, web, workers, timekeeper."),
    "web": ("ivr.cli.parts:web", "The web server alone."),
    "worker": ("ivr.cli.parts:worker", "One worker alone."),
    "timekeeper": ("ivr.cli.parts:timekeeper", "One timekeeper alone."),
    "asterisk": ("ivr.cli.asterisk:asterisk", "Asterisk: the control process, its files, a check."),
    "doctor": ("ivr.cli.doctor:doctor", "Check the installation and say what to do."),
    "config": ("ivr.cli.doctor:config", "The settings in force, secrets masked."),
    "secret": ("ivr.cli.doctor:secret", "A fresh secret, as a line for .env."),
    "flow": ("ivr.cli.flow:flow", "Flows: lint, test, schema and more."),
    "queue": ("ivr.cli.queues:queue", "Queues: how they stand."),
    "callback": ("ivr.cli.queues:callback", "Callbacks: list, cancel."),
    "agent": ("ivr.cli.agents:agent", "Agents: add, list, sign in and out, ready, pause."),
    "talk": ("ivr.cli.talk:talk", "Talks: list, transfer, record, listen."),
    "simulate": ("ivr.cli.simulate:simulate", "A simulated telephone network with callers and agents."),
    "replay": ("ivr.cli.replay:replay", "Replay a recorded day in virtual time."),
}


class Commands(click.Group):
    """The group that finds its commands in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RetornoError as err:
            raise click.ClickException(str(err)) from err


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="retorno")
def main() -> None:
    """Retorno: an IVR and callback queue. Callers keep their place in line and are rung when an agent is free."""
