"""One phone on the network: its SIP socket, its transactions, and what it does when it is rung.

Law: asyncio, in the thread of the rig's loop only; `phones.py` is the side that tests use. Loopback UDP, so nothing is
repeated but requests that nobody has answered yet.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from . import sip
from .leg import Leg, State
from .sip import Address, Headers, Message

ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REFER, NOTIFY, UPDATE")
_FIRST_WAIT_S = 0.5  # T1 of RFC 3261, doubled at each repeat
_LAST_WAIT_S = 8.0


@dataclass(frozen=True)
class Answer:
    """Ring for so long, then answer; then say this (mu-law; silence when empty), once or over and over."""

    after_ms: int = 0
    says: bytes = b""
    repeats: bool = False


@dataclass(frozen=True)
class Ring:
    """Ring until the test answers or refuses, or for ever."""


@dataclass(frozen=True)
class Reject:
    """Refuse at once: 486 busy, 603 declined, 404 not found, 503 unavailable ..."""

    code: int = 486


@dataclass(frozen=True)
class Mute:
    """Do not reply at all, as a host that is not there."""


Behaviour = Answer | Ring | Reject | Mute


class Station(asyncio.DatagramProtocol):
    """The SIP side of one phone. `lines` is how many calls it takes before it is engaged (486)."""

    def __init__(self, name: str, server: Address, secret: str, behaviour: Behaviour, lines: int) -> None:
        self.name = name
        self.server = server
        self.secret = secret
        self.behaviour = behaviour
        self.lines = lines
        self.powered = True
        self.port = 0
        self.legs: dict[str, Leg] = {}
        self.rung: list[Leg] = []  # the calls that came in, in order
        self.log: deque[tuple[float, str, str]] = deque(maxlen=2000)  # when, whose (Call-ID), what
        self.make_leg: Callable[[Station, str, bool], Leg]
        self._asked: dict[str, asyncio.Queue[Message]] = {}
        self._replied: deque[tuple[str, Message]] = deque(maxlen=64)
        self._registration = (random.randbytes(8).hex(), 0)
        self._transport: asyncio.DatagramTransport
        self._tasks: set[asyncio.Task[object]] = set()

    # The socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        # A keep-alive is two line ends. RTCP goes to the port after a call's, whosever that is; SIP has no such bytes.
        if not self.powered or len(data) <= 4 or data[0] & 0x80:
            return
        message = Message.parse(data)
        self._note("<", message)
        if message.code:
            self._response(message)
        else:
            self._request(message, addr)

    def send(self, message: Message, to: Address) -> None:
        if self.powered:
            self._note(">", message)
            self._transport.sendto(message.encode(), to)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._transport.close()

    def _note(self, way: str, message: Message) -> None:
        line = f"{message.start}  [{message.get('CSeq')}]"
        for name in ("Reason", "Refer-To"):
            line += f"  {name}: {message.get(name)}" if message.get(name) else ""
        if message.method == "NOTIFY" and not message.code:
            line += f"  {message.body.strip()}"
        self.log.append((time.monotonic(), message.get("Call-ID"), f"{way} {line}"))

    def later(self, work: asyncio.Task[object]) -> None:
        """Keep a task from being collected, and end it with the phone."""
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    # Asking

    def new_branch(self) -> str:
        return f"z9hG4bK{random.randbytes(8).hex()}"

    def via(self, branch: str) -> tuple[str, str]:
        return ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch={branch}")

    @property
    def contact(self) -> str:
        return f"<sip:{self.name}@127.0.0.1:{self.port}>"

    async def ask(self, request: Message, to: Address, told: Callable[[Message], None] | None = None) -> Message | None:
        """Send a request until somebody answers; its final response, None when nobody has. `told` gets the others."""
        box: asyncio.Queue[Message] = asyncio.Queue()
        key = f"{request.branch} {request.method}"
        self._asked[key] = box
        wait: float | None = _FIRST_WAIT_S
        try:
            self.send(request, to)
            while True:
                try:
                    reply = await asyncio.wait_for(box.get(), wait)
                except TimeoutError:
                    assert wait is not None
                    wait *= 2
                    if wait > _LAST_WAIT_S:
                        return None
                    self.send(request, to)
                    continue
                if reply.code >= 200:
                    return reply
                wait = None  # it is being worked on
                if told:
                    told(reply)
        finally:
            del self._asked[key]

    def credentials(self, request: Message, refused: Message) -> Headers:
        """The header that answers a 401 or 407."""
        name = "Authorization" if refused.code == 401 else "Proxy-Authorization"
        challenge = refused.get("WWW-Authenticate" if refused.code == 401 else "Proxy-Authenticate")
        uri = request.start.split(" ")[1]
        value = sip.authorization(challenge, self.name, self.secret, request.method, uri, random.randbytes(4).hex())
        return ((name, value),)

    async def register(self, expires: int) -> int:
        """Tell the server where we are (expires 0: no longer). The final code; 0 when nobody answered."""
        uri = f"sip:{self.server[0]}:{self.server[1]}"
        us = f"<sip:{self.name}@{self.server[0]}:{self.server[1]}>"
        call_id, number = self._registration
        extra: Headers = ()
        reply: Message | None = None
        for _ in range(2):
            number += 1
            self._registration = (call_id, number)
            headers = (
                *(self.via(self.new_branch()), ("Max-Forwards", "70"), ("From", f"{us};tag={call_id[:8]}"), ("To", us)),
                *(("Call-ID", call_id), ("CSeq", f"{number} REGISTER"), ("Contact", self.contact)),
                *(("Expires", str(expires)), *extra),
            )
            request = Message(f"REGISTER {uri} SIP/2.0", headers)
            reply = await self.ask(request, self.server)
            if reply is None or reply.code not in (401, 407):
                break
            extra = self.credentials(request, reply)
        return reply.code if reply else 0

    # Being asked

    def reply(self, request: Message, code: int, to: Address, tag: str, extra: Headers = (), body: str = "") -> None:
        answer = sip.response(request, code, tag, extra, body)
        if code >= 200:
            self._replied.append((f"{request.branch} {request.method}", answer))
        self.send(answer, to)

    def _response(self, message: Message) -> None:
        if box := self._asked.get(f"{message.branch} {message.method}"):
            box.put_nowait(message)
        elif message.method == "INVITE" and message.code // 100 == 2 and message.get("Call-ID") in self.legs:
            self.legs[message.get("Call-ID")].acknowledge(message)  # our ACK was lost

    def _request(self, request: Message, sender: Address) -> None:
        for key, answer in self._replied:
            if key == f"{request.branch} {request.method}":
                self.send(answer, sender)  # a repeat
                return
        leg = self.legs.get(request.get("Call-ID"))
        if leg:
            leg.request(request, sender)
        elif request.method == "INVITE":
            self._rung(request, sender)
        elif request.method == "OPTIONS":
            self.reply(request, 200, sender, "options", (ALLOW,))
        elif request.method == "NOTIFY":
            self.reply(request, 200, sender, "notify")
        elif request.method != "ACK":
            self.reply(request, 481, sender, "none")

    def _rung(self, request: Message, sender: Address) -> None:
        if isinstance(self.behaviour, Mute):
            return
        leg = self.make_leg(self, request.get("Call-ID"), True)
        self.legs[leg.call_id] = leg
        leg.invited(request, sender)
        self.rung.append(leg)
        busy = sum(other.state is not State.ENDED and not other.gone for other in self.legs.values()) > self.lines
        if busy or isinstance(self.behaviour, Reject):
            leg.refuse(486 if busy or not isinstance(self.behaviour, Reject) else self.behaviour.code)
            return
        leg.ring()
        if isinstance(self.behaviour, Answer):
            self.later(asyncio.create_task(self._answer_later(leg, self.behaviour)))

    async def _answer_later(self, leg: Leg, how: Answer) -> None:
        await asyncio.sleep(how.after_ms / 1000)
        if leg.state is State.RINGING and not leg.gone:
            leg.voice.say(how.says, how.repeats)
            await leg.answer()
