"""One connection to a node's manager interface: the client of `asterisk-ami`, with its faults mended.

Law: a link is thrown away when it breaks, never mended. What a caller can put into a value stays in that value: packs are cut at
CRLF and nowhere else, and nothing that holds a control character is sent. Nobody waits for ever, and nothing that a listener
does ends the reader. Each method that replaces one of the library says what was wrong with that one.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Final

import structlog
from asterisk.ami import AMIClient
from asterisk.ami.action import Action, LoginAction, LogoffAction

log = structlog.get_logger()

CONNECT_S = 2.0
ANSWER_S = 3.0
LONGEST_PACK = 262_144
READ_BYTES = 65_536

Pack = Mapping[str, str]
"""A response or an event: its fields by name; of a name that comes twice, the first."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_VARIABLE: Final = re.compile(r"_{0,2}[A-Z][A-Z0-9_]{0,63}|PJSIP_HEADER\(add,X-[A-Za-z-]{1,40}\)")
_LINE_ENDS: Final = frozenset({"Cc", "Zl", "Zp"})


class AmiDown(Exception):
    """There is no connection. `sent`: the action may have reached the node before it broke."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class AmiTimeout(Exception):
    """The node did not answer in time: the action may have been done."""


class AmiRefused(Exception):
    """The node answered `Error`; the message is its own."""


class Listing:
    """The answer to an action that lists: its items, complete when the future is done."""

    def __init__(self) -> None:
        self.items: list[Pack] = []
        self.done: Future[Pack] = Future()


class Link(AMIClient):  # type: ignore[misc]  # the library is untyped
    """A connection. `hear` gets each event, in the reader's thread: it must be quick, and what it raises is logged.

    `over` is set when the connection has ended; `why` then says in words how.
    """

    def __init__(self, host: str, port: int, hear: Callable[[Pack], None]) -> None:
        super().__init__(host, port, timeout=ANSWER_S, buffer_size=READ_BYTES)
        self.over = threading.Event()
        self.why = ""
        self._hear = hear
        self._greeted: Future[str] = Future()
        self._listings: dict[str, Listing] = {}
        self._sending = threading.Lock()

    def connect(self) -> None:
        """Connect and wait for the banner. Raises AmiDown.

        The library leaves its time-out on the socket, so its reader dies of three seconds without traffic. Ours waits for
        as long as it takes; only writing has a limit.
        """
        try:
            self._socket = socket.create_connection((self._address, self._port), CONNECT_S)
            self._socket.settimeout(None)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(ANSWER_S), 0))
        except OSError as err:
            raise AmiDown(f"cannot connect to {self._address}:{self._port} ({err.strerror or err})") from err
        self.finished = threading.Event()
        self._thread = threading.Thread(target=self.listen, name="ami-reader", daemon=True)
        self._thread.start()
        try:
            self._greeted.result(ANSWER_S)
        except TimeoutError:
            self.disconnect()
            raise AmiDown(
                f"{self._address}:{self._port} answers, but not as Asterisk's manager interface does"
            ) from None

    def disconnect(self) -> None:
        """End the connection and the reader. The library only closes the socket, which does not wake a reader."""
        with suppress(OSError):  # it has ended already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(ANSWER_S)

    def log_in(self, user: str, secret: str) -> None:
        """Raises AmiRefused, AmiDown, AmiTimeout."""
        self._ask(LoginAction(user, secret), ANSWER_S)

    def log_off(self) -> None:
        self._ask(LogoffAction(), ANSWER_S)

    def act(self, name: str, fields: Mapping[str, str], variables: Mapping[str, str], within_s: float) -> Pack:
        """Do an action and give the response. Raises ValueError (nothing is sent), AmiRefused, AmiDown, AmiTimeout."""
        return self._ask(_action(name, fields, variables), within_s)

    def act_list(self, name: str, fields: Mapping[str, str], within_s: float) -> list[Pack]:
        """Do an action that lists and give what it lists. Raises as `act`."""
        action = _action(name, fields, {})
        listing = Listing()
        action.keys["ActionID"] = action_id = _new_id()
        self._listings[action_id] = listing
        try:
            self._ask(action, within_s)
            _result(listing.done, name, within_s)
        finally:
            self._listings.pop(action_id, None)
        return listing.items

    def _ask(self, action: Action, within_s: float) -> Pack:
        """Send and wait. The library gives every process the same ids, and keeps a future for ever when no answer comes."""
        action_id = action.keys.setdefault("ActionID", _new_id())
        future: Future[Pack] = Future()
        self._futures[action_id] = future
        try:
            self.send(action)
            response = _result(future, action.name, within_s)
        finally:
            self._futures.pop(action_id, None)
        if response["Response"] == "Error":
            raise AmiRefused(response.get("Message", "no reason given"))
        return response

    def send(self, pack: Action) -> None:
        """Write one action whole. The library's `send` may write a part of it, and two threads may mix theirs."""
        data = (str(pack) + "\r\n").encode()
        with self._sending:
            if self.over.is_set():
                raise AmiDown(self.why)
            try:
                self._socket.sendall(data)
            except OSError as err:
                self._end(f"writing failed ({err.strerror or err})")
                raise AmiDown(self.why, sent=True) from err

    def listen(self) -> None:
        """The reader. The library's ends unnoticed by a stranger's banner, and by whatever a listener raises."""
        why = "the node closed the connection"
        try:
            packs = self._next_pack()
            banner = next(packs, "")
            if self.asterisk_start_regex.match(banner):
                _settle(self._greeted, banner)
                for pack in packs:
                    self.fire_recv_pack(pack)
            else:
                why = f"not Asterisk's manager interface: it says {banner[:60]!r}"
        except (OSError, AmiDown) as err:
            why = str(err)
        finally:
            self._end(why)

    def _next_pack(self) -> Iterator[str]:
        """The banner, then pack after pack. The library searches all that it holds again at each read, without bound."""
        data, end, seen = bytearray(), b"\r\n", 0
        while read := self._socket.recv(self._buffer_size):
            data += read
            while (at := data.find(end, seen)) >= 0:
                yield self._decode_pack(bytes(data[:at]))
                del data[: at + len(end)]
                end, seen = b"\r\n\r\n", 0
            seen = max(0, len(data) - len(end) + 1)
            if len(data) > LONGEST_PACK:
                raise AmiDown(f"a message of more than {LONGEST_PACK} bytes")

    def fire_recv_pack(self, pack: str) -> None:
        """Hand a pack to whoever waits for it. The library's parser also cuts at U+2028 and U+0085, which a caller may have
        in his display name: he could write fields of his own."""
        fields: dict[str, str] = {}
        for line in pack.split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                fields.setdefault(name, value.removeprefix(" "))
        action_id = fields.get("ActionID", "")
        if "Response" in fields:
            if future := self._futures.get(action_id):
                _settle(future, fields)
        elif listing := self._listings.get(action_id):
            if fields.get("EventList") in ("Complete", "cancelled"):
                _settle(listing.done, fields)
            else:
                listing.items.append(fields)
        elif "Event" in fields:
            try:
                self._hear(fields)
            except Exception:
                log.exception("ami_event_failed", event_name=fields["Event"])

    def _end(self, why: str) -> None:
        """Whoever still waits is told at once. The first reason stays."""
        self.why = self.why or why
        self.over.set()
        self.finished.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is self._thread:
            self._socket.close()
        waiting = [*self._futures.values(), *(listing.done for listing in list(self._listings.values())), self._greeted]
        for future in waiting:
            _settle(future, AmiDown(self.why, sent=True))


def _settle(future: Future[Any], what: Pack | str | AmiDown) -> None:
    """The first answer counts: a second one, or an end that comes at the same time, changes nothing."""
    with suppress(InvalidStateError):
        if isinstance(what, AmiDown):
            future.set_exception(what)
        else:
            future.set_result(what)


def _new_id() -> str:
    return uuid.uuid4().hex


def _result(future: Future[Pack], name: str, within_s: float) -> Pack:
    try:
        return future.result(within_s)
    except TimeoutError:
        raise AmiTimeout(f"no answer to {name} within {within_s:g} s") from None


def _action(name: str, fields: Mapping[str, str], variables: Mapping[str, str]) -> Action:
    """The action, once every part of it is known to stay in its place."""
    for key, value in {"Action": name, **fields}.items():
        if not _NAME.fullmatch(key):
            raise ValueError(f"{key!r} cannot be a field of an action; expected letters, digits and -")
        _plain(key, value)
    for key, value in variables.items():
        if not _VARIABLE.fullmatch(key):
            raise ValueError(f"{key!r} cannot be a channel variable; expected A-Z, 0-9 and _, or a header to add")
        if "," in value:  # Asterisk reads `Variable: A=1,B=2` as two
            raise ValueError(f"the variable {key} may not hold a comma")
        _plain(key, value)
    return Action(name, dict(fields), dict(variables))


def _plain(key: str, value: str) -> None:
    if any(unicodedata.category(char) in _LINE_ENDS for char in value):
        raise ValueError(f"{key} may not hold a control character")
