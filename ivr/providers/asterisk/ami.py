"""A connection to a node's manager interface that is there whenever the node is.

Law: a supervisor connects, logs in, waits until the node has booted, asks each second whether it is alive, and begins anew when
it is not. Events are heard in order, one at a time, in a thread of their own: a slow or failing listener stops neither reader nor
supervisor. When more come than can be kept, all are dropped, and `on_up` is called as after a new connection: whatever was
known may be stale.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from ivr.providers.asterisk.link import ANSWER_S, AmiDown, AmiRefused, AmiTimeout, Link, Pack

__all__ = ["Ami", "AmiDown", "AmiRefused", "AmiTimeout", "Pack"]

log = structlog.get_logger()

PING_S = 1.0
BOOT_S = 5.0
"""How long we wait for the node to say that it has booted. One that boots for longer tells it to the next connection."""
BACK_OFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
KEPT_EVENTS = 10_000

_UP, _DOWN = "retorno: up", "retorno: down"  # no name of an event of Asterisk has a space


class Ami:
    """The manager connection of one node. `hears`: the names of the events that `on_event` gets; others are not kept.

    `on_up` and `on_down` are called in the same thread and order as `on_event`. All three may use `act`.
    """

    def __init__(
        self,
        address: tuple[str, int],
        user: str,
        secret: str,
        *,
        hears: frozenset[str],
        on_event: Callable[[Pack], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
    ) -> None:
        self._address, self._user, self._secret = address, user, secret
        self._hears = hears
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down
        self._link: Link | None = None
        self._stop = threading.Event()
        self._kept: deque[Pack] = deque()
        self._arrived = threading.Condition()
        self.threads = [
            threading.Thread(target=self._supervise, name="ami-supervisor", daemon=True),
            threading.Thread(target=self._tell, name="ami-events", daemon=True),
        ]
        """Alive from `start` to `stop`."""
        self.refused = False
        """Whether it is there and does not let us in."""
        self.failures = 0
        """How many times a listener has raised."""
        self.overflows = 0

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Log off and end both threads. What has been heard by now is told first."""
        self._stop.set()
        if link := self._link:
            self._log_off(link)
            link.disconnect()  # wakes the supervisor
        for thread in self.threads:
            thread.join(2 * ANSWER_S)

    @property
    def up(self) -> bool:
        """Whether we are logged in to a node that has booted."""
        return self._link is not None

    def act(
        self, action: str, variables: Mapping[str, str] | None = None, within_s: float = ANSWER_S, **fields: str
    ) -> Pack:
        """Do an action, `ami.act("Redirect", Channel=..., Context=...)`, and give the response.

        Raises ValueError (a value holds what it may not; nothing is sent), AmiRefused, AmiDown, AmiTimeout.
        """
        return self._up().act(action, fields, variables or {}, within_s)

    def act_list(self, action: str, within_s: float = ANSWER_S, **fields: str) -> list[Pack]:
        """Do an action that lists (`CoreShowChannels`) and give its items. Raises as `act`."""
        return self._up().act_list(action, fields, within_s)

    def _up(self) -> Link:
        if (link := self._link) is None:
            raise AmiDown("not connected to the node's manager interface")
        return link

    # the supervisor

    def _supervise(self) -> None:
        tries, told = 0, ""
        while not self._stop.is_set():
            booted = threading.Event()
            link = Link(*self._address, hear=lambda event, b=booted: self._hear(event, b))  # type: ignore[misc]
            try:
                self._begin(link, booted)
            except (AmiDown, AmiTimeout, AmiRefused) as err:
                self.refused = isinstance(err, AmiRefused)
                if told != str(err):
                    log.warning("ami_not_connected", why=str(err))
                told = str(err)
                self._stop.wait(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)])
                tries += 1
                continue
            log.info("ami_up", node=f"{self._address[0]}:{self._address[1]}")
            tries, told, self.refused = 0, "", False
            self._link = link
            self._put({"Event": _UP})
            self._watch(link)
            self._link = None
            self._put({"Event": _DOWN})
        self._put({"Event": ""})

    def _begin(self, link: Link, booted: threading.Event) -> None:
        """Connect, log in, wait for the boot. Raises AmiDown, AmiTimeout, AmiRefused; the link is over then."""
        link.connect()
        try:
            link.log_in(self._user, self._secret)
        except AmiRefused as err:
            link.disconnect()
            raise AmiRefused(
                f"manager.conf: [{self._user}] at {self._address[0]}:{self._address[1]} does not let us in ({err}): "
                "its secret, permit or acl differ from what `retorno asterisk config` writes"
            ) from None
        except AmiTimeout:
            link.disconnect()
            raise
        end = time.monotonic() + BOOT_S
        while not booted.wait(0.05):
            if link.over.is_set() or self._stop.is_set() or time.monotonic() > end:
                link.disconnect()
                raise AmiDown(link.why if link.over.is_set() else "the node has not booted yet")

    def _watch(self, link: Link) -> None:
        """Ask each second whether the node is alive, until it is not, or we stop."""
        why = ""
        while not link.over.wait(PING_S):
            try:
                link.act("Ping", {}, {}, ANSWER_S)
            except (AmiDown, AmiTimeout, AmiRefused) as err:
                why = str(err)
                break
        if not self._stop.is_set():
            log.warning("ami_down", why=why or link.why)
        link.disconnect()

    def _log_off(self, link: Link) -> None:
        try:
            link.log_off()
        except (AmiDown, AmiTimeout, AmiRefused) as err:
            log.debug("ami_no_goodbye", why=str(err))

    # events

    def _hear(self, event: Pack, booted: threading.Event) -> None:
        """In the reader's thread."""
        if event["Event"] == "FullyBooted":
            booted.set()
        if event["Event"] in self._hears:
            self._put(event)

    def _put(self, event: Pack) -> None:
        with self._arrived:
            if len(self._kept) >= KEPT_EVENTS:
                self._kept.clear()
                self._kept.append({"Event": _UP})
                self.overflows += 1
                log.error("ami_events_dropped", events=KEPT_EVENTS)
            self._kept.append(event)
            self._arrived.notify()

    def _tell(self) -> None:
        while True:
            with self._arrived:
                while not self._kept:
                    self._arrived.wait()
                event = self._kept.popleft()
            if not event["Event"]:
                return
            try:
                self._tell_one(event)
            except (AmiDown, AmiTimeout) as err:
                log.info("ami_listener_interrupted", event_name=event["Event"], why=str(err))
            except Exception:
                self.failures += 1
                log.exception("ami_listener_failed", event_name=event["Event"])

    def _tell_one(self, event: Pack) -> None:
        if event["Event"] == _UP:
            if self.up:  # else its end stands behind it
                self._on_up()
        elif event["Event"] == _DOWN:
            self._on_down()
        else:
            self._on_event(event)
