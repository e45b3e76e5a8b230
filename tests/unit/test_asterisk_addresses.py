"""Addresses of the Asterisk side: only what has a strict form is dialled, and trunks' numbers are read as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.providers.asterisk.addresses import (
    BadAddress,
    Kind,
    Target,
    called_number,
    channel,
    incoming_number,
    phone_target,
    transfer_target,
)
from ivr.providers.asterisk.nodes import Address, Node, Phone, Site, Trunk

NODE = Node("node1", Address("127.0.0.1", 5060), (10000, 20000), Address("127.0.0.1", 5038), Path("/s"), Path("/e"))
SITE = Site(
    webs=("http://127.0.0.1:8000",),
    nodes={"node1": NODE, "node2": NODE},
    trunks={
        "carrier": Trunk("carrier", Address("sip.carrier.example", 5060), nodes=("node1", "node2")),
        "partner": Trunk("partner", Address("pbx.partner.example", 5060), nodes=("node1",)),
    },
    outgoing="carrier",
    phones={"ana": Phone("ana", "node1"), "desk-2": Phone("desk-2", "node2"), "2001": Phone("2001", "node2")},
)
ALONE = Site(webs=(), nodes={"node1": NODE})


@pytest.mark.parametrize(
    ("address", "via", "expected"),
    [
        ("PJSIP/ana", "", "PJSIP/ana"),
        ("PJSIP/desk-2", "", "PJSIP/desk-2"),
        ("PJSIP/ana", "node2", "PJSIP/ana@peer_node2"),
        ("+5511999990001", "", "PJSIP/+5511999990001@carrier"),
        ("+5511999990001", "node2", "PJSIP/+5511999990001@carrier"),
        ("sip:bob@pbx.partner.example", "", "PJSIP/bob@partner"),
        ("sips:bob.b@PBX.partner.example:5060", "", "PJSIP/bob.b@partner"),
    ],
)
def test_an_address_of_a_known_form_has_a_channel(address: str, via: str, expected: str) -> None:
    assert channel(address, SITE, via) == expected


@pytest.mark.parametrize(
    ("address", "site", "says"),
    [
        ("PJSIP/bob", SITE, "no phone is called 'bob' in asterisk.yaml; there are: 2001, ana, desk-2"),
        ("PJSIP/ana&PJSIP/desk-2", SITE, "no phone is called '?'"),
        ("PJSIP/ana\r\nAction: Logoff", SITE, "no phone is called '?'"),
        ("PJSIP/", SITE, "no phone"),
        ("pjsip/ana", SITE, "expected PJSIP/<phone>"),
        ("Local/ana@retorno", SITE, "expected PJSIP/<phone>"),
        ("5511999990001", SITE, "expected PJSIP/<phone>"),
        ("+5511999990001@evil", SITE, "expected PJSIP/<phone>"),
        ("+55119999900012345", SITE, "expected PJSIP/<phone>"),
        ("+5511999990001\n", SITE, "expected PJSIP/<phone>"),
        ("+٥٥١١٩٩٩٩٩٠٠٠١", SITE, "expected PJSIP/<phone>"),
        ("+5511999990001", ALONE, "expected `outgoing: <trunk>`"),
        ("sip:bob@evil.example", SITE, "no trunk of asterisk.yaml leads"),
        ("sip:bob@pbx.partner.example:5061", SITE, "no trunk of asterisk.yaml leads"),
        ("200", SITE, "expected PJSIP/<phone>"),
        ("sip:bob@pbx.partner.example;x=y", SITE, "expected PJSIP/<phone>"),
        ("sip:${SHELL(id)}@pbx.partner.example", SITE, "expected PJSIP/<phone>"),
        ("sim:ana", SITE, "expected PJSIP/<phone>"),
        ("", SITE, "expected PJSIP/<phone>"),
    ],
)
def test_any_other_address_is_refused_with_what_is_expected(address: str, site: Site, says: str) -> None:
    with pytest.raises(BadAddress, match=says.replace("?", r"\?")):
        channel(address, site)


def test_a_node_that_is_not_in_the_file_is_no_way_to_a_phone() -> None:
    with pytest.raises(BadAddress, match="no node"):
        channel("PJSIP/ana", SITE, "node3")


@given(st.text(alphabet=st.sampled_from("PJSI/an+0159sip:@.,&;$ {}()\r\n%-"), max_size=24))
def test_no_text_makes_a_channel_with_a_second_destination_an_expression_or_a_line(text: str) -> None:
    try:
        made = channel(text, SITE)
    except BadAddress:
        return
    assert not set(made) & set("&,;${}()\r\n%")


@pytest.mark.parametrize(
    ("to", "expected", "dialled"),
    [
        ("+551130001000", Target(Kind.TRUNK, "+551130001000", "carrier"), "+551130001000@carrier"),
        ("sip:bob@pbx.partner.example", Target(Kind.SIP, "bob", "partner"), "bob@partner"),
        ("200", Target(Kind.PHONE, "200"), "200"),
        ("2001", Target(Kind.PHONE, "2001"), "2001@peer_node2"),
    ],
)
def test_a_transfer_leads_where_the_flow_says(to: str, expected: Target, dialled: str) -> None:
    assert transfer_target(to, SITE) == expected
    assert expected.on(SITE, "node1") == dialled


def test_a_phone_is_dialled_by_its_name_where_it_is_registered_and_through_the_other_node_elsewhere() -> None:
    assert phone_target("PJSIP/ana", SITE).on(SITE, "node1") == "ana"
    assert phone_target("PJSIP/ana", SITE).on(SITE, "node2") == "ana@peer_node1"


def test_a_node_without_the_trunk_is_no_way_out() -> None:
    with pytest.raises(BadAddress, match="node node2 has not the trunk partner"):
        transfer_target("sip:bob@pbx.partner.example", SITE).on(SITE, "node2")


@pytest.mark.parametrize("to", ["2", "2000000", "ana", "PJSIP/ana", "200,10", "sip:a b@c", "+0551130001000", ""])
def test_a_transfer_that_leads_nowhere_is_refused(to: str) -> None:
    with pytest.raises(BadAddress, match="or, in a flow, an extension"):
        transfer_target(to, SITE)


@pytest.mark.parametrize(
    ("given", "country", "expected"),
    [
        ("+5511999990001", "BR", "+5511999990001"),
        ("005511999990001", "BR", "+5511999990001"),
        ("5511999990001", "BR", "+5511999990001"),
        ("11999990001", "BR", "+5511999990001"),
        ("011999990001", "BR", "+5511999990001"),
        ("01511999990001", "BR", "+5511999990001"),  # 0, carrier 15, area 11
        ("(11) 99999-0001", "BR", "+5511999990001"),
        ("1130001000", "BR", "+551130001000"),
        ("+12125550123", "BR", "+12125550123"),
        ("12125550123", "BR", "+12125550123"),  # no number at home: a foreign one without +
        ("0012125550123", "BR", "+12125550123"),
        ("351912345678", "BR", "+351912345678"),
        ("2125550123", "US", "+12125550123"),
        ("912345678", "ES", "+34912345678"),
        ("anonymous", "BR", ""),
        ("Restricted", "BR", ""),
        ("", "BR", ""),
        ("0", "BR", ""),
        ("200", "BR", ""),
        ("+5500", "BR", ""),
        ("+999123456789", "BR", ""),
        ("11999990001;ext=2", "BR", ""),
        ('x" | "1"="1', "BR", ""),
        ("11999990001\n", "BR", "+5511999990001"),
        ("١١٩٩٩٩٩٠٠٠١", "BR", ""),
    ],
)
def test_a_callers_number_is_read_as_trunks_give_it_or_counts_as_withheld(
    given: str, country: str, expected: str
) -> None:
    assert incoming_number(given, country) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1130001000", "+551130001000"),
        ("+551130001000", "+551130001000"),
        ("700", "700"),
        ("s", "s"),
        ("vendas", "vendas"),
    ],
)
def test_a_called_number_that_is_none_stays_as_it_was_dialled(given: str, expected: str) -> None:
    assert called_number(given, "BR") == expected
