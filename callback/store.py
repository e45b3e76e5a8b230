"""The line in Redis: one method per script.

Law: no rule is decided here. A method names the script's answers, and every change is one script: all or nothing.
Times are epoch ms and passed in. The scripts (`lua/*.lua`) say what they do, return and guard; a late or double message
is answered and changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from callback.model import Agent, AgentState, Attempt, Closing, Entry, EntryState, Leg, PhoneState, Queue
from callback.policy import Next
from callback.reads import Reads
from callback.rows import (
    Choice,
    Move,
    NewEntry,
    Pair,
    Swept,
    agent_of,
    attempt_of,
    entry_of,
    pairs,
    twos,
)
from ivr.inputs import Outcome

MARGIN_MS = 10_000  # what a leg may take beyond ringing and accepting: webhooks, a slow provider
REST_MS = 5_000
"""An agent whose phone could not be rung at all, was busy or said no is not offered a call for so long, and nobody is rung for an
entry whose part of the network took no orders."""


class Store(Reads):
    """The scripts of one tenant, and its reads."""

    # entries

    def join(self, new: NewEntry, now_ms: int) -> tuple[str, str]:
        """(`joined` | `again` | `duplicate` | `full` | `over` | what `refuse` says, the entry meant)."""
        waits = ["" if wait is None else wait for wait in new.waits]
        code, *entry = self._run(
            "join",
            self.keys.of("entry", new.id),
            now_ms,
            *(new.id, new.queue, new.mode, new.call, new.number, self.who(new.number), new.lang),
            *("+".join(sorted(set(new.skills))), new.band, new.credit_ms, new.limit, new.heard_by_ms, new.due_ms),
            *(new.promised_ms, new.expires_ms, new.order, new.max_attempts, new.retry_ms, *waits, new.refuse),
        )
        return code, entry[0] if entry else ""

    def choose(self, entry: str, choice: Choice, now_ms: int) -> tuple[str, str]:
        """(`booked` | `duplicate` | `full` | `taken` | `gone`, the entry that holds the number when `duplicate`)."""
        code, *other = self._run(
            "choose",
            self.keys.of("entry", entry),
            now_ms,
            *(entry, choice.number, self.who(choice.number), choice.limit, choice.due_ms, choice.promised_ms),
            *(choice.expires_ms, choice.order, choice.max_attempts, choice.retry_ms),
        )
        return code, other[0] if other else ""

    def resume(self, entry: str, call: str, heard_by_ms: int, now_ms: int) -> str:
        """`joined` | `gone`."""
        return str(self._run("resume", self.keys.of("entry", entry), now_ms, entry, call, heard_by_ms))

    def renumber(self, entry: str, number: str, now_ms: int) -> str:
        """`changed` | `duplicate` | `gone`."""
        return str(self._run("renumber", self.keys.of("entry", entry), now_ms, entry, number, self.who(number)))

    def leave(self, entry: str, why: str, now_ms: int) -> str:
        """`left` | `taken`."""
        return str(self._run("leave", self.keys.of("entry", entry), now_ms, entry, why))

    def cancel(self, entry: str, why: str, now_ms: int) -> tuple[str, list[str]]:
        """(`cancelled` | `gone`, calls to hang up)."""
        code, *calls = self._run("cancel", self.keys.of("entry", entry), now_ms, entry, why)
        return code, calls

    def held(self, entry: str, call: str, heard_by_ms: int, now_ms: int) -> bool:
        return bool(self._run("held", self.keys.of("entry", entry), now_ms, entry, call, heard_by_ms))

    def hung_up(self, call: str, now_ms: int) -> str:
        """The entry that `call` stood for, or empty; a join for this call after now is refused."""
        return str(self._run("hung_up", self.keys.of("call", call), now_ms))

    def caller_gone(
        self,
        entry: str,
        call: str,
        never_met: bool,
        outcome: Outcome,
        then: Next,
        queues: Mapping[str, Queue],
        now_ms: int,
    ) -> tuple[str, list[str]]:
        """(`late` | the state the entry is in now, calls to hang up). `outcome` and `then`: for a customer we had rung and who
        held."""
        code, *calls = self._run(
            "caller_gone",
            self.keys.of("entry", entry),
            now_ms,
            *(entry, call, int(never_met), outcome, then.state, then.due_ms, int(then.keep_place)),
            queues=queues,
        )
        return code, calls

    # attempts

    def match(self, attempt: str, most: int, queues: Mapping[str, Queue], now_ms: int) -> list[Pair]:
        """At most `most` pairs; the n-th attempt is called `<attempt>_<n>`."""
        found = self._run("match", self.keys.of("agents", AgentState.READY), now_ms, attempt, most, queues=queues)
        return [
            Pair(name, Leg(leg), entry, queue, int(waited), int(due)) for name, leg, entry, queue, waited, due in found
        ]

    def begin(
        self, attempt: str, leg: str, queues: Mapping[str, Queue], now_ms: int
    ) -> tuple[Entry, Attempt, Agent | None, str] | None:
        """The winner gets all he needs to place the call, and the call that he must hang up first, or empty; everybody else
        None."""
        found = self._run("begin", self.keys.of("attempt", attempt), now_ms, attempt, leg, MARGIN_MS, queues=queues)
        if found is None:
            return None
        entry, tried, agent = (pairs(flat) for flat in found[:3])
        return (
            entry_of(tried["entry"], entry),
            attempt_of(attempt, tried),
            agent_of(tried["agent"], agent) if agent else None,
            found[3],
        )

    def phone_down(self, attempt: str, leg: str, call: str, now_ms: int) -> bool:
        return bool(self._run("phone_down", self.keys.of("attempt", attempt), now_ms, attempt, leg, call))

    def entered(self, attempt: str, call: str, now_ms: int) -> bool:
        return bool(self._run("entered", self.keys.of("attempt", attempt), now_ms, attempt, call))

    def accept(
        self, attempt: str, leg: str, heard_by_ms: int, queues: Mapping[str, Queue], now_ms: int
    ) -> tuple[str, str]:
        """(`room` | `wait` | `gone`, what to do now: `connect`, `agent`, `customer` or empty)."""
        answer, task = self._run(
            "accept", self.keys.of("attempt", attempt), now_ms, attempt, leg, heard_by_ms, queues=queues
        )
        return answer, task

    def leg_ended(
        self,
        attempt: str,
        leg: str,
        outcome: Outcome,
        then: Next,
        counts: bool,
        queues: Mapping[str, Queue],
        now_ms: int,
    ) -> tuple[str, list[str]]:
        """(`late` | the state the entry is in now, calls to hang up). `then` and `counts` are for a customer's leg."""
        code, *calls = self._run(
            "leg_ended",
            self.keys.of("attempt", attempt),
            now_ms,
            *(attempt, leg, outcome, then.state, then.due_ms, int(then.keep_place), int(counts), REST_MS),
            queues=queues,
        )
        return code, calls

    def set_aside(
        self, attempt: str, leg: str, whose: str, queues: Mapping[str, Queue], now_ms: int
    ) -> tuple[str, list[str]]:
        """(`late` | `waiting`, calls to hang up). `whose`: entry or agent, who is passed over for `REST_MS`."""
        key = self.keys.of("attempt", attempt)
        code, *calls = self._run("set_aside", key, now_ms, attempt, leg, whose, REST_MS, queues=queues)
        return code, calls

    def talk_ended(
        self, seen: Attempt, leg: str, met: bool, heard_by_ms: int, queues: Mapping[str, Queue], now_ms: int
    ) -> tuple[str, list[str]]:
        """(`late` | `completed` | `waiting`, calls to hang up)."""
        code, *calls = self._run(
            "talk_ended",
            self.keys.of("attempt", seen.id),
            now_ms,
            *(seen.id, leg, int(met), heard_by_ms, seen.agent_call),
            queues=queues,
        )
        return code, calls

    def transfer(self, attempt: str, move: Move, queues: Mapping[str, Queue], now_ms: int) -> tuple[str, str]:
        """(`late` | `moved`, the agent's call to hang up)."""
        code, *call = self._run(
            "transfer",
            self.keys.of("attempt", attempt),
            now_ms,
            *(attempt, move.call, move.queue, "+".join(sorted(move.skills)), int(move.last), move.heard_by_ms, move.by),
            *(int(move.unknown), int(move.reopen)),
            queues=queues,
        )
        return code, call[0] if call else ""

    def handed_over(
        self, attempt: str, call: str, agent: str, to_call: str, queues: Mapping[str, Queue], now_ms: int
    ) -> str:
        """`handed` | `again` | `late`. `agent`: whose telephone the talk is on now, empty: nobody's of ours."""
        arguments = (attempt, call, agent, to_call)
        return str(self._run("handed_over", self.keys.of("attempt", attempt), now_ms, *arguments, queues=queues))

    def tell(self, entry: str, attempt: str, why: str, queues: Mapping[str, Queue], now_ms: int) -> bool:
        return bool(self._run("tell", self.keys.of("entry", entry), now_ms, entry, attempt, why, queues=queues))

    def extend(self, attempt: str, deadline_ms: int, now_ms: int) -> bool:
        return bool(self._run("extend", self.keys.of("attempt", attempt), now_ms, attempt, deadline_ms))

    def sweep(
        self, closed: Mapping[str, tuple[int, Closing]], queues: Mapping[str, Queue], now_ms: int, most: int = 500
    ) -> Swept:
        """`closed`: the queues that are closed now, with the time they open next (0: never) and their rule."""
        found = self._run(
            "sweep",
            self.keys.of("entries", EntryState.RESERVED),
            now_ms,
            *(most, json.dumps({name: [opens, rule.value] for name, (opens, rule) in closed.items()})),
            queues=queues,
        )
        returned, promoted, handled, postponed, tell, dialing, connected, silent = found
        return Swept(
            *(int(returned), int(promoted), int(handled), int(postponed)),
            twos(tell),
            tuple(dialing),
            tuple(connected),
            twos(silent),
        )

    # agents

    def add_agent(self, agent: Agent, now_ms: int) -> bool:
        """True when he is new; one that is known keeps his state."""
        return bool(
            self._run(
                "add_agent",
                self.keys.of("agent", agent.id),
                now_ms,
                *(
                    agent.id,
                    agent.name,
                    agent.phone,
                    ",".join(agent.queues),
                    ",".join(sorted(agent.skills)),
                    agent.lang,
                ),
            )
        )

    def agent_asks(self, agent: str, act: str, reason: str, now_ms: int) -> str:
        """`done` | `later` | `offline` | `unknown`; `act`: sign_in, ready, paused, offline, wrap_up_done."""
        return str(self._run("agent", self.keys.of("agent", agent), now_ms, agent, act, reason))

    def phone(self, address: str, state: PhoneState, now_ms: int) -> list[str]:
        """The agents whose own state has changed by it."""
        found: list[str] = self._run("phone", self.keys.of("telephones"), now_ms, address, state)
        return found
