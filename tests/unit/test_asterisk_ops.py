"""An instruction as an operation of the dialplan, and what a dialplan tells as an input: each kind, and each limit."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.calls import Reply
from ivr.inputs import DialEnded, Digits, Input, NoInput, Outcome, Recorded
from ivr.instructions import Dial, Gather, Hangup, Hold, Instruction, Join, Pause, Play, Record, Say, Speech
from ivr.providers.asterisk.ops import MAX_SOUNDS, operation, plan, read_input

A, B = Say("um", "pt-BR"), Say("dois", "pt-BR")
MUST = Say("ouça", "pt-BR", barge_in=False)
MUST_PLAY = Play("aviso.wav", "ouça", "pt-BR", barge_in=False)
REST = Pause(300)


def reach(to: str) -> str:
    return f"{to}@carrier"


def fields(instruction: Instruction, turn: int = 3, again: bool = False) -> dict[str, str]:
    made = plan(Reply("c1", turn, instruction, again), reach).fields
    assert (made.pop("call"), made.pop("turn")) == ("c1", str(max(turn, 0)))
    return made


INSTRUCTIONS: list[tuple[Instruction, dict[str, str]]] = [
    (
        Gather((), 4, 5_000, 1_500, "#"),
        {"op": "gather", "max": "4", "first": "5", "inter": "1.5", "finish": "#"},
    ),
    (Gather((), 1, 0, 0), {"op": "gather", "max": "1", "first": "0.1", "inter": "0.1", "finish": ""}),
    (
        Gather((), 20, 1_234_567, 333, sensitive=True),
        {"op": "gather", "max": "20", "first": "1234.567", "inter": "0.333", "finish": ""},
    ),
    (Hold((), "default", 20_000, "19"), {"op": "hold", "music": "default", "secs": "20", "keys": "19"}),
    (Hold((), "jazz", 100_000_000), {"op": "hold", "music": "jazz", "secs": "100000", "keys": ""}),
    (Record((), 120_000, 5_000), {"op": "record", "secs": "120", "silence": "5", "finish": "#"}),
    (Record((), 2_001, 1, ""), {"op": "record", "secs": "3", "silence": "1", "finish": ""}),
    (
        Dial((), "+551130001000", "+551140002000", 30_000),
        {"op": "dial", "to": "+551130001000@carrier", "secs": "30", "caller": "+551140002000"},
    ),
    (Join((), "t1"), {"op": "join", "room": "t1", "host": "0", "record": "0"}),
    (Join((), "t1", host=True), {"op": "join", "room": "t1", "host": "1", "record": "0"}),
    (Join((), "t1", record=True), {"op": "join", "room": "t1", "host": "0", "record": "1"}),
    (Hangup((), "done"), {"op": "hangup", "reason": "done"}),
]


@pytest.mark.parametrize(("instruction", "expected"), INSTRUCTIONS)
def test_each_instruction_is_an_operation(instruction: Instruction, expected: dict[str, str]) -> None:
    assert fields(instruction) == expected


def test_no_instruction_is_forgotten() -> None:
    assert {type(instruction) for instruction, _ in INSTRUCTIONS} == set(get_args(Instruction))


def test_what_is_to_be_asked_again_says_so_and_has_a_turn_that_a_dialplan_can_hold() -> None:
    assert fields(Hold((), "default", 5_000), turn=-1, again=True)["again"] == "1"
    assert "again" not in fields(Hold((), "default", 5_000))


SPEECH: list[tuple[str, Any, tuple[Speech, ...], tuple[Speech, ...]]] = [
    ("all may be cut", lambda s: Gather(s, 1, 1, 1), (A, B), ()),
    ("up to the last that must be heard", lambda s: Gather(s, 1, 1, 1), (A, MUST, REST, B), (A, MUST)),
    ("a recording too", lambda s: Gather(s, 1, 1, 1), (MUST_PLAY, A), (MUST_PLAY,)),
    ("the last must", lambda s: Gather(s, 1, 1, 1), (A, REST, MUST), (A, REST, MUST)),
    ("a pause may be cut", lambda s: Gather(s, 1, 1, 1), (REST, A), ()),
    ("a gather without barge-in", lambda s: Gather(s, 1, 1, 1, barge_in=False), (A, B), (A, B)),
    ("a hold with keys", lambda s: Hold(s, "default", 1, "1"), (A, MUST, B), (A, MUST)),
    ("a hold without keys", lambda s: Hold(s, "default", 1), (A, B), (A, B)),
    ("a message", lambda s: Record(s, 1, 1), (A, B), (A, B)),
    ("a transfer", lambda s: Dial(s, "+551130001000", "", 1), (A,), (A,)),
    ("a talk", lambda s: Join(s, "t1"), (A,), (A,)),
    ("the end", Hangup, (A, B), (A, B)),
    ("nothing", lambda s: Gather(s, 1, 1, 1), (), ()),
]


@pytest.mark.parametrize(("make", "speech", "fixed"), [row[1:] for row in SPEECH], ids=[row[0] for row in SPEECH])
def test_what_must_be_heard_is_told_from_what_a_key_cuts(
    make: Any, speech: tuple[Speech, ...], fixed: tuple[Speech, ...]
) -> None:
    made = plan(Reply("c1", 1, make(speech)), reach)
    assert (made.fixed, made.open) == (fixed, speech[len(fixed) :])
    assert made.parts == speech


def test_the_ids_of_sounds_are_joined_in_their_order() -> None:
    made = plan(Reply("c1", 1, Gather((MUST, A, B), 1, 1, 1)), reach)
    assert operation(made, ("0a", "0b", "0c")) == {**made.fields, "fixed": "0a", "open": "0b&0c"}
    assert operation(plan(Reply("c1", 1, Hangup(())), reach), ())["open"] == ""


def test_too_many_sentences_run_together_by_language() -> None:
    speech = tuple(Say(str(n), "pt-BR" if n % 40 else "en") for n in range(200))
    made = plan(Reply("c1", 1, Gather(speech, 1, 1, 1)), reach)
    assert len(made.parts) < 20
    assert " ".join(part.text for part in made.parts if isinstance(part, Say)).split() == [str(n) for n in range(200)]
    must = plan(Reply("c1", 1, Gather((*speech, MUST, *speech), 1, 1, 1)), reach)
    last = must.fixed[-1]
    assert isinstance(last, Say)
    assert last.text.endswith("199 ouça")
    assert len(must.parts) < 40


@given(
    st.lists(
        st.sampled_from([A, Say("one", "en"), MUST, MUST_PLAY, REST, Play("a.wav", "a", "en")]),
        min_size=0,
        max_size=400,
    ),
    st.sampled_from([lambda s: Gather(s, 20, 1, 1, "#"), lambda s: Hold(s, "m" * 32, 1, "0123456789*#"), Hangup]),
)
def test_no_answer_outgrows_a_dialplan(speech: list[Speech], make: Any) -> None:
    made = plan(Reply("n" * 80, 10**9, make(tuple(speech))), reach)
    assert len(made.parts) <= MAX_SOUNDS
    text = json.dumps(operation(made, tuple(f"{n:032x}" for n in range(len(made.parts)))))
    assert len(text) <= 4_091, "what a dialplan's function gives at most"


INPUTS: list[tuple[dict[str, str], Input]] = [
    ({"in": "digits", "d": "12*#"}, Digits("12*#")),
    ({"in": "digits", "d": "12", "end": "1"}, Digits("12", finished=True)),
    ({"in": "digits", "d": "", "end": "1"}, Digits("", finished=True)),
    ({"in": "none"}, NoInput()),
    ({"in": "recorded", "rec": "node1-1.0-3", "secs": "7"}, Recorded("asterisk:node1/node1-1.0-3", 7)),
    ({"in": "recorded", "rec": "t1-c-3", "secs": "0"}, Recorded("asterisk:node1/t1-c-3", 0)),
    ({"in": "dial", "status": "ANSWER", "secs": "65"}, DialEnded(Outcome.ANSWERED, 65)),
    ({"in": "dial", "status": "BUSY", "secs": ""}, DialEnded(Outcome.BUSY)),
    ({"in": "dial", "status": "NOANSWER"}, DialEnded(Outcome.NO_ANSWER)),
    ({"in": "dial", "status": "CANCEL", "secs": ""}, DialEnded(Outcome.CANCELED)),
    ({"in": "dial", "status": "CHANUNAVAIL", "secs": ""}, DialEnded(Outcome.FAILED)),
    ({"in": "dial", "status": "CONGESTION", "secs": ""}, DialEnded(Outcome.FAILED)),
    ({"in": "dial", "status": "INVALIDARGS", "secs": ""}, DialEnded(Outcome.FAILED)),
    ({"in": "dial"}, DialEnded(Outcome.FAILED)),
    ({"in": "left", "result": "SUCCESS"}, DialEnded(Outcome.ANSWERED)),
    ({"in": "left", "result": "NONEXISTENT"}, DialEnded(Outcome.NO_ANSWER)),
    ({"in": "left", "result": "ALONE"}, DialEnded(Outcome.NO_ANSWER)),
    ({"in": "left"}, DialEnded(Outcome.NO_ANSWER)),
]


@pytest.mark.parametrize(("form", "given_input"), INPUTS)
def test_what_a_node_tells_is_an_input(form: dict[str, str], given_input: Input) -> None:
    assert read_input(form, "node1") == given_input


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "expected digits, none, recorded, dial or left"),
        ({"in": "dance"}, "'dance'"),
        ({"in": "digits", "d": "12a"}, "expected d="),
        ({"in": "digits", "d": "1" * 65}, "expected d="),
        ({"in": "digits", "d": "١"}, "expected d="),
        ({"in": "recorded", "secs": "3"}, "expected rec="),
        ({"in": "recorded", "rec": "../etc/passwd", "secs": "3"}, "expected rec="),
        ({"in": "recorded", "rec": "a", "secs": "3.5"}, "expected secs="),
        ({"in": "recorded", "rec": "a", "secs": "-1"}, "expected secs="),
        ({"in": "dial", "status": "ANSWER", "secs": "1e9"}, "expected secs="),
    ],
)
def test_what_cannot_be_read_says_what_was_expected(form: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        read_input(form, "node1")
    assert says in str(refused.value)
