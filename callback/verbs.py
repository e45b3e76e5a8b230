"""What a worker does with an errand: dial, connect, hang up.

Law: nobody dials who has not won `begin`, and nobody dials late, or onto a phone on which a call of
ours may still be up. A call that the provider may or may not have placed is never
placed again from here: the sweep asks the provider what became of it. Every verb may be done twice, or by two workers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import structlog

from callback.attempts import Begun
from callback.model import Leg, Mode
from callback.service import Line
from ivr.calls import Calls
from ivr.clock import Clock
from ivr.ports import Away, Gone, Outgoing, Provider, Refused, Unsure

log = structlog.get_logger()

FLOWS: Final = {Leg.AGENT: "callback_agent", Leg.CUSTOMER: "callback_customer"}
CONNECT_TRIES = 3  # moving a held call twice is harmless, leaving it on hold with an agent in the room is not
HANG_UP_TRIES = 3


class Hands(Protocol):
    """What a worker works with; `ivr.app.Parts`."""

    @property
    def line(self) -> Line: ...
    @property
    def calls(self) -> Calls: ...
    @property
    def provider(self) -> Provider: ...
    @property
    def clock(self) -> Clock: ...


def dial(hands: Hands, attempt: str, leg: str) -> None:
    """Place the call of this leg, if nobody else does. reserved (or the other leg accepted) -> dialing."""
    begun = hands.line.begin(attempt, leg)
    if begun is None:
        return
    if begun.left_up and not _hung_up(hands, begun.left_up):
        log.warning("dial_dropped_busy", attempt=attempt, leg=leg)
        hands.line.out_of_reach(attempt, leg, phone=True)
        return
    if hands.clock.now_ms() > begun.send_by_ms:
        # This process was frozen after it had won: whoever swept may be dialling by now.
        log.warning("dial_dropped_late", attempt=attempt, leg=leg)
        return
    outgoing = Outgoing(
        begun.call,
        begun.to,
        begun.caller_id,
        begun.ring_ms,
        detect_machine=begun.queue.callbacks.detect_machine and begun.leg is Leg.CUSTOMER and not begun.tell,
        beside=_beside(begun),
    )
    try:
        hands.calls.place(
            outgoing, FLOWS[begun.leg], attempt=attempt, leg=leg, lang=begun.lang, values=_values(begun, hands.clock)
        )
    except Refused as err:
        log.warning("dial_refused", attempt=attempt, leg=leg, outcome=err.outcome, why=str(err))
        hands.line.leg_ended(attempt, leg, err.outcome, "refused by the provider")
        return
    except Away as err:
        log.warning("dial_out_of_reach", attempt=attempt, leg=leg, why=str(err))
        hands.line.out_of_reach(attempt, leg)
        return
    except Unsure as err:
        log.warning("dial_unsure", attempt=attempt, leg=leg, why=str(err))
    else:
        log.info("dialled", attempt=attempt, leg=leg, call=begun.call)
    tried = hands.line.attempt(attempt)
    if tried is None or tried.over:
        # Called off while it was being placed: whoever was to hang it up may have come before the network knew of it.
        _hung_up(hands, begun.call)


def connect(hands: Hands, attempt: str) -> None:
    """Bring the customer who holds into the room of the attempt, where the agent is. He may come by himself between two tries."""
    for turn in range(1, CONNECT_TRIES + 1):
        tried = hands.line.attempt(attempt)
        entry = hands.line.entry(tried.entry) if tried else None
        if tried is None or entry is None or entry.attempt != attempt or tried.met:
            log.info("connect_late", attempt=attempt)
            return
        try:
            hands.provider.redirect(entry.call or tried.customer_call, attempt)
        except Gone:
            log.info("connect_gone", attempt=attempt)
            hands.line.gone(attempt)
            return
        except Unsure as err:
            log.warning("connect_unsure", attempt=attempt, turn=turn, why=str(err))
        else:
            log.info("connected", attempt=attempt)
            return


def hang_up(hands: Hands, call: str) -> None:
    """End a call that nobody needs any more. Without an answer it ends by its own flow: it is alone."""
    _hung_up(hands, call)


def _hung_up(hands: Hands, call: str) -> bool:
    """Whether the provider has heard that this call is to end."""
    for turn in range(1, HANG_UP_TRIES + 1):
        try:
            hands.provider.hangup(call)
        except Unsure as err:
            log.warning("hang_up_unsure", call=call, turn=turn, why=str(err))
        else:
            return True
    return False


VERBS: Final[Mapping[str, Callable[..., None]]] = {"dial": dial, "connect": connect, "hang_up": hang_up}


def _beside(begun: Begun) -> str:
    """The call that this one will talk to, as far as it is up: the customer who holds, or the agent who waits for him."""
    if begun.leg is Leg.AGENT:
        return begun.entry.call if begun.entry.mode is Mode.LIVE else ""
    return begun.attempt.agent_call if Leg.AGENT in begun.attempt.placed else ""


def _values(begun: Begun, clock: Clock) -> dict[str, str | int]:
    """What the flow of the placed call may speak of. `purpose`: connect, or tell (that he will not be served)."""
    titles = begun.queue.title
    waited_ms = max(0, clock.now_ms() - begun.entry.entered_ms)
    return {
        "purpose": "tell" if begun.tell else "connect",
        "queue_title": titles.get(begun.lang) or next(iter(titles.values()), begun.queue.name),
        "waited_min": waited_ms // 60_000,
        "on_line": int(begun.entry.mode is Mode.LIVE),
    }
