"""The RTP sockets of the phones, and the clock that makes them speak.

Law: asyncio, in the thread of the rig's loop only. A phone has a socket for each call; the calls of a crowd share one, and
are told apart by who sends.
"""

from __future__ import annotations

import asyncio
import socket
import time

from .leg import Leg, State
from .sip import Address

TICK_S = 0.02
_SLOTS = 5
_CROWD_TURNS = 50  # a crowd only shows that it is alive, once in a second


class _Port(asyncio.DatagramProtocol):
    def __init__(self, leg: Leg) -> None:
        self.leg = leg

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.leg.sound(data, addr)


class OwnSockets:
    """One socket for each call."""

    def __init__(self) -> None:
        self._open: dict[Leg, tuple[asyncio.DatagramTransport, socket.socket]] = {}

    async def open(self, leg: Leg) -> int:
        loop = asyncio.get_running_loop()
        ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ours.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        transport, _ = await loop.create_datagram_endpoint(lambda: _Port(leg), sock=ours)
        self._open[leg] = transport, ours
        port: int = ours.getsockname()[1]
        return port

    def send(self, leg: Leg, packet: bytes, to: Address) -> None:
        self._open[leg][0].sendto(packet, to)

    def close(self, leg: Leg) -> None:
        """What has arrived is heard first: on a busy machine the end of a call may be read before its last words."""
        if leg not in self._open:
            return
        transport, ours = self._open.pop(leg)
        while True:
            try:
                leg.sound(*ours.recvfrom(2048))
            except OSError:  # nothing more, or already closed
                break
        transport.close()


class SharedSocket:
    """One socket for all calls of a crowd: half a thousand listeners cost one file and no searching.

    With `listens` False nobody reads it: what comes is thrown away by the system, which costs least of all.
    """

    def __init__(self, listens: bool = True) -> None:
        self._listens = listens
        self._legs: set[Leg] = set()
        self._by_sender: dict[Address, Leg] = {}
        self._socket: socket.socket | None = None

    async def open(self, leg: Leg) -> int:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self._socket.bind(("127.0.0.1", 0))
            self._socket.setblocking(False)
            if self._listens:
                asyncio.get_running_loop().add_reader(self._socket, self._readable)
        self._legs.add(leg)
        port: int = self._socket.getsockname()[1]
        return port

    def send(self, leg: Leg, packet: bytes, to: Address) -> None:
        assert self._socket
        self._socket.sendto(packet, to)

    def close(self, leg: Leg) -> None:
        """What has arrived is counted first, as above."""
        while self._listens and self._readable():
            pass
        self._legs.discard(leg)
        if leg.media:
            self._by_sender.pop(leg.media.address, None)

    def _readable(self) -> bool:
        """Take what has come; whether there may be more."""
        assert self._socket
        for _ in range(200):  # then the loop may do something else
            try:
                data, sender = self._socket.recvfrom(2048)
            except OSError:  # nothing more, or already closed
                return False
            leg = self._by_sender.get(sender) or self._whose(sender)
            if leg:
                leg.sound(data, sender)
        return True

    def _whose(self, sender: Address) -> Leg | None:
        for leg in self._legs:
            if leg.media and leg.media.address == sender:
                self._by_sender[sender] = leg
                return leg
        return None

    def end(self) -> None:
        """No more calls: give the socket back."""
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()


async def keep_speaking(legs: list[Leg]) -> None:
    """Every 20 ms of absolute time, let each call that is up speak. What has ended is taken off the list.

    Phones are not in step with each other: the calls are spread over the 20 ms.
    """
    began, tick = time.monotonic(), 0
    while True:
        tick += 1
        late = time.monotonic() - (began + tick * TICK_S / _SLOTS)
        if late > 1:  # the machine slept: do not send a second of sound at once
            began, tick = time.monotonic(), 0
        await asyncio.sleep(max(0.0, -late))
        turn, slot = divmod(tick, _SLOTS)
        if slot == 0:
            legs[:] = [leg for leg in legs if leg.state is not State.ENDED]
        for leg in legs:
            if leg.number % _SLOTS == slot and (leg.keeps or _crowd_speaks(leg, turn)):
                leg.speak(time.monotonic())


def _crowd_speaks(leg: Leg, turn: int) -> bool:
    """Asterisk's Answer() waits half a second for a first packet, and its rtp_timeout counts from the last."""
    return not leg.voice.sequence or bool(leg.voice.keys) or (turn + leg.number) % _CROWD_TURNS == 0
