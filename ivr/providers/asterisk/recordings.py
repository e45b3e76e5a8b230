"""Recordings: messages that callers leave, and talks of queues that record. They lie on the node that made them.

Law: what people said is kept for the days that the operator has set, and not longer. A recording has an id of ours for a name, so
nothing but recordings is read or removed here. It is fetched on demand and goes nowhere by itself.
"""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from ivr.errors import RetornoError
from ivr.ports import Unsure
from ivr.providers.asterisk.commands import Answer, Command, Commands, Result
from ivr.providers.asterisk.nodes import Node, Site

log = structlog.get_logger()

PIECE: Final = 262_144
"""Bytes that one answer of a node carries: 16 s of sound."""
SWEEP_S: Final = 3_600.0
DAY_S: Final = 86_400
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}", re.ASCII)
_URL: Final = re.compile(r"(?:asterisk:([a-z0-9_]+)/)?([A-Za-z0-9_.-]{1,80})", re.ASCII)


class NoRecording(RetornoError):
    """There is no recording of this name (any more)."""


def fetch(name: str, site: Site, commands: Commands) -> Iterator[bytes]:
    """The WAV file of a recording, in pieces. `name` as an event has it, `asterisk:<node>/<id>`; or an id alone, which of a talk is
    its attempt. Raises NoRecording, and Unsure when a node that may have it does not answer."""
    match = _URL.fullmatch(name)
    if match is None or match[1] not in (None, *site.nodes):
        raise NoRecording(f"{name} names no recording: expected asterisk:NODE/ID, as its event has it, or a talk")
    node, recording = match[1], match[2]
    doubt: Unsure | None = None
    for one in [site.nodes[node]] if node else site.nodes.values():
        try:
            first, size = _piece(one, recording, 0, commands)
        except FileNotFoundError:
            continue
        except Unsure as err:
            doubt = err
            continue
        yield first
        yield from _rest(one, recording, len(first), size, commands)
        return
    raise doubt or NoRecording(f"there is no recording {recording}: it was never made, or its days are over")


def _rest(node: Node, name: str, at: int, size: int, commands: Commands) -> Iterator[bytes]:
    while at < size:
        try:
            piece, _ = _piece(node, name, at, commands)
        except FileNotFoundError:
            piece = b""
        if not piece:
            raise NoRecording(f"the recording {name} has just been removed")
        yield piece
        at += len(piece)


def seconds(node: Node, name: str) -> int:
    """How long the message `name` is, as the dialplan would have said it (op-record); 0: it is not there, or as good as empty."""
    try:
        _, size = _read(node, name, 0)
    except OSError:
        return 0
    return (size + 11_956) // 16_000


def tell(node: Node, command: Command) -> Answer:
    """The node's end of `fetch`, as a command: `name` and `at`."""
    name, at = command.text("name"), command.number("at")
    try:
        data, size = _read(node, name, at)
    except FileNotFoundError:
        return Answer(Result.GONE, "there is no such recording")
    return Answer(Result.OK, data=base64.b64encode(data).decode(), size=size)


def sweep(folder: Path, days: int, now_s: float) -> int:
    """Remove the recordings to which nothing was added for `days`; how many there were. A folder that is not there has none.
    Raises OSError. `now_s`: epoch seconds."""
    removed = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another control process sweeps too
            ours = path.suffix == ".wav" and _NAME.fullmatch(path.stem)
            if ours and now_s - path.stat().st_mtime > days * DAY_S:
                path.unlink()
                removed += 1
    return removed


def keep_swept(folder: Path, days: int, stop: threading.Event) -> None:
    """Sweep every hour, until `stop`."""
    while not stop.is_set():
        try:
            removed = sweep(folder, days, time.time())
        except OSError as err:
            log.error("recordings are kept too long: let us remove them", folder=str(folder), why=err.strerror)
        else:
            log.info("recordings swept", folder=str(folder), removed=removed, days=days)
        stop.wait(SWEEP_S)


def _piece(node: Node, name: str, at: int, commands: Commands) -> tuple[bytes, int]:
    """A piece, and how many bytes there are in all. Raises FileNotFoundError, Unsure."""
    with suppress(
        FileNotFoundError, PermissionError
    ):  # of another machine, or another user's: then its control process may
        return _read(node, name, at)
    answer = commands.ask(node.name, "recorded", name=name, at=at)
    if answer.result is not Result.OK:
        raise FileNotFoundError(name)
    return base64.b64decode(answer.data), answer.size


def _read(node: Node, name: str, at: int) -> tuple[bytes, int]:
    """Raises OSError."""
    if not _NAME.fullmatch(name):
        raise FileNotFoundError(name)
    with (node.recordings / f"{name}.wav").open("rb") as file:
        size = file.seek(0, 2)
        file.seek(at)
        return file.read(PIECE), size
