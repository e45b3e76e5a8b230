"""A node is a real Asterisk of its own, and is never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rig import Node, until

pytestmark = pytest.mark.slow

SMALL = {"modules.conf": "[modules]\nautoload=no\n"}

# Starts a node and waits to be killed.
PARENT = """
import sys
from pathlib import Path
from rig import Node
node = Node("orphan", Path(sys.argv[2]), {"modules.conf": "[modules]\\nautoload=no\\n"}, binary=Path(sys.argv[1]))
print(node.start().pid, node.run, flush=True)
sys.stdin.read()
"""


def test_two_nodes_stand_side_by_side(asterisk_binary: Path, tmp_path: Path) -> None:
    with (
        Node("a", tmp_path, SMALL, binary=asterisk_binary) as a,
        Node("b", tmp_path, SMALL, binary=asterisk_binary) as b,
    ):
        assert [str(one.root / "spool") in one.cli("core show settings") for one in (a, b)] == [True, True]
        assert set(range(a.sip[1], a.rtp[1])).isdisjoint(range(b.sip[1], b.rtp[1]))
        b.stop()
        assert (a.running, b.running) == (True, False)
    assert not a.running
    assert not a.run.exists()


def test_a_node_carries_as_many_channels_as_were_asked_for(asterisk_binary: Path, tmp_path: Path) -> None:
    big = Node("big", tmp_path, SMALL, binary=asterisk_binary, channels=600)
    try:
        assert big.rtp[1] - big.rtp[0] >= 1200
    finally:
        big.close()


def test_a_node_that_cannot_start_says_why(asterisk_binary: Path, tmp_path: Path) -> None:
    broken = Node("broken", tmp_path, {"modules.conf": "[modules]\nrequire=no_such_thing.so\n"}, binary=asterisk_binary)
    try:
        with pytest.raises(AssertionError, match="no_such_thing"):
            broken.start()
    finally:
        broken.close()


def alive(pid: str) -> bool:
    """A dead process that nobody has asked for yet has no command line."""
    command = Path(f"/proc/{pid}/cmdline")
    return command.exists() and command.read_bytes() != b""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_node_dies_with_the_process_that_started_it(
    asterisk_binary: Path, tmp_path: Path, how: signal.Signals
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(asterisk_binary), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    pid, run = parent.stdout.readline().split()
    try:
        parent.send_signal(how)
        parent.communicate(timeout=20)
        until(lambda: not alive(pid), "the node has gone too")
    finally:
        for left in Path(run).iterdir():
            left.unlink()
        Path(run).rmdir()
