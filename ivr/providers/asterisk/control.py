"""The control process of a node: it carries workers' commands to Asterisk, and what Asterisk says to the line.

Law: one acts for a node, others stand by (a lock of this machine's kernel, which is free the moment its holder dies, so that a
process that was killed is replaced without delay; two that act, on two machines, do no harm: a command is taken once, and an
end told twice is told once). Nothing is kept here that is needed after a kill: every connection begins with a look at all
channels. Calls go on without this process.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog
from redis import Redis
from redis.exceptions import RedisError

from ivr.calls import Calls
from ivr.clock import SystemClock
from ivr.config import Settings
from ivr.ports import CallState
from ivr.providers.asterisk import commands, events, passwords
from ivr.providers.asterisk.acts import Acts
from ivr.providers.asterisk.ami import Ami, AmiDown, AmiRefused, AmiTimeout, Pack
from ivr.providers.asterisk.ends import Ends
from ivr.providers.asterisk.handing import Handing
from ivr.providers.asterisk.heart import Heart
from ivr.providers.asterisk.nodes import Node, Site
from ivr.providers.asterisk.phones import Phones
from ivr.providers.asterisk.registry import DEAD_MS, Registry
from ivr.providers.asterisk.webs import Webs

log = structlog.get_logger()

USER: Final = "retorno"
TURN_S: Final = 0.1
LOOK_S: Final = 30.0
WATCH_S: Final = 5.0
AGAIN_S: Final = 0.5
MUTE_S: Final = 5.0
"""How long Asterisk may be away before its phones count as gone."""
STAND_BY_S: Final = 0.2


class Hands(Protocol):
    """What the control process works with; `ivr.app.Parts`."""

    @property
    def settings(self) -> Settings: ...
    @property
    def redis(self) -> Redis: ...
    @property
    def calls(self) -> Calls: ...


def run(
    hands: Hands,
    site: Site,
    node: str,
    stop: threading.Event,
    *,
    phone: Callable[[str, str], object],
    handed_over: Callable[[str, str, str], object],
) -> None:
    """Serve `node` until `stop`; stand by while another process on this machine does.

    `phone` is told an address (`PJSIP/ana`) and free, in_use or gone (`callback.model.PhoneState`). `handed_over` is told a
    call, the phone that it talks with now, and that one's call: `Line.handed_over`.
    """
    with _alone(hands.settings.data_dir / f"asterisk-{node}.lock", stop) as alone:
        if alone:
            Control(hands, site, site.nodes[node], phone, handed_over).serve(stop)


class Control:
    """One node's control process. All its threads live inside `serve`."""

    def __init__(
        self,
        hands: Hands,
        site: Site,
        node: Node,
        phone: Callable[[str, str], object],
        handed_over: Callable[[str, str, str], object],
    ) -> None:
        settings, clock = hands.settings, SystemClock()
        self._name, self._clock = node.name, clock
        self._registry = Registry(hands.redis, settings.tenant)
        self._ami = Ami(
            (node.ami.host, node.ami.port),
            USER,
            passwords.ami(settings, node.name),
            hears=events.HEARD,
            on_event=self._on_event,
            on_up=self._on_up,
            on_down=lambda: None,
        )
        self._webs = Webs(site.webs)
        self._acts = Acts(self._ami, self._registry, site, node, clock, self._webs)
        self._ends = Ends(hands.calls, self._registry, self._acts, node)
        self._handing = Handing(self._ami, self._registry, site, node.name, clock, self._ends.teller, handed_over)
        self._phones = Phones(self._ami, self._registry, site, node.name, clock, phone)
        self._heart = Heart(self._ami, self._registry, node.name, clock)
        self._serve_commands = partial(
            commands.serve,
            hands.redis,
            settings.tenant,
            node.name,
            settings.key("asterisk commands"),
            clock,
            self._acts.handlers,
        )
        self._begun: deque[Pack] = deque(maxlen=100)
        """The latest DialBegins of calls that were placed, not dialled by a channel."""
        self._look_at = self._watch_at = 0.0
        self._seen_at = time.monotonic()  # when Asterisk was last there
        self._mourned = 0  # how much of its absence has been told: 1 its phones, 2 its calls

    def serve(self, stop: threading.Event) -> None:
        """Until `stop`: then commands in hand are finished, what was heard is told, and the node says that it is away.

        Raises RuntimeError when a thread has died: a process that beats and does nothing would keep its node's callers waiting.
        """
        threads = [
            threading.Thread(target=self._serve_commands, args=(stop,), name="commands", daemon=True),
            threading.Thread(target=self._heart.beat, args=(stop,), name="heartbeat", daemon=True),
            threading.Thread(target=self._webs.watch, args=(stop,), name="webs", daemon=True),
        ]
        log.info("asterisk_control_started", node=self._name)
        self._ami.start()
        for thread in threads:
            thread.start()
        while not stop.wait(TURN_S):
            self._turn()
            dead = [thread.name for thread in (*threads, *self._ami.threads) if not thread.is_alive()]
            if dead and not stop.is_set():  # in this order: at a stop they end, too
                raise RuntimeError(f"{', '.join(dead)} died: this process ends, for another to take its place")
        for thread in threads:
            thread.join()
        self._ami.stop()
        self._ends.teller.stop()
        self._phones.stop()
        log.info("asterisk_control_stopped", node=self._name)

    def _on_up(self) -> None:
        self._look_at = 0.0

    def _on_event(self, event: Pack) -> None:
        match event["Event"]:
            case "Hangup":
                self._handing.hung_up(event["Uniqueid"])
                self._ends.hung_up(event)
            case "OriginateResponse":
                self._ends.originated(event)
            case "DialBegin" if "Channel" not in event:
                self._begun.append(event)
            case "DialEnd" if self._acts.placed.knows(event["DestUniqueid"]):
                self._end_diverted(event)
            case "DeviceStateChange":
                self._phones.heard(event)
            case "AttendedTransfer":
                self._handing.heard(event)

    def _end_diverted(self, end: Pack) -> None:
        """A phone says whom we are to ring instead of it: nobody, for it may be a number that we pay for."""
        if channel := events.diverted(end, self._begun):
            log.warning("diversion_refused", call=end["DestUniqueid"])
            with suppress(AmiRefused):  # it has ended by itself
                self._ami.act("Hangup", Channel=channel, Cause="21")

    def _turn(self) -> None:
        """One round of the main thread."""
        self._ends.turn()
        now = time.monotonic()
        if now >= self._watch_at:
            self._watch_at = now + WATCH_S
            self._watch()
        if not self._ami.up:
            self._mourn(now - self._seen_at)
            return
        self._seen_at, self._mourned = now, 0
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        try:
            self._look()
        except (RedisError, AmiDown, AmiTimeout, AmiRefused) as err:
            log.warning("look_failed", node=self._name, why=f"{type(err).__name__}: {err}")
            self._look_at = now + AGAIN_S

    def _look(self) -> None:
        """Compare what is registered with what is there. Raises RedisError, AmiDown, AmiTimeout, AmiRefused."""
        registered = self._registry.calls(self._name)
        channels = self._ami.act_list("CoreShowChannels")
        found = events.compare(registered, channels, self._clock.now_ms())
        self._ends.absent(found.absent)
        for call in found.answered:
            self._registry.answered(call)
        for call in found.unknown:
            self._end_orphan(call)
        for call in found.unwanted:
            self._acts.placed.ask_to_end(call)
            self._end_channel(call, "unwanted_hung_up")
        self._phones.look()
        tell = log.info if found.absent or found.answered or found.unknown else log.debug
        tell("looked", node=self._name, calls=len(registered), absent=len(found.absent), unknown=len(found.unknown))

    def _watch(self) -> None:
        try:
            self._phones.watch()
        except RedisError as err:
            log.debug("watch_failed", node=self._name, why=type(err).__name__)

    def _end_orphan(self, call: str) -> None:
        """A channel that nobody talks on, of a call that the line holds for over: nothing will ever be done with it."""
        known = self._registry.find(call)
        if known is None or known.state is not CallState.ENDED:
            return
        self._end_channel(call, "orphan_hung_up")

    def _end_channel(self, call: str, why: str) -> None:
        log.warning(why, call=call)
        try:
            self._ami.act("Hangup", Channel=call, Cause="16")
        except AmiRefused as err:
            log.info("hung_up_before", call=call, why=str(err))

    def _mourn(self, away_s: float) -> None:
        """Asterisk is away: first its phones are gone, then, when it cannot be meant to come back, its calls. Not while it only does
        not let us in, or asks the web servers what to do: then it is well, and who is on the phone there too. And not for a node
        that another process serves."""
        if not self._heart.alone:
            return
        if self._mourned == 0 and away_s > MUTE_S:
            self._mourned = 1
            self._phones.lost()
        if self._mourned == 1 and away_s * 1000 > DEAD_MS and not self._ami.refused and not self._asks():
            self._mourned = 2
            self._ends.bury()

    def _asks(self) -> bool:
        """Whether its dialplan has asked us something of late. Redis being away, we do not know: it may have."""
        try:
            return self._clock.now_ms() - self._registry.heard_ms(self._name) < DEAD_MS
        except RedisError:
            return True


@contextmanager
def _alone(path: Path, stop: threading.Event) -> Iterator[bool]:
    """Wait until no other process holds `path`. False: `stop` came first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    standing_by = False
    with path.open("a") as file:
        while not stop.is_set():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not standing_by:
                    log.info("asterisk_control_stands_by", lock=str(path))
                standing_by = True
                stop.wait(STAND_BY_S)
                continue
            yield True
            return
        yield False
