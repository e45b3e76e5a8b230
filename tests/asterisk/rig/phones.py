"""Test phones: real SIP and RTP from one background thread, behind a plain facade, so that a test reads like a story.

    with Phones() as phones:
        ana = phones.add("ana", node.sip, secret="s3cret", registers=True, behaviour=Answer(after_ms=200))
        caller = phones.add("caller", node.sip).dial("700")
        caller.wait_up()
        caller.wait_hears(600)
        caller.press("1")
        talk = ana.wait_call()
        ...

Law: only the phones' thread touches stations and legs; the facade asks it to, and reads facts.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Coroutine, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Literal, TypeVar

from . import sip
from .call import PATIENCE_S, Call, until
from .leg import Leg, Sockets, State
from .rtp import OwnSockets, SharedSocket, keep_speaking
from .sip import Address
from .station import Behaviour, Ring, Station

T = TypeVar("T")


class Phones:
    """All phones of a test, in one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="phones", daemon=True)
        self._stations: list[Station] = []
        self._legs: list[Leg] = []  # all that may speak
        self._own, self._crowd, self._deaf = OwnSockets(), SharedSocket(), SharedSocket(listens=False)
        self._numbers = count()
        self._faults: list[str] = []

    def __enter__(self) -> Phones:
        self._loop.set_exception_handler(lambda _, context: self._faults.append(repr(context)))
        self._thread.start()
        asyncio.run_coroutine_threadsafe(keep_speaking(self._legs), self._loop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._hang_up_all())
        self.run(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()
        if self._faults:
            raise AssertionError("a test phone failed: " + "; ".join(self._faults)) from error

    def add(
        self,
        name: str,
        server: Address,
        *,
        secret: str = "",
        registers: bool = False,
        behaviour: Behaviour | None = None,
        lines: int = 1,
        media: Literal["full", "sink", "deaf"] = "full",
    ) -> Phone:
        """A phone of that name (its SIP user), whose calls go to `server`; it registers there when asked to.

        behaviour: what it does when it is rung (Ring: the test decides). lines: calls at once, then 486. media "sink":
        only counts the frames it gets and hardly sends any, for crowds of calls; such a call hears nothing. "deaf": the
        same and nothing is counted, for crowds that are to cost nothing.
        """
        station = Station(name, server, secret, behaviour or Ring(), lines)
        sockets: Sockets = self._own if media == "full" else self._crowd if media == "sink" else self._deaf
        keeps = media == "full"

        def make_leg(of: Station, call_id: str, incoming: bool) -> Leg:
            leg = Leg(of, call_id, next(self._numbers), incoming, sockets, keeps)
            self._legs.append(leg)
            return leg

        station.make_leg = make_leg
        self.run(self._open(station))
        self._stations.append(station)
        phone = Phone(self, station)
        if registers:
            phone.register()
        return phone

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the phones' thread and wait for the result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _open(self, station: Station) -> None:
        await self._loop.create_datagram_endpoint(lambda: station, local_addr=("127.0.0.1", 0))

    async def _hang_up_all(self) -> None:
        """Leave no call behind on the server, as far as it still answers."""
        ends = [leg.hang_up() for leg in self._legs if leg.state is not State.ENDED and not leg.gone]
        if ends:
            await asyncio.wait([asyncio.ensure_future(end) for end in ends], timeout=1)
        for station in self._stations:
            station.close()
        for leg in self._legs:
            self._own.close(leg)
        self._crowd.end()
        self._deaf.end()

    async def _end_all(self) -> None:
        """End what still waits for something, as an answer to a BYE: with the loop goes what it would be told by."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Phone:
    """One phone: it dials, and it is rung."""

    def __init__(self, phones: Phones, station: Station) -> None:
        self._phones = phones
        self._station = station
        self._taken = 0

    @property
    def name(self) -> str:
        return self._station.name

    @property
    def port(self) -> int:
        """Where it takes SIP, on 127.0.0.1: for a static contact."""
        return self._station.port

    def behave(self, behaviour: Behaviour) -> None:
        """From now on, when rung."""
        self._station.behaviour = behaviour

    def register(self, expires_s: int = 300) -> None:
        """Tell the server where this phone is. AssertionError when it does not accept that."""
        code = self._phones.run(self._station.register(expires_s))
        assert code == 200, f"{self.name} could not register: {code or 'no answer'}\n{self.log()}"

    def keep_registered(self, every_s: float) -> None:
        """Register again and again, as desk phones do; so a server that lost its registrations finds this one again."""

        async def again() -> None:
            while True:
                await asyncio.sleep(every_s)
                await self._station.register(300)

        async def begin() -> None:
            self._station.later(asyncio.create_task(again()))

        self._phones.run(begin())

    def unregister(self) -> None:
        self.register(0)

    def dial(
        self,
        number: str,
        *,
        display_name: str = "",
        from_user: str = "",
        to: str = "",
        extra_headers: Mapping[str, str] | None = None,
    ) -> Call:
        """Begin a call to that extension. `from_user` is the number shown, the phone's name unless given. `to`: the header To,
        where it says something else than the request."""
        station = self._station
        host, port = station.server
        us = f"<sip:{from_user or self.name}@127.0.0.1:{station.port}>"
        us = f"{sip.quoted(display_name)} {us}" if display_name else us

        async def begin() -> Leg:
            leg = station.make_leg(station, random.randbytes(12).hex(), False)
            station.legs[leg.call_id] = leg
            station.later(asyncio.create_task(leg.call(f"sip:{number}@{host}:{port}", us, extra_headers or {}, to)))
            return leg

        return Call(self._phones.run, self, self._phones.run(begin()))

    def calls(self) -> list[Call]:
        """All calls that came in so far, in order, refused ones too."""
        return [Call(self._phones.run, self, leg) for leg in list(self._station.rung)]

    def wait_call(self, patience_s: float = PATIENCE_S) -> Call:
        """The next incoming call that no `wait_call` has given yet."""
        until(lambda: len(self._station.rung) > self._taken, f"{self.name} is rung", self.log, patience_s)
        self._taken += 1
        return self.calls()[self._taken - 1]

    def power_off(self) -> None:
        """Lose power: from now on nothing is sent and nothing answered; the calls are gone, without a word."""

        async def off() -> None:
            self._station.powered = False
            for leg in self._station.legs.values():
                leg.gone = True

        self._phones.run(off())

    def power_on(self) -> None:
        """Power is back; the calls are not. Register again if it had been registered."""

        async def on() -> None:
            self._station.legs.clear()
            self._station.powered = True

        self._phones.run(on())

    def log(self, call_id: str = "") -> str:
        """What it sent and got (in one call), for people."""
        lines = [(at, line) for at, whose, line in list(self._station.log) if call_id in ("", whose)]
        return "\n".join(f"  {at:.3f} {self.name} {line}" for at, line in lines)
