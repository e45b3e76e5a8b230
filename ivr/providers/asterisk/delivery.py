"""That a node has the sounds which it is told to play.

Law: an answer does not wait long for its sounds, and never fails for want of them. When the folder of sounds is not the node's own
folder, a sound goes there through the node's control process before the node is told to play it. A node that reports a sound
missing is believed: whatever we thought that it has, it is sent; and when the sound lies in our folder, its folder is another one,
of the same path on another machine.
"""

from __future__ import annotations

import base64
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

import structlog

from ivr.instructions import Speech
from ivr.ports import Unsure
from ivr.providers.asterisk.commands import Commands, Result
from ivr.providers.asterisk.nodes import Site
from ivr.speech.sounds import Sounds

log = structlog.get_logger(__name__)

IN_TIME_S = 1.5
"""How long a caller waits for the sounds of one answer; they hear music, if they hear that it takes time at all."""
REMEMBERED = 50_000
"""How many sounds of a node we know it to have."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Thread-safe. A process has one."""

    sounds: Sounds
    commands: Commands
    site: Site
    _sent: dict[str, OrderedDict[str, None]] = field(default_factory=dict, repr=False)
    _apart: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        for name, node in self.site.nodes.items():
            self._sent[name] = OrderedDict()
            if node.sounds.absolute() != self.sounds.folder.absolute():
                self._apart.add(name)

    def speak(self, node: str, parts: Iterable[Speech]) -> tuple[str, ...]:
        """Ids of the sounds of `parts`, in their order; they are at `node`, or on their way, or it plays a tone for them."""
        parts, began = tuple(parts), time.monotonic()
        if not parts:
            return ()
        try:
            ids = self.sounds.ensure(parts, IN_TIME_S)
        except Exception:  # whatever it is, the node may have them from before
            log.exception("no sounds can be made: is the folder of sounds writable, and the disk full?")
            return tuple(map(self.sounds.sound_of, parts))
        if node in self._apart:
            self._send(node, ids, began + IN_TIME_S)
        return ids

    def missed(self, node: str, ids: Collection[str]) -> None:
        """`node` was to play these, and has not got them. When we have one, its folder is not ours: from now on sounds are sent
        there. What nobody has any more is made again when it is next said."""
        log.warning("a node lacks sounds that it was to play", node=node, sounds=list(ids))
        ours = any(self.sounds.path(sound).is_file() for sound in ids)
        with self._lock:
            if ours:
                self._apart.add(node)
            for sound in ids:
                self._sent[node].pop(sound, None)

    def _send(self, node: str, ids: Iterable[str], until: float) -> None:
        for sound in dict.fromkeys(ids):
            with self._lock:
                known = sound in self._sent[node]
                if known:
                    self._sent[node].move_to_end(sound)
            if known:
                continue
            left_ms = int((until - time.monotonic()) * 1000)
            if left_ms <= 0:
                log.warning("sounds come too late to a node", node=node)
                return
            try:
                data = base64.b64encode(self.sounds.path(sound).read_bytes()).decode()
                answer = replace(self.commands, patience_ms=left_ms).ask(node, "sound", id=sound, bytes=data)
            except (Unsure, OSError) as error:
                log.warning("a sound cannot be sent to a node", node=node, why=str(error))
                return
            if answer.result is Result.OK:
                self._note(node, sound)
            else:
                log.warning("a node does not take a sound", node=node, why=answer.why)

    def _note(self, node: str, sound: str) -> None:
        with self._lock:
            sent = self._sent[node]
            sent[sound] = None
            if len(sent) > REMEMBERED:
                sent.popitem(last=False)
