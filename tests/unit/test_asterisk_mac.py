"""The signature of a node's requests: the one that its dialplan makes, for this body, on this path, now."""

from __future__ import annotations

import pytest

from ivr.providers.asterisk.mac import FRESH_S, sign, signed, verify

KEY = bytes(range(32))
BODY = b"node=node1&time=1000&call=node1-1.0&from=%2B5511998887766"
NOW = 1000


def test_a_dialplan_makes_the_same_signature() -> None:
    """Written by ${SHA1(o:key:${SHA1(i:key:/asterisk/turn:a=1&b=%28x%29&c=)})} of an Asterisk 22.10.1, whose key was `4b4559`."""
    assert sign(b"KEY", "/asterisk/turn", b"a=1&b=%28x%29&c=") == "cc78fa78b4fa884155e17cd6665358d6a8a1a1a6"


def test_what_a_node_signed_is_taken() -> None:
    assert verify(KEY, "/asterisk/incoming", signed(KEY, "/asterisk/incoming", BODY), NOW, NOW)


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        b"",
        BODY + b"&mac=",
        BODY + b"&mac=" + b"0" * 40,
        BODY + b"&mac=" + "é".encode(),
        signed(KEY, "/asterisk/turn", BODY),
        signed(KEY[::-1], "/asterisk/incoming", BODY),
        signed(KEY, "/asterisk/incoming", BODY) + b"&to=1",
        signed(KEY, "/asterisk/incoming", BODY).replace(b"node1-1.0", b"node1-1.1"),
        signed(KEY, "/asterisk/incoming", BODY).upper(),
        b"from=1&" + signed(KEY, "/asterisk/incoming", BODY),
    ],
    ids=[
        "none",
        "empty",
        "no value",
        "zeros",
        "no ASCII",
        "other path",
        "other key",
        "more",
        "changed",
        "case",
        "before",
    ],
)
def test_nothing_else_is_taken(body: bytes) -> None:
    assert not verify(KEY, "/asterisk/incoming", body, NOW, NOW)


@pytest.mark.parametrize(
    ("sent_s", "taken"), [(NOW - FRESH_S, True), (NOW + FRESH_S, True), (NOW - FRESH_S - 1, False), (NOW + 301, False)]
)
def test_a_request_is_worth_five_minutes(sent_s: int, taken: bool) -> None:
    assert verify(KEY, "/asterisk/turn", signed(KEY, "/asterisk/turn", BODY), sent_s, NOW) is taken


def test_the_path_and_the_body_cannot_lend_each_other_characters() -> None:
    assert sign(KEY, "/asterisk/turn", b"a") != sign(KEY, "/asterisk/tur", b"n:a")
    assert sign(KEY, "/a", b"b:c") != sign(KEY, "/a:b", b"d")
