"""The telephones of the site: which are free, in use or gone, as the nodes say it.

Law: a phone is registered at one node, and only that node speaks of it; when a node cannot speak any more, its phones are gone,
and whichever node notices says so. The line hears of changes, and of every state again at each look, so that nothing that was
missed stays wrong. Nothing here waits for Redis.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ivr.clock import Clock
from ivr.providers.asterisk.ami import Ami, Pack
from ivr.providers.asterisk.events import phone_state
from ivr.providers.asterisk.nodes import Site
from ivr.providers.asterisk.registry import Registry
from ivr.providers.asterisk.teller import Teller

log = structlog.get_logger()

MUTE_MS = 8_000
"""A node that was silent for so long, at two watches in a row, has no phones."""


class Phones:
    """What `node` says of its phones. `phone` is told the address (`PJSIP/ana`) and free, in_use or gone."""

    def __init__(
        self, ami: Ami, registry: Registry, site: Site, node: str, clock: Clock, phone: Callable[[str, str], object]
    ) -> None:
        self._ami, self._registry, self._site, self._node, self._clock = ami, registry, site, node, clock
        self._phone = phone
        self._teller = Teller("phones")
        self._last: dict[str, str] = {}
        self._mute: set[str] = set()

    def heard(self, event: Pack) -> None:
        """A DeviceStateChange, or a line of DeviceStateList."""
        device, state = event.get("Device", ""), event.get("State", "")
        if device in self._devices(self._node) and state:
            self._tell(device, self._node, state)

    def look(self) -> None:
        """Ask the node for all of them, and tell the line again. Raises AmiDown, AmiTimeout, AmiRefused."""
        listed = {event.get("Device", ""): event for event in self._ami.act_list("DeviceStateList")}
        self._teller.tell(self._last.clear)
        for device in sorted(self._devices(self._node)):
            self.heard(listed.get(device, {"Device": device, "State": "UNAVAILABLE"}))

    def lost(self) -> None:
        """This node has not been reached for a while: nobody can ring its phones."""
        for device in sorted(self._devices(self._node)):
            self._tell(device, self._node, "UNAVAILABLE")

    def watch(self) -> None:
        """Phones of other nodes that have fallen silent. Raises RedisError.

        One look does not count: after an absence of Redis the beats of living nodes look old too.
        """
        now, before, self._mute = self._clock.now_ms(), self._mute, set()
        for other in self._site.nodes:
            beat = self._registry.beat(other) if other != self._node else None
            if not beat or now - beat.at_ms <= MUTE_MS:
                continue
            self._mute.add(other)
            for device in sorted(self._devices(other)) if other in before else ():
                self._tell(device, other, "UNAVAILABLE")

    def stop(self) -> None:
        self._teller.stop()

    def _devices(self, node: str) -> set[str]:
        return {f"PJSIP/{phone.name}" for phone in self._site.phones.values() if phone.node == node}

    def _tell(self, device: str, node: str, state: str) -> None:
        def told() -> None:
            said = self._registry.device(device, node, state)
            now = phone_state(
                said, (node,)
            )  # a node at which the phone was once may have said something that nobody takes back
            if self._last.get(device) != now:
                log.info("phone_state", device=device, state=now)
                self._phone(device, now)
                self._last[device] = now

        self._teller.tell(told)
