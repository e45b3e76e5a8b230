"""One call of one phone: its dialog, its RTP, its state.

Law: calling -> ringing -> up -> ended, and never back; asyncio, in the thread of the rig's loop only. The facts (state,
times, `end`, the ear) are plain attributes that the test's thread reads.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from . import sip
from .sip import Address, Headers, Media, Message
from .voice import Ear, Voice

if TYPE_CHECKING:
    from .station import Station


class State(StrEnum):
    CALLING = "calling"
    RINGING = "ringing"
    UP = "up"
    ENDED = "ended"


@dataclass(frozen=True)
class End:
    """How a call ended. by: us or them; how: bye, rejected, cancelled or unanswered (nobody replied at all).

    `code` is the SIP response that ended it (0 with a BYE), `cause` the Q.850 cause when one was given, `at` monotonic
    seconds: when the BYE was sent or came.
    """

    by: str
    how: str
    at: float
    code: int = 0
    cause: int | None = None
    reason: str = ""


class Sockets(Protocol):
    """Where legs get their RTP: `open` gives a port, `send` sends from it, what arrives goes to `leg.sound`."""

    async def open(self, leg: Leg) -> int: ...
    def send(self, leg: Leg, packet: bytes, to: Address) -> None: ...
    def close(self, leg: Leg) -> None: ...


class Leg:
    """One call. `gone` is a phone that has lost its power or its network: it sends nothing and takes nothing."""

    def __init__(
        self, station: Station, call_id: str, number: int, incoming: bool, sockets: Sockets, keeps: bool
    ) -> None:
        self.station = station
        self.number = number
        self.call_id = call_id
        self.incoming = incoming
        self.keeps = keeps
        self.state = State.CALLING
        self.gone = False
        self.held = False
        self.began_at = time.monotonic()
        self.ringing_at = self.up_at = 0.0
        self.end: End | None = None
        self.voice = Voice(random.getrandbits(32))
        self.ear = Ear(keeps)
        self.media: Media | None = None
        self.transfer: list[int] = []  # the codes that NOTIFY brought after a REFER
        self.invite: Message | None = None
        self._sockets = sockets
        self._port = 0
        self._tag = random.randbytes(6).hex()
        self._peer_tag = ""
        self._us = self._them = self._target = ""
        self._to: Address = station.server
        self._cseq = 0
        self._given_up = False
        self._version = 0

    # Calling

    async def call(self, uri: str, us: str, extra: Mapping[str, str], to: str = "") -> None:
        """Invite, and carry it through to up or ended."""
        self._port = await self._sockets.open(self)
        self._us, self._them, self._target = us, to or f"<{uri}>", uri
        headers: Headers = (("Contact", self.station.contact), *extra.items())
        reply = await self._invite("sendrecv", headers, self._progress)
        if reply is None:
            self._ended(End("them", "unanswered", time.monotonic()))
        elif reply.code // 100 != 2:
            how = "cancelled" if reply.code == 487 else "rejected"
            by = "us" if reply.code == 487 else "them"
            self._ended(End(by, how, time.monotonic(), reply.code, reply.cause(), reply.get("Reason")))
        else:
            self._peer_tag, self._target = reply.tag("To"), reply.target()
            self.acknowledge(reply)
            self._up(reply)
            if self._given_up:  # the answer and our CANCEL crossed
                await self.hang_up()

    async def _invite(
        self, direction: str, headers: Headers, told: Callable[[Message], None] | None = None
    ) -> Message | None:
        """An INVITE or re-INVITE, once more with credentials when they are asked for. What failed is acknowledged."""
        extra: Headers = ()
        reply: Message | None = None
        for _ in range(2):
            self._version += 1
            sdp = sip.offer(self._port, self._version, direction)
            typed = (("Content-Type", "application/sdp"),)
            request = self._message("INVITE", (*headers, *extra, *typed), sdp)
            if self.state is not State.UP:  # then it is what begins the call, and what a CANCEL names
                self.invite = request
            reply = await self.station.ask(request, self._to, told)
            if reply is not None and reply.code >= 300:
                self._refused(request, reply)
            if reply is None or reply.code not in (401, 407):
                break
            extra = self.station.credentials(request, reply)
        return reply

    def _refused(self, request: Message, reply: Message) -> None:
        """The ACK of a failed INVITE belongs to its transaction."""
        same = tuple((name, request.get(name)) for name in ("Via", "From", "Call-ID", "Max-Forwards"))
        rest = (("To", reply.get("To")), ("CSeq", f"{request.cseq} ACK"))
        self.station.send(Message(request.start.replace("INVITE", "ACK", 1), (*same, *rest)), self._to)

    def _progress(self, reply: Message) -> None:
        if reply.code >= 180 and self.state is State.CALLING:
            self.state, self.ringing_at = State.RINGING, time.monotonic()
        if reply.body:
            self.media = sip.media(reply.body) or self.media

    def acknowledge(self, reply: Message) -> None:
        """The ACK of a 2xx."""
        self.station.send(self._message("ACK", (), number=reply.cseq), self._to)

    def _up(self, message: Message) -> None:
        self.media = sip.media(message.body) or self.media
        self.state, self.up_at = State.UP, time.monotonic()

    def _message(self, method: str, headers: Headers, body: str = "", number: int = 0) -> Message:
        """A request of this dialog."""
        if not number:
            self._cseq += 1
            number = self._cseq
        to = self._them + (f";tag={self._peer_tag}" if self._peer_tag else "")
        common = (
            *(self.station.via(self.station.new_branch()), ("Max-Forwards", "70")),
            *(("From", f"{self._us};tag={self._tag}"), ("To", to)),
            *(("Call-ID", self.call_id), ("CSeq", f"{number} {method}"), ("User-Agent", "Retorno test phone")),
        )
        return Message(f"{method} {self._target} SIP/2.0", (*common, *headers), body)

    async def ask(self, method: str, headers: Headers = (), body: str = "") -> int:
        """A request inside the call; its final code, 0 when nobody answered."""
        request = self._message(method, headers, body)
        reply = await self.station.ask(request, self._to)
        if reply and reply.code in (401, 407):
            request = self._message(method, (*headers, *self.station.credentials(request, reply)), body)
            reply = await self.station.ask(request, self._to)
        return reply.code if reply else 0

    # Being called

    def invited(self, request: Message, sender: Address) -> None:
        self.invite, self._to = request, sender
        self._us, self._them = request.get("To"), request.get("From").split(";tag=")[0]
        self._peer_tag, self._target = request.tag("From"), request.target()
        self.media = sip.media(request.body)

    def ring(self) -> None:
        assert self.invite
        self.state, self.ringing_at = State.RINGING, time.monotonic()
        self.station.reply(self.invite, 180, self._to, self._tag, (("Contact", self.station.contact),))

    async def answer(self) -> None:
        assert self.invite
        self._port = await self._sockets.open(self)
        self._accept(self.invite, "sendrecv")
        self._up(self.invite)

    def _accept(self, request: Message, direction: str) -> None:
        self._version += 1
        headers = (("Contact", self.station.contact), ("Content-Type", "application/sdp"))
        sdp = sip.offer(self._port, self._version, direction)
        self.station.reply(request, 200, self._to, self._tag, headers, sdp)

    def refuse(self, code: int, headers: Headers = ()) -> None:
        assert self.invite
        self.station.reply(self.invite, code, self._to, self._tag, headers)
        self._ended(End("us", "rejected", time.monotonic(), code))

    def request(self, request: Message, sender: Address) -> None:
        """A request of the other side in this call."""
        if self.gone or request.method == "ACK":
            return
        if request.method == "INVITE":
            if not (self.invite and request.branch == self.invite.branch):  # a repeat: it is being worked on
                self._reinvited(request)
            return
        self.station.reply(request, 200, sender, self._tag)
        if request.method == "BYE":
            self._ended(End("them", "bye", time.monotonic(), 0, request.cause(), request.get("Reason")))
        elif request.method == "CANCEL" and self.state is not State.UP and self.invite:
            self.station.reply(self.invite, 487, sender, self._tag)
            self._ended(End("them", "cancelled", time.monotonic(), 487, request.cause(), request.get("Reason")))
        elif request.method == "NOTIFY" and request.body.startswith("SIP/2.0 "):
            self.transfer.append(int(request.body.split(" ")[1]))

    def _reinvited(self, request: Message) -> None:
        self.media = sip.media(request.body) or self.media
        theirs = self.media.direction if self.media else "sendrecv"
        mirrored = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(theirs, theirs)
        self._accept(request, mirrored)

    # In the call, and its end

    async def hold(self, held: bool) -> int:
        """Put the other side on hold, or take it back. The final code."""
        reply = await self._invite("sendonly" if held else "sendrecv", (("Contact", self.station.contact),))
        if reply and reply.code // 100 == 2:
            self.acknowledge(reply)
            self.media = sip.media(reply.body) or self.media
            self.held = held
        return reply.code if reply else 0

    def replaces(self) -> str:
        """The call that an attended transfer puts its own in place of, as the other side names it."""
        return f"{self._target}?Replaces={self.call_id}%3Bto-tag%3D{self._peer_tag}%3Bfrom-tag%3D{self._tag}"

    async def hang_up(self) -> None:
        """BYE, CANCEL or 603, as the state asks for. Nothing when it has ended already."""
        if self.state is State.UP:
            self._ended(End("us", "bye", time.monotonic()))
            await self.ask("BYE")
        elif self.state is not State.ENDED and self.incoming:
            self.refuse(603)
        elif self.state is not State.ENDED and self.invite:
            self._given_up = True
            same = tuple((name, self.invite.get(name)) for name in ("Via", "From", "To", "Call-ID", "Max-Forwards"))
            headers = (*same, ("CSeq", f"{self.invite.cseq} CANCEL"))
            request = Message(self.invite.start.replace("INVITE", "CANCEL", 1), headers)
            await self.station.ask(request, self._to)

    def _ended(self, end: End) -> None:
        if self.state is not State.ENDED:
            self._sockets.close(self)
            self.end = end
            self.state = State.ENDED

    # Sound

    def sound(self, data: bytes, sender: Address) -> None:
        """One packet has come for this call. A stray one of a port's former owner is left."""
        if not self.gone and self.station.powered and (self.media is None or sender == self.media.address):
            self.ear.packet(data, time.monotonic(), 101)

    def speak(self, now: float) -> None:
        """Send what this 20 ms has. A phone on hold sends nothing, as desk phones do."""
        if self.state is State.UP and self.media and not (self.gone or self.held) and self.station.powered:
            for packet in self.voice.packets(now, self.media.keys):
                self._sockets.send(self, packet, self.media.address)
