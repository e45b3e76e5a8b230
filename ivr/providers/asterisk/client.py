"""The Provider port over the Asterisk nodes: chooses the node, and has its control process act.

Law: what the registry can tell is not asked of a node. Silence is `Unsure`, never a no; a node that has been silent for a minute
is dead, and its calls with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from ivr.clock import Clock, SystemClock
from ivr.inputs import Outcome
from ivr.ports import Away, CallState, Found, Gone, Listening, Node, Outgoing, Refused, Unsure
from ivr.providers.asterisk import recordings
from ivr.providers.asterisk.addresses import BadAddress, Kind, Target, phone_target
from ivr.providers.asterisk.commands import Answer, Commands, Result
from ivr.providers.asterisk.nodes import Site
from ivr.providers.asterisk.registry import Known, Registry, View


@dataclass(frozen=True, slots=True)
class _Way:
    """On which node a call is placed; `via`: the node at which the phone is registered, when that is another one."""

    node: str
    via: str = ""


class AsteriskProvider:
    """Places and moves calls on the nodes of `site`. `key` is `settings.key("asterisk commands")`. Thread-safe.

    The clock is the wall's: heartbeats and commands are dated by it on every machine.
    """

    name = "asterisk"

    def __init__(self, redis: Redis, tenant: str, key: bytes, site: Site, clock: Clock | None = None) -> None:
        self._site = site
        self._clock = clock or SystemClock()
        self._registry = Registry(redis, tenant)
        self._commands = Commands(redis, tenant, key, self._clock)

    def originate(self, outgoing: Outgoing) -> None:
        target = self._target(outgoing.to)
        view = self._view(target, outgoing.beside, outgoing.call)
        if view.known:
            raise Refused("this call has been placed already, or called off")
        way = self._way(target, view)
        answer = self._commands.ask(
            way.node,
            "originate",
            call=outgoing.call,
            to=outgoing.to,
            caller_id=outgoing.caller_id,
            ring_ms=outgoing.ring_ms,
            detect_machine=outgoing.detect_machine,
            via=way.via,
        )
        _heed(answer)

    def redirect(self, call: str, attempt: str) -> None:
        known = self._known(call)
        if known is None or known.state is CallState.ENDED:
            raise Gone("the call is over or was never placed")
        _heed(self._commands.ask(known.node, "redirect", call=call, attempt=attempt))

    def hangup(self, call: str) -> None:
        try:
            if self._registry.call_off(call, self._clock.now_ms()):
                return
        except RedisError as error:
            raise _away(error) from error
        known = self._known(call)
        if known is None or known.state is CallState.ENDED:
            return
        try:
            self._commands.ask(known.node, "hangup", call=call)
        except Away:
            with suppress(RedisError):
                self._registry.unwant(call)  # for the look with which the node's next control process begins
            raise

    def find(self, call: str) -> Found:
        known = self._known(call)
        if known is None:
            return Found(CallState.UNKNOWN)
        if known.state is CallState.ENDED:
            return Found(CallState.ENDED, known.outcome)
        state = self._commands.ask(known.node, "find", call=call).state
        if state in (CallState.RINGING, CallState.UP):
            return Found(CallState(state))
        # The call has no channel and its end is on the way to the registry: the next look will see it there.
        known = self._known(call)
        if known is not None and known.state is CallState.ENDED:
            return Found(CallState.ENDED, known.outcome)
        raise Unsure("the call has no channel any more, or none yet, and its end has not been told")

    def listen(self, phone: str, call: str, mode: Listening) -> None:
        target = self._target(phone)
        view = self._view(target, call)
        if not view.near:
            raise Gone("the call is over or was never placed")
        way = self._way(target, view)
        _heed(self._commands.ask(way.node, "spy", phone=phone, call=call, mode=mode.value, via=way.via))

    def record(self, call: str, on: bool) -> None:
        """As the port says, of a talk that the queue has recorded: raises `Refused` for any other."""
        known = self._known(call)
        if known is None or known.state is CallState.ENDED:
            raise Gone("the call is over or was never placed")
        _heed(self._commands.ask(known.node, "recording", call=call, on=on))

    def nodes(self) -> tuple[Node, ...]:
        try:
            beats = [(name, self._registry.beat(name)) for name in self._site.nodes]
        except RedisError as error:
            raise _away(error) from error
        now = self._clock.now_ms()
        return tuple(
            Node(name, beat.takes_commands(now), beat.channels, max(0, now - beat.at_ms)) if beat else Node(name, False)
            for name, beat in beats
        )

    def recorded(self, name: str) -> Iterator[bytes]:
        """The WAV file of a recording, in pieces, as `recordings.fetch` finds it. Raises NoRecording and Unsure."""
        return recordings.fetch(name, self._site, self._commands)

    def _target(self, address: str) -> Target:
        try:
            return phone_target(address, self._site)
        except BadAddress as error:
            raise Refused(str(error), permanent=True) from error

    def _known(self, call: str) -> Known | None:
        """The call as registered. One that was on a node that is dead has ended with it, and that is written down."""
        try:
            known = self._registry.find(call)
            if known is None or known.state is CallState.ENDED:
                return known
            if self._registry.dead(known.node, self._clock.now_ms()):
                self._registry.ended(call, Outcome.FAILED)
                return self._registry.find(call)
            return known
        except RedisError as error:
            raise _away(error) from error

    def _view(self, target: Target, beside: str, call: str = "") -> View:
        device = f"PJSIP/{target.to}" if target.kind is Kind.PHONE else ""
        try:
            now = self._clock.now_ms()
            return self._registry.view(self._site.nodes, now, call=call, beside=beside, device=device)
        except RedisError as error:
            raise _away(error) from error

    def _way(self, target: Target, view: View) -> _Way:
        """Where the call is placed: where the other one is; else where the phone is registered; else on the node with the fewest
        channels that has the trunk. Raises Away when no such node is up, Refused when the other one is where no trunk is:
        two calls on two nodes cannot talk."""
        near = view.near
        if target.kind is Kind.PHONE:
            # The node at which it is registered, one that is up first; if at none, the one that asterisk.yaml gives it.
            named = self._site.phones[target.to].node
            home = next((node for node in (named, *view.homes) if node in view.homes and node in view.alive), named)
            return _Way(near, home if home != near else "") if near else _Way(home)
        trunk = target.trunk
        if near and not self._site.has_trunk(near, trunk):
            raise Refused(
                f"the other side is on node {near}, which has not the trunk {trunk}: give it to all in asterisk.yaml"
            )
        if near:
            return _Way(near)
        able = [beat for node, beat in view.alive.items() if self._site.has_trunk(node, trunk)]
        if not able:
            raise Away(f"no node with the trunk {trunk} is up: is `retorno asterisk` running, and Asterisk?")
        return _Way(min(able, key=lambda beat: (beat.channels, beat.node)).node)


def _heed(answer: Answer) -> None:
    """Raise what the answer means, if it is not yes."""
    if answer.result is Result.REFUSED:
        raise Refused(answer.why, outcome=answer.outcome, permanent=answer.permanent)
    if answer.result is Result.GONE:
        raise Gone(answer.why or "the call is not up")


def _away(error: RedisError) -> Unsure:
    return Unsure(f"Redis is away, so nothing is known of the calls on Asterisk: {type(error).__name__}")
