"""Commands to a node go through Redis: signed, in time or not at all, answered, and by whoever is up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from redis import Redis
from structlog.testing import capture_logs
from waiting import until

from ivr.clock import ManualClock, SystemClock
from ivr.inputs import Outcome
from ivr.ports import Away, Unsure
from ivr.providers.asterisk.commands import Answer, Command, Commands, Handler, Result, serve
from ivr.providers.asterisk.registry import FRESH_MS, Registry

KEY = b"the key of both ends"
LIST = "{test}:ast:node:node1:commands"
CLOCK = SystemClock()
PATIENCE_S = 20.0


def beat(redis: Redis, up: bool = True, now_ms: int = 0) -> None:
    """The node lives; in these tests for as long as they take."""
    Registry(redis, "test").heartbeat("node1", now_ms or CLOCK.now_ms() + 60_000, up=up)


@dataclass
class Node:
    """A control process on a thread: it writes down what it did."""

    redis: Redis
    did: list[str] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)

    def handlers(self) -> dict[str, Handler]:
        return {
            "originate": self._note(Answer(Result.REFUSED, "busy", outcome=Outcome.BUSY)),
            "hangup": self._note(Answer(Result.OK)),
            "redirect": self._note(Answer(Result.GONE)),
            "find": self._note(Answer(Result.OK, state="up")),
            "spy": self._raise,
            "sound": self._slow,
        }

    def _note(self, answer: Answer) -> Handler:
        def handler(command: Command) -> Answer:
            self.did.append(f"{command.do} {command.text('call')}")
            return answer

        return handler

    def _raise(self, command: Command) -> Answer:
        raise RuntimeError("the manager connection broke")

    def _slow(self, command: Command) -> Answer:
        self.did.append(f"begun {command.data.get('call')}")
        assert self.free.wait(PATIENCE_S)
        self.did.append(f"done {command.data.get('call')}")
        return Answer(Result.OK)

    def run(self) -> threading.Thread:
        thread = threading.Thread(
            target=serve, args=(self.redis, "test", "node1", KEY, CLOCK, self.handlers(), self.stop), daemon=True
        )
        thread.start()
        return thread


@pytest.fixture
def node(redis: Redis) -> Iterator[Node]:
    made = Node(redis)
    thread = made.run()
    beat(redis)
    yield made
    made.free.set()
    made.stop.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def worker(redis: Redis, patience_ms: int = 10_000, key: bytes = KEY) -> Commands:
    return Commands(redis, "test", key, CLOCK, patience_ms)


def test_a_command_is_done_once_and_its_answer_comes_back(node: Node, redis: Redis) -> None:
    commands = worker(redis)
    assert commands.ask("node1", "hangup", call="c1") == Answer(Result.OK)
    assert commands.ask("node1", "redirect", call="c1") == Answer(Result.GONE)
    assert commands.ask("node1", "find", call="c1") == Answer(Result.OK, state="up")
    assert commands.ask("node1", "originate", call="c2") == Answer(Result.REFUSED, "busy", outcome=Outcome.BUSY)
    assert node.did == ["hangup c1", "redirect c1", "find c1", "originate c2"]
    assert redis.keys("*reply*") == []
    assert redis.llen(LIST) == 0


def test_an_unknown_word_is_refused_for_good_and_says_what_there_is(node: Node, redis: Redis) -> None:
    answer = worker(redis).ask("node1", "reboot")
    assert (answer.result, answer.permanent) == (Result.REFUSED, True)
    assert "expected one of find, hangup, originate" in answer.why


@pytest.mark.parametrize("data", [{}, {"call": 7}])
def test_a_handler_that_fails_leaves_us_unsure(node: Node, redis: Redis, data: dict[str, int]) -> None:
    with capture_logs(), pytest.raises(Unsure, match="cannot tell what came of `spy`: RuntimeError"):
        worker(redis).ask("node1", "spy", call="c1")
    with capture_logs(), pytest.raises(Unsure, match="cannot tell what came of `hangup`: ValueError"):
        worker(redis).ask("node1", "hangup", **data)
    assert worker(redis).ask("node1", "hangup", call="c1").result is Result.OK, "the node goes on"


def test_a_slow_command_holds_up_those_of_its_own_call_only(node: Node, redis: Redis) -> None:
    def ask(do: str, call: str) -> threading.Thread:
        thread = threading.Thread(target=lambda: worker(redis).ask("node1", do, call=call))
        thread.start()
        return thread

    slow = ask("sound", "c1")
    until(lambda: node.did == ["begun c1"], "the slow one")
    behind = ask("hangup", "c1")
    until(lambda: redis.llen(LIST) == 0, "the second one has been fetched")
    assert worker(redis).ask("node1", "hangup", call="c2").result is Result.OK
    assert node.did == ["begun c1", "hangup c2"]
    node.free.set()
    slow.join(PATIENCE_S)
    behind.join(PATIENCE_S)
    assert node.did == ["begun c1", "hangup c2", "done c1", "hangup c1"]


@pytest.mark.parametrize(
    ("up", "age_ms"), [(False, 0), (True, FRESH_MS)], ids=["Asterisk is down", "the control process is silent"]
)
def test_a_node_that_is_not_up_is_not_asked_at_all(redis: Redis, up: bool, age_ms: int) -> None:
    beat(redis, up, CLOCK.now_ms() - age_ms)
    with pytest.raises(Away, match="node node1 is not up"):
        worker(redis).ask("node1", "hangup", call="c1")
    assert redis.exists(LIST) == 0


def test_a_node_that_does_not_answer_leaves_us_unsure_and_its_commands_are_forgotten(redis: Redis) -> None:
    beat(redis)
    with pytest.raises(Unsure, match="did not answer to `hangup` within 60 ms"):
        worker(redis, patience_ms=60).ask("node1", "hangup", call="c1")
    assert redis.llen(LIST) == 1
    assert 0 < redis.ttl(LIST) <= 60


def test_a_command_is_never_done_late(redis: Redis) -> None:
    """It was left by a node that was away; when it is back, only what somebody still waits for is done."""
    beat(redis)
    with pytest.raises(Unsure):
        worker(redis, patience_ms=30).ask("node1", "hangup", call="late")
    node = Node(redis)
    with capture_logs() as logs:
        thread = node.run()
        assert worker(redis).ask("node1", "hangup", call="in-time").result is Result.OK
        node.stop.set()
        thread.join(PATIENCE_S)
    assert node.did == ["hangup in-time"]
    assert [line["do"] for line in logs if line["event"] == "command_dropped_late"] == ["hangup"]


def test_a_command_that_waited_too_long_behind_another_is_dropped_as_well(node: Node, redis: Redis) -> None:
    thread = threading.Thread(target=lambda: worker(redis).ask("node1", "sound", call="c1"))
    thread.start()
    until(lambda: node.did == ["begun c1"], "the slow one")
    with pytest.raises(Unsure):
        worker(redis, patience_ms=100).ask("node1", "hangup", call="c1")
    node.free.set()
    thread.join(PATIENCE_S)
    assert worker(redis).ask("node1", "hangup", call="c1").result is Result.OK
    assert node.did == ["begun c1", "done c1", "hangup c1"]


def test_who_has_another_key_has_nothing_done(node: Node, redis: Redis) -> None:
    with capture_logs() as logs:
        with pytest.raises(Unsure):
            worker(redis, 200, b"another key").ask("node1", "hangup", call="c1")
        until(lambda: redis.llen(LIST) == 0, "it has been read")
    until(lambda: [line["event"] for line in logs if line["event"] == "command_refused"], "the log")
    assert node.did == []


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"abc", b"x:{}", b":", "assinado:não".encode(), b"0" * 64 + b":[]"])
def test_garbage_in_the_list_harms_nobody(node: Node, redis: Redis, redis_url: str, text: bytes) -> None:
    Redis.from_url(redis_url).rpush(LIST, text)
    assert worker(redis).ask("node1", "hangup", call="c1").result is Result.OK
    assert node.did == ["hangup c1"]


def test_a_command_for_one_node_is_none_for_another(redis: Redis) -> None:
    beat(redis)
    Registry(redis, "test").heartbeat("node2", CLOCK.now_ms() + 60_000, up=True)
    with pytest.raises(Unsure):
        worker(redis, 30).ask("node2", "hangup", call="c1")
    text = redis.lpop("{test}:ast:node:node2:commands")
    node = Node(redis)
    with capture_logs():
        thread = node.run()
        redis.rpush(LIST, str(text))
        worker(redis).ask("node1", "hangup", call="c2")
        node.stop.set()
        thread.join(PATIENCE_S)
    assert node.did == ["hangup c2"]


def test_a_forged_answer_leaves_us_unsure(redis: Redis) -> None:
    beat(redis)

    def forger() -> None:
        popped = redis.blpop([LIST], 10)
        command = json.loads(popped[1].partition(":")[2])  # type: ignore[index]
        redis.rpush(f"{{test}}:ast:reply:{command['id']}", '0:{"result": "ok"}')

    thread = threading.Thread(target=forger)
    thread.start()
    with pytest.raises(Unsure, match="not to be trusted"):
        worker(redis).ask("node1", "hangup", call="c1")
    thread.join()


def test_what_was_begun_is_finished_before_the_server_ends(redis: Redis) -> None:
    node = Node(redis)
    thread = node.run()
    beat(redis)
    asking = threading.Thread(target=lambda: worker(redis).ask("node1", "sound", call="c1"))
    asking.start()
    until(lambda: node.did == ["begun c1"], "the slow one")
    node.stop.set()
    thread.join(0.7)  # longer than it listens at a time
    assert thread.is_alive()
    node.free.set()
    thread.join(PATIENCE_S)
    asking.join(PATIENCE_S)
    assert node.did == ["begun c1", "done c1"]


def test_a_worker_without_redis_is_unsure_and_a_node_waits_for_it(tmp_path: object) -> None:
    nowhere = Redis.from_url("unix:///nonexistent/redis.sock")
    with pytest.raises(Unsure, match="Redis is away"):
        worker(nowhere).ask("node1", "hangup", call="c1")
    stop = threading.Event()
    with capture_logs() as logs:
        thread = threading.Thread(target=serve, args=(nowhere, "test", "node1", KEY, ManualClock(), {}, stop))
        thread.start()
        until(lambda: logs, "it says that it waits")
        stop.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert {line["event"] for line in logs} == {"commands_wait_for_redis"}
