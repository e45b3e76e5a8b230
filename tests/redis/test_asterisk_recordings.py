"""What people said is fetched from wherever it lies, and is gone when its days are over."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from ivr.clock import SystemClock
from ivr.ports import Unsure
from ivr.providers.asterisk import recordings
from ivr.providers.asterisk.client import AsteriskProvider
from ivr.providers.asterisk.commands import serve
from ivr.providers.asterisk.nodes import Address, Node, Site
from ivr.providers.asterisk.recordings import PIECE, NoRecording, sweep
from ivr.providers.asterisk.registry import Registry

KEY = b"the key of both ends"
CLOCK = SystemClock()
DAY_S = 86_400


def site(folder: Path) -> Site:
    """Two nodes, as a machine sees them that has their folders below `folder`."""
    at = Address("127.0.0.1", 5060)
    return Site((), {name: Node(name, at, home=folder / name) for name in ("node1", "node2")})


def recorded(folder: Path, node: str, name: str, content: bytes) -> Path:
    file = site(folder).nodes[node].recordings / f"{name}.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@pytest.fixture
def nodes(redis: Redis, tmp_path: Path) -> Iterator[Path]:
    """The control processes of both, each on a machine of its own: the folder that they see and we do not."""
    stop, threads = threading.Event(), []
    for name, node in site(tmp_path / "theirs").nodes.items():
        Registry(redis, "test").heartbeat(name, CLOCK.now_ms() + 60_000, up=True)
        handlers = {"recorded": partial(recordings.tell, node)}
        threads.append(threading.Thread(target=serve, args=(redis, "test", name, KEY, CLOCK, handlers, stop)))
        threads[-1].start()
    yield tmp_path / "theirs"
    stop.set()
    for thread in threads:
        thread.join(20)


@pytest.fixture
def provider(redis: Redis, tmp_path: Path) -> AsteriskProvider:
    return AsteriskProvider(redis, "test", KEY, site(tmp_path / "ours"))


@pytest.mark.parametrize("size", [1, PIECE, 2 * PIECE + 1])
def test_one_of_another_machine_comes_in_pieces(nodes: Path, provider: AsteriskProvider, size: int) -> None:
    content = os.urandom(size)
    recorded(nodes, "node2", "node2-17.1-3", content)
    assert b"".join(provider.recorded("asterisk:node2/node2-17.1-3")) == content


def test_a_talk_is_looked_for_at_every_node(nodes: Path, provider: AsteriskProvider) -> None:
    recorded(nodes, "node2", "t1", b"a talk")
    assert b"".join(provider.recorded("t1")) == b"a talk"


def test_one_of_this_machine_needs_no_control_process(tmp_path: Path, provider: AsteriskProvider) -> None:
    content = os.urandom(PIECE + 1)
    recorded(tmp_path / "ours", "node1", "t1", content)
    assert b"".join(provider.recorded("t1")) == content


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("t9", "never made, or its days are over"),
        ("asterisk:node1/t1", "never made"),  # it is at node2
        ("asterisk:node3/t1", "expected asterisk:NODE/ID"),
        ("asterisk:node2/../../etc/passwd", "expected asterisk:NODE/ID"),
        ("", "expected asterisk:NODE/ID"),
    ],
)
def test_what_is_not_there_says_so(nodes: Path, provider: AsteriskProvider, name: str, why: str) -> None:
    recorded(nodes, "node2", "t1", b"a talk")
    with pytest.raises(NoRecording, match=why):
        next(provider.recorded(name))


def test_while_a_node_is_away_it_may_have_it(redis: Redis, tmp_path: Path, provider: AsteriskProvider) -> None:
    with pytest.raises(Unsure, match="node2 is not up"):
        next(provider.recorded("t1"))


def test_one_that_is_removed_in_the_midst_of_it_is_not_taken_for_whole(
    tmp_path: Path, nodes: Path, provider: AsteriskProvider
) -> None:
    file = recorded(nodes, "node1", "t1", os.urandom(2 * PIECE))
    pieces = provider.recorded("t1")
    next(pieces)
    file.unlink()
    with pytest.raises(NoRecording, match="removed"):
        next(pieces)


def test_recordings_go_when_their_days_are_over_and_nothing_else_does(tmp_path: Path) -> None:
    ages = {"t1.wav": 31, "node1-17.1-3.wav": 30.1, "t2.wav": 29.9, "t3.wav": 0, "notes.txt": 400, "a b.wav": 400}
    now_s = 1_800_000_000.0
    for name, days in ages.items():
        (tmp_path / name).write_bytes(b"sound")
        os.utime(tmp_path / name, (now_s, now_s - days * DAY_S))
    assert sweep(tmp_path, 30, now_s) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"t2.wav", "t3.wav", "notes.txt", "a b.wav"}
    assert sweep(tmp_path, 30, now_s) == 0
    assert sweep(tmp_path / "not there", 30, now_s) == 0


def test_what_may_not_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    old = tmp_path / "t1.wav"
    old.write_bytes(b"sound")
    os.utime(old, (0, 0))
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(PermissionError):
        sweep(tmp_path, 30, 1_800_000_000.0)


def test_a_node_keeps_them_in_its_spool() -> None:
    node = site(Path("/srv/pbx")).nodes["node1"]
    assert str(node.recordings) == "/srv/pbx/node1/spool/retorno"
    assert str(replace(node, home=None).recordings) == "/var/spool/asterisk/retorno"
