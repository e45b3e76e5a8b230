"""What is known of Asterisk's calls, nodes and telephones: each transition is one step, the first end stands, no end is lost."""

from __future__ import annotations

import threading

import pytest
from redis import Redis

from ivr.inputs import Outcome
from ivr.ports import CallState
from ivr.providers.asterisk.registry import DEAD_MS, GONE_S, KEEP_ENDED_S, KEEP_S, LOOK_TWICE_MS, Known, Registry

NOW = 1_763_863_000_000
CALL = "t1-a"


@pytest.fixture
def registry(redis: Redis) -> Registry:
    return Registry(redis, "test")


def state(registry: Registry, call: str = CALL) -> tuple[str, str] | None:
    known = registry.find(call)
    return (known.state.value, known.outcome or "") if known else None


def at(registry: Registry, before: str) -> None:
    """Bring `CALL` to a state."""
    if before == "nothing":
        return
    if before == "came in":
        registry.register_incoming(CALL, "node1", NOW)
        return
    registry.register_outgoing(CALL, "node1", "PJSIP/ana", NOW)
    if before in ("up", "ended up"):
        registry.answered(CALL)
    if before.startswith("ended"):
        registry.ended(CALL, Outcome.BUSY)


TRANSITIONS = [
    # before, act, answer, after
    ("nothing", "outgoing", True, ("ringing", "")),
    ("ringing", "outgoing", False, ("ringing", "")),
    ("up", "outgoing", False, ("up", "")),
    ("came in", "outgoing", False, ("up", "")),
    ("ended", "outgoing", False, ("ended", "busy")),
    ("nothing", "incoming", True, ("up", "")),
    ("came in", "incoming", True, ("up", "")),
    ("ended", "incoming", False, ("ended", "busy")),
    ("nothing", "answered", False, None),
    ("ringing", "answered", True, ("up", "")),
    ("up", "answered", True, ("up", "")),
    ("ended", "answered", False, ("ended", "busy")),
    ("nothing", "ended", None, None),
    ("ringing", "ended", "no_answer", ("ended", "no_answer")),
    ("up", "ended", "answered", ("ended", "answered")),
    ("came in", "ended", "answered", ("ended", "answered")),
    ("ended", "ended", "busy", ("ended", "busy")),
    ("ended up", "ended", "answered", ("ended", "answered")),
]


@pytest.mark.parametrize(("before", "act", "answer", "after"), TRANSITIONS)
def test_a_call_goes_only_forward(
    registry: Registry, before: str, act: str, answer: object, after: tuple[str, str] | None
) -> None:
    at(registry, before)
    acts = {
        "outgoing": lambda: registry.register_outgoing(CALL, "node1", "PJSIP/ana", NOW + 5),
        "incoming": lambda: registry.register_incoming(CALL, "node1", NOW + 5),
        "answered": lambda: registry.answered(CALL),
        "ended": lambda: registry.ended(CALL, Outcome.NO_ANSWER),
    }
    assert acts[act]() == answer
    assert state(registry) == after
    lives = after is not None and after[0] != "ended"
    assert list(registry.calls("node1")) == ([CALL] if lives else [])
    assert registry.view((), 0, beside=CALL).near == ("node1" if lives else "")


def test_a_call_is_found_as_it_was_registered(registry: Registry) -> None:
    registry.register_outgoing(CALL, "node1", "+5511999990001", NOW)
    registry.register_incoming("node2-17.4", "node2", NOW + 9)
    assert registry.find(CALL) == Known(CALL, "node1", CallState.RINGING, None, "+5511999990001", NOW)
    assert registry.calls("node2") == {"node2-17.4": Known("node2-17.4", "node2", CallState.UP, None, "", NOW + 9)}
    assert registry.find("nobody") is None


def test_an_end_that_comes_before_its_beginning_is_not_lost(registry: Registry, redis: Redis) -> None:
    assert registry.ended(CALL, Outcome.FAILED) is None
    assert not registry.register_incoming(CALL, "node1", NOW), "whoever registers it hears that it is over"
    assert not registry.register_incoming(CALL, "node1", NOW), "as often as he asks"
    assert state(registry) == ("ended", "answered")
    assert registry.calls("node1") == {}
    assert 0 < redis.ttl(f"{{test}}:ast:gone:{CALL}") <= GONE_S


def test_calls_are_forgotten_in_time(registry: Registry, redis: Redis) -> None:
    registry.register_outgoing(CALL, "node1", "PJSIP/ana", NOW)
    assert KEEP_S - 60 < redis.ttl(f"{{test}}:ast:call:{CALL}") <= KEEP_S
    registry.ended(CALL, Outcome.BUSY)
    assert KEEP_ENDED_S - 60 < redis.ttl(f"{{test}}:ast:call:{CALL}") <= KEEP_ENDED_S


def test_a_call_that_never_ended_is_forgotten_with_its_name(registry: Registry, redis: Redis) -> None:
    at(registry, "up")
    registry.register_incoming("node1-2", "node1", NOW)
    redis.delete(f"{{test}}:ast:call:{CALL}")  # as after KEEP_S
    assert list(registry.calls("node1")) == ["node1-2"]
    assert redis.smembers("{test}:ast:calls:node1") == {"node1-2"}


def test_of_many_who_place_the_same_call_one_does(registry: Registry) -> None:
    won: list[bool] = []
    threads = [
        threading.Thread(target=lambda: won.append(registry.register_outgoing(CALL, "node1", "PJSIP/ana", NOW)))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 15 + [True]


@pytest.mark.parametrize("round_", range(20))
def test_an_end_and_a_beginning_at_once_leave_a_call_that_somebody_knows_to_be_over(
    registry: Registry, round_: int
) -> None:
    """Either the end finds the call and tells it, or the beginning finds the note."""
    call, both = f"node1-{round_}", threading.Barrier(2)
    told: list[object] = []

    def end() -> None:
        both.wait()
        told.append(registry.ended(call, Outcome.FAILED))

    thread = threading.Thread(target=end)
    thread.start()
    both.wait()
    up = registry.register_incoming(call, "node1", NOW)
    thread.join()
    assert (told == ["answered"]) == up
    assert state(registry, call) == ("ended", "answered")


# nodes


def test_a_node_takes_commands_while_it_beats_and_says_that_it_is_up(registry: Registry) -> None:
    nodes = ("node1", "node2", "node3")
    registry.heartbeat("node1", NOW, up=True, boot="12:00:00", channels=7)
    registry.heartbeat("node2", NOW, up=False)
    assert list(registry.view(nodes, NOW + 1_000).alive) == ["node1"]
    assert registry.view(nodes, NOW + 1_000).alive["node1"].channels == 7
    assert registry.view(nodes, NOW + 5_000).alive == {}, "five seconds without a beat"
    registry.heartbeat("node2", NOW + 5_000, up=True)
    assert list(registry.view(nodes, NOW + 6_000).alive) == ["node2"]
    assert registry.beat("node3") is None


@pytest.mark.parametrize(
    ("first", "age_ms", "then", "counts"),
    [
        # who beat, how long ago; who beats now; whether that is what stands
        (("a", True), 100, ("b", False), False),
        (("a", True), 100, ("a", False), True),
        (("a", True), 100, ("b", True), True),
        (("a", True), 5_000, ("b", False), True),
        (("a", False), 100, ("b", False), True),
    ],
)
def test_a_process_that_is_not_let_in_does_not_speak_over_one_that_is(
    registry: Registry, first: tuple[str, bool], age_ms: int, then: tuple[str, bool], counts: bool
) -> None:
    assert registry.heartbeat("node1", NOW, up=first[1], by=first[0])
    assert registry.heartbeat("node1", NOW + age_ms, up=then[1], by=then[0]) is counts
    beat = registry.beat("node1")
    assert beat
    assert (beat.at_ms, beat.up) == ((NOW + age_ms, then[1]) if counts else (NOW, first[1]))


def test_a_node_whose_dialplan_asks_is_not_dead_however_silent_its_control_process_is(registry: Registry) -> None:
    registry.heartbeat("node1", NOW, up=True)
    late = NOW + 2 * DEAD_MS
    registry.heard("node1", late - DEAD_MS // 2)
    assert registry.heard_ms("node1") == late - DEAD_MS // 2
    for _ in range(2):
        assert not registry.dead("node1", late)
        late += LOOK_TWICE_MS
    late += DEAD_MS
    assert [registry.dead("node1", late + n * LOOK_TWICE_MS) for n in range(2)] == [False, True]


def test_a_node_is_dead_when_it_was_silent_for_a_minute_and_is_at_a_second_look(registry: Registry) -> None:
    registry.heartbeat("node1", NOW, up=True)
    assert not registry.dead("node1", NOW + DEAD_MS - 1)
    late = NOW + DEAD_MS
    assert not registry.dead("node1", late), "Redis may have been away"
    assert not registry.dead("node1", late + LOOK_TWICE_MS - 1)
    assert registry.dead("node1", late + LOOK_TWICE_MS)
    registry.heartbeat("node1", late + LOOK_TWICE_MS, up=False)
    assert not registry.dead("node1", late + LOOK_TWICE_MS)
    assert not registry.dead("node1", late + LOOK_TWICE_MS + DEAD_MS), "its next silence is looked at twice as well"


def test_a_node_that_never_beat_is_dead_at_the_second_look(registry: Registry, redis: Redis) -> None:
    assert not registry.dead("node9", NOW)
    assert registry.dead("node9", NOW + LOOK_TWICE_MS)
    assert registry.beat("node9") is None
    assert redis.ttl("{test}:ast:node:node9") > 0


# telephones


def test_each_node_says_of_a_phone_what_it_knows(registry: Registry) -> None:
    assert registry.device("PJSIP/ana", "node1", "NOT_INUSE") == {"node1": "NOT_INUSE"}
    assert registry.device("PJSIP/ana", "node2", "UNAVAILABLE") == {"node1": "NOT_INUSE", "node2": "UNAVAILABLE"}
    assert registry.view((), 0, device="PJSIP/ana").homes == ("node1",)
    registry.device("PJSIP/ana", "node2", "INUSE")
    registry.device("PJSIP/ana", "node1", "UNAVAILABLE")
    assert registry.view((), 0, device="PJSIP/ana").homes == ("node2",)
    assert registry.view((), 0, device="PJSIP/bob").homes == ()


def test_a_client_that_does_not_decode_reads_the_same(registry: Registry, redis_url: str, redis: Redis) -> None:
    raw = Registry(Redis.from_url(redis_url), "test")
    registry.register_outgoing(CALL, "node1", "PJSIP/ana", NOW)
    registry.heartbeat("node1", NOW, up=True, boot="x")
    registry.device("PJSIP/ana", "node1", "INUSE")
    assert raw.find(CALL) == registry.find(CALL)
    assert raw.beat("node1") == registry.beat("node1")
    assert raw.calls("node1") == registry.calls("node1")
    assert raw.view((), 0, device="PJSIP/ana").homes == ("node1",)
    assert raw.ended(CALL, Outcome.BUSY) == Outcome.BUSY
