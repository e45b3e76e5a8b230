"""A transfer as the customer hears it: the real parts, the shipped flows and the simulated network, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis as redis_py
from shell import Shell

from callback import talks
from callback.model import AgentState, EntryState, Order
from ivr.instructions import Hold, Join
from ivr.ports import Gone, Listening, Refused
from ivr.words import SENTENCES


@pytest.fixture
def shell(redis: redis_py.Redis, redis_url: str) -> Shell:
    return Shell(redis_url)


def heard(shell: Shell, call: str = "c1") -> str:
    return " ".join(shell.network.calls[call].heard)


def talking(shell: Shell) -> str:
    """Ana, of sales, and c1 talk; the attempt."""
    shell.agent("ana", ("sales",))
    shell.dials_in("1", None, None, "5")
    shell.run(60_000)
    (talk,) = shell.line.talks()
    assert shell.network.talks[-1][2] == (talk.agent_call, "c1")
    return talk.attempt


@pytest.mark.parametrize("by", ["supervisor", "telephone"])
def test_who_is_sent_on_hears_so_waits_there_and_talks_again(shell: Shell, by: str) -> None:
    attempt = talking(shell)
    entry = shell.entry().id
    if by == "supervisor":
        shell.line.transfer(attempt, "support", "boss")
        shell.run(2_000)
    else:
        shell.network.transfers("c1", "support")
        shell.run(2_000)
    assert shell.network.calls[f"{attempt}-a"].state == "ended", "the agent's leg is hung up"
    assert (shell.an_agent().state, shell.entry().id) == (AgentState.WRAP_UP, entry)
    assert (shell.entry().state, shell.entry().queue) == (EntryState.WAITING, "support")
    assert shell.network.calls["c1"].do["do"] == "hold"
    assert "Vamos transferir você." in heard(shell)
    assert heard(shell).endswith(SENTENCES["pt-BR"]["position_first"])
    shell.agent("bia", ("support",))
    shell.run(60_000)
    (talk,) = shell.line.talks()
    assert (talk.entry, talk.agent, talk.queue) == (entry, "bia", "support")
    shell.network.puts_down(talk.agent_call)
    shell.run(30_000)
    assert shell.entry().state is EntryState.COMPLETED
    assert "De 1 a 5" in heard(shell), "after the talk he goes on where his flow says"


def test_who_is_sent_to_nobody_hears_so_and_has_his_old_place(shell: Shell) -> None:
    attempt = talking(shell)
    score = shell.entry().score
    shell.network.transfers("c1", "999")
    shell.run(2_000)
    assert "Não foi possível transferir você." in heard(shell)
    assert (shell.entry().state, shell.entry().queue, shell.entry().score) == (EntryState.WAITING, "sales", score)
    assert shell.line.store.attempt(attempt)
    shell.line.ready("ana")
    shell.run(60_000)
    assert shell.entry().state is EntryState.CONNECTED


def test_an_agent_takes_the_customer_before_the_network_has_told_of_the_end_of_the_first_talk(shell: Shell) -> None:
    attempt = talking(shell)
    shell.agent("bia", ("support",))
    shell.line.transfer(attempt, "support", "boss")
    shell.run(60_000)
    (talk,) = shell.line.talks()
    assert (talk.agent, shell.network.calls["c1"].room) == ("bia", talk.attempt)
    assert shell.network.doubles == 0


def test_a_customer_whom_we_rang_is_sent_on_as_well(shell: Shell) -> None:
    person = shell.dials_in("1", None, "1", "1", "1")
    shell.run(120_000)
    person.plan = ["1"]
    shell.agent("ana", ("sales",))
    shell.run(60_000)
    (talk,) = shell.line.talks()
    shell.line.transfer(talk.attempt, "support", "boss")
    shell.run(2_000)
    assert "Vamos transferir você." in heard(shell, talk.customer_call)
    shell.run(90_000)
    assert shell.network.calls[talk.customer_call].do["do"] == "hold"
    found = shell.line.entry(talk.entry)
    assert found
    assert (found.state, found.queue) == (EntryState.WAITING, "support")
    shell.agent("bia", ("support",))
    shell.run(60_000)
    (again,) = shell.line.talks()
    assert (again.entry, again.customer_call) == (talk.entry, talk.customer_call)
    shell.network.puts_down(again.agent_call)
    shell.run(30_000)
    assert "Obrigado. Até logo." in heard(shell, talk.customer_call)


def test_one_who_was_sent_on_and_hangs_up_leaves_the_line(shell: Shell) -> None:
    attempt = talking(shell)
    shell.line.transfer(attempt, "support", "boss")
    shell.run(5_000)
    shell.network.puts_down("c1")
    shell.run(5_000)
    assert shell.entry().state is EntryState.ABANDONED


def test_the_same_word_of_a_transfer_twice_is_one(shell: Shell) -> None:
    talking(shell)
    turn = shell.network.calls["c1"].turn
    first = shell.calls.transferred("c1", turn, "support")
    again = shell.calls.transferred("c1", turn, "billing")
    assert isinstance(first.instruction, Hold)
    assert (again.turn, again.instruction) == (first.turn, first.instruction)
    assert shell.entry().queue == "support"


def test_the_word_of_a_transfer_that_comes_when_he_talks_with_the_next_agent_leaves_him_there(shell: Shell) -> None:
    """A web server that hung had it in its hands."""
    talking(shell)
    turn = shell.network.calls["c1"].turn
    shell.network.transfers("c1", "support")
    shell.run(5_000)
    shell.agent("bia", ("support",))
    shell.run(60_000)
    (talk,) = shell.line.talks()
    assert talk.agent == "bia"
    late = shell.calls.transferred("c1", turn, "billing")
    assert isinstance(late.instruction, Join)
    assert shell.line.talks() == (talk,)


def test_a_transfer_of_a_call_that_nobody_knows_ends_with_a_word(shell: Shell) -> None:
    reply = shell.calls.transferred("nobody", 3, "support")
    assert reply.instruction.speech


@pytest.mark.parametrize("order", ["live", "agent_first", "customer_first"])
def test_where_a_queue_says_so_talks_are_recorded_on_the_customers_side(shell: Shell, order: str) -> None:
    rules = {name: replace(queue, record=name == "sales") for name, queue in shell.line.queues().items()}
    if order != "live":
        callbacks = replace(rules["sales"].callbacks, order=Order(order))
        rules["sales"] = replace(rules["sales"], callbacks=callbacks)
    object.__setattr__(shell.line, "queues", lambda: rules)
    person = shell.dials_in("1", None, None if order == "live" else "1", "1", "1")
    shell.run(120_000)
    person.plan = ["1"]
    shell.agent("ana", ("sales",))
    shell.run(60_000)
    (talk,) = shell.line.talks()
    assert [(call, on) for _, call, on in shell.network.recorded] == [(talk.customer_call, True)]
    shell.network.puts_down(talk.agent_call)
    shell.run(5_000)
    assert [on for _, _, on in shell.network.recorded] == [True, False]


def test_recording_is_stopped_and_gone_on_with_as_asked(shell: Shell) -> None:
    attempt = talking(shell)
    assert shell.network.recorded == []
    talks.record(shell.line, shell.network, attempt, True)
    talks.record(shell.line, shell.network, attempt, False)
    talks.record(shell.line, shell.network, attempt, False)
    assert [(call, on) for _, call, on in shell.network.recorded] == [("c1", True), ("c1", False)]


def test_a_supervisor_listens_to_the_agents_call(shell: Shell) -> None:
    attempt = talking(shell)
    shell.network.people["sim:boss"] = shell.network.people["sim:ana"]
    talks.listen(shell.line, shell.network, attempt, "sim:boss", Listening.WHISPER)
    assert [one[1:] for one in shell.network.listened] == [("sim:boss", f"{attempt}-a", "whisper")]
    with pytest.raises(Refused):
        talks.listen(shell.line, shell.network, attempt, "sim:nobody", Listening.LISTEN)


@pytest.mark.parametrize(
    "phone", ["+19005550100", "+441632960001", "sip:+19005550100@carrier", "sip:001-900.555-0100@carrier"]
)
def test_a_supervisor_is_not_rung_at_a_number_that_no_customer_could_have(shell: Shell, phone: str) -> None:
    attempt = talking(shell)
    shell.network.people[phone] = shell.network.people["sim:ana"]
    with pytest.raises(Refused, match="RETORNO_REGIONS") as refused:
        talks.listen(shell.line, shell.network, attempt, phone, Listening.LISTEN)
    assert (refused.value.permanent, shell.network.listened) == (True, [])


@pytest.mark.parametrize("phone", ["+5511987654321", "sip:+5511987654321@carrier", "sip:boss@pbx", "sip:2001@pbx"])
def test_a_supervisor_listens_from_wherever_he_may_be_rung(shell: Shell, phone: str) -> None:
    attempt = talking(shell)
    shell.network.people[phone] = shell.network.people["sim:ana"]
    talks.listen(shell.line, shell.network, attempt, phone, Listening.BARGE)
    assert [one[1] for one in shell.network.listened] == [phone]


def test_a_talk_that_has_just_ended_is_none(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = talking(shell)

    def gone(*_: object) -> None:
        raise Gone("just now")

    monkeypatch.setattr(shell.network, "record", gone)
    monkeypatch.setattr(shell.network, "listen", gone)
    with pytest.raises(talks.NotTalking, match="just ended"):
        talks.record(shell.line, shell.network, attempt, True)
    with pytest.raises(talks.NotTalking, match="just ended"):
        talks.listen(shell.line, shell.network, attempt, "sim:boss", Listening.BARGE)
