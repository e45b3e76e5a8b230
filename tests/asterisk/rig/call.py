"""One call of a test phone, as a test sees it: what its user does, what it hears, how it ended.

Law: every wait polls for a fact, has one patience (20 s), and fails with what the phone sent, got and heard. Times are
monotonic seconds. Facts are read here; whatever changes something is done in the phones' thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from . import sound
from .leg import End, Leg, State
from .sip import Address

if TYPE_CHECKING:
    from .phones import Phone

PATIENCE_S = 20.0
_JUST_NOW_S = 0.1


class Call:
    """One call of a phone. What is said and heard is heard from this phone's side."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any], phone: Phone, leg: Leg) -> None:
        self._run = run  # does it in the phones' thread
        self._leg = leg
        self.phone = phone

    # What it is

    @property
    def state(self) -> State:
        return self._leg.state

    @property
    def up(self) -> bool:
        return self._leg.state is State.UP

    @property
    def ended(self) -> End | None:
        """How it ended; None while it has not."""
        return self._leg.end

    @property
    def began_at(self) -> float:
        """When the INVITE was sent or came."""
        return self._leg.began_at

    @property
    def at(self) -> Address:
        """The server at the other end."""
        return self._leg._to

    @property
    def ringing_at(self) -> float:
        return self._leg.ringing_at

    @property
    def up_at(self) -> float:
        return self._leg.up_at

    def shown(self, header: str = "From") -> str:
        """A header of the INVITE: what an incoming call shows of its caller."""
        return self._leg.invite.get(header) if self._leg.invite else ""

    def wait_ringing(self) -> Call:
        return self._wait(lambda: self.state is not State.CALLING, "it rings")

    def wait_up(self) -> Call:
        self._wait(lambda: self.up or self.ended, "the call is up")
        assert self.up, self._told("the call is up")
        return self

    def wait_ended(self, patience_s: float = PATIENCE_S) -> End:
        self._wait(lambda: self.ended, "the call has ended", patience_s)
        assert self.ended
        return self.ended

    # What the phone's user does

    def answer(self) -> Call:
        self._run(self._leg.answer())
        return self

    def reject(self, code: int = 486) -> None:
        async def refuse() -> None:
            self._leg.refuse(code)

        self._run(refuse())

    def divert(self, to: str) -> None:
        """302: whoever calls is asked to call `to` (a SIP address) instead."""

        async def refuse() -> None:
            self._leg.refuse(302, (("Contact", f"<{to}>"),))

        self._run(refuse())

    def hang_up(self) -> None:
        """BYE; CANCEL or 603 before it is up. It has left when this returns; `ended.at` is when."""

        async def begin() -> None:
            self._leg.station.later(asyncio.create_task(self._leg.hang_up()))
            await asyncio.sleep(0)  # so far that it was sent

        self._run(begin())

    def press(self, keys: str, by: Literal["rtp", "info"] = "rtp", wait: bool = True) -> float:
        """Press keys, as RFC 4733 events (100 ms each, 60 ms apart) or by SIP INFO.

        When the last one's end left the phone; with wait=False this returns at once, and `pressed` will have the times.
        """
        if by == "info":
            for key in keys:
                headers = (("Content-Type", "application/dtmf-relay"),)
                code = self._run(self._leg.ask("INFO", headers, f"Signal={key}\r\nDuration=160\r\n"))
                assert code == 200, self._told(f"INFO for a key is taken, not {code}")
                self._leg.voice.pressed.append((key, time.monotonic()))
            return time.monotonic()
        before = len(self.pressed)
        self._leg.voice.keys.extend(keys)
        if wait:
            self._wait(lambda: len(self.pressed) >= before + len(keys), f"the keys {keys} are pressed")
            return self.pressed[before + len(keys) - 1][1]
        return time.monotonic()

    def info(self, body: str) -> int:
        """Any SIP INFO about keys; the code that it is answered with."""
        code: int = self._run(self._leg.ask("INFO", (("Content-Type", "application/dtmf-relay"),), body))
        return code

    @property
    def pressed(self) -> Sequence[tuple[str, float]]:
        """The keys pressed so far, and when the end of each left the phone."""
        return self._leg.voice.pressed

    def say(self, what: int | float | Path | str | bytes, repeats: bool = True) -> None:
        """Speak: a tone of so many Hz, a .ulaw file, or mu-law bytes; over and over unless told otherwise."""
        ulaw = sound.tone(what, 1.0) if isinstance(what, int | float) else sound.recording(what)
        self._leg.voice.say(ulaw, repeats)

    def hush(self) -> None:
        """Stop speaking: silence is sent."""
        self._leg.voice.say(b"", False)

    def hold(self) -> None:
        """Hold, as a desk phone does: re-INVITE sendonly, then no more RTP."""
        code = self._run(self._leg.hold(True))
        assert code == 200, self._told(f"hold is accepted, not {code}")

    def resume(self) -> None:
        code = self._run(self._leg.hold(False))
        assert code == 200, self._told(f"resume is accepted, not {code}")

    def refer(self, number: str) -> None:
        """Blind transfer: send the other side there. The outcome comes as `transfer`."""
        host, port = self._leg.station.server
        self._refer(f"<sip:{number}@{host}:{port}>")

    def refer_attended(self, other: Call) -> None:
        """Attended transfer: put the other side of this call together with the other side of `other`."""
        self._refer(f"<{other._leg.replaces()}>")

    def ask_refer(self, number: str) -> int:
        """As `refer`, where it may be refused: the code."""
        host, port = self._leg.station.server
        return self._asked_to_refer(f"<sip:{number}@{host}:{port}>")

    def _refer(self, where: str) -> None:
        code = self._asked_to_refer(where)
        assert code == 202, self._told(f"REFER is accepted, not {code}")

    def _asked_to_refer(self, where: str) -> int:
        referred = ("Referred-By", f"<sip:{self.phone.name}@127.0.0.1>")
        contact = ("Contact", self._leg.station.contact)
        code: int = self._run(self._leg.ask("REFER", (contact, ("Refer-To", where), referred)))
        return code

    @property
    def transfer(self) -> Sequence[int]:
        """The codes that the server told of a transfer: 100 ... 200, or why not."""
        return self._leg.transfer

    def wait_transferred(self) -> int:
        """The final code of a transfer."""
        self._wait(lambda: any(code >= 200 for code in self.transfer), "the transfer has an outcome")
        return next(code for code in self.transfer if code >= 200)

    def vanish(self) -> None:
        """This call's network is cut: no RTP, no SIP, no BYE."""
        self._leg.gone = True

    def come_back(self) -> None:
        """The network is back, and the phone believes that the call is still up."""
        self._leg.gone = False

    # What it hears

    def hears(self, hertz: float) -> bool:
        """Whether it hears that tone just now: in the latest 60 ms, and they are fresh."""
        return self._leg.ear.hears(hertz, time.monotonic() - _JUST_NOW_S)

    def wait_hears(self, hertz: float, after: float | None = None, patience_s: float = PATIENCE_S) -> float:
        """Wait until the tone is heard (60 ms on end) after that moment, now unless given; when it was first heard.

        Give the moment (what `press` returned, `began_at`) where the tone may be over before a slow test listens.
        """
        since = time.monotonic() if after is None else after
        what = f"{hertz} Hz is heard"
        self._wait(lambda: self.first_heard(hertz, since) is not None or self.ended, what, patience_s)
        found = self.first_heard(hertz, since)
        assert found is not None, self._told(f"{what} before the call ends")
        return found

    def first_heard(self, hertz: float, after: float = 0.0) -> float | None:
        """When that tone was first heard after that moment: the arrival of its first frame."""
        return self._leg.ear.first(hertz, after)

    def silent(self, for_ms: int = 500) -> bool:
        """Whether nothing was heard for so long (no sound, or no packets at all)."""
        return self._leg.ear.silent_since(time.monotonic() - for_ms / 1000)

    def wait_silent(self, for_ms: int = 500) -> None:
        """Wait until nothing was heard for so long, counted from now at the earliest."""
        began = time.monotonic()
        self._wait(lambda: time.monotonic() - began > for_ms / 1000 and self.silent(for_ms), f"{for_ms} ms of silence")

    def wait_more(self, seconds: float) -> None:
        """Wait until so much more sound (or silence) has come, counted in frames: what is not heard by then is not to be heard."""
        frames = self.frames + round(seconds * 50)
        self._wait(lambda: self.frames >= frames, f"{seconds} s more of sound")

    def heard(self) -> list[tuple[int, float, float]]:
        """All that was heard: (Hz, 0 when it is no tone; from; to), silence left out."""
        return self._leg.ear.runs()

    def heard_when_due(self) -> list[tuple[int, float, float]]:
        """As `heard`, but when each frame was due by the sender's clock: a break in it is the sender's, not this machine's."""
        return self._leg.ear.runs(self._leg.ear.due())

    def tones(self) -> list[int]:
        """The tones that were heard for more than a moment, in order, each once in a row."""
        found = [hertz for hertz, since, to in self.heard() if to - since > 0.1]
        return [hertz for at, hertz in enumerate(found) if at == 0 or found[at - 1] != hertz]

    def gaps(self) -> list[float]:
        """Seconds between the arrivals of frames."""
        return self._leg.ear.gaps()

    @property
    def frames(self) -> int:
        """How many frames of sound arrived; a sink has this and `worst_gap` only."""
        return self._leg.ear.count

    @property
    def worst_gap(self) -> float:
        """The longest wait between two frames, in seconds."""
        return self._leg.ear.worst_gap

    @property
    def digits(self) -> str:
        """The keys that the other side pressed, as RFC 4733 events."""
        return "".join(key for key, _ in self._leg.ear.digits)

    def received_ulaw(self, after: float = 0.0) -> bytes:
        """All sound received after that moment."""
        return self._leg.ear.ulaw(after)

    def matches(self, recording: Path | str | bytes, after: float = 0.0, seconds: float | None = None) -> bool:
        """Whether that .ulaw recording was heard after that moment: all of it, or its first seconds."""
        wanted = sound.recording(recording)
        if seconds is not None:
            wanted = wanted[: round(seconds * sound.RATE)]
        return sound.likeness(self.received_ulaw(after), wanted) > 0.8

    def wait_matches(
        self,
        recording: Path | str | bytes,
        after: float = 0.0,
        seconds: float | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Wait until that recording was heard."""
        what = f"the recording {recording if not isinstance(recording, bytes) else ''} is heard"
        self._wait(lambda: self.matches(recording, after, seconds) or self.ended, what, patience_s, 0.1)
        assert self.matches(recording, after, seconds), self._told(f"{what} before the call ends")

    # Waiting

    def _wait(
        self, fact: Callable[[], object], what: str, patience_s: float = PATIENCE_S, every_s: float = 0.01
    ) -> Call:
        until(fact, what, lambda: self._told(what), patience_s, every_s)
        return self

    def _told(self, what: str) -> str:
        heard = "\n".join(
            f"  {hertz or 'sound'} from {since:.3f} to {to:.3f}" for hertz, since, to in self.heard()[-20:]
        )
        end = f", {self.ended}" if self.ended else ""
        frames = f"{self.frames} frames" + (f", the last at {self._leg.ear.last:.3f}" if self.frames else "")
        now = f"now {time.monotonic():.3f}"
        return f"{what}: {self.phone.name} is {self.state}{end}; {now}; {frames}\n{heard}\n{self.phone.log(self._leg.call_id)}"


def until(
    fact: Callable[[], object],
    what: str,
    told: Callable[[], str] = str,
    patience_s: float = PATIENCE_S,
    every_s: float = 0.01,
) -> None:
    """Poll until the fact holds; AssertionError with `told()` when it does not in time."""
    end = time.monotonic() + patience_s
    while not fact():
        if time.monotonic() > end:
            raise AssertionError(f"not in {patience_s:g} s: {what}\n{told()}")
        time.sleep(every_s)
