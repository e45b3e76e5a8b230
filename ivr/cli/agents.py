"""`retorno agent`: agents from the command line, as the API and the screens have them."""

from __future__ import annotations

import click

from callback.agents import ReservedReason
from callback.model import Agent
from callback.service import Line
from dashboards import i18n
from ivr.cli.line import opened, since, table
from ivr.log import mask_number


@click.group()
def agent() -> None:
    """Agents: add, list, sign in and out, ready, pause."""


@agent.command()
@click.argument("agent_id")
@click.option("--name", required=True, help="As colleagues see it.")
@click.option("--phone", required=True, help="Where it rings: +55..., sip:ana@example.com, PJSIP/ana, sim:ana.")
@click.option("--queue", "queues", multiple=True, required=True, help="A queue to serve; may be given several times.")
@click.option("--skill", "skills", multiple=True, help="A skill the agent has; may be given several times.")
@click.option("--lang", default="pt-BR", show_default=True, help="The agent's own language.")
def add(agent_id: str, name: str, phone: str, queues: tuple[str, ...], skills: tuple[str, ...], lang: str) -> None:
    """Add an agent, or change one that exists: the state stays."""
    with opened() as line:
        if unknown := sorted(set(queues) - set(line.queues())):
            raise click.BadParameter(
                f"{', '.join(unknown)} is not in queues.yaml; expected one of {', '.join(sorted(line.queues()))}",
                param_hint="--queue",
            )
        line.add_agent(agent_id, name, phone, queues, frozenset(skills), lang)
    click.echo(f"{agent_id} added")


@agent.command("list")
def list_agents() -> None:
    """All agents with their state and the time in it."""
    with opened() as line:
        now = line.clock.now_ms()
        found = line.agents()
    if not found:
        click.echo("no agents: add one with `retorno agent add`")
        return
    table(("agent", "name", "phone", "state", "for", "queues", "skills"), [_row(one, now) for one in found])


@agent.command()
@click.argument("agent_id")
def ready(agent_id: str) -> None:
    """Ready for the next call."""
    with opened() as line:
        _known(line, agent_id)
        line.ready(agent_id)


@agent.command()
@click.argument("agent_id")
@click.option("--reason", default="", help="lunch, training ... as the reports shall show it.")
def pause(agent_id: str, reason: str) -> None:
    """No more calls for now; during a call, after it."""
    with opened() as line:
        _known(line, agent_id)
        try:
            line.pause(agent_id, reason)
        except ReservedReason as err:
            raise click.BadParameter(str(err), param_hint="--reason") from err


@agent.command("sign-in")
@click.argument("agent_id")
def sign_in(agent_id: str) -> None:
    """The working day begins."""
    with opened() as line:
        _known(line, agent_id)
        line.sign_in(agent_id)


@agent.command("sign-out")
@click.argument("agent_id")
def sign_out(agent_id: str) -> None:
    """The working day ends; during a call, after it."""
    with opened() as line:
        _known(line, agent_id)
        line.sign_out(agent_id)


def _known(line: Line, agent_id: str) -> None:
    names = [one.id for one in line.agents()]
    if agent_id not in names:
        raise click.BadParameter(f"no agent {agent_id}; there are: {', '.join(names) or 'none'}", param_hint="AGENT_ID")


def _row(one: Agent, now_ms: int) -> tuple[str, ...]:
    words = i18n.words("en")
    reason = words(f"pause.{one.reason}") if words.has(f"pause.{one.reason}") else one.reason
    state = f"{one.state} ({reason})" if reason else str(one.state)
    phone = mask_number(one.phone) if one.phone.startswith("+") else one.phone
    since_ms = since(one.since_ms, now_ms)
    return (one.id, one.name, phone, state, since_ms, ",".join(one.queues), ",".join(sorted(one.skills)))
