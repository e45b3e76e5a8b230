"""How the end of a call reaches the line.

Law: the line hears of the end of every registered call, though Redis, this process or Asterisk go away in the midst of it; it may
hear of one twice. An end is known by its Hangup; where no Hangup can come any more, by a second look at the channel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog

from ivr.calls import Calls
from ivr.inputs import Outcome, Recorded
from ivr.ports import CallState
from ivr.providers.asterisk import events, recordings
from ivr.providers.asterisk.acts import Acts
from ivr.providers.asterisk.ami import AmiDown, AmiRefused, AmiTimeout, Pack
from ivr.providers.asterisk.nodes import Node
from ivr.providers.asterisk.registry import Known, Registry
from ivr.providers.asterisk.teller import Teller

log = structlog.get_logger()

FAILED_S: Final = 0.5
"""How long after `Failure` a Hangup may still come; without one the call never had a channel."""
ABSENT_S: Final = 1.0
"""How long after a look a Hangup may still be on its way, with the true cause."""


class Ends:
    """The ends of the calls of one node. What it hears it tells in order, in a thread of its own."""

    def __init__(self, calls: Calls, registry: Registry, acts: Acts, node: Node) -> None:
        self._calls, self._registry, self._acts, self._node = calls, registry, acts, node
        self.teller = Teller("ends")
        self._doubted: dict[str, tuple[float, Outcome]] = {}
        """Calls that seem to be over though no Hangup has said so: when to make sure, and how they came out then."""
        self._doubting = threading.Lock()

    def hung_up(self, event: Pack) -> None:
        """A Hangup has come."""
        asked = self._acts.placed.asked(event["Uniqueid"])
        self.teller.tell(partial(self._hung_up, event, asked))

    def originated(self, response: Pack) -> None:
        """An OriginateResponse has come, before or after the Hangup of a call that failed."""
        call = events.placed_call(response)
        if call and response.get("Response") == "Success":
            self.teller.tell(partial(self._registry.answered, call))
        elif call:
            self._acts.placed.not_born(call)
            self._doubt({call: Outcome.FAILED}, FAILED_S)

    def absent(self, calls: Mapping[str, Outcome]) -> None:
        """A look has found no channels of these registered calls."""
        self._doubt(calls, ABSENT_S)

    def bury(self) -> None:
        """Asterisk is gone for good, and with it all that is registered on this node."""
        self.teller.tell(self._bury)

    def turn(self) -> None:
        """To be called often: makes sure of what has been doubted for long enough."""
        now = time.monotonic()
        with self._doubting:
            due = {call: outcome for call, (at, outcome) in self._doubted.items() if now >= at}
            for call in due:
                del self._doubted[call]
        for call, outcome in due.items():
            self.teller.tell(partial(self._make_sure, call, outcome))

    def _doubt(self, calls: Mapping[str, Outcome], wait_s: float) -> None:
        at = time.monotonic() + wait_s
        with self._doubting:
            for call, outcome in calls.items():
                self._doubted.setdefault(call, (at, outcome))

    def _hung_up(self, event: Pack, asked: bool) -> None:
        """The end of a channel. One that nobody has registered leaves a note: its beginning may still be on its way to us."""
        call = event["Uniqueid"]
        known = self._registry.find(call)
        if known is None:
            stands = self._registry.ended(call, Outcome.ANSWERED)
            if stands is not None:  # it was registered between these two lines
                self._calls.ended(call, stands)
            return
        outcome = events.outcome(event, asked=asked, phone=known.to.startswith("PJSIP/"))
        self._end(known, outcome if known.to else Outcome.ANSWERED)

    def _make_sure(self, call: str, outcome: Outcome) -> None:
        known = self._registry.find(call)
        if known is None or known.state is CallState.ENDED:
            return
        try:
            if self._acts.has_channel(call):
                return
        except (AmiDown, AmiTimeout, AmiRefused) as err:
            log.info("look_again", call=call, why=str(err))  # the look after the next connection finds it
            return
        self._end(known, outcome)

    def _bury(self) -> None:
        for known in self._registry.calls(self._node.name).values():
            self._end(known, Outcome.FAILED)

    def _end(self, known: Known, outcome: Outcome) -> None:
        """Tell the end of a call. The registry hears of it last: a process that is killed in between is followed by one that
        finds the call registered without a channel, and tells it again."""
        if known.state is CallState.ENDED:
            return
        if known.state is CallState.UP and outcome is not Outcome.CANCELED:
            outcome = Outcome.ANSWERED
        log.info("call_ended", call=known.call, outcome=outcome.value)
        self._note_message(known.call)
        self._calls.ended(known.call, outcome)
        self._registry.ended(known.call, outcome)
        self._acts.placed.forget(known.call)

    def _note_message(self, call: str) -> None:
        """Whoever hangs up while he leaves a message has left it. The dialplan says so itself, once, and nobody may have heard it."""
        turn = self._calls.records(call)
        name = f"{call}-{turn}"
        if turn is not None and (seconds := recordings.seconds(self._node, name)):
            log.warning("message_was_not_told", call=call)
            self._calls.wake(call, turn, Recorded(f"asterisk:{self._node.name}/{name}", seconds))
