"""What every phone network must do for us: one suite over the Provider port and the webhooks that answer it.

A provider takes part by a class that inherits `ProviderContract` and a fixture `far` that gives a `FarEnd`. The far end is real:
HTTP (or what the provider speaks) both ways, and time of its own; so a test polls for facts.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from waiting import until

from ivr.calls import Reply
from ivr.inputs import Input, Machine, Outcome
from ivr.instructions import Hangup, Hold, Instruction
from ivr.ports import CallState, Found, Gone, Listening, Outgoing, Provider, Refused, Unsure

PATIENCE_S = 20.0
MUSIC = Hold((), "default", 600_000)


@dataclass
class Desk:
    """Our side of the webhooks, in place of `ivr.calls.Calls`: writes down what comes and keeps everybody on hold."""

    heard: list[tuple[str, ...]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _note(self, *what: str) -> None:
        with self.lock:
            self.heard.append(what)

    def _reply(self, call: str, turn: int, instruction: Instruction = MUSIC) -> Reply:
        return Reply(call, turn, instruction)

    def incoming(self, call: str, number: str, called: str) -> Reply:
        self._note("incoming", call, number, called)
        return self._reply(call, 1)

    def answered(self, call: str, machine: Machine | None = None) -> Reply:
        self._note("answered", call)
        return self._reply(call, 1)

    def wake(self, call: str, turn: int, given: Input) -> Reply:
        self._note("wake", call, str(turn), type(given).__name__)
        return self._reply(call, turn + 1, Hangup(()))

    def joined(self, call: str, attempt: str) -> Reply:
        self._note("joined", call, attempt)
        return self._reply(call, 2)

    def transferred(self, call: str, turn: int, to: str) -> Reply:
        self._note("transferred", call, to)
        return self._reply(call, 3)

    def records(self, call: str) -> int | None:
        return None

    def ended(self, call: str, outcome: Outcome) -> None:
        self._note("ended", call, outcome)

    def incoming_calls(self) -> list[str]:
        with self.lock:
            return [about for kind, about, *_ in self.heard if kind == "incoming"]

    def of(self, call: str) -> list[tuple[str, ...]]:
        """What was heard of this call, without its id."""
        with self.lock:
            return [(kind, *rest) for kind, about, *rest in self.heard if about == call]


class FarEnd(Protocol):
    """A network to hold the contract against."""

    provider: Provider
    desk: Desk

    def phone(self, kind: str) -> str:
        """The address of a telephone that `answers` at once, is `busy`, or `rings` unanswered; or of none (`unknown`)."""
        ...

    def comes_in(self, number: str, called: str) -> str:
        """A person calls `called` from `number`; the id that the network gives to this call, which our webhook has heard."""
        ...

    def puts_down(self, call: str) -> None:
        """The person at the other end hangs up."""
        ...

    def stop(self) -> None:
        """The network is gone: it answers nothing any more."""
        ...


def found(far: FarEnd, call: str) -> Found | None:
    """What the network knows of a call; None while it is not sure."""
    try:
        return far.provider.find(call)
    except Unsure:
        return None


class ProviderContract:
    """The tests. `far` is a fixture of the provider's."""

    def ring(self, far: FarEnd, kind: str, call: str = "t1-a", ring_ms: int = 15_000) -> str:
        far.provider.originate(Outgoing(call, far.phone(kind), "", ring_ms))
        return call

    def up(self, far: FarEnd, call: str = "t1-a") -> str:
        """A call that was answered and holds."""
        self.ring(far, "answers", call)
        until(lambda: far.desk.of(call) == [("answered",)], "the answer")
        assert far.provider.find(call) == Found(CallState.UP)
        return call

    def over(self, far: FarEnd, call: str, outcome: Outcome) -> None:
        """The end was told, and whoever asks is told the same; for a moment he may be told that it is not sure yet."""
        until(lambda: far.desk.of(call)[-1:] == [("ended", outcome)], f"the end, {outcome}: {far.desk.of(call)}")
        until(lambda: found(far, call) is not None, "the end is known")
        assert found(far, call) == Found(CallState.ENDED, outcome)

    def test_an_answered_call_wakes_our_webhook_once_and_tells_its_end_once(self, far: FarEnd) -> None:
        call = self.up(far)
        far.puts_down(call)
        self.over(far, call, Outcome.ANSWERED)
        assert far.desk.of(call) == [("answered",), ("ended", "answered")]

    def test_a_phone_that_rings_is_found_ringing(self, far: FarEnd) -> None:
        call = self.ring(far, "rings")
        assert far.provider.find(call) == Found(CallState.RINGING)
        assert far.desk.of(call) == []

    @pytest.mark.parametrize(("kind", "outcome"), [("busy", Outcome.BUSY), ("rings", Outcome.NO_ANSWER)])
    def test_a_phone_that_nobody_answers_tells_why(self, far: FarEnd, kind: str, outcome: Outcome) -> None:
        call = self.ring(far, kind, ring_ms=300)
        self.over(far, call, outcome)
        assert far.desk.of(call) == [("ended", outcome)], "and never asked what to do"

    def test_an_address_without_a_telephone_is_refused_for_good_and_nothing_is_dialled(self, far: FarEnd) -> None:
        with pytest.raises(Refused) as refused:
            self.ring(far, "unknown")
        assert refused.value.permanent
        assert far.provider.find("t1-a") == Found(CallState.UNKNOWN)
        assert far.desk.of("t1-a") == []

    def test_the_same_call_placed_twice_rings_once(self, far: FarEnd) -> None:
        call = self.up(far)
        with pytest.raises(Refused) as refused:
            self.ring(far, "answers", call)
        assert not refused.value.permanent
        assert far.provider.find(call) == Found(CallState.UP), "the first one is not harmed"
        far.puts_down(call)
        self.over(far, call, Outcome.ANSWERED)
        assert far.desk.of(call) == [("answered",), ("ended", "answered")]

    def test_a_held_call_that_is_moved_comes_back_as_joined(self, far: FarEnd) -> None:
        call = self.up(far)
        far.provider.redirect(call, "t7")
        until(lambda: far.desk.of(call)[-1:] == [("joined", "t7")], "joined")
        assert far.provider.find(call) == Found(CallState.UP)
        far.puts_down(call)
        self.over(far, call, Outcome.ANSWERED)
        assert far.desk.of(call) == [("answered",), ("joined", "t7"), ("ended", "answered")]

    def test_moving_a_call_that_has_hung_up_is_gone(self, far: FarEnd) -> None:
        call = self.up(far)
        far.puts_down(call)
        self.over(far, call, Outcome.ANSWERED)
        with pytest.raises(Gone):
            far.provider.redirect(call, "t7")

    @pytest.mark.parametrize("call", ["t1-a", "nobody"])
    def test_moving_a_call_that_is_not_up_is_gone(self, far: FarEnd, call: str) -> None:
        self.ring(far, "rings")
        with pytest.raises(Gone):
            far.provider.redirect(call, "t7")

    def test_a_ringing_call_that_is_hung_up_is_canceled(self, far: FarEnd) -> None:
        call = self.ring(far, "rings")
        far.provider.hangup(call)
        self.over(far, call, Outcome.CANCELED)
        assert far.desk.of(call) == [("ended", "canceled")]

    def test_a_call_that_is_up_and_hung_up_was_answered(self, far: FarEnd) -> None:
        call = self.up(far)
        far.provider.hangup(call)
        self.over(far, call, Outcome.ANSWERED)

    def test_hanging_up_what_is_over_or_never_was_is_nothing(self, far: FarEnd) -> None:
        call = self.up(far)
        for _ in range(3):
            far.provider.hangup(call)
        far.provider.hangup("nobody")
        self.over(far, call, Outcome.ANSWERED)
        assert far.desk.of(call) == [("answered",), ("ended", "answered")]

    def test_a_call_that_was_hung_up_before_it_was_placed_is_never_placed(self, far: FarEnd) -> None:
        """Whoever calls it off may be quicker than whoever places it."""
        far.provider.hangup("t1-a")
        with pytest.raises(Refused) as refused:
            self.ring(far, "answers", "t1-a")
        assert not refused.value.permanent
        assert far.provider.find("t1-a") == Found(CallState.ENDED, Outcome.CANCELED)
        self.up(far, "t2-a")
        assert far.desk.of("t1-a") == [], "the phone was free all the time, and nobody hears of the other call"

    def test_a_phone_that_rang_may_be_rung_again_as_soon_as_the_first_call_is_hung_up(self, far: FarEnd) -> None:
        for number in range(5):
            call = self.ring(far, "rings", f"t{number}-a")
            far.provider.hangup(call)
        self.ring(far, "rings", "t9-a")
        assert far.provider.find("t9-a") == Found(CallState.RINGING)

    def test_a_call_that_was_never_placed_is_unknown(self, far: FarEnd) -> None:
        assert far.provider.find("nobody") == Found(CallState.UNKNOWN)

    def test_a_phone_that_is_on_a_call_is_busy(self, far: FarEnd) -> None:
        self.up(far)
        self.ring(far, "answers", "t2-a")
        self.over(far, "t2-a", Outcome.BUSY)
        assert far.provider.find("t1-a") == Found(CallState.UP)

    def test_recording_may_be_asked_for_twice_and_harms_no_call(self, far: FarEnd) -> None:
        """Stopping is always done; beginning may be refused for good by a network that begins with the talk or not at all."""
        call = self.up(far)
        for on in (True, True, False, False):
            try:
                far.provider.record(call, on)
            except Refused as refused:
                assert (on, refused.permanent) == (True, True)  # noqa: PT017 - it need not be refused
        assert far.provider.find(call) == Found(CallState.UP)

    @pytest.mark.parametrize("call", ["t1-a", "nobody"])
    def test_a_call_that_is_not_up_can_be_neither_recorded_nor_listened_to(self, far: FarEnd, call: str) -> None:
        far.provider.hangup(self.up(far))
        self.over(far, "t1-a", Outcome.ANSWERED)
        with pytest.raises(Gone):
            far.provider.record(call, True)
        with pytest.raises(Gone):
            far.provider.listen(far.phone("answers"), call, Listening.LISTEN)

    @pytest.mark.parametrize("mode", Listening)
    def test_who_listens_harms_no_call(self, far: FarEnd, mode: Listening) -> None:
        call = self.up(far)
        far.provider.listen(far.phone("rings"), call, mode)
        assert far.provider.find(call) == Found(CallState.UP)
        assert far.desk.of(call) == [("answered",)]

    def test_a_listener_without_a_telephone_is_refused_for_good(self, far: FarEnd) -> None:
        call = self.up(far)
        with pytest.raises(Refused) as refused:
            far.provider.listen(far.phone("unknown"), call, Listening.LISTEN)
        assert refused.value.permanent

    def test_a_call_that_comes_in_is_told_found_moved_and_its_end_told_once(self, far: FarEnd) -> None:
        call = far.comes_in("+5511999990001", "+551130001000")
        assert far.desk.of(call) == [("incoming", "+5511999990001", "+551130001000")]
        until(lambda: found(far, call) == Found(CallState.UP), "the call is known")
        far.provider.redirect(call, "t7")
        until(lambda: far.desk.of(call)[-1:] == [("joined", "t7")], "joined")
        far.puts_down(call)
        self.over(far, call, Outcome.ANSWERED)
        assert [kind for kind, *_ in far.desk.of(call)] == ["incoming", "joined", "ended"]

    def test_a_call_that_came_in_can_be_hung_up(self, far: FarEnd) -> None:
        call = far.comes_in("+5511999990001", "+551130001000")
        until(lambda: found(far, call) == Found(CallState.UP), "the call is known")
        far.provider.hangup(call)
        self.over(far, call, Outcome.ANSWERED)

    def test_a_call_may_be_placed_beside_another_that_is_up_or_over_or_never_was(self, far: FarEnd) -> None:
        caller = far.comes_in("+5511999990001", "+551130001000")
        until(lambda: found(far, caller) == Found(CallState.UP), "the call is known")
        for number, beside in enumerate((caller, "nobody")):
            call = f"t{number}-a"
            far.provider.originate(Outgoing(call, far.phone("answers"), "", 15_000, beside=beside))
            until(lambda call=call: far.desk.of(call) == [("answered",)], "the answer")  # type: ignore[misc]
            assert far.provider.find(call) == Found(CallState.UP)
            far.provider.hangup(call)
            self.over(far, call, Outcome.ANSWERED)
            far.provider.hangup(caller)
        self.over(far, caller, Outcome.ANSWERED)

    def test_moving_a_call_that_hangs_up_just_then_is_done_or_gone_and_its_end_is_told_once(self, far: FarEnd) -> None:
        for number in range(8):
            call = self.up(far, f"t{number}-a")
            ending = threading.Timer(number * 0.002, far.puts_down, (call,))
            ending.start()
            with suppress(Gone):
                far.provider.redirect(call, "t7")
            ending.join()
            until(lambda call=call: ("ended", "answered") in far.desk.of(call), "the end")  # type: ignore[misc]
            until(lambda call=call: found(far, call) is not None, "the end is known")  # type: ignore[misc]
            assert found(far, call) == Found(CallState.ENDED, Outcome.ANSWERED)
            told = [kind for kind, *_ in far.desk.of(call) if kind != "joined"]  # which may come late
            assert told == ["answered", "ended"]

    def test_a_silent_network_leaves_us_unsure_of_everything(self, far: FarEnd) -> None:
        call = self.up(far)
        far.stop()
        for act in (
            lambda: self.ring(far, "answers", "t2-a"),
            lambda: far.provider.redirect(call, "t7"),
            lambda: far.provider.hangup(call),
            lambda: far.provider.find(call),
            lambda: far.provider.record(call, True),
            lambda: far.provider.listen(far.phone("rings"), call, Listening.LISTEN),
        ):
            with pytest.raises(Unsure):
                act()
