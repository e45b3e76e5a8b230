"""Two Asterisks, one line: a caller at one node talks with an agent whose phone is at the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from company import CUSTOMER, MUSIC, Company, Desk
from hearing import AGENT, OTHER_AGENT
from rig import Call, until
from stories import Told, story, tell_all
from test_in_talk import refer

from callback.model import AgentState

pytestmark = pytest.mark.slow


def test_who_holds_where_no_orders_are_taken_is_passed_over_and_then_served_in_his_place(asterisk_binary: Path) -> None:
    """The control process of one node has died, and nobody starts it again: its Asterisk and its callers are well."""
    with Company({"one": ""}, asterisk_binary, nodes=2) as company:
        desk = company.desk("one")
        first = far_caller(desk)
        head = desk.entry()
        company.kill("asterisk-node2")
        until(lambda: "node2" in company.missing(), "node2 takes no orders", company.told, every_s=0.2)
        second = desk.in_line("+5511988870002")
        phone = desk.agent()
        agent = desk.talks()
        desk.both_talk(second, agent)
        assert [one.entry for one in company.events("set_aside")] == [head.id] * len(company.events("set_aside"))
        assert company.events("set_aside")
        company.restart("asterisk-node2")
        agent.hang_up()
        desk.both_talk(first, desk.talks())
        assert [call.shown("X-Retorno-Call")[-2:] for call in phone.calls()] == ["-a", "-a"], "rung for them alone"
        entry = company.parts.line.entry(head.id)
        assert entry
        assert (entry.score, entry.member) == (head.score, head.member)


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, asterisk_binary: Path) -> Iterator[Told]:
    yield from tell_all(request, asterisk_binary, nodes=2)


def far_caller(desk: Desk) -> Call:
    """The desk's customer, in line, at the node where the desk's phones are not."""
    far = next(node for node in desk.company.nodes.values() if node is not desk.node)
    call = desk.company.phones.add(desk.customer.lstrip("+"), far.sip).dial(desk.number, from_user=desk.customer)
    call.wait_up().say(CUSTOMER)
    desk.hears(call, "welcome")
    call.press("1")
    desk.hears(call, "offer")
    call.wait_hears(MUSIC)
    return call


@story()
def test_a_caller_of_the_first_node_talks_with_an_agent_of_the_second_until_he_hangs_up(desk: Desk) -> None:
    caller = far_caller(desk)
    desk.agent()
    agent = desk.talks()
    desk.both_talk(caller, agent)
    caller.hang_up()
    agent.wait_ended()
    desk.entry_is("completed")
    desk.agent_is(AgentState.READY)


@story()
def test_a_caller_of_the_second_node_talks_with_an_agent_of_the_first_who_hangs_up(desk: Desk) -> None:
    caller = far_caller(desk)
    desk.agent()
    agent = desk.talks()
    desk.both_talk(caller, agent)
    agent.hang_up()
    desk.hears(caller, "rate")
    desk.entry_is("completed")


@story()
def test_who_called_at_one_node_is_rung_back_at_the_node_of_the_agent(desk: Desk) -> None:
    caller = far_caller(desk)
    caller.press("1")
    until(lambda: desk.entry().mode == "callback", "his place is kept", desk.told)
    caller.hang_up()
    desk.agent()
    agent = desk.talks()
    customer = desk.rings_back().answer()
    customer.say(CUSTOMER)
    desk.hears(customer, "hello")
    customer.press("1")
    desk.both_talk(customer, agent)


@story()
def test_the_transfer_key_sends_a_customer_of_the_other_node_to_another_queue(desk: Desk) -> None:
    caller = far_caller(desk)
    desk.agent()
    agent = desk.talks()
    desk.both_talk(caller, agent)
    entry = desk.entry()
    refer(agent, desk.other_queue)
    moved = desk.entry_is("waiting")
    assert (moved.id, moved.queue, moved.score) == (entry.id, desk.other_queue, entry.score)
    desk.agent_is(AgentState.READY)
    desk.agent("b", queue=desk.other_queue)
    desk.both_talk(caller, desk.talks("b"), "b")


@story()
def test_the_transfer_key_sends_a_customer_of_the_other_node_to_a_colleague_by_way_of_the_line(desk: Desk) -> None:
    caller = far_caller(desk)
    desk.agent()
    agent = desk.talks()
    desk.both_talk(caller, agent)
    colleague = desk.agent("b", queue=desk.other_queue)
    refer(agent, colleague.name)
    desk.both_talk(caller, desk.talks("b"), "b")
    assert {event.data["by"] for event in desk.events("transferred")} == {f"{desk.queue}-a"}


@story()
def test_an_agent_hands_his_customer_over_to_a_colleague_whose_phone_is_at_the_other_node(desk: Desk) -> None:
    customer = desk.in_line()
    phone = desk.agent(lines=2)
    agent = desk.talks()
    desk.both_talk(customer, agent)
    colleague = desk.agent("f", queue=desk.other_queue)
    agent.hold()
    asked = phone.dial(f"{desk.queue}-f").wait_up()
    asked.say(AGENT)
    other = colleague.wait_call().wait_up()
    other.say(OTHER_AGENT)
    asked.wait_hears(OTHER_AGENT)
    agent.refer_attended(asked)
    talks_with_the_far_colleague(desk, customer, other)


@story()
def test_an_agent_hands_his_customer_over_to_who_rang_him_from_the_other_node(desk: Desk) -> None:
    """What an outside caller may write in his call, a phone may as well: it changes nothing."""
    customer = desk.in_line()
    phone = desk.agent(lines=2)
    agent = desk.talks()
    desk.both_talk(customer, agent)
    colleague = desk.agent("f", queue=desk.other_queue)
    lie = f"{desk.queue}-b"
    lies = {"X-Retorno-Phone": lie, "P-Asserted-Identity": f"<sip:{lie}@127.0.0.1>"}
    other = colleague.dial(phone.name, display_name=lie, extra_headers=lies)
    asked = phone.wait_call().wait_up()
    other.wait_up().say(OTHER_AGENT)
    agent.hold()
    asked.say(AGENT)
    asked.wait_hears(OTHER_AGENT)
    agent.refer_attended(asked)
    talks_with_the_far_colleague(desk, customer, other)


@story()
def test_an_agent_hands_his_customer_over_by_keys_to_a_colleague_at_the_other_node(desk: Desk) -> None:
    customer = desk.in_line()
    desk.agent()
    agent = desk.talks()
    desk.both_talk(customer, agent)
    colleague = desk.agent("n", queue=desk.other_queue)
    agent.press("*2")
    customer.wait_hears(MUSIC)
    agent.press(colleague.name)
    other = colleague.wait_call().wait_up()
    other.say(OTHER_AGENT)
    agent.wait_hears(OTHER_AGENT)
    agent.hang_up()
    talks_with_the_far_colleague(desk, customer, other, "n")


def talks_with_the_far_colleague(desk: Desk, customer: Call, other: Call, who: str = "f") -> None:
    desk.both_talk(customer, other, "b")
    desk.agent_is(AgentState.ON_CALL, who)
    desk.agent_is(AgentState.READY)
    assert desk.entry().state == "connected"
    other.hang_up()
    desk.hears(customer, "rate")
    desk.entry_is("completed")
    desk.agent_is(AgentState.READY, who)
