"""The shell round the engine on the real line, a real Redis and the shipped flows: whatever happens, a caller hears something."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from flask import request
from shell import CALLED, NUMBER, Leave, Shell, Speak, said
from structlog.testing import capture_logs

from callback.model import AgentState, EntryState
from ivr import redis_server
from ivr.asks import LOOK_UP_MS, Fetch, JoinLine
from ivr.calls import Reply
from ivr.config import Settings
from ivr.inputs import Answer, DialEnded, Digits, NoInput, Outcome, Recorded
from ivr.instructions import Gather, Hangup, Hold, Join
from ivr.ports import Caller, Outgoing, Refused
from ivr.providers.simulator.link import control, serve
from ivr.store import Sessions
from ivr.words import SENTENCES

KEPT = [words["one_moment"] for words in SENTENCES.values()]


@pytest.fixture
def shell(redis: redis_py.Redis, redis_url: str) -> Shell:
    return Shell(redis_url)


# one call from ring to survey


def test_a_caller_walks_the_menu_waits_talks_and_rates_the_call(shell: Shell) -> None:
    caller = shell.dials_in("1", None, None, "5")
    shell.run(60_000)
    assert shell.step() == "q_sales"
    assert shell.entry().state is EntryState.WAITING
    agent = shell.agent()
    agent.talks_ms = 90_000
    shell.run(20_000)
    assert shell.entry().state is EntryState.CONNECTED
    assert shell.an_agent().state is AgentState.ON_CALL
    ((_, room, met),) = shell.network.talks
    assert set(met) == {"c1", f"{room}-a"}
    shell.run(120_000)
    assert shell.entry().state is EntryState.COMPLETED
    heard = " ".join(shell.network.calls["c1"].heard)
    for words in ("Bem-vindo à Aurora", "Para vendas, digite 1.", "De 1 a 5", "A Aurora agradece"):
        assert words in heard
    assert caller.over[0][1] is Outcome.ANSWERED
    (survey,) = shell.events("survey_answered")
    assert survey.data["score"] == "5"
    assert [event.call for event in shell.events("call_ended")].count("c1") == 1


def test_a_caller_who_takes_a_callback_is_rung_back_in_his_place(shell: Shell) -> None:
    person = shell.dials_in("1", None, "1", "1", "1")
    shell.run(120_000)
    entry = shell.entry()
    assert entry.chosen_ms
    assert shell.network.calls["c1"].state == "ended"
    person.plan = ["1"]
    person.talks_ms = 30_000
    shell.agent()
    shell.run(120_000)
    assert shell.entry().state is EntryState.COMPLETED
    assert (shell.entry().id, shell.entry().score) == (entry.id, entry.score)
    assert len(shell.network.talks) == 1
    assert shell.network.doubles == 0


@pytest.mark.parametrize("number", ["", "anonymous", "Restricted", "+0123", "11998887766", "+55119988877661234567"])
def test_a_number_that_is_withheld_is_no_number(shell: Shell, number: str) -> None:
    shell.dials_in("1", number=number)
    shell.run(60_000)
    saved = shell.calls.sessions.load("c1")
    assert saved
    assert saved.session.number == ""
    assert shell.entry().number == ""
    assert shell.entry().state is EntryState.WAITING


# webhooks that come twice, late, or for nobody


def in_menu(shell: Shell, call: str = "c1") -> int:
    """A call that listens to the main menu; its turn."""
    reply = shell.calls.incoming(call, NUMBER, CALLED)
    assert isinstance(reply.instruction, Gather)
    return reply.turn


def test_a_repeated_webhook_gives_the_stored_reply_and_no_second_event(shell: Shell) -> None:
    first = shell.calls.incoming("c1", NUMBER, CALLED)
    assert shell.calls.incoming("c1", NUMBER, CALLED) == first
    second = shell.calls.wake("c1", first.turn, Digits("1"))
    before = shell.events()
    for again in (Digits("1"), Digits("3"), NoInput(), Recorded("sim:c1", 4), DialEnded(Outcome.ANSWERED)):
        assert shell.calls.wake("c1", first.turn, again) == second
    assert shell.calls.incoming("c1", NUMBER, CALLED) == second
    assert shell.events() == before
    assert len(shell.events("entry_joined")) == 1


@pytest.mark.parametrize("turn", [-1, 0, 7, 1_000])
def test_a_webhook_for_another_turn_changes_nothing(shell: Shell, turn: int) -> None:
    reply = shell.calls.incoming("c1", NUMBER, CALLED)
    before = shell.events()
    assert shell.calls.wake("c1", turn, Digits("1")) == reply
    assert shell.events() == before


def test_a_call_that_nobody_knows_hears_an_apology_and_is_ended(shell: Shell) -> None:
    for reply in (
        shell.calls.wake("nobody", 3, Digits("1")),
        shell.calls.answered("nobody"),
        shell.calls.joined("nobody", "t1"),
    ):
        assert isinstance(reply.instruction, Hangup)
        assert said(reply) == " ".join(words["apology"] for words in SENTENCES.values())
    shell.calls.ended("nobody", Outcome.ANSWERED)
    assert shell.events() == []


def test_a_call_that_ends_twice_ended_once(shell: Shell) -> None:
    turn = in_menu(shell)
    shell.calls.wake("c1", turn, Digits("1"))
    for outcome in (Outcome.ANSWERED, Outcome.ANSWERED, Outcome.FAILED):
        shell.calls.ended("c1", outcome)
    assert len(shell.events("call_ended")) == 1
    assert len(shell.events("abandoned")) == 1
    assert shell.entry().state is EntryState.ABANDONED


def test_a_webhook_after_the_end_hangs_up_and_changes_nothing(shell: Shell) -> None:
    turn = in_menu(shell)
    shell.calls.ended("c1", Outcome.ANSWERED)
    before = shell.events()
    for reply in (
        shell.calls.wake("c1", turn, Digits("1")),
        shell.calls.wake("c1", turn + 1, Digits("1")),
        shell.calls.joined("c1", "t1"),
        shell.calls.incoming("c1", NUMBER, CALLED),
    ):
        assert isinstance(reply.instruction, Hangup)
    assert shell.events() == before


def test_a_second_word_of_being_joined_changes_nothing_in_the_room_or_after_it(shell: Shell) -> None:
    shell.agent().talks_ms = 60_000
    shell.dials_in("1")
    shell.run(20_000)
    assert shell.entry().state is EntryState.CONNECTED
    ((_, room, _),) = shell.network.talks
    before, turn = shell.events(), shell.calls.sessions.load("c1")
    assert turn
    in_room = shell.calls.joined("c1", room)
    assert isinstance(in_room.instruction, Join)
    assert in_room.turn == turn.session.turn
    assert shell.events() == before
    shell.run(57_000)
    assert shell.step() == "csat"
    assert isinstance(shell.calls.joined("c1", room).instruction, Gather), "he rates the call, and is not led back"
    assert shell.step() == "csat"


def test_of_two_webhooks_for_one_turn_one_wins_and_both_hear_the_same(shell: Shell) -> None:
    for n in range(5):
        call = f"c{n}"
        turn = in_menu(shell, call)
        together = threading.Barrier(4)

        def wake(call: str = call, turn: int = turn, together: threading.Barrier = together) -> Any:
            together.wait(20)
            return shell.calls.wake(call, turn, Digits("1"))

        with ThreadPoolExecutor(4) as pool:
            first, *others = [each.result(30) for each in [pool.submit(wake) for _ in range(4)]]
        assert others == [first] * 3
        assert (first.turn, type(first.instruction)) == (turn + 1, Hold)
        assert len([event for event in shell.events("digits_pressed") if event.call == call]) == 1
    assert len(shell.events("entry_joined")) == 5


# calls that we place


def place(shell: Shell, call: str = "t1-a") -> None:
    values = {"queue_title": "Vendas", "waited_min": 3, "on_line": 1}
    outgoing = Outgoing(call, "sim:ana", "", 20_000)
    shell.calls.place(outgoing, "callback_agent", attempt="t1", leg="agent", lang="en", values=values)


def test_the_session_is_there_before_the_phone_rings(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[bool] = []
    monkeypatch.setattr(
        shell.network, "originate", lambda outgoing: known.append(shell.calls.sessions.load(outgoing.call) is not None)
    )
    place(shell)
    assert known == [True]
    assert "press 1" in said(shell.calls.answered("t1-a"))
    assert shell.events("call_started")[0].data["direction"] == "out"


def test_a_phone_that_is_refused_is_told_to_whoever_dials(shell: Shell) -> None:
    with pytest.raises(Refused):
        place(shell)


def test_a_phone_that_was_answered_twice_hears_the_same(shell: Shell) -> None:
    shell.agent()
    place(shell)
    first = shell.calls.answered("t1-a")
    assert shell.calls.answered("t1-a") == first
    assert len(shell.events("call_started")) == 1


# our own failures


def fail(*_given: object, **_named: object) -> Any:
    raise ZeroDivisionError("an error of ours")


def test_an_error_in_a_turn_sends_the_caller_to_a_person(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = in_menu(shell)
    answer = type(shell.line).answer

    def sometimes(line: object, ask: object, caller: Caller) -> Answer:
        return fail() if isinstance(ask, JoinLine) and ask.queue == "sales" else answer(shell.line, ask, caller)

    monkeypatch.setattr(type(shell.line), "answer", sometimes)
    with capture_logs() as logged:
        reply = shell.calls.wake("c1", turn, Digits("1"))
    assert isinstance(reply.instruction, Hold)
    assert SENTENCES["pt-BR"]["apology"] in said(reply)
    assert SENTENCES["pt-BR"]["to_a_person"] in said(reply)
    assert shell.entry().queue == "front_desk"
    assert not reply.again
    assert [event.data["why"] for event in shell.events("step_failed")] == ["internal error"]
    assert [line["log_level"] for line in logged if line["event"].startswith("a turn failed")] == ["error"]
    assert shell.calls.wake("c1", turn, Digits("1")) == reply, "saved like any other turn"


def test_when_the_way_to_a_person_fails_too_the_caller_hears_goodbye(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = in_menu(shell)
    monkeypatch.setattr(type(shell.line), "answer", fail)
    reply = shell.calls.wake("c1", turn, Digits("1"))
    assert isinstance(reply.instruction, Hangup)
    assert reply.instruction.reason == "failed"
    assert SENTENCES["pt-BR"]["apology"] in said(reply)
    assert SENTENCES["pt-BR"]["goodbye"] in said(reply)
    assert not reply.again


def test_whatever_else_breaks_the_caller_is_kept_and_his_webhook_is_wanted_again(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = in_menu(shell)
    with monkeypatch.context() as broken:
        broken.setattr(type(shell.calls.sessions), "load", fail)
        for act in (
            lambda: shell.calls.incoming("c1", NUMBER, CALLED),
            lambda: shell.calls.answered("c1"),
            lambda: shell.calls.wake("c1", turn, Digits("1")),
            lambda: shell.calls.joined("c1", "t1"),
        ):
            reply = act()
            assert isinstance(reply.instruction, Hold)
            assert [part.text for part in reply.instruction.speech] == KEPT  # type: ignore[union-attr]
            assert reply.again
    assert shell.calls.wake("c1", turn, Digits("1")).turn == turn + 1, "he goes on where he was"


def test_a_subflow_that_is_gone_sends_the_caller_to_a_person(
    redis: redis_py.Redis, redis_url: str, tmp_path: Path
) -> None:
    (tmp_path / "queues.yaml").write_text("version: 1\nqueues: {sales: {title: {en: Sales}}}\n")
    (tmp_path / "front.yaml").write_text("""\
version: 1
flow: front
languages: [en]
entry: {default: away}
defaults: {on_fail: line}
steps:
  away: {type: subflow, flow: side, next: line}
  line: {type: queue, queue: sales, next: hangup, on: {timeout: hangup}}
""")
    (tmp_path / "side.yaml").write_text("""\
version: 1
flow: side
languages: [en]
entry: {default: hello}
steps:
  hello: {type: say, prompts: [{en: Hello.}], next: hangup}
""")
    shell = Shell(redis_url, default="front", flows=tmp_path)
    assert "Hello." in said(shell.calls.incoming("c1", NUMBER, CALLED))
    redis.hdel("{test}:flows", "side")
    (tmp_path / "side.yaml").unlink()
    shell.clock.advance(1_000)
    reply = shell.calls.incoming("c2", NUMBER, CALLED)
    assert SENTENCES["en"]["to_a_person"] in said(reply)
    assert isinstance(reply.instruction, Hold)
    assert shell.entry("c2").state is EntryState.WAITING


# requests to the company's servers

ASKING = """\
version: 1
flow: asking
languages: [en]
entry: {default: choose}
defaults: {on_fail: tell}
steps:
  choose: {type: menu, intro: {en: Hello.}, keys: {1: {to: order, label: {en: to order}}}, on_fail: hangup}
  order: {type: http, method: POST, url: "https://crm.example/order", next: pay, on_error: tell}
  pay: {type: http, method: POST, url: "https://crm.example/pay", timeout: 1s, next: thanks, on_error: tell}
  tell: {type: http, url: "https://crm.example/tell", next: thanks, on_error: thanks}
  thanks: {type: collect, prompt: {en: Thank you.}, save: score, digits: 1, next: hangup, on_fail: hangup}
"""


class Webs:
    """Two web processes, and a server of the company: `sent` is what it was asked, `answering` what becomes of it."""

    def __init__(self, shell: Shell, redis: redis_py.Redis) -> None:
        self.redis, self.sent = redis, list[str]()
        self.answering: Callable[[str], object] = lambda step: None
        fetch = self.fetch
        self.one = replace(shell.calls, fetch=fetch)
        self.other = replace(shell.calls, sessions=Sessions(redis, "test"), fetch=fetch)
        self.turn = self.one.incoming("c1", NUMBER, CALLED).turn

    def fetch(self, ask: Fetch) -> Answer:
        self.sent.append(ask.step)
        self.answering(ask.step)
        return Answer("ok", {"code": 200, "body": None})

    def claims(self) -> list[str]:
        return list(self.redis.scan_iter("{test}:claim:*"))


@pytest.fixture
def webs(redis: redis_py.Redis, redis_url: str, tmp_path: Path) -> Webs:
    (tmp_path / "queues.yaml").write_text("version: 1\nqueues: {sales: {title: {en: Sales}}}\n")
    (tmp_path / "asking.yaml").write_text(ASKING)
    shell = Shell(redis_url, default="asking", flows=tmp_path, http_hosts=frozenset({"crm.example"}))
    return Webs(shell, redis)


@pytest.mark.parametrize("first", ["one", "other"])
def test_a_request_is_sent_once_however_often_the_network_asks_meanwhile(webs: Webs, first: str) -> None:
    """Also when its first claim would have ended by the second request, and by whichever web process the turn was saved."""
    asked, again = (webs.one, webs.other) if first == "one" else (webs.other, webs.one)
    meanwhile: list[Reply] = []
    left: list[int] = []

    def answering(_step: str) -> None:
        left.append(int(webs.redis.pttl(*webs.claims())))
        meanwhile.extend(web.wake("c1", webs.turn, Digits("1")) for web in (again, asked))

    webs.answering = answering
    reply = asked.wake("c1", webs.turn, Digits("1"))
    assert webs.sent == ["order", "pay"]
    assert [(each.turn, each.again) for each in meanwhile] == [(webs.turn, True)] * 4
    assert all(said(each) == " ".join(KEPT) for each in meanwhile)
    order, pay = 3_000 * 2 + LOOK_UP_MS, 1_000 * 2 + LOOK_UP_MS
    assert order - 2_000 < left[0] <= order
    assert pay - 2_000 < left[1] <= pay, "counted from the request that is being waited for"
    assert (said(reply), reply.again) == ("Thank you.", False)
    assert [web.wake("c1", webs.turn, Digits("1")) for web in (again, asked)] == [reply, reply]
    assert webs.sent == ["order", "pay"]


def test_a_web_process_that_remembers_the_turn_before_sends_nothing_again(webs: Webs) -> None:
    reply = webs.other.wake("c1", webs.turn, Digits("1"))
    webs.redis.delete(*webs.claims())  # their time is over
    assert webs.one.wake("c1", webs.turn, Digits("1")).again, "it finds out that it does not know"
    assert webs.one.wake("c1", webs.turn, Digits("1")) == reply
    assert webs.sent == ["order", "pay"]


def test_what_a_web_process_was_at_when_it_was_killed_is_sent_again_after_its_time(webs: Webs) -> None:
    def killed(_step: str) -> None:
        raise KeyboardInterrupt

    webs.answering = killed
    with pytest.raises(KeyboardInterrupt):
        webs.one.wake("c1", webs.turn, Digits("1"))
    webs.answering = lambda step: None
    assert webs.other.wake("c1", webs.turn, Digits("1")).again, "it may be at it still"
    assert webs.redis.pttl(*webs.claims()) > 0
    webs.redis.delete(*webs.claims())
    assert said(webs.other.wake("c1", webs.turn, Digits("1"))) == "Thank you."
    assert webs.sent == ["order", "order", "pay"]


def test_a_turn_that_fails_may_ask_on_its_way_out_what_nobody_else_may(webs: Webs) -> None:
    def answering(step: str) -> None:
        meanwhile.append(webs.other.wake("c1", webs.turn, Digits("1")).again)
        if step == "order":
            fail()

    meanwhile: list[bool] = []
    webs.answering = answering
    assert "Thank you." in said(webs.one.wake("c1", webs.turn, Digits("1")))
    assert webs.sent == ["order", "tell"]
    assert meanwhile == [True, True]


def test_a_turn_that_asks_no_server_claims_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(shell.calls.sessions), "claim", fail)
    reply = shell.calls.wake("c1", in_menu(shell), Digits("1"))
    assert isinstance(reply.instruction, Hold)
    assert not reply.again
    assert shell.events("step_failed") == []


# Redis goes away


@pytest.fixture
def away(tmp_path: Path) -> Iterator[tuple[Settings, Callable[[], None], Callable[[], None]]]:
    """The settings of an embedded server of our own, a way to kill it, and one to start it again."""
    settings = Settings(redis_url="", data_dir=tmp_path / "var", secret_key="x" * 32)
    url = redis_server.ensure(settings)

    def kill() -> None:
        with redis_server.connect(url) as client:
            pid = int(client.info("server")["process_id"])
        os.kill(pid, signal.SIGKILL)
        while redis_server.answers(redis_server.socket_path(redis_server.home_of(settings))):
            pass

    def start() -> None:
        redis_server.ensure(settings)

    yield settings, kill, start
    redis_server.release(settings)


def kept(shell: Shell, call: str = "c1") -> bool:
    return shell.network.calls[call].heard[-len(KEPT) :] == KEPT


def test_while_redis_is_away_callers_are_kept_and_then_go_on_where_they_were(
    away: tuple[Settings, Callable[[], None], Callable[[], None]],
) -> None:
    settings, kill, start = away
    shell = Shell("", data_dir=settings.data_dir)
    shell.dials_in("1")
    shell.network.run_due()
    assert shell.step() == "main"
    kill()
    newcomer = shell.dials_in("3", number="+5511900000003", call="c2")
    newcomer.only = ("gather",)
    due = shell.clock.now_ms() + 40_000
    while shell.clock.now_ms() < due:  # the keys he presses come while nobody can take them
        shell.clock.advance(min(500, due - shell.clock.now_ms()))
        shell.network.run_due()
    assert kept(shell)
    assert kept(shell, "c2")
    start()
    due = shell.clock.now_ms() + 60_000
    while shell.clock.now_ms() < due:
        shell.clock.advance(500)
        shell.network.run_due()
    assert shell.step() == "q_sales", "the 1 that he pressed was not lost"
    steps = [event.data["step"] for event in shell.events("step_entered") if event.call == "c2"]
    assert steps[:4] == ["welcome", "is_open", "main", "support"], "who came in meanwhile is answered"
    assert newcomer.over == []
    assert [event.data["digits"] for event in shell.events("digits_pressed")] == ["1", "3"]


# what nobody may see

CPF = "52998224725"


def test_sensitive_digits_reach_the_company_and_nothing_else(
    redis: redis_py.Redis, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    shell = Shell(redis_url, demo=True)
    got: list[dict[str, Any]] = []
    app = control(shell.network, shell.key)

    app.before_request(lambda: got.append(request.get_json()))

    server = serve(app, "127.0.0.1", 0)
    shell = Shell(redis_url, demo=True, simulator_url=f"http://127.0.0.1:{server.port}")
    caplog.set_level(logging.DEBUG)
    try:
        with capture_logs() as logged:
            shell.dials_in("2", "111", CPF)
            shell.run(90_000)
    finally:
        server.shutdown()
    assert got == [{"cpf": CPF}]
    assert shell.step() == "q_vip", "the company knows him"
    told = " ".join(str(event.as_fields()) for event in shell.events())
    assert "•" * 11 in told
    replies = " ".join(redis.hget(key, "reply") or "" for key in redis.scan_iter("*session:*"))
    heard = " ".join(shell.network.calls["c1"].heard)
    for place in (told, str(logged), caplog.text, replies, heard, str(shell.answers)):
        assert CPF not in place


def test_no_number_stands_in_an_event_or_a_log_line(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged:
        shell.dials_in("1", Leave(30_000))
        shell.run(90_000)
    assert shell.entry().state is EntryState.ABANDONED
    for place in (str([event.as_fields() for event in shell.events()]), str(logged), caplog.text):
        assert NUMBER[3:] not in place


def test_a_message_is_left_after_hours(shell: Shell) -> None:
    shell.clock.advance(12 * 3_600_000)
    shell.dials_in(Speak(9_000))
    shell.run(120_000)
    (left,) = shell.events("voicemail_left")
    assert (left.data["box"], left.data["seconds"]) == ("front_desk", "9")


def test_a_caller_who_hangs_up_while_the_agent_s_phone_rings_stops_it(shell: Shell) -> None:
    agent = shell.agent()
    agent.ring_ms = 15_000
    shell.dials_in("1", Leave(2_000))
    shell.run(60_000)
    assert shell.entry().state is EntryState.ABANDONED
    assert agent.over[0][1] is Outcome.CANCELED
