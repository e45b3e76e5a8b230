"""What a node's events mean: how a call came out, whether a phone is free, who talks with whom after a transfer.

Law: pure. A call is known by its Uniqueid, which no caller can write. Why a call that we placed never was answered is told by the
cause (Q.850) of its Hangup: the `Reason` of OriginateResponse is 0 for busy, refused and failed alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ivr.inputs import Outcome
from ivr.ports import CallState
from ivr.providers.asterisk.link import Pack
from ivr.providers.asterisk.nodes import peer
from ivr.providers.asterisk.registry import REGISTERED, Known

HEARD: Final = frozenset(
    {"Hangup", "OriginateResponse", "DialBegin", "DialEnd", "DeviceStateChange", "AttendedTransfer"}
)

UP: Final = "6"  # AST_STATE_UP
ACTION: Final = "retorno-"
"""Before the call's id, the id of the action that placed it: an OriginateResponse of a call that never had a channel names no
other."""

USER_BUSY, NO_ANSWER, REJECTED = "17", "19", "21"
GAVE_UP: Final = "99"
"""The cause with which our dialplan hangs up when no web server has answered it; no network has this one for anything."""

FREE, IN_USE, GONE = "free", "in_use", "gone"
"""The words of `callback.model.PhoneState`."""

LOCAL: Final = "Local/"
TRANSFER: Final = "retorno-transfer"
"""The context of the dialplan to which the keys of an agent's telephone send."""

YOUNG_MS: Final = 3_000
"""A call that we placed so recently may not have its channel yet."""


def outcome(hangup: Pack, *, asked: bool, phone: bool) -> Outcome:
    """How a call that we placed came out. `asked`: we had hung it up. `phone`: it rang an agent's phone, not a number. Canceled, too,
    is one that was answered and that no web server had a word for.

    21 is a person's own key on a phone of ours, and whatever the network likes on a trunk: some people decline calls while they
    talk, so it counts as busy there. 18 is silence of the far end's machine (timer B), not of a person.
    """
    cause = hangup.get("Cause", "")
    if hangup.get("ChannelState") == UP:
        return Outcome.CANCELED if cause == GAVE_UP else Outcome.ANSWERED
    if asked:
        return Outcome.CANCELED
    if cause == USER_BUSY:
        return Outcome.BUSY
    if cause == NO_ANSWER:
        return Outcome.NO_ANSWER
    if cause == REJECTED:
        return Outcome.REFUSED if phone else Outcome.BUSY
    return Outcome.FAILED


def placed_call(response: Pack) -> str:
    """The call that an OriginateResponse is about; empty when it is none of the line's."""
    action = response.get("ActionID", "")
    return action.removeprefix(ACTION) if action.startswith(ACTION) else ""


def diverted(end: Pack, begun: Iterable[Pack]) -> str:
    """The channel that Asterisk rings instead, when the DialEnd `end` says that whoever was rung has sent the call on (302 Moved);
    empty when he has not. `begun`: the DialBegins before it. Asterisk tells of the new one first, and joins the two by no id."""
    forward = end.get("Forward", "")
    if not forward:
        return ""
    device = forward.partition("/")[
        2
    ]  # `PJSIP/+551130001000@carrier`; without a / it is an extension, and the context is not said
    found = [
        begin["DestUniqueid"]
        for begin in begun
        if (dialled := begin.get("DialString", "")) == device or (not device and dialled.startswith(forward + "@"))
    ]
    return found[-1] if found else ""


def phone_state(said: Mapping[str, str], nodes: Iterable[str]) -> str:
    """Free, in_use or gone, of a phone of which each node has `said` something, as far as it is one of `nodes`.

    In use anywhere counts before free anywhere: a person has two ears and one mouth.
    """
    states = {said[node] for node in nodes if node in said} & REGISTERED
    if states - {"NOT_INUSE"}:
        return IN_USE
    return FREE if states else GONE


@dataclass(frozen=True, slots=True)
class HandOver:
    """`call`, which talked with an agent of ours, now talks with `to_phone` (`PJSIP/bia`), whose call there is `to_call`."""

    call: str
    to_phone: str
    to_call: str


def hand_overs(transfer: Pack) -> tuple[HandOver, ...]:
    """Who may have been handed over by an AttendedTransfer of two calls, the likelier first: whether one was, the line knows."""
    if transfer.get("Result") != "Success" or by_keys(transfer):
        return ()
    one, other = (transfer.get(f"{side}Uniqueid", "") for side in _SIDES)
    if not one or not other:
        return ()
    one_phone, other_phone = (_phone_at(transfer.get(f"{side}Channel", "")) for side in _SIDES)
    return (HandOver(one, other_phone, other), HandOver(other, one_phone, one))


def by_keys(transfer: Pack) -> bool:
    """Whether the agent has pressed keys for it: then he has one call, and what is said of the other side of it is the beginning of a
    pair of local channels, or nothing. `partner` tells who it is."""
    calls = {transfer.get(f"{side}Uniqueid", "") for side in _TRANSFERERS}
    return transfer.get("Result") == "Success" and len(calls) == 1 and "" not in calls


def of_three(transfer: Pack) -> bool:
    """Whether the agent has stayed: three talk."""
    return transfer.get("DestType") == "Threeway"


@dataclass(frozen=True, slots=True)
class Partner:
    """With whom a call is: `call`, at `phone` (`PJSIP/bia`); or nobody yet, and `rings` is whom its agent has dialled by keys."""

    call: str = ""
    phone: str = ""
    rings: str = ""


def partner(call: str, channels: Iterable[Pack]) -> Partner | None:
    """With whom `call` is, as a look at all channels shows it, whatever pairs of local channels (`;1` and `;2`) stand between. A
    Partner of nothing: several, or the two are on their way to each other. None: `call` is over."""
    there = {channel["Channel"]: channel for channel in channels if "Channel" in channel}
    here = next((name for name, channel in there.items() if channel.get("Uniqueid") == call), None)
    if here is None:
        return None
    for _ in there:
        bridge = there[here].get("BridgeId") if here in there else ""
        others = [name for name, channel in there.items() if name != here and channel.get("BridgeId") == bridge]
        if not bridge or len(others) != 1:
            break
        other = there[others[0]]
        if not others[0].startswith(LOCAL):
            return Partner(other.get("Uniqueid", ""), _phone_at(others[0]))
        if other.get("Context") == TRANSFER and other.get("ChannelState") != UP:
            return Partner(rings=other.get("Exten", ""))
        here = others[0][:-1] + ("1" if others[0].endswith("2") else "2")
    return Partner()


def is_far(phone: str) -> bool:
    """Whether this is no phone but the way to another node, at which it is."""
    return phone.startswith(f"PJSIP/{peer('')}")


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at all channels of a node says of the calls that are registered there.

    `absent`: those without a channel, and how they came out. `answered`: those that are up and registered as ringing.
    `unknown`: channels in our dialplan that nobody talks on, and whose calls are not among the registered. `unwanted`: those that
    were to be ended while the node took no orders.
    """

    absent: Mapping[str, Outcome]
    answered: tuple[str, ...]
    unknown: tuple[str, ...]
    unwanted: tuple[str, ...]


def compare(registered: Mapping[str, Known], channels: Iterable[Pack], now_ms: int) -> Look:
    """`registered` must have been read before `channels` were listed: a call comes up first and is registered then."""
    there = {channel["Uniqueid"]: channel for channel in channels if "Uniqueid" in channel}
    absent = {
        call: Outcome.ANSWERED if known.state is CallState.UP else Outcome.FAILED
        for call, known in registered.items()
        if call not in there and not (known.state is CallState.RINGING and now_ms - known.at_ms < YOUNG_MS)
    }
    answered = tuple(
        call
        for call, known in registered.items()
        if known.state is CallState.RINGING and there.get(call, {}).get("ChannelState") == UP
    )
    unknown = tuple(
        call
        for call, channel in there.items()
        if call not in registered and _ours(channel) and not channel.get("BridgeId")
    )
    unwanted = tuple(call for call, known in registered.items() if known.unwanted and call in there)
    return Look(absent, answered, unknown, unwanted)


_SIDES: Final = ("Transferee", "TransferTarget")
"""Whom the transfer brings together."""
_TRANSFERERS: Final = ("OrigTransferer", "SecondTransferer")
"""The transferring phone's own call to each."""


def _ours(channel: Pack) -> bool:
    context = channel.get("Context", "")
    return context == "retorno" or context.startswith("retorno-")


def _phone_at(channel: str) -> str:
    """`PJSIP/bia-0000001f` -> `PJSIP/bia`."""
    return channel.rpartition("-")[0]
