"""What agents ask for themselves, and what their telephones say of them.

Law: what an agent asks for during an attempt takes effect after it. After every change, whoever he can serve is matched at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from callback.model import Agent, AgentState, PhoneState

if TYPE_CHECKING:
    from callback.service import Line

NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


OWN_REASONS: Final = frozenset({"phone_in_use", "phone_gone"})
"""Why the line itself pauses an agent, until his telephone is free."""


class ReservedReason(ValueError):
    """Nobody may give this reason for his pause."""


class UnknownAgent(LookupError):
    """No agent has this id."""


class NotSignedIn(Exception):
    """The agent must sign in first."""


def add(
    line: Line, agent_id: str, name: str, phone: str, queues: tuple[str, ...], skills: frozenset[str], lang: str
) -> Agent:
    wrong = [text for text in (agent_id, *queues, *skills) if not NAME.fullmatch(text)]
    if wrong or not phone:
        wants = "ids, queues and skills of letters, digits, _ . and -, and a phone"
        raise ValueError(f"agent {agent_id!r}: expected {wants}; got {', '.join(map(repr, wrong)) or 'no phone'}")
    given = Agent(agent_id, AgentState.OFFLINE, 0, name, phone, lang, tuple(dict.fromkeys(queues)), skills)
    line.store.add_agent(given, line.clock.now_ms())
    return _served(line, agent_id)


def ask(line: Line, agent_id: str, act: str, reason: str = "") -> Agent:
    """`act` as `Store.agent_asks` has it. Raises UnknownAgent, NotSignedIn, ReservedReason."""
    if reason in OWN_REASONS:
        raise ReservedReason(f"the reason {reason!r} is the line's own word, for a telephone; give another")
    answer = line.store.agent_asks(agent_id, act, reason, line.clock.now_ms())
    if answer == "unknown":
        raise UnknownAgent(f"no agent {agent_id!r}; `retorno agent add {agent_id} ...` makes one known")
    if answer == "offline":
        raise NotSignedIn(f"agent {agent_id!r} is offline; sign in first")
    return _served(line, agent_id)


def phone(line: Line, address: str, state: PhoneState) -> None:
    for agent_id in line.store.phone(address, state, line.clock.now_ms()):
        _served(line, agent_id)


def _served(line: Line, agent_id: str) -> Agent:
    """After a change of an agent: whoever he can serve is matched, at once; then the estimate hears of it."""
    line.match()
    agent = line.store.agent(agent_id)
    if agent is None:
        raise UnknownAgent(f"no agent {agent_id!r}")
    for name in agent.queues:
        line.observe("agents", line.queue(name))
    return agent
