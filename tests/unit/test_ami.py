"""The manager connection against a scripted node on a real socket: whatever it sends or fails to send, we stay usable."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from waiting import until

from ivr.providers.asterisk import ami as module
from ivr.providers.asterisk.ami import Ami, AmiDown, AmiRefused, AmiTimeout, Pack

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
PATIENCE_S = 20.0


@dataclass
class Node:
    """A node that does what its `script` says for each action; `None`: what Asterisk would."""

    script: Callable[[Node, dict[str, str]], bytes | None] = lambda _node, _action: None
    banner: bytes = BANNER
    refuses: bool = False
    boots: bool = True
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    line: socket.socket | None = None
    listening: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.listening.getsockname()
        return host, port

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.listening.accept()
                self.connections += 1
                self.line = line
                threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        with suppress(OSError):
            line.sendall(self.banner)
            data = b""
            while read := line.recv(4096):
                self.heard.append(read)
                data += read
                while b"\r\n\r\n" in data:
                    pack, data = data.split(b"\r\n\r\n", 1)
                    fields = dict(row.split(": ", 1) for row in pack.decode().split("\r\n") if ": " in row)
                    line.sendall(self._reply(fields))

    def _reply(self, action: dict[str, str]) -> bytes:
        own = self.script(self, action)
        if own is not None:
            return own
        done = b"Response: Success\r\nActionID: %s\r\n\r\n" % action["ActionID"].encode()
        if action["Action"] == "Login":
            if self.refuses:
                return b"Response: Error\r\nActionID: %s\r\nMessage: Authentication failed\r\n\r\n" % (
                    action["ActionID"].encode()
                )
            return done + (b"Event: FullyBooted\r\nUptime: 3\r\n\r\n" if self.boots else b"")
        return done

    def says(self, data: bytes) -> None:
        assert self.line is not None
        self.line.sendall(data)


@dataclass
class Listener:
    events: list[Pack] = field(default_factory=list)
    ups: int = 0
    downs: int = 0
    fails: bool = False
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def event(self, event: Pack) -> None:
        self.gate.wait(PATIENCE_S)
        self.events.append(event)
        if self.fails:
            raise RuntimeError("a listener may fail")

    def up(self) -> None:
        self.ups += 1

    def down(self) -> None:
        self.downs += 1


@contextmanager
def connected(node: Node, listener: Listener, hears: str = "Hangup Newchannel") -> Iterator[Ami]:
    threading.Thread(target=node.serve, daemon=True).start()
    ami = Ami(
        node.address,
        "retorno",
        "s3cret",
        hears=frozenset(hears.split()),
        on_event=listener.event,
        on_up=listener.up,
        on_down=listener.down,
    )
    ami.start()
    try:
        yield ami
    finally:
        listener.gate.set()
        ami.stop()
        node.listening.close()
        if node.line:
            node.line.close()
        assert not [t for t in ami.threads if t.is_alive()]


@pytest.fixture
def listener() -> Listener:
    return Listener()


def test_up_is_told_after_login_and_boot(listener: Listener) -> None:
    node = Node()
    with connected(node, listener) as ami:
        until(lambda: listener.ups == 1, "up")
        assert ami.up
        assert ami.act("Ping")["Response"] == "Success"
    assert b"Action: Logoff" in b"".join(node.heard)


def test_no_action_before_the_connection_is_up_is_sent(listener: Listener) -> None:
    node = Node(boots=False)
    with connected(node, listener) as ami:
        until(lambda: b"Login" in b"".join(node.heard), "login")
        with pytest.raises(AmiDown) as told:
            ami.act("Ping")
        assert not told.value.sent


def test_a_message_cut_anywhere_is_one_message(listener: Listener) -> None:
    node = Node()
    with connected(node, listener):
        until(lambda: listener.ups, "up")
        for byte in b"Event: Hangup\r\nUniqueid: 1.1\r\nCause: 16\r\n\r\nEvent: Hangup\r\nUniqueid: 1.2\r\n\r\n":
            node.says(bytes([byte]))
        until(lambda: len(listener.events) == 2, "both events")
    assert [event["Uniqueid"] for event in listener.events] == ["1.1", "1.2"]
    assert listener.events[0] == {"Event": "Hangup", "Uniqueid": "1.1", "Cause": "16"}


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\r", "\n"])
def test_line_ends_in_a_value_stay_in_the_value(listener: Listener, end: str) -> None:
    """The research's attack: a display name that writes the fields of a Hangup."""
    name = f"Bob{end}Channel: PJSIP/evil{end}Uniqueid: 911"
    event = f"Event: Hangup\r\nChannel: PJSIP/carrier-1\r\nCallerIDName: {name}\r\nUniqueid: 1.1\r\nExten: s\r\n\r\n"
    node = Node()
    with connected(node, listener):
        until(lambda: listener.ups, "up")
        node.says(event.encode())
        until(lambda: listener.events, "the event")
    got = listener.events[0]
    assert (got["Channel"], got["Uniqueid"], got["Exten"]) == ("PJSIP/carrier-1", "1.1", "s")
    assert got["CallerIDName"] == name


def test_of_a_field_that_comes_twice_the_first_counts(listener: Listener) -> None:
    node = Node()
    with connected(node, listener):
        until(lambda: listener.ups, "up")
        node.says(b"Event: Hangup\r\nUniqueid: 1.1\r\nUniqueid: evil\r\n\r\n")
        until(lambda: listener.events, "the event")
    assert listener.events[0]["Uniqueid"] == "1.1"


def test_garbage_between_messages_harms_nobody(listener: Listener) -> None:
    node = Node()
    with connected(node, listener) as ami:
        until(lambda: listener.ups, "up")
        node.says(
            b"\r\n\r\n\x00\xff\xfe garbage\r\nno colon\r\n\r\nResponse: Success\r\nActionID: nobody's\r\n\r\n: \r\n\r\n"
        )
        node.says(b"Event: Hangup\r\nUniqueid: 1.1\r\nCallerIDName: \xff\xfe\r\n\r\n")
        until(lambda: listener.events, "the event behind it")
        assert ami.up
        assert ami.act("Ping")["Response"] == "Success"


def test_a_response_that_comes_twice_is_answered_once(listener: Listener) -> None:
    def twice(_node: Node, action: dict[str, str]) -> bytes | None:
        row = f"Response: Success\r\nActionID: {action['ActionID']}\r\n\r\n"
        return (row + row).encode() if action["Action"] == "Twice" else None

    with connected(Node(twice), listener) as ami:
        until(lambda: listener.ups, "up")
        for _ in range(50):
            ami.act("Twice")
        assert listener.downs == 0


def test_a_message_without_end_ends_the_connection_and_the_next_one_works(listener: Listener) -> None:
    node = Node()
    with connected(node, listener) as ami:
        until(lambda: listener.ups == 1, "up")
        with suppress(OSError):
            for _ in range(400):
                node.says(b"Event: Hangup " + b"x" * 10_000)
        until(lambda: listener.ups == 2, "up again")
        assert listener.downs == 1
        assert ami.act("Ping")["Response"] == "Success"


@pytest.mark.parametrize(
    ("field_", "value"),
    [
        ("Channel", "PJSIP/ana\r\n\r\nAction: Originate"),
        ("Channel", "PJSIP/ana\nX: y"),
        ("Channel", "a\x00b"),
        ("Channel", "a\u2028b"),
        ("Channel", "a\u0085b"),
        ("Chan\r\nnel", "x"),
        ("Channel: x", "x"),
        ("", "x"),
    ],
)
def test_nothing_that_could_become_a_second_action_is_sent(listener: Listener, field_: str, value: str) -> None:
    node = Node()
    with connected(node, listener) as ami:
        until(lambda: listener.ups, "up")
        with pytest.raises(ValueError, match=r"may not hold|cannot be"):
            ami.act("Redirect", **{field_: value})
        with pytest.raises(ValueError, match="may not hold"):
            ami.act("Ping\r\nAction: Originate")
        ami.act("Ping")
    sent = b"".join(node.heard)
    assert b"Originate" not in sent
    assert b"Redirect" not in sent


@pytest.mark.parametrize(("name", "value"), [("A", "1,B=2"), ("A", "1\r\nAction: x"), ("a b", "1"), ("A(b)", "1")])
def test_a_variable_stays_one_variable(listener: Listener, name: str, value: str) -> None:
    with connected(Node(), listener) as ami:
        until(lambda: listener.ups, "up")
        with pytest.raises(ValueError, match=r"may not hold|cannot be"):
            ami.act("Originate", {name: value}, Channel="PJSIP/ana")


def test_a_refused_login_is_told_in_words_and_tried_again(
    listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    node = Node(refuses=True)
    with connected(node, listener) as ami:
        until(lambda: node.connections >= 3, "three tries")
        assert not ami.up
        node.refuses = False
        until(lambda: listener.ups == 1, "up")
    told = capsys.readouterr().out
    assert told.count("manager.conf: [retorno]") == 1
    assert "s3cret" not in told


@pytest.mark.parametrize("banner", [b"", b"Aster", b"SSH-2.0-OpenSSH_9.2\r\n", b"\r\n\r\n"])
def test_half_a_banner_or_a_stranger_is_left_and_tried_again(
    listener: Listener, banner: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.providers.asterisk.link.ANSWER_S", 0.2)
    node = Node(banner=banner)
    with connected(node, listener):
        until(lambda: node.connections >= 2, "another try")
        node.banner = BANNER
        until(lambda: listener.ups == 1, "up")


def test_a_node_that_falls_silent_is_down_and_up_again_when_it_answers(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = threading.Event()

    def script(_node: Node, action: dict[str, str]) -> bytes | None:
        return b"" if silent.is_set() else None

    monkeypatch.setattr(module, "ANSWER_S", 0.3)
    monkeypatch.setattr("ivr.providers.asterisk.link.ANSWER_S", 0.3)
    monkeypatch.setattr(module, "PING_S", 0.05)
    with connected(Node(script), listener) as ami:
        until(lambda: listener.ups == 1, "up")
        silent.set()
        with pytest.raises((AmiTimeout, AmiDown)):
            ami.act("Ping", within_s=0.1)
        until(lambda: listener.downs == 1, "down")
        assert not ami.up
        silent.clear()
        until(lambda: listener.ups == 2, "up again")


def test_whoever_waits_when_the_connection_breaks_is_told_at_once(listener: Listener) -> None:
    def script(node: Node, action: dict[str, str]) -> bytes | None:
        if action["Action"] == "CoreShowChannels":
            assert node.line is not None
            node.line.shutdown(socket.SHUT_RDWR)
            return b""
        return None

    with connected(Node(script), listener) as ami:
        until(lambda: listener.ups == 1, "up")
        with pytest.raises(AmiDown) as told:
            ami.act_list("CoreShowChannels", within_s=PATIENCE_S)
        assert told.value.sent
        until(lambda: listener.ups == 2, "up again")


def test_nothing_is_left_of_actions_that_got_no_answer(listener: Listener) -> None:
    def script(_node: Node, action: dict[str, str]) -> bytes | None:
        return b"" if action["Action"] == "Quiet" else None

    with connected(Node(script), listener) as ami:
        until(lambda: listener.ups, "up")
        for _ in range(5):
            with pytest.raises(AmiTimeout, match="Quiet"):
                ami.act("Quiet", within_s=0.01)
        with pytest.raises(AmiTimeout):
            ami.act_list("Quiet", within_s=0.01)
        link = ami._up()
        assert not link._listings
        until(lambda: not link._futures, "no future is left")


def test_what_the_node_refuses_is_told_with_its_reason(listener: Listener) -> None:
    def script(_node: Node, action: dict[str, str]) -> bytes | None:
        if action["Action"] != "Redirect":
            return None
        return f"Response: Error\r\nActionID: {action['ActionID']}\r\nMessage: No such channel\r\n\r\n".encode()

    with connected(Node(script), listener) as ami:
        until(lambda: listener.ups, "up")
        with pytest.raises(AmiRefused, match="No such channel"):
            ami.act("Redirect", Channel="gone")


def test_a_list_holds_its_own_items_and_no_others(listener: Listener) -> None:
    def script(_node: Node, action: dict[str, str]) -> bytes | None:
        if action["Action"] != "CoreShowChannels":
            return None
        own = f"ActionID: {action['ActionID']}\r\n"
        return (
            f"Response: Success\r\n{own}EventList: start\r\n\r\n"
            f"Event: CoreShowChannel\r\n{own}Uniqueid: 1.1\r\n\r\n"
            "Event: Hangup\r\nUniqueid: 9.9\r\n\r\n"
            f"Event: CoreShowChannel\r\n{own}Uniqueid: 1.2\r\n\r\n"
            f"Event: CoreShowChannelsComplete\r\n{own}EventList: Complete\r\nListItems: 2\r\n\r\n"
        ).encode()

    with connected(Node(script), listener) as ami:
        until(lambda: listener.ups, "up")
        assert [item["Uniqueid"] for item in ami.act_list("CoreShowChannels")] == ["1.1", "1.2"]
        until(lambda: listener.events, "the event between")
        assert [event["Uniqueid"] for event in listener.events] == ["9.9"]


def test_a_listener_that_fails_hears_the_next_event_too(listener: Listener) -> None:
    listener.fails = True
    node = Node()
    with connected(node, listener) as ami:
        until(lambda: listener.ups, "up")
        for number in range(5):
            node.says(f"Event: Hangup\r\nUniqueid: {number}\r\n\r\n".encode())
        until(lambda: ami.failures == 5, "five failures told")
        assert len(listener.events) == 5
        assert ami.act("Ping")["Response"] == "Success"


def test_events_that_nobody_wants_are_not_kept(listener: Listener) -> None:
    node = Node()
    with connected(node, listener):
        until(lambda: listener.ups, "up")
        node.says(b"Event: TestEvent\r\nState: x\r\n\r\nEvent: VarSet\r\n\r\nEvent: Hangup\r\nUniqueid: 1\r\n\r\n")
        until(lambda: listener.events, "the one wanted")
    assert [event["Event"] for event in listener.events] == ["Hangup"]


def test_a_thousand_events_are_heard_in_order(listener: Listener) -> None:
    node = Node()
    with connected(node, listener) as ami:
        until(lambda: listener.ups, "up")
        node.says(b"".join(b"Event: Hangup\r\nUniqueid: %d\r\n\r\n" % number for number in range(1000)))
        until(lambda: len(listener.events) == 1000, "all of them")
        assert ami.overflows == 0
    assert [event["Uniqueid"] for event in listener.events] == [str(number) for number in range(1000)]


def test_more_events_than_can_be_kept_become_a_new_look_at_everything(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader never waits for a listener: actions are answered while one hangs."""
    monkeypatch.setattr(module, "KEPT_EVENTS", 100)
    node = Node()
    with connected(node, listener) as ami:
        until(lambda: listener.ups == 1, "up")
        listener.gate.clear()
        node.says(b"".join(b"Event: Hangup\r\nUniqueid: %d\r\n\r\n" % number for number in range(150)))
        assert ami.act("Ping")["Response"] == "Success"
        assert ami.overflows == 1
        listener.gate.set()
        until(lambda: listener.ups == 2, "a new look")
        node.says(b"Event: Hangup\r\nUniqueid: last\r\n\r\n")
        until(lambda: [event["Uniqueid"] for event in listener.events[-1:]] == ["last"], "what comes after is heard")
        assert listener.downs == 0


def test_many_threads_at_once_each_get_their_own_answer(listener: Listener) -> None:
    def script(_node: Node, action: dict[str, str]) -> bytes | None:
        if action["Action"] != "Getvar":
            return None
        return f"Response: Success\r\nActionID: {action['ActionID']}\r\nValue: {action['Variable']}\r\n\r\n".encode()

    wrong: list[str] = []

    def ask(ami: Ami, own: str) -> None:
        for number in range(100):
            if ami.act("Getvar", Variable=f"{own}-{number}")["Value"] != f"{own}-{number}":
                wrong.append(own)

    with connected(Node(script), listener) as ami:
        until(lambda: listener.ups, "up")
        threads = [threading.Thread(target=ask, args=(ami, str(number))) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert wrong == []


def test_stopping_ends_quickly_with_nobody_there(listener: Listener) -> None:
    node = Node()
    node.listening.close()
    ami = Ami(
        ("127.0.0.1", 1), "u", "s", hears=frozenset(), on_event=listener.event, on_up=listener.up, on_down=listener.down
    )
    ami.start()
    ami.stop()
    assert not [thread for thread in ami.threads if thread.is_alive()]
    assert listener.ups == 0
