"""What an agent does with his customer on his own telephone, asking a colleague first: the customer talks on with the colleague, or
waits for him.

Law: the line is told who talks with whom, never who was meant to. Of what is done by keys Asterisk names no more than the channels
that it takes out a moment later, so the node is looked at. Whoever is left before the colleague has answered is sent on to him as by
a blind transfer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from ivr.clock import Clock
from ivr.ports import CallState
from ivr.providers.asterisk import events
from ivr.providers.asterisk.ami import Ami, AmiDown, AmiRefused, AmiTimeout, Pack
from ivr.providers.asterisk.nodes import Site
from ivr.providers.asterisk.registry import Registry
from ivr.providers.asterisk.teller import Teller

log = structlog.get_logger()

MEET_S: Final = 1.0
"""How long two who were put together may be on their way to each other."""
AGAIN_S: Final = 0.05
PHONE: Final = "RT_PHONE"
"""The variable of a channel between two nodes that has the name of the phone at the other one."""


class Handing:
    """The attended transfers of a node. `handed_over` is told a call, the phone that it talks with now, and that one's call."""

    def __init__(
        self,
        ami: Ami,
        registry: Registry,
        site: Site,
        node: str,
        clock: Clock,
        teller: Teller,
        handed_over: Callable[[str, str, str], object],
    ) -> None:
        self._ami, self._registry, self._node, self._clock = ami, registry, node, clock
        self._phones, self._teller, self._handed_over = site.phones, teller, handed_over
        self._three: dict[str, str] = {}
        """Who talks on when an agent, whose call this is, leaves a talk of three."""

    def heard(self, transfer: Pack) -> None:
        """An AttendedTransfer has come."""
        for over in events.hand_overs(transfer):
            self._teller.tell(partial(self._hand_over, over))
        if not events.by_keys(transfer):
            return
        call = transfer.get("TransfereeUniqueid", "")
        if events.of_three(transfer):
            self._three[transfer["OrigTransfererUniqueid"]] = call
        else:
            self._teller.tell(partial(self._left, call))

    def hung_up(self, call: str) -> None:
        """A Hangup has come, and has not been told yet."""
        if left := self._three.pop(call, ""):
            self._teller.tell(partial(self._left, left))

    def _left(self, call: str) -> None:
        """The agent of `call`, who has dialled a colleague by keys, has left it."""
        if not self._up(call):
            return
        try:
            found = self._partner(call)
            if found.call:
                self._hand_over(events.HandOver(call, found.phone, found.call))
            elif found.rings:
                # Else Asterisk would ring the agent again when the colleague does not answer, and he may have another call by then.
                self._ami.act("Redirect", Channel=call, Context=events.TRANSFER, Exten=found.rings, Priority="1")
                log.info("sent_on_unanswered", call=call)
        except (AmiDown, AmiTimeout, AmiRefused) as err:
            log.warning("hand_over_not_seen", call=call, why=str(err))

    def _partner(self, call: str) -> events.Partner:
        """With whom `call` is, once the two have found each other. Raises AmiDown, AmiTimeout, AmiRefused."""
        end = time.monotonic() + MEET_S
        while True:
            found = events.partner(call, self._ami.act_list("CoreShowChannels"))
            if found is None or found != events.Partner() or time.monotonic() > end:
                return found or events.Partner()
            time.sleep(AGAIN_S)

    def _hand_over(self, over: events.HandOver) -> None:
        """The other call was one between phones, which nobody has registered. From now on it is a side of a talk: asked what
        became of it, we must not say that there is no such call, for that would end the talk."""
        if not self._up(over.call):
            return
        phone = self._behind(over.to_call) or over.to_phone if events.is_far(over.to_phone) else over.to_phone
        self._registry.register_outgoing(over.to_call, self._node, phone, self._clock.now_ms())
        self._registry.answered(over.to_call)
        done = bool(self._handed_over(over.call, phone, over.to_call))
        log.info("attended_transfer", call=over.call, done=done)

    def _behind(self, call: str) -> str:
        """The phone at another node that has `call`, as the dialplans of the two nodes know it; empty when they do not. (Its channel
        has a number, too, but Asterisk takes the `-` out of that: seen on 22.10.)"""
        try:
            name = self._ami.act("Getvar", Channel=call, Variable=PHONE).get("Value", "")
        except (AmiDown, AmiTimeout, AmiRefused) as err:
            log.warning("far_phone_not_known", call=call, why=str(err))
            return ""
        return f"PJSIP/{name}" if name in self._phones else ""

    def _up(self, call: str) -> bool:
        known = self._registry.find(call)
        return known is not None and known.state is CallState.UP
