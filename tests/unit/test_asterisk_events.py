"""What the events of a node mean. Rows of the table of outcomes were seen on a real Asterisk 22 (`tests/asterisk/test_control.py`)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ivr.inputs import Outcome
from ivr.ports import CallState
from ivr.providers.asterisk import events
from ivr.providers.asterisk.registry import Known

O = Outcome  # noqa: E741 - a column
RINGING, UP = "5", "6"


@pytest.mark.parametrize(
    ("state", "cause", "asked", "phone", "number"),
    [
        # channel, cause, did we hang it up; then what it was for an agent's phone, and for a number on a trunk
        (UP, "16", False, O.ANSWERED, O.ANSWERED),
        (UP, "17", False, O.ANSWERED, O.ANSWERED),
        (UP, "16", True, O.ANSWERED, O.ANSWERED),
        (UP, events.GAVE_UP, False, O.CANCELED, O.CANCELED),
        (RINGING, "17", False, O.BUSY, O.BUSY),
        (RINGING, "19", False, O.NO_ANSWER, O.NO_ANSWER),
        (RINGING, "21", False, O.REFUSED, O.BUSY),
        ("0", "1", False, O.FAILED, O.FAILED),
        ("0", "34", False, O.FAILED, O.FAILED),
        ("0", "18", False, O.FAILED, O.FAILED),
        ("0", "0", False, O.FAILED, O.FAILED),
        ("0", "", False, O.FAILED, O.FAILED),
        (RINGING, "16", True, O.CANCELED, O.CANCELED),
        (RINGING, "19", True, O.CANCELED, O.CANCELED),
        (RINGING, "127", True, O.CANCELED, O.CANCELED),
    ],
)
def test_how_a_call_that_we_placed_came_out(
    state: str, cause: str, asked: bool, phone: Outcome, number: Outcome
) -> None:
    hangup = {"Event": "Hangup", "ChannelState": state, "Cause": cause}
    assert events.outcome(hangup, asked=asked, phone=True) is phone
    assert events.outcome(hangup, asked=asked, phone=False) is number


@pytest.mark.parametrize(
    ("forward", "channel"),
    [
        ("", ""),
        ("PJSIP/+19005550000@carrier", "n1-3"),
        ("Local/bia@retorno-phones", "n1-2"),
        ("bia", "n1-2"),
        ("bi", ""),
        ("PJSIP/", ""),
        ("PJSIP/nobody", ""),
    ],
)
def test_whom_asterisk_rings_instead_of_a_phone_that_sends_the_call_on(forward: str, channel: str) -> None:
    strings = ("bia@retorno-phones", "bia@retorno-phones", "+19005550000@carrier", "ana")
    begun = [{"DestUniqueid": f"n1-{at}", "DialString": text} for at, text in enumerate(strings, start=1)]
    assert events.diverted({"DestUniqueid": "a1-a", "DialStatus": "CANCEL", "Forward": forward}, begun) == channel


@pytest.mark.parametrize(
    ("action", "call"), [("retorno-a1-c", "a1-c"), ("retorno-", ""), ("5f2e", ""), ("", ""), ("xretorno-a1", "")]
)
def test_an_answer_to_originate_is_known_by_its_action(action: str, call: str) -> None:
    assert events.placed_call({"ActionID": action, "Uniqueid": "<null>"}) == call


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({}, "gone"),
        ({"n1": "NOT_INUSE"}, "free"),
        ({"n1": "INUSE"}, "in_use"),
        ({"n1": "BUSY"}, "in_use"),
        ({"n1": "RINGING"}, "in_use"),
        ({"n1": "RINGINUSE"}, "in_use"),
        ({"n1": "ONHOLD"}, "in_use"),
        ({"n1": "UNAVAILABLE"}, "gone"),
        ({"n1": "INVALID"}, "gone"),
        ({"n1": "UNKNOWN"}, "gone"),
        ({"n1": "a word of tomorrow"}, "gone"),
        ({"n1": "UNAVAILABLE", "n2": "NOT_INUSE"}, "free"),
        ({"n1": "INUSE", "n2": "NOT_INUSE"}, "in_use"),
        ({"left": "NOT_INUSE"}, "gone"),
    ],
)
def test_a_phone_is_free_in_use_or_gone(said: Mapping[str, str], state: str) -> None:
    assert events.phone_state(said, ("n1", "n2")) == state


TRANSFER = {
    "Event": "AttendedTransfer",
    "Result": "Success",
    "OrigTransfererUniqueid": "a1-a",
    "SecondTransfererUniqueid": "node1-1.8",
    "TransfereeChannel": "PJSIP/carrier-0000001a",
    "TransfereeUniqueid": "node1-1.5",
    "TransferTargetChannel": "PJSIP/bia-silva-0000001f",
    "TransferTargetUniqueid": "node1-1.9",
}


def test_a_hand_over_names_the_call_the_phone_and_its_call() -> None:
    first, second = events.hand_overs(TRANSFER)
    assert first == events.HandOver("node1-1.5", "PJSIP/bia-silva", "node1-1.9")
    assert second == events.HandOver("node1-1.9", "PJSIP/carrier", "node1-1.5")


@pytest.mark.parametrize(
    ("channel", "phone", "far"),
    [
        ("PJSIP/bia-silva-0000001f", "PJSIP/bia-silva", False),
        ("PJSIP/carrier-0000001f", "PJSIP/carrier", False),
        ("PJSIP/peer_node2-0000001f", "PJSIP/peer_node2", True),
    ],
)
def test_the_phone_of_a_channel_may_be_the_way_to_another_node(channel: str, phone: str, far: bool) -> None:
    to_target, to_transferee = events.hand_overs({**TRANSFER, "TransferTargetChannel": channel})
    assert (to_target.to_phone, to_transferee.to_phone) == (phone, "PJSIP/carrier")
    assert events.is_far(phone) is far


@pytest.mark.parametrize(
    "wrong",
    [
        {"Result": "Fail"},
        {"TransferTargetUniqueid": ""},
        {"TransfereeUniqueid": ""},
        {"SecondTransfererUniqueid": "a1-a"},  # by keys
    ],
)
def test_a_transfer_that_did_not_bring_two_together_hands_nobody_over(wrong: Mapping[str, str]) -> None:
    assert events.hand_overs({**TRANSFER, **wrong}) == ()


@pytest.mark.parametrize(
    ("seen", "by_keys", "of_three"),
    [
        ({}, False, False),
        ({"SecondTransfererUniqueid": "a1-a"}, True, False),
        ({"SecondTransfererUniqueid": "a1-a", "DestType": "Threeway"}, True, True),
        ({"SecondTransfererUniqueid": "a1-a", "Result": "Fail"}, False, False),
        ({"OrigTransfererUniqueid": "", "SecondTransfererUniqueid": ""}, False, False),
    ],
)
def test_who_presses_keys_has_one_call(seen: Mapping[str, str], by_keys: bool, of_three: bool) -> None:
    transfer = {**TRANSFER, **seen}
    assert (events.by_keys(transfer), events.of_three(transfer)) == (by_keys, of_three)


def seen(*lines: str) -> list[dict[str, str]]:
    """Channels, each as `name id bridge`, `-` for no bridge; of one in the dialplan's context of transfers also what was dialled
    and its state."""
    found = []
    for name, call, bridge, *rest in map(str.split, lines):
        line = {"Channel": name, "Uniqueid": call, "BridgeId": bridge.strip("-")}
        if rest:
            line |= {"Context": "retorno-transfer", "Exten": rest[0], "ChannelState": rest[1]}
        found.append(line)
    return [*found, {"Event": "CoreShowChannel"}]


CUSTOMER = "PJSIP/carrier-1 c1 b1"
FIRST, SECOND = f"Local/7001@retorno-transfer-1;1 l1 b1 7001 {UP}", "Local/7001@retorno-transfer-1;2 l2 b2"


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        # the colleague has answered: at first through two halves of a local channel, then by himself
        ((CUSTOMER, FIRST, SECOND, "PJSIP/7001-2 k1 b2"), events.Partner("k1", "PJSIP/7001")),
        ((CUSTOMER, "PJSIP/7001-2 k1 b1"), events.Partner("k1", "PJSIP/7001")),
        # a PBX of others has a pair of its own on the way
        (
            (CUSTOMER, FIRST, SECOND, "Local/x@y-2;2 l4 b2", "Local/x@y-2;1 l3 b3", "PJSIP/7001-2 k1 b3"),
            events.Partner("k1", "PJSIP/7001"),
        ),
        ((CUSTOMER, FIRST, SECOND, "PJSIP/peer_node2-2 k1 b2"), events.Partner("k1", "PJSIP/peer_node2")),
        # he is still rung
        ((CUSTOMER, FIRST.replace(f" {UP}", " 5"), SECOND), events.Partner(rings="7001")),
        ((CUSTOMER, FIRST.replace(f" {UP}", " 0"), "PJSIP/7001-2 k1 -"), events.Partner(rings="7001")),
        # on the way from one bridge to another, or three
        ((CUSTOMER, FIRST, SECOND.replace("b2", "-"), "PJSIP/7001-2 k1 b2"), events.Partner()),
        ((CUSTOMER, FIRST), events.Partner()),
        ((CUSTOMER.replace("b1", "-"), FIRST, SECOND, "PJSIP/7001-2 k1 b2"), events.Partner()),
        ((CUSTOMER,), events.Partner()),
        ((CUSTOMER, "PJSIP/ana-1 a1-a b1", "PJSIP/7001-2 k1 b1"), events.Partner()),
        ((CUSTOMER, "Local/x@y-1;1 l1 b1", "Local/x@y-1;2 l2 b1"), events.Partner()),
        # he has hung up
        ((FIRST, SECOND, "PJSIP/7001-2 k1 b2"), None),
        ((), None),
    ],
)
def test_with_whom_a_call_is(channels: tuple[str, ...], expected: events.Partner | None) -> None:
    assert events.partner("c1", seen(*channels)) == expected


NOW = 1_000_000


def known(call: str, state: CallState, age_ms: int = 60_000) -> Known:
    return Known(call, "node1", state, None, "PJSIP/ana", NOW - age_ms)


def channel(call: str, *, state: str = UP, context: str = "retorno", bridge: str = "") -> dict[str, str]:
    return {"Uniqueid": call, "ChannelState": state, "Context": context, "BridgeId": bridge}


def test_a_look_finds_what_is_registered_and_not_there_and_the_other_way_round() -> None:
    registered = {
        "up-and-there": known("up-and-there", CallState.UP),
        "up-and-gone": known("up-and-gone", CallState.UP),
        "rang-and-gone": known("rang-and-gone", CallState.RINGING),
        "just-placed": known("just-placed", CallState.RINGING, age_ms=events.YOUNG_MS - 1),
        "just-come-in": known("just-come-in", CallState.UP, age_ms=0),
        "rings": known("rings", CallState.RINGING),
        "answered": known("answered", CallState.RINGING),
    }
    channels = [
        channel("up-and-there"),
        channel("rings", state=RINGING),
        channel("answered"),
        channel("orphan"),
        channel("orphan-in", context="retorno-in"),
        channel("talks", bridge="b1"),
        channel("pbx", context="from-internal"),
        channel("pbx2", context="retornox"),
        {"Event": "CoreShowChannel"},
    ]
    look = events.compare(registered, channels, NOW)
    assert look.absent == {
        "up-and-gone": Outcome.ANSWERED,
        "rang-and-gone": Outcome.FAILED,
        "just-come-in": Outcome.ANSWERED,
    }
    assert look.answered == ("answered",)
    assert look.unknown == ("orphan", "orphan-in")
