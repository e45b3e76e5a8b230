"""One desk of the company, and who is at it: the verbs in which conversations are told.

Law: whatever is waited for is a fact, of the phones or of the line; a failure tells the desk's story.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hearing import AGENT, CUSTOMER, MUSIC, OTHER_AGENT, PITCH, PROMPT_S
from rig import Answer, Behaviour, Call, Node, Phone, until

from callback.model import Agent, AgentState, Attempt, Entry
from ivr.events import Event
from ivr.instructions import Say
from ivr.providers.asterisk import passwords
from ivr.speech.sounds import sounds_from

if TYPE_CHECKING:
    from company import Company


@dataclass
class Desk:
    """One line of the company: a number, a flow, a queue; agents `a` and `b`, `k`, whose phone has a number that keys can dial, `f`
    and `n`, the same at another node if there is one; a supervisor `s`; and a customer who calls it."""

    company: Company
    name: str
    place: int
    agents: dict[str, Phone] = field(default_factory=dict)

    @property
    def number(self) -> str:
        return f"+551130001{self.place:03}"

    @property
    def customer(self) -> str:
        return f"+551198887{self.place:04}"

    @property
    def elsewhere(self) -> str:
        """Whom the flow's transfer rings."""
        return f"+551197777{self.place:04}"

    @property
    def queue(self) -> str:
        return f"d{self.place:02}"

    @property
    def other_queue(self) -> str:
        """A second queue, to which callers come only by transfer."""
        return f"{self.queue}_b"

    @property
    def node(self) -> Node:
        nodes = list(self.company.nodes.values())
        return nodes[self.place % len(nodes)]

    def node_of(self, who: str) -> Node:
        """The node at which an agent's phone is registered."""
        nodes = list(self.company.nodes.values())
        return nodes[(self.place + 1) % len(nodes)] if who in "fn" else self.node

    def phone_of(self, who: str) -> str:
        """The name of an agent's phone, and his own."""
        numbered = {"k": "72", "n": "73"}
        return f"{numbered[who]}{self.place:02}" if who in numbered else f"{self.queue}-{who}"

    # Calls

    def dial(self, number: str = "", speaking: bool = True) -> Call:
        """Somebody calls the desk, and speaks; the desk's customer, unless another number calls."""
        shown = number or self.customer
        phone = self.company.phones.add(shown.lstrip("+"), self.node.sip)
        call = phone.dial(self.number, from_user=shown).wait_up()
        if speaking:
            call.say(CUSTOMER)
        return call

    def in_line(self, number: str = "", by: str = "1") -> Call:
        """Somebody calls and waits: he hears the offer of a callback, then music."""
        call = self.dial(number)
        self.hears(call, "welcome")
        call.press(by)
        call.wait_hears(MUSIC, self.hears(call, "offer") + PROMPT_S)
        return call

    def hears(self, call: Call, prompt: str, after: float = 0.0, patience_s: float = 20.0) -> float:
        """Wait until the call has heard that prompt, after that moment (or ever); when it began."""
        return call.wait_hears(PITCH[prompt], after, patience_s)

    def rings_back(self, number: str = "", patience_s: float = 20.0) -> Call:
        """The next call to the customer, ringing at him."""
        return self.company.rung(number or self.customer, patience_s)

    # Agents

    def phone(self, who: str = "a", behaviour: Behaviour | None = None, lines: int = 1) -> Phone:
        """A desk phone, registered. It answers at once unless told otherwise, and takes so many calls."""
        name = self.phone_of(who)
        secret = passwords.phone(self.company.settings, name)
        how = behaviour or Answer()
        node = self.node_of(who)
        phone = self.company.phones.add(name, node.sip, secret=secret, registers=True, behaviour=how, lines=lines)
        self.agents[who] = phone
        node.wait_phone(name)
        return phone

    def agent(
        self, who: str = "a", behaviour: Behaviour | None = None, queue: str = "", lang: str = "en", lines: int = 1
    ) -> Phone:
        """An agent of this queue with his phone, signed in and ready."""
        phone = self.phone(who, behaviour, lines)
        queues = (queue or self.queue,)
        self.company.parts.line.add_agent(phone.name, who, f"PJSIP/{phone.name}", queues, lang=lang)
        self.sign_in(who)
        return phone

    def sign_in(self, who: str = "a") -> None:
        self.company.parts.line.sign_in(self.agents[who].name)
        at_work = (AgentState.READY, AgentState.RESERVED, AgentState.ON_CALL)  # somebody may have waited for him
        until(lambda: self.agent_of(who).state in at_work, f"agent {who} is at work", self.told, every_s=0.03)

    def agent_of(self, who: str = "a") -> Agent:
        name = self.phone_of(who)
        return next(agent for agent in self.company.parts.line.agents() if agent.id == name)

    def agent_is(self, state: AgentState, who: str = "a", reason: str | None = None) -> None:
        """Wait until the line has him so."""
        until(
            lambda: self.agent_of(who).state is state and reason in (None, self.agent_of(who).reason),
            f"agent {who} is {state} {reason or ''}",
            lambda: f"{self.agent_of(who)}\n{self.told()}",
        )

    def talks(self, who: str = "a", patience_s: float = 20.0) -> Call:
        """The next call at that agent: he hears who it is, presses 1, and speaks. One that comes before his telephone has put down
        the last is refused by it, and comes again."""
        call = self.agents[who].wait_call(patience_s)
        while call.ended and call.ended.how == "rejected":
            call = self.agents[who].wait_call(patience_s)
        return self.talk_at(call, who)

    def talk_at(self, call: Call, who: str = "a") -> Call:
        self.hears(call.wait_up(), "whisper")
        call.press("1")
        call.say(OTHER_AGENT if who == "b" else AGENT)
        return call

    def in_talk(self) -> tuple[Call, Call]:
        """A customer and agent `a`, who talk."""
        customer = self.in_line()
        self.agent()
        agent = self.talks()
        self.both_talk(customer, agent)
        return customer, agent

    def both_talk(self, customer: Call, agent: Call, who: str = "a") -> None:
        """Each hears the other, and no music any more."""
        now = time.monotonic()
        met = customer.wait_hears(OTHER_AGENT if who == "b" else AGENT, now)
        agent.wait_hears(CUSTOMER, now)
        assert customer.first_heard(MUSIC, met) is None

    def nothing_left(self) -> None:
        """Wait until no call of this desk is up on its node: not the caller's, not an agent's."""

        def left() -> list[str]:
            return [line for line in self.node.cli("core show channels verbose").splitlines() if self.owns(line)]

        until(lambda: not left(), f"no call of {self.queue} is left", lambda: f"{left()}\n{self.told()}", every_s=0.2)

    def owns(self, channel: str) -> bool:
        """Whether a line about a channel is about one of this desk's calls."""
        return any(name in channel for name in (self.queue, self.customer.lstrip("+")))

    # Looking

    def entry(self, number: int = -1) -> Entry:
        """The last place taken in this queue (or the one of that index)."""
        until(lambda: self.events("entry_joined"), f"somebody has joined {self.queue}", self.told)
        found = self.company.parts.line.entry(self.events("entry_joined")[number].entry)
        assert found
        return found

    def attempt(self) -> Attempt:
        """The attempt that the last entry is in."""
        found = self.company.parts.line.attempt(self.entry().attempt)
        assert found
        return found

    def entry_is(self, state: str, number: int = -1, patience_s: float = 20.0) -> Entry:
        """Wait until the last place taken here is in that state."""
        what = f"the place in {self.queue} is {state}"
        until(
            lambda: self.entry(number).state == state, what, lambda: f"{self.entry(number)}\n{self.told()}", patience_s
        )
        return self.entry(number)

    def events(self, *kinds: str) -> list[Event]:
        return [event for event in self.company.events(*kinds) if event.queue in (self.queue, self.other_queue)]

    def set_rules(self, rules: str) -> None:
        self.company.set_rules(self.name, rules)

    def told(self) -> str:
        """For people: the story of this desk so far."""
        mine = [replace(event, queue="") for event in self.events()]
        began = mine[0].at_ms if mine else 0
        lines = [f"  {(e.at_ms - began) / 1000:7.3f} {e.type} {e.call} {e.entry} {e.attempt} {e.data}" for e in mine]
        return "\n".join([f"{self.queue}:", *lines])


def spoken(desk: Desk, part: Say) -> Path:
    """The file of a sentence, once it has been spoken for somebody."""
    sounds = sounds_from(desk.company.settings)
    file = sounds.path(sounds.sound_of(part))
    until(file.is_file, f"somebody is told: {part}", desk.told, every_s=0.05)
    return file
