"""The command line, `retorno ...`.

Law: a command's module is imported only when the command is called, so that `retorno flow lint` does not wait for the web
server. What the operator can mend (`RetornoError`) is printed as one message, without a traceback.
Exit codes: 0 well, 1 something was found or failed, 2 wrong usage.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import click

from ivr.errors import RetornoError

# command -> where it is; a new command is one line here
COMMANDS: dict[str, str] = {
    "demo": "ivr.cli.run:demo",
    "up": "ivr.cli.run:up",
    "web": "ivr.cli.parts:web",
    "worker": "ivr.cli.parts:worker",
    "timekeeper": "ivr.cli.parts:timekeeper",
    "simulate": "ivr.cli.simulate:simulate",
    "replay": "ivr.cli.replay:replay",
    "flow": "ivr.cli.flow:flow",
    "queue": "ivr.cli.queues:queue",
    "callback": "ivr.cli.queues:callback",
    "agent": "ivr.cli.agents:agent",
    "doctor": "ivr.cli.doctor:doctor",
    "config": "ivr.cli.doctor:config",
    "secret": "ivr.cli.doctor:secret",
}


class Commands(click.Group):
    """The group that finds its commands in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, place in COMMANDS.items() if importlib.util.find_spec(place.split(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RetornoError as err:
            raise click.ClickException(str(err)) from err


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="retorno")
def main() -> None:
    """Retorno: an IVR and callback queue. Callers keep their place in line and are rung when an agent is free."""
