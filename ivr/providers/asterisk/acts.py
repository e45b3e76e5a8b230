"""What a node's control process does at a worker's command: originate, redirect, hang up, find, spy, record, keep a sound, give
a recording.

Law: a call is registered before the action that places it is written, so that whatever becomes of it is known to be ours. What
surely was not done answers `refused` or `gone`; what may have been done raises, and whoever asked is unsure.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from ivr.clock import Clock
from ivr.inputs import Outcome
from ivr.ports import CallState, Listening
from ivr.providers.asterisk import recordings
from ivr.providers.asterisk.addresses import BadAddress, Kind, channel, phone_target
from ivr.providers.asterisk.ami import Ami, AmiDown, AmiRefused, AmiTimeout
from ivr.providers.asterisk.commands import Answer, Command, Handler, Result
from ivr.providers.asterisk.events import ACTION
from ivr.providers.asterisk.nodes import Node, Site
from ivr.providers.asterisk.registry import Registry
from ivr.providers.asterisk.webs import Webs

log = structlog.get_logger()

ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}", re.ASCII)
SOUND: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
CALLER: Final = re.compile(r"\+?[0-9]{2,15}", re.ASCII)
SPY_RING_MS: Final = 20_000
ANSWER_S: Final = 2.0
"""Shorter than the patience of whoever sent the command."""
BIRTH_S: Final = 1.0
"""How long after its action was accepted a channel may still be about to appear."""
WAIT_S: Final = 0.02
REMEMBERED: Final = 2_000
NAMED: Final = "PJSIP_HEADER(add,X-Retorno-Call)"
"""The call's id in its INVITE, so that a trace of SIP and our log can be laid side by side."""
NO_CHANNEL: Final = "No such channel"
"""Asterisk's words (22.10) to a Getvar and to a Hangup."""
HANGING_UP: Final = "Redirect failed, channel not up."
"""And to a Redirect of a channel that is just being hung up."""
FALLBACK: Final = "fallback"
"""What stands for an attempt where a caller is with the person whom the dialplan reached alone."""
NOWHERE: Final = "retorno-nowhere"
"""A context that no dialplan has."""

_OK: Final = Answer(Result.OK)
_GONE: Final = Answer(Result.GONE, "the call is not up")


class Placed:
    """What this process remembers of calls: when it placed them, which it was told to end. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._placed: dict[str, float] = {}
        self._asked: dict[str, float] = {}

    def placed(self, call: str) -> None:
        self._note(self._placed, call)

    def ask_to_end(self, call: str) -> None:
        self._note(self._asked, call)

    def asked(self, call: str) -> bool:
        return call in self._asked

    def knows(self, call: str) -> bool:
        return call in self._placed

    def being_born(self, call: str) -> bool:
        """Whether its channel may not have appeared yet."""
        return time.monotonic() - self._placed.get(call, float("-inf")) < BIRTH_S

    def not_born(self, call: str) -> None:
        """It has no channel, and never will have one."""
        with self._lock:
            self._placed.pop(call, None)

    def forget(self, call: str) -> None:
        with self._lock:
            self._placed.pop(call, None)
            self._asked.pop(call, None)

    def _note(self, notes: dict[str, float], call: str) -> None:
        with self._lock:
            notes.pop(call, None)
            notes[call] = time.monotonic()
            while len(notes) > REMEMBERED:
                notes.pop(next(iter(notes)))


class Acts:
    """The commands of one node. `handlers` is what `commands.serve` wants."""

    def __init__(self, ami: Ami, registry: Registry, site: Site, node: Node, clock: Clock, webs: Webs) -> None:
        self._ami, self._registry, self._site, self._node, self._clock = ami, registry, site, node, clock
        self._webs = webs
        self.placed = Placed()

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "originate": self.originate,
            "redirect": self.redirect,
            "hangup": self.hangup,
            "find": self.find,
            "spy": self.spy,
            "recording": self.recording,
            "sound": self.sound,
            "recorded": partial(recordings.tell, self._node),
        }

    def originate(self, command: Command) -> Answer:
        """Ring `to` for `ring_ms`, showing `caller_id`; who answers goes to the dialplan's loop, which listens first whether it
        is a machine where `detect_machine` says so."""
        call, to = _id(command, "call"), command.text("to")
        refused, target = self._reach(to, command.text("via"))
        if refused:
            return refused
        if not self._webs.answer:
            return Answer(Result.AWAY, "no web server answers: whoever is rung would hear nothing but an apology")
        if self._clock.now_ms() >= command.expires_ms:
            return Answer(Result.AWAY, "the node has taken too long: whoever asked has given up")
        if not self._registry.register_outgoing(call, self._node.name, to, self._clock.now_ms()):
            return Answer(Result.REFUSED, "this call has been placed before, or called off")
        ring_ms = str(command.number("ring_ms"))
        caller = command.text("caller_id")
        fields = {"Timeout": ring_ms, "ChannelId": call, "ActionID": ACTION + call}
        variables = {NAMED: call} | ({"RETORNO_LISTEN": "1"} if command.data.get("detect_machine") else {})
        self.placed.placed(call)
        try:
            self._place(target, "retorno", "answered", caller, variables, fields)
        except (AmiRefused, AmiDown) as err:
            if isinstance(err, AmiDown) and err.sent:
                raise
            self._registry.ended(call, Outcome.FAILED)
            self.placed.forget(call)
            return Answer(Result.AWAY if isinstance(err, AmiDown) else Result.REFUSED, str(err))
        return _OK

    def redirect(self, command: Command) -> Answer:
        """Take `call` out of whatever it does and lead it to the room of `attempt`; one that is on its way there, or there, is
        left in peace: the first answer may have been lost, and moving it again would end the talk. One that has been given to a
        person while no web server answered is gone: he is served."""
        call, attempt = _id(command, "call"), _id(command, "attempt")
        if self._channel_state(call) != "Up":
            return _GONE
        try:
            joined = self._ami.act("Getvar", Channel=call, Variable="RT_JOINED").get("Value")
            if joined in (attempt, FALLBACK):
                return _OK if joined == attempt else Answer(Result.GONE, "the caller is with the fallback")
            self._ami.act("Setvar", Channel=call, Variable="RETORNO_ATTEMPT", Value=attempt)
            self._ami.act("Redirect", Channel=call, Context="retorno", Exten="joined", Priority="1")
        except AmiRefused as err:
            if str(err) != HANGING_UP and self._channel_state(call):
                raise
            return _GONE
        return _OK

    def hangup(self, command: Command) -> Answer:
        """End `call`; one that is over is left alone. Asterisk says yes before it has told a phone that rings: this answers when it
        has, so that the phone may be rung again."""
        call = _id(command, "call")
        self.placed.ask_to_end(call)
        while True:
            try:
                self._ami.act("Hangup", Channel=call, Cause="16")
                self._await_silence(call)
            except AmiRefused as err:
                if str(err) != NO_CHANNEL:
                    raise
                if self.has_channel(call):  # or will have one in a moment
                    time.sleep(WAIT_S)
                    continue
                self.placed.forget(call)
            return _OK

    def find(self, command: Command) -> Answer:
        """The state of `call` on this node: ringing, up or none."""
        call = _id(command, "call")
        state = self._channel_state(call)
        if not state and self.placed.being_born(call):
            state = "Ringing"
        words = {"": "none", "Up": CallState.UP.value}
        return Answer(Result.OK, state=words.get(state, CallState.RINGING.value))

    def spy(self, command: Command) -> Answer:
        """Ring `phone`; who answers there takes part in the talk of `call` by `mode`."""
        call, phone = _id(command, "call"), command.text("phone")
        mode = Listening(command.text("mode"))
        refused, target = self._reach(phone, command.text("via"))
        if refused:
            return refused
        if self._channel_state(call) != "Up":
            return _GONE
        variables = {"RETORNO_SPY": call, "RETORNO_SPY_MODE": mode.value[0]}
        channel_id = f"spy-{uuid.uuid4().hex}"
        fields = {"Timeout": str(SPY_RING_MS), "ChannelId": channel_id}
        self.placed.placed(channel_id)
        try:
            self._place(target, "retorno-spy", "s", "", variables, fields)
        except AmiRefused as err:
            return Answer(Result.REFUSED, str(err))
        return _OK

    def recording(self, command: Command) -> Answer:
        """Go on with the recording of `call`, or leave the talk out of it from now on. Only the dialplan can begin one: the
        action that could needs the privilege `system`."""
        call, on = _id(command, "call"), bool(command.data.get("on"))
        try:
            self._ami.act("MixMonitorMute", Channel=call, Direction="both", State="0" if on else "1")
        except AmiRefused as err:
            if not self._channel_state(call):
                return _GONE
            if on:
                why = f"this talk is not being recorded ({err}): set `record: true` of its queue"
                return Answer(Result.REFUSED, why, permanent=True)
        return _OK

    def sound(self, command: Command) -> Answer:
        """Keep a sound in this node's folder. It is there whole or not at all."""
        name = command.text("id")
        if not SOUND.fullmatch(name):
            return Answer(Result.REFUSED, "a sound's id has 32 hexadecimal digits", permanent=True)
        try:
            content = base64.b64decode(command.text("bytes"), validate=True)
        except binascii.Error:
            return Answer(Result.REFUSED, "the sound is not base64", permanent=True)
        _write(self._node.sounds, f"{name}.ulaw", content)
        return _OK

    def has_channel(self, call: str) -> bool:
        """Raises AmiDown, AmiTimeout, AmiRefused."""
        return bool(self._channel_state(call)) or self.placed.being_born(call)

    def _reach(self, to: str, via: str) -> tuple[Answer | None, str]:
        """Why `to` cannot be rung now, or the channel by which it can."""
        try:
            target, name = phone_target(to, self._site), channel(to, self._site, via)
        except BadAddress as err:
            return Answer(Result.REFUSED, str(err), permanent=True), ""
        if not self._ami.up:
            return Answer(Result.AWAY, f"node {self._node.name} is not connected to its Asterisk"), ""
        if target.kind is Kind.PHONE and not via:
            try:
                state = self._ami.act("Getvar", None, ANSWER_S, Variable=f"DEVICE_STATE({name})").get("Value", "")
            except (AmiDown, AmiTimeout) as err:  # nothing has been placed
                return Answer(Result.AWAY, str(err)), ""
            if state == "INVALID":
                why = f"node {self._node.name} has no phone {name}: `retorno asterisk config` and reload"
                return Answer(Result.REFUSED, why, permanent=True), ""
            if state == "UNAVAILABLE":
                return Answer(Result.REFUSED, f"the phone {name} is not registered"), ""
        return None, name

    def _place(
        self,
        target: str,
        context: str,
        exten: str,
        caller: str,
        variables: Mapping[str, str],
        fields: Mapping[str, str],
    ) -> None:
        """Write the Originate. Raises AmiRefused, AmiDown, AmiTimeout.

        Dial() can be told to follow nobody who sends the call on, Originate cannot. So what he asks for is looked for where there
        is nothing; only when he names a channel (`PJSIP/+1900...@carrier`) is it rung, until the control process hears of it.
        """
        variables = {**variables, "FORWARD_CONTEXT": NOWHERE}
        shown = {"CallerID": f"<{caller}>"} if CALLER.fullmatch(caller) else {}
        where = {"Channel": target, "Context": context, "Exten": exten, "Priority": "1", "Async": "true"}
        self._ami.act("Originate", variables, ANSWER_S, **where, **shown, **fields)

    def _await_silence(self, call: str) -> None:
        """Until `call`, which was hung up, rings no more, or for `BIRTH_S`. One that was up may take its time: it rings nobody."""
        end = time.monotonic() + BIRTH_S
        while self._channel_state(call) not in ("", "Up") and time.monotonic() < end:
            time.sleep(WAIT_S)

    def _channel_state(self, call: str) -> str:
        """Asterisk's word for the state of the channel of `call`; empty: there is none. Raises AmiRefused when it does not say (our
        user may not ask, since somebody has changed manager.conf): that is not the end of every call."""
        try:
            return self._ami.act("Getvar", Channel=call, Variable="CHANNEL(state)").get("Value", "")
        except AmiRefused as err:
            if str(err) != NO_CHANNEL:
                raise
            return ""


def _id(command: Command, name: str) -> str:
    """An id of the command: never a pattern or a name of another channel. Raises ValueError."""
    found = command.text(name)
    if not ID.fullmatch(found):
        raise ValueError(f"{name} of {command.do}: expected letters, digits, dot, dash and underscore")
    return found


def _write(folder: Path, name: str, content: bytes) -> None:
    fresh = folder / f".{name}.{uuid.uuid4().hex}"
    try:
        fresh.write_bytes(content)
        fresh.chmod(0o644)
        os.replace(fresh, folder / name)
    finally:
        with suppress(FileNotFoundError):
            fresh.unlink()
