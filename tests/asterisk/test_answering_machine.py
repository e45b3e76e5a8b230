"""Who has answered: a person, or a machine? The guess of a node, made of speech in three languages.

Law: what is asserted is what a real Asterisk told a web server, of a phone that really spoke.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from company import AGENT, CUSTOMER, PITCH, Desk
from dialplan_lab import Lab, Web, bye, gather, sounds
from rig import Answer, Call, Phones
from stories import Told, story, tell_all

from ivr.config import Settings
from ivr.speech.sounds import sounds_from

pytestmark = pytest.mark.slow

SAID = {
    "alo": ("pt-BR", "Alô?", "human"),
    "bueno": ("es", "Bueno, ¿quién habla?", "human"),
    "company": ("pt-BR", "Padaria Central, bom dia.", "human"),
    "maria": ("en", "Hello, this is Maria speaking.", "human"),
    "department": ("en", "Aurora Telecom, commercial department, Maria speaking, good morning.", "machine"),
    "silence": ("", "", "unsure"),
    "voicemail": (
        "pt-BR",
        "Você ligou para Ana Souza. No momento não posso atender. Deixe o seu recado depois do sinal, com o seu nome e o seu "
        "telefone, e eu ligo de volta assim que puder. Obrigada.",
        "machine",
    ),
}


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Web() as one:
        yield one


@pytest.fixture(scope="module")
def lab(asterisk_binary: Path, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab("node1", tmp_path_factory.mktemp("lab"), asterisk_binary, (web.url,)) as one:
        yield one


@pytest.fixture(scope="module")
def phones() -> Iterator[Phones]:
    with Phones() as many:
        yield many


def spoken(lang: str, text: str, file: Path) -> bytes:
    """A third of a second of silence, then the text, as a voice says it into `file`."""
    if not text:
        return b""
    sounds_from(Settings()).engine.speak(text, lang, file, 60.0)
    return b"\xff" * 2400 + file.read_bytes()


@pytest.mark.parametrize("who", SAID)
def test_what_the_node_takes_it_for(lab: Lab, web: Web, phones: Phones, who: str, tmp_path: Path) -> None:
    lang, text, expected = SAID[who]
    said = Answer(says=spoken(lang, text, tmp_path / "said.ulaw"))
    ana = phones.add("ana", lab.node.sip, secret=lab.secret("ana"), registers=True, behaviour=said)
    web.tell(f"{who}-c", gather(open=sounds(600)), bye())
    lab.originate(f"{who}-c", "PJSIP/ana", Variable="RETORNO_LISTEN=1")
    call = ana.wait_call().wait_up()
    call.wait_hears(600)
    call.press("1")
    call.wait_ended()
    first, second = web.heard(f"{who}-c")
    assert (first["path"], first["machine"]) == ("answered", expected)
    assert second["d"] == "1"


@pytest.mark.parametrize("by", ["rtp", "info"])
@pytest.mark.parametrize("who", ["silence", "alo", "voicemail"])
def test_who_presses_keys_while_the_node_listens_is_a_person_and_has_pressed_them(
    lab: Lab, web: Web, phones: Phones, who: str, by: Literal["rtp", "info"], tmp_path: Path
) -> None:
    lang, text, _ = SAID[who]
    said = Answer(says=spoken(lang, text, tmp_path / "said.ulaw"))
    ana = phones.add("ana", lab.node.sip, secret=lab.secret("ana"), registers=True, behaviour=said)
    called = f"{who}-{by}-c"
    web.tell(called, gather(open=sounds(600)), gather(open=sounds(700)), bye())
    lab.originate(called, "PJSIP/ana", Variable="RETORNO_LISTEN=1")
    call = ana.wait_call().wait_up()
    call.press("21", by)
    call.wait_ended()
    first, second, third = web.heard(called)
    assert (first["path"], first["machine"]) == ("answered", "human")
    assert (second["d"], third["d"]) == ("2", "1")
    assert not call.first_heard(600)
    assert not call.first_heard(700)


def test_nobody_listens_unless_told_to(lab: Lab, web: Web, phones: Phones) -> None:
    ana = phones.add("ana", lab.node.sip, secret=lab.secret("ana"), registers=True, behaviour=Answer())
    web.tell("plain-c", bye())
    lab.originate("plain-c", "PJSIP/ana")
    ana.wait_call().wait_ended()
    assert "machine" not in web.heard("plain-c")[0]


# The same in whole conversations: it is a hint, and what a person presses decides.


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest, asterisk_binary: Path) -> Iterator[Told]:
    yield from tell_all(request, asterisk_binary)


def rung_back(desk: Desk, who: str) -> tuple[Call, Call]:
    """Somebody has booked a callback and is rung: the agent's call, and his own, at which that is said."""
    caller = desk.in_line()
    caller.press("1")
    caller.wait_ended()
    desk.agent()
    agent = desk.talks()
    lang, text, _ = SAID[who]
    customer = desk.rings_back()
    said = spoken(lang, text, desk.company.folder / f"{desk.queue}.ulaw")
    customer.answer().say(said, repeats=False)
    return agent, customer


@story("callbacks: {detect_machine: true}")
def test_a_voicemail_gets_our_word_and_is_a_machine_by_its_silence(desk: Desk) -> None:
    agent, machine = rung_back(desk, "voicemail")
    first = desk.hears(machine, "message")
    desk.hears(machine, "message", first + 1.0)
    assert not machine.hears(PITCH["hello"])
    machine.wait_ended()
    agent.wait_ended()
    assert desk.entry_is("scheduled").tries == {"machine": 1}


@story("callbacks: {detect_machine: true}")
def test_a_person_who_is_taken_for_a_machine_presses_1_and_talks(desk: Desk) -> None:
    agent, customer = rung_back(desk, "voicemail")
    desk.hears(customer, "message")
    customer.say(2400)
    customer.press("1")
    desk.both_talk(customer, agent)


@story("callbacks: {detect_machine: true}")
def test_a_person_who_presses_1_before_we_have_said_anything_talks_at_once(desk: Desk) -> None:
    """The voice of his voicemail may have begun, and he has taken the call from it."""
    agent, customer = rung_back(desk, "voicemail")
    customer.press("1")
    customer.wait_hears(AGENT)
    customer.say(CUSTOMER)
    desk.both_talk(customer, agent)
    assert not customer.first_heard(PITCH["message"])
    assert not customer.first_heard(PITCH["hello"])
    assert len(customer.pressed) == 1


@story("callbacks: {detect_machine: true}")
def test_a_person_who_is_taken_for_one_hears_what_everybody_hears(desk: Desk) -> None:
    agent, customer = rung_back(desk, "alo")
    desk.hears(customer, "hello")
    customer.say(2400)
    customer.press("1")
    desk.both_talk(customer, agent)
    assert not customer.hears(PITCH["message"])
